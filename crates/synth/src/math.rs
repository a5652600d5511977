//! The transcendental functions everything here is made of: not the platform's, so that a seed gives the same bytes everywhere.

use osusume_numeric::elementary;

/// e to the power `x`.
pub(crate) fn exp(x: f64) -> f64 {
    elementary::exp(x)
}

/// Natural logarithm.
pub(crate) fn ln(x: f64) -> f64 {
    elementary::ln(x)
}

/// `1 − e^(−x)`: the probability that something of integrated rate `x` happens.
pub(crate) fn happens(x: f64) -> f64 {
    1.0 - exp(-x)
}
