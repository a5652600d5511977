//! What had arrived by an instant: tables as they would be, had the files been read then.

use crate::block::Block;
use crate::cells::{Cells, NO_CODE, NO_I64};

/// Rows that had not arrived by an instant are left out, and what became known of a row later is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutoff {
    /// The instant, microseconds UTC: what arrived then or later was not known.
    pub before: i64,
    /// Positions of time columns: the first with a value says when the row was known. A row without any was always known.
    pub known: Vec<usize>,
    /// What becomes known later than its row.
    pub later: Vec<Later>,
    /// Position of a flag: a row on which it is not set counts whenever it arrived.
    pub unless: Option<usize>,
}

/// Values of a row that become known later than the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// Positions of time columns: the first with a value says when.
    pub known: Vec<usize>,
    /// Positions of the columns that are absent until then; neither required nor texts.
    pub columns: Vec<usize>,
}

impl Cutoff {
    /// Whether each row had not arrived yet; makes what was not known of the others absent.
    pub(crate) fn apply(&self, block: &mut Block) -> Vec<bool> {
        let n_rows = block.places.len();
        for later in &self.later {
            let is_late: Vec<bool> = (0..n_rows).map(|row| self.is_late(block, &later.known, row)).collect();
            for &column in &later.columns {
                clear(&mut block.columns[column].cells, &is_late);
            }
        }
        if let (&[time], None) = (self.known.as_slice(), self.unless)
            && let Cells::I64(times) = &block.columns[time].cells
        {
            return times.iter().map(|&time| time != NO_I64 && time >= self.before).collect();
        }
        let is_exempt = |row: usize| self.unless.is_some_and(|flag| integer(block, flag, row) != 1);
        (0..n_rows).map(|row| self.is_late(block, &self.known, row) && !is_exempt(row)).collect()
    }

    fn is_late(&self, block: &Block, times: &[usize], row: usize) -> bool {
        let known = times.iter().map(|&column| integer(block, column, row)).find(|&time| time != NO_I64);
        known.is_some_and(|known| known >= self.before)
    }
}

fn integer(block: &Block, column: usize, row: usize) -> i64 {
    match &block.columns[column].cells {
        Cells::I64(values) => values[row],
        _ => unreachable!("the specification was checked: times and flags"),
    }
}

/// Makes the chosen rows absent.
fn clear(cells: &mut Cells, is_chosen: &[bool]) {
    fn fill<T: Copy>(values: &mut [T], is_chosen: &[bool], absent: T) {
        values.iter_mut().zip(is_chosen).filter(|(_, chosen)| **chosen).for_each(|(value, _)| *value = absent);
    }
    match cells {
        Cells::I64(values) => fill(values, is_chosen, NO_I64),
        Cells::F64(values) => fill(values, is_chosen, f64::NAN),
        Cells::Code(values) => fill(values, is_chosen, NO_CODE),
        Cells::Text(_) => unreachable!("the specification was checked: no texts"),
    }
}
