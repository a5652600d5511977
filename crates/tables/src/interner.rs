//! Texts to dense numbers in order of first sight: one byte arena and an open-addressing table.

use xxhash_rust::xxh3::xxh3_64;

const EMPTY: u64 = u64::MAX;

/// Distinct byte strings with dense numbers. Its iteration order is the order of first sight, never the table's.
#[derive(Clone, Debug, Default)]
pub struct Interner {
    bytes: Vec<u8>,
    /// End of each string in `bytes`.
    ends: Vec<usize>,
    /// High half: upper hash bits; low half: number. A power of two long, at most three quarters full.
    slots: Vec<u64>,
}

impl Interner {
    /// How many distinct strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes held in memory.
    pub(crate) fn footprint(&self) -> usize {
        self.bytes.capacity() + 8 * (self.ends.capacity() + self.slots.capacity())
    }

    /// The string of a number.
    pub fn get(&self, number: u32) -> &[u8] {
        let at = number as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    /// All strings by number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len() as u32).map(|number| self.get(number))
    }

    /// The number of a string already known.
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        self.probe(text, xxh3_64(text)).ok()
    }

    /// The number of a string, which becomes known.
    pub fn intern(&mut self, text: &[u8]) -> u32 {
        if self.slots.len() * 3 <= self.ends.len() * 4 {
            self.grow();
        }
        let hash = xxh3_64(text);
        match self.probe(text, hash) {
            Ok(number) => number,
            Err(slot) => {
                let number = u32::try_from(self.ends.len())
                    .ok()
                    .filter(|&n| n < u32::MAX)
                    .expect("fewer than 2^32 distinct texts fit in memory");
                self.bytes.extend_from_slice(text);
                self.ends.push(self.bytes.len());
                self.slots[slot] = tag(hash) | u64::from(number);
                number
            }
        }
    }

    /// The number, or the free slot where the string belongs.
    fn probe(&self, text: &[u8], hash: u64) -> Result<u32, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let entry = self.slots[slot];
            if entry == EMPTY {
                return Err(slot);
            }
            if entry & !0xffff_ffff == tag(hash) && self.get(entry as u32) == text {
                return Ok(entry as u32);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let capacity = (self.slots.len() * 2).max(64);
        self.slots.clear();
        self.slots.resize(capacity, EMPTY);
        for number in 0..self.ends.len() as u32 {
            let hash = xxh3_64(self.get(number));
            let mut slot = hash as usize & (capacity - 1);
            while self.slots[slot] != EMPTY {
                slot = (slot + 1) & (capacity - 1);
            }
            self.slots[slot] = tag(hash) | u64::from(number);
        }
    }
}

/// The upper hash bits, in the upper half.
fn tag(hash: u64) -> u64 {
    hash & !0xffff_ffff
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn agrees_with_a_map() {
        let (mut interner, mut oracle) = (Interner::default(), BTreeMap::new());
        for i in 0..20_000_u64 {
            let text = format!("{}", i.wrapping_mul(2_654_435_761) % 7_001);
            let next = oracle.len() as u32;
            let expected = *oracle.entry(text.clone()).or_insert(next);
            assert_eq!(interner.intern(text.as_bytes()), expected);
        }
        assert_eq!(interner.len(), oracle.len());
        for (text, number) in &oracle {
            assert_eq!(interner.find(text.as_bytes()), Some(*number));
            assert_eq!(interner.get(*number), text.as_bytes());
        }
        assert_eq!(interner.find(b"unknown"), None);
        assert_eq!(Interner::default().find(b""), None);
    }
}
