//! Newton's method on the penalized sum of log-losses, for given strengths of the penalties.

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;
use osusume_numeric::sums;

use crate::additive::binned::Binned;
use crate::additive::monotone::Orders;
use crate::additive::penalty::TermPenalty;
use crate::error::{Error, check_control};

/// Sufficient decrease of Armijo's rule.
const ARMIJO: f64 = 1.0 / 8192.0;
/// Halvings before the line search gives up.
const MAX_HALVINGS: u32 = 40;
/// Rounding of the objective's sum, relative: decreases below it cannot be seen.
const ROUNDING: f64 = 1e-13;

/// Share of the row weights that may have moved since the Hessian was summed.
const MAX_DRIFT: f64 = 0.125;
/// A step of a kept Hessian is slow when it leaves more than this of the gradient.
const SLOW: f64 = 0.25;

/// Where the search stands.
pub(crate) struct State {
    /// Coefficients, then the intercept.
    pub(crate) params: Vec<f64>,
    pub(crate) eta: Vec<f64>,
    pub(crate) residual: Vec<f64>,
    pub(crate) curvature: Vec<f64>,
    /// Newton steps so far.
    pub(crate) iterations: u32,
    /// What the parameters must satisfy; those it begins with do.
    orders: Orders,
    kept: Option<Kept>,
}

/// A Hessian that serves until it is outdated.
struct Kept {
    /// Lower triangle, without the penalties.
    hessian: Vec<f64>,
    /// Terms it is of.
    n_terms: usize,
    /// The row weights in it.
    curvature: Vec<f64>,
    /// Its factor with penalties of these strengths.
    factor: Option<(Vec<Vec<f64>>, Cholesky)>,
}

impl State {
    pub(crate) fn new(binned: &Binned, params: Vec<f64>) -> Self {
        let n = binned.n_rows();
        let mut state = Self {
            params,
            eta: vec![0.0; n],
            residual: vec![0.0; n],
            curvature: vec![0.0; n],
            iterations: 0,
            orders: Orders::default(),
            kept: None,
        };
        state.place(binned);
        state
    }

    /// As [`Self::new`], among the parameters that satisfy `orders`.
    pub(crate) fn within(binned: &Binned, mut params: Vec<f64>, orders: Orders) -> Self {
        orders.tidy(&mut params);
        Self { orders, ..Self::new(binned, params) }
    }

    /// The orders it keeps.
    pub(crate) fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Goes to other parameters, also of more terms than before: those `binned` has now.
    pub(crate) fn go_to(&mut self, binned: &Binned, mut params: Vec<f64>) {
        self.orders.tidy(&mut params);
        self.params = params;
        self.place(binned);
    }

    /// Goes to where a search over some of the rows of `binned` is.
    pub(crate) fn move_to(&mut self, binned: &Binned, other: &Self) {
        self.iterations += other.iterations;
        self.go_to(binned, other.params.clone());
    }

    /// Brings the linear predictor, residuals and row weights to the present parameters.
    pub(crate) fn place(&mut self, binned: &Binned) {
        binned.linear(&self.params, &mut self.eta);
        binned.link(&self.eta, &mut self.residual, &mut self.curvature);
    }

    /// The gradient of the penalized objective, length d + 1.
    pub(crate) fn gradient(&self, binned: &Binned, penalties: &[TermPenalty]) -> Vec<f64> {
        let mut gradient = binned.by_cell(&self.residual);
        for (penalty, at) in penalties.iter().zip(binned.offsets().windows(2)) {
            penalty.add_product(&self.params[at[0]..at[1]], &mut gradient[at[0]..at[1]]);
        }
        gradient
    }

    /// One damped Newton step by a Hessian that is not outdated. The factor of it and the penalties.
    pub(crate) fn step(
        &mut self,
        binned: &Binned,
        penalties: &[TermPenalty],
        control: &dyn Control,
    ) -> Result<&Cholesky, Error> {
        let gradient = self.gradient(binned, penalties);
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        self.factor(binned, penalties, control)?.solve(&mut direction);
        self.hold(&mut direction);
        self.go(binned, penalties, &direction, -sums::dot(&gradient, &direction));
        self.iterations += 1;
        Ok(self.kept_factor())
    }

    /// The factor of the kept Hessian and the penalties, computed unless it is at hand; the Hessian, too, where it is outdated.
    pub(crate) fn factor(
        &mut self,
        binned: &Binned,
        penalties: &[TermPenalty],
        control: &dyn Control,
    ) -> Result<&Cholesky, Error> {
        if self.kept.as_ref().is_none_or(|kept| kept.drift(&self.curvature) > MAX_DRIFT) {
            let hessian = binned.hessian(&self.curvature, control)?;
            let n_terms = binned.n_terms();
            self.kept = Some(Kept { hessian, n_terms, curvature: self.curvature.clone(), factor: None });
        }
        let kept = self.kept.as_mut().expect("just computed");
        if kept.n_terms < binned.n_terms() {
            kept.hessian = binned.extend_hessian(&kept.hessian, kept.n_terms, &kept.curvature, control)?;
            kept.n_terms = binned.n_terms();
        }
        let strengths = || penalties.iter().map(|penalty| &penalty.strength);
        if kept.factor.as_ref().is_none_or(|(of, _)| of.len() != penalties.len() || !of.iter().eq(strengths())) {
            let mut hessian = kept.hessian.clone();
            let n = self.params.len();
            for (penalty, at) in penalties.iter().zip(binned.offsets()) {
                penalty.add_to(&mut hessian, n, *at);
            }
            let factor = Cholesky::in_place(hessian, n)
                .map_err(|error| Error::Singular { column: error.column, lambda: 0.0 })?;
            kept.factor = Some((strengths().cloned().collect(), factor));
        }
        Ok(self.kept_factor())
    }

    /// Bends a direction so that a whole step along it, and any shorter one, keeps the orders.
    fn hold(&mut self, direction: &mut [f64]) {
        if self.orders.is_empty() {
            return;
        }
        direction.iter_mut().zip(&self.params).for_each(|(d, b)| *d += b);
        let mut orders = std::mem::take(&mut self.orders);
        orders.hold(self.kept_factor(), direction);
        self.orders = orders;
        direction.iter_mut().zip(&self.params).for_each(|(d, b)| *d -= b);
    }

    fn kept_factor(&self) -> &Cholesky {
        let factor = self.kept.as_ref().and_then(|kept| kept.factor.as_ref());
        &factor.expect("the Hessian was factored before the step").1
    }

    /// Goes along `direction` as far as Armijo's rule allows, a whole step at most; `decrement` is −∇fᵀ direction.
    fn go(&mut self, binned: &Binned, penalties: &[TermPenalty], direction: &[f64], decrement: f64) {
        let mut xi = vec![0.0; self.eta.len()];
        binned.linear(direction, &mut xi);
        let quadratics = |t: f64| {
            let at = |j: usize| self.params[j] + t * direction[j];
            let of_term = |(penalty, ends): (&TermPenalty, &[usize])| {
                let b: Vec<f64> = (ends[0]..ends[1]).map(at).collect();
                penalty.quadratic(&b) / 2.0
            };
            penalties.iter().zip(binned.offsets().windows(2)).map(of_term).sum::<f64>()
        };
        let value = |t: f64| binned.loss(&self.eta, &xi, t) + quadratics(t);
        let before = value(0.0);
        let mut t = 1.0;
        for _ in 0..MAX_HALVINGS {
            if value(t) <= before - ARMIJO * t * decrement + ROUNDING * before.abs() {
                break;
            }
            t /= 2.0;
        }
        self.params.iter_mut().zip(direction).for_each(|(b, d)| *b += t * d);
        self.orders.tidy(&mut self.params);
        self.place(binned);
    }

    /// The largest derivative that no order explains.
    fn violation(&self, binned: &Binned, penalties: &[TermPenalty]) -> f64 {
        self.orders.largest_violation(&self.gradient(binned, penalties), &self.params)
    }

    /// Steps until no derivative exceeds `tolerance`. The largest that is left.
    pub(crate) fn minimize(
        &mut self,
        binned: &Binned,
        penalties: &[TermPenalty],
        tolerance: f64,
        max_iterations: u32,
        control: &dyn Control,
    ) -> Result<f64, Error> {
        let mut max_gradient = self.violation(binned, penalties);
        let mut left = max_iterations;
        while max_gradient > tolerance {
            if left == 0 {
                let iterations = self.iterations;
                return Err(Error::NotConverged { iterations, max_gradient, tolerance, is_separated: false });
            }
            left -= 1;
            check_control(control)?;
            self.step(binned, penalties, control)?;
            let before = max_gradient;
            max_gradient = self.violation(binned, penalties);
            if max_gradient > SLOW * before && self.kept.as_ref().is_some_and(|kept| kept.drift(&self.curvature) > 0.0)
            {
                self.kept = None;
            }
        }
        Ok(max_gradient)
    }
}

impl Kept {
    /// Σ |c − c₀| / Σ c₀ of the row weights now against those in the Hessian.
    fn drift(&self, curvature: &[f64]) -> f64 {
        let moved: f64 = self.curvature.iter().zip(curvature).map(|(before, now)| (now - before).abs()).sum();
        moved / sums::sum(&self.curvature).max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

#[cfg(test)]
mod tests {
    use osusume_model::NoControl;

    use super::*;
    use crate::additive::bins::{Bins, Codes, Cut, FeatureBins};
    use crate::additive::cells::Cells;
    use crate::additive::monotone::Direction;
    use crate::additive::terms::{Groups, Term};
    use crate::design::Design;
    use crate::encoder::RawKind;
    use crate::logistic::{LogisticParams, Penalty, Problem, fit};

    fn noise(i: usize, salt: usize) -> usize {
        (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) >> 7
    }

    /// A number of five bins and a category of three levels.
    fn sample(n_rows: usize) -> (Bins, Codes, Vec<f64>) {
        let features = vec![
            FeatureBins { raw: 0, cut: Cut::Number { edges: vec![1.0, 2.0, 3.0, 4.0] } },
            FeatureBins { raw: 1, cut: Cut::Category { levels: vec![0, 1, 2] } },
        ];
        let bins = Bins { kinds: vec![RawKind::Numeric, RawKind::Category { n_levels: 3 }], features };
        let column = |salt: usize, n: usize| (0..n_rows).map(|i| (noise(i, salt) % n) as u8).collect::<Vec<u8>>();
        let codes = Codes { n_rows, columns: vec![column(1, 6), column(2, 5)] };
        let y =
            (0..n_rows).map(|i| f64::from(u8::from(noise(i, 3) % 7 < 2 + usize::from(codes.columns[0][i])))).collect();
        (bins, codes, y)
    }

    fn terms() -> Vec<Term> {
        let groups = |of_code: &[u8], n, n_ordered| Groups { of_code: of_code.to_vec(), n, n_ordered };
        let map = [groups(&[0, 0, 1, 1, 1, 2], 3, 2), groups(&[0, 1, 1, 2, 2], 3, 0)];
        vec![Term::Curve { feature: 0 }, Term::Curve { feature: 1 }, Term::Map { features: [0, 1], groups: map }]
    }

    fn cells(terms: &[Term], bins: &Bins) -> Vec<Cells> {
        terms.iter().map(|term| Cells::of(term, bins)).collect()
    }

    fn setting(n_rows: usize) -> (Binned, Vec<TermPenalty>) {
        let (bins, codes, y) = sample(n_rows);
        let w = (0..n_rows).map(|i| (noise(i, 4) % 3) as f64 * 0.5).collect();
        let cells = cells(&terms(), &bins);
        let mut penalties: Vec<TermPenalty> = cells.iter().map(TermPenalty::new).collect();
        let binned = Binned::new(&codes, &cells, y, w);
        for lambda in penalties.iter_mut().flat_map(|penalty| &mut penalty.strength) {
            *lambda *= 0.7;
        }
        (binned, penalties)
    }

    fn objective(binned: &Binned, penalties: &[TermPenalty], params: &[f64]) -> f64 {
        let state = State::new(binned, params.to_vec());
        let ends = binned.offsets().windows(2);
        let quadratics = penalties.iter().zip(ends).map(|(penalty, at)| penalty.quadratic(&params[at[0]..at[1]]) / 2.0);
        binned.loss(&state.eta, &vec![0.0; binned.n_rows()], 0.0) + quadratics.sum::<f64>()
    }

    #[test]
    fn derivatives_match_finite_differences() {
        let (binned, penalties) = setting(300);
        let n = binned.intercept() + 1;
        let params: Vec<f64> = (0..n).map(|j| (noise(j, 9) % 100) as f64 / 100.0 - 0.5).collect();
        let state = State::new(&binned, params.clone());
        let gradient = state.gradient(&binned, &penalties);
        let mut hessian = binned.hessian(&state.curvature, &NoControl).unwrap();
        penalties.iter().zip(binned.offsets()).for_each(|(penalty, at)| penalty.add_to(&mut hessian, n, *at));
        let h = 1e-5;
        for j in 0..n {
            let at = |step: f64| {
                let mut params = params.clone();
                params[j] += step;
                params
            };
            let [above, below] = [h, -h].map(|step| objective(&binned, &penalties, &at(step)));
            assert!(((above - below) / (2.0 * h) - gradient[j]).abs() < 1e-5, "{j}");
            let [above, below] = [h, -h].map(|step| State::new(&binned, at(step)).gradient(&binned, &penalties));
            for k in 0..n {
                let expected = (above[k] - below[k]) / (2.0 * h);
                assert!((expected - hessian[j.max(k) * n + j.min(k)]).abs() < 1e-5, "{j} {k}");
            }
        }
    }

    #[test]
    fn every_step_descends_to_where_the_gradient_vanishes() {
        let (binned, penalties) = setting(400);
        let mut state = State::new(&binned, vec![0.0; binned.intercept() + 1]);
        let mut last = f64::INFINITY;
        for _ in 0..4 {
            state.step(&binned, &penalties, &NoControl).unwrap();
            let value = objective(&binned, &penalties, &state.params);
            assert!(value <= last + 1e-9, "{value} after {last}");
            last = value;
        }
        state.minimize(&binned, &penalties, 1e-9, 20, &NoControl).unwrap();
        assert!(largest(&state.gradient(&binned, &penalties)) <= 1e-9);
        // Far outside, where a whole step would overshoot.
        let mut far = State::new(&binned, vec![6.0; binned.intercept() + 1]);
        far.minimize(&binned, &penalties, 1e-9, 50, &NoControl).unwrap();
        assert!(far.params.iter().zip(&state.params).all(|(a, b)| (a - b).abs() < 1e-7));
    }

    #[test]
    fn terms_that_join_extend_the_hessian_there_is() {
        let (bins, codes, y) = sample(300);
        let cells = cells(&terms(), &bins);
        let mut binned = Binned::new(&codes, &cells[..2], y.clone(), vec![1.0; 300]);
        let mut state = State::new(&binned, vec![0.25; binned.intercept() + 1]);
        let penalties: Vec<TermPenalty> = cells.iter().map(TermPenalty::new).collect();
        state.factor(&binned, &penalties[..2], &NoControl).unwrap();
        let weights = state.kept.as_ref().unwrap().curvature.clone();
        binned.extend(&codes, &cells[2..]);
        let mut params = state.params.clone();
        let intercept = params.pop().unwrap();
        params.resize(binned.intercept(), 0.0);
        params.push(intercept);
        state.go_to(&binned, params);
        let all = Binned::new(&codes, &cells, y, vec![1.0; 300]);
        assert_eq!(state.eta, State::new(&all, state.params.clone()).eta);
        state.factor(&binned, &penalties, &NoControl).unwrap();
        let kept = state.kept.as_ref().unwrap();
        assert!(kept.curvature == weights);
        assert!(kept.hessian == all.hessian(&weights, &NoControl).unwrap());
    }

    #[test]
    fn the_optimum_under_orders_satisfies_its_conditions() {
        let (binned, penalties) = setting(400);
        let (bins, ..) = sample(1);
        let cells = cells(&terms(), &bins);
        let mut free = State::new(&binned, vec![0.0; binned.intercept() + 1]);
        free.minimize(&binned, &penalties, 1e-9, 50, &NoControl).unwrap();
        for direction in [Direction::Increasing, Direction::Decreasing] {
            let orders = Orders::new(&binned, &cells, &[direction, Direction::Any]);
            let mut state = State::within(&binned, vec![0.0; binned.intercept() + 1], orders);
            state.minimize(&binned, &penalties, 1e-9, 50, &NoControl).unwrap();
            let sign = if direction == Direction::Increasing { 1.0 } else { -1.0 };
            let is_held = |params: &[f64]| params[..5].windows(2).all(|pair| sign * (pair[1] - pair[0]) >= 0.0);
            assert!(is_held(&state.params), "{:?}", &state.params[..5]);
            // Multipliers are not negative, and zero where neighbors differ.
            let gradient = state.gradient(&binned, &penalties);
            let mut multiplier = 0.0;
            for (k, g) in gradient[..4].iter().enumerate() {
                multiplier -= sign * g;
                assert!(multiplier > -1e-8, "{k} {multiplier}");
                assert!(multiplier < 1e-8 || (state.params[k + 1] - state.params[k]).abs() < 1e-12, "{k} {multiplier}");
            }
            assert!(gradient[5..].iter().all(|g| g.abs() < 1e-8) && gradient[..5].iter().sum::<f64>().abs() < 1e-8);
            let least = objective(&binned, &penalties, &state.params);
            for seed in 0..200 {
                let mut params: Vec<f64> = state.params.clone();
                let size = [1e-3, 0.1, 1.0][seed % 3];
                params
                    .iter_mut()
                    .enumerate()
                    .for_each(|(j, b)| *b += size * ((noise(j, seed) % 200) as f64 / 100.0 - 1.0));
                (1..5).for_each(|k| params[k] = sign * (sign * params[k]).max(sign * params[k - 1]));
                assert!(objective(&binned, &penalties, &params) >= least - 1e-9, "{seed}");
            }
            // What holds anyhow is no constraint.
            if is_held(&free.params) {
                assert!(state.params.iter().zip(&free.params).all(|(a, b)| (a - b).abs() < 1e-7));
            } else {
                assert!(least > objective(&binned, &penalties, &free.params));
            }
        }
    }

    #[test]
    fn levels_are_the_linear_models_indicators() {
        let (bins, codes, y) = sample(500);
        let term = [Term::Curve { feature: 1 }];
        let cells = cells(&term, &bins);
        let binned = Binned::new(&codes, &cells, y.clone(), vec![1.0; 500]);
        let mut penalties = vec![TermPenalty::new(&cells[0])];
        penalties[0].strength[0] = 3.0;
        let mut state = State::new(&binned, vec![0.0; 6]);
        state.minimize(&binned, &penalties, 1e-10, 50, &NoControl).unwrap();
        let x = codes.columns[1].iter().flat_map(|code| (0..5).map(move |k| f32::from(u8::from(*code == k)))).collect();
        let design = Design::from_parts(500, x, vec![0; 5]).unwrap();
        let y: Vec<bool> = y.iter().map(|y| *y > 0.5).collect();
        let problem = Problem { design: &design, rows: None, y: &y, weight: None, offset: None };
        let params = LogisticParams { penalty: Penalty::Fixed(3.0 / 500.0), ..LogisticParams::STANDARD };
        let linear = fit(&problem, &params, None, &NoControl).unwrap();
        assert!(state.params.iter().zip(linear.params()).all(|(a, b)| (a - b).abs() < 1e-6));
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let (binned, penalties) = setting(20_000);
        let run = || {
            let mut state = State::new(&binned, vec![0.0; binned.intercept() + 1]);
            state.minimize(&binned, &penalties, 1e-6, 20, &NoControl).unwrap();
            state.params.iter().map(|b| b.to_bits()).collect::<Vec<u64>>()
        };
        let expected = run();
        for threads in [1, 3, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(run), expected);
        }
    }
}
