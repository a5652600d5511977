//! The reference of errors under `docs/` is what the program explains.

use osusume_testkit::{check_golden, repository_root};
use osusume_text::{Language, errors_page, exit_codes_page};

#[test]
fn the_pages_are_generated() {
    let docs = repository_root().join("docs");
    check_golden(&docs.join("errors.md"), &errors_page(Language::En));
    check_golden(&docs.join("errors.ja.md"), &errors_page(Language::Ja));
    check_golden(&docs.join("exit-codes.md"), &exit_codes_page(Language::En));
    check_golden(&docs.join("exit-codes.ja.md"), &exit_codes_page(Language::Ja));
}
