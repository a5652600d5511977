//! The levels of a category, or the customers, that a block names.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use itoa::Buffer;
use rayon::prelude::*;

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

/// The levels of a table's category in the order of their texts. Levels that are numbers are spelled once somebody asks for a text.
#[derive(Clone, Debug)]
pub struct Names(Arc<Spelled>);

#[derive(Debug)]
struct Spelled {
    /// Where the levels are numbers; otherwise the texts are there from the beginning.
    numbers: Vec<i64>,
    texts: OnceLock<Arc<[String]>>,
}

impl Names {
    /// `numbers`: in the order of their texts.
    pub(crate) fn of_numbers(numbers: Vec<i64>) -> Self {
        Self(Arc::new(Spelled { numbers, texts: OnceLock::new() }))
    }

    /// How many levels there are; spells none.
    pub fn len(&self) -> usize {
        self.0.texts.get().map_or(self.0.numbers.len(), |texts| texts.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The texts.
    pub fn texts(&self) -> &Arc<[String]> {
        let Spelled { numbers, texts } = &*self.0;
        if texts.get().is_none() {
            // Not inside of the lock: the thread may take up other work while it waits for the rest, and that may ask for the same.
            let spelled: Vec<String> =
                numbers.par_iter().map(|&number| Buffer::new().format(number).to_owned()).collect();
            drop(texts.set(Arc::from(spelled)));
        }
        texts.get().expect("set just above")
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Arc<[String]>> for Names {
    fn from(texts: Arc<[String]>) -> Self {
        Self(Arc::new(Spelled { numbers: Vec::new(), texts: OnceLock::from(texts) }))
    }
}

impl From<Vec<String>> for Names {
    fn from(texts: Vec<String>) -> Self {
        Self::from(Arc::<[String]>::from(texts))
    }
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(texts: I) -> Self {
        Self::from(texts.into_iter().collect::<Arc<[String]>>())
    }
}

impl Deref for Names {
    type Target = [String];

    fn deref(&self) -> &[String] {
        self.texts()
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.texts() == other.texts()
    }
}

/// A dictionary's levels in order, and the rank of each of its codes.
pub(crate) struct Ranked {
    pub(crate) names: Names,
    pub(crate) rank: Vec<u32>,
}

impl Ranked {
    pub(crate) fn new(dictionary: &Dictionary) -> Self {
        match &dictionary.texts {
            None => Self::of_numbers(&dictionary.numbers.numbers),
            Some(texts) => Self::of_texts(texts),
        }
    }

    fn of_numbers(numbers: &[i64]) -> Self {
        let key = |(&number, code): (&i64, u32)| text_order(number) << 32 | u128::from(code);
        let mut order: Vec<u128> = numbers.par_iter().zip(0..numbers.len() as u32).map(key).collect();
        order.par_sort_unstable();
        let codes = || order.iter().map(|&key| key as u32);
        let names = Names::of_numbers(codes().map(|code| numbers[code as usize]).collect());
        Self { names, rank: ranks(codes(), order.len()) }
    }

    fn of_texts(texts: &Interner) -> Self {
        let mut order: Vec<(u128, u32)> =
            (0..texts.len() as u32).map(|code| (head_of(texts.get(code)), code)).collect();
        // Distinct texts, so the unstable sort has one result.
        order.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| texts.get(a.1).cmp(texts.get(b.1))));
        let text = |&(_, code): &(u128, u32)| String::from_utf8_lossy(texts.get(code)).into_owned();
        let names = Names::from(order.par_iter().map(text).collect::<Vec<String>>());
        Self { names, rank: ranks(order.iter().map(|&(_, code)| code), order.len()) }
    }

    /// One level a line. Levels hold no control characters, so a line end is none of theirs.
    pub(crate) fn escaped(&self) -> String {
        self.names.join("\n")
    }
}

/// The position of each code in an order of all codes.
fn ranks(order: impl Iterator<Item = u32>, n_codes: usize) -> Vec<u32> {
    let mut rank = vec![0; n_codes];
    order.zip(0..).for_each(|(code, at)| rank[code as usize] = at);
    rank
}

/// A key by which numbers are ordered as their decimal texts are: a minus before all digits, then the digits as if written left-aligned,
/// then the shorter number first. Below 2^96.
fn text_order(number: i64) -> u128 {
    /// Digits of the largest number.
    const DIGITS: u32 = 19;
    let magnitude = number.unsigned_abs();
    let n_digits = magnitude.checked_ilog10().map_or(1, |log| log + 1);
    // Below 10^19, and so below 2^64.
    let aligned = magnitude * 10_u64.pow(DIGITS - n_digits);
    u128::from(number >= 0) << 95 | u128::from(aligned) << 8 | u128::from(n_digits)
}

/// The first sixteen bytes as a number that is ordered as they are; of a shorter text, zeros follow, which no level holds.
fn head_of(text: &[u8]) -> u128 {
    let mut head = [0; 16];
    let len = text.len().min(16);
    head[..len].copy_from_slice(&text[..len]);
    u128::from_be_bytes(head)
}

/// The levels of a stored column over all blocks, in order of first sight.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    /// Numbers; their codes are those of the levels as long as there is no text.
    numbers: NumberCodes,
    /// All levels, once one of them came as a text.
    texts: Option<Interner>,
    /// Then, by code of a number, that among the texts.
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
                Levels::Texts(texts) => self.spell().intern(texts.get(level)),
                Levels::Numbers(numbers) => self.intern_number(numbers[level as usize], &mut digits),
            }
        });
        codes.collect()
    }

    fn intern_number(&mut self, number: i64, digits: &mut Buffer) -> u32 {
        let known = self.numbers.code(number);
        let Some(texts) = &mut self.texts else { return known };
        if known as usize == self.code_of.len() {
            self.code_of.push(texts.intern(digits.format(number).as_bytes()));
        }
        self.code_of[known as usize]
    }

    /// The levels as texts. Numbers met so far keep their codes: different ones have different texts.
    fn spell(&mut self) -> &mut Interner {
        let Self { numbers, texts, code_of } = self;
        texts.get_or_insert_with(|| {
            let (mut texts, mut digits) = (Interner::default(), Buffer::new());
            *code_of = numbers.numbers.iter().map(|&number| texts.intern(digits.format(number).as_bytes())).collect();
            texts
        })
    }

    /// Bytes held in memory.
    pub(crate) fn footprint(&self) -> usize {
        let texts = self.texts.as_ref().map_or(0, Interner::footprint);
        texts + self.numbers.footprint() + 4 * self.code_of.capacity()
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
    fn numbers_are_ranked_as_their_texts_are() {
        let mut numbers =
            vec![0, 1, 10, 100, 12, 9, 99, -1, -10, -2, i64::MAX, i64::MIN + 1, i64::MIN, 922_337_203_685_477_581];
        numbers.extend((0..2_000_i64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) >> (i % 60)));
        let mut one = Dictionary::default();
        let mut other = Dictionary::default();
        let codes = one.intern(&Levels::Numbers(numbers.clone()), None);
        let mut texts = Interner::default();
        for number in &numbers {
            texts.intern(number.to_string().as_bytes());
        }
        other.intern(&Levels::Texts(texts), None);
        assert_eq!(codes.len(), numbers.len());
        let (one, other) = (Ranked::new(&one), Ranked::new(&other));
        assert_eq!(one.names.len(), one.rank.len());
        assert_eq!((&one.rank, &one.names), (&other.rank, &other.names));
        assert!(one.names.is_sorted() && one.escaped() == other.escaped());
    }

    #[test]
    fn a_text_among_numbers_changes_no_code() {
        let numbers = |numbers: &[i64]| Levels::Numbers(numbers.to_vec());
        let mut texts = Interner::default();
        for text in ["x", "7", "12"] {
            texts.intern(text.as_bytes());
        }
        let mut dictionary = Dictionary::default();
        assert_eq!(dictionary.intern(&numbers(&[5, 7]), None), [0, 1]);
        assert_eq!(dictionary.intern(&Levels::Texts(texts), None), [2, 1, 3]);
        assert_eq!(dictionary.intern(&numbers(&[12, 5, 6]), Some(&[true, true, false])), [3, 0, NO_CODE]);
        assert_eq!(dictionary.intern(&numbers(&[6]), None), [4]);
        assert_eq!(Ranked::new(&dictionary).names[..], ["12", "5", "6", "7", "x"]);
    }

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
