//! Many offers on one design: what they have in common, and where each differs, learned together.
//!
//! A single offer has few takes and many columns. All offers together know much more: which features matter at all, and that a
//! customer who buys much buys of everything. The prior that says so, for offer k and a column j of feature g:
//!
//!   βₖⱼ ~ N(mⱼ, 1/p(g)),   mⱼ ~ N(0, 1/q(g)).
//!
//! The common coefficients m and the precisions p and q maximize the evidence over all offers; `DESIGN.md` derives the updates.
//! A feature no offer needs gets large precisions and all but disappears; with much data of its own an offer follows its data.

use osusume_model::Control;
use rayon::prelude::*;

use crate::error::{Error, OfferError, check_len};
use crate::evidence::{Evidence, Quadratic};
use crate::logistic::{Fit, Problem, conclude, start_params};
use crate::newton::{Search, State, Stopping, minimize, renew_outdated};
use crate::prior::Prior;
use crate::problem::Objective;
use crate::team::{Failure, collect, in_teams};

/// Rounds of fitting all offers and updating the precisions.
const MAX_ROUNDS: u32 = 2;
/// Mean change of ln p and ln q over a round, weighted by what the data determine, below which no further round follows.
const SETTLED: f64 = 0.1;
/// Accuracy of the coefficients while the precisions still move.
const COARSE: f64 = 1e-2;
/// A design effect above this says more about a broken table than about repeated rows.
const MAX_DISPERSION: f64 = 20.0;

/// How the offers are fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PooledParams {
    /// As [`crate::logistic::LogisticParams::tolerance`].
    pub tolerance: f64,
    /// Newton steps allowed an offer and round.
    pub max_iterations: u32,
}

impl PooledParams {
    /// What the pipelines use: 1e-8, 100 steps.
    pub const STANDARD: Self = Self { tolerance: 1e-8, max_iterations: 100 };
}

/// Precisions of the prior, one a feature. They outlive the columns: the next fit may start from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Precisions {
    /// p: how closely the offers agree on the coefficients of a feature.
    pub own: Vec<f64>,
    /// q: how small the common coefficients of a feature are.
    pub common: Vec<f64>,
}

/// What the offers share, and a fit each.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// One fit an offer; its prior is centered at `common`.
    pub fits: Vec<Fit>,
    /// m, one a design column.
    pub common: Vec<f64>,
    /// The precisions by feature.
    pub precisions: Precisions,
    /// Design effect of each offer: variance of its scores by customer over that of independent rows, at least 1.
    pub dispersion: Vec<f64>,
}

/// What all offers share before anything is fitted.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// Feature of each design column, below `n_features`.
    pub features: &'a [u32],
    /// Number of features.
    pub n_features: usize,
    /// Customer of each design row; rows of one customer are not independent. Without it each row stands for itself.
    pub customers: Option<&'a [u32]>,
    /// Precisions to start from, of an earlier fit of the same features.
    pub start: Option<&'a Precisions>,
    /// Parameters to start from, one slice an offer: d coefficients and the intercept, or none. They save steps and change nothing
    /// beyond the tolerances.
    pub params: Option<&'a [Option<Vec<f64>>]>,
}

/// Fits one model an offer, each drawn toward what the offers have in common.
///
/// All problems use the same design. One read of it serves a step of many offers; no bit depends on the number of threads.
///
/// # Errors
/// [`Error::Shape`] of the shared slices for offer 0; otherwise as [`crate::logistic::fit`], with the offer.
pub fn fit_pooled(
    problems: &[Problem<'_>],
    shared: &Shared<'_>,
    params: &PooledParams,
    control: &dyn Control,
) -> Result<Pooled, OfferError> {
    let Some(first) = problems.first() else { return Ok(Pooled::empty(shared)) };
    let d = first.design.n_cols();
    check_shared(shared, first).map_err(|error| OfferError { offer: 0, error })?;
    let mut evidence = Evidence::new(shared, d, problems.len());
    let start =
        |offer: usize| shared.params.and_then(|params| params.get(offer).cloned().flatten()).unwrap_or_default();
    let mut points: Vec<Point> =
        (0..problems.len()).map(|offer| Point { params: start(offer), ..Point::default() }).collect();
    let coarse = Stopping { tolerance: params.tolerance.max(COARSE), max_iterations: params.max_iterations };
    for _ in 0..MAX_ROUNDS {
        let round = Round { shared, evidence: &evidence, stopping: coarse, control };
        let quadratics = in_teams(problems, &mut points, |team, points| round.approach(team, points))?;
        let change = evidence.update(&quadratics, control).map_err(|error| OfferError { offer: 0, error })?;
        for ((point, quadratic), beta) in points.iter_mut().zip(&quadratics).zip(&evidence.coefficients) {
            quadratic.move_to(beta, &mut point.params);
        }
        if change < SETTLED {
            break;
        }
    }
    let exact = Stopping { tolerance: params.tolerance, max_iterations: params.max_iterations };
    let round = Round { shared, evidence: &evidence, stopping: exact, control };
    let fits = in_teams(problems, &mut points, |team, points| round.finish(team, points))?;
    let dispersion = points.iter().map(|point| point.dispersion).collect();
    Ok(Pooled { fits, common: evidence.common, precisions: evidence.precisions, dispersion })
}

impl Pooled {
    fn empty(shared: &Shared<'_>) -> Self {
        let none = || vec![1.0; shared.n_features];
        let precisions = shared.start.cloned().unwrap_or_else(|| Precisions { own: none(), common: none() });
        Self { fits: Vec::new(), common: Vec::new(), precisions, dispersion: Vec::new() }
    }
}

fn check_shared(shared: &Shared<'_>, first: &Problem<'_>) -> Result<(), Error> {
    check_len("features", shared.features.len(), first.design.n_cols())?;
    if let Some(customers) = shared.customers {
        check_len("customers", customers.len(), first.design.n_rows())?;
    }
    if let Some(start) = shared.start {
        check_len("own", start.own.len(), shared.n_features)?;
        check_len("common", start.common.len(), shared.n_features)?;
    }
    match shared.features.iter().find(|feature| **feature as usize >= shared.n_features) {
        None => Ok(()),
        Some(feature) => Err(Error::Shape { what: "features", got: *feature as usize, expected: shared.n_features }),
    }
}

/// Where the search for an offer stands between rounds. The rows' own vectors are not kept: with many offers they would fill memory.
struct Point {
    /// Coefficients and intercept; empty before the first round.
    params: Vec<f64>,
    /// Hessian of the mean log-loss near `params`.
    hessian: Option<Vec<f64>>,
    dispersion: f64,
    /// Whether `dispersion` was measured.
    is_dispersed: bool,
}

impl Default for Point {
    fn default() -> Self {
        Self { params: Vec::new(), hessian: None, dispersion: 1.0, is_dispersed: false }
    }
}

/// One pass over the offers under fixed precisions.
struct Round<'a> {
    shared: &'a Shared<'a>,
    evidence: &'a Evidence<'a>,
    stopping: Stopping,
    control: &'a dyn Control,
}

/// An offer of a team under way.
struct Member<'a> {
    objective: Objective<'a>,
    prior: Prior,
    state: State,
}

impl Round<'_> {
    /// Fits offers coarsely and gives the quadratics their log-likelihoods look like there.
    fn approach(&self, problems: &[Problem<'_>], points: &mut [Point]) -> Result<Vec<Quadratic>, Failure> {
        let mut members = self.gather(problems, points)?;
        self.minimize(&mut members)?;
        let results: Vec<Result<Quadratic, Error>> =
            members.par_iter_mut().zip(points).map(|(member, point)| self.quadratic(member, point)).collect();
        collect(results)
    }

    /// Fits offers to the tolerance asked for.
    fn finish(&self, problems: &[Problem<'_>], points: &mut [Point]) -> Result<Vec<Fit>, Failure> {
        let mut members = self.gather(problems, points)?;
        self.minimize(&mut members)?;
        let fits: Vec<Result<Fit, Error>> = members
            .into_par_iter()
            .map(|Member { objective, prior, mut state }| {
                conclude(&objective, prior, self.stopping, false, &mut state, self.control)
            })
            .collect();
        collect(fits)
    }

    /// The searches of a team, taken up where they were left.
    fn gather<'p>(&self, problems: &[Problem<'p>], points: &mut [Point]) -> Result<Vec<Member<'p>>, Failure> {
        let checked: Vec<Result<Objective<'p>, Error>> =
            problems.par_iter().zip(&mut *points).map(|(problem, point)| point.check(problem)).collect();
        let objectives = collect(checked)?;
        let states = State::new_each(&objectives, points.iter().map(|point| point.params.clone()).collect());
        let members: Vec<Result<Member<'p>, Error>> = objectives
            .into_par_iter()
            .zip(states)
            .zip(points)
            .map(|((objective, mut state), point)| {
                match point.hessian.take() {
                    Some(hessian) => state.adopt(&objective, hessian),
                    None => state.adopt_rough(&objective, self.control)?,
                }
                let prior = self.evidence.prior(point.dispersion / objective.total_weight);
                Ok(Member { objective, prior, state })
            })
            .collect();
        collect(members)
    }

    fn minimize(&self, members: &mut [Member<'_>]) -> Result<(), Failure> {
        let mut searches: Vec<Search<'_, '_>> =
            members.iter_mut().map(|Member { objective, prior, state }| Search { objective, prior, state }).collect();
        minimize(&mut searches, self.stopping, self.control)
    }

    fn quadratic(&self, member: &mut Member<'_>, point: &mut Point) -> Result<Quadratic, Error> {
        let Member { objective, prior, state } = member;
        renew_outdated(objective, prior, state, self.control)?;
        if !point.is_dispersed {
            point.is_dispersed = true;
            if let Some(customers) = self.shared.customers {
                point.dispersion = design_effect(objective, &objective.residual(&state.at.eta), customers);
            }
        }
        let hessian = state.take_hessian();
        let scale = objective.total_weight / point.dispersion;
        let quadratic = Quadratic::new(&hessian, &state.at.gradient, &state.params, scale);
        point.params.clone_from(&state.params);
        point.hessian = Some(hessian);
        Ok(quadratic)
    }
}

impl Point {
    /// The checked problem. Sets the parameters to start from.
    fn check<'a>(&mut self, problem: &Problem<'a>) -> Result<Objective<'a>, Error> {
        let objective = Objective::new(problem)?;
        let classes = objective.classes();
        if !classes.is_mixed() {
            return Err(Error::OneClass { positives: classes.positives, rows: classes.rows });
        }
        let start = (!self.params.is_empty()).then_some(self.params.as_slice());
        self.params = start_params(&objective, start)?;
        Ok(objective)
    }
}

/// How much more the scores of whole customers vary than those of their rows would if they were independent: Σ ‖Σ s‖² / Σ ‖s‖² with
/// s = x r, the inner sum over the rows of a customer. Takes seen in two overlapping windows make it about two.
///
/// The trace of the sandwich's middle over that of the rows' own: the first-order correction of Rao and Scott, On Chi-Squared Tests for
/// Multiway Contingency Tables with Cell Proportions Estimated from Survey Data, Annals of Statistics 12 (1984).
fn design_effect(objective: &Objective<'_>, residual: &[f64], customers: &[u32]) -> f64 {
    let mut order: Vec<u32> = (0..objective.n_rows() as u32).collect();
    let customer = |i: u32| customers[objective.design_position(i as usize)];
    if !order.is_sorted_by_key(|&i| customer(i)) {
        order.sort_by_key(|&i| (customer(i), i));
    }
    let (mut together, mut apart) = (0.0, 0.0);
    let mut sum = vec![0.0; objective.design.n_cols()];
    for rows in order.chunk_by(|&a, &b| customer(a) == customer(b)) {
        sum.fill(0.0);
        for &i in rows {
            let (x, r) = (objective.design_row(i as usize), residual[i as usize]);
            let mut square = 0.0;
            for (sum, x) in sum.iter_mut().zip(x) {
                let x = f64::from(*x);
                *sum += x * r;
                square += x * x;
            }
            apart += square * r * r;
        }
        together += sum.iter().map(|s| s * s).sum::<f64>();
    }
    if apart > 0.0 { (together / apart).clamp(1.0, MAX_DISPERSION) } else { 1.0 }
}
