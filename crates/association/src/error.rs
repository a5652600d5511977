//! Why a kernel of this crate refused its input, stopped, or would not start.

use osusume_model::{Control, Stop};

/// What callers of this crate can get wrong, and the limits they set. Positions are positions in the slices given.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The control asked to stop.
    #[error("stopped")]
    Stopped(Stop),
    /// A slice does not have the length the others demand.
    #[error("`{what}` holds {got} values, expected {expected}")]
    Length {
        /// The slice.
        what: &'static str,
        /// Its length.
        got: usize,
        /// The length it must have.
        expected: usize,
    },
    /// Offsets do not ascend from 0 to the number of items.
    #[error("basket offsets do not ascend at position {basket}")]
    Offsets {
        /// The first basket with a bad end.
        basket: usize,
    },
    /// A customer's rows do not ascend in time.
    #[error("`{what}` of customer {customer} do not ascend")]
    Unsorted {
        /// The slice.
        what: &'static str,
        /// Position of the customer.
        customer: usize,
    },
    /// An item is not below `n_items`.
    #[error("basket {basket} holds item {item} of {n_items}")]
    Item {
        /// Position of the basket.
        basket: usize,
        /// The item.
        item: u32,
        /// How many items there are.
        n_items: u32,
    },
    /// The weights of all baskets add up to more than counts can hold.
    #[error("baskets weigh {got} together, at most {allowed} can be counted")]
    Weight {
        /// Sum of the weights.
        got: u64,
        /// The largest sum allowed.
        allowed: u64,
    },
    /// The baskets hold more items together than the engines can number.
    #[error("baskets hold {got} items together, at most {allowed} can be mined at once")]
    Values {
        /// Items in all baskets.
        got: u64,
        /// The largest number allowed.
        allowed: u64,
    },
    /// The parents of a hierarchy form a circle.
    #[error("item {item} is its own ancestor")]
    Circle {
        /// An item on the circle.
        item: u32,
    },
    /// A parameter outside what is allowed.
    #[error("`{name}` must be {allowed}, got {got}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What is allowed.
        allowed: &'static str,
        /// The value.
        got: f64,
    },
    /// More itemsets than the caller wants to hold.
    #[error("more than {max_sets} itemsets reach count {min_count}; from {proposed_min_count} on there are fewer")]
    TooManySets {
        /// The limit that was passed.
        max_sets: u64,
        /// The count asked for.
        min_count: u64,
        /// The smallest count found that stays within the limit.
        proposed_min_count: u64,
    },
}

/// `Err` when the control asks to stop.
pub(crate) fn check_stop(control: &dyn Control) -> Result<(), Error> {
    match control.stop() {
        Some(stop) => Err(Error::Stopped(stop)),
        None => Ok(()),
    }
}
