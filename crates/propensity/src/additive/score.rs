//! Scoring a block of customers for all offers at once: a table lookup a term.
//!
//! A row's cell of a term is a byte, and so many offers add the entries they have there: a vector addition an offer tile of eight. A
//! block of rows goes through the tables of one tile of offers after the other, which then stay in the second-level cache; within it
//! strips of rows go through the tables of a few terms, which stay in the first. Every offer's terms are added in their order, so that
//! no bit depends on the tiling.

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
/// Offers a tile: an AVX-512 register of f64.
const OFFERS: usize = 8;
/// Terms a tile: as many as bytes in a `u32`. Their tables for 64 bins and the sums of a strip have 32 KiB.
const TERMS: usize = 4;

/// What the offers of a tile add, aligned so that no load of it crosses two cache lines.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct Lanes([f64; OFFERS]);

const ZERO: Lanes = Lanes([0.0; OFFERS]);

/// The models of all offers over the same bins and terms, ready to score.
#[derive(Clone, Debug, PartialEq)]
pub struct AdditiveScorer {
    bins: Bins,
    terms: Vec<Term>,
    n_offers: usize,
    /// Entries of a table: the most cells a term has, and one for rows in none.
    n_entries: usize,
    /// By tile of offers, term and cell: what the offers add to their calibrated log-odds.
    tables: Vec<Vec<Lanes>>,
    /// Calibrated intercepts, by tile.
    intercepts: Vec<Lanes>,
}

/// What an offer's propensity comes from.
#[derive(Clone, Copy, Debug)]
pub enum OfferGround<'a> {
    /// A model and what calibrates it.
    Model(&'a Additive, Calibrator),
    /// Log-odds that are the same for everybody.
    LogOdds(f64),
}

impl AdditiveScorer {
    /// A scorer of offers over the same bins and terms.
    ///
    /// # Errors
    /// [`Error::Shape`] when a model's terms are not `terms`, [`Error::NotFinite`].
    pub fn new(bins: &Bins, terms: &[Term], offers: &[OfferGround<'_>]) -> Result<Self, Error> {
        let n_offers = offers.len();
        let n_tiles = n_offers.div_ceil(OFFERS);
        let n_entries = terms.iter().map(|term| term.size(bins) + 1).max().unwrap_or(1);
        let mut tables = vec![vec![ZERO; terms.len() * n_entries]; n_tiles];
        let mut intercepts = vec![ZERO; n_tiles];
        for (offer, ground) in offers.iter().enumerate() {
            let (tile, lane) = (offer / OFFERS, offer % OFFERS);
            let intercept = match ground {
                OfferGround::LogOdds(log_odds) => *log_odds,
                OfferGround::Model(model, calibrator) => {
                    check_len("terms", model.terms.len(), terms.len())?;
                    if model.terms != terms {
                        return Err(Error::Shape { what: "terms", got: model.terms.len(), expected: terms.len() });
                    }
                    check_len("coefficients", model.coefficients.len(), terms.len())?;
                    let of_terms = terms.iter().zip(&model.coefficients).zip(tables[tile].chunks_exact_mut(n_entries));
                    for ((term, coefficients), table) in of_terms {
                        check_len("coefficients", coefficients.len(), term.size(bins))?;
                        crate::error::check_finite("coefficients", coefficients)?;
                        for (cell, b) in table.iter_mut().zip(coefficients) {
                            cell.0[lane] = calibrator.slope * b;
                        }
                    }
                    calibrator.log_odds(model.intercept)
                }
            };
            crate::error::check_finite("intercept", &[intercept])?;
            intercepts[tile].0[lane] = intercept;
        }
        Ok(Self { bins: bins.clone(), terms: terms.to_vec(), n_offers, n_entries, tables, intercepts })
    }

    /// Number of offers.
    pub fn n_offers(&self) -> usize {
        self.n_offers
    }

    /// Propensities of all rows of a raw block for all offers. Sets `out` (`raw.n_rows × n_offers`, row-major). Sums in f64, in the order
    /// of the terms; each row depends on itself alone, so neither blocks nor threads change a bit.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Stopped`].
    pub fn score_block(&self, raw: &RawColumns<'_>, out: &mut [f32], control: &dyn Control) -> Result<(), Error> {
        check_len("columns", raw.columns.len(), self.bins.kinds.len())?;
        raw.columns.iter().try_for_each(|column| check_len("column", column.len(), raw.n_rows))?;
        let fill = |feature: usize, rows: Range<usize>, codes: &mut [u8]| {
            let feature = &self.bins.features[feature];
            let values = &raw.columns[feature.raw as usize][rows];
            codes.iter_mut().zip(values).for_each(|(code, value)| *code = feature.code(*value));
        };
        self.score_all(raw.n_rows, fill, out, control)
    }

    /// As [`Self::score_block`], for rows whose codes are known.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Stopped`].
    pub fn score_codes(&self, codes: &Codes, out: &mut [f32], control: &dyn Control) -> Result<(), Error> {
        codes.check(&self.bins)?;
        let fill = |feature: usize, rows: Range<usize>, out: &mut [u8]| {
            out.copy_from_slice(&codes.columns[feature][rows]);
        };
        self.score_all(codes.n_rows, fill, out, control)
    }

    /// `fill` sets the codes of a feature for some rows.
    fn score_all(
        &self,
        n_rows: usize,
        fill: impl Fn(usize, Range<usize>, &mut [u8]) + Sync,
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
                let end = start + out.len() / self.n_offers;
                for (strip, start) in (start..end).step_by(STRIP_ROWS).enumerate() {
                    self.pack_strip(&fill, start..end.min(start + STRIP_ROWS), strip, scratch);
                }
                self.score_packed(scratch, out);
            };
            let blocks = out.par_chunks_mut(BLOCK_ROWS * self.n_offers).enumerate();
            blocks.for_each_init(|| Scratch::new(self), score);
            control.progress((first + out.len() / self.n_offers) as u64, n_rows as u64);
        }
        Ok(())
    }

    /// Packs the cells of some rows as a strip of a block.
    fn pack_strip(
        &self,
        fill: &impl Fn(usize, Range<usize>, &mut [u8]),
        rows: Range<usize>,
        strip: usize,
        scratch: &mut Scratch,
    ) {
        let Scratch { codes, cells, packed, .. } = scratch;
        for (feature, codes) in codes.chunks_exact_mut(STRIP_ROWS).enumerate() {
            fill(feature, rows.clone(), &mut codes[..rows.len()]);
        }
        let of = |feature: usize| &codes[feature * STRIP_ROWS..(feature + 1) * STRIP_ROWS];
        let packed = &mut packed[strip * self.packed_rows()..(strip + 1) * self.packed_rows()];
        packed.fill([0; TERMS]);
        for (terms, packed) in self.terms.chunks(TERMS).zip(packed.chunks_exact_mut(STRIP_ROWS)) {
            for (at, term) in terms.iter().enumerate() {
                let cells = match term {
                    Term::Curve { feature } => of(*feature),
                    Term::Map { features: [a, b], .. } => {
                        term.fill_cells([of(*a), of(*b)], cells);
                        &*cells
                    }
                };
                pack(cells, at as u32, packed);
            }
        }
    }

    /// Entries of `packed` a strip.
    fn packed_rows(&self) -> usize {
        self.terms.len().div_ceil(TERMS) * STRIP_ROWS
    }

    /// Scores the rows whose cells are packed.
    fn score_packed(&self, scratch: &mut Scratch, out: &mut [f32]) {
        let Scratch { packed, eta, .. } = scratch;
        for (tile, (tables, intercepts)) in self.tables.iter().zip(&self.intercepts).enumerate() {
            for (strip, out) in out.chunks_mut(STRIP_ROWS * self.n_offers).enumerate() {
                let eta = &mut eta[..out.len() / self.n_offers];
                eta.fill(*intercepts);
                let packed = &packed[strip * self.packed_rows()..];
                let terms = tables.chunks(TERMS * self.n_entries).zip(packed.chunks_exact(STRIP_ROWS));
                for (tables, packed) in terms {
                    add_terms(tables, self.n_entries, packed, eta);
                }
                write_propensities(eta, tile * OFFERS, self.n_offers, out);
            }
        }
    }
}

/// What one thread needs for a block.
struct Scratch {
    /// Of a strip, by feature and row.
    codes: Vec<u8>,
    /// Of a strip and one map, by row.
    cells: [u8; STRIP_ROWS],
    /// By strip, tile of terms and row: a byte a term.
    packed: Vec<[u8; TERMS]>,
    /// By row: log-odds of the offers of a tile.
    eta: Vec<Lanes>,
}

impl Scratch {
    fn new(scorer: &AdditiveScorer) -> Self {
        let n_features = scorer.bins.features.len();
        Self {
            codes: vec![0; n_features * STRIP_ROWS],
            cells: [0; STRIP_ROWS],
            packed: vec![[0; TERMS]; scorer.packed_rows() * (BLOCK_ROWS / STRIP_ROWS)],
            eta: vec![ZERO; STRIP_ROWS],
        }
    }
}

dispatch! {
    fn pack(cells: &[u8], at: u32, packed: &mut [[u8; TERMS]]) {
        for (packed, cell) in packed.iter_mut().zip(cells) {
            *packed = (u32::from_le_bytes(*packed) | (u32::from(*cell) << (8 * at))).to_le_bytes();
        }
    }

    /// The number of tables is not known to the compiler, or it would gather over rows instead of adding over offers.
    fn add_terms(tables: &[Lanes], n_entries: usize, packed: &[[u8; TERMS]], eta: &mut [Lanes]) {
        for (eta, cells) in eta.iter_mut().zip(packed) {
            let mut sums = eta.0;
            for (table, cell) in tables.chunks_exact(n_entries).zip(cells) {
                let effects = &table[usize::from(*cell)].0;
                sums = std::array::from_fn(|lane| sums[lane] + effects[lane]);
            }
            eta.0 = sums;
        }
    }

    /// Propensities of the offers from `first` on, of a tile.
    fn write_propensities(eta: &[Lanes], first: usize, n_offers: usize, out: &mut [f32]) {
        let n = OFFERS.min(n_offers - first);
        for (eta, out) in eta.iter().zip(out.chunks_exact_mut(n_offers)) {
            let propensities: [f32; OFFERS] = std::array::from_fn(|lane| propensity(eta.0[lane]) as f32);
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
