//! `osusume config reference|schema|effective`.

use osusume_model::Exit;
use osusume_pipeline::config::{reference, schema};

use crate::args::ConfigVerb;
use crate::console::print;
use crate::failure::{Ended, Failure};
use crate::settings::load;

/// Prints what is asked for.
pub(crate) fn config(verb: &ConfigVerb) -> Ended {
    let text = match verb {
        ConfigVerb::Reference => reference(),
        ConfigVerb::Schema => schema(),
        ConfigVerb::Effective(args) => load(args).map_err(Failure::reading)?.effective().to_owned(),
    };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    print(&format!("{text}{end}")).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}
