//! Who was set apart of those a policy would have decided, and how the others stand for them.
//!
//! **What is to be told** is the mean, over everybody the run decided about, of what the ranking's treatment would have brought less what
//! being left alone would have. Two things stand between it and the plain means of the arms: the holdout is everybody's, while some of
//! those outside it explore, and nobody explores in a lane of their own. So customers in lanes are a larger part of the ranking's own
//! than they are of the holdout, and whatever goes with lanes (complaints, contracts that end) looks like an effect.
//!
//! Each of the ranking's own stands for 1 / (the probability of having been left to the ranking): 1 / ((1 − f) (1 − ε)) outside of lanes
//! and 1 / (1 − f) inside, with f held out and ε exploring; each of the holdout for 1 / f. The draw of ε is even within each group, so the
//! share that was drawn of it is as good as the share that was meant, and better where a limit made it smaller: given how many were drawn,
//! those left are a simple random sample of the group, and the weighted mean is unbiased whatever ε was (post-stratification; Särndal,
//! Swensson and Wretman, 1992, section 7.6).

/// The share of each row's group of whom `is_left` holds, over all rows; `groups` are any numbers, dense ones use the least memory.
///
/// Of a row that is left it is the probability of having been left, in (0, 1].
pub fn share_left(groups: &[u32], is_left: &[bool]) -> Vec<f64> {
    assert_eq!(groups.len(), is_left.len(), "one group a row");
    let n_groups = groups.iter().max().map_or(0, |&last| last as usize + 1);
    let mut counts = vec![[0_u64; 2]; n_groups];
    for (&group, &is_left) in groups.iter().zip(is_left) {
        let [left, all] = &mut counts[group as usize];
        *left += u64::from(is_left);
        *all += 1;
    }
    groups.iter().map(|&group| counts[group as usize]).map(|[left, all]| left as f64 / all as f64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_of_the_own_group() {
        let groups = [0, 0, 2, 2, 2, 2];
        let is_left = [true, true, true, false, false, false];
        assert_eq!(share_left(&groups, &is_left), [1.0, 1.0, 0.25, 0.25, 0.25, 0.25]);
        assert!(share_left(&[], &[]).is_empty());
    }

    proptest! {
        /// Those left stand for everybody of their group.
        #[test]
        fn those_left_weigh_as_much_as_all(rows in prop::collection::vec((0..4_u32, any::<bool>()), 1..60)) {
            let (groups, is_left): (Vec<u32>, Vec<bool>) = rows.into_iter().unzip();
            let shares = share_left(&groups, &is_left);
            for group in 0..4 {
                let own = || (0..groups.len()).filter(|&row| groups[row] == group);
                let weight: f64 = own().filter(|&row| is_left[row]).map(|row| 1.0 / shares[row]).sum();
                let expected = if weight > 0.0 { own().count() as f64 } else { 0.0 };
                prop_assert!((weight - expected).abs() < 1e-9);
            }
        }
    }
}
