//! Expressions over features: ratios, differences, products and conditions, as `features.derived` and the rules, triggers and lanes of
//! `decide` write them.
//!
//! ```text
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | comparison
//! comparison = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum ]
//! sum        = product { ( "+" | "-" ) product }
//! product    = negation { ( "*" | "/" ) negation }
//! negation   = "-" negation | primary
//! primary    = number | feature | level | "(" or ")" | function "(" or { "," or } ")"
//! ```
//!
//! Functions are `if(condition, then, otherwise)`, `min` and `max` of two or more, `abs`, `log1p`, `coalesce` (the first that is not
//! absent) and `is_absent`. A level of a category stands between quotes, single or double, and is only compared with a category, by `==`
//! or `!=`.
//!
//! A text is read into a tree without knowing a single feature ([`parse()`]), which is then held against the dictionary
//! ([`bind()`]): every name must be there, numbers must stand where numbers belong and conditions where conditions do, and money is never
//! added to days. What comes out computes a number for every row and cannot fail.
//!
//! **Absent values.** A number computed from an absent one is absent, and so is x / 0, the logarithm of what is not above 0, and whatever
//! leaves the range of single precision. A comparison with an absent value is neither true nor false; `and`, `or` and `not` follow Kleene:
//! false and unknown is false, true or unknown is true. `if` is absent where its condition is unknown.

mod bind;
mod eval;
mod parse;
mod tokens;

#[cfg(test)]
mod tests;

pub(crate) use bind::{Bound, bind, bind_condition, bind_number};
pub(crate) use parse::{Syntax, parse};

/// Characters an expression may have.
const MAX_LENGTH: usize = 1000;

/// Brackets, functions and signs within each other.
const MAX_DEPTH: usize = 64;

/// What is wrong with an expression, in signs and samples that need no translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The character it begins at, from 1.
    pub(crate) at: usize,
    /// What stands there.
    pub(crate) got: String,
    /// What may stand there.
    pub(crate) allowed: Vec<String>,
    /// Whether `got` is a name that is not known, out of `allowed`.
    pub(crate) is_name: bool,
}

impl Wrong {
    fn new(at: usize, got: impl Into<String>, allowed: &[&str]) -> Self {
        let allowed = allowed.iter().map(|&one| one.to_owned()).collect();
        Self { at, got: got.into(), allowed, is_name: false }
    }
}
