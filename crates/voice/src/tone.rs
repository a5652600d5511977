//! What a text says: expressions, denials, and their sum.

mod english;
mod japanese;

use crate::lexicon::{Entry, LEAVING, Lexicon, Sense, TONE, URGENT};

/// A denied complaint is worth this much praise: nobody is delighted that nothing is wrong.
const DENIED_COMPLAINT: f64 = 0.5;
/// A flag needs this much weight.
const THRESHOLD: f64 = 1.0;

/// An expression found, and how it is meant.
#[derive(Clone, Copy, Debug)]
struct Hit {
    entry: Entry,
    meant: Meant,
}

/// How an expression is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    /// As it stands.
    So,
    /// Denied.
    Not,
    /// Asked for or about: neither.
    Asked,
}

/// Sums of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tone {
    pub(crate) complaint: f64,
    pub(crate) praise: f64,
    /// Denied complaints.
    pub(crate) relief: f64,
    pub(crate) leaving: f64,
    pub(crate) urgent: f64,
}

impl Tone {
    /// Of a masked text.
    pub(crate) fn of(masked: &str) -> Self {
        let mut tone = Self::default();
        let chars: Vec<char> = masked.chars().collect();
        let words = english::Words::of(masked);
        for lexicon in [&*TONE, &*LEAVING, &*URGENT] {
            tone.add_all(lexicon, &chars, &words);
        }
        tone
    }

    fn add_all(&mut self, lexicon: &Lexicon, chars: &[char], words: &english::Words<'_>) {
        japanese::hits(lexicon, chars, &mut |hit| self.add(hit));
        words.hits(lexicon, &mut |hit| self.add(hit));
    }

    fn add(&mut self, Hit { entry, meant }: Hit) {
        let weight = entry.weight;
        match (entry.sense, meant) {
            (Sense::Complaint, Meant::So) | (Sense::Praise | Sense::Able, Meant::Not) => self.complaint += weight,
            (Sense::Praise, Meant::So) => self.praise += weight,
            (Sense::Complaint, Meant::Not) => self.relief += DENIED_COMPLAINT,
            (Sense::Leaving, Meant::So | Meant::Asked) => self.leaving += weight,
            (Sense::Urgent, Meant::So | Meant::Asked) => self.urgent += weight,
            (Sense::Able, Meant::So)
            | (Sense::Leaving | Sense::Urgent, Meant::Not)
            | (Sense::Complaint | Sense::Praise | Sense::Able, Meant::Asked) => {}
        }
    }

    /// (praise − complaint) / (praise + complaint + 1), in (−1, 1).
    pub(crate) fn sentiment(self) -> f64 {
        let praise = self.praise + self.relief;
        (praise - self.complaint) / (praise + self.complaint + 1.0)
    }

    pub(crate) fn is_complaint(self) -> bool {
        self.complaint >= THRESHOLD
    }

    pub(crate) fn is_praise(self) -> bool {
        // However many things are not wrong: that is no praise.
        self.praise >= THRESHOLD
    }

    pub(crate) fn is_leaving(self) -> bool {
        self.leaving >= THRESHOLD
    }

    pub(crate) fn is_urgent(self) -> bool {
        self.urgent >= THRESHOLD
    }
}
