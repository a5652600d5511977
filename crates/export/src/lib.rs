//! Delivery of a published run to files a CRM imports.
//!
//! A [`Profile`] is everything a destination wants of a file, as data: encoding, newline, delimiter, headers, null token,
//! limits, key, and what happens to formulas and to characters the encoding lacks.
//! [`export`] reads the offer table of a [`PublishedRun`], and of nothing else, and writes the file (or the parts a limit asks for)
//! and a manifest beside it that lists parts, rows, bytes and digests.
//! Every row has the same key in every delivery: customer, offer and as-of date.
//!
//! A destination file appears under its name only when it is complete: parts are written under temporary names in the same directory,
//! forced to the disk and renamed, the manifest last. A reader that compares digests with the manifest never takes a mixture
//! of two deliveries for one. While they are written, files have names no other process uses; whoever calls sees to it that one run
//! at a time is delivered (crate `pipeline` holds the lock of its runs), and [`Destination::may_show`] has the last word.
//!
//! ```
//! let profile = osusume_export::profile("salesforce-bulk2").unwrap();
//! assert_eq!(profile.null_token, "#N/A");
//! assert_eq!(osusume_export::delivery_key("C000017", "line_1g", "2026-10-01".parse().unwrap()), "C000017:line_1g:2026-10-01");
//! ```
//!
//! Not here: which offers are made (crate `decide`), destinations that are no files, deltas against the last delivery.

mod cell;
mod csv_file;
mod deliver;
mod field;
mod key;
mod manifest;
mod offers;
mod parquet_file;
mod parts;
mod profile;
mod profile_file;
mod shipped;

pub use csv_file::{Counts, Delivered, Lineage, Sink, deliver_csv};
pub use deliver::{Delivery, Format, OFFERS, PublishedRun, export};
pub use field::{Field, OfferRow, SCHEMA_VERSION, delivery_key};
pub use parts::{Destination, Part};
pub use profile::{Bom, Column, Encoding, Injection, Newline, Profile, Quoting, Selection, Unmappable};
pub use shipped::{profile, profile_names, profiles_page};

/// The profile that copies the offer table as Parquet with lineage columns.
pub const PARQUET: &str = "parquet";
