//! Prices that clear the market: projected Newton steps on the dual, smoothed less and less.
//!
//! The dual is convex and piecewise linear; with N customers its kinks lie 1/N apart, so over a stretch of width h it looks smooth.
//! Each customer's best is smoothed over h between what is taken and the best of the rest (`choice.rs`), which gives a gradient, what is
//! used less what may be, and a Hessian, how many customers stand at each margin. Prices are first found on a sample, whose customers are
//! drawn at equal distances, then corrected on everybody.

use osusume_model::Control;
use osusume_numeric::linalg::Cholesky;
use osusume_numeric::sums::reduce;

use super::choice::{Menu, Taken, smoothed};
use super::field::Field;
use super::market::Market;
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
/// The same on everybody who is open at the sample's prices.
const ON_OPEN: [(f64, f64); 2] = [(0.004, 3e-4), (0.001, 2e-4)];
/// Customers with an alternative within this of what they take are open at the sample's prices, in mean bids.
const OPEN: f64 = 0.04;
/// Most times everybody is asked.
const MAX_ROUNDS: usize = 4;
/// Highest price, in mean bids: minima that contradict maxima would drive prices up without end.
const DEAREST: f64 = 1e3;
/// Partial sums of the parallel reduction held at once.
const MAX_STATES: usize = 8;

/// The end of the search.
pub(super) struct Dual {
    /// Price of a unit of each limit.
    pub(super) prices: Vec<f64>,
    /// The last width of the smoothing: customers whose alternatives are nearer than this are not decided by prices.
    pub(super) width: f64,
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

/// Minimizes the dual, and asks everybody at its prices.
///
/// # Errors
/// `Stopped`.
pub(super) fn clearing_prices(market: &Market<'_>, control: &dyn Control) -> Result<(Dual, Field)> {
    let stride = market.bids.len().div_ceil(SAMPLE).max(1);
    let multipliers = multipliers(market);
    let sample = sample(market.bids.len(), stride);
    let scale = scale(market, &sample);
    let share = sample.len() as f64 / market.bids.len().max(1) as f64;
    let nobody = Field::nobody(market);
    let mut search = Search {
        market,
        multipliers: &multipliers,
        control,
        scale,
        asked: &sample,
        decided: &nobody,
        around: None,
        share,
        at: vec![0.0; multipliers.len()],
    };
    let mut width = scale.max(f64::MIN_POSITIVE);
    if !multipliers.is_empty() && scale > 0.0 {
        for (share, tolerance) in ON_SAMPLE {
            width = share * scale;
            search.minimize(width, tolerance)?;
        }
    }
    let mut at = search.at;
    let mut prices = prices_of(market, &multipliers, &at);
    let mut field = Field::at(market, None, &prices, OPEN * scale, control)?;
    for _ in 1..MAX_ROUNDS {
        if stride == 1 || multipliers.is_empty() || scale <= 0.0 {
            break;
        }
        let mut search = Search {
            market,
            multipliers: &multipliers,
            control,
            scale,
            asked: &field.open,
            decided: &field,
            around: Some((at.clone(), OPEN / 2.0 * scale)),
            share: 1.0,
            at,
        };
        for (share, tolerance) in ON_OPEN {
            width = share * scale;
            search.minimize(width, tolerance)?;
        }
        at = search.at;
        let before = std::mem::replace(&mut prices, prices_of(market, &multipliers, &at));
        // Nets of two offers that each moved by less than this are still in the order they were in.
        if furthest_move(market, &before, &prices) <= (OPEN / 2.0 - 2.0 * ON_OPEN[1].0) * scale {
            break;
        }
        field = Field::at(market, None, &prices, OPEN * scale, control)?;
    }
    Ok((Dual { prices, width }, field))
}

/// Price of a unit of each limit.
fn prices_of(market: &Market<'_>, multipliers: &[Multiplier], at: &[f64]) -> Vec<f64> {
    let mut prices = vec![0.0; market.terms.limits.len()];
    for (multiplier, value) in multipliers.iter().zip(at) {
        prices[multiplier.limit] += multiplier.sign * value;
    }
    prices
}

/// How far the price of an offer has moved at most, whatever the customer's channels.
fn furthest_move(market: &Market<'_>, before: &[f64], after: &[f64]) -> f64 {
    let [before, after] = [before, after].map(|prices| Menu::new(&market.terms, &market.classes, prices, 0.0));
    let cells = (0..market.classes.len()).flat_map(|class| before.row(class).iter().zip(after.row(class)));
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

/// One customer out of every `stride`, at a place in it that follows no rhythm the customers could have.
fn sample(n: usize, stride: usize) -> Vec<u32> {
    let place = |stratum: usize| {
        let mixed = (stratum as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 33
    };
    (0..n.div_ceil(stride))
        .map(|stratum| {
            let rows = stratum * stride..n.min((stratum + 1) * stride);
            (rows.start + place(stratum) as usize % rows.len()) as u32
        })
        .collect()
}

/// The mean size of the customers' largest bids, over the sample.
fn scale(market: &Market<'_>, sample: &[u32]) -> f64 {
    let largest = |&customer: &u32| {
        let (_, values) = market.bids_of(customer as usize);
        values.iter().map(|value| f64::from(value.abs())).fold(0.0, f64::max)
    };
    let (sum, n) = sample
        .iter()
        .map(largest)
        .filter(|&value| value > 0.0)
        .fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    if n > 0.0 { sum / n } else { 0.0 }
}

struct Search<'a> {
    market: &'a Market<'a>,
    multipliers: &'a [Multiplier],
    control: &'a dyn Control,
    /// The mean best bid.
    scale: f64,
    /// Customers who are asked.
    asked: &'a [u32],
    /// Those who are not, and take what they take.
    decided: &'a Field,
    /// Share of all customers these two are.
    share: f64,
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

impl Search<'_> {
    /// Steps down until what is used fits, or no step helps.
    fn minimize(&mut self, width: f64, tolerance: f64) -> Result<()> {
        let mut point = self.point(&self.at, width)?;
        // Nobody between two channels is seen from further away than the width: longer steps would only have to be taken back.
        let mut radius = TRUST * width;
        for _ in 0..MAX_STEPS {
            if self.is_cleared(&point, tolerance) {
                break;
            }
            let (step, is_shortened) = self.step(&point, radius);
            let Some((at, next, length)) = self.descend(&point, &step, width)? else { break };
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
            let slack = tolerance * (multiplier.bound * self.share).max(1.0);
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
    fn descend(&self, point: &Point, step: &[f64], width: f64) -> Result<Option<(Vec<f64>, Point, f64)>> {
        let mut length = 1.0;
        for _ in 0..MAX_HALVINGS {
            let at: Vec<f64> = (0..self.at.len()).map(|k| self.allowed(k, self.at[k] + length * step[k])).collect();
            if at == self.at {
                return Ok(None);
            }
            let next = self.point(&at, width)?;
            let slope: f64 = self.at.iter().zip(&at).zip(&point.gradient).map(|((old, new), g)| (new - old) * g).sum();
            if next.dual <= point.dual + 1e-4 * slope.min(0.0) && next.dual < point.dual {
                return Ok(Some((at, next, length)));
            }
            length *= 0.5;
        }
        Ok(None)
    }

    /// One pass over the customers.
    fn point(&self, at: &[f64], width: f64) -> Result<Point> {
        let market = self.market;
        let prices = prices_of(market, self.multipliers, at);
        let menu = Menu::new(&market.terms, &market.classes, &prices, width);
        let mut flow = reduce(
            self.asked.len(),
            MAX_STATES,
            || Flow::new(market),
            |flow, rows| {
                if self.control.stop().is_none() {
                    self.asked[rows].iter().for_each(|&customer| flow.add(market, &menu, customer as usize, width));
                }
            },
            Flow::merge,
        );
        flow.add_decided(market, &menu, self.decided);
        if let Some(stop) = self.control.stop() {
            return Err(DecideError::Stopped(stop));
        }
        Ok(self.assemble(&flow, &menu, at, width))
    }

    fn assemble(&self, flow: &Flow, menu: &Menu, at: &[f64], width: f64) -> Point {
        let n_limits = self.market.terms.limits.len();
        let mut uses = Uses { used: vec![0.0; n_limits], hessian: vec![0.0; n_limits * n_limits] };
        uses.add(self.market, flow, menu, width);
        let n = self.multipliers.len();
        let mut point = Point { dual: flow.value, gradient: Vec::with_capacity(n), hessian: vec![0.0; n * n] };
        for (k, multiplier) in self.multipliers.iter().enumerate() {
            let bound = multiplier.bound * self.share;
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

/// What customers take at given prices, added up.
struct Flow {
    n_offers: usize,
    /// Σ of the customers' best values less prices, smoothed.
    value: f64,
    /// Sets of channels × offers: customers who take it, in shares.
    taken: Vec<f64>,
    /// Sets × (offers and nothing)²: curvature between what is taken and the best of the rest; the higher position first.
    between: Vec<f64>,
    /// Room for one customer.
    asked: Taken,
}

impl Flow {
    fn new(market: &Market<'_>) -> Self {
        let (n_classes, n_offers) = (market.classes.len(), market.n_offers());
        Self {
            n_offers,
            value: 0.0,
            taken: vec![0.0; n_classes * n_offers],
            between: vec![0.0; n_classes * (n_offers + 1) * (n_offers + 1)],
            asked: Taken::default(),
        }
    }

    fn add(&mut self, market: &Market<'_>, menu: &Menu, customer: usize, width: f64) {
        let class = usize::from(market.class_of[customer]);
        let mut asked = std::mem::take(&mut self.asked);
        market.choose(menu, customer, &mut asked);
        for pick in &asked.picks {
            self.value += pick.net;
            self.taken[class * self.n_offers + usize::from(pick.offer)] += 1.0;
        }
        asked.alternatives(|taken, other, gap| {
            if gap < width {
                self.blur(class, (taken, other), smoothed(gap, width));
            }
        });
        self.asked = asked;
    }

    /// Adds those whose offers are decided, at today's prices.
    fn add_decided(&mut self, market: &Market<'_>, menu: &Menu, decided: &Field) {
        let rows = (0..market.classes.len()).flat_map(|class| menu.row(class));
        self.value += decided.value;
        for ((sum, &taken), price) in self.taken.iter_mut().zip(&decided.taken).zip(rows) {
            if taken > 0.0 {
                *sum += taken;
                self.value -= taken * price;
            }
        }
    }

    /// Moves a share of a customer from what is taken to what else there was.
    fn blur(&mut self, class: usize, (taken, other): (u16, u16), (added, share, curvature): (f64, f64, f64)) {
        self.value += added;
        let n = self.n_offers;
        let position = |offer: u16| usize::from(offer).min(n);
        let (x, y) = (position(taken), position(other));
        if x < n {
            self.taken[class * n + x] -= share;
        }
        if y < n {
            self.taken[class * n + y] += share;
        }
        self.between[(class * (n + 1) + x.max(y)) * (n + 1) + x.min(y)] += curvature;
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
    fn add(&mut self, market: &Market<'_>, flow: &Flow, menu: &Menu, width: f64) {
        let n = market.n_offers();
        for class in 0..market.classes.len() {
            let vectors: Vec<Vec<(usize, f64)>> = (0..n).map(|offer| mean_use(market, menu, class, offer)).collect();
            for (offer, vector) in vectors.iter().enumerate() {
                let taken = flow.taken[class * n + offer];
                for &(k, amount) in vector {
                    self.used[k] += taken * amount;
                }
                self.add_channels(market, menu, (class, offer), taken, width);
            }
            for high in 0..=n {
                for low in 0..high {
                    let curvature = flow.between[(class * (n + 1) + high) * (n + 1) + low];
                    if curvature > 0.0 {
                        let other = vectors.get(high).map_or(&[][..], Vec::as_slice);
                        self.add_outer(&difference(&vectors[low], other), curvature);
                    }
                }
            }
        }
    }

    /// The curvature between the two cheapest channels of an offer.
    fn add_channels(&mut self, market: &Market<'_>, menu: &Menu, cell: (usize, usize), taken: f64, width: f64) {
        let (first, second, share) = menu.channels(cell.0, cell.1);
        if share > 0.0 && taken > 0.0 {
            let of = |channel| uses_of(market, cell.1, channel);
            self.add_outer(&difference(&of(first), &of(second)), taken / (2.0 * width));
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
fn uses_of(market: &Market<'_>, offer: usize, channel: usize) -> Vec<(usize, f64)> {
    let choice = offer * market.n_channels() + channel;
    let uses = market.terms.limits.iter().map(|limit| limit.uses[choice] as f64).enumerate();
    uses.filter(|&(_, amount)| amount > 0.0).collect()
}

/// What a customer of a set uses by taking an offer, over the shares of the channels.
fn mean_use(market: &Market<'_>, menu: &Menu, class: usize, offer: usize) -> Vec<(usize, f64)> {
    let (first, second, share) = menu.channels(class, offer);
    let mut mean: Vec<(usize, f64)> = uses_of(market, offer, first);
    if share > 0.0 {
        for (_, amount) in &mut mean {
            *amount *= 1.0 - share;
        }
        for (k, amount) in uses_of(market, offer, second) {
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
