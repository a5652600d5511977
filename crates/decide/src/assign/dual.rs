//! Prices that clear the market: projected Newton steps on the dual, smoothed less and less.
//!
//! The dual is convex and piecewise linear; with N customers its kinks lie 1/N apart, so over a stretch of width h it looks smooth.
//! Each customer's best is smoothed over h between what is taken and the best of the rest (`choice.rs`), which gives a gradient, what is
//! used less what may be, and a Hessian, how many customers stand at each margin. Prices are first found on a sample, whose customers are
//! drawn at equal distances, then corrected on everybody.

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;
use rayon::prelude::*;

use super::choice::{Menu, Taken, smoothed};
use super::field::Field;
use super::market::{Market, Part, Unit};
use crate::{DecideError, Result};

/// Customers of the sample prices are first found on.
const SAMPLE: usize = 20_000;
/// Most Newton steps a width.
const MAX_STEPS: usize = 20;
/// A step changes what a choice costs by so many widths at first, and by so many times more after each that was right.
const TRUST: f64 = 4.0;
/// Most halvings of a step.
const MAX_HALVINGS: usize = 12;
/// Widths of the smoothing on the sample, as shares of the mean of the best bids, from coarse to fine, and how far used and allowed may
/// differ.
const ON_SAMPLE: [(f64, f64); 5] = [(1.0, 0.1), (0.25, 0.05), (0.06, 0.01), (0.015, 0.003), (0.004, 0.001)];
/// Then more customers, at last all, are asked with the margin, in mean bids, outside which they are decided.
const STAGES: [Stage; 2] = [
    Stage { customers: 400_000, margin: 0.14, widths: &[(0.004, 1e-3), (0.002, 3e-4)] },
    Stage { customers: usize::MAX, margin: 0.02, widths: &[(0.002, 1e-4)] },
];
/// At last those who are open within a smaller margin.
const AT_LAST: Stage =
    Stage { customers: usize::MAX, margin: 0.004, widths: &[(5e-4, 2e-5), (1e-4, 1e-5), (2e-5, 1e-5)] };
/// Customers with an alternative within so many mean bids are left to exchanges.
const LEFT: f64 = 1e-3;
/// Most times the customers of a stage are asked.
const MAX_ROUNDS: usize = 4;
/// Highest price, in mean bids: minima that contradict maxima would drive prices up without end.
const DEAREST: f64 = 1e3;
/// Most partial sums held at once.
const MAX_SUMS: usize = 8;
/// Parts of a customer that shares are counted in.
const SHARES: f64 = 4_294_967_296.0;

/// The end of the search.
pub(super) struct Dual {
    /// Price of a unit of each limit.
    pub(super) prices: Vec<f64>,
    /// The last width of the smoothing: channels whose prices are nearer than this are shared.
    pub(super) width: f64,
    /// Customers whose alternatives are nearer than this are not decided by prices.
    pub(super) margin: f64,
    /// What values are added up in.
    pub(super) unit: Unit,
}

/// A price that is not below 0: that of a maximum, or of a minimum, where it is a subsidy.
#[derive(Clone, Copy)]
struct Multiplier {
    limit: usize,
    /// 1 of a maximum, −1 of a minimum.
    sign: f64,
    bound: f64,
    /// What a choice uses of it at most, at least 1.
    most: f64,
}

/// So many customers, asked with a margin in mean bids, and the widths of the smoothing with tolerances as above.
struct Stage {
    customers: usize,
    margin: f64,
    widths: &'static [(f64, f64)],
}

/// Minimizes the dual, and asks everybody at prices near its own.
///
/// # Errors
/// `Stopped`.
pub(super) fn clearing_prices(market: &Market<'_>, control: &dyn Control) -> Result<(Dual, Field)> {
    let n = market.bids.len();
    let multipliers = multipliers(market);
    let nothing = vec![0.0; market.terms.limits.len()];
    let sample = market.sample(SAMPLE);
    let unit = unit(market, &sample);
    let asked = Field::at((market, unit), Some(&sample), &nothing, f64::INFINITY, control)?;
    let scale = scale(&asked.open, unit);
    if multipliers.is_empty() || scale <= 0.0 {
        let width = f64::MIN_POSITIVE;
        let field = Field::at((market, unit), None, &nothing, width, control)?;
        return Ok((Dual { prices: nothing, width, margin: width, unit }, field));
    }
    let mut search = Search::new(market, unit, &multipliers, scale, control);
    for (width, tolerance) in ON_SAMPLE {
        search.minimize(&asked, width * scale, tolerance)?;
    }
    let mut asked = asked;
    for stage in STAGES {
        if stage.customers < n && 2 * stage.customers > n {
            continue;
        }
        let sample = (stage.customers < n).then(|| market.sample(stage.customers));
        asked = search.refine(sample.as_deref(), &stage)?;
    }
    let width = search.finish(&mut asked)?;
    let dual = Dual { prices: prices_of(market, &multipliers, &search.at), width, margin: LEFT * scale, unit };
    Ok((dual, asked))
}

/// Price of a unit of each limit.
fn prices_of(market: &Market<'_>, multipliers: &[Multiplier], at: &[f64]) -> Vec<f64> {
    let mut prices = vec![0.0; market.terms.limits.len()];
    for (multiplier, value) in multipliers.iter().zip(at) {
        prices[multiplier.limit] += multiplier.sign * value;
    }
    prices
}

/// How far the price of an offer has moved at most, whatever the customer's class.
pub(super) fn furthest_move(market: &Market<'_>, before: &[f64], after: &[f64]) -> f64 {
    let [before, after] = [before, after].map(|prices| Menu::new(market, prices, 0.0));
    let cells = before.all().iter().zip(after.all());
    cells.filter(|(before, _)| before.is_finite()).map(|(before, after)| (after - before).abs()).fold(0.0, f64::max)
}

fn multipliers(market: &Market<'_>) -> Vec<Multiplier> {
    let mut all = Vec::new();
    for (k, limit) in market.terms.limits.iter().enumerate() {
        let most = limit.uses.iter().copied().max().unwrap_or(0).max(1) as f64;
        let of = |sign, bound: i64| Multiplier { limit: k, sign, bound: bound as f64, most };
        all.extend(limit.max.map(|max| of(1.0, max)));
        all.extend((market.least[k] > 0).then(|| of(-1.0, market.least[k])));
    }
    all
}

/// What the values of a sample are added up in.
fn unit(market: &Market<'_>, sample: &[u32]) -> Unit {
    let largest = |&customer: &u32| market.bids_of(customer as usize).1.iter().fold(0.0, |a: f32, v| a.max(v.abs()));
    Unit::of(sample.iter().map(largest).fold(0.0, f32::max).into())
}

/// The mean size of the customers' largest bids.
fn scale(parts: &[Part], unit: Unit) -> f64 {
    let largest = |values: &[f32]| values.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max);
    let rows = parts.iter().flat_map(|part| (0..part.len()).map(|row| part.bids_of(row).1));
    let largest = rows.map(largest).filter(|&value| value > 0.0);
    let (sum, n) = largest.fold((0, 0.0), |(sum, n), value| (sum + i128::from(unit.count(value)), n + 1.0));
    if n > 0.0 { unit.amount(sum) / n } else { 0.0 }
}

struct Search<'a> {
    market: &'a Market<'a>,
    unit: Unit,
    multipliers: &'a [Multiplier],
    control: &'a dyn Control,
    /// The mean best bid.
    scale: f64,
    /// Where the decided were asked, and how far the price of a choice may move from there.
    around: Option<(Vec<f64>, f64)>,
    /// The multipliers.
    at: Vec<f64>,
}

/// The dual, its gradient and Hessian in the multipliers.
struct Point {
    dual: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(
        market: &'a Market<'a>,
        unit: Unit,
        multipliers: &'a [Multiplier],
        scale: f64,
        control: &'a dyn Control,
    ) -> Self {
        Self { market, unit, multipliers, control, scale, around: None, at: vec![0.0; multipliers.len()] }
    }

    /// Asks customers and corrects the prices; again where these move further than the margin allows.
    fn refine(&mut self, customers: Option<&[u32]>, stage: &Stage) -> Result<Field> {
        let (market, scale) = (self.market, self.scale);
        let margin = stage.margin * scale;
        let mut round = 1;
        loop {
            let prices = self.prices();
            let asked = Field::at((market, self.unit), customers, &prices, margin, self.control)?;
            self.around = Some((self.at.clone(), margin / 2.0));
            for (width, tolerance) in stage.widths {
                self.minimize(&asked, width * scale, *tolerance)?;
            }
            // Nets of two offers that each moved by less than this are still in the order they were in.
            let moved = furthest_move(market, &prices, &self.prices());
            if moved <= (margin - AT_LAST.margin * scale) / 2.0 || round == MAX_ROUNDS {
                return Ok(asked);
            }
            round += 1;
        }
    }

    /// The last corrections, among those who are open near these prices; the last width.
    fn finish(&mut self, asked: &mut Field) -> Result<f64> {
        let margin = AT_LAST.margin * self.scale;
        // Where the prices of the last stage did not settle, so near nobody can be decided by them.
        if furthest_move(self.market, &asked.prices, &self.prices()) <= (asked.margin - margin) / 2.0 {
            asked.narrow((self.market, self.unit), &self.prices(), margin);
        }
        self.around = Some((self.at.clone(), (margin - LEFT * self.scale) / 2.0));
        let mut last = 0.0;
        for (width, tolerance) in AT_LAST.widths {
            last = width * self.scale;
            self.minimize(asked, last, *tolerance)?;
        }
        Ok(last)
    }

    fn prices(&self) -> Vec<f64> {
        prices_of(self.market, self.multipliers, &self.at)
    }

    /// Steps down until what is used fits, or no step helps.
    fn minimize(&mut self, asked: &Field, width: f64, tolerance: f64) -> Result<()> {
        let mut point = self.point(asked, &self.at, width)?;
        let tolerance = tolerance * self.share(asked);
        // Nobody between two channels is seen from further away than the width: longer steps would only have to be taken back.
        let mut radius = TRUST * width;
        for _ in 0..MAX_STEPS {
            if self.is_cleared(&point, tolerance) {
                break;
            }
            let (step, is_shortened) = self.step(&point, radius);
            let Some((at, next, length)) = self.descend(asked, &point, &step, width)? else { break };
            self.at = at;
            point = next;
            if length < 1.0 {
                radius *= length;
            } else if is_shortened {
                radius *= TRUST;
            }
        }
        Ok(())
    }

    /// Whether every limit is used to within the tolerance, or not at all priced.
    fn is_cleared(&self, point: &Point, tolerance: f64) -> bool {
        self.multipliers.iter().zip(&self.at).zip(&point.gradient).all(|((multiplier, &at), &gradient)| {
            let slack = tolerance * multiplier.bound.max(1.0);
            gradient.abs() <= slack || (at <= 0.0 && gradient >= 0.0)
        })
    }

    /// The Newton step on the multipliers that are not held at 0, at most `radius` in what a choice costs; and whether that shortened it.
    fn step(&self, point: &Point, radius: f64) -> (Vec<f64>, bool) {
        let n = self.at.len();
        let free: Vec<usize> = (0..n).filter(|&k| self.at[k] > 0.0 || point.gradient[k] < 0.0).collect();
        let m = free.len();
        // One customer at the margin of a whole step.
        let floor = |k: usize| self.multipliers[k].most / self.scale;
        let mut ridge = 1e-9;
        loop {
            let mut matrix = vec![0.0; m * m];
            for (i, &a) in free.iter().enumerate() {
                for (j, &b) in free.iter().enumerate().take(i + 1) {
                    matrix[i * m + j] = point.hessian[a * n + b];
                }
                // Nobody at a margin leaves the price of a limit undetermined: the ridge makes the step long but finite.
                matrix[i * m + i] += ridge * point.hessian[a * n + a].max(floor(a));
            }
            if let Ok(factor) = Cholesky::in_place(matrix, m) {
                let mut solved: Vec<f64> = free.iter().map(|&k| -point.gradient[k]).collect();
                factor.solve(&mut solved);
                let mut step = vec![0.0; n];
                let excess =
                    free.iter().zip(&solved).map(|(&k, value)| value.abs() * self.multipliers[k].most / radius);
                let excess = excess.fold(1.0, f64::max);
                free.iter().zip(solved).for_each(|(&k, value)| step[k] = value / excess);
                return (step, excess > 1.0);
            }
            ridge *= 100.0;
        }
    }

    /// A multiplier not below 0, and not so far from where the decided were asked that they would decide otherwise.
    fn allowed(&self, k: usize, value: f64) -> f64 {
        let most = self.multipliers[k].most;
        let highest = DEAREST * self.scale / most;
        let Some((center, reach)) = &self.around else { return value.clamp(0.0, highest) };
        value.clamp((center[k] - reach / most).max(0.0), (center[k] + reach / most).min(highest))
    }

    /// Half the step again and again until the dual is lower; `None` when it never is.
    fn descend(
        &self,
        asked: &Field,
        point: &Point,
        step: &[f64],
        width: f64,
    ) -> Result<Option<(Vec<f64>, Point, f64)>> {
        let mut length = 1.0;
        for _ in 0..MAX_HALVINGS {
            let at: Vec<f64> = (0..self.at.len()).map(|k| self.allowed(k, self.at[k] + length * step[k])).collect();
            if at == self.at {
                return Ok(None);
            }
            let next = self.point(asked, &at, width)?;
            let slope: f64 = self.at.iter().zip(&at).zip(&point.gradient).map(|((old, new), g)| (new - old) * g).sum();
            if next.dual <= point.dual + 1e-4 * slope.min(0.0) && next.dual < point.dual {
                return Ok(Some((at, next, length)));
            }
            length *= 0.5;
        }
        Ok(None)
    }

    /// Share of all customers who were asked.
    fn share(&self, asked: &Field) -> f64 {
        asked.n_asked as f64 / self.market.bids.len().max(1) as f64
    }

    /// One pass over the customers who are open.
    fn point(&self, asked: &Field, at: &[f64], width: f64) -> Result<Point> {
        let market = self.market;
        let menu = Menu::new(market, &prices_of(market, self.multipliers, at), width);
        let flow_of = |parts: &[Part]| {
            let mut flow = Flow::new(market, self.unit);
            for part in parts {
                (0..part.len()).for_each(|row| flow.add(market, (part, row), &menu, width));
            }
            flow
        };
        let n = asked.open.len().div_ceil(MAX_SUMS).max(1);
        let flows: Vec<Flow> = asked.open.par_chunks(n).map(flow_of).collect();
        let mut flow = Flow::new(market, self.unit);
        for other in flows {
            flow.merge(other);
        }
        if let Some(stop) = self.control.stop() {
            return Err(DecideError::Stopped(stop));
        }
        Ok(self.assemble(&flow, asked, &menu, at, width))
    }

    fn assemble(&self, flow: &Flow, asked: &Field, menu: &Menu, at: &[f64], width: f64) -> Point {
        let n_limits = self.market.terms.limits.len();
        let mut uses = Uses { used: vec![0.0; n_limits], hessian: vec![0.0; n_limits * n_limits] };
        uses.add(self.market, (flow, asked), menu, width);
        let n = self.multipliers.len();
        let mut dual = self.unit.amount(flow.value + asked.value);
        for (&taken, price) in asked.taken.iter().zip(menu.all()).filter(|(taken, _)| **taken > 0) {
            dual -= taken as f64 * price;
        }
        let share = self.share(asked);
        let mut point = Point { dual, gradient: Vec::with_capacity(n), hessian: vec![0.0; n * n] };
        for (k, multiplier) in self.multipliers.iter().enumerate() {
            let bound = multiplier.bound * share;
            point.dual += multiplier.sign * bound * at[k];
            point.gradient.push(multiplier.sign * (bound - uses.used[multiplier.limit]));
            for (l, other) in self.multipliers.iter().enumerate() {
                let cell = uses.hessian[multiplier.limit * n_limits + other.limit];
                point.hessian[k * n + l] = multiplier.sign * other.sign * cell;
            }
        }
        point
    }
}

/// What customers take at given prices, added up in whole numbers, so that their order does not matter.
struct Flow {
    n_offers: usize,
    unit: Unit,
    /// Σ of the customers' best values less prices, smoothed, in units.
    value: i128,
    /// Classes × offers: customers who take it, in parts.
    taken: Vec<i64>,
    /// Classes × (offers and nothing)²: customers between what is taken and the best of the rest; the higher position first.
    between: Vec<u32>,
    /// Room for one customer.
    asked: Taken,
}

impl Flow {
    fn new(market: &Market<'_>, unit: Unit) -> Self {
        let (n_classes, n_offers) = (market.classes.len(), market.n_offers());
        Self {
            n_offers,
            unit,
            value: 0,
            taken: vec![0; n_classes * n_offers],
            between: vec![0; n_classes * (n_offers + 1) * (n_offers + 1)],
            asked: Taken::default(),
        }
    }

    fn add(&mut self, market: &Market<'_>, (part, row): (&Part, usize), menu: &Menu, width: f64) {
        let class = part.class_of(row);
        let mut asked = std::mem::take(&mut self.asked);
        part.choose(&market.terms, menu, row, &mut asked);
        for pick in &asked.picks {
            self.value += i128::from(self.unit.count(pick.net));
            self.taken[class * self.n_offers + usize::from(pick.offer)] += SHARES as i64;
        }
        asked.alternatives(|taken, other, gap| {
            if gap < width {
                self.blur(class, (taken, other), smoothed(gap, width));
            }
        });
        self.asked = asked;
    }

    /// Moves a share of a customer from what is taken to what else there was.
    fn blur(&mut self, class: usize, (taken, other): (u16, u16), (added, share): (f64, f64)) {
        self.value += i128::from(self.unit.count(added));
        let n = self.n_offers;
        let position = |offer: u16| usize::from(offer).min(n);
        let (x, y) = (position(taken), position(other));
        let share = (share * SHARES) as i64;
        if x < n {
            self.taken[class * n + x] -= share;
        }
        if y < n {
            self.taken[class * n + y] += share;
        }
        self.between[(class * (n + 1) + x.max(y)) * (n + 1) + x.min(y)] += 1;
    }

    fn merge(&mut self, other: Self) {
        self.value += other.value;
        self.taken.iter_mut().zip(other.taken).for_each(|(a, b)| *a += b);
        self.between.iter_mut().zip(other.between).for_each(|(a, b)| *a += b);
    }
}

/// The flow in units of the limits.
struct Uses {
    used: Vec<f64>,
    /// Limits × limits.
    hessian: Vec<f64>,
}

impl Uses {
    fn add(&mut self, market: &Market<'_>, (flow, asked): (&Flow, &Field), menu: &Menu, width: f64) {
        let n = market.n_offers();
        // The second derivative of the smoothed maximum, for each customer between two offers.
        let curvature = 1.0 / (2.0 * width);
        for class in 0..market.classes.len() {
            let vectors: Vec<Vec<(usize, f64)>> = (0..n).map(|offer| mean_use(market, menu, class, offer)).collect();
            for (offer, vector) in vectors.iter().enumerate() {
                let cell = class * n + offer;
                let taken = flow.taken[cell] as f64 / SHARES + asked.taken[cell] as f64;
                for &(k, amount) in vector {
                    self.used[k] += taken * amount;
                }
                self.add_channels(market, menu, (class, offer), taken, curvature);
            }
            for high in 0..=n {
                for low in 0..high {
                    let between = flow.between[(class * (n + 1) + high) * (n + 1) + low];
                    if between > 0 {
                        let other = vectors.get(high).map_or(&[][..], Vec::as_slice);
                        self.add_outer(&difference(&vectors[low], other), f64::from(between) * curvature);
                    }
                }
            }
        }
    }

    /// The curvature between the two cheapest channels of an offer.
    fn add_channels(
        &mut self,
        market: &Market<'_>,
        menu: &Menu,
        (class, offer): (usize, usize),
        taken: f64,
        curvature: f64,
    ) {
        let (first, second, share) = menu.channels(class, offer);
        if share > 0.0 && taken > 0.0 {
            let of = |channel| uses_of(market, class, offer, channel);
            self.add_outer(&difference(&of(first), &of(second)), taken * curvature);
        }
    }

    fn add_outer(&mut self, vector: &[(usize, f64)], weight: f64) {
        let n = self.used.len();
        for &(k, a) in vector {
            for &(l, b) in vector {
                self.hessian[k * n + l] += weight * a * b;
            }
        }
    }
}

/// What an offer through a channel uses of each limit, where it uses any.
fn uses_of(market: &Market<'_>, class: usize, offer: usize, channel: usize) -> Vec<(usize, f64)> {
    let choice = offer * market.n_channels() + channel;
    let uses = market.uses_of(market.classes[class].segment, choice).iter().map(|&amount| amount as f64).enumerate();
    uses.filter(|&(_, amount)| amount > 0.0).collect()
}

/// What a customer of a class uses by taking an offer, over the shares of the channels.
fn mean_use(market: &Market<'_>, menu: &Menu, class: usize, offer: usize) -> Vec<(usize, f64)> {
    let (first, second, share) = menu.channels(class, offer);
    let mut mean: Vec<(usize, f64)> = uses_of(market, class, offer, first);
    if share > 0.0 {
        for (_, amount) in &mut mean {
            *amount *= 1.0 - share;
        }
        for (k, amount) in uses_of(market, class, offer, second) {
            add_to(&mut mean, k, share * amount);
        }
    }
    mean
}

fn add_to(vector: &mut Vec<(usize, f64)>, k: usize, amount: f64) {
    match vector.iter_mut().find(|(other, _)| *other == k) {
        Some((_, sum)) => *sum += amount,
        None => vector.push((k, amount)),
    }
}

fn difference(a: &[(usize, f64)], b: &[(usize, f64)]) -> Vec<(usize, f64)> {
    let mut result = a.to_vec();
    for &(k, amount) in b {
        add_to(&mut result, k, -amount);
    }
    result
}
