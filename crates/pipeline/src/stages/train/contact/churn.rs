//! Customers who leave because they were contacted: of those a draw decided about, who holds nothing any more at the end of the window.

use osusume_evaluate::rate_effect;
use osusume_model::{Code, Fault, Result};
use osusume_numeric::distributions::two_sided_z;

use super::drawn::{Drawn, Lottery, lotteries};
use super::{Arm, ArmRows, CONFIDENCE, Ground, with_assignment};
use crate::stages::train::after::Churn;

/// The difference between contacted and held back over all offers, each draw compared within itself and weighted by what it knows.
///
/// `None` where no draw has customers enough in both arms. A customer drawn for several offers counts in each of them, so the interval is
/// somewhat too narrow where that is common.
///
/// # Errors
/// Broken invariants of the assignment.
pub(super) fn churn(ground: &Ground<'_>, drawn: &[Drawn]) -> Result<Option<Churn>> {
    let known: Vec<Drawn> = drawn.iter().filter(|row| row.has_left.is_some()).copied().collect();
    let (mut arms, mut weight, mut weighted) = ([ArmRows::default(); 2], 0.0, 0.0);
    let z = two_sided_z(CONFIDENCE);
    for offer in 0..ground.goods.catalogue.offers.len() {
        for Lottery { rows } in lotteries(offer as u32, &known) {
            let has_left: Vec<bool> = rows.iter().map(|row| row.has_left == Some(true)).collect();
            let effect = with_assignment(ground, &rows, |assignment| rate_effect(assignment, &has_left, CONFIDENCE));
            let effect = effect.map_err(|error| Fault::new(Code::Bug).because(error))?;
            let Ok(interval) = effect.interval else { continue };
            let error = (interval.upper - interval.lower) / (2.0 * z);
            if !(error > 0.0 && effect.difference.is_finite()) {
                continue;
            }
            let precision = 1.0 / (error * error);
            weight += precision;
            weighted += precision * effect.difference;
            for row in rows {
                let arm = &mut arms[usize::from(row.arm != Arm::Control)];
                arm.rows += 1;
                arm.takes += u64::from(row.has_left == Some(true));
            }
        }
    }
    if weight <= 0.0 {
        return Ok(None);
    }
    let (difference, half) = (weighted / weight, z / weight.sqrt());
    let [held_back, contacted] = arms;
    Ok(Some(Churn { contacted, held_back, difference, interval: [difference - half, difference + half] }))
}
