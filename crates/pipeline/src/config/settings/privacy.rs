//! Whose data may not be used, and for what the others may.

use super::{Encoding, Format};

words! {
    /// What the rows of a source are in the eyes of the law.
    DataClass {
        /// Of known people.
        Raw = "raw",
        /// Of people under pseudonyms.
        Pseudonymised = "pseudonymised",
        /// Of nobody.
        Anonymous = "anonymous",
    }
}

/// `[suppression]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppression {
    /// Files, directories and patterns, seen from the working directory.
    pub paths: Vec<String>,
    /// The header of the ids.
    pub column: String,
    /// The files' format.
    pub format: Format,
    /// The encoding of CSV.
    pub encoding: Encoding,
    /// The byte between two fields of CSV.
    pub delimiter: u8,
    /// Days that the newest file may be older than the as-of date.
    pub max_age_days: Option<i32>,
    /// Whether a list without anybody is one.
    pub allow_empty: bool,
    /// Whether it may hold nobody of whom the tables know.
    pub allow_unmatched: bool,
}
