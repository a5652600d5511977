//! The values of a plain file's columns as the kernels take them.

use osusume_model::{Code, Control, DAY_US, Fault, Result};
use osusume_propensity::encoder::{RawColumns, RawKind};
use osusume_storage::RealFs;
use osusume_tables::{Interner, PlainCells, PlainFile, parse_number};

use super::infer::{ColumnType, Plan, is_missing, number_text, parse_day};

/// One column while its values are read: the type, and the levels of a category.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// What it is taken for.
    pub(super) holds: ColumnType,
    /// Levels in order of first sight.
    pub(super) levels: Interner,
    /// Values that are none of the type, which count as missing.
    pub(super) strays: u64,
}

/// What happens to a level not seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewLevels {
    /// It becomes known.
    Learn,
    /// It is a level without a code of its own: one above all others.
    Unknown,
}

/// Every row with a target.
pub(super) struct Table {
    /// The columns, and their levels.
    pub(super) columns: Vec<Column>,
    /// One vector a column; NaN is absent.
    pub(super) values: Vec<Vec<f32>>,
    /// Whether the target has its positive value.
    pub(super) y: Vec<bool>,
    /// Rows left out because they have no target.
    pub(super) without_target: u64,
}

impl Column {
    /// An empty column of a type.
    pub(super) fn new(name: &str, column_type: ColumnType) -> Self {
        Self { name: name.to_owned(), holds: column_type, levels: Interner::default(), strays: 0 }
    }

    /// Appends the cells' values to `out`; NaN is absent.
    pub(super) fn convert(&mut self, cells: &PlainCells, new_levels: NewLevels, out: &mut Vec<f32>) {
        match cells {
            PlainCells::Text(texts) => {
                for row in 0..texts.len() {
                    let value = self.value(texts.get(row).trim_ascii(), new_levels);
                    out.push(value);
                }
            }
            // A file to be scored may store as numbers what was text in the one learned from.
            PlainCells::Number(numbers) if self.holds == ColumnType::Category => {
                for &number in numbers {
                    let text = if number.is_nan() { String::new() } else { number_text(number) };
                    out.push(self.value(text.as_bytes(), new_levels));
                }
            }
            PlainCells::Number(numbers) => out.extend(numbers.iter().map(|&number| number as f32)),
            PlainCells::Instant(instants) if self.holds == ColumnType::Date => {
                out.extend(instants.iter().map(|&at| if at == i64::MIN { f32::NAN } else { day_of(at) as f32 }));
            }
            PlainCells::Instant(instants) => {
                self.strays += instants.iter().filter(|&&at| at != i64::MIN).count() as u64;
                out.extend(instants.iter().map(|_| f32::NAN));
            }
        }
    }

    fn value(&mut self, text: &[u8], new_levels: NewLevels) -> f32 {
        if is_missing(text) {
            return f32::NAN;
        }
        let value = match self.holds {
            ColumnType::Number => parse_number(text).map(|number| number as f32),
            ColumnType::Date => parse_day(text).map(|day| day as f32),
            ColumnType::Category => Some(match new_levels {
                NewLevels::Learn => self.levels.intern(text) as f32,
                NewLevels::Unknown => self.levels.find(text).map_or(self.levels.len() as f32, |code| code as f32),
            }),
        };
        self.strays += u64::from(value.is_none());
        value.unwrap_or(f32::NAN)
    }

    /// What the encoder takes it for.
    pub(super) fn kind(&self) -> RawKind {
        match self.holds {
            ColumnType::Category => RawKind::Category { n_levels: self.levels.len() as u32 },
            ColumnType::Number | ColumnType::Date => RawKind::Numeric,
        }
    }
}

fn day_of(instant: i64) -> i64 {
    instant.div_euclid(DAY_US)
}

impl Table {
    /// Rows with the positive value.
    pub(super) fn positives(&self) -> u64 {
        self.y.iter().filter(|&&y| y).count() as u64
    }

    /// What each column holds.
    pub(super) fn kinds(&self) -> Vec<RawKind> {
        self.columns.iter().map(Column::kind).collect()
    }

    /// One slice a column.
    pub(super) fn slices(&self) -> Vec<&[f32]> {
        self.values.iter().map(Vec::as_slice).collect()
    }

    /// The columns as the encoder takes them.
    pub(super) fn raw<'a>(&self, slices: &'a [&'a [f32]], kinds: &'a [RawKind]) -> RawColumns<'a> {
        RawColumns { n_rows: self.y.len(), columns: slices, kinds }
    }
}

/// Reads the target and the columns of the plan.
///
/// # Errors
/// Faults of the file; `MemoryBudget` when half of `memory` cannot hold the values.
pub(super) fn read(file: &PlainFile, plan: &Plan, memory: u64, control: &dyn Control) -> Result<Table> {
    let mut wanted = vec![plan.target];
    wanted.extend(plan.columns.iter().map(|(at, ..)| *at));
    let columns: Vec<Column> = plan.columns.iter().map(|(_, name, kind)| Column::new(name, *kind)).collect();
    let mut table = Table { values: vec![Vec::new(); columns.len()], columns, y: Vec::new(), without_target: 0 };
    file.read(&RealFs, &wanted, control, &mut |block| {
        let answers = answers(&block.columns[0], &plan.values[0]);
        let mut values = Vec::with_capacity(block.n_rows);
        for (at, column) in table.columns.iter_mut().enumerate() {
            values.clear();
            column.convert(&block.columns[at + 1], NewLevels::Learn, &mut values);
            let known = values.iter().zip(&answers).filter(|(_, answer)| answer.is_some()).map(|(value, _)| *value);
            table.values[at].extend(known);
        }
        table.without_target += answers.iter().filter(|answer| answer.is_none()).count() as u64;
        table.y.extend(answers.into_iter().flatten());
        check_memory(table.y.len() as u64 * table.columns.len() as u64 * 4, memory / 2)
    })?;
    Ok(table)
}

/// Err when `needed` bytes are more than `budget`.
pub(super) fn check_memory(needed: u64, budget: u64) -> Result<()> {
    if needed <= budget {
        return Ok(());
    }
    Err(Fault::new(Code::MemoryBudget)
        .with("budget", budget)
        .with("needed", needed)
        .with("largest", "the values of the columns"))
}

/// Whether each row's target is the positive value; `None` where there is no target.
fn answers(cells: &PlainCells, positive: &str) -> Vec<Option<bool>> {
    let answer = |text: &[u8]| (!is_missing(text)).then(|| text == positive.as_bytes());
    match cells {
        PlainCells::Text(texts) => (0..texts.len()).map(|row| answer(texts.get(row).trim_ascii())).collect(),
        PlainCells::Number(numbers) => {
            let number = |number: &f64| (!number.is_nan()).then(|| number_text(*number) == positive);
            numbers.iter().map(number).collect()
        }
        PlainCells::Instant(instants) => vec![None; instants.len()],
    }
}
