//! What sentences say, as readers labelled them.

use osusume_voice::{Said, read};

/// Labels and sentence of every line.
fn sentences() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("sentences.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').expect("two cells"))
}

fn labels(said: &Said) -> String {
    let flags = [('c', said.is_complaint), ('p', said.is_praise), ('l', said.is_leaving), ('u', said.is_urgent)];
    let found: String = flags.iter().filter(|(_, is_so)| *is_so).map(|(label, _)| *label).collect();
    if found.is_empty() { "-".to_owned() } else { found }
}

#[test]
#[expect(clippy::print_stderr, reason = "how well the lexicons do is a figure to look at")]
fn labelled_sentences() {
    let (mut n_sentences, mut wrong) = (0, Vec::new());
    for (expected, sentence) in sentences() {
        let found = labels(&read(sentence).expect("a sentence"));
        n_sentences += 1;
        if found != expected {
            wrong.push((sentence, found));
        }
    }
    eprintln!("{} of {n_sentences} sentences as labelled", n_sentences - wrong.len());
    assert!(n_sentences >= 200);
    let shown: Vec<String> = wrong.iter().map(|(sentence, found)| format!("{sentence} {found}")).collect();
    assert!(wrong.is_empty(), "{}", shown.join("\n"));
}

#[test]
fn sentiment_is_the_formula() {
    for (text, expected) in [
        ("遅い", -0.5),
        ("最悪", -2.0 / 3.0),
        ("最悪で、遅い", -0.75),
        ("良い", 0.5),
        ("良くない", -0.5),
        ("問題ない", 1.0 / 3.0),
        ("良いが遅い", 0.0),
        ("slow and bad, but friendly", -0.25),
        ("hello", 0.0),
    ] {
        let found = read(text).unwrap().sentiment;
        assert!((found - expected).abs() < 1e-12, "{text}: {found}");
    }
}

#[test]
fn spelling_changes_nothing() {
    for (one, other) in [
        ("ｻﾎﾟｰﾄが遅い！", "サポートが遅い!"),
        ("ＮＯＴ　ＧＯＯＤ", "not good"),
        ("It isn’t good", "It isn't good"),
        ("つな\u{200b}がりません", "つながりません"),
    ] {
        assert_eq!(read(one), read(other), "{one}");
    }
}
