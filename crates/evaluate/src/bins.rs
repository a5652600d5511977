//! Bins of equal counts over probabilities.

use osusume_numeric::sort::order_ascending;

/// Row positions by ascending probability, cut into at most `n_bins` runs of about equal length; equal probabilities share a bin.
pub(crate) fn equal_count_bins(probabilities: &[f64], n_bins: usize) -> Vec<Vec<u32>> {
    assert!(n_bins > 0, "at least one bin");
    let probabilities: Vec<f64> = probabilities.iter().map(|p| p + 0.0).collect();
    let order = order_ascending(&probabilities);
    let mut bins: Vec<Vec<u32>> = Vec::with_capacity(n_bins);
    let mut current = Vec::new();
    let mut done = 0;
    for tie in order.chunk_by(|&a, &b| probabilities[a as usize].total_cmp(&probabilities[b as usize]).is_eq()) {
        current.extend_from_slice(tie);
        done += tie.len();
        // The bin is full once its end has passed the next of the n_bins even cuts.
        if done * n_bins >= (bins.len() + 1) * order.len() {
            bins.push(std::mem::take(&mut current));
        }
    }
    debug_assert!(current.is_empty(), "the last row closes its bin");
    bins
}
