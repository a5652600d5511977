//! Why deciding ended early.

use osusume_model::Stop;

/// The result of a step.
pub type Result<T> = std::result::Result<T, DecideError>;

/// Why deciding ended early.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DecideError {
    /// The caller asked to stop.
    #[error("stopped: {0:?}")]
    Stopped(Stop),
    /// A propensity is a number outside [0, 1].
    #[error("propensity of customer {customer} for offer {offer} is not in [0, 1]")]
    NotAProbability {
        /// 0-based position of the customer in the block.
        customer: usize,
        /// Position of the offer.
        offer: usize,
    },
    /// A number of units is infinite or not above 0.
    #[error("expected quantity of customer {customer} for offer {offer} is no number above 0")]
    NotAQuantity {
        /// 0-based position of the customer in the block.
        customer: usize,
        /// Position of the offer.
        offer: usize,
    },
}
