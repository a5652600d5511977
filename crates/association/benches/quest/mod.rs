//! Baskets as synthetic studies of association rules draw them (Agrawal and Srikant, "Fast algorithms for mining association rules",
//! 1994, section 4): patterns that share items with the one before, popular by an exponential law, of which baskets hold damaged copies.

/// Mean number of items of a pattern.
const PATTERN_LEN: f64 = 4.0;
/// How many patterns there are.
const N_PATTERNS: usize = 10_000;
/// Mean share of a pattern that comes from the one before.
const SHARED: f64 = 0.5;
/// Mean share of the draws of a pattern's items that go wrong.
const DAMAGE: f64 = 0.5;

/// Offsets and items of `n_baskets` baskets of `mean_len` items on average out of `n_items`.
pub(crate) fn baskets(n_baskets: usize, mean_len: f64, n_items: u32) -> (Vec<usize>, Vec<u32>) {
    let mut stream = Stream(0x9E37_79B9_7F4A_7C15);
    let patterns = patterns(&mut stream, n_items);
    let mut total = 0.0;
    let ends: Vec<f64> = (patterns.iter())
        .map(|pattern| {
            total += pattern.weight;
            total
        })
        .collect();
    let (mut offsets, mut items) = (vec![0], Vec::with_capacity((n_baskets as f64 * mean_len) as usize));
    for _ in 0..n_baskets {
        let end = items.len() + stream.poisson(mean_len).max(1);
        while items.len() < end {
            let drawn = stream.unit() * total;
            let pattern = &patterns[ends.partition_point(|end| *end < drawn).min(patterns.len() - 1)];
            let kept = pattern.items.iter().filter(|_| stream.unit() >= pattern.damage).count();
            // What is left of it, but not more than there is room for.
            items.extend(pattern.items[..kept].iter().take(end - items.len()));
            if kept == 0 {
                items.push(stream.below(n_items));
            }
        }
        offsets.push(items.len());
    }
    (offsets, items)
}

struct Pattern {
    items: Vec<u32>,
    weight: f64,
    damage: f64,
}

fn patterns(stream: &mut Stream, n_items: u32) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = Vec::new();
    for _ in 0..N_PATTERNS {
        let len = stream.poisson(PATTERN_LEN).max(1);
        let n_shared = ((stream.exponential() * SHARED).min(1.0) * len as f64) as usize;
        let before = patterns.last().map_or(&[][..], |pattern| &pattern.items);
        let mut items: Vec<u32> = before.iter().copied().take(n_shared).collect();
        items.extend((items.len()..len).map(|_| stream.below(n_items)));
        patterns.push(Pattern { items, weight: stream.exponential(), damage: stream.unit() * 2.0 * DAMAGE });
    }
    patterns
}

/// A plain xorshift.
struct Stream(u64);

impl Stream {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, n: u32) -> u32 {
        (self.unit() * f64::from(n)) as u32
    }

    fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    fn poisson(&mut self, mean: f64) -> usize {
        let (mut n, mut left) = (0, self.exponential());
        while left < mean {
            n += 1;
            left += self.exponential();
        }
        n
    }
}
