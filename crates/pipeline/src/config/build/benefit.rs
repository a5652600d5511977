//! Texts of offers.

use super::At;
use crate::config::settings::Benefit;

pub(super) fn benefits(at: At) -> Vec<Benefit> {
    let benefit = |at: At| Benefit {
        offers: at.texts("offers"),
        condition: at.optional("when"),
        trigger: at.optional("trigger"),
        text: [at.optional("en"), at.optional("ja")],
    };
    at.tables("benefit").map(benefit).collect()
}
