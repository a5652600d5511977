//! Curves and maps as columns of a dense design, for many offers on the same codes.
//!
//! A column is a function of a feature's code, or of the groups two features are in. So whatever is fitted over the design is an additive
//! model: an offer's curve is the sum of a feature's columns times their coefficients, and its picture is exact. Three kinds:
//!
//! - *straight*: the columns of the linear model, averaged within bins. An offer that needs nothing else has the linear model.
//! - *bend*: for a number, polynomials of the rank of degrees one to [`BENDS`], orthogonal to the constant, to the straight column and to
//!   each other over the training rows. The k-th is scaled by 1/k, so that one precision of all of them is a preference for smoothness.
//! - *joint*: for a pair of features, products of two functions of either's groups, centered over the training rows.
//!
//! Labels play no part in a column. Straight, bent and joint columns of a feature have precisions of their own
//! ([`Basis::groups`]): where no offer bends, the bends vanish for all of them.

use rayon::prelude::*;

use crate::additive::bins::{Bins, Codes, Cut, FeatureBins, SAMPLE};
use crate::additive::model::Additive;
use crate::additive::terms::{Groups, Term};
use crate::design::{Design, STRIP_ROWS};
use crate::encoder::{Column, Encoder, RawColumns};
use crate::error::{Error, check_len};

/// Bends of a number, at most.
pub const BENDS: usize = 3;
/// What is left of a polynomial, as a share of its variance, below which it says nothing new.
const NOTHING_NEW: f64 = 1e-3;
/// Functions of either side of a joint column: a line and a bow over ordered groups, the most frequent levels of a category.
const SIDE_FUNCTIONS: usize = 2;

/// Features in codes, with what is known of the training rows.
#[derive(Clone, Debug)]
pub struct Coded {
    /// How values fall into codes.
    pub bins: Bins,
    /// Codes of all rows.
    pub codes: Codes,
    /// Positions of the training rows.
    rows: Vec<u32>,
    /// Training rows with each code of each feature.
    counts: Vec<Vec<u64>>,
}

/// What a column adds to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What the linear model has.
    Straight,
    /// What it lacks.
    Bend,
    /// What two features do together.
    Joint,
}

/// A column of the design.
#[derive(Clone, Debug, PartialEq)]
pub struct BasisColumn {
    /// The curve or map it is a part of.
    pub term: Term,
    /// Which part.
    pub part: Part,
    /// Its value by cell of the term.
    pub table: Vec<f32>,
}

/// The columns all offers share.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// Raw feature of each coded feature.
    raw: Vec<u32>,
    n_raw: usize,
    /// In the order of the design.
    pub columns: Vec<BasisColumn>,
}

impl Coded {
    /// Bins fitted on the training rows `rows` alone, and the codes of all rows.
    ///
    /// # Errors
    /// As [`Bins::fit_rows`].
    pub fn new(raw: &RawColumns<'_>, rows: &[u32], min_level_count: u64, max_bins: usize) -> Result<Self, Error> {
        let bins = Bins::fit_rows(raw, rows, min_level_count, max_bins)?;
        let codes = bins.encode(raw)?;
        let count = |(feature, column): (&FeatureBins, &Vec<u8>)| {
            let mut counts = vec![0_u64; feature.n_codes()];
            for row in rows {
                counts[usize::from(column[*row as usize])] += 1;
            }
            counts
        };
        let counts = bins.features.par_iter().zip(&codes.columns).map(count).collect();
        Ok(Self { bins, codes, rows: rows.to_vec(), counts })
    }

    /// Positions of the training rows.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The bins of some features, by position.
    pub fn bins_of(&self, features: &[usize]) -> Bins {
        let chosen = features.iter().map(|&feature| self.bins.features[feature].clone()).collect();
        Bins { kinds: self.bins.kinds.clone(), features: chosen }
    }

    /// Share of the training rows with each code of a feature.
    pub fn shares(&self, feature: usize) -> Vec<f64> {
        let n = self.rows.len().max(1) as f64;
        self.counts[feature].iter().map(|count| *count as f64 / n).collect()
    }

    /// The groups of a feature's codes in maps.
    pub fn groups(&self, feature: usize) -> Groups {
        Groups::new(&self.bins.features[feature], &self.counts[feature])
    }
}

impl Basis {
    /// The columns of an encoder fitted on the same training rows, averaged within the codes of each feature.
    ///
    /// # Errors
    /// [`Error::Shape`] when `raw` does not have the encoder's columns.
    pub fn straight(encoder: &Encoder, raw: &RawColumns<'_>, coded: &Coded) -> Result<Self, Error> {
        encoder.check_raw(raw)?;
        let of_raw = |raw: u32| coded.bins.features.binary_search_by_key(&raw, |feature| feature.raw).ok();
        let columns = encoder.columns.par_iter().filter_map(|column| {
            let feature = of_raw(column.raw)?;
            let table = averaged(column, raw.columns[column.raw as usize], coded, feature);
            Some(BasisColumn { term: Term::Curve { feature }, part: Part::Straight, table })
        });
        Ok(Self {
            raw: coded.bins.features.iter().map(|feature| feature.raw).collect(),
            n_raw: raw.columns.len(),
            columns: columns.collect(),
        })
    }

    /// Keeps the curves of those features, by position among the coded ones, that `is_kept` holds of, and all maps.
    pub fn keep(&mut self, is_kept: impl Fn(usize) -> bool) {
        self.columns.retain(|column| match &column.term {
            Term::Curve { feature } => is_kept(*feature),
            Term::Map { .. } => true,
        });
    }

    /// Adds columns at the end.
    pub fn extend(&mut self, columns: impl IntoIterator<Item = BasisColumn>) {
        self.columns.extend(columns);
    }

    /// The raw features that bend, in order.
    pub fn bent(&self) -> Vec<u32> {
        let bent = self.columns.iter().filter(|column| column.part == Part::Bend);
        let mut raw: Vec<u32> = bent.map(|column| self.raw[first_feature(&column.term)]).collect();
        raw.dedup();
        raw.sort_unstable();
        raw
    }

    /// The pairs of raw features with a map, in order of their columns.
    pub fn paired(&self) -> Vec<[u32; 2]> {
        let pair = |term: &&Term| match term {
            Term::Map { features, .. } => Some(features.map(|feature| self.raw[feature])),
            Term::Curve { .. } => None,
        };
        self.maps().iter().filter_map(pair).collect()
    }

    /// The columns of one feature's curve.
    pub fn of_feature(&self, feature: usize) -> impl Iterator<Item = &BasisColumn> {
        self.columns.iter().filter(move |column| column.term == Term::Curve { feature })
    }

    /// What precision each column has: one for a feature's straight columns, one for its bends, one for a pair.
    pub fn groups(&self) -> Vec<u32> {
        let maps = self.maps();
        let group = |column: &BasisColumn| match (&column.term, column.part) {
            (Term::Curve { feature }, Part::Straight) => self.raw[*feature] as usize,
            (Term::Curve { feature }, _) => self.n_raw + self.raw[*feature] as usize,
            (term @ Term::Map { .. }, _) => {
                2 * self.n_raw + maps.iter().position(|map| *map == term).expect("it is one of the columns' terms")
            }
        };
        self.columns.iter().map(|column| group(column) as u32).collect()
    }

    /// One more than the largest group there can be.
    pub fn n_groups(&self) -> usize {
        2 * self.n_raw + self.maps().len()
    }

    /// The maps, in order of their columns.
    pub fn maps(&self) -> Vec<&Term> {
        let mut maps: Vec<&Term> = Vec::new();
        for column in self.columns.iter().filter(|column| column.part == Part::Joint) {
            if !maps.contains(&&column.term) {
                maps.push(&column.term);
            }
        }
        maps
    }

    /// The design of all rows.
    ///
    /// # Errors
    /// [`Error::Shape`] when the codes have fewer features than the columns name.
    pub fn design(&self, codes: &Codes) -> Result<Design, Error> {
        check_len("codes", codes.columns.len(), self.raw.len())?;
        let d = self.columns.len();
        let mut x = vec![0.0; codes.n_rows * d];
        if d > 0 {
            let strips = x.par_chunks_mut(STRIP_ROWS * d).enumerate();
            strips.for_each(|(strip, out)| self.fill(codes, strip * STRIP_ROWS, out));
        }
        let source = self.columns.iter().map(|column| self.raw[first_feature(&column.term)]).collect();
        Design::from_parts(codes.n_rows, x, source)
    }

    fn fill(&self, codes: &Codes, start: usize, out: &mut [f32]) {
        let d = self.columns.len();
        let rows = start..start + out.len() / d;
        for (j, column) in self.columns.iter().enumerate() {
            let cells = out[j..].iter_mut().step_by(d);
            match &column.term {
                Term::Curve { feature } => {
                    let codes = &codes.columns[*feature][rows.clone()];
                    cells.zip(codes).for_each(|(x, code)| *x = column.table[usize::from(*code)]);
                }
                Term::Map { features, groups } => {
                    let [a, b] = features.map(|feature| &codes.columns[feature][rows.clone()]);
                    for ((x, a), b) in cells.zip(a).zip(b) {
                        *x = column.value_at(groups, *a, *b);
                    }
                }
            }
        }
    }

    /// The coded features that have a column, in order.
    pub fn used(&self) -> Vec<usize> {
        let mut features: Vec<usize> = self.columns.iter().flat_map(|column| features_of(&column.term)).collect();
        features.sort_unstable();
        features.dedup();
        features
    }

    /// The sum an offer's coefficients make of the columns: a curve for each of [`Basis::used`], in order, then the maps.
    ///
    /// Terms name features by their position among those used, as [`Coded::bins_of`] has them. They are centered over all rows of
    /// `coded`, so that the picture is unique; the linear predictor stays.
    ///
    /// # Errors
    /// [`Error::Shape`] when there is not one coefficient a column.
    pub fn model(&self, beta: &[f64], intercept: f64, coded: &Coded) -> Result<Additive, Error> {
        check_len("beta", beta.len(), self.columns.len())?;
        let used = self.used();
        let curves = used.iter().map(|&feature| Term::Curve { feature });
        let terms: Vec<Term> = curves.chain(self.maps().into_iter().cloned()).collect();
        let sum = |term: &Term| {
            let mut sum = vec![0.0; term.size(&coded.bins)];
            for (column, beta) in self.columns.iter().zip(beta).filter(|(column, _)| column.term == *term) {
                sum.iter_mut().zip(&column.table).for_each(|(sum, x)| *sum += beta * f64::from(*x));
            }
            sum
        };
        let mut model = Additive { coefficients: terms.iter().map(sum).collect(), terms, intercept };
        model.separate(&coded.bins, &coded.codes);
        let position = |feature: &mut usize| {
            *feature = used.binary_search(feature).expect("every feature of a term is used");
        };
        for term in &mut model.terms {
            match term {
                Term::Curve { feature } => position(feature),
                Term::Map { features, .. } => features.iter_mut().for_each(position),
            }
        }
        Ok(model)
    }
}

impl BasisColumn {
    fn value_at(&self, groups: &[Groups; 2], a: u8, b: u8) -> f32 {
        let [a, b] = [groups[0].of_code[usize::from(a)], groups[1].of_code[usize::from(b)]].map(usize::from);
        if a < groups[0].n && b < groups[1].n { self.table[a * groups[1].n + b] } else { 0.0 }
    }
}

fn features_of(term: &Term) -> Vec<usize> {
    match term {
        Term::Curve { feature } => vec![*feature],
        Term::Map { features, .. } => features.to_vec(),
    }
}

fn first_feature(term: &Term) -> usize {
    match term {
        Term::Curve { feature } => *feature,
        Term::Map { features, .. } => features[0],
    }
}

/// An encoder's column by code: its mean over training rows, or what it says of a level or of no value.
fn averaged(column: &Column, values: &[f32], coded: &Coded, feature: usize) -> Vec<f32> {
    let of = |value: f32| {
        let mut encoded = [0.0];
        column.encode(&[value], encoded.iter_mut());
        encoded[0]
    };
    let bins = &coded.bins.features[feature];
    let mut table = match &bins.cut {
        Cut::Number { .. } => means(column, values, coded, feature),
        // No level is negative.
        Cut::Category { levels } => levels.iter().map(|level| of(*level as f32)).chain([of(-1.0), 0.0]).collect(),
    };
    table[usize::from(bins.absent())] = of(f32::NAN);
    table
}

/// Mean of an encoder's column over some training rows with each code, spread over all of them; 0 for a code none has.
fn means(column: &Column, values: &[f32], coded: &Coded, feature: usize) -> Vec<f32> {
    let n_codes = coded.counts[feature].len();
    let stride = coded.rows.len().div_ceil(SAMPLE).max(1);
    let rows: Vec<u32> = coded.rows.iter().copied().step_by(stride).collect();
    let chosen: Vec<f32> = rows.iter().map(|row| values[*row as usize]).collect();
    let mut encoded = vec![0.0; chosen.len()];
    column.encode(&chosen, encoded.iter_mut());
    let (mut sums, mut counts) = (vec![0.0_f64; n_codes], vec![0_u64; n_codes]);
    for (row, x) in rows.iter().zip(encoded) {
        let code = usize::from(coded.codes.columns[feature][*row as usize]);
        sums[code] += f64::from(x);
        counts[code] += 1;
    }
    sums.iter().zip(&counts).map(|(sum, count)| if *count > 0 { (sum / *count as f64) as f32 } else { 0.0 }).collect()
}

/// The bends of a feature beside the straight columns it has; none for a category or where two bins are all there is.
pub fn bends(coded: &Coded, basis: &Basis, feature: usize) -> Vec<BasisColumn> {
    let n = coded.bins.features[feature].n_ordered();
    let weights: Vec<f64> = coded.counts[feature][..n].iter().map(|count| *count as f64).collect();
    let total: f64 = weights.iter().sum();
    if n < 3 || total <= 0.0 {
        return Vec::new();
    }
    let mut kept: Vec<Vec<f64>> = Vec::new();
    let straight = basis.of_feature(feature).map(|column| column.table[..n].iter().map(|x| f64::from(*x)).collect());
    for function in std::iter::once(vec![1.0; n]).chain(straight) {
        kept.extend(orthonormal(function, &kept, &weights));
    }
    let before = kept.len();
    let rank = ranks(&weights);
    for degree in 1..=BENDS as i32 {
        kept.extend(orthonormal(rank.iter().map(|u| u.powi(degree)).collect(), &kept, &weights));
    }
    let column = |(k, function): (usize, Vec<f64>)| {
        // Unit variance over the rows with a value, less for the wigglier ones; 0 for the absent code.
        let scale = total.sqrt() / (k + 1) as f64;
        let table = function.iter().map(|x| (x * scale) as f32).chain([0.0]).collect();
        BasisColumn { term: Term::Curve { feature }, part: Part::Bend, table }
    };
    kept.split_off(before).into_iter().enumerate().map(column).collect()
}

/// Where the middle of each bin stands among all rows, from −1 to 1.
fn ranks(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut before = 0.0;
    let rank = |weight: &f64| {
        let middle = before + weight / 2.0;
        before += weight;
        2.0 * middle / total - 1.0
    };
    weights.iter().map(rank).collect()
}

/// What of `function` is orthogonal to `others` (themselves orthonormal), with norm one; `None` when hardly anything is.
fn orthonormal(mut function: Vec<f64>, others: &[Vec<f64>], weights: &[f64]) -> Option<Vec<f64>> {
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(weights).map(|((a, b), w)| w * a * b).sum::<f64>();
    let before = product(&function, &function);
    // Twice is enough: W. Gander, L. Molinari and H. Švecová, Numerische Prozeduren aus Nachlass und Lehre von Prof. Heinz Rutishauser, 1977.
    for _ in 0..2 {
        for other in others {
            let part = product(&function, other);
            function.iter_mut().zip(other).for_each(|(f, o)| *f -= part * o);
        }
    }
    let norm = product(&function, &function);
    let is_new = norm > NOTHING_NEW * before && norm > 0.0;
    is_new.then(|| function.iter().map(|f| f / norm.sqrt()).collect())
}

/// The joint columns of two features.
pub fn joint(coded: &Coded, features: [usize; 2]) -> Vec<BasisColumn> {
    let groups = features.map(|feature| coded.groups(feature));
    let sides = [0, 1].map(|side| side_functions(&groups[side], &coded.counts[features[side]]));
    let term = Term::Map { features, groups };
    let Term::Map { groups, .. } = &term else { return Vec::new() };
    let counts = cell_counts(coded, features, groups);
    let mut columns = Vec::new();
    for (i, a) in sides[0].iter().enumerate() {
        for (j, b) in sides[1].iter().enumerate() {
            let product = a.iter().flat_map(|a| b.iter().map(move |b| a * b)).collect();
            let Some(function) = orthonormal(product, &[uniform(&counts)], &counts) else { continue };
            let scale = counts.iter().sum::<f64>().sqrt() / ((i + 1) * (j + 1)) as f64;
            let table = function.iter().map(|x| (x * scale) as f32).collect();
            columns.push(BasisColumn { term: term.clone(), part: Part::Joint, table });
        }
    }
    columns
}

/// The constant with norm one.
fn uniform(counts: &[f64]) -> Vec<f64> {
    vec![1.0 / counts.iter().sum::<f64>().max(f64::MIN_POSITIVE).sqrt(); counts.len()]
}

fn cell_counts(coded: &Coded, features: [usize; 2], groups: &[Groups; 2]) -> Vec<f64> {
    let mut counts = vec![0.0; groups[0].n * groups[1].n];
    let [a, b] = features.map(|feature| &coded.codes.columns[feature]);
    for &row in &coded.rows {
        let [a, b] = [groups[0].of_code[usize::from(a[row as usize])], groups[1].of_code[usize::from(b[row as usize])]];
        counts[usize::from(a) * groups[1].n + usize::from(b)] += 1.0;
    }
    counts
}

/// Functions of groups: a line and a bow over ordered ones; whether a category is its second or third most frequent level.
fn side_functions(groups: &Groups, counts: &[u64]) -> Vec<Vec<f64>> {
    let mut weights = vec![0.0; groups.n];
    for (group, count) in groups.of_code.iter().zip(counts) {
        if let Some(weight) = weights.get_mut(usize::from(*group)) {
            *weight += *count as f64;
        }
    }
    let mut kept = Vec::new();
    if groups.n_ordered == 0 {
        for level in 1..groups.n.min(SIDE_FUNCTIONS + 1) {
            let indicator = (0..groups.n).map(|group| f64::from(u8::from(group == level))).collect();
            kept.extend(orthonormal(indicator, &[uniform(&weights)], &weights));
        }
        return kept;
    }
    let n = groups.n_ordered;
    let rank = ranks(&weights[..n]);
    let mut known = vec![uniform(&weights[..n])];
    for degree in 1..=SIDE_FUNCTIONS as i32 {
        let power = rank.iter().map(|u| u.powi(degree)).collect();
        if let Some(mut function) = orthonormal(power, &known, &weights[..n]) {
            known.push(function.clone());
            function.resize(groups.n, 0.0);
            kept.push(function);
        }
    }
    kept
}
