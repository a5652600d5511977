//! What the columns of a plain file are, from one look at all of their values.

use osusume_model::{Arg, Code, Control, Date, Fault, Result};
use osusume_storage::RealFs;
use osusume_tables::{Interner, PlainCells, PlainFile, PlainKind, parse_number};

use super::columns::Table;
use super::learn::Learned;
use super::{names, not_allowed};

/// Texts that mean "missing", besides blanks.
pub(super) const MISSING: [&str; 10] = ["NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?", "#N/A"];
/// A column of texts with more different values than this tells rows apart and nothing else.
const MAX_VALUES: usize = 10_000;
/// Share of its values that must be numbers for a column to count as numbers; the others then count as missing, and are told.
const NUMBER_SHARE: f64 = 0.99;

/// What a column is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Numbers.
    Number,
    /// Days.
    Date,
    /// One of a few values.
    Category,
}

/// Why a column is not learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It was asked to be ignored.
    Ignored,
    /// It has no name in the header.
    Unnamed,
    /// It holds something else than numbers, texts and times.
    Unsupported,
    /// It has no values.
    Empty,
    /// Nearly every row has a value of its own.
    TooManyValues,
    /// All rows have the same value, or only values too rare to stand alone.
    Constant,
}

/// A column and what is done with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// What it is taken for, or why it is left out.
    pub use_as: std::result::Result<ColumnType, LeftOut>,
    /// Rows without a value.
    pub missing: u64,
    /// Rows whose value is no number although nearly all others are; they count as missing.
    pub strays: u64,
}

/// What is read the second time.
#[derive(Debug)]
pub(super) struct Plan {
    /// Position of the target.
    pub(super) target: usize,
    /// Its name.
    pub(super) target_name: String,
    /// The positive value and the other one.
    pub(super) values: [String; 2],
    /// Positions, names and types of the columns learned from.
    pub(super) columns: Vec<(usize, String, ColumnType)>,
    /// Every column but the target.
    pub(super) reports: Vec<ColumnReport>,
}

/// Looks at every value of every column once.
///
/// # Errors
/// `ColumnMissing` for the target or a column to ignore, `TargetNotTwoValued`, `OptionNotAllowed` for a positive value the target
/// lacks, `NoUsableColumns`, faults of the file.
pub(super) fn infer(
    file: &PlainFile,
    target: &str,
    positive: Option<&str>,
    ignore: &[String],
    control: &dyn Control,
) -> Result<Plan> {
    let position = |name: &str| file.columns().iter().position(|column| column.name == name);
    let at_target = position(target).ok_or_else(|| file.missing(target))?;
    Fault::all(ignore.iter().filter(|name| position(name).is_none()).map(|name| file.missing(name)).collect())?;
    let wanted: Vec<usize> = (0..file.columns().len())
        .filter(|&at| at == at_target || left_out(file, at, ignore).is_none())
        .filter(|&at| file.columns()[at].kind != PlainKind::Unsupported)
        .collect();
    let mut facts: Vec<Facts> = wanted.iter().map(|_| Facts::default()).collect();
    let rows = file.read(&RealFs, &wanted, control, &mut |block| {
        facts.iter_mut().zip(&block.columns).for_each(|(facts, cells)| facts.take(cells));
        Ok(())
    })?;
    if rows == 0 {
        return Err(Fault::new(Code::FileEmpty).in_file(shown(file)).with("what", "rows"));
    }
    let of_target = wanted.iter().position(|&at| at == at_target).map(|i| &facts[i]);
    let values = of_target.ok_or_else(|| not_two(target, 0)).and_then(|facts| facts.target(target, positive))?;
    let mut plan =
        Plan { target: at_target, target_name: target.to_owned(), values, columns: Vec::new(), reports: Vec::new() };
    for at in (0..file.columns().len()).filter(|&at| at != at_target) {
        let name = file.columns()[at].name.clone();
        let facts = wanted.iter().position(|&wanted| wanted == at).map(|i| &facts[i]);
        let use_as = facts.map_or_else(
            || Err(left_out(file, at, ignore).unwrap_or(LeftOut::Unsupported)),
            |facts| facts.column_type(file.columns()[at].kind),
        );
        if let Ok(column_type) = use_as {
            plan.columns.push((at, name.clone(), column_type));
        }
        let (missing, strays) = facts.map_or((0, 0), |facts| (facts.missing, facts.strays(use_as)));
        plan.reports.push(ColumnReport { name, use_as, missing, strays });
    }
    if plan.columns.is_empty() {
        return Err(no_columns(&shown(file)));
    }
    Ok(plan)
}

/// Columns the encoder found nothing in are left out, too.
pub(super) fn report(mut reports: Vec<ColumnReport>, table: &Table, learned: &Learned) -> Vec<ColumnReport> {
    for (at, column) in table.columns.iter().enumerate() {
        let is_used = learned.uses(at);
        if let Some(report) = reports.iter_mut().find(|report| !is_used && report.name == column.name) {
            report.use_as = Err(LeftOut::Constant);
        }
    }
    reports
}

pub(super) fn no_columns(file: &str) -> Fault {
    Fault::new(Code::NoUsableColumns).in_file(file)
}

fn shown(file: &PlainFile) -> String {
    file.path().display().to_string()
}

/// Why a column is left out before its first value is looked at.
fn left_out(file: &PlainFile, at: usize, ignore: &[String]) -> Option<LeftOut> {
    let column = &file.columns()[at];
    if ignore.contains(&column.name) {
        Some(LeftOut::Ignored)
    } else if column.name.trim().is_empty() {
        Some(LeftOut::Unnamed)
    } else if column.kind == PlainKind::Unsupported {
        Some(LeftOut::Unsupported)
    } else {
        None
    }
}

/// Whether a text stands for a missing value.
pub(super) fn is_missing(text: &[u8]) -> bool {
    text.is_empty() || MISSING.iter().any(|token| token.as_bytes() == text)
}

/// Days since 1970 of a text that begins with a date: `2026-10-01` or `2026/10/01`, alone or before a time.
pub(super) fn parse_day(text: &[u8]) -> Option<i32> {
    let separator = *text.get(4).filter(|byte| matches!(byte, b'-' | b'/'))?;
    let is_end = text.get(10).is_none_or(|byte| matches!(byte, b' ' | b'T'));
    let date = std::str::from_utf8(text.get(..10)?).ok()?;
    let date = if separator == b'/' { date.replace('/', "-") } else { date.to_owned() };
    date.parse::<Date>().ok().filter(|_| is_end).map(|date| date.0)
}

/// What is known of a column's values.
#[derive(Default)]
struct Facts {
    present: u64,
    missing: u64,
    numbers: u64,
    dates: u64,
    /// A number with a leading zero, such as a postal code, is a name.
    has_code: bool,
    /// Different values, until there are too many, and how many rows have each.
    values: Interner,
    counts: Vec<u64>,
}

impl Facts {
    fn take(&mut self, cells: &PlainCells) {
        match cells {
            PlainCells::Text(texts) => (0..texts.len()).for_each(|row| self.take_text(texts.get(row).trim_ascii())),
            PlainCells::Number(numbers) => numbers.iter().for_each(|&number| {
                if number.is_nan() {
                    self.missing += 1;
                } else {
                    self.take_value(number_text(number).as_bytes());
                }
            }),
            PlainCells::Instant(instants) => {
                let present = instants.iter().filter(|&&instant| instant != i64::MIN).count() as u64;
                self.present += present;
                self.missing += instants.len() as u64 - present;
            }
        }
    }

    fn take_text(&mut self, text: &[u8]) {
        if is_missing(text) {
            self.missing += 1;
            return;
        }
        if parse_number(text).is_some() {
            self.numbers += 1;
            self.has_code |= text.len() > 1 && text[0] == b'0' && text[1].is_ascii_digit();
        } else if parse_day(text).is_some() {
            self.dates += 1;
        }
        self.take_value(text);
    }

    fn take_value(&mut self, text: &[u8]) {
        self.present += 1;
        if self.values.len() <= MAX_VALUES {
            let number = self.values.intern(text) as usize;
            self.counts.resize(self.values.len(), 0);
            self.counts[number] += 1;
        }
    }

    fn column_type(&self, kind: PlainKind) -> std::result::Result<ColumnType, LeftOut> {
        match kind {
            _ if self.present == 0 => Err(LeftOut::Empty),
            PlainKind::Number => Ok(ColumnType::Number),
            PlainKind::Instant => Ok(ColumnType::Date),
            _ if !self.has_code && self.numbers as f64 >= NUMBER_SHARE * self.present as f64 => Ok(ColumnType::Number),
            _ if self.dates == self.present => Ok(ColumnType::Date),
            _ if self.values.len() > MAX_VALUES => Err(LeftOut::TooManyValues),
            _ => Ok(ColumnType::Category),
        }
    }

    fn strays(&self, use_as: std::result::Result<ColumnType, LeftOut>) -> u64 {
        // Stored numbers were never counted as texts that are numbers.
        if use_as == Ok(ColumnType::Number) && self.numbers > 0 { self.present - self.numbers } else { 0 }
    }

    /// The positive value and the other one.
    fn target(&self, name: &str, positive: Option<&str>) -> Result<[String; 2]> {
        if self.values.len() != 2 {
            return Err(not_two(name, self.values.len()));
        }
        let text = |number: u32| String::from_utf8_lossy(self.values.get(number)).into_owned();
        let pair = [text(0), text(1)];
        let at = match positive {
            Some(positive) => pair
                .iter()
                .position(|value| value == positive)
                .ok_or_else(|| not_allowed("--positive", positive, names(&[&pair[0], &pair[1]])))?,
            None => positive_of(&pair, &self.counts),
        };
        let [first, second] = pair;
        Ok(if at == 0 { [first, second] } else { [second, first] })
    }
}

/// The shortest text of a stored number.
pub(super) fn number_text(number: f64) -> String {
    format!("{number}")
}

fn not_two(name: &str, values: usize) -> Fault {
    let found = if values > MAX_VALUES { format!("more than {MAX_VALUES}") } else { values.to_string() };
    Fault::new(Code::TargetNotTwoValued).named(name).with("column", name).with("values", Arg::Number(found))
}

/// The larger of two numbers; else the one that says yes; else the rarer one; else the later one in order.
fn positive_of(pair: &[String; 2], counts: &[u64]) -> usize {
    const YES: [&str; 7] = ["true", "yes", "y", "t", "positive", "はい", "有"];
    let says_yes = |value: &String| YES.iter().any(|yes| value.eq_ignore_ascii_case(yes));
    let number = |value: &String| parse_number(value.as_bytes());
    if let (Some(first), Some(second)) = (number(&pair[0]), number(&pair[1])) {
        return usize::from(second > first);
    }
    match (says_yes(&pair[0]), says_yes(&pair[1])) {
        (true, false) => return 0,
        (false, true) => return 1,
        _ => {}
    }
    if counts[0] != counts[1] {
        return usize::from(counts[1] < counts[0]);
    }
    usize::from(pair[1] > pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(values: &[&str]) -> Facts {
        let mut facts = Facts::default();
        for value in values {
            facts.take_text(value.trim().as_bytes());
        }
        facts
    }

    #[test]
    fn columns_are_what_stands_in_them() {
        let check = |values: &[&str], expected| {
            assert_eq!(facts(values).column_type(PlainKind::Text), expected, "{values:?}");
        };
        check(&["1", "-2.5", "1e3", "", "NA", " "], Ok(ColumnType::Number));
        check(&["1", "x"], Ok(ColumnType::Category));
        check(&["2026-10-01", "2026/10/02 12:00", "?"], Ok(ColumnType::Date));
        check(&["2026-10-01", "2026-13-01"], Ok(ColumnType::Category));
        check(&["", "NaN", "null"], Err(LeftOut::Empty));
        check(&["0600001", "1000001"], Ok(ColumnType::Category));
        check(&["0", "0.5"], Ok(ColumnType::Number));
        let many: Vec<String> = (0..=MAX_VALUES).map(|i| format!("c{i}")).collect();
        check(&many.iter().map(String::as_str).collect::<Vec<_>>(), Err(LeftOut::TooManyValues));
        let mut nearly = vec!["7"; 99];
        nearly.push("seven");
        let nearly = facts(&nearly);
        assert_eq!(nearly.column_type(PlainKind::Text), Ok(ColumnType::Number));
        assert_eq!(nearly.strays(Ok(ColumnType::Number)), 1);
    }

    #[test]
    fn the_positive_value() {
        let check = |values: &[&str], positive, expected: &str| {
            assert_eq!(facts(values).target("y", positive).unwrap()[0], expected, "{values:?}");
        };
        check(&["0", "1", "1"], None, "1");
        check(&["Yes", "No"], None, "Yes");
        check(&["2", "1"], None, "2");
        check(&["<=50K", "<=50K", ">50K"], None, ">50K");
        check(&["left", "stayed"], None, "stayed");
        check(&["left", "stayed"], Some("left"), "left");
        assert_eq!(facts(&["a", "b"]).target("y", Some("c")).unwrap_err().code(), Code::OptionNotAllowed);
        for values in [&["1", "1"][..], &["1", "2", "3"], &["", "NA"]] {
            assert_eq!(facts(values).target("y", None).unwrap_err().code(), Code::TargetNotTwoValued);
        }
    }

    #[test]
    fn stored_numbers_and_instants() {
        let mut numbers = Facts::default();
        numbers.take(&PlainCells::Number(vec![1.0, 0.0, f64::NAN]));
        assert_eq!(numbers.target("y", None).unwrap(), ["1", "0"]);
        assert_eq!((numbers.missing, numbers.strays(Ok(ColumnType::Number))), (1, 0));
        let mut instants = Facts::default();
        instants.take(&PlainCells::Instant(vec![0, i64::MIN]));
        assert_eq!(instants.column_type(PlainKind::Instant), Ok(ColumnType::Date));
    }
}
