//! Fitting: curves with learned smoothness, the pairs worth a map, then all of it together.

use osusume_model::Control;
use osusume_numeric::elementary::logit;
use osusume_numeric::sums;

use crate::additive::binned::Binned;
use crate::additive::bins::{Bins, Codes};
use crate::additive::evidence::{self, Limits};
use crate::additive::model::Additive;
use crate::additive::pairs::{self, Residuals};
use crate::additive::penalty::TermPenalty;
use crate::additive::search::State;
use crate::additive::terms::Term;
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
    /// What plain files use: 20 maps, 15 updates on 200,000 rows, 50 steps to 1e-8.
    pub const STANDARD: Self =
        Self { max_maps: 20, max_updates: 15, max_evidence_rows: 200_000, max_iterations: 50, tolerance: 1e-8 };
}

/// A model and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditiveFit {
    /// The model.
    pub model: Additive,
    /// Strengths of each term's penalties, as precisions in log-odds: of differences and sizes, see `DESIGN.md`.
    pub strength: Vec<Vec<f64>>,
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

/// Fits an additive model; `start` is one of nearly the same rows whose coefficients and strengths of curves come first.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`] or [`Error::Parameter`] for weights that are none, [`Error::OneClass`],
/// [`Error::NotConverged`], [`Error::Stopped`].
pub fn fit(
    problem: &Problem<'_>,
    params: &AdditiveParams,
    start: Option<&AdditiveFit>,
    control: &dyn Control,
) -> Result<AdditiveFit, Error> {
    let mut fitting = Fitting::new(problem, params, start)?;
    fitting.learn(control)?;
    if params.max_maps > 0 {
        fitting.add_maps(control)?;
    }
    fitting.finish(control)
}

struct Fitting<'a> {
    problem: Problem<'a>,
    params: &'a AdditiveParams,
    binned: Binned,
    terms: Vec<Term>,
    penalties: Vec<TermPenalty>,
    /// Coefficients, then the intercept.
    position: Vec<f64>,
    iterations: u32,
    rows: u64,
    positives: u64,
    weight: f64,
    mean_y: f64,
}

impl<'a> Fitting<'a> {
    fn new(problem: &Problem<'a>, params: &'a AdditiveParams, start: Option<&AdditiveFit>) -> Result<Self, Error> {
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
        let terms: Vec<Term> = (0..bins.features.len()).map(|feature| Term::Curve { feature }).collect();
        let mut penalties: Vec<TermPenalty> = terms.iter().map(|term| TermPenalty::new(term, bins)).collect();
        let binned = Binned::new(bins, codes, &terms, y, w);
        let mut position = vec![0.0; binned.intercept() + 1];
        position[binned.intercept()] = logit(mean_y);
        if let Some(start) = start {
            adopt(start, &terms, &mut penalties, &binned, &mut position)?;
        }
        Ok(Self {
            problem: *problem,
            params,
            binned,
            terms,
            penalties,
            position,
            iterations: 0,
            rows,
            positives,
            weight,
            mean_y,
        })
    }

    /// Learns the strengths, on some of the rows where there are many.
    fn learn(&mut self, control: &dyn Control) -> Result<(), Error> {
        let stride = self.binned.n_rows().div_ceil(self.params.max_evidence_rows.max(1)).max(1);
        let thinned = (stride > 1).then(|| self.binned.every(stride));
        let binned = thinned.as_ref().unwrap_or(&self.binned);
        let limits = Limits::new(self.terms.len(), self.positives, self.weight);
        let mut state = State::new(binned, std::mem::take(&mut self.position));
        evidence::learn(binned, &mut self.penalties, &mut state, limits, self.params.max_updates, control)?;
        self.iterations += state.iterations;
        self.position = state.params;
        Ok(())
    }

    /// Adds the maps the residuals ask for and learns again.
    fn add_maps(&mut self, control: &dyn Control) -> Result<(), Error> {
        let mut state = State::new(&self.binned, self.position.clone());
        state.step(&self.binned, &self.penalties, control)?;
        self.position.clone_from(&state.params);
        self.iterations += 1;
        let Problem { bins, codes, .. } = self.problem;
        let residual: Vec<f64> = state.residual.iter().map(|r| -r).collect();
        let residuals = Residuals { residual: &residual, curvature: &state.curvature };
        let found = pairs::find(bins, codes, &residuals, self.params.max_maps, control)?;
        if found.is_empty() {
            return Ok(());
        }
        let maps: Vec<Term> = found.into_iter().map(|candidate| candidate.term).collect();
        let intercept = self.position.pop().expect("the intercept is the last parameter");
        self.binned.extend(bins, codes, &maps);
        self.position.resize(self.binned.intercept(), 0.0);
        self.position.push(intercept);
        self.penalties.extend(maps.iter().map(|map| TermPenalty::new(map, bins)));
        self.terms.extend(maps);
        self.learn(control)
    }

    /// Goes to the optimum for the strengths there are.
    fn finish(mut self, control: &dyn Control) -> Result<AdditiveFit, Error> {
        let tolerance = self.params.tolerance * 4.0 * self.mean_y * (1.0 - self.mean_y) * self.weight;
        let mut state = State::new(&self.binned, std::mem::take(&mut self.position));
        let max_iterations = self.params.max_iterations;
        let max_gradient = state.minimize(&self.binned, &self.penalties, tolerance, max_iterations, control)?;
        let inverse = state.step(&self.binned, &self.penalties, control)?.inverse();
        let effective_dof = evidence::effective_dof(&self.binned, &self.penalties, &inverse);
        let ends = self.binned.offsets().windows(2);
        let zeros = vec![0.0; self.binned.n_rows()];
        let mut model = Additive {
            coefficients: ends.map(|ends| state.params[ends[0]..ends[1]].to_vec()).collect(),
            intercept: state.params[self.binned.intercept()],
            terms: self.terms,
        };
        model.separate(self.problem.bins, self.problem.codes);
        Ok(AdditiveFit {
            model,
            strength: self.penalties.iter().map(|penalty| penalty.strength.clone()).collect(),
            effective_dof,
            loss: self.binned.loss(&state.eta, &zeros, 0.0) / self.weight,
            iterations: self.iterations + state.iterations,
            max_gradient,
            rows: self.rows,
            positives: self.positives,
            warnings: warnings(&self.binned, &state, effective_dof),
        })
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

/// Takes coefficients and strengths of the curves of another fit.
fn adopt(
    start: &AdditiveFit,
    terms: &[Term],
    penalties: &mut [TermPenalty],
    binned: &Binned,
    position: &mut [f64],
) -> Result<(), Error> {
    for (term, (penalty, ends)) in terms.iter().zip(penalties.iter_mut().zip(binned.offsets().windows(2))) {
        let Some(at) = start.model.terms.iter().position(|other| other == term) else { continue };
        check_len("start", start.model.coefficients[at].len(), ends[1] - ends[0])?;
        check_len("start", start.strength[at].len(), penalty.strength.len())?;
        position[ends[0]..ends[1]].copy_from_slice(&start.model.coefficients[at]);
        penalty.strength.clone_from(&start.strength[at]);
    }
    position[binned.intercept()] = start.model.intercept;
    Ok(())
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
