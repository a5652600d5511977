//! Scoring a block of customers for all offers at once: a table lookup a term.
//!
//! A row's cell of a term is a byte, and so many offers add the entries they have there: a vector addition a tile of sixteen offers. A
//! block of rows goes through the tables of one tile of offers after the other, which then stay in the second-level cache; within it
//! strips of rows go through the tables of a few terms, which stay in the first.
//!
//! Entries are whole numbers of a unit, a power of two for each offer, small enough that the sums of all rows just fit 32 bits: half the
//! bytes of f64, and no order of addition changes a bit. Where no row's log-odds exceed 32, a unit is 3·10⁻⁸, and the sum of a hundred
//! rounded terms differs from the exact one by 1.5·10⁻⁶ at most and typically 10⁻⁷, as much as f32 makes of the propensity.

use std::ops::Range;

use osusume_model::Control;
use osusume_numeric::dispatch;
use osusume_numeric::elementary::{Tails, tails};
use rayon::prelude::*;

use crate::additive::bins::{Bins, Codes};
use crate::additive::model::Additive;
use crate::additive::terms::Term;
use crate::calibration::Calibrator;
use crate::design::STRIP_ROWS;
use crate::encoder::RawColumns;
use crate::error::{Error, check_control, check_len};

/// Blocks between two polls of the control.
const BLOCKS_A_POLL: usize = 16;
/// Rows that go through the tables of a tile of offers at once.
const BLOCK_ROWS: usize = 8 * STRIP_ROWS;
/// Offers a tile: an AVX-512 register of i32.
const OFFERS: usize = 16;
/// The most that the entries of an offer may add up to, in units: rounding them leaves it below 2³¹.
const MOST_UNITS: f64 = 1_073_741_824.0;
/// Sums are taken to be at least this, so that no unit is too small to divide by.
const LEAST_SUM: f64 = 1.0;
/// Terms added in one pass over a strip. Their tables for 64 bins each and the sums of the strip have 32 KiB.
const TERMS: usize = 4;

/// What the offers of a tile add, in units, aligned so that no load of it crosses two cache lines.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct Lanes([i32; OFFERS]);

const ZERO: Lanes = Lanes([0; OFFERS]);

/// Log-odds of one unit, by offer of a tile.
type Units = [f64; OFFERS];

/// The models of all offers over the same bins and terms, ready to score.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditiveScorer {
    bins: Bins,
    terms: Vec<Term>,
    n_offers: usize,
    /// Entries of a table: the most cells a term has, and one for rows in none.
    n_entries: usize,
    tiles: Vec<Tile>,
}

/// What the offers of a tile add to their calibrated log-odds.
#[derive(Clone, Debug, PartialEq)]
struct Tile {
    /// By term and cell.
    tables: Vec<Lanes>,
    intercepts: Lanes,
    units: Units,
}

/// What an offer's propensity comes from.
#[derive(Clone, Copy, Debug)]
pub enum OfferGround<'a> {
    /// A model and what calibrates it.
    Model(&'a Additive, Calibrator),
    /// Log-odds that are the same for everybody.
    LogOdds(f64),
}

impl OfferGround<'_> {
    fn check(&self, bins: &Bins, terms: &[Term]) -> Result<(), Error> {
        crate::error::check_finite("intercept", &[self.intercept()])?;
        let Self::Model(model, calibrator) = self else { return Ok(()) };
        check_len("terms", model.terms.len(), terms.len())?;
        if model.terms != terms {
            return Err(Error::Shape { what: "terms", got: model.terms.len(), expected: terms.len() });
        }
        check_len("coefficients", model.coefficients.len(), terms.len())?;
        for (term, coefficients) in terms.iter().zip(&model.coefficients) {
            check_len("coefficients", coefficients.len(), term.size(bins))?;
            crate::error::check_finite("coefficients", coefficients)?;
        }
        crate::error::check_finite("slope", &[calibrator.slope])
    }

    /// Calibrated log-odds before anything is added.
    fn intercept(&self) -> f64 {
        match self {
            Self::LogOdds(log_odds) => *log_odds,
            Self::Model(model, calibrator) => calibrator.log_odds(model.intercept),
        }
    }

    /// By term, its coefficients; and what calibration multiplies them with.
    fn effects(&self) -> (&[Vec<f64>], f64) {
        match self {
            Self::LogOdds(_) => (&[], 1.0),
            Self::Model(model, calibrator) => (&model.coefficients, calibrator.slope),
        }
    }
}

impl Tile {
    /// Sets what one offer adds. The unit is the least power of two by which the sums of all rows fit.
    fn set(&mut self, lane: usize, ground: &OfferGround<'_>, n_entries: usize) {
        let (effects, slope) = ground.effects();
        let largest = |coefficients: &Vec<f64>| coefficients.iter().fold(0.0, |most: f64, b| most.max(b.abs()));
        let most = ground.intercept().abs() + slope.abs() * effects.iter().map(largest).sum::<f64>();
        let unit = (most.max(LEAST_SUM) / MOST_UNITS).log2().ceil().exp2();
        let units = |log_odds: f64| (log_odds / unit).round() as i32;
        self.units[lane] = unit;
        self.intercepts.0[lane] = units(ground.intercept());
        for (coefficients, table) in effects.iter().zip(self.tables.chunks_exact_mut(n_entries)) {
            for (cell, b) in table.iter_mut().zip(coefficients) {
                cell.0[lane] = units(slope * b);
            }
        }
    }
}

impl AdditiveScorer {
    /// A scorer of offers over the same bins and terms.
    ///
    /// # Errors
    /// [`Error::Shape`] when a model's terms are not `terms`, [`Error::NotFinite`].
    pub fn new(bins: &Bins, terms: &[Term], offers: &[OfferGround<'_>]) -> Result<Self, Error> {
        let n_entries = terms.iter().map(|term| term.size(bins) + 1).max().unwrap_or(1);
        // Terms that fill the last tile of terms add nothing.
        let empty = Tile {
            tables: vec![ZERO; terms.len().next_multiple_of(TERMS) * n_entries],
            intercepts: ZERO,
            units: [1.0; OFFERS],
        };
        let mut tiles = vec![empty; offers.len().div_ceil(OFFERS)];
        for (offer, ground) in offers.iter().enumerate() {
            ground.check(bins, terms)?;
            tiles[offer / OFFERS].set(offer % OFFERS, ground, n_entries);
        }
        Ok(Self { bins: bins.clone(), terms: terms.to_vec(), n_offers: offers.len(), n_entries, tiles })
    }

    /// Number of offers.
    pub fn n_offers(&self) -> usize {
        self.n_offers
    }

    /// Propensities of all rows of a raw block for all offers. Sets `out` (`raw.n_rows × n_offers`, row-major). Log-odds are sums of
    /// terms rounded to 2⁻³⁰ of the most they can be; each row depends on itself alone, so neither blocks nor threads change a bit.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Stopped`].
    pub fn score_block(&self, raw: &RawColumns<'_>, out: &mut [f32], control: &dyn Control) -> Result<(), Error> {
        check_len("columns", raw.columns.len(), self.bins.kinds.len())?;
        raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))?;
        self.score_all(raw.n_rows, &Raw { bins: &self.bins, columns: raw }, out, control)
    }

    /// As [`Self::score_block`], for rows whose codes are known.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Stopped`].
    pub fn score_codes(&self, codes: &Codes, out: &mut [f32], control: &dyn Control) -> Result<(), Error> {
        codes.check(&self.bins)?;
        self.score_all(codes.n_rows, codes, out, control)
    }

    fn score_all(
        &self,
        n_rows: usize,
        source: &impl CodeSource,
        out: &mut [f32],
        control: &dyn Control,
    ) -> Result<(), Error> {
        check_len("out", out.len(), n_rows * self.n_offers)?;
        if out.is_empty() {
            return Ok(());
        }
        for (part, out) in out.chunks_mut(BLOCK_ROWS * BLOCKS_A_POLL * self.n_offers).enumerate() {
            check_control(control)?;
            let first = part * BLOCK_ROWS * BLOCKS_A_POLL;
            let score = |scratch: &mut Scratch, (block, out): (usize, &mut [f32])| {
                let start = first + block * BLOCK_ROWS;
                self.score_rows(source, start..start + out.len() / self.n_offers, scratch, out);
            };
            let blocks = out.par_chunks_mut(BLOCK_ROWS * self.n_offers).enumerate();
            blocks.for_each_init(|| Scratch::new(self), score);
            control.progress((first + out.len() / self.n_offers) as u64, n_rows as u64);
        }
        Ok(())
    }

    /// Scores the rows of one block.
    fn score_rows(&self, source: &impl CodeSource, rows: Range<usize>, scratch: &mut Scratch, out: &mut [f32]) {
        let Scratch { codes, cells, eta } = scratch;
        let codes = codes.chunks_exact_mut(BLOCK_ROWS).enumerate();
        let codes: Vec<&[u8]> =
            codes.map(|(feature, codes)| source.codes(feature, &rows, &mut codes[..rows.len()])).collect();
        let of_terms = self.terms.iter().zip(cells.chunks_exact_mut(BLOCK_ROWS)).map(|(term, cells)| match term {
            Term::Curve { feature } => codes[*feature],
            Term::Map { features: [a, b], .. } => {
                let cells = &mut cells[..rows.len()];
                term.fill_cells([codes[*a], codes[*b]], cells);
                &*cells
            }
        });
        let nothing = [0; BLOCK_ROWS];
        let padding =
            std::iter::repeat_n(&nothing[..rows.len()], self.terms.len().next_multiple_of(TERMS) - self.terms.len());
        let cells: Vec<&[u8]> = of_terms.chain(padding).collect();
        for (first, tile) in (0..).step_by(OFFERS).zip(&self.tiles) {
            for (strip, out) in out.chunks_mut(STRIP_ROWS * self.n_offers).enumerate() {
                let eta = &mut eta[..out.len() / self.n_offers];
                let rows = strip * STRIP_ROWS..strip * STRIP_ROWS + eta.len();
                eta.fill(tile.intercepts);
                for (tables, cells) in tile.tables.chunks_exact(TERMS * self.n_entries).zip(cells.chunks_exact(TERMS)) {
                    let table = |term: usize| &tables[term * self.n_entries..(term + 1) * self.n_entries];
                    let cells = |term: usize| &cells[term][rows.clone()];
                    add_terms([0, 1, 2, 3].map(table), [0, 1, 2, 3].map(cells), eta);
                }
                write_propensities(eta, &tile.units, first, self.n_offers, out);
            }
        }
    }
}

/// Where the codes of a block's rows come from.
trait CodeSource: Sync {
    /// The codes of a feature for some rows; `scratch` has their length.
    fn codes<'a>(&'a self, feature: usize, rows: &Range<usize>, scratch: &'a mut [u8]) -> &'a [u8];
}

impl CodeSource for Codes {
    fn codes<'a>(&'a self, feature: usize, rows: &Range<usize>, _: &'a mut [u8]) -> &'a [u8] {
        &self.columns[feature][rows.clone()]
    }
}

/// Values that are yet to be cut.
struct Raw<'a> {
    bins: &'a Bins,
    columns: &'a RawColumns<'a>,
}

impl CodeSource for Raw<'_> {
    fn codes<'a>(&'a self, feature: usize, rows: &Range<usize>, scratch: &'a mut [u8]) -> &'a [u8] {
        let feature = &self.bins.features[feature];
        let values = &self.columns.columns[feature.raw as usize][rows.clone()];
        scratch.iter_mut().zip(values).for_each(|(code, value)| *code = feature.code(*value));
        scratch
    }
}

/// What one thread needs for a block.
struct Scratch {
    /// By feature and row.
    codes: Vec<u8>,
    /// By term and row; those of maps alone are used.
    cells: Vec<u8>,
    /// By row of a strip: log-odds of the offers of a tile.
    eta: Vec<Lanes>,
}

impl Scratch {
    fn new(scorer: &AdditiveScorer) -> Self {
        Self {
            codes: vec![0; scorer.bins.features.len() * BLOCK_ROWS],
            cells: vec![0; scorer.terms.len() * BLOCK_ROWS],
            eta: vec![ZERO; STRIP_ROWS],
        }
    }
}

dispatch! {
    /// An index beyond a table ends the loop, and so the compiler adds over offers instead of gathering over rows.
    fn add_terms(tables: [&[Lanes]; TERMS], cells: [&[u8]; TERMS], eta: &mut [Lanes]) {
        let [a, b, c, d] = tables;
        let [p, q, r, s] = cells;
        let cells = p.iter().zip(q).zip(r).zip(s);
        for (eta, (((p, q), r), s)) in eta.iter_mut().zip(cells) {
            let (p, q) = (&a[usize::from(*p)].0, &b[usize::from(*q)].0);
            let (r, s) = (&c[usize::from(*r)].0, &d[usize::from(*s)].0);
            for lane in 0..OFFERS {
                eta.0[lane] += p[lane] + q[lane] + (r[lane] + s[lane]);
            }
        }
    }

    /// Propensities of the offers from `first` on, of a tile.
    fn write_propensities(eta: &[Lanes], units: &Units, first: usize, n_offers: usize, out: &mut [f32]) {
        let n = OFFERS.min(n_offers - first);
        for (eta, out) in eta.iter().zip(out.chunks_exact_mut(n_offers)) {
            let mut propensities = [0.0; OFFERS];
            for lane in 0..OFFERS {
                propensities[lane] = propensity(f64::from(eta.0[lane]) * units[lane]) as f32;
            }
            match out[first..].first_chunk_mut::<OFFERS>() {
                Some(out) => *out = propensities,
                None => out[first..first + n].copy_from_slice(&propensities[..n]),
            }
        }
    }
}

#[expect(clippy::inline_always, reason = "called inside a dispatched body")]
#[inline(always)]
fn propensity(eta: f64) -> f64 {
    let Tails { small, large, .. } = tails(eta);
    if eta < 0.0 { small } else { large }
}
