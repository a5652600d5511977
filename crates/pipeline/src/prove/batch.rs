//! Rows as they are stored, and what is done to those a date must not see.

use std::collections::BTreeMap;

use osusume_model::{DAY_US, Result, keyed_hash};
use osusume_tables::arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use osusume_tables::arrow::compute::{interleave, take};
use osusume_tables::{ColumnKind, Identity, NewCell, SourceSpec, Zone, stored_cells, stored_column};

use super::perturb::{Disturbance, Wish};
use crate::config::{Role, Source};
use crate::kernel::arrow_fault;

/// An absent instant.
const ABSENT: i64 = i64::MIN;
/// About so many rows are added for each batch of rows read.
const ADDED: usize = 400;
/// Every so many added rows belong to somebody nobody knew.
const STRANGER_EVERY: usize = 8;
/// Strangers there are.
const STRANGERS: usize = 24;
/// The id of the first of them: no program gives such a number away, and a column of whole numbers can hold it.
const FIRST_STRANGER: u64 = 9_007_199_254_700_001;
/// A level nobody had heard of.
const NOVELTY: &str = "osusume-novelty";

/// How far a source has been written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    /// Rows read of it.
    pub(super) read: u64,
    /// Rows disturbed.
    pub(super) touched: u64,
    /// Rows left of it.
    pub(super) left: u64,
}

/// Rows of a source, with what can be told of them by the declaration.
pub(super) struct StoredBatch<'a> {
    spec: &'a SourceSpec,
    zone: &'a Zone,
    rows: RecordBatch,
    /// By declared column: its position in `rows`.
    position: Vec<usize>,
    /// By declared column: whole numbers and instants.
    integers: Vec<Vec<i64>>,
    /// Rows that ingest reads; the others are left as they are.
    is_row: Vec<bool>,
}

/// What a cell becomes.
enum Put {
    New(NewCell),
    /// That of another row.
    Of(u32),
}

/// Rows to be written: which, and what is other in them, by position in the batch and number of the row written.
#[derive(Default)]
struct Edit {
    rows: Vec<u32>,
    cells: BTreeMap<usize, BTreeMap<usize, Put>>,
}

impl<'a> StoredBatch<'a> {
    pub(super) fn new(spec: &'a SourceSpec, rows: RecordBatch, zone: &'a Zone) -> Result<Self> {
        let schema = rows.schema();
        let find = |header: &str| schema.fields().iter().position(|field| field.name() == header);
        let mut batch = Self {
            spec,
            zone,
            position: spec.columns.iter().map(|column| find(&column.header).unwrap_or(0)).collect(),
            integers: Vec::with_capacity(spec.columns.len()),
            is_row: vec![true; rows.num_rows()],
            rows,
        };
        for (column, &position) in spec.columns.iter().zip(&batch.position) {
            let read = stored_column(batch.rows.column(position), column, zone)?;
            read.faulty.iter().for_each(|&row| batch.is_row[row] = false);
            batch.integers.push(read.integers);
        }
        Ok(batch)
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.num_rows()
    }

    /// All rows in an order drawn by their number, dealt to some files; where `is_in_order`, a customer's rows stay in one file and in order.
    pub(super) fn shuffled(&self, files: usize, is_in_order: bool, first: u64) -> Vec<RecordBatch> {
        let n = self.n_rows();
        let drawn = |row: &u32| keyed_hash("shuffle", &(first + u64::from(*row)).to_le_bytes());
        let mut order: Vec<u32> = (0..n as u32).collect();
        if !is_in_order {
            order.sort_by_key(drawn);
        }
        let mut dealt: Vec<Vec<u32>> = vec![Vec::new(); files];
        for row in order {
            let file = if is_in_order { self.file_of(row, files) } else { drawn(&row) as usize % files };
            dealt[file].push(row);
        }
        dealt.into_iter().map(|rows| self.taken(&rows)).collect()
    }

    /// The file a customer's rows belong to, by the bytes of the id.
    fn file_of(&self, row: u32, files: usize) -> usize {
        let Some(customer) = self.spec.customer else { return 0 };
        let id = self.rows.column(self.position[customer]).slice(row as usize, 1);
        let shown = format!("{id:?}");
        keyed_hash("deal", shown.as_bytes()) as usize % files
    }

    fn taken(&self, rows: &[u32]) -> RecordBatch {
        let rows = UInt32Array::from(rows.to_vec());
        let columns = self.rows.columns().iter().map(|column| take(column, &rows, None).expect("rows of the batch"));
        RecordBatch::try_new(self.rows.schema(), columns.collect()).expect("columns of the batch")
    }

    /// The rows as `wish` has them.
    ///
    /// # Errors
    /// `Bug` for cells of a type no source can have.
    pub(super) fn disturbed(&self, wish: &Wish<'_>, source: &Source, written: &mut Written) -> Result<RecordBatch> {
        let hidden = self.hidden(source);
        let late = self.late(&hidden);
        let mut edit = Edit::default();
        match wish.disturbance {
            Disturbance::Deleted => {
                // A source without any row is refused, and one row nobody may see changes nothing.
                let stays = |row: &u32| !hidden[*row as usize] || written.left == 0 && *row == 0;
                edit.rows = (0..self.n_rows() as u32).filter(stays).collect();
                self.forget(&late, &mut edit);
                written.touched += (self.n_rows() - edit.rows.len()) as u64;
            }
            _ => edit.rows = (0..self.n_rows() as u32).collect(),
        }
        if wish.disturbance.changes() {
            self.change(wish, &hidden, &late, &mut edit);
            written.touched += hidden.iter().filter(|hidden| **hidden).count() as u64;
        }
        written.touched += late.iter().flatten().filter(|late| **late).count() as u64;
        if wish.disturbance.adds() {
            let before = edit.rows.len();
            self.add(wish, source, written.read as usize, &mut edit);
            written.touched += (edit.rows.len() - before) as u64;
        }
        if wish.disturbance == Disturbance::Copied {
            written.touched += self.n_rows() as u64;
        }
        written.left += edit.rows.len() as u64;
        self.edited(&edit)
    }

    fn before(&self) -> i64 {
        self.spec.cutoff.as_ref().map_or(i64::MAX, |cutoff| cutoff.before)
    }

    /// The first of some times that a row has.
    fn time(&self, columns: &[usize], row: usize) -> i64 {
        columns.iter().map(|&column| self.integers[column][row]).find(|&time| time != ABSENT).unwrap_or(ABSENT)
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.spec.columns.iter().position(|column| column.name == name)
    }

    /// Rows the date must not see: they had not arrived, or had not happened.
    ///
    /// A holding may be booked ahead: what had arrived of it is known. And where rows make customers, one that is announced makes one.
    fn hidden(&self, source: &Source) -> Vec<bool> {
        let Some(cutoff) = &self.spec.cutoff else { return vec![false; self.n_rows()] };
        let at =
            self.column("at").filter(|_| self.spec.identity == Identity::MustExist && source.role != Role::Consents);
        let is_hidden = |row: usize| {
            let is_exempt = cutoff.unless.is_some_and(|flag| self.integers[flag][row] != 1);
            let is_late = self.time(&cutoff.known, row) >= cutoff.before;
            let is_to_come = at.is_some_and(|at| self.integers[at][row] >= cutoff.before);
            self.is_row[row] && !is_exempt && (is_late || is_to_come)
        };
        (0..self.n_rows()).map(is_hidden).collect()
    }

    /// By group of what becomes known later: rows the date sees, without that.
    fn late(&self, hidden: &[bool]) -> Vec<Vec<bool>> {
        let groups = self.spec.cutoff.iter().flat_map(|cutoff| &cutoff.later);
        let is_late = |later: &osusume_tables::Later, row: usize| {
            self.is_row[row] && !hidden[row] && self.time(&later.known, row) >= self.before()
        };
        groups.map(|later| (0..self.n_rows()).map(|row| is_late(later, row)).collect()).collect()
    }

    /// Takes out what became known later.
    fn forget(&self, late: &[Vec<bool>], edit: &mut Edit) {
        let Some(cutoff) = &self.spec.cutoff else { return };
        for (later, is_late) in cutoff.later.iter().zip(late) {
            for (out, _) in edit.rows.clone().iter().enumerate().filter(|(_, row)| is_late[**row as usize]) {
                for &column in &later.columns {
                    edit.put(self.position[column], out, Put::New(NewCell::Absent));
                }
            }
        }
    }

    /// Gives other values to what is hidden; rows are those of the batch.
    fn change(&self, wish: &Wish<'_>, hidden: &[bool], late: &[Vec<bool>], edit: &mut Edit) {
        let is_wanted = |column: usize| wish.column.is_none_or(|name| name == self.spec.columns[column].name);
        let donors: Vec<u32> = (0..self.n_rows() as u32).filter(|&row| self.is_row[row as usize]).collect();
        for column in (0..self.spec.columns.len()).filter(|&column| is_wanted(column) && self.may_change(column)) {
            for row in (0..self.n_rows()).filter(|&row| hidden[row]) {
                if let Some(put) = self.other(column, row, &donors) {
                    edit.put(self.position[column], row, put);
                }
            }
        }
        let Some(cutoff) = &self.spec.cutoff else { return };
        for (later, is_late) in cutoff.later.iter().zip(late) {
            for &column in later.columns.iter().filter(|&&column| is_wanted(column)) {
                for row in (0..self.n_rows()).filter(|&row| is_late[row]) {
                    if let Some(cell) = self.later_cell(column, row) {
                        edit.put(self.position[column], row, Put::New(cell));
                    }
                }
            }
        }
    }

    /// Whose row it is stays, and so does a refusal; a header that serves two columns stays where one of them does.
    fn may_change(&self, column: usize) -> bool {
        let unless = self.spec.cutoff.as_ref().and_then(|cutoff| cutoff.unless);
        let stays = self.spec.customer.into_iter().chain(unless);
        !stays.into_iter().any(|other| self.position[other] == self.position[column])
    }

    /// Another value for a cell of a hidden row; times are moved so that the row stays hidden.
    fn other(&self, column: usize, row: usize, donors: &[u32]) -> Option<Put> {
        let drawn = keyed_hash(&self.spec.columns[column].name, &(row as u64).to_le_bytes());
        let donor = || Some(Put::Of(*donors.get(drawn as usize % donors.len().max(1))?));
        let known = &self.spec.cutoff.as_ref()?.known;
        match self.spec.columns[column].kind {
            ColumnKind::Timestamp => {
                let at = self.integers[column][row];
                let is_hidden_by = known.iter().find(|&&known| self.integers[known][row] != ABSENT) == Some(&column);
                let is_to_come = at >= self.before();
                let days = if is_hidden_by || is_to_come { 1 + (drawn % 9) as i64 } else { -5 };
                (at != ABSENT).then(|| Put::New(NewCell::Instant(at + days * DAY_US)))
            }
            ColumnKind::Category | ColumnKind::Coded(_) | ColumnKind::Text if drawn.is_multiple_of(3) => {
                Some(Put::New(NewCell::Text(NOVELTY.to_owned())))
            }
            ColumnKind::Integer
            | ColumnKind::Units
            | ColumnKind::Decimal
            | ColumnKind::Measure
            | ColumnKind::Minor { .. }
                if drawn.is_multiple_of(3) =>
            {
                Some(Put::New(NewCell::Number(1e6)))
            }
            _ => donor(),
        }
    }

    /// Another value for what became known later of a row that is seen: one that keeps the row acceptable.
    fn later_cell(&self, column: usize, row: usize) -> Option<NewCell> {
        match self.spec.columns[column].kind {
            ColumnKind::Timestamp => {
                let at = self.integers[column][row];
                (at != ABSENT).then(|| NewCell::Instant(at + 2 * DAY_US))
            }
            ColumnKind::Decimal => Some(NewCell::Number(1.0)),
            _ => None,
        }
    }

    /// Adds rows like those there are which the date must not see: some happen at or after it, and where arrivals are told some happened
    /// before it and arrived at it or after it.
    fn add(&self, wish: &Wish<'_>, source: &Source, first: usize, edit: &mut Edit) {
        let Some(cutoff) = &self.spec.cutoff else { return };
        if cutoff.known.is_empty() {
            return;
        }
        let is_donor = |row: usize| self.is_row[row] && cutoff.unless.is_none_or(|flag| self.integers[flag][row] == 1);
        let donors: Vec<usize> = (0..self.n_rows()).filter(|&row| is_donor(row)).collect();
        let step = donors.len().div_ceil(ADDED).max(1);
        // Where a second row of a customer contradicts the first, nobody known may get one that will be seen by the run's date.
        let is_once = self.spec.identity == Identity::Defines && !wish.is_of_run;
        let most = if is_once { STRANGERS.saturating_sub(first) } else { usize::MAX };
        for (number, &row) in donors.iter().step_by(step).take(most).enumerate() {
            let out = edit.rows.len();
            edit.rows.push(row as u32);
            self.put_times(row, number, out, edit);
            self.put_values(wish, number, out, edit);
            let is_stranger =
                is_once || source.role == Role::Customers && number % 2 == 0 || number.is_multiple_of(STRANGER_EVERY);
            if let Some(customer) = self.spec.customer.filter(|_| is_stranger) {
                let number = (first + number) % STRANGERS;
                let id = NewCell::Text((FIRST_STRANGER + number as u64).to_string());
                edit.put(self.position[customer], out, Put::New(id));
            }
        }
    }

    /// Times of an added row.
    fn put_times(&self, row: usize, number: usize, out: usize, edit: &mut Edit) {
        let Some(cutoff) = &self.spec.cutoff else { return };
        let before = cutoff.before;
        let later = before + (number % 30) as i64 * DAY_US;
        let mut put = |column: usize, at: i64| {
            edit.put(self.position[column], out, Put::New(NewCell::Instant(at)));
        };
        match cutoff.known.as_slice() {
            // An arrival, and when it happened: before the date, for every other row.
            [arrived, at] => {
                put(*arrived, later);
                let happened = self.integers[*at][row];
                let earlier = if happened < before && happened != ABSENT { happened } else { before - 5 * DAY_US };
                put(*at, if number % 2 == 1 { earlier } else { later });
            }
            columns => columns.iter().for_each(|&column| put(column, later)),
        }
        for column in cutoff.later.iter().flat_map(|later| &later.columns) {
            edit.put(self.position[*column], out, Put::New(NewCell::Absent));
        }
    }

    /// Some added rows have levels and amounts nobody had heard of.
    fn put_values(&self, wish: &Wish<'_>, number: usize, out: usize, edit: &mut Edit) {
        let (known, is_odd) = (self.spec.cutoff.as_ref().map(|cutoff| &cutoff.later), number % 4 == 3);
        let is_later = |column: usize| known.is_some_and(|later| later.iter().any(|l| l.columns.contains(&column)));
        for column in 0..self.spec.columns.len() {
            if !is_odd || wish.column.is_some() || is_later(column) || !self.may_change(column) {
                continue;
            }
            let cell = match self.spec.columns[column].kind {
                ColumnKind::Category => NewCell::Text(NOVELTY.to_owned()),
                ColumnKind::Decimal | ColumnKind::Measure => NewCell::Number(1e6),
                _ => continue,
            };
            edit.put(self.position[column], out, Put::New(cell));
        }
    }

    /// The batch with what is other in it.
    fn edited(&self, edit: &Edit) -> Result<RecordBatch> {
        let columns = self.rows.columns().iter().enumerate();
        let columns: Result<Vec<ArrayRef>> = columns.map(|(at, column)| self.edited_column(edit, at, column)).collect();
        RecordBatch::try_new(self.rows.schema(), columns?).map_err(arrow_fault)
    }

    fn edited_column(&self, edit: &Edit, at: usize, column: &ArrayRef) -> Result<ArrayRef> {
        let Some(cells) = edit.cells.get(&at) else {
            return take(column, &UInt32Array::from(edit.rows.clone()), None).map_err(arrow_fault);
        };
        let new: Vec<NewCell> = cells
            .values()
            .filter_map(|put| match put {
                Put::New(cell) => Some(cell.clone()),
                Put::Of(_) => None,
            })
            .collect();
        let new = stored_cells(column.data_type(), &new, self.zone)?;
        let mut used = 0;
        let places: Vec<(usize, usize)> = edit
            .rows
            .iter()
            .enumerate()
            .map(|(out, &row)| match cells.get(&out) {
                None => (0, row as usize),
                Some(Put::Of(other)) => (0, *other as usize),
                Some(Put::New(_)) => {
                    used += 1;
                    (1, used - 1)
                }
            })
            .collect();
        interleave(&[column.as_ref(), new.as_ref()] as &[&dyn Array], &places).map_err(arrow_fault)
    }
}

impl Edit {
    fn put(&mut self, column: usize, out: usize, put: Put) {
        self.cells.entry(column).or_default().insert(out, put);
    }
}
