//! Small databases and what they hold, found by trying every subset.

use osusume_association::{Baskets, Hierarchy, ItemRole, Itemsets, Transactions};

/// A small database as lists.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub baskets: Vec<Vec<u32>>,
    pub weights: Option<Vec<u32>>,
    pub groups: Option<Vec<u32>>,
    pub n_items: u32,
}

impl Shop {
    pub(crate) fn new(baskets: &[&[u32]], n_items: u32) -> Self {
        Self { baskets: baskets.iter().map(|basket| basket.to_vec()).collect(), weights: None, groups: None, n_items }
    }

    /// `n_baskets` baskets; item i is in each with a chance that falls with i. The stream is a plain xorshift, seeded.
    pub(crate) fn random(seed: u64, n_baskets: usize, n_items: u32, density: f64) -> Self {
        let mut stream = Stream::new(seed);
        let mut baskets = vec![Vec::new(); n_baskets];
        for basket in &mut baskets {
            for item in 0..n_items {
                let chance = density * (1.0 - 0.5 * f64::from(item) / f64::from(n_items));
                if stream.unit() < chance {
                    basket.push(item);
                }
            }
        }
        Self { baskets, weights: None, groups: None, n_items }
    }

    pub(crate) fn db(&self) -> Transactions {
        let offsets: Vec<usize> = std::iter::once(0)
            .chain(self.baskets.iter().scan(0, |sum, b| {
                *sum += b.len();
                Some(*sum)
            }))
            .collect();
        let items = self.baskets.concat();
        let baskets = Baskets {
            offsets: &offsets,
            items: &items,
            n_items: self.n_items,
            weights: self.weights.as_deref(),
            groups: self.groups.as_deref(),
        };
        Transactions::new(&baskets, 1_000).expect("a well-formed shop").0
    }

    pub(crate) fn count(&self, itemset: &[u32]) -> u64 {
        let weight = |t: usize| u64::from(self.weights.as_ref().map_or(1, |weights| weights[t]));
        let has_all = |t: &usize| itemset.iter().all(|item| self.baskets[*t].contains(item));
        (0..self.baskets.len()).filter(has_all).map(weight).sum()
    }

    pub(crate) fn n(&self) -> u64 {
        self.count(&[])
    }

    /// Every frequent itemset no rule forbids, with its count, in order of items.
    pub(crate) fn frequent(
        &self,
        min_count: u64,
        roles: Option<&[ItemRole]>,
        hierarchy: Option<&Hierarchy>,
    ) -> Vec<(Vec<u32>, u64)> {
        let mut found: Vec<(Vec<u32>, u64)> = (1_u32..1 << self.n_items)
            .map(|mask| (0..self.n_items).filter(|item| mask >> item & 1 == 1).collect::<Vec<u32>>())
            .filter(|set| is_allowed(set, roles, hierarchy))
            .map(|set| {
                let count = self.count(&set);
                (set, count)
            })
            .filter(|(_, count)| *count >= min_count)
            .collect();
        found.sort();
        found
    }

    /// As [`Shop::frequent`] without rules, for any number of items: sets grow by their highest item as lists of baskets.
    pub(crate) fn frequent_by_lists(&self, min_count: u64) -> Vec<(Vec<u32>, u64)> {
        let mut holds = vec![vec![false; self.n_items as usize]; self.baskets.len()];
        for (holds, basket) in holds.iter_mut().zip(&self.baskets) {
            for item in basket {
                holds[*item as usize] = true;
            }
        }
        let (mut found, mut open) = (Vec::new(), vec![(Vec::new(), (0..self.baskets.len()).collect::<Vec<usize>>())]);
        while let Some((set, baskets)) = open.pop() {
            for item in set.last().map_or(0, |last| last + 1)..self.n_items {
                let rest: Vec<usize> = baskets.iter().copied().filter(|t| self.baskets[*t].contains(&item)).collect();
                let count =
                    rest.iter().map(|t| u64::from(self.weights.as_ref().map_or(1, |weights| weights[*t]))).sum();
                if count >= min_count {
                    let longer = [&set[..], &[item]].concat();
                    found.push((longer.clone(), count));
                    open.push((longer, rest));
                }
            }
        }
        found.sort();
        found
    }

    /// Those of all frequent sets to which no item can be added without lowering the count.
    pub(crate) fn closed_among(frequent: &[(Vec<u32>, u64)]) -> Vec<(Vec<u32>, u64)> {
        let mut is_closed = vec![true; frequent.len()];
        for (set, count) in frequent.iter().filter(|(set, _)| set.len() > 1) {
            for left_out in set {
                let smaller: Vec<u32> = set.iter().copied().filter(|item| item != left_out).collect();
                let at = frequent.binary_search_by(|(other, _)| other.cmp(&smaller)).expect("it is frequent too");
                is_closed[at] &= frequent[at].1 > *count;
            }
        }
        frequent.iter().zip(is_closed).filter(|(_, is_closed)| *is_closed).map(|(set, _)| set.clone()).collect()
    }

    /// Those of [`Shop::frequent`] without a superset of the same count among them.
    pub(crate) fn closed(&self, min_count: u64) -> Vec<(Vec<u32>, u64)> {
        maximal(&self.frequent(min_count, None, None))
    }
}

/// Whether roles and hierarchy permit a set.
pub(crate) fn is_allowed(set: &[u32], roles: Option<&[ItemRole]>, hierarchy: Option<&Hierarchy>) -> bool {
    let role = |item: u32| roles.map_or(ItemRole::Both, |roles| roles[item as usize]);
    let lasts = set.iter().filter(|item| role(**item) == ItemRole::Consequent).count();
    let mut pairs = set.iter().flat_map(|a| set.iter().map(move |b| (*a, *b)));
    lasts < 2
        && set.iter().all(|item| role(*item) != ItemRole::Ignore)
        && !pairs.any(|(a, b)| a < b && hierarchy.is_some_and(|forest| forest.is_related(a, b)))
}

/// Those of some sets without a superset of the same count among them.
pub(crate) fn maximal(sets: &[(Vec<u32>, u64)]) -> Vec<(Vec<u32>, u64)> {
    let is_within = |small: &[u32], big: &[u32]| small.len() < big.len() && small.iter().all(|it| big.contains(it));
    let is_maximal = |set: &[u32], count: u64| !sets.iter().any(|(other, n)| *n == count && is_within(set, other));
    sets.iter().filter(|(set, count)| is_maximal(set, *count)).cloned().collect()
}

/// The itemsets of a trie, in order of items.
pub(crate) fn listed(found: &Itemsets) -> Vec<(Vec<u32>, u64)> {
    let mut sets = Vec::new();
    found.for_each(|itemset, count| sets.push((itemset.to_vec(), u64::from(count))));
    sets.sort();
    sets
}

/// Marsaglia's xorshift64*: enough for test data.
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, n: u32) -> u32 {
        (self.unit() * f64::from(n)) as u32
    }
}
