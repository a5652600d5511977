//! Delivery profiles: everything a destination wants of a file, as data.

use std::collections::BTreeMap;

use osusume_model::{Arg, Code, Fault, Result};
use osusume_text::suggest;

use crate::Field;

/// Character encoding of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// Windows-31J, what Japanese software calls Shift-JIS.
    Cp932,
}

impl Encoding {
    /// The name in manifests and messages.
    pub fn id(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Cp932 => "CP932",
        }
    }
}

/// Whether the file starts with a byte order mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bom {
    /// It does not.
    Without,
    /// It does; only for UTF-8.
    With,
}

/// What ends a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Newline {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
}

/// When a cell is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// When RFC 4180 asks for it, or blanks stand at an end.
    Necessary,
    /// Every text cell.
    Text,
}

/// What happens to a row with a character the encoding lacks. Nothing is ever replaced silently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmappable {
    /// The delivery fails, with the number of rows.
    Fail,
    /// The row is left out, and counted.
    LeaveOut,
    /// Look-alikes are written (`〜` as `～`, `—` as `―`, `‖` as `∥`, `−` as `－`), and counted; for others the delivery fails.
    Transliterate,
}

/// What happens to a text cell that a spreadsheet would run as a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injection {
    /// It is written as it is, because a machine reads the file, and counted.
    Count,
    /// An apostrophe is put before it, and counted.
    Apostrophe,
}

/// Which offers of a customer are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every offer: one row an offer.
    Every,
    /// The best one: one row a customer.
    Best,
}

/// A column of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What it holds.
    pub field: Field,
    /// Its name in the header.
    pub header: String,
}

/// Everything a destination wants of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The name in configuration files.
    pub name: String,
    /// Character encoding.
    pub encoding: Encoding,
    /// Byte order mark.
    pub bom: Bom,
    /// End of a record.
    pub newline: Newline,
    /// Between two cells; ASCII.
    pub delimiter: char,
    /// When a cell is quoted.
    pub quoting: Quoting,
    /// What stands for an absent value.
    pub null_token: String,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// What identifies a row at the destination; holds the customer or the delivery key.
    pub key: Vec<Field>,
    /// Which offers are delivered.
    pub selection: Selection,
    /// Rows of one file at most, the header not counted.
    pub max_rows: u64,
    /// Bytes of one file at most, the header counted.
    pub max_bytes: u64,
    /// What happens to characters the encoding lacks.
    pub unmappable: Unmappable,
    /// What happens to formulas.
    pub injection: Injection,
}

impl Profile {
    /// The profile with some headers replaced, by field id, as a destination with other column names wants it.
    ///
    /// # Errors
    /// `ConfigUnknownName` for a field the profile has no column of, and what [`Profile::check`] says.
    pub fn with_headers(mut self, headers: &BTreeMap<String, String>) -> Result<Self> {
        for (id, header) in headers {
            let Some(column) = self.columns.iter_mut().find(|column| column.field.id() == id) else {
                return Err(unknown("headers", id, self.columns.iter().map(|column| column.field.id())));
            };
            column.header.clone_from(header);
        }
        self.check()?;
        Ok(self)
    }

    /// That the parts agree with each other.
    ///
    /// # Errors
    /// `ConfigNotAllowed` naming the part: no columns, empty or repeated headers, a delimiter that cannot be told apart,
    /// a byte order mark outside UTF-8, a null token that would have to be quoted, a key that does not identify the customer, limits of zero.
    pub fn check(&self) -> Result<()> {
        let mut headers: Vec<&str> = self.columns.iter().map(|column| column.header.as_str()).collect();
        headers.sort_unstable();
        let repeated = headers.windows(2).any(|pair| pair[0] == pair[1]);
        if headers.is_empty() || headers[0].is_empty() || repeated {
            return Err(self.refuse("headers", &headers.join(", "), "unique, not empty"));
        }
        let is_trail_byte = self.encoding == Encoding::Cp932 && !matches!(self.delimiter, ',' | '\t' | ';');
        if !self.delimiter.is_ascii() || matches!(self.delimiter, '"' | '\r' | '\n' | '\0') || is_trail_byte {
            return Err(self.refuse("delimiter", &self.delimiter.to_string(), "comma, tab, semicolon"));
        }
        if self.bom == Bom::With && self.encoding != Encoding::Utf8 {
            return Err(self.refuse("bom", "with", "without"));
        }
        if !self.null_token.is_ascii() || self.null_token.contains([self.delimiter, '"', '\r', '\n']) {
            return Err(self.refuse("null_token", &self.null_token, "ASCII without delimiter, quotes and line ends"));
        }
        // Keys are checked a customer at a time, so a key must tell customers apart.
        if !self.key.iter().any(|field| matches!(field, Field::Customer | Field::Key)) {
            return Err(self.refuse("key", "without customer", "customer_id, key"));
        }
        if self.max_rows == 0 || self.max_bytes == 0 {
            return Err(self.refuse("limits", "0", "1 or more"));
        }
        Ok(())
    }

    fn refuse(&self, key: &str, got: &str, allowed: &str) -> Fault {
        let key = format!("export.{}.{key}", self.name);
        Fault::new(Code::ConfigNotAllowed).with("key", key).with("got", got).with("allowed", allowed)
    }
}

/// A fault for a name that is not among `known`.
pub(crate) fn unknown<'a>(key: &str, got: &str, known: impl Iterator<Item = &'a str>) -> Fault {
    let known: Vec<&str> = known.collect();
    let fault = Fault::new(Code::ConfigUnknownName).with("key", key).with("got", got);
    let fault = fault.with("allowed", Arg::Names(known.iter().map(|&name| name.to_owned()).collect()));
    match suggest(got, known) {
        Some(near) => fault.with("suggestion", near),
        None => fault,
    }
}
