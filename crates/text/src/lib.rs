//! Every sentence and label a user reads, in English and Japanese.
//!
//! Layers below emit codes and arguments; this crate turns them into words.
//! All words stand in static tables, one per language, filled by one small template engine:
//! `{name}` is an argument, `{name:plain}` the same without thousands separators, `{name?one:many}` a word chosen by a count,
//! and `<<…>>` a part that is left out when one of its arguments is absent.
//! Control characters in arguments are escaped, so that no file name or library message can drive a terminal.
//!
//! Main entries: [`render`] and [`exit_error_json`] for faults, [`explain`] for a code, [`labels`] for features,
//! [`reasons`] for reason codes and removal rules, [`benefit`] for texts with a customer's own figures, [`summary`] for the words of a run, [`report`] for those of its report, [`evaluation`]
//! for those of what it added, [`suggest`] for "did you mean".
//!
//! ```
//! use osusume_model::{Code, Fault};
//! use osusume_text::{Effect, Language, render};
//! let fault = Fault::new(Code::UnterminatedQuote).in_file("customers.csv").at(48211, 17).at_byte(9_331_204);
//! let text = render(&fault, &Effect::NothingPublished { previous: None }, Language::En);
//! assert!(text.starts_with("error[E1017]: unterminated quote\n  --> customers.csv:48211:17 (byte 9331204)\n  effect: run stopped"));
//! ```
//!
//! Not here: printing, colours and terminal width (crate `cli`), numbers and their computation.

mod escape;
mod exits;
mod language;
mod messages;
mod numbers;
mod phrases;
mod render;
mod template;

pub mod benefit;
pub mod demo;
pub mod evaluation;
pub mod flat;
pub mod inspect;
pub mod labels;
pub mod mining;
pub mod prove;
pub mod reasons;
pub mod report;
pub mod screen;
pub mod summary;
pub mod what_if;
pub mod why;

pub use escape::{escape_controls, json_string};
pub use exits::exit_codes_page;
pub use language::Language;
pub use messages::{Message, errors_page, explain, message};
pub use numbers::{display_width, minor_digits, money, money_with_digits, pad, percent, thousands, thousands_of};
pub use osusume_model::suggest;
pub use render::{Effect, RunState, exit_error_json, first_title, render, render_warning, title};
