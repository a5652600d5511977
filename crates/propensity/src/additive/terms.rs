//! Terms of the sum: a curve over the codes of a feature, a map over groups of codes of two.

use crate::additive::bins::{Bins, Codes, FeatureBins};

/// Groups a feature has in a map, at most; absent values have one more where they occur.
pub const MAP_GROUPS: usize = 6;

/// Codes of a feature merged for a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// The group of each code; `n` for a code no training row has, which no cell covers.
    pub of_code: Vec<u8>,
    /// Number of groups.
    pub n: usize,
    /// How many groups, from 0 on, stand in the order of a number.
    pub n_ordered: usize,
}

/// A summand of the linear predictor. A row is in at most one of its cells.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// One cell a code of the feature.
    Curve {
        /// Position in [`Bins::features`].
        feature: usize,
    },
    /// One cell a pair of groups: `group of the first · groups[1].n + group of the second`.
    Map {
        /// Positions in [`Bins::features`], the smaller one first.
        features: [usize; 2],
        /// The groups of either.
        groups: [Groups; 2],
    },
}

impl Groups {
    /// Merges codes by how many training rows have each: an ordered feature into at most [`MAP_GROUPS`] runs of nearly equal counts, a
    /// category into its most frequent levels and one group for the rest.
    pub fn new(feature: &FeatureBins, counts: &[u64]) -> Self {
        let n_ordered = feature.n_ordered();
        if n_ordered == 0 { Self::of_levels(counts) } else { Self::of_runs(counts, n_ordered) }
    }

    fn of_runs(counts: &[u64], n_ordered: usize) -> Self {
        let total = counts[..n_ordered].iter().sum::<u64>().max(1) as f64;
        let (mut of_code, mut before, mut last, mut n) = (Vec::new(), 0.0, usize::MAX, 0);
        for &count in &counts[..n_ordered] {
            // Where the middle of the bin stands among all rows.
            let run = ((before + count as f64 / 2.0) / total * MAP_GROUPS as f64) as usize;
            let run = run.min(MAP_GROUPS - 1);
            if run != last {
                (last, n) = (run, n + 1);
            }
            of_code.push((n - 1) as u8);
            before += count as f64;
        }
        let n_runs = n;
        // The absent code is the last.
        of_code.push(n as u8);
        n += usize::from(counts[n_ordered] > 0);
        Self { of_code, n, n_ordered: n_runs }
    }

    fn of_levels(counts: &[u64]) -> Self {
        let mut order: Vec<usize> = (0..counts.len()).filter(|code| counts[*code] > 0).collect();
        order.sort_by_key(|code| (std::cmp::Reverse(counts[*code]), *code));
        let n = order.len().min(MAP_GROUPS);
        let mut of_code = vec![n as u8; counts.len()];
        for (rank, code) in order.into_iter().enumerate() {
            of_code[code] = rank.min(n - 1) as u8;
        }
        Self { of_code, n, n_ordered: 0 }
    }

    /// Whether no cell covers a code.
    fn group(&self, code: u8) -> Option<usize> {
        let group = usize::from(self.of_code[usize::from(code)]);
        (group < self.n).then_some(group)
    }
}

impl Term {
    /// Number of cells; at most 255, so that a cell is a byte.
    pub fn size(&self, bins: &Bins) -> usize {
        match self {
            Self::Curve { feature } => bins.features[*feature].n_codes(),
            Self::Map { groups, .. } => groups[0].n * groups[1].n,
        }
    }

    /// The cell of every row; [`Self::size`] for a row in none.
    pub fn cells(&self, codes: &Codes) -> Vec<u8> {
        match self {
            Self::Curve { feature } => codes.columns[*feature].clone(),
            Self::Map { features, groups } => {
                let [first, second] = features.map(|feature| &codes.columns[feature]);
                first.iter().zip(second).map(|(a, b)| map_cell(groups, *a, *b)).collect()
            }
        }
    }

    /// Sets `cells` to the cells of rows given by the codes of the two features of a map, as [`Self::cells`]; a curve's are its codes.
    pub(crate) fn fill_cells(&self, codes: [&[u8]; 2], cells: &mut [u8]) {
        match self {
            Self::Curve { .. } => cells.copy_from_slice(codes[0]),
            Self::Map { groups, .. } => {
                // Groups below are bytes, and so is any cell: a map has at most 255.
                for ((cell, a), b) in cells.iter_mut().zip(codes[0]).zip(codes[1]) {
                    *cell = map_cell(groups, *a, *b);
                }
            }
        }
    }

    /// The cell of one row, given by its codes; `None` for a row in none.
    pub fn cell(&self, codes: &[u8]) -> Option<usize> {
        self.cell_by(|feature| codes[feature])
    }

    /// The cell of one row, given by the code it has of a feature; `None` for a row in none.
    pub fn cell_by(&self, code: impl Fn(usize) -> u8) -> Option<usize> {
        match self {
            Self::Curve { feature } => Some(usize::from(code(*feature))),
            Self::Map { features, groups } => {
                let [a, b] = features.map(code);
                Some(groups[0].group(a)? * groups[1].n + groups[1].group(b)?)
            }
        }
    }
}

fn map_cell(groups: &[Groups; 2], a: u8, b: u8) -> u8 {
    match (groups[0].group(a), groups[1].group(b)) {
        (Some(a), Some(b)) => (a * groups[1].n + b) as u8,
        _ => (groups[0].n * groups[1].n) as u8,
    }
}

/// Rows with each code of each feature.
pub(crate) fn code_counts(bins: &Bins, codes: &Codes) -> Vec<Vec<u64>> {
    let count = |(feature, column): (&FeatureBins, &Vec<u8>)| {
        let mut counts = vec![0_u64; feature.n_codes()];
        for code in column {
            counts[usize::from(*code)] += 1;
        }
        counts
    };
    bins.features.iter().zip(&codes.columns).map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::additive::bins::Cut;

    #[test]
    fn runs_of_a_number_have_equal_counts() {
        let feature = FeatureBins { raw: 0, cut: Cut::Number { edges: (0..11).map(f64::from).collect() } };
        let mut counts = vec![10; 13];
        counts[12] = 0;
        let groups = Groups::new(&feature, &counts);
        assert_eq!(groups.of_code, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6]);
        assert_eq!((groups.n, groups.n_ordered), (6, 6));
        counts[12] = 1;
        assert_eq!(Groups::new(&feature, &counts).n, 7);
        // A bin with nearly all rows: no group is empty.
        let mut skewed = vec![1; 13];
        skewed[0] = 1_000;
        let groups = Groups::new(&feature, &skewed);
        assert_eq!((groups.n, groups.of_code[0], groups.of_code[11]), (3, 0, 1));
    }

    #[test]
    fn frequent_levels_stand_alone() {
        let feature = FeatureBins { raw: 0, cut: Cut::Category { levels: (0..8).collect() } };
        let groups = Groups::new(&feature, &[5, 50, 40, 30, 20, 10, 4, 3, 0, 2]);
        assert_eq!(groups.of_code, [5, 0, 1, 2, 3, 4, 5, 5, 6, 5]);
        assert_eq!((groups.n, groups.n_ordered), (6, 0));
    }

    #[test]
    fn rows_outside_the_training_codes_are_in_no_cell() {
        let groups = Groups { of_code: vec![0, 1, 2], n: 2, n_ordered: 0 };
        let term = Term::Map { features: [0, 1], groups: [groups.clone(), groups] };
        let codes = Codes { n_rows: 3, columns: vec![vec![0, 1, 2], vec![1, 1, 0]] };
        assert_eq!(term.cells(&codes), [1, 3, 4]);
        assert_eq!([term.cell(&[0, 1]), term.cell(&[1, 1]), term.cell(&[2, 0])], [Some(1), Some(3), None]);
    }
}
