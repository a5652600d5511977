//! The levels of a category, or the customers, that a block names.

use itoa::Buffer;

use crate::cells::NO_CODE;
use crate::interner::Interner;

/// Texts, or whole numbers that nobody has spelled yet: a number is met thousands of times, and its text is needed once.
#[derive(Clone, Debug)]
pub(crate) enum Levels {
    Texts(Interner),
    Numbers(Vec<i64>),
}

impl Levels {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// The text of a code; `digits` is room for one that is a number.
    pub(crate) fn text<'a>(&'a self, code: u32, digits: &'a mut Buffer) -> &'a [u8] {
        match self {
            Self::Texts(texts) => texts.get(code),
            Self::Numbers(numbers) => digits.format(numbers[code as usize]).as_bytes(),
        }
    }
}

/// The levels of a stored column over all blocks, in order of first sight.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    pub(crate) texts: Interner,
    /// Numbers spelled before, and their codes among the texts.
    numbers: NumberCodes,
    code_of: Vec<u32>,
}

impl Dictionary {
    /// The code of each of a block's levels; `NO_CODE` for those not used, which stay unknown. `is_used`: `None` for all.
    pub(crate) fn intern(&mut self, levels: &Levels, is_used: Option<&[bool]>) -> Vec<u32> {
        let mut digits = Buffer::new();
        let codes = (0..levels.len() as u32).map(|level| {
            if is_used.is_some_and(|used| !used[level as usize]) {
                return NO_CODE;
            }
            match levels {
                Levels::Texts(texts) => self.texts.intern(texts.get(level)),
                Levels::Numbers(numbers) => self.intern_number(numbers[level as usize], &mut digits),
            }
        });
        codes.collect()
    }

    fn intern_number(&mut self, number: i64, digits: &mut Buffer) -> u32 {
        let known = self.numbers.code(number) as usize;
        if known == self.code_of.len() {
            self.code_of.push(self.texts.intern(digits.format(number).as_bytes()));
        }
        self.code_of[known]
    }

    /// Bytes held in memory.
    pub(crate) fn footprint(&self) -> usize {
        self.texts.footprint() + self.numbers.footprint() + 4 * self.code_of.capacity()
    }
}

/// Whole numbers to dense codes in order of first sight.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberCodes {
    numbers: Vec<i64>,
    /// One more than the code, 0 where free. A power of two long, at most half full.
    slots: Vec<u32>,
}

impl NumberCodes {
    /// Slots to begin with: what most blocks need, and small enough to clear.
    const SLOTS: usize = 1 << 12;

    /// The code of a number, which becomes known.
    #[inline]
    pub(crate) fn code(&mut self, number: i64) -> u32 {
        match self.find(number) {
            Ok(code) => code,
            Err(slot) => self.add(number, slot),
        }
    }

    /// The code of a number, or the free slot where it belongs.
    #[inline]
    pub(crate) fn find(&self, number: i64) -> Result<u32, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mask = self.slots.len() - 1;
        let mut slot = hash(number) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                code if self.numbers[code as usize - 1] == number => return Ok(code - 1),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn add(&mut self, number: i64, slot: usize) -> u32 {
        let code = u32::try_from(self.numbers.len()).expect("fewer than 2^32 distinct numbers fit in memory");
        self.numbers.push(number);
        if self.numbers.len() * 2 > self.slots.len() {
            self.grow();
        } else {
            self.slots[slot] = code + 1;
        }
        code
    }

    #[cold]
    fn grow(&mut self) {
        let capacity = (self.slots.len() * 4).max(Self::SLOTS);
        self.slots.clear();
        self.slots.resize(capacity, 0);
        for (code, &number) in (1..).zip(&self.numbers) {
            let mut slot = hash(number) as usize & (capacity - 1);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & (capacity - 1);
            }
            self.slots[slot] = code;
        }
    }

    /// The numbers by code.
    pub(crate) fn into_numbers(self) -> Vec<i64> {
        self.numbers
    }

    /// Bytes held in memory.
    pub(crate) fn footprint(&self) -> usize {
        8 * self.numbers.capacity() + 4 * self.slots.capacity()
    }
}

/// Fibonacci hashing, upper bits first: identifiers are often multiples of something.
#[inline]
fn hash(number: i64) -> u64 {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_of_first_sight() {
        let mut codes = NumberCodes::default();
        let number = |i: i64| (i * 7_919 % 30_011) * 1_000_003 - 5;
        let mut seen: Vec<i64> = Vec::new();
        for i in 0..90_000 {
            let code = codes.code(number(i)) as usize;
            if code == seen.len() {
                seen.push(number(i));
            }
            assert_eq!(seen[code], number(i));
        }
        assert_eq!(seen.len(), 30_011);
        assert_eq!(codes.find(number(17)), Ok(17));
        assert!(codes.find(3).is_err() && NumberCodes::default().find(3).is_err());
        let levels = Levels::Numbers(codes.into_numbers());
        assert_eq!(levels.text(1, &mut Buffer::new()), number(1).to_string().as_bytes());
    }
}
