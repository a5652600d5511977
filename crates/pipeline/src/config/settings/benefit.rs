//! What offers are good for, in words.

/// One of `offers.benefit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Benefit {
    /// Offers or families; every offer without any.
    pub offers: Vec<String>,
    /// The condition as it was written.
    pub condition: Option<String>,
    /// The trigger that must stand in the row.
    pub trigger: Option<String>,
    /// The templates, in English and in Japanese.
    pub text: [Option<String>; 2],
}
