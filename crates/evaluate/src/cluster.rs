//! Sums by cluster: the variance of an estimate whose rows belong to fewer customers.

/// `Σ_g (Σ_{i in g} influence_i)² · G / (G − 1)`, the cluster-robust variance of an estimate from its rows' influences.
///
/// `clusters` are dense indexes: memory is one number for each up to the largest. G counts the clusters that occur; NaN for fewer than
/// two. Liang and Zeger, 1986, with the usual correction for few clusters.
pub(crate) fn clustered_variance(rows: impl Iterator<Item = (u32, f64)>, largest: u32) -> f64 {
    let mut sums = vec![0.0; largest as usize + 1];
    let mut occurs = vec![false; sums.len()];
    for (cluster, influence) in rows {
        sums[cluster as usize] += influence;
        occurs[cluster as usize] = true;
    }
    let n = occurs.iter().filter(|&&does| does).count() as f64;
    if n < 2.0 {
        return f64::NAN;
    }
    sums.iter().map(|sum| sum * sum).sum::<f64>() * n / (n - 1.0)
}

/// The largest index, 0 without rows.
pub(crate) fn largest(clusters: &[u32]) -> u32 {
    clusters.iter().copied().max().unwrap_or(0)
}
