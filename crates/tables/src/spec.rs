//! What a source is declared to be: files, dialect, columns, limits.

use std::path::{Path, PathBuf};
use std::{fmt, fs};

use osusume_model::{Code, Fault, Result};

use crate::cutoff::Cutoff;
use crate::dates::DateFormat;
use crate::write::CUSTOMER;

/// One declared source: files of one shape that become one table.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSpec {
    /// Name of the table, e.g. `holdings`; also the stem of its file.
    pub name: String,
    /// The files, as [`expand`] returns them; each once. They are read in order of path, however they are listed.
    pub paths: Vec<PathBuf>,
    /// How the files are written.
    pub format: Format,
    /// IANA name of the zone that local times without an offset belong to.
    pub zone: String,
    /// How its texts write dates; the form `2026-10-01` is understood beside it.
    pub dates: DateFormat,
    /// The columns to read; others in the file are ignored.
    pub columns: Vec<ColumnSpec>,
    /// Position in `columns` of the customer id. Without one the table is kept in input order.
    pub customer: Option<usize>,
    /// Position in `columns` of the time a customer's rows are ordered by; absent times come last.
    pub order_by: Option<usize>,
    /// Positions in `columns` of a start and an end, where rows are intervals: an end before its start rejects the row.
    pub interval: Option<(usize, usize)>,
    /// How many bad rows are tolerated.
    pub limits: RejectLimits,
    /// What the source says about who is a customer.
    pub identity: Identity,
    /// What becomes of rows without a customer id.
    pub anonymous: Anonymous,
    /// Only rows that hold one of the values in each of these columns are kept; the others are excluded.
    pub keep: Vec<Keep>,
    /// How a customer's rows of one time are ordered.
    pub ties: Ties,
    /// What had not arrived by then is excluded; `None` reads everything.
    pub cutoff: Option<Cutoff>,
}

/// How a customer's rows of one time, or of a source without times, are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// By their values, column by column: the order of rows and files says nothing, and changes nothing.
    Content,
    /// As they were read: the later one is the newer one.
    Input,
    /// As they were read, where nothing that is made of the table could tell: it must not be written.
    Any,
}

/// How a source's files are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// Comma-separated text, plain or compressed as the file's extension says.
    Csv(CsvDialect),
    /// Apache Parquet.
    Parquet,
}

/// How CSV is written. There is no detection: what is not declared is the default.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvDialect {
    /// Between fields; one ASCII byte.
    pub delimiter: u8,
    /// Around fields that hold delimiters or line ends; doubled inside.
    pub quote: u8,
    /// The declared encoding; `None` means UTF-8 is expected and a better guess is offered when it is not.
    pub encoding: Option<Encoding>,
    /// Texts that mean "absent", besides the empty one.
    pub null_tokens: Vec<String>,
    /// Whether the first record names the columns; without one, `ColumnSpec::header` is a 1-based position.
    pub header: bool,
    /// Largest record in bytes; a larger one faults the file, since its end cannot be told.
    pub max_record_bytes: usize,
}

impl Default for CsvDialect {
    /// RFC 4180: comma, double quote, header, UTF-8, records up to 1 MiB.
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            encoding: None,
            null_tokens: Vec::new(),
            header: true,
            max_record_bytes: 1 << 20,
        }
    }
}

/// Encodings a CSV file may declare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, little endian unless a byte order mark says otherwise.
    Utf16,
    /// Windows-31J, the `Shift_JIS` of Windows.
    Cp932,
}

/// One column of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// The logical name, by which stages ask for it.
    pub name: String,
    /// The name in the file's header.
    pub header: String,
    /// What the values are.
    pub kind: ColumnKind,
    /// Whether an absent value rejects the row; a customer's id always does.
    pub required: bool,
}

impl SourceSpec {
    /// Faults when the specification contradicts itself.
    ///
    /// # Errors
    /// `ConfigWrongKind` for a customer, time or kept column of another kind, `ConfigNotAllowed` for a name that is used twice or is no name of a file.
    pub fn check(&self) -> Result<()> {
        let is_plain =
            |name: &str| !name.is_empty() && !name.contains(['/', '\\', '\0', '\n']) && !name.starts_with('.');
        let mut names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        names.push(CUSTOMER);
        names.sort_unstable();
        let twice = names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        if let Some(name) = twice.or(Some(self.name.as_str()).filter(|name| !is_plain(name) || *name == CUSTOMER)) {
            let fault = Fault::new(Code::ConfigNotAllowed).with("key", self.name.as_str()).with("got", name);
            return Err(fault.with("allowed", "unused names"));
        }
        self.check_paths()?;
        self.keep.iter().try_for_each(|keep| self.check_kind(Some(keep.column), ColumnKind::Category))?;
        self.check_kind(self.customer, ColumnKind::Customer)?;
        self.check_kind(self.order_by, ColumnKind::Timestamp)?;
        self.check_kind(self.interval.map(|(start, _)| start), ColumnKind::Timestamp)?;
        self.check_kind(self.interval.map(|(_, end)| end), ColumnKind::Timestamp)?;
        self.cutoff.iter().try_for_each(|cutoff| self.check_cutoff(cutoff))
    }

    fn check_cutoff(&self, cutoff: &Cutoff) -> Result<()> {
        let times = cutoff.known.iter().chain(cutoff.later.iter().flat_map(|later| &later.known));
        times.copied().try_for_each(|time| self.check_kind(Some(time), ColumnKind::Timestamp))?;
        self.check_kind(cutoff.unless, ColumnKind::Flag)?;
        let is_text = |kind| matches!(kind, ColumnKind::Text | ColumnKind::List | ColumnKind::Customer);
        let mut cleared = cutoff.later.iter().flat_map(|later| &later.columns).map(|&column| &self.columns[column]);
        match cleared.find(|column| column.is_required() || is_text(column.kind)) {
            None => Ok(()),
            Some(column) => Err(Fault::new(Code::ConfigWrongKind)
                .with("key", self.name.as_str())
                .with("got", column.name.as_str())
                .with("expected", "optional values")),
        }
    }

    fn check_paths(&self) -> Result<()> {
        let mut paths: Vec<&PathBuf> = self.paths.iter().collect();
        paths.sort();
        let Some(pair) = paths.windows(2).find(|pair| pair[0] == pair[1]) else { return Ok(()) };
        let fault = Fault::new(Code::ConfigNotAllowed).with("key", self.name.as_str());
        Err(fault.with("got", pair[0].display().to_string()).with("allowed", "each file once"))
    }

    fn check_kind(&self, column: Option<usize>, kind: ColumnKind) -> Result<()> {
        let Some(column) = column else { return Ok(()) };
        if self.columns.get(column).is_some_and(|column| column.kind == kind) {
            return Ok(());
        }
        let got = self.columns.get(column).map_or_else(|| "no column".to_owned(), |column| column.name.clone());
        let fault = Fault::new(Code::ConfigWrongKind).with("key", self.name.as_str()).with("got", got);
        let expected = match kind {
            ColumnKind::Customer => "customer",
            ColumnKind::Category => "category",
            ColumnKind::Flag => "flag",
            _ => "timestamp",
        };
        Err(fault.with("expected", expected))
    }
}

impl ColumnSpec {
    /// Whether an absent value rejects the row.
    pub(crate) fn is_required(&self) -> bool {
        self.required || self.kind == ColumnKind::Customer
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// The customer's id: exact bytes, never trimmed.
    Customer,
    /// Free text. An empty text is an absent one.
    Text,
    /// Text with few distinct values; becomes a code into a sorted dictionary.
    Category,
    /// Text that nobody may keep: what [`Coder`] says of it takes its place the moment a row is read, and is a category from there on.
    Coded(Coder),
    /// A whole number.
    Integer,
    /// How many of something there are: a whole number from 1 to 10^9, so that sums over a customer's rows stay exact.
    Units,
    /// A decimal number, as f64. NaN and infinities are rejected.
    Decimal,
    /// A decimal number as f64, of a file that writes NaN for what is absent.
    Measure,
    /// An exact amount with at most this many decimals, as i64 minor units.
    Minor {
        /// Decimals of the currency: 0 for yen, 2 for euro.
        digits: u8,
    },
    /// `1/0`, `true/false`, `t/f`, `yes/no`, `y/n` in any case.
    Flag,
    /// An instant; see [`crate::Zone`] for the forms.
    Timestamp,
    /// Texts separated by `|`; kept as one text, see [`split_list`].
    List,
}

/// What is told of a text instead of it: a short text without control characters, or nothing. Of what it told itself it must say the same.
#[derive(Clone, Copy)]
pub struct Coder(pub fn(&str) -> Option<String>);

impl fmt::Debug for Coder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Coder")
    }
}

impl PartialEq for Coder {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Coder {}

/// How many rejected rows are tolerated, per file and over the whole source.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RejectLimits {
    /// Largest number of rejected rows.
    pub max_rejects: u64,
    /// Largest share of rejected rows, in [0, 1].
    pub max_reject_rate: f64,
    /// What the first rejected row does.
    pub on_error: OnError,
}

impl Default for RejectLimits {
    /// Nothing is tolerated.
    fn default() -> Self {
        Self { max_rejects: 0, max_reject_rate: 0.0, on_error: OnError::Abort }
    }
}

/// What a rejected row does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// It fails the run.
    Abort,
    /// It is set aside, until the limits are crossed.
    Quarantine,
}

/// What a source says about who is a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// One row a customer: the same row again is excluded, a different one rejects both.
    Defines,
    /// Ids not seen before become customers.
    Extends,
    /// Ids not seen before reject the row.
    MustExist,
}

/// What becomes of rows that name no customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// They are faulty like any row that lacks what it must have.
    Reject,
    /// They are right and of no use here: counted, and left out.
    Exclude,
}

/// What a column must hold for a row to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Position in [`SourceSpec::columns`] of a column of kind [`ColumnKind::Category`].
    pub column: usize,
    /// The values; an absent value is none of them.
    pub values: Vec<String>,
}

/// The parts of a [`ColumnKind::List`] value, without empty ones.
pub fn split_list(text: &str) -> impl Iterator<Item = &str> {
    text.split('|').map(str::trim).filter(|part| !part.is_empty())
}

/// The files a pattern names, sorted: a file, a directory (its files with a known extension) or a glob with `*` inside one path component.
///
/// # Errors
/// `FileMissing` when nothing matches; `FileUnreadable` for a directory that cannot be listed and for a name that is no UTF-8:
/// passing over either would lose rows without a word.
pub fn expand(pattern: &Path) -> Result<Vec<PathBuf>> {
    let missing = || {
        Fault::new(Code::FileMissing).with("path", pattern.display().to_string()).in_file(pattern.display().to_string())
    };
    let mut found = vec![PathBuf::new()];
    for component in pattern.components() {
        let text = component.as_os_str().to_string_lossy();
        found = if text.contains('*') {
            found.iter().map(|dir| matching(dir, &text)).collect::<Result<Vec<_>>>()?.concat()
        } else {
            found.into_iter().map(|dir| dir.join(component)).collect()
        };
    }
    let mut files: Vec<PathBuf> = found.into_iter().map(files_of).collect::<Result<Vec<_>>>()?.concat();
    files.sort();
    files.dedup();
    if files.is_empty() { Err(missing()) } else { Ok(files) }
}

/// A file itself, or a directory's data files.
fn files_of(path: PathBuf) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        let files = names_in(&path)?.into_iter().map(|name| path.join(name));
        return Ok(files.filter(|file| file.is_file() && Container::of(file).is_some()).collect());
    }
    Ok(if path.exists() { vec![path] } else { Vec::new() })
}

/// The names in a directory; none where there is no directory.
fn names_in(dir: &Path) -> Result<Vec<String>> {
    let shown = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let unreadable = |detail: &dyn fmt::Display| {
        Fault::new(Code::FileUnreadable).in_file(shown.display().to_string()).because(detail)
    };
    if !shown.is_dir() {
        return Ok(Vec::new());
    }
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.map_err(|error| unreadable(&error))?.file_name();
        name.into_string().map_err(|name| unreadable(&format!("{} is no UTF-8", Path::new(&name).display())))
    };
    fs::read_dir(shown).map_err(|error| unreadable(&error))?.map(name).collect()
}

fn matching(dir: &Path, glob: &str) -> Result<Vec<PathBuf>> {
    // Hidden files are never data: editors and copy tools leave them behind.
    let is_match = |name: &String| !name.starts_with('.') && glob_matches(glob, name);
    Ok(names_in(dir)?.into_iter().filter(is_match).map(|name| dir.join(name)).collect())
}

/// Whether `*` (any run of characters) and literal characters of `glob` match all of `name`.
fn glob_matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = glob.rsplit('*').next().filter(|_| glob.contains('*')) else { return rest.is_empty() };
    let middle: Vec<&str> = parts.collect();
    for part in &middle[..middle.len().saturating_sub(1)] {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// What a file's extension says about its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Plain,
    Gzip,
    Zstd,
    Parquet,
}

impl Container {
    /// By extension; `None` for a name that says nothing.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_ascii_lowercase();
        let ends = |suffix: &str| name.ends_with(suffix);
        if ends(".parquet") {
            Some(Self::Parquet)
        } else if ends(".csv.gz") || ends(".tsv.gz") || ends(".txt.gz") {
            Some(Self::Gzip)
        } else if ends(".csv.zst") || ends(".tsv.zst") || ends(".txt.zst") {
            Some(Self::Zstd)
        } else if ends(".csv") || ends(".tsv") || ends(".txt") {
            Some(Self::Plain)
        } else {
            None
        }
    }
}

impl Container {
    /// Of a file that was named as text, by the last extension alone.
    pub(crate) fn by_suffix(path: &Path) -> Self {
        let is = |suffix: &str| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(suffix));
        if is("gz") {
            Self::Gzip
        } else if is("zst") {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, name, expected) in [
            ("*", "a", true),
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "ac", false),
            ("a*a", "a", false),
            ("part-*", "part-", true),
        ] {
            assert_eq!(glob_matches(glob, name), expected, "{glob} {name}");
        }
    }

    #[test]
    fn patterns_expand_sorted_and_missing_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.parquet", "note.md", ".x.csv"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = expand(&dir.path().join(pattern)).unwrap();
            found.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("*.csv"), ["a.csv", "b.csv"]);
        assert_eq!(names(""), [".x.csv", "a.csv", "b.csv", "c.parquet"]);
        assert_eq!(expand(&dir.path().join("z*.csv")).unwrap_err().code(), Code::FileMissing);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_not_passed_over() {
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.csv"), "x").unwrap();
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"b\xff.csv")), "x").unwrap();
        for pattern in ["", "*.csv"] {
            assert_eq!(expand(&dir.path().join(pattern)).unwrap_err().code(), Code::FileUnreadable, "{pattern}");
        }
        assert_eq!(expand(&dir.path().join("a.csv")).unwrap().len(), 1);
    }

    #[test]
    fn lists_split() {
        assert_eq!(split_list("a| b||c").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(split_list("").count(), 0);
    }
}
