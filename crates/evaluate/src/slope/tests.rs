use super::*;
use proptest::prelude::*;

/// Labels drawn from the given probabilities by a fixed multiplicative sequence.
fn draw(probabilities: &[f64], seed: u64) -> Vec<bool> {
    let mut state = seed;
    let next = |p: &f64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 / (1_u64 << 53) as f64) < *p
    };
    probabilities.iter().map(next).collect()
}

fn sigma(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Log loss of (intercept, slope), for finite differences.
fn loss(p: &[f64], y: &[bool], intercept: f64, slope: f64) -> f64 {
    let row = |(p, y): (&f64, &bool)| {
        let mu = sigma(intercept + slope * (p / (1.0 - p)).ln());
        if *y { -mu.ln() } else { -(1.0 - mu).ln() }
    };
    p.iter().zip(y).map(row).sum()
}

fn spread(n: usize) -> Vec<f64> {
    (0..n).map(|i| sigma(-2.0 + 3.0 * ((i * 7919 % n) as f64 / n as f64 - 0.5))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// At the optimum the gradient is 0, and the standard errors are those of the numerical Hessian.
    #[test]
    fn optimum_and_errors_by_finite_differences(seed in any::<u64>()) {
        let p = spread(400);
        let y = draw(&p, seed);
        let fit = slope_and_intercept(&Rows { probabilities: &p, labels: &y, clusters: None }).unwrap();
        let (a, b, h) = (fit.intercept.value, fit.slope.value, 1e-4);
        let f = |i: f64, j: f64| loss(&p, &y, a + i * h, b + j * h);
        prop_assert!((f(1.0, 0.0) - f(-1.0, 0.0)).abs() / (2.0 * h) < 1e-5);
        prop_assert!((f(0.0, 1.0) - f(0.0, -1.0)).abs() / (2.0 * h) < 1e-5);
        let aa = (f(1.0, 0.0) - 2.0 * f(0.0, 0.0) + f(-1.0, 0.0)) / (h * h);
        let bb = (f(0.0, 1.0) - 2.0 * f(0.0, 0.0) + f(0.0, -1.0)) / (h * h);
        let ab = (f(1.0, 1.0) - f(1.0, -1.0) - f(-1.0, 1.0) + f(-1.0, -1.0)) / (4.0 * h * h);
        let determinant = aa * bb - ab * ab;
        prop_assert!((fit.slope.standard_error / (aa / determinant).sqrt() - 1.0).abs() < 1e-3);
        prop_assert!((fit.intercept.standard_error / (bb / determinant).sqrt() - 1.0).abs() < 1e-3);
    }

    /// Log-odds stretched by k give a slope of 1/k of the former; the pooled slope of one offer is that offer's.
    #[test]
    fn stretched_log_odds_divide_the_slope(seed in any::<u64>(), k in 0.3..3.0_f64) {
        let p = spread(300);
        let y = draw(&p, seed);
        let stretched: Vec<f64> = p.iter().map(|p| sigma(k * (p / (1.0 - p)).ln())).collect();
        let rows = Rows { probabilities: &p, labels: &y, clusters: None };
        let plain = slope_and_intercept(&rows).unwrap();
        let other = slope_and_intercept(&Rows { probabilities: &stretched, ..rows }).unwrap();
        prop_assert!((plain.slope.value - k * other.slope.value).abs() < 1e-8);
        prop_assert!((plain.intercept.value - other.intercept.value).abs() < 1e-8);
        let pooled = pooled_slope(&[rows]).unwrap();
        prop_assert!((pooled.slope.value - plain.slope.value).abs() <= 0.0);
    }

    /// A shift of one offer's log-odds is taken by its intercept and leaves the common slope.
    #[test]
    fn pooled_slope_ignores_the_offers_levels(seed in any::<u64>(), shift in -1.5..1.5_f64) {
        let (p, q) = (spread(300), spread(200));
        let (y, z) = (draw(&p, seed), draw(&q, seed.wrapping_add(99)));
        let first = Rows { probabilities: &p, labels: &y, clusters: None };
        let second = Rows { probabilities: &q, labels: &z, clusters: None };
        let shifted: Vec<f64> = q.iter().map(|q| sigma((q / (1.0 - q)).ln() + shift)).collect();
        let plain = pooled_slope(&[first, second]).unwrap();
        let moved = pooled_slope(&[first, Rows { probabilities: &shifted, ..second }]).unwrap();
        prop_assert!((plain.slope.value - moved.slope.value).abs() < 1e-8);
        prop_assert!((plain.slope.standard_error - moved.slope.standard_error).abs() < 1e-8);
    }

    /// Rows written twice under the same customer leave the clustered errors as they were.
    #[test]
    fn clustered_errors_follow_customers(seed in any::<u64>()) {
        let p = spread(200);
        let y = draw(&p, seed);
        let ids: Vec<u32> = (0..200).collect();
        let once = slope_and_intercept(&Rows { probabilities: &p, labels: &y, clusters: Some(&ids) }).unwrap();
        let (p2, y2, ids2) = (p.repeat(2), y.repeat(2), ids.repeat(2));
        let twice = slope_and_intercept(&Rows { probabilities: &p2, labels: &y2, clusters: Some(&ids2) }).unwrap();
        prop_assert!((once.slope.standard_error - twice.slope.standard_error).abs() < 1e-8);
        prop_assert!((once.intercept.standard_error - twice.intercept.standard_error).abs() < 1e-8);
    }
}

/// 95 % intervals of calibrated probabilities cover 0 and 1 about 95 times in 100, clustered or not.
#[test]
fn intervals_cover_the_truth() {
    let p = spread(1000);
    let ids: Vec<u32> = (0..1000).collect();
    for clusters in [None, Some(ids.as_slice())] {
        let fits: Vec<_> = (0..400)
            .map(|seed| {
                slope_and_intercept(&Rows { probabilities: &p, labels: &draw(&p, seed * 7 + 1), clusters }).unwrap()
            })
            .collect();
        let slopes = fits.iter().filter(|fit| fit.slope.interval(0.95).contains(1.0)).count();
        let intercepts = fits.iter().filter(|fit| fit.intercept.interval(0.95).contains(0.0)).count();
        // Four standard deviations of a binomial count around 380.
        assert!((362..=398).contains(&slopes) && (362..=398).contains(&intercepts), "{slopes} {intercepts}");
    }
}

/// The pooled interval covers 1 when two offers each repeat the same customers' rows, and would not without the customers.
#[test]
fn pooled_intervals_follow_customers() {
    let p = spread(600);
    let ids: Vec<u32> = (0..600).collect();
    let (p3, ids3) = (p.repeat(3), ids.repeat(3));
    let covered = |is_clustered: bool| {
        let fits = (0..300).map(|seed| {
            let clusters = is_clustered.then_some(ids3.as_slice());
            let (first, second) = (draw(&p, seed * 7 + 1).repeat(3), draw(&p, seed * 7 + 2).repeat(3));
            let of = |labels| Rows { probabilities: &p3, labels, clusters };
            pooled_slope(&[of(&first), of(&second)]).unwrap().slope.interval(0.95).contains(1.0)
        });
        fits.filter(|&does| does).count()
    };
    // Four standard deviations around 285; rows thrice over narrow the naive interval by √3, to 74 % coverage.
    let (clustered, naive) = (covered(true), covered(false));
    assert!((270..=300).contains(&clustered) && (190..=254).contains(&naive), "{clustered} {naive}");
}

#[test]
fn what_has_no_slope() {
    let fit = |p: &[f64], y: &[bool]| slope_and_intercept(&Rows { probabilities: p, labels: y, clusters: None });
    assert_eq!(fit(&[], &[]), Err(EvaluateError::Empty));
    assert_eq!(fit(&[0.2, 0.3], &[true, true]), Err(EvaluateError::SingleClass { rows: 2, label: true }));
    assert_eq!(fit(&[0.2, 0.2], &[true, false]), Err(EvaluateError::ConstantScore));
    assert_eq!(fit(&[0.2, 0.3, 0.3], &[false, true, false]), Err(EvaluateError::Separated));
    assert_eq!(fit(&[0.2, 0.3], &[true, false]), Err(EvaluateError::Separated));
    assert_eq!(fit(&[0.2, 1.0], &[true, false]), Err(EvaluateError::ProbabilityAtBound { row: 1 }));
    assert_eq!(fit(&[0.2, 1.1], &[true, false]), Err(EvaluateError::NotAProbability { row: 1 }));
}

#[test]
fn offers_of_one_class_say_nothing_of_a_slope() {
    let p = spread(200);
    let y = draw(&p, 5);
    let rows = Rows { probabilities: &p, labels: &y, clusters: None };
    let none = Rows { probabilities: &[0.1, 0.2], labels: &[false, false], clusters: None };
    let pooled = pooled_slope(&[none, rows]).unwrap();
    assert_eq!(pooled.n_used, 1);
    assert_eq!(pooled.slope, slope_and_intercept(&rows).unwrap().slope);
    assert_eq!(pooled_slope(&[none]), Err(EvaluateError::SingleClass { rows: 2, label: false }));
}
