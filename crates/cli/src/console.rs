//! Standard output and standard error: data on the one, everything else on the other.

use std::io::{self, ErrorKind, IsTerminal, Write};

use osusume_model::{Arg, Code, Fault, Result};
use osusume_text::Language;
use osusume_text::screen::{self, Word};
use osusume_text::summary::{self, Phrase};
use serde_json::Value;

use crate::args::{Global, LanguageArg, LogFormat, OutputFormat};

/// How this process speaks.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    /// Language of messages.
    pub(crate) language: Language,
    /// Form of standard error.
    pub(crate) log_format: LogFormat,
    /// Form of data.
    pub(crate) output: OutputFormat,
    /// Whether to say only what went wrong.
    pub(crate) is_quiet: bool,
    /// Whether progress bars may be drawn.
    pub(crate) has_bars: bool,
}

impl Console {
    /// As the command line and the environment ask for.
    pub(crate) fn new(global: &Global) -> Self {
        let is_text = global.log_format == LogFormat::Text;
        Self {
            language: language(global.language),
            log_format: global.log_format,
            output: global.output,
            is_quiet: global.quiet,
            has_bars: is_text && !global.quiet && !global.no_progress && io::stderr().is_terminal(),
        }
    }

    /// Writes a line that is no error, unless nothing but errors is wanted.
    pub(crate) fn note(&self, line: &str) {
        if !self.is_quiet {
            complain(&format!("{line}\n"));
        }
    }

    /// Writes a log object as one line, where logs are JSON.
    pub(crate) fn log(&self, value: &Value) {
        if self.log_format == LogFormat::Json && !self.is_quiet {
            complain(&format!("{value}\n"));
        }
    }

    /// A phrase of the run's summary.
    pub(crate) fn phrase(&self, phrase: Phrase, args: &[(&str, Arg)]) -> String {
        summary::say(phrase, self.language, args)
    }

    /// A word of the screen.
    pub(crate) fn word(&self, word: Word) -> &'static str {
        screen::word(word, self.language)
    }

    /// A word of the screen with arguments.
    pub(crate) fn say(&self, word: Word, args: &[(&str, Arg)]) -> String {
        screen::say(word, self.language, args)
    }
}

/// Writes data. A reader that went away is no error: it has what it wanted.
///
/// # Errors
/// `CannotWrite`, or `DiskFull` where the output goes to a file on a full disk.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(output_fault(&error)),
        _ => Ok(()),
    }
}

/// Writes data as one JSON value.
pub(crate) fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Writes a text to standard error. Where even that fails, nobody is left to tell.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

fn output_fault(error: &io::Error) -> Fault {
    let code = if error.kind() == ErrorKind::StorageFull { Code::DiskFull } else { Code::CannotWrite };
    Fault::new(code).in_file("standard output").because(error)
}

/// The language asked for; without one, Japanese where the locale is Japanese, else English.
pub(crate) fn language(asked: Option<LanguageArg>) -> Language {
    match asked {
        Some(LanguageArg::Ja) => Language::Ja,
        None if is_japanese(&["LC_ALL", "LC_MESSAGES", "LANG"].map(variable)) => Language::Ja,
        Some(LanguageArg::En) | None => Language::En,
    }
}

/// The first variable that is set and not empty decides, as in the C library.
fn is_japanese(locale: &[Option<String>]) -> bool {
    let set = locale.iter().flatten().find(|value| !value.is_empty());
    set.is_some_and(|value| value.starts_with("ja"))
}

/// An environment variable, if it is set and Unicode.
#[expect(clippy::disallowed_methods, reason = "the command is where the environment is read")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_where_nobody_asks() {
        let set = |texts: [Option<&str>; 3]| is_japanese(&texts.map(|text| text.map(str::to_owned)));
        assert!(set([None, None, Some("ja_JP.UTF-8")]));
        assert!(set([Some(""), Some("ja"), Some("en_US.UTF-8")]));
        assert!(!set([Some("C"), Some("ja"), Some("ja")]));
        assert!(!set([None, None, None]));
    }
}
