//! Teams of offers: as many side by side as memory holds the rows of.

use crate::error::{Error, OfferError};
use crate::problem::Problem;

/// Rows of the offers of a team, over all of them; each takes some 20 to 30 bytes.
const TEAM_ROWS: usize = 16_000_000;

/// An offer of a team failed: its position there and why.
pub(crate) type Failure = (usize, Error);

/// `work` on teams of offers and what belongs to each, one team after the other.
pub(crate) fn in_teams<P, T>(
    problems: &[Problem<'_>],
    points: &mut [P],
    work: impl Fn(&[Problem<'_>], &mut [P]) -> Result<Vec<T>, Failure>,
) -> Result<Vec<T>, OfferError> {
    let mut done = Vec::with_capacity(problems.len());
    while done.len() < problems.len() {
        let first = done.len();
        let mut n_rows = 0;
        let fits = |problem: &&Problem<'_>| {
            n_rows += problem.n_rows();
            n_rows <= TEAM_ROWS
        };
        let last = first + problems[first..].iter().take_while(fits).count().max(1);
        let results = work(&problems[first..last], &mut points[first..last]);
        done.extend(results.map_err(|(offer, error)| OfferError { offer: first + offer, error })?);
    }
    Ok(done)
}

/// The results in order, or the first failure by position.
pub(crate) fn collect<T>(results: Vec<Result<T, Error>>) -> Result<Vec<T>, Failure> {
    results.into_iter().enumerate().map(|(offer, result)| result.map_err(|error| (offer, error))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::Design;

    #[test]
    fn teams_take_offers_in_order_and_failures_keep_their_place() {
        let design = Design::from_parts(1, vec![1.0], vec![0]).unwrap();
        let rows = vec![0; TEAM_ROWS + 1];
        let problem =
            |n: usize| Problem { design: &design, rows: Some(&rows[..n]), y: &[], weight: None, offset: None };
        // Two fit side by side, one is too large for any team and goes alone, then one more.
        let problems = [problem(TEAM_ROWS / 2), problem(TEAM_ROWS / 2), problem(TEAM_ROWS + 1), problem(1)];
        let mut points = [0, 1, 2, 3];
        let sizes = in_teams(&problems, &mut points, |team, points| {
            assert_eq!(team.len(), points.len());
            Ok(points.iter().map(|point| (*point, team.len())).collect())
        });
        assert_eq!(sizes.unwrap(), [(0, 2), (1, 2), (2, 1), (3, 1)]);
        let failed = in_teams(&problems, &mut points, |_, points| {
            let results = points
                .iter()
                .map(|point| if *point == 1 { Err(Error::OneClass { positives: 0, rows: 1 }) } else { Ok(()) });
            collect(results.collect())
        });
        assert_eq!(failed.unwrap_err().offer, 1);
    }
}
