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
    let (first, last) = (Code::ALL.first().map_or("", |code| code.id()), Code::ALL.last().map_or("", |code| code.id()));
    let fault = Fault::new(Code::OptionNotAllowed).with("option", "CODE").with("got", text);
    let fault = fault.with("allowed", format!("{first}–{last} (docs/errors.md)"));
    match suggest(text, Code::ALL.iter().map(|code| code.id())) {
        Some(near) => fault.with("suggestion", near),
        None => fault,
    }
}
