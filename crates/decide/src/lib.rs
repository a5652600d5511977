//! Which offer to make to whom: ladders, eligibility, value, contact policy, holdout, ranking and reasons.
//!
//! Pure functions on plain slices, a block of customers at a time. Matrices are customer-major: the cell of customer c and offer o is
//! `c * n_offers + o`. The result for a customer depends on that customer alone, so neither the number of threads nor the order of
//! the customers changes it.
//!
//! The order of calls: [`offers_of`] and [`Ladder::new`] once; then for each block of customers [`eligibility`],
//! [`apply_contact_policy`], [`apply_declared`], [`apply_approaches`] and [`rank`]; [`reasons`] for what was chosen. Customers in the holdout ([`Holdout`]) go through the same
//! calls; only where the result is written differs. What value means and what is left out for now stands in the crate's DESIGN.md.
//!
//! ```
//! use osusume_decide::offers_of;
//! use osusume_model::{HeldBy, Minor, Product, Tier};
//! let step = |key: &str, tier| Product {
//!     key: key.into(), family: "line".into(), tier: Tier(tier), held_by: HeldBy::Customer, margin: Minor(500),
//!     ..Product::default()
//! };
//! let offers = offers_of(&[step("line_100m", 1), step("line_1g", 2)], &["line".to_owned()], &[]).unwrap();
//! assert_eq!(offers[0].key, "line_1g");
//! ```
//!
//! Not here: propensities (crate `propensity`), tables and files (crate `pipeline`), sentences (crate `text`).

mod approach;
mod arms;
mod assign;
mod block;
mod catalogue;
mod contact;
mod declared;
mod eligibility;
mod error;
mod explore;
mod holdout;
mod household;
mod ladder;
mod rank;
mod reasons;
mod rule;
#[cfg(test)]
mod testing;
mod value;

pub use approach::{
    Approach, ApproachStep, Approaches, MAX_APPROACHES, MAX_STEPS, Stand, Stops, Touch, apply_approaches,
};
pub use arms::{Arm, Arms};
pub use assign::{Assignment, AtPrices, Bids, Limit, Loser, Placement, Shortfall, Terms, assign};
pub use catalogue::{CatalogueError, check_products, next_tier, offers_of};
pub use contact::{ContactHistory, ContactPolicy, NEVER, apply_contact_policy};
pub use declared::{Circumstances, Declared, DeclaredRule, MAX_DECLARED, MAX_LANES, apply_declared};
pub use eligibility::{ChannelSet, Customers, NO_OFFER, eligibility};
pub use error::{DecideError, Result};
pub use explore::Explore;
pub use holdout::{Design, Holdout, hold_back};
pub use household::{Claim, Member, asked_members, resting_members};
pub use ladder::Ladder;
pub use rank::{
    Channel, Choice, Decision, PlacedOffers, RankPolicy, Ranked, Wanted, WantedOffers, rank, rank_placed, wanted,
    worths,
};
pub use reasons::{Direction, Reason, reasons};
pub use rule::{Layer, Rule, Verdict};
pub use value::{Lever, Lifetime, OfferTerms, Response, Worth, worn};
