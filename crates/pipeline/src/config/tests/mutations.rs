//! Damaged pipeline files: whatever stands in them, the answer is a configuration or faults with places.

use super::*;

/// A small generator with a seed, so that a failure can be repeated (Marsaglia, 2003: xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// What people and broken tools leave behind.
const DEBRIS: &[&str] = &[
    "nan",
    "-inf",
    "-1",
    "0",
    "1e999",
    "99999999999999999999",
    "0x10",
    "1_000",
    "true",
    "[]",
    "{}",
    "\"\"",
    "''",
    "[[",
    "]]",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "=",
    ".",
    ",",
    "#",
    "\n",
    "\r",
    "\u{0}",
    "\u{feff}",
    "日本",
    "é",
    "auto",
    "2017-02-30",
    "2017-07-01",
    "07:32:00",
    "\"${env:X}\"",
    "\"${\"",
    "*",
    "[pipeline]\n",
    "[[export]]\n",
    "a.b.c.d",
    "\"\"\"",
    "\\u0000",
    "customers",
    "name",
    "role = 1\n",
    "path",
    "9223372036854775807",
];

fn mutate(text: &mut Vec<char>, random: &mut Random) {
    let at = random.below(text.len());
    let end = (at + random.below(20)).min(text.len());
    match random.below(4) {
        0 => drop(text.drain(at..end)),
        1 => {
            let copy: Vec<char> = text[at..end].to_vec();
            let to = random.below(text.len());
            text.splice(to..to, copy);
        }
        2 => drop(text.splice(at..at, DEBRIS[random.below(DEBRIS.len())].chars())),
        _ => replace_word(text, at, DEBRIS[random.below(DEBRIS.len())]),
    }
}

/// Puts `word` in place of the value or name that stands at a place.
fn replace_word(text: &mut Vec<char>, at: usize, word: &str) {
    let is_part = |c: &char| c.is_alphanumeric() || "_-\".".contains(*c);
    let start = text[..at].iter().rposition(|c| !is_part(c)).map_or(0, |before| before + 1);
    let end = text[at..].iter().position(|c| !is_part(c)).map_or(text.len(), |length| at + length);
    text.splice(start..end.max(start), word.chars());
}

fn check(text: &str) -> bool {
    match parse(text) {
        Ok(config) => {
            let again = parse(config.effective());
            assert_eq!(again.as_ref().ok(), Some(&config), "{text}");
            true
        }
        Err(fault) => {
            let lines = text.split('\n').count() as u64;
            for fault in std::iter::once(&fault).chain(fault.others()) {
                assert!(fault.place().line.is_some_and(|line| (1..=lines).contains(&line)), "{fault:?}\n{text}");
            }
            false
        }
    }
}

#[test]
fn damaged_files_never_panic_and_every_fault_has_a_line() {
    let mut random = Random(20_261_001);
    let mut whole = 0;
    for round in 0..4000 {
        let base = [ISP, GROCER, LEAST, include_str!("../testdata/broken.toml")][round % 4];
        let mut text: Vec<char> = base.chars().collect();
        for _ in 0..=random.below(3) {
            mutate(&mut text, &mut random);
        }
        whole += usize::from(check(&text.into_iter().collect::<String>()));
    }
    assert!(
        whole > 100,
        "only {whole} of the damaged files were still whole: the mutations are too coarse to test anything"
    );
}

#[test]
fn deep_files_are_refused() {
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let text = format!("x = {}{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(first(parse(&text)).0, Code::ConfigSyntax);
    }
    assert_eq!(first(parse(&format!("{} = 1", vec!["a"; 10_000].join(".")))).0, Code::ConfigSyntax);
}
