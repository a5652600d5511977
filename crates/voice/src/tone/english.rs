//! English: words in clauses, denied by what stands before them.

use super::{Hit, Meant};
use crate::lexicon::{Lexicon, Sense};

/// Words between a denial and what it denies, and one more.
const REACH: usize = 4;
/// The same for what should work: "I don't know how to set it up" denies the knowing.
const REACH_ABLE: usize = 2;
/// Words that deny what follows.
const DENIALS: [&str; 13] = [
    "not", "no", "never", "cannot", "without", "hardly", "barely", "scarcely", "neither", "nor", "nothing", "nobody",
    "none",
];
/// What becomes of what was wrong.
const OVER: [&str; 6] = ["solved", "fixed", "resolved", "repaired", "gone", "corrected"];
/// Words that begin a clause of its own.
const TURNS: [&str; 9] = ["but", "however", "although", "though", "because", "and", "until", "unless", "when"];

/// The words of a text, clause by clause.
pub(super) struct Words<'t> {
    words: Vec<&'t str>,
    /// The clause of each word.
    clauses: Vec<u32>,
}

impl<'t> Words<'t> {
    /// Words of ASCII letters and apostrophes; anything else but a blank or a hyphen ends a clause.
    pub(super) fn of(text: &'t str) -> Self {
        let (mut found, mut clause) = (Self { words: Vec::new(), clauses: Vec::new() }, 0);
        let is_part = |c: char| c.is_ascii_alphabetic() || c == '\'';
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
            if length == 0 {
                clause += u32::from(!matches!(c, ' ' | '-' | '"') && !c.is_ascii_digit());
                rest = &rest[c.len_utf8()..];
                continue;
            }
            let word = rest[..length].trim_matches('\'');
            clause += u32::from(TURNS.contains(&word));
            found.words.push(word);
            found.clauses.push(clause);
            rest = &rest[length..];
        }
        found
    }

    /// Shows every expression of the lexicon.
    pub(super) fn hits(&self, lexicon: &Lexicon, see: &mut impl FnMut(Hit)) {
        let mut at = 0;
        while at < self.words.len() {
            let clause = self.clauses[at];
            let end = at + self.clauses[at..].iter().take(8).take_while(|&&other| other == clause).count();
            let Some((length, entry)) = lexicon.english(&self.words[at..end]) else {
                at += 1;
                continue;
            };
            let reach = if entry.sense == Sense::Able { REACH_ABLE } else { REACH };
            let is_denied = entry.can_be_denied && self.denials(at, reach) % 2 == 1;
            let is_over = entry.sense == Sense::Complaint && self.is_over(at + length);
            see(Hit { entry, meant: if is_denied || is_over { Meant::Not } else { Meant::So } });
            at += length;
        }
    }

    /// Whether the clause goes on from `at` to say that it is over.
    fn is_over(&self, at: usize) -> bool {
        let is_here = |&i: &usize| self.clauses[i] == self.clauses[at - 1];
        let behind = (at..self.words.len().min(at + REACH)).take_while(is_here).map(|i| self.words[i]);
        let told = behind.take_while(|word| !is_denial(word) && *word != "be").collect::<Vec<_>>();
        told.iter().any(|word| OVER.contains(word))
    }

    /// Denials that reach the word at `at` in its clause.
    fn denials(&self, at: usize, reach: usize) -> usize {
        let start = at.saturating_sub(reach);
        let is_here = |&i: &usize| self.clauses[i] == self.clauses[at] && is_denial(self.words[i]);
        // "Not only" affirms.
        (start..at).filter(is_here).filter(|&i| !matches!(self.words[i + 1], "only" | "just")).count()
    }
}

fn is_denial(word: &str) -> bool {
    DENIALS.contains(&word) || word.ends_with("n't")
}
