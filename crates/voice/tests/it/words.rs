//! Which words of a text are kept.

use osusume_voice::{MAX_CHARS, MAX_TERMS, mask, normalize, read, words};

fn of(text: &str) -> Vec<String> {
    words(&mask(&normalize(text))).map(str::to_owned).collect()
}

#[test]
fn words_of_both_languages() {
    for (text, expected) in [
        ("自動車保険の特約を見直し", vec!["自動車", "保険", "特約", "見直し"]),
        ("The line keeps dropping and a restart does not help.", vec!["line", "dropping", "restart"]),
        ("ﾙｰﾀｰの設定方法が分かりません。", vec!["ルーター", "設定", "方法"]),
        ("請求額は¥5,000、090-1234-5678まで！", vec!["請求", "額"]),
        ("WI-FI が 2階 で 使えない", vec!["wi", "fi", "階", "使"]),
        ("", vec![]),
        ("!!! 123 ⟨phone⟩", vec![]),
    ] {
        assert_eq!(of(text), expected, "{text}");
    }
}

#[test]
fn nothing_to_read_is_nothing() {
    for text in ["", "  ", "。。。", "\u{200b}", "😀"] {
        assert_eq!(read(text), None, "{text:?}");
    }
    assert!(read("5").is_some_and(|said| said.terms.is_empty() && said.sentiment == 0.0));
}

#[test]
fn a_text_is_read_as_far_as_the_limit() {
    let long = format!("{}遅いです。", "普通です。".repeat(MAX_CHARS));
    let said = read(&long).unwrap();
    assert!(!said.is_complaint, "it stands behind the limit");
    // A number on the limit is not cut into a harmless half.
    for pad in 0..30 {
        let text = format!("{}電話 090-1234-5678 と c000000123 です", "あ".repeat(MAX_CHARS - pad));
        let said = read(&text).unwrap();
        assert!(said.terms.iter().all(|term| !term.chars().any(char::is_numeric)), "{:?}", said.terms);
    }
    let letters: Vec<String> = ('a'..='z').flat_map(|a| ('a'..='z').map(move |b| format!("x{a}{b}"))).collect();
    assert_eq!(read(&letters.join(" ")).unwrap().terms.len(), MAX_TERMS);
}
