//! Title, help, cause and example of every error code.

mod en_inputs;
mod en_privacy;
mod en_runs;
mod ja_inputs;
mod ja_privacy;
mod ja_runs;
mod plain;

use osusume_model::{Code, Exit, Retry};
pub(crate) use plain::plain_help;

use crate::Language;
use crate::escape::push;
use crate::template::outline;

/// What is said about one code in one language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The code.
    pub code: Code,
    /// Template of the headline: what is wrong, as a fragment.
    pub title: &'static str,
    /// Templates of what to do, one a line; a line whose optional parts are all absent is left out.
    pub help: &'static [&'static str],
    /// A few sentences on what the code means and why osusume insists.
    pub cause: &'static str,
    /// What it looks like, or the command that helps; lines of a file or a shell.
    pub example: &'static str,
}

/// What is said about `code` in `language`.
pub fn message(code: Code, language: Language) -> &'static Message {
    tables(language)
        .into_iter()
        .flatten()
        .find(|message| message.code == code)
        .expect("a test holds that every code stands in every language's tables")
}

fn tables(language: Language) -> [&'static [Message]; 3] {
    language.pick(
        [en_inputs::MESSAGES, en_runs::MESSAGES, en_privacy::MESSAGES],
        [ja_inputs::MESSAGES, ja_runs::MESSAGES, ja_privacy::MESSAGES],
    )
}

/// The page `osusume explain CODE` prints: title, cause, example, what to do, exit code and whether to retry.
pub fn explain(code: Code, language: Language) -> String {
    let message = message(code, language);
    let (example, remedy) = language.pick(("Example", "What to do"), ("例", "対処方法"));
    let colon = language.pick(":", "：");
    let mut page = String::new();
    push(&mut page, format_args!("{}: {}\n\n{}\n", code.id(), outline(message.title), message.cause));
    push(&mut page, format_args!("\n{example}{colon}\n"));
    for line in message.example.lines() {
        push(&mut page, format_args!("    {line}\n"));
    }
    push(&mut page, format_args!("\n{remedy}{colon}\n"));
    for help in message.help {
        push(&mut page, format_args!("  - {}\n", outline(help)));
    }
    push(&mut page, format_args!("\n{}\n", ending(code, language)));
    page
}

/// The page `docs/errors.md`: every code with what `osusume explain` says of it.
pub fn errors_page(language: Language) -> String {
    let (title, intro) = language.pick(
        ("Errors", "Every error code, as `osusume explain CODE` prints it. Codes never change their meaning."),
        (
            "エラー一覧",
            "すべてのエラーコードです。`osusume explain コード` の出力と同じ内容です。コードの意味は変わりません。",
        ),
    );
    let mut page = String::new();
    push(&mut page, format_args!("# {title}\n\n{intro}\n"));
    for &code in Code::ALL {
        push(&mut page, format_args!("\n## {}\n\n```text\n{}```\n", code.id(), explain(code, language)));
    }
    page
}

fn ending(code: Code, language: Language) -> String {
    let info = code.info();
    let exit = info.exit as u8;
    let exit = if info.exit == Exit::Terminated {
        language.pick("130 or 143".to_owned(), "130または143".to_owned())
    } else {
        exit.to_string()
    };
    if code.is_warning() {
        return language
            .pick("This is a warning: the run goes on and is published.", "警告です。実行は続き、結果は公開されます。")
            .to_owned();
    }
    match (language, info.retry) {
        (Language::En, Retry::Later) => format!("Exit code {exit}; the same command may succeed later."),
        (Language::En, Retry::AfterChange) => {
            format!("Exit code {exit}; retrying without a change gives the same error.")
        }
        (Language::Ja, Retry::Later) => {
            format!("終了コードは{exit}です。時間をおいて同じコマンドを再実行すると、成功することがあります。")
        }
        (Language::Ja, Retry::AfterChange) => {
            format!("終了コードは{exit}です。原因を取り除かずに再実行しても、同じエラーになります。")
        }
    }
}

#[cfg(test)]
mod tests;
