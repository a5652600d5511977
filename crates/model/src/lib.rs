//! The trade's vocabulary: dates and instants, buckets, money, offers, features, control and the one table of error codes.
//!
//! Everything here is plain data with no machinery: no tables, no files, no clock, no sentence in any language.
//! Every other crate may depend on this one, and this one depends on none of them.
//!
//! Main types: [`Date`], [`Timestamp`], [`AsOf`], [`Fault`] with its [`Code`], [`Control`], [`FeatureSpec`], [`Offer`], [`Catalogue`].
//!
//! ```
//! use osusume_model::{Date, bucket_of, BUCKETS};
//! let as_of: Date = "2026-10-01".parse().unwrap();
//! assert_eq!((as_of - 30).to_string(), "2026-09-01");
//! assert!(bucket_of(b"C000017") < BUCKETS);
//! ```
//!
//! Not here: sentences (crate `text`), numerics (crate `numeric`), any input or output.

mod bucket;
mod code;
mod control;
mod fault;
mod feature;
mod money;
mod offer;
mod suggest;
mod time;

pub use bucket::{BUCKETS, bucket_of, keyed_hash, unit_interval};
pub use code::{Code, CodeInfo, Exit, Retry};
pub use control::{Control, NoControl, Stop};
pub use fault::{Arg, Fault, Place, Result, check_stop};
pub use feature::{Family, FeatureKind, FeatureSpec, NullMeaning, Unit, Window};
pub use money::Minor;
pub use offer::{Catalogue, HeldBy, Offer, OfferId, OfferKind, Product, ProductId, Tier};
pub use suggest::suggest;
pub use time::{AsOf, DAY_US, Date, ParseDateError, Timestamp};
