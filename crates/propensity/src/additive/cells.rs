//! The cells of a term while it is fitted: bins merged into runs, groups of a map.

use crate::additive::bins::Codes;
use crate::additive::terms::{Groups, Term};

/// A term whose cells have a coefficient each.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// A curve; `groups` are the runs of its codes, and every code has one.
    Curve { feature: usize, groups: Groups },
    /// A map, as [`Term::Map`].
    Map { features: [usize; 2], groups: [Groups; 2] },
}

impl Cells {
    /// A map's cells are its own.
    pub(crate) fn of_map(term: &Term) -> Option<Self> {
        match term {
            Term::Map { features, groups } => Some(Self::Map { features: *features, groups: groups.clone() }),
            Term::Curve { .. } => None,
        }
    }

    /// A cell for every code.
    #[cfg(test)]
    pub(crate) fn of(term: &Term, bins: &crate::additive::bins::Bins) -> Self {
        let Term::Curve { feature } = term else { return Self::of_map(term).expect("what is no curve is a map") };
        let bins = &bins.features[*feature];
        let groups = Groups { of_code: (0..=bins.absent()).collect(), n: bins.n_codes(), n_ordered: bins.n_ordered() };
        Self::Curve { feature: *feature, groups }
    }

    pub(crate) fn term(&self) -> Term {
        match self {
            Self::Curve { feature, .. } => Term::Curve { feature: *feature },
            Self::Map { features, groups } => Term::Map { features: *features, groups: groups.clone() },
        }
    }

    /// Number of cells.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Curve { groups, .. } => groups.n,
            Self::Map { groups, .. } => groups[0].n * groups[1].n,
        }
    }

    /// The cell of every row; [`Self::size`] for a row in none.
    pub(crate) fn of_rows(&self, codes: &Codes) -> Vec<u8> {
        match self {
            Self::Curve { feature, groups } => {
                codes.columns[*feature].iter().map(|code| groups.of_code[usize::from(*code)]).collect()
            }
            Self::Map { .. } => self.term().cells(codes),
        }
    }

    /// Coefficients as the term has them, from those of the cells.
    pub(crate) fn expand(&self, cells: &[f64]) -> Vec<f64> {
        match self {
            Self::Curve { groups, .. } => groups.of_code.iter().map(|group| cells[usize::from(*group)]).collect(),
            Self::Map { .. } => cells.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_a_coefficient() {
        let groups = Groups { of_code: vec![0, 0, 1, 2], n: 3, n_ordered: 2 };
        let curve = Cells::Curve { feature: 1, groups };
        let codes = Codes { n_rows: 4, columns: vec![vec![0; 4], vec![3, 0, 1, 2]] };
        assert_eq!((curve.size(), curve.of_rows(&codes)), (3, vec![2, 0, 0, 1]));
        assert_eq!(curve.expand(&[5.0, 6.0, 7.0]), [5.0, 5.0, 6.0, 7.0]);
    }
}
