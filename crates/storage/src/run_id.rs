//! The name of a run, and the order of runs.

use std::fmt;
use std::str::FromStr;

use osusume_model::Date;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Highest sequence number: three digits, so that names sort as runs do.
pub const MAX_SEQ: u16 = 999;

/// `<as_of>-<seq>-<confighash8>`, such as `2026-10-01-001-5f3a9c01`. Ordered by (as-of date, sequence number).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId {
    as_of: Date,
    seq: u16,
    config: u32,
}

/// The text is not the name of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not of the form YYYY-MM-DD-NNN-hhhhhhhh")]
pub struct ParseRunIdError;

impl RunId {
    /// The name of the `seq`-th run (1..=999) of an as-of date under a configuration; `None` outside that range.
    pub fn new(as_of: Date, seq: u16, config_sha256: &Digest) -> Option<Self> {
        let [a, b, c, d, ..] = *config_sha256.as_bytes();
        (1..=MAX_SEQ).contains(&seq).then_some(Self { as_of, seq, config: u32::from_be_bytes([a, b, c, d]) })
    }

    /// The as-of date.
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// The number of the run among those of its as-of date, from 1.
    pub fn seq(&self) -> u16 {
        self.seq
    }

    /// What fencing compares: as-of date, then sequence number.
    pub fn order(&self) -> (Date, u16) {
        (self.as_of, self.seq)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:03}-{:08x}", self.as_of, self.seq, self.config)
    }
}

impl FromStr for RunId {
    type Err = ParseRunIdError;

    /// Only the exact form is read: every other text that means the same is refused.
    fn from_str(text: &str) -> Result<Self, ParseRunIdError> {
        let parse = || {
            let (as_of, rest) = (text.get(..10)?, text.get(10..)?);
            let (seq, config) = rest.strip_prefix('-')?.split_once('-')?;
            let id = Self {
                as_of: as_of.parse().ok()?,
                seq: seq.parse().ok()?,
                config: u32::from_str_radix(config, 16).ok()?,
            };
            ((1..=MAX_SEQ).contains(&id.seq) && id.to_string() == text).then_some(id)
        };
        parse().ok_or(ParseRunIdError)
    }
}

impl TryFrom<String> for RunId {
    type Error = ParseRunIdError;

    fn try_from(text: String) -> Result<Self, ParseRunIdError> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_a_run_id() {
        let id = RunId::new("2026-10-01".parse().unwrap(), 7, &Digest::of(b"config")).unwrap();
        let text = id.to_string();
        assert_eq!(&text[..15], "2026-10-01-007-");
        assert_eq!(text.parse(), Ok(id));
        let hash = &text[15..];
        for wrong in [
            String::new(),
            "2026-10-01".to_owned(),
            format!("2026-10-01-7-{hash}"),
            format!("2026-10-01-0007-{hash}"),
            format!("2026-10-01-+07-{hash}"),
            format!("2026-10-01-000-{hash}"),
            format!("2026-02-30-007-{hash}"),
            format!("{text}0"),
            format!("{text}\n"),
            format!("2026-10-01-007-{}", &hash[1..]),
            format!("２026-10-01-007-{hash}"),
        ] {
            assert_eq!(wrong.parse::<RunId>(), Err(ParseRunIdError), "{wrong:?}");
        }
    }

    #[test]
    fn runs_are_ordered_by_date_then_number_and_so_are_their_names() {
        let make =
            |date: &str, seq, config: &[u8]| RunId::new(date.parse().unwrap(), seq, &Digest::of(config)).unwrap();
        let mut ids = [
            make("2026-10-02", 1, b"a"),
            make("2026-10-01", 10, b"b"),
            make("2026-10-01", 9, b"c"),
            make("2025-12-31", 999, b"d"),
        ];
        ids.sort();
        let names: Vec<String> = ids.iter().map(RunId::to_string).collect();
        assert!(names.is_sorted() && ids[0].seq() == 999 && ids[1].seq() == 9, "{names:?}");
        assert!(RunId::new(ids[0].as_of(), 0, &Digest::of(b"")).is_none());
        assert!(RunId::new(ids[0].as_of(), 1000, &Digest::of(b"")).is_none());
    }
}
