//! The value of an expression in one row.

use std::collections::BTreeSet;

use osusume_numeric::elementary::ln_1p;

use super::parse::{Binary, Function};

/// A part of an expression whose names are columns. Conditions are 1 and 0; NaN is absent, or neither true nor false.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Number(f64),
    Column(usize),
    Negation(Box<Node>),
    Not(Box<Node>),
    Binary(Binary, Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    IsAbsent(Box<Node>),
    Call(Function, Vec<Node>),
}

impl Node {
    pub(super) fn binary(operator: Binary, left: Self, right: Self) -> Self {
        Self::Binary(operator, Box::new([left, right]))
    }

    pub(super) fn value(&self, column: &impl Fn(usize) -> f64) -> f64 {
        match self {
            Self::Number(number) => present(*number),
            Self::Column(at) => present(column(*at)),
            Self::Negation(inner) => present(-inner.value(column)),
            Self::Not(inner) => 1.0 - inner.value(column),
            Self::Binary(operator, parts) => between(*operator, parts[0].value(column), parts[1].value(column)),
            Self::If(parts) => {
                let condition = parts[0].value(column);
                if condition.is_nan() {
                    return f64::NAN;
                }
                parts[if condition > 0.0 { 1 } else { 2 }].value(column)
            }
            Self::IsAbsent(inner) => f64::from(inner.value(column).is_nan()),
            Self::Call(function, arguments) => call(*function, arguments.iter().map(|argument| argument.value(column))),
        }
    }

    pub(super) fn reads(&self, columns: &mut BTreeSet<usize>) {
        match self {
            Self::Number(_) => {}
            Self::Column(at) => drop(columns.insert(*at)),
            Self::Negation(inner) | Self::Not(inner) | Self::IsAbsent(inner) => inner.reads(columns),
            Self::Binary(_, parts) => parts.iter().for_each(|part| part.reads(columns)),
            Self::If(parts) => parts.iter().for_each(|part| part.reads(columns)),
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.reads(columns)),
        }
    }
}

/// The number as models see it; what they cannot is absent.
fn present(x: f64) -> f64 {
    // Adding 0.0 leaves no zero with a sign, which a division would tell.
    if x.abs() <= f64::from(f32::MAX) { x + 0.0 } else { f64::NAN }
}

#[expect(clippy::float_cmp, reason = "whether two numbers are equal is what an expression asks")]
fn between(operator: Binary, a: f64, b: f64) -> f64 {
    match operator {
        Binary::Add => present(a + b),
        Binary::Subtract => present(a - b),
        Binary::Multiply => present(a * b),
        // By 0: no number.
        Binary::Divide => present(a / b),
        Binary::And if a == 0.0 || b == 0.0 => 0.0,
        Binary::And => a * b,
        Binary::Or if a > 0.0 || b > 0.0 => 1.0,
        Binary::Or => a + b,
        _ if a.is_nan() || b.is_nan() => f64::NAN,
        Binary::Less => f64::from(a < b),
        Binary::LessOrEqual => f64::from(a <= b),
        Binary::Greater => f64::from(a > b),
        Binary::GreaterOrEqual => f64::from(a >= b),
        Binary::Equal => f64::from(a == b),
        Binary::Unequal => f64::from(a != b),
    }
}

fn call(function: Function, mut arguments: impl Iterator<Item = f64>) -> f64 {
    let absorbing =
        |a: f64, b: f64, pick: fn(f64, f64) -> f64| if a.is_nan() || b.is_nan() { f64::NAN } else { pick(a, b) };
    match function {
        Function::Min => arguments.reduce(|a, b| absorbing(a, b, f64::min)).unwrap_or(f64::NAN),
        Function::Max => arguments.reduce(|a, b| absorbing(a, b, f64::max)).unwrap_or(f64::NAN),
        Function::Coalesce => arguments.find(|x| !x.is_nan()).unwrap_or(f64::NAN),
        Function::Abs => arguments.next().map_or(f64::NAN, f64::abs),
        Function::Log1p => present(arguments.next().filter(|x| *x > -1.0).map_or(f64::NAN, ln_1p)),
        Function::If | Function::IsAbsent => unreachable!("nodes of their own"),
    }
}
