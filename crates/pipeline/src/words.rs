//! Words of the published tables.

use osusume_model::OfferKind;

/// The word of an offer's kind.
pub(crate) fn offer_kind(kind: OfferKind) -> &'static str {
    match kind {
        OfferKind::Upsell => "upsell",
        OfferKind::CrossSell => "cross_sell",
        OfferKind::Category => "category",
    }
}
