//! A fault: what went wrong as a code with arguments; crate `text` turns it into a sentence.

use std::fmt;

use crate::{Code, Control, Stop};

/// The result of everything that can fail below the command line.
pub type Result<T> = std::result::Result<T, Fault>;

/// One argument of a message. Never a cell value and never a personal datum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arg {
    /// A whole number.
    Int(i64),
    /// A number already rounded to the digits it deserves.
    Number(String),
    /// A name out of the configuration or a file's header: column, key, path, offer.
    Name(String),
    /// Several such names.
    Names(Vec<String>),
    /// What the operating system or a library said, in its own words.
    Detail(String),
}

impl From<&str> for Arg {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for Arg {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<i64> for Arg {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u64> for Arg {
    fn from(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Arg {
    fn from(value: usize) -> Self {
        Self::from(value as u64)
    }
}

impl From<f64> for Arg {
    fn from(value: f64) -> Self {
        Self::Number(format!("{value}"))
    }
}

impl From<Vec<String>> for Arg {
    fn from(names: Vec<String>) -> Self {
        Self::Names(names)
    }
}

/// Where it went wrong. Parts that do not apply are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: Option<String>,
    /// 1-based line.
    pub line: Option<u64>,
    /// 1-based column: characters in a configuration file, fields in a table.
    pub column: Option<u64>,
    /// 0-based byte offset in the file.
    pub byte: Option<u64>,
    /// Name of the table's column or the configuration key.
    pub name: Option<String>,
}

/// What went wrong: code, place, arguments, and further faults found beside it.
///
/// Boxed inside, so that `Result<T, Fault>` stays one word.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    code: Code,
    place: Place,
    args: Vec<(&'static str, Arg)>,
    others: Vec<Fault>,
}

impl Fault {
    /// A fault with no place and no arguments yet.
    pub fn new(code: Code) -> Self {
        Self(Box::new(Inner { code, place: Place::default(), args: Vec::new(), others: Vec::new() }))
    }

    /// Adds an argument; `name` is the placeholder in the message templates.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.0.args.push((name, value.into()));
        self
    }

    /// Adds what a library or the operating system said.
    #[must_use]
    pub fn because(self, detail: impl fmt::Display) -> Self {
        self.with("detail", Arg::Detail(detail.to_string()))
    }

    /// Sets the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.0.place.file = Some(file.into());
        self
    }

    /// Sets line and column, both 1-based.
    #[must_use]
    pub fn at(mut self, line: u64, column: u64) -> Self {
        self.0.place.line = Some(line);
        self.0.place.column = Some(column);
        self
    }

    /// Sets the byte offset, 0-based.
    #[must_use]
    pub fn at_byte(mut self, byte: u64) -> Self {
        self.0.place.byte = Some(byte);
        self
    }

    /// Sets the column's or key's name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.0.place.name = Some(name.into());
        self
    }

    /// Adds faults found in the same check, to be reported together.
    #[must_use]
    pub fn and(mut self, others: Vec<Self>) -> Self {
        self.0.others.extend(others);
        self
    }

    /// All of `faults` as one, or `Ok` when there are none.
    pub fn all(faults: Vec<Self>) -> Result<()> {
        let mut faults = faults.into_iter();
        faults.next().map_or(Ok(()), |first| Err(first.and(faults.collect())))
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The place.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The arguments by name.
    pub fn args(&self) -> &[(&'static str, Arg)] {
        &self.0.args
    }

    /// Further faults found beside this one.
    pub fn others(&self) -> &[Self] {
        &self.0.others
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Only the code and the place: the sentence belongs to crate `text`.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.code.id())?;
        if let Some(file) = &self.0.place.file {
            write!(f, " in {file}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Err with the matching fault when `control` asks to stop; call it once a block.
pub fn check_stop(control: &dyn Control) -> Result<()> {
    match control.stop() {
        None => Ok(()),
        Some(Stop::Cancelled) => Err(Fault::new(Code::Cancelled)),
        Some(Stop::Deadline) => Err(Fault::new(Code::DeadlinePassed)),
    }
}
