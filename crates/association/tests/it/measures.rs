//! `docs/measures.md` lists every measure.

use std::fmt::Write;

use osusume_association::MEASURES;
use osusume_testkit::{check_golden, repository_root};

#[test]
fn the_page_lists_every_measure() {
    let mut page = String::from(
        "# Measures of a rule\n\n\
         A rule is antecedent A ⇒ consequent C; P is the share of transactions, `not` their complement, n their number.\n\
         Every measure follows from four counts: all transactions, those with A, those with C, those with both.\n\
         A measure that is not defined for a table is absent (NaN in memory, null in files).\n\n\
         | name | formula | range | source |\n|---|---|---|---|\n",
    );
    for measure in MEASURES {
        let formula = measure.formula.replace('|', "\\|");
        let line = writeln!(page, "| `{}` | {formula} | {} | {} |", measure.name, measure.range, measure.source);
        line.expect("a string takes any text");
    }
    check_golden(&repository_root().join("docs/measures.md"), &page);
}
