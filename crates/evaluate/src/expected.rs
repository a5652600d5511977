//! What was expected beside what came.
//!
//! Both may be uncertain: what came by chance, and what was expected by what it was learned from. They contradict each other where the
//! interval of their difference, joined from the two by the method of variance estimates recovery (Zou and Donner, 2008), leaves out 0.

use osusume_numeric::distributions::{Interval, wilson_of_rate};

use crate::effect::{Assignment, MIN_CLUSTERS, NoInterval, arms, newcombe, within_clusters};
use crate::error::Result;

/// What came, as it stands to what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Within what was expected.
    AsExpected,
    /// Less than expected.
    Less,
    /// More than expected.
    More,
}

/// How what came stands to what was expected; without an interval of its own, what was expected is exact.
pub fn against_expected(came: (f64, Interval), expected: (f64, Option<Interval>)) -> Came {
    let (value, own) = expected;
    let between = newcombe(came, (value, own.unwrap_or(Interval { lower: value, upper: value })));
    if between.upper < 0.0 {
        Came::Less
    } else if between.lower > 0.0 {
        Came::More
    } else {
        Came::AsExpected
    }
}

/// The rate of takes among those of `assignment` who were offered, with an interval as [`rate_effect`](crate::rate_effect) has for each arm.
///
/// # Errors
/// `NotAProbability` for a probability outside (0, 1].
pub fn offered_rate(
    assignment: &Assignment<'_>,
    is_taken: &[bool],
    confidence: f64,
) -> Result<(f64, std::result::Result<Interval, NoInterval>)> {
    let values: Vec<f64> = is_taken.iter().map(|&taken| f64::from(u8::from(taken))).collect();
    let [_, offered] = arms(assignment, &values)?;
    let interval = match offered.n_clusters {
        0 => Err(NoInterval::EmptyArm),
        1..MIN_CLUSTERS => Err(NoInterval::FewClusters),
        _ => {
            let size = offered.effective_size(within_clusters(&[&offered, &offered]));
            Ok(wilson_of_rate(offered.mean.clamp(0.0, 1.0), size, confidence))
        }
    };
    Ok((offered.mean, interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(lower: f64, upper: f64) -> Interval {
        Interval { lower, upper }
    }

    #[test]
    fn what_lies_outside_is_said() {
        let came = (0.10, between(0.08, 0.13));
        assert_eq!(against_expected(came, (0.11, None)), Came::AsExpected);
        assert_eq!(against_expected(came, (0.14, None)), Came::Less);
        assert_eq!(against_expected(came, (0.05, None)), Came::More);
        // What was itself uncertain is contradicted only by more.
        assert_eq!(against_expected(came, (0.14, Some(between(0.09, 0.19)))), Came::AsExpected);
        assert_eq!(against_expected(came, (0.25, Some(between(0.20, 0.30)))), Came::Less);
    }

    #[test]
    fn the_rate_of_those_offered_alone_counts() {
        let n = 200;
        let is_offered: Vec<bool> = (0..n).map(|row| row % 2 == 0).collect();
        let clusters: Vec<u32> = (0..n).collect();
        let is_taken: Vec<bool> = (0..n).map(|row| row % 20 == 0 || row % 2 == 1).collect();
        let probabilities = vec![0.5; n as usize];
        let all = Assignment { is_offered: &is_offered, probabilities: &probabilities, clusters: &clusters };
        let (rate, interval) = offered_rate(&all, &is_taken, 0.95).unwrap();
        let interval = interval.unwrap();
        assert!((rate - 0.1).abs() < 1e-12 && interval.contains(0.1) && !interval.contains(0.2), "{interval:?}");
        let nobody = Assignment { is_offered: &[], probabilities: &[], clusters: &[] };
        assert_eq!(offered_rate(&nobody, &[], 0.95).unwrap().1, Err(NoInterval::EmptyArm));
    }
}
