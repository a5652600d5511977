//! Comparison with committed files, byte by byte.

use std::path::Path;

/// Fails with the first differing line when `actual` is not the golden file of this name.
#[expect(clippy::disallowed_methods, reason = "the switch that writes golden files anew is an environment variable")]
pub(crate) fn check(name: &str, actual: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::write(&path, actual).expect("the golden directory can be written");
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    for (i, (expected, actual)) in lines(&expected).iter().zip(lines(actual)).enumerate() {
        assert_eq!(*expected, actual, "{name}, line {}; UPDATE_GOLDEN=1 accepts the change", i + 1);
    }
    assert!(expected == actual, "{name} differs in its newlines or its length; UPDATE_GOLDEN=1 accepts the change");
}
