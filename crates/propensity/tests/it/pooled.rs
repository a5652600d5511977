//! Offers learned together.

use osusume_model::NoControl;
use osusume_numeric::dispatch::with_baseline;
use osusume_propensity::Error;
use osusume_propensity::design::Design;
use osusume_propensity::logistic::{LogisticParams, Problem};
use osusume_propensity::pooled::{Pooled, PooledParams, Shared, fit_pooled};

use crate::support::{Noise, assert_close, bits, design, fit_with, labels, numeric_gradient, problem};

const OFFERS: usize = 8;
const COLUMNS: usize = 30;

/// Offers that share the coefficients 0.6, −0.4, 0.3 of three columns up to a little noise; the other columns are without effect.
fn company(n_rows: usize, seed: u64) -> (Design, Vec<Vec<f64>>, Vec<Vec<bool>>) {
    let design = design(n_rows, COLUMNS, seed);
    let mut noise = Noise::new(seed + 1);
    let truth: Vec<Vec<f64>> = (0..OFFERS)
        .map(|_| {
            let mut beta = vec![0.0; COLUMNS];
            beta.iter_mut().zip([0.6, -0.4, 0.3]).for_each(|(b, common)| *b = common + 0.05 * noise.normal());
            beta
        })
        .collect();
    let y = truth.iter().zip(1..).map(|(beta, offer)| labels(&design, beta, -3.0, 100 * seed + offer)).collect();
    (design, truth, y)
}

fn features() -> Vec<u32> {
    (0..COLUMNS as u32).collect()
}

fn shared<'a>(features: &'a [u32], customers: Option<&'a [u32]>) -> Shared<'a> {
    Shared { features, n_features: features.len(), customers, start: None, params: None }
}

fn fit_all(problems: &[Problem<'_>], shared: &Shared<'_>) -> Pooled {
    fit_pooled(problems, shared, &PooledParams::STANDARD, &NoControl).expect("offers with both classes")
}

fn squared_error(beta: &[f64], truth: &[f64]) -> f64 {
    beta.iter().zip(truth).map(|(b, t)| (b - t) * (b - t)).sum()
}

#[test]
fn offers_that_agree_teach_one_another() {
    let (design, truth, y) = company(1_500, 3);
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = features();
    let pooled = fit_all(&problems, &shared(&features, None));
    let together: f64 = pooled.fits.iter().zip(&truth).map(|(fit, truth)| squared_error(&fit.beta, truth)).sum();
    let alone: f64 = problems
        .iter()
        .zip(&truth)
        .map(|(problem, truth)| squared_error(&fit_with(problem, &LogisticParams::STANDARD).unwrap().beta, truth))
        .sum();
    assert!(together < 0.25 * alone, "{together} together, {alone} alone");
    assert_close(&pooled.common[..3], &[0.6, -0.4, 0.3], 0.12);
    // What no offer needs is given up for all of them at once.
    let noise: f64 = pooled.fits.iter().flat_map(|fit| &fit.beta[3..]).map(|b| b * b).sum();
    let typical = (noise / (OFFERS * (COLUMNS - 3)) as f64).sqrt();
    assert!(typical < 0.04, "{typical}");
}

#[test]
fn each_fit_is_an_optimum_under_its_prior() {
    let (design, _, y) = company(900, 5);
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = features();
    let pooled = fit_all(&problems, &shared(&features, None));
    for (problem, fit) in problems.iter().zip(&pooled.fits) {
        let mut gradient = numeric_gradient(problem, &fit.params(), 0.0);
        for (j, slope) in gradient.iter_mut().enumerate().take(COLUMNS) {
            *slope += fit.prior.precision[j] * (fit.beta[j] - fit.prior.center[j]);
        }
        assert_close(&gradient, &[0.0; COLUMNS + 1], 2e-8);
        assert_eq!(bits(&fit.prior.center), bits(&pooled.common));
    }
}

#[test]
fn an_offer_with_much_data_of_its_own_follows_it() {
    let design = design(20_000, 4, 9);
    let mut truth = vec![vec![0.5, 0.2, 0.0, 0.0]; 6];
    truth[5] = vec![-0.5, 0.2, 0.0, 0.0];
    let y: Vec<Vec<bool>> = truth.iter().zip(40..).map(|(beta, seed)| labels(&design, beta, -2.0, seed)).collect();
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = [0, 1, 2, 3];
    let pooled = fit_all(&problems, &shared(&features, None));
    for (fit, truth) in pooled.fits.iter().zip(&truth) {
        assert_close(&fit.beta, truth, 0.12);
    }
}

/// The same customers seen twice are not twice the customers.
#[test]
fn repeated_rows_of_a_customer_count_once() {
    let (once, _, y) = company(700, 7);
    let customers: Vec<u32> = (0..700).collect();
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&once, y)).collect();
    let features = features();
    let single = fit_all(&problems, &shared(&features, Some(&customers)));
    let x: Vec<f32> = (0..1_400).flat_map(|row| once.row(row / 2).to_vec()).collect();
    let twice = Design::from_parts(1_400, x, features.clone()).unwrap();
    let customers: Vec<u32> = (0..1_400).map(|row| row / 2).collect();
    let y: Vec<Vec<bool>> = y.iter().map(|y| y.iter().flat_map(|&y| [y, y]).collect()).collect();
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&twice, y)).collect();
    let double = fit_all(&problems, &shared(&features, Some(&customers)));
    assert_close(&single.dispersion, &[1.0; OFFERS], 1e-12);
    assert_close(&double.dispersion, &[2.0; OFFERS], 1e-12);
    for (one, two) in single.fits.iter().zip(&double.fits) {
        // The first round knows nothing of the design effect yet, and precisions settle within some percent.
        assert_close(&two.params(), &one.params(), 1e-2);
    }
    let mistaken = fit_all(&problems, &shared(&features, None));
    let [once, twice, mistaken] =
        [single, double, mistaken].map(|pooled| pooled.fits.iter().map(|f| f.effective_dof).sum::<f64>());
    assert!((twice / once - 1.0).abs() < 0.05 && mistaken > 1.1 * once, "{once}, {twice}, {mistaken}");
}

#[test]
fn neither_threads_nor_bodies_nor_the_order_of_offers_matter() {
    let (design, _, y) = company(1_100, 11);
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = features();
    let all = |pooled: &Pooled| {
        bits(&pooled.fits.iter().flat_map(osusume_propensity::logistic::Fit::params).collect::<Vec<f64>>())
    };
    let run = || fit_all(&problems, &shared(&features, None));
    let expected = all(&run());
    assert_eq!(all(&with_baseline(run)), expected);
    for threads in [1, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(all(&pool.install(run)), expected, "{threads} threads");
    }
    let reversed: Vec<Problem<'_>> = problems.iter().rev().copied().collect();
    let again = fit_all(&reversed, &shared(&features, None));
    for (fit, same) in run().fits.iter().zip(again.fits.iter().rev()) {
        assert_close(&fit.params(), &same.params(), 1e-9);
    }
}

#[test]
fn a_single_offer_is_fitted_by_its_own_relevance_alone() {
    let (design, truth, y) = company(6_000, 13);
    let features = features();
    let pooled = fit_all(&[problem(&design, &y[0])], &shared(&features, None));
    assert_close(&pooled.common, &[0.0; COLUMNS], 0.0);
    let alone = fit_with(&problem(&design, &y[0]), &LogisticParams::STANDARD).unwrap();
    let [pooled, alone] = [&pooled.fits[0], &alone].map(|fit| squared_error(&fit.beta, &truth[0]));
    assert!(pooled < alone, "{pooled} against {alone}");
}

#[test]
fn a_start_from_earlier_precisions_ends_at_the_same_place() {
    let (design, _, y) = company(1_500, 17);
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = features();
    let cold = fit_all(&problems, &shared(&features, None));
    let start = Shared { start: Some(&cold.precisions), ..shared(&features, None) };
    let warm = fit_all(&problems, &start);
    for (cold, warm) in cold.fits.iter().zip(&warm.fits) {
        assert_close(&warm.beta, &cold.beta, 0.05);
    }
}

#[test]
fn parameters_to_start_from_lead_to_the_same_place() {
    let (design, _, y) = company(1_500, 29);
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = features();
    let cold = fit_all(&problems, &shared(&features, None));
    let start = Shared { start: Some(&cold.precisions), ..shared(&features, None) };
    let params: Vec<Option<Vec<f64>>> = cold.fits.iter().skip(1).map(|fit| Some(fit.params())).collect();
    let params: Vec<Option<Vec<f64>>> = std::iter::once(None).chain(params).collect();
    let [colder, warm] = [start, Shared { params: Some(&params), ..start }].map(|shared| fit_all(&problems, &shared));
    for (one, other) in colder.fits.iter().zip(&warm.fits) {
        // Precisions are learned from coarse fits, so that these differ a little: by a tenth of a standard error.
        assert_close(&one.params(), &other.params(), 1e-2);
    }
    let short = [Some(vec![0.0; 3])];
    let failed = fit_pooled(
        &problems,
        &Shared { params: Some(&short), ..shared(&features, None) },
        &PooledParams::STANDARD,
        &NoControl,
    );
    assert!(matches!(failed.unwrap_err().error, Error::Shape { what: "start", .. }));
}

#[test]
fn no_offers_leave_precisions_to_start_from() {
    let (design, _, y) = company(300, 23);
    let features = features();
    let none = fit_all(&[], &shared(&features, None));
    assert!(none.fits.is_empty());
    let start = Shared { start: Some(&none.precisions), ..shared(&features, None) };
    assert_eq!(fit_all(&[problem(&design, &y[0])], &start).fits.len(), 1);
}

#[test]
fn refusals_name_the_offer() {
    let (design, _, mut y) = company(300, 19);
    y[3].fill(false);
    let problems: Vec<Problem<'_>> = y.iter().map(|y| problem(&design, y)).collect();
    let features = features();
    let failed = fit_pooled(&problems, &shared(&features, None), &PooledParams::STANDARD, &NoControl).unwrap_err();
    assert_eq!(failed.offer, 3);
    assert!(matches!(failed.error, Error::OneClass { positives: 0, rows: 300 }));
    let short = Shared { features: &features[1..], n_features: COLUMNS, customers: None, start: None, params: None };
    let failed = fit_pooled(&problems, &short, &PooledParams::STANDARD, &NoControl).unwrap_err();
    assert!(matches!(failed.error, Error::Shape { what: "features", .. }));
}
