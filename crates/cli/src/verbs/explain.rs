//! `osusume explain CODE`.

use osusume_model::{Code, Exit, Fault};
use osusume_text::{explain as page, suggest};

use crate::console::{Console, print};
use crate::failure::{Ended, Failure};

/// Prints what a code means and what to do.
pub(crate) fn explain(text: &str, console: &Console) -> Ended {
    let code = Code::parse(text).ok_or_else(|| Failure::reading(unknown(text)))?;
    print(&page(code, console.language)).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}

fn unknown(text: &str) -> Fault {
    let near = suggest(text, Code::ALL.iter().map(|code| code.id()));
    let near = near.map_or_else(String::new, |near| format!(" ({near}?)"));
    Fault::new(Code::CommandLine).because(format!("CODE = {text}{near}"))
}
