//! Times scoring by additive models: rows × offers × features of 64 bins, from codes to a matrix of calibrated propensities in f32.
//!
//! Run: `cargo run --release -p osusume-propensity --example score_codes [rows] [offers] [features] [pairs]`; ten million rows, 50 offers,
//! 100 features and no pairs without arguments. Codes are made in blocks of a million rows, which are not timed. Prints one JSON line.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a program that measures and prints")]

use std::time::{Duration, Instant};

use osusume_model::NoControl;
use osusume_propensity::additive::bins::{Bins, Codes, Cut, FeatureBins};
use osusume_propensity::additive::model::Additive;
use osusume_propensity::additive::score::{AdditiveScorer, OfferGround};
use osusume_propensity::additive::terms::{Groups, Term};
use osusume_propensity::calibration::Calibrator;
use osusume_propensity::encoder::RawKind;

/// Codes of a feature: 63 bins of a number and one for what is absent.
const CODES: u8 = 64;
const BLOCK_ROWS: usize = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<_, _>>()?;
    let argument = |at: usize, default: usize| arguments.get(at).copied().unwrap_or(default);
    let (n_rows, n_offers, n_features, n_pairs) =
        (argument(0, 10_000_000), argument(1, 50), argument(2, 100), argument(3, 0));
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let bins = bins(n_features);
    let terms = terms(n_features, n_pairs);
    let models: Vec<Additive> = (0..n_offers).map(|_| model(&bins, &terms, &mut noise)).collect();
    let calibrator = Calibrator { slope: 0.9, intercept: -0.2 };
    let grounds: Vec<OfferGround<'_>> = models.iter().map(|model| OfferGround::Model(model, calibrator)).collect();
    let scorer = AdditiveScorer::new(&bins, &terms, &grounds)?;

    let mut out = vec![0.0_f32; BLOCK_ROWS.min(n_rows) * n_offers];
    let (mut scoring, mut sum, mut worst) = (Duration::ZERO, 0.0, 0.0_f64);
    for start in (0..n_rows).step_by(BLOCK_ROWS) {
        let n = BLOCK_ROWS.min(n_rows - start);
        let codes = codes(n, n_features, &mut noise);
        let out = &mut out[..n * n_offers];
        let begun = Instant::now();
        scorer.score_codes(&codes, out, &NoControl)?;
        scoring += begun.elapsed();
        sum += out.iter().map(|p| f64::from(*p)).sum::<f64>();
        worst = worst.max(error(&models[n_offers - 1], calibrator, &codes, out, n_offers)?);
    }
    println!(
        "{{\"task\":\"score\",\"rows\":{n_rows},\"offers\":{n_offers},\"features\":{n_features},\"pairs\":{n_pairs},\
         \"threads\":{},\"seconds\":{:.3},\"mean\":{:.6},\"worst_error\":{worst:.1e}}}",
        rayon::current_num_threads(),
        scoring.as_secs_f64(),
        sum / (n_rows * n_offers) as f64
    );
    Ok(())
}

/// Largest difference of the last offer's propensities from those of the plain sum, over the first rows.
fn error(
    model: &Additive,
    calibrator: Calibrator,
    codes: &Codes,
    out: &[f32],
    n_offers: usize,
) -> Result<f64, osusume_propensity::Error> {
    let eta = model.eta(&codes.at(&(0..1_000.min(codes.n_rows as u32)).collect::<Vec<u32>>()))?;
    let got = out.iter().skip(n_offers - 1).step_by(n_offers);
    Ok(eta.iter().zip(got).map(|(eta, p)| (calibrator.propensity(*eta) - f64::from(*p)).abs()).fold(0.0, f64::max))
}

fn bins(n_features: usize) -> Bins {
    let edges: Vec<f64> = (0..CODES - 2).map(f64::from).collect();
    let feature = |raw: usize| FeatureBins { raw: raw as u32, cut: Cut::Number { edges: edges.clone() } };
    Bins { kinds: vec![RawKind::Numeric; n_features], features: (0..n_features).map(feature).collect() }
}

/// Curves of all features, and maps of 6 × 6 groups, the absent apart.
fn terms(n_features: usize, n_pairs: usize) -> Vec<Term> {
    let of_code: Vec<u8> = (0..CODES).map(|code| if code == CODES - 1 { 6 } else { code * 6 / (CODES - 1) }).collect();
    let groups = Groups { of_code, n: 7, n_ordered: 6 };
    let curves = (0..n_features).map(|feature| Term::Curve { feature });
    let map = |pair: usize| {
        let first = pair * 7 % (n_features - 1);
        Term::Map { features: [first, first + 1], groups: [groups.clone(), groups.clone()] }
    };
    curves.chain((0..n_pairs).map(map)).collect()
}

fn model(bins: &Bins, terms: &[Term], noise: &mut Noise) -> Additive {
    let mut effects = |n: usize| (0..n).map(|_| (noise.unit() - 0.5) * 0.4).collect::<Vec<f64>>();
    let coefficients = terms.iter().map(|term| effects(term.size(bins))).collect();
    Additive { terms: terms.to_vec(), coefficients, intercept: -3.0 }
}

fn codes(n_rows: usize, n_features: usize, noise: &mut Noise) -> Codes {
    let columns = (0..n_features).map(|_| (0..n_rows).map(|_| (noise.next() >> 58) as u8).collect()).collect();
    Codes { n_rows, columns }
}

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
