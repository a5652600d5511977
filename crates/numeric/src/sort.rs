//! Stable radix sorts.

/// Below this many keys a comparison sort is faster than the radix sort's 8 histograms of 256 counters.
const SMALL: usize = 256;

/// Sorts `keys` ascending and carries `payload` along; equal keys keep their order.
///
/// Least significant byte first; a byte that is the same in every key costs no pass. O(8 n) time, n more elements of memory.
///
/// Sets: `keys`, `payload` (same length, else a broken invariant).
pub fn sort_u64(keys: &mut [u64], payload: &mut [u32]) {
    assert_eq!(keys.len(), payload.len(), "one payload a key");
    if keys.len() < SMALL {
        sort_small(keys, payload);
        return;
    }
    let histograms = histograms(keys);
    let (mut other_keys, mut other_payload) = (vec![0_u64; keys.len()], vec![0_u32; keys.len()]);
    let mut is_in_other = false;
    for (byte, histogram) in histograms.iter().enumerate() {
        if histogram.contains(&keys.len()) {
            continue;
        }
        if is_in_other {
            scatter(byte, histogram, (&other_keys, &other_payload), (keys, payload));
        } else {
            scatter(byte, histogram, (keys, payload), (&mut other_keys, &mut other_payload));
        }
        is_in_other = !is_in_other;
    }
    if is_in_other {
        keys.copy_from_slice(&other_keys);
        payload.copy_from_slice(&other_payload);
    }
}

/// The key whose unsigned order is [`f64::total_cmp`]'s order: −NaN < −∞ < … < −0 < 0 < … < ∞ < NaN.
pub fn f64_key(value: f64) -> u64 {
    let bits = value.to_bits();
    // Negative numbers count downwards: all bits are flipped; of the others only the sign.
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// Positions of `values` in ascending total order; equal values (same bits) stay in order of position.
///
/// At most 2³² − 1 values, else a broken invariant.
pub fn order_ascending(values: &[f64]) -> Vec<u32> {
    order_by_key(values, f64_key)
}

/// Positions of `values` in descending total order; equal values (same bits) stay in order of position.
///
/// At most 2³² − 1 values, else a broken invariant.
pub fn order_descending(values: &[f64]) -> Vec<u32> {
    order_by_key(values, |value| !f64_key(value))
}

fn order_by_key(values: &[f64], key: impl Fn(f64) -> u64) -> Vec<u32> {
    let n = u32::try_from(values.len()).expect("fewer than 2^32 values");
    let mut keys: Vec<u64> = values.iter().map(|&value| key(value)).collect();
    let mut order: Vec<u32> = (0..n).collect();
    sort_u64(&mut keys, &mut order);
    order
}

fn sort_small(keys: &mut [u64], payload: &mut [u32]) {
    let mut pairs: Vec<(u64, u32)> = keys.iter().copied().zip(payload.iter().copied()).collect();
    pairs.sort_by_key(|pair| pair.0);
    for (position, (key, value)) in pairs.into_iter().enumerate() {
        keys[position] = key;
        payload[position] = value;
    }
}

/// For each of the eight bytes, how often each value occurs: one pass over the keys for all of them.
fn histograms(keys: &[u64]) -> [[usize; 256]; 8] {
    let mut counts = [[0; 256]; 8];
    for key in keys {
        for (count, byte) in counts.iter_mut().zip(key.to_le_bytes()) {
            count[usize::from(byte)] += 1;
        }
    }
    counts
}

fn scatter(
    byte: usize,
    histogram: &[usize; 256],
    (keys, payload): (&[u64], &[u32]),
    (to_keys, to_payload): (&mut [u64], &mut [u32]),
) {
    let mut next = [0_usize; 256];
    let mut start = 0;
    for (slot, count) in next.iter_mut().zip(histogram) {
        *slot = start;
        start += count;
    }
    for (&key, &value) in keys.iter().zip(payload) {
        let slot = &mut next[(key >> (8 * byte)) as usize & 0xff];
        to_keys[*slot] = key;
        to_payload[*slot] = value;
        *slot += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(keys: &[u64]) {
        let mut expected: Vec<(u64, u32)> = keys.iter().copied().zip(0..).collect();
        expected.sort_unstable();
        let (mut got, mut payload) = (keys.to_vec(), (0..keys.len() as u32).collect::<Vec<_>>());
        sort_u64(&mut got, &mut payload);
        assert_eq!(got.into_iter().zip(payload).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn empty_one_equal_and_the_boundary_of_small() {
        check(&[]);
        check(&[7]);
        check(&[3; 1000]);
        for n in [SMALL - 1, SMALL, SMALL + 1] {
            check(&(0..n as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect::<Vec<_>>());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn is_the_stable_sort(keys in prop::collection::vec(prop_oneof![any::<u64>(), 0..9_u64, (0..9_u64).prop_map(|k| k << 40)], 0..900)) {
            check(&keys);
        }

        #[test]
        fn keys_of_numbers_follow_the_total_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(f64_key(a).cmp(&f64_key(b)), a.total_cmp(&b));
        }

        #[test]
        fn orders_are_stable_both_ways(values in prop::collection::vec((-4..5_i8).prop_map(f64::from), 0..600)) {
            let mut expected: Vec<u32> = (0..values.len() as u32).collect();
            expected.sort_by(|&i, &j| values[i as usize].total_cmp(&values[j as usize]));
            prop_assert_eq!(order_ascending(&values), expected.clone());
            expected.sort_unstable();
            expected.sort_by(|&i, &j| values[j as usize].total_cmp(&values[i as usize]));
            prop_assert_eq!(order_descending(&values), expected);
        }
    }

    #[test]
    fn special_numbers() {
        let values = [f64::NAN, f64::INFINITY, 0.0, -0.0, f64::NEG_INFINITY, -f64::NAN, f64::MIN_POSITIVE];
        assert_eq!(order_ascending(&values), [5, 4, 3, 2, 6, 1, 0]);
    }
}
