//! Expressions and what they tell, out of the tables in `data/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What an expression tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sense {
    /// Something is wrong.
    Complaint,
    /// The customer is content.
    Praise,
    /// What things do when all is well; counts only where it is denied.
    Able,
    /// The customer thinks of leaving.
    Leaving,
    /// It cannot wait.
    Urgent,
}

/// One expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) sense: Sense,
    /// How strongly it tells so.
    pub(crate) weight: f64,
    /// Whether a denial turns it round.
    pub(crate) can_be_denied: bool,
}

/// An English phrase behind its first word.
#[derive(Debug)]
struct Phrase {
    rest: Vec<&'static str>,
    /// Whether its last word may have any ending.
    is_stem: bool,
    entry: Entry,
}

/// Expressions of one question, which cannot overlap: the longest counts.
#[derive(Debug, Default)]
pub(crate) struct Lexicon {
    /// English phrases by their first word, longest first.
    phrases: BTreeMap<&'static str, Vec<Phrase>>,
    /// English words that may have any ending.
    stems: BTreeMap<&'static str, Entry>,
    /// Japanese expressions by their first character, longest first.
    japanese: BTreeMap<char, Vec<(Vec<char>, Entry)>>,
}

/// Complaint, praise, and what should work.
pub(crate) static TONE: LazyLock<Lexicon> = LazyLock::new(|| {
    Lexicon::of(&[
        (Sense::Complaint, include_str!("../data/complaint.tsv")),
        (Sense::Praise, include_str!("../data/praise.tsv")),
        (Sense::Able, include_str!("../data/able.tsv")),
    ])
});

/// Thoughts of leaving.
pub(crate) static LEAVING: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::of(&[(Sense::Leaving, include_str!("../data/leaving.tsv"))]));

/// Haste.
pub(crate) static URGENT: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::of(&[(Sense::Urgent, include_str!("../data/urgent.tsv"))]));

impl Lexicon {
    fn of(tables: &[(Sense, &'static str)]) -> Self {
        let mut lexicon = Self::default();
        for &(sense, table) in tables {
            for line in table.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
                let mut cells = line.split('\t');
                let (language, weight, words) = (cells.next(), cells.next(), cells.next());
                let weight = weight.and_then(|weight| weight.parse().ok()).expect("a test reads every line");
                lexicon.add(sense, weight, words.expect("a test reads every line"), language == Some("ja"));
            }
        }
        lexicon.phrases.values_mut().for_each(|found| found.sort_by_key(|phrase| std::cmp::Reverse(phrase.rest.len())));
        lexicon.japanese.values_mut().for_each(|found| found.sort_by_key(|(text, _)| std::cmp::Reverse(text.len())));
        lexicon
    }

    fn add(&mut self, sense: Sense, weight: f64, words: &'static str, is_japanese: bool) {
        let text = words.strip_suffix('!').unwrap_or(words);
        let entry = Entry { sense, weight, can_be_denied: text == words };
        if is_japanese {
            let chars: Vec<char> = text.chars().collect();
            self.japanese.entry(chars[0]).or_default().push((chars, entry));
            return;
        }
        let stem = text.strip_suffix('*');
        let mut parts = stem.unwrap_or(text).split(' ');
        let first = parts.next().expect("splitting gives one part at least");
        let rest: Vec<&'static str> = parts.collect();
        if rest.is_empty() && stem.is_some() {
            self.stems.insert(first, entry);
        } else {
            self.phrases.entry(first).or_default().push(Phrase { rest, is_stem: stem.is_some(), entry });
        }
    }

    /// The longest English expression that begins with the first of `words`, and the number of its words.
    pub(crate) fn english(&self, words: &[&str]) -> Option<(usize, Entry)> {
        let (first, behind) = words.split_first()?;
        let fits = |phrase: &&Phrase| {
            let n_rest = phrase.rest.len();
            n_rest <= behind.len()
                && phrase.rest.iter().zip(behind).enumerate().all(|(i, (word, found))| {
                    found == word || (phrase.is_stem && i + 1 == n_rest && found.starts_with(word))
                })
        };
        let phrase = self.phrases.get(first).and_then(|found| found.iter().find(fits));
        let phrase = phrase.map(|phrase| (phrase.rest.len() + 1, phrase.entry));
        phrase.or_else(|| self.stem(first).map(|entry| (1, entry)))
    }

    /// The longest stem a word begins with.
    fn stem(&self, word: &str) -> Option<Entry> {
        (3..=word.len()).rev().find_map(|end| self.stems.get(word.get(..end)?).copied())
    }

    /// The longest Japanese expression that begins at `at`, and its length.
    pub(crate) fn japanese(&self, chars: &[char], at: usize) -> Option<(usize, Entry)> {
        let found = self.japanese.get(&chars[at])?;
        let (text, entry) = found.iter().find(|(text, _)| chars[at..].starts_with(text))?;
        // 十分 is enough, 三十分 half an hour.
        let is_number = text[0] == '十' && at > 0 && super::is_numeral(chars[at - 1]);
        (!is_number).then_some((text.len(), *entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_expression_that_is_not_said_twice() {
        let tables = ["complaint", "praise", "able", "leaving", "urgent"];
        let texts = [
            include_str!("../data/complaint.tsv"),
            include_str!("../data/praise.tsv"),
            include_str!("../data/able.tsv"),
            include_str!("../data/leaving.tsv"),
            include_str!("../data/urgent.tsv"),
        ];
        let mut seen: BTreeMap<(&str, &str), &str> = BTreeMap::new();
        for (name, text) in tables.into_iter().zip(texts) {
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let cells: Vec<&str> = line.split('\t').collect();
                let [language, weight, words] = cells[..] else { panic!("{name}: {line}") };
                assert!(matches!(language, "en" | "ja") && weight.parse::<f64>().is_ok(), "{name}: {line}");
                let plain = words.trim_end_matches(['!', '*']);
                assert_eq!(crate::normalize(plain), plain, "{name}: {line}");
                assert!(!plain.is_empty() && plain.trim() == plain, "{name}: {line}");
                let tone = if matches!(name, "leaving" | "urgent") { name } else { "tone" };
                let before = seen.insert((tone, plain), name);
                assert_eq!(before, None, "{name}: {line}");
            }
        }
    }

    #[test]
    fn the_longest_counts() {
        let sense = |words: &[&str]| TONE.english(words).map(|(length, entry)| (length, entry.sense));
        assert_eq!(sense(&["never", "had", "a", "problem"]), Some((4, Sense::Praise)));
        assert_eq!(sense(&["problems"]), Some((1, Sense::Complaint)));
        assert_eq!(sense(&["workable"]), None);
        let chars: Vec<char> = "不十分、三十分、十分".chars().collect();
        let at = |at| TONE.japanese(&chars, at).map(|(length, entry)| (length, entry.sense));
        assert_eq!([at(0), at(5), at(8)], [Some((3, Sense::Complaint)), None, Some((2, Sense::Praise))]);
    }
}
