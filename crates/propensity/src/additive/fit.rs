//! Fitting: curves with learned smoothness, the pairs worth a map, then all of it together.

use osusume_model::Control;
use osusume_numeric::elementary::logit;
use osusume_numeric::sums;
use rayon::prelude::*;

use crate::additive::binned::Binned;
use crate::additive::bins::{Bins, Codes, Cut, FeatureBins};
use crate::additive::cells::Cells;
use crate::additive::evidence::{self, Limits};
use crate::additive::merge::merged;
use crate::additive::model::Additive;
use crate::additive::monotone::{Direction, Orders};
use crate::additive::pairs::{self, Residuals};
use crate::additive::penalty::TermPenalty;
use crate::additive::search::State;
use crate::error::{Error, Warning, check_finite, check_len};

/// Fewer determined coefficients than this, beside the intercept, are none.
const NO_SIGNAL: f64 = 0.5;

/// What one model is fitted to.
#[derive(Clone, Copy, Debug)]
pub struct Problem<'a> {
    /// How features fall into codes.
    pub bins: &'a Bins,
    /// The codes of every row.
    pub codes: &'a Codes,
    /// The labels.
    pub y: &'a [bool],
    /// Row weights ≥ 0, 1 when `None`. A weight of 2 is the row twice, 0 the row absent.
    pub weight: Option<&'a [f64]>,
}

/// How a model is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdditiveParams {
    /// Maps of pairs, at most.
    pub max_maps: usize,
    /// Updates of the strengths before and after the maps join, at most.
    pub max_updates: u32,
    /// Rows the strengths are learned from, at most; every k-th of more.
    pub max_evidence_rows: usize,
    /// Newton steps at the final strengths, at most.
    pub max_iterations: u32,
    /// Largest absolute derivative at the end, in units of 4ȳ(1 − ȳ) Σw.
    pub tolerance: f64,
}

impl AdditiveParams {
    /// What plain files use: 20 maps, 15 updates on 200,000 rows, 100 steps to 1e-8.
    pub const STANDARD: Self =
        Self { max_maps: 20, max_updates: 15, max_evidence_rows: 200_000, max_iterations: 100, tolerance: 1e-8 };
}

/// A model and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditiveFit {
    /// The model.
    pub model: Additive,
    /// Strengths of each term's penalties, as precisions in log-odds: of differences and sizes, see `DESIGN.md`.
    pub strength: Vec<Vec<f64>>,
    /// How the curves had to run, by feature; empty where all were free.
    pub directions: Vec<Direction>,
    /// How many coefficients the data determine, the intercept included.
    pub effective_dof: f64,
    /// Mean log-loss of the training rows.
    pub loss: f64,
    /// Newton steps.
    pub iterations: u32,
    /// Largest absolute derivative of the penalized sum of log-losses at the end.
    pub max_gradient: f64,
    /// Rows with a positive weight.
    pub rows: u64,
    /// Those labeled 1.
    pub positives: u64,
    /// Findings; columns are positions in the model's terms.
    pub warnings: Vec<Warning>,
}

/// Fits an additive model.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`] or [`Error::Parameter`] for weights that are none, [`Error::OneClass`],
/// [`Error::NotConverged`], [`Error::Stopped`].
pub fn fit(problem: &Problem<'_>, params: &AdditiveParams, control: &dyn Control) -> Result<AdditiveFit, Error> {
    fit_directed(problem, &[], params, control)
}

/// As [`fit`], with how each feature's curve may run: one direction a feature of the bins, or none at all.
///
/// Curves are monotone exactly; where they would be so anyhow, nothing changes. A feature with a direction is in no map, where its
/// direction would depend on another feature. Strengths are learned with the curves as they are held; what of the Hessian they rest on
/// knows nothing of directions.
///
/// # Errors
/// As [`fit`]; [`Error::Parameter`] for the direction of a category.
pub fn fit_directed(
    problem: &Problem<'_>,
    directions: &[Direction],
    params: &AdditiveParams,
    control: &dyn Control,
) -> Result<AdditiveFit, Error> {
    check_directions(problem.bins, directions)?;
    let mut fitting = Fitting::new(problem, directions, params)?;
    fitting.learn(control)?;
    if params.max_maps > 0 {
        fitting.add_maps(control)?;
    }
    fitting.finish(control)
}

struct Fitting<'a> {
    problem: Problem<'a>,
    directions: &'a [Direction],
    params: &'a AdditiveParams,
    binned: Binned,
    terms: Vec<Cells>,
    penalties: Vec<TermPenalty>,
    state: State,
    rows: u64,
    positives: u64,
    weight: f64,
    mean_y: f64,
}

impl<'a> Fitting<'a> {
    fn new(problem: &Problem<'a>, directions: &'a [Direction], params: &'a AdditiveParams) -> Result<Self, Error> {
        let Problem { bins, codes, .. } = *problem;
        codes.check(bins)?;
        let w = checked_weights(problem)?;
        let y: Vec<f64> = problem.y.iter().map(|y| f64::from(u8::from(*y))).collect();
        let rows = w.iter().filter(|w| **w > 0.0).count() as u64;
        let positives = w.iter().zip(problem.y).filter(|(w, y)| **w > 0.0 && **y).count() as u64;
        if positives == 0 || positives == rows {
            return Err(Error::OneClass { positives, rows });
        }
        let weight = sums::sum(&w);
        let mean_y = sums::dot(&w, &y) / weight;
        let by_code = by_code(bins, codes, &y, &w);
        let curve = |(feature, [all, positive]): (usize, &ByCode)| Cells::Curve {
            feature,
            groups: merged(&bins.features[feature], all, positive),
        };
        let terms: Vec<Cells> = by_code.par_iter().enumerate().map(curve).collect();
        let penalties: Vec<TermPenalty> = terms.iter().map(TermPenalty::new).collect();
        let binned = Binned::new(codes, &terms, y, w);
        let mut position = vec![0.0; binned.intercept() + 1];
        position[binned.intercept()] = logit(mean_y);
        let orders = Orders::new(&binned, &terms, directions);
        let state = State::within(&binned, position, orders);
        let problem = *problem;
        Ok(Self { problem, directions, params, binned, terms, penalties, state, rows, positives, weight, mean_y })
    }

    /// Learns the strengths, on some of the rows where there are many.
    fn learn(&mut self, control: &dyn Control) -> Result<(), Error> {
        let limits = Limits::new(self.terms.len(), self.positives, self.weight);
        let stride = self.binned.n_rows().div_ceil(self.params.max_evidence_rows.max(1)).max(1);
        if stride == 1 {
            let Self { binned, penalties, state, params, .. } = self;
            return evidence::learn(binned, penalties, state, limits, params.max_updates, control);
        }
        let thinned = self.binned.every(stride);
        let mut state = State::within(&thinned, self.state.params.clone(), self.state.orders().clone());
        evidence::learn(&thinned, &mut self.penalties, &mut state, limits, self.params.max_updates, control)?;
        self.state.move_to(&self.binned, &state);
        Ok(())
    }

    /// Adds the maps the residuals ask for and learns again.
    fn add_maps(&mut self, control: &dyn Control) -> Result<(), Error> {
        self.state.step(&self.binned, &self.penalties, control)?;
        let Problem { bins, codes, .. } = self.problem;
        let residual: Vec<f64> = self.state.residual.iter().map(|r| -r).collect();
        let residuals = Residuals { residual: &residual, curvature: &self.state.curvature };
        let is_free =
            |feature: usize| self.directions.get(feature).is_none_or(|direction| *direction == Direction::Any);
        let features: Vec<usize> = (0..bins.features.len()).filter(|feature| is_free(*feature)).collect();
        let found = pairs::find_among(bins, codes, &residuals, &features, self.params.max_maps, control)?;
        if found.is_empty() {
            return Ok(());
        }
        let maps: Vec<Cells> = found.iter().filter_map(|candidate| Cells::of_map(&candidate.term)).collect();
        self.binned.extend(codes, &maps);
        self.penalties.extend(maps.iter().map(TermPenalty::new));
        self.terms.extend(maps);
        let mut params = std::mem::take(&mut self.state.params);
        let intercept = params.pop().expect("the intercept is the last parameter");
        params.resize(self.binned.intercept(), 0.0);
        params.push(intercept);
        self.state.go_to(&self.binned, params);
        self.learn(control)
    }

    /// Goes to the optimum for the strengths there are.
    fn finish(self, control: &dyn Control) -> Result<AdditiveFit, Error> {
        let Self { problem, directions, params, binned, terms, penalties, mut state, .. } = self;
        let tolerance = params.tolerance * 4.0 * self.mean_y * (1.0 - self.mean_y) * self.weight;
        let max_gradient = state.minimize(&binned, &penalties, tolerance, params.max_iterations, control)?;
        let effective_dof = evidence::effective_dof(&binned, &penalties, state.factor(&binned, &penalties, control)?);
        let ends = binned.offsets().windows(2);
        let zeros = vec![0.0; binned.n_rows()];
        let mut model = Additive {
            coefficients: terms
                .iter()
                .zip(ends)
                .map(|(term, ends)| term.expand(&state.params[ends[0]..ends[1]]))
                .collect(),
            intercept: state.params[binned.intercept()],
            terms: terms.iter().map(Cells::term).collect(),
        };
        model.separate(problem.bins, problem.codes);
        Ok(AdditiveFit {
            model,
            strength: penalties.into_iter().map(|penalty| penalty.strength).collect(),
            directions: directions.to_vec(),
            effective_dof,
            loss: binned.loss(&state.eta, &zeros, 0.0) / self.weight,
            iterations: state.iterations,
            max_gradient,
            rows: self.rows,
            positives: self.positives,
            warnings: warnings(&binned, &state, effective_dof),
        })
    }
}

fn check_directions(bins: &Bins, directions: &[Direction]) -> Result<(), Error> {
    if directions.is_empty() {
        return Ok(());
    }
    check_len("directions", directions.len(), bins.features.len())?;
    let is_wrong = |(at, direction): &(usize, &Direction)| {
        **direction != Direction::Any && matches!(bins.features[*at].cut, Cut::Category { .. })
    };
    match directions.iter().enumerate().find(is_wrong) {
        Some((at, _)) => Err(Error::Parameter { name: "direction", allowed: "of numbers alone", got: at as f64 }),
        None => Ok(()),
    }
}

fn checked_weights(problem: &Problem<'_>) -> Result<Vec<f64>, Error> {
    let n_rows = problem.codes.n_rows;
    check_len("y", problem.y.len(), n_rows)?;
    let Some(weight) = problem.weight else { return Ok(vec![1.0; n_rows]) };
    check_len("weight", weight.len(), n_rows)?;
    check_finite("weight", weight)?;
    match weight.iter().find(|w| **w < 0.0) {
        Some(negative) => Err(Error::Parameter { name: "weight", allowed: "at least 0", got: *negative }),
        None => Ok(weight.to_vec()),
    }
}

/// Weight of all rows and of the positive ones by code of a feature.
type ByCode = [Vec<f64>; 2];

fn by_code(bins: &Bins, codes: &Codes, y: &[f64], w: &[f64]) -> Vec<ByCode> {
    let sums = |(feature, column): (&FeatureBins, &Vec<u8>)| {
        let mut sums = [vec![0.0; feature.n_codes()], vec![0.0; feature.n_codes()]];
        for ((code, y), w) in column.iter().zip(y).zip(w) {
            sums[0][usize::from(*code)] += w;
            sums[1][usize::from(*code)] += w * y;
        }
        sums
    };
    bins.features.par_iter().zip(&codes.columns).map(sums).collect()
}

fn warnings(binned: &Binned, state: &State, effective_dof: f64) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if effective_dof - 1.0 < NO_SIGNAL {
        warnings.push(Warning::NoSignal);
    }
    if is_separated(binned, state) {
        warnings.push(Warning::Separated { column: pure_term(binned) });
    }
    warnings
}

/// Whether every positive row has a larger linear predictor than every negative one.
fn is_separated(binned: &Binned, state: &State) -> bool {
    let (mut lowest, mut highest) = (f64::INFINITY, f64::NEG_INFINITY);
    for ((eta, y), w) in state.eta.iter().zip(binned.y()).zip(binned.w()) {
        if *w > 0.0 && *y > 0.5 {
            lowest = lowest.min(*eta);
        } else if *w > 0.0 {
            highest = highest.max(*eta);
        }
    }
    lowest > highest
}

/// The first term none of whose cells has rows of both classes.
fn pure_term(binned: &Binned) -> Option<u32> {
    let all = binned.by_cell(binned.w());
    let weighted: Vec<f64> = binned.w().iter().zip(binned.y()).map(|(w, y)| w * y).collect();
    let positive = binned.by_cell(&weighted);
    let is_pure = |cell: usize| positive[cell] <= 0.0 || positive[cell] >= all[cell];
    let pure = binned.offsets().windows(2).position(|ends| (ends[0]..ends[1]).all(is_pure));
    pure.map(|term| term as u32)
}
