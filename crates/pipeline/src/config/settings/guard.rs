//! Whom the audit of delivered offers tells apart.

use std::collections::BTreeMap;

/// `[guard]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guard {
    /// Attributes of the customers.
    pub groups: Vec<String>,
    /// Where the bands of a number begin, ascending.
    pub bands: BTreeMap<String, Vec<f64>>,
}
