//! Runs of consecutive periods (days, weeks, months) with a row in each.
//!
//! A calendar is the list of instants at which its periods begin, so that zones and months stay with the caller. What happened before
//! its first instant lies in one period.

/// Periods in the longest run; 0 without rows. `at` ascends.
pub(crate) fn longest(at: &[i64], starts: &[i64]) -> f64 {
    let (mut longest, mut run, mut newest) = (0_usize, 0, None);
    for &at in at {
        let period = newest.map_or_else(|| period(starts, 0, at), |newest| period(starts, newest, at));
        match newest {
            Some(newest) if newest == period => continue,
            Some(newest) if newest + 1 == period => run += 1,
            _ => run = 1,
        }
        (longest, newest) = (longest.max(run), Some(period));
    }
    longest as f64
}

/// Periods in the run that lasts at the instant `end`, which no row reaches: the run whose last period is the one in which `end` lies
/// or the one before it, because a period that still runs breaks nothing. 0 where there is none.
pub(crate) fn current(at: &[i64], end: i64, starts: &[i64]) -> f64 {
    let running = period(starts, 0, end);
    let Some(mut first) = at.last().map(|&newest| period(starts, 0, newest)).filter(|newest| newest + 1 >= running)
    else {
        return 0.0;
    };
    let newest = first;
    for &at in at.iter().rev() {
        // Before the first instant of the calendar there is nothing to be told apart.
        while first > 0 && at < starts[first - 1] {
            let period = period(&starts[..first - 1], 0, at);
            if period + 1 < first {
                return (newest - first + 1) as f64;
            }
            first = period;
        }
    }
    (newest - first + 1) as f64
}

/// How many periods have begun by `at`, at least `from` of which are known to have.
fn period(starts: &[i64], from: usize, at: i64) -> usize {
    match starts.get(from) {
        Some(&start) if start <= at => from + starts[from..].partition_point(|&start| start <= at),
        _ if from == 0 => 0,
        _ => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_period_breaks_nothing() {
        let starts = [0, 10, 20, 30, 40, 50];
        let both = |at: &[i64], end| (longest(at, &starts), current(at, end, &starts));
        assert_eq!(both(&[], 35), (0.0, 0.0));
        assert_eq!(both(&[0, 9, 10, 29], 30), (3.0, 3.0), "the window ends with a period");
        assert_eq!(both(&[0, 9, 10, 29], 39), (3.0, 3.0), "the fourth may still get its row");
        assert_eq!(both(&[0, 9, 10, 29], 40), (3.0, 0.0), "the fourth got none");
        assert_eq!(both(&[0, 10, 30, 39], 40), (2.0, 1.0));
        assert_eq!(both(&[-20, -5, 3, 55, 99], 100), (2.0, 1.0), "a calendar ends with its last period");
    }
}
