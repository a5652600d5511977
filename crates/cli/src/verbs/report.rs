//! `osusume report RUN`.

use osusume_model::Exit;
use osusume_pipeline::report::{redraw, write_page};
use osusume_text::Language;

use crate::args::{LanguageArg, ReportArgs};
use crate::console::print;
use crate::failure::{Ended, Failure, guarded};

/// Draws the page again from the run's numbers, in the run's own language unless one was asked for; the run is not changed.
pub(crate) fn report(args: &ReportArgs, language: Option<LanguageArg>) -> Ended {
    let language = language.map(|language| match language {
        LanguageArg::En => Language::En,
        LanguageArg::Ja => Language::Ja,
    });
    let drawn = guarded(|| {
        let html = redraw(&args.run, language)?;
        match &args.out {
            Some(path) => write_page(path, &html),
            None => print(&html),
        }
    });
    drawn.map(|()| Exit::Ok).map_err(Failure::reading)
}
