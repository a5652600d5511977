//! The order of a table's rows: by customer, time (absent last), and content or input order. Rows are ordered by number and copied once.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::cells::{CellSlice, Cells, NO_CODE, NO_I64};
use crate::levels::Ranked;
use crate::spec::{SourceSpec, Ties};

/// Rows in one piece or several; a row's number is that of its piece above `shift`, and that within the piece below it.
pub(crate) struct Rows<'a> {
    /// By stored column, then by piece. Column 0 is the provisional customer, where there is one.
    columns: Vec<Vec<CellSlice<'a>>>,
    shift: u32,
}

/// Some rows in order.
pub(crate) struct Ordered {
    /// Their numbers.
    pub(crate) ids: Vec<u32>,
    /// The customer of each.
    pub(crate) customers: Vec<u32>,
}

/// How rows of a source are ordered.
pub(crate) struct Orders<'a> {
    /// The stored column of the time, where there is one.
    time: Option<usize>,
    /// Whether rows of one time are ordered by content.
    by_content: bool,
    /// By stored data column.
    dictionaries: &'a [Option<Ranked>],
}

impl<'a> Rows<'a> {
    /// Rows of one piece, numbered from 0 on.
    pub(crate) fn of_one(columns: &'a [Cow<'_, Cells>]) -> Self {
        Self { columns: columns.iter().map(|cells| vec![cells.slice(0..cells.len())]).collect(), shift: 31 }
    }

    /// Rows of several pieces, given by stored column; `None` where there are more than can be numbered.
    pub(crate) fn of_pieces(columns: Vec<Vec<CellSlice<'a>>>) -> Option<Self> {
        let pieces = columns.first()?;
        let longest = pieces.iter().map(CellSlice::len).max()?;
        let shift = longest.next_power_of_two().ilog2();
        ((pieces.len() as u64) << shift < 1 << 32 && shift < 32).then_some(Self { columns, shift })
    }

    /// The numbers of the rows that stay, in the order they came, and their customers.
    pub(crate) fn customers(&self, is_kept: impl Fn(u32) -> bool, finals: &[u32]) -> Ordered {
        let n_rows = self.len();
        let mut all = Ordered { ids: Vec::with_capacity(n_rows), customers: Vec::with_capacity(n_rows) };
        for (piece, &cells) in self.columns[0].iter().enumerate() {
            let first = if piece == 0 { 0 } else { (piece as u32) << self.shift };
            for (id, &customer) in (first..).zip(codes(cells)) {
                if is_kept(customer) {
                    all.ids.push(id);
                    all.customers.push(finals[customer as usize]);
                }
            }
        }
        all
    }

    fn len(&self) -> usize {
        self.columns[0].iter().map(CellSlice::len).sum()
    }

    /// The values of a column at the rows that stay.
    fn kept(&self, column: usize, ids: &[u32]) -> Cells {
        let mut gathered = self.empty(column);
        gathered.reserve(ids.len());
        if ids.len() == self.len() {
            self.columns[column].iter().for_each(|&cells| gathered.extend_slice(cells));
        } else {
            self.gather(column, ids, &mut gathered);
        }
        gathered
    }

    /// No values, of a column's type.
    pub(crate) fn empty(&self, column: usize) -> Cells {
        self.columns[column].first().map_or(Cells::Code(Vec::new()), CellSlice::empty_like)
    }

    /// Appends the values of a column at some rows.
    pub(crate) fn gather(&self, column: usize, rows: &[u32], to: &mut Cells) {
        let pieces = &self.columns[column];
        match to {
            Cells::I64(to) => self.values(pieces, rows, integers, to),
            Cells::F64(to) => self.values(pieces, rows, decimals, to),
            Cells::Code(to) => self.values(pieces, rows, codes, to),
            Cells::Text(to) => {
                for &id in rows {
                    let (piece, row) = self.split(id);
                    let CellSlice::Text(texts, first, _) = pieces[piece] else {
                        unreachable!("a column keeps its type")
                    };
                    to.push(texts.get(first + row));
                }
            }
        }
    }

    fn values<T: Copy + 'a>(
        &self,
        pieces: &[CellSlice<'a>],
        rows: &[u32],
        of: impl Fn(CellSlice<'a>) -> &'a [T],
        to: &mut Vec<T>,
    ) {
        let pieces: Vec<&[T]> = pieces.iter().map(|&cells| of(cells)).collect();
        to.extend(rows.iter().map(|&id| {
            let (piece, row) = self.split(id);
            pieces[piece][row]
        }));
    }

    #[inline]
    fn split(&self, id: u32) -> (usize, usize) {
        ((id >> self.shift) as usize, (id & ((1 << self.shift) - 1)) as usize)
    }
}

/// Puts the code that is written in the place of each but the absent one.
pub(crate) fn rank(cells: &mut Cells, ranked: Option<&Ranked>) {
    if let (Cells::Code(codes), Some(ranked)) = (cells, ranked) {
        codes.iter_mut().filter(|code| **code != NO_CODE).for_each(|code| *code = ranked.rank[*code as usize]);
    }
}

fn integers(cells: CellSlice<'_>) -> &[i64] {
    match cells {
        CellSlice::I64(values) => values,
        _ => unreachable!("a column keeps its type"),
    }
}

fn decimals(cells: CellSlice<'_>) -> &[f64] {
    match cells {
        CellSlice::F64(values) => values,
        _ => unreachable!("a column keeps its type"),
    }
}

fn codes(cells: CellSlice<'_>) -> &[u32] {
    match cells {
        CellSlice::Code(values) => values,
        _ => unreachable!("a column keeps its type"),
    }
}

impl<'a> Orders<'a> {
    /// `data`: the positions in the specification of the stored data columns.
    pub(crate) fn new(spec: &SourceSpec, data: &[usize], dictionaries: &'a [Option<Ranked>]) -> Self {
        let time = spec.order_by.and_then(|i| data.iter().position(|&d| d == i)).map(|column| column + 1);
        Self { time, by_content: spec.ties == Ties::Content, dictionaries }
    }

    /// Puts rows of the customers `first..end` in order.
    pub(crate) fn order(&self, rows: &Rows<'_>, whose: Ordered, (first, end): (u32, u32)) -> Ordered {
        let Ordered { ids, customers } = whose;
        let mut order = counted_order(&customers, (first, end));
        let times: Option<Vec<i64>> = self.time.map(|time| {
            let Cells::I64(times) = rows.kept(time, &ids) else { unreachable!("times are whole numbers") };
            // An absent time comes last.
            times.into_iter().map(|time| if time == NO_I64 { i64::MAX } else { time }).collect()
        });
        let is_same = |a: u32, b: u32| customers[a as usize] == customers[b as usize];
        if let Some(times) = &times {
            let time = |row: u32| times[row as usize];
            for run in order.chunk_by_mut(|&a, &b| is_same(a, b)) {
                if !run.is_sorted_by_key(|&row| time(row)) {
                    // Stable, so that input order decides between equal times.
                    run.sort_by_key(|&row| time(row));
                }
            }
        }
        if self.by_content {
            // Rows of one time are few: comparing contents within them alone is cheaper than wherever two rows meet.
            let time = |row: u32| times.as_ref().map_or(0, |times| times[row as usize]);
            self.sort_ties(&mut order, rows, &ids, |a, b| is_same(a, b) && time(a) == time(b));
        }
        Ordered {
            customers: order.iter().map(|&row| customers[row as usize]).collect(),
            ids: order.iter().map(|&row| ids[row as usize]).collect(),
        }
    }

    /// Sorts rows of one customer and time by their contents. Most differ in the first column behind the time, so that one is looked up
    /// once a row and not once a comparison.
    fn sort_ties(&self, order: &mut [u32], rows: &Rows<'_>, ids: &[u32], is_tied: impl Fn(u32, u32) -> bool) {
        let lead = (1..rows.columns.len()).find(|&column| Some(column) != self.time);
        // Columns before the leading one are the time alone, and that is equal.
        let keys = lead.map(|lead| self.content_keys(rows, lead, ids));
        let key = |row: u32| keys.as_ref().map_or(0, |keys| keys[row as usize]);
        let mut keyed: Vec<(u64, u32)> = Vec::new();
        for run in order.chunk_by_mut(|&a, &b| is_tied(a, b)).filter(|run| run.len() > 1) {
            keyed.clear();
            keyed.extend(run.iter().map(|&row| (key(row), row)));
            // Rows were numbered in input order.
            keyed.sort_unstable();
            for same in keyed.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
                same.sort_by(|a, b| self.by_content(rows, ids[a.1 as usize], ids[b.1 as usize]));
            }
            run.iter_mut().zip(&keyed).for_each(|(slot, &(_, row))| *slot = row);
        }
    }

    /// Numbers that order the values of a column as [`Orders::by_content`] does, or not at all.
    fn content_keys(&self, rows: &Rows<'_>, column: usize, ids: &[u32]) -> Vec<u64> {
        let ranks = self.dictionaries[column - 1].as_ref().map(|ranked| ranked.rank.as_slice());
        match rows.columns[column].first() {
            Some(CellSlice::F64(_) | CellSlice::Text(..)) | None => vec![0; ids.len()],
            Some(_) => match rows.kept(column, ids) {
                Cells::I64(values) => values.into_iter().map(|value| (value as u64) ^ (1 << 63)).collect(),
                Cells::Code(codes) => {
                    let rank = |code: u32| {
                        if code == NO_CODE { code } else { ranks.map_or(code, |ranks| ranks[code as usize]) }
                    };
                    codes.into_iter().map(|code| u64::from(rank(code))).collect()
                }
                Cells::F64(_) | Cells::Text(_) => unreachable!("a column keeps its type"),
            },
        }
    }

    /// Compares two rows column by column; absent values have a place of their own.
    fn by_content(&self, rows: &Rows<'_>, a: u32, b: u32) -> Ordering {
        let ((in_a, a), (in_b, b)) = (rows.split(a), rows.split(b));
        let rank = |ranked: &Option<Ranked>, code: u32| match ranked {
            Some(ranked) if code != NO_CODE => ranked.rank[code as usize],
            _ => code,
        };
        let compare = |(pieces, ranked): (&Vec<CellSlice<'_>>, &Option<Ranked>)| match (pieces[in_a], pieces[in_b]) {
            (CellSlice::I64(v), CellSlice::I64(w)) => v[a].cmp(&w[b]),
            (CellSlice::F64(v), CellSlice::F64(w)) => v[a].total_cmp(&w[b]),
            (CellSlice::Code(v), CellSlice::Code(w)) => rank(ranked, v[a]).cmp(&rank(ranked, w[b])),
            (CellSlice::Text(v, i, _), CellSlice::Text(w, j, _)) => v.get(i + a).cmp(w.get(j + b)),
            _ => unreachable!("a column keeps its type"),
        };
        let data = rows.columns[1..].iter().zip(self.dictionaries);
        data.map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

/// Rows by customer, in input order within one, by counting.
fn counted_order(customers: &[u32], (first, end): (u32, u32)) -> Vec<u32> {
    let mut next = vec![0_u32; (end - first) as usize + 1];
    for &customer in customers {
        next[(customer - first) as usize + 1] += 1;
    }
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    let mut order = vec![0; customers.len()];
    for (row, &customer) in (0..).zip(customers) {
        let slot = &mut next[(customer - first) as usize];
        order[*slot as usize] = row;
        *slot += 1;
    }
    order
}
