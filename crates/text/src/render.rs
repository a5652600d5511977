//! A fault as the lines a person reads, and as the one JSON object a scheduler reads.

use osusume_model::{Arg, Exit, Fault, Place, Retry};

use crate::escape::{json_string, push};
use crate::messages::plain_help;
use crate::template::{fill, fill_whole};
use crate::{Language, escape_controls, message, screen, thousands};

/// How many faults of one check are printed in full.
const FAULTS_SHOWN: usize = 20;

/// What the failure means for the published data: the line the person on call needs first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The run stopped before publishing.
    NothingPublished {
        /// The run that is still current, if one was ever published.
        previous: Option<String>,
    },
    /// The run was published; what came after it failed.
    Published {
        /// The run.
        run: String,
    },
    /// The run did not start: nothing was read or written.
    NotStarted,
    /// The command only reads.
    ReadOnly,
    /// The command writes files, but none that is published.
    NotPublishing,
    /// The published run is untouched; its destination file was not written.
    ExportNotWritten,
}

/// What a scheduler wants to know of the run beside the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunState<'a> {
    /// How the process ends; for a signal the code of that signal.
    pub exit: Exit,
    /// The stage that failed, if one had started.
    pub stage: Option<&'a str>,
    /// The run, if it had a name yet.
    pub run_id: Option<&'a str>,
    /// Whether this run was published.
    pub published: bool,
    /// The run that was current before.
    pub previous: Option<&'a str>,
}

/// The fault and those beside it as text for a terminal: headline, place, effect, help. Ends with a line feed.
///
/// Several faults stand one after another, the first 20 in full, and the effect follows once at the end.
pub fn render(fault: &Fault, effect: &Effect, language: Language) -> String {
    let mut faults = Vec::new();
    collect(fault, &mut faults);
    let mut text = String::new();
    if let [only] = faults[..] {
        headline(&mut text, only, language);
        effect_line(&mut text, effect, language);
        help_lines(&mut text, only, language);
        return text;
    }
    for fault in faults.iter().take(FAULTS_SHOWN) {
        headline(&mut text, fault, language);
        help_lines(&mut text, fault, language);
        text.push('\n');
    }
    push(&mut text, format_args!("{}\n", count_line(faults.len(), language)));
    effect_line(&mut text, effect, language);
    text
}

/// The fault as one JSON object without line feeds; faults beside it are only counted in `others`.
pub fn exit_error_json(fault: &Fault, state: &RunState<'_>, language: Language) -> String {
    let info = fault.code().info();
    let place = fault.place();
    let mut faults = Vec::new();
    collect(fault, &mut faults);
    let text = |value: Option<&str>| value.map_or("null".to_owned(), json_string);
    let number = |value: Option<u64>| value.map_or("null".to_owned(), |value| value.to_string());
    let fields = [
        ("type", json_string("exit_error")),
        ("code", (state.exit as u8).to_string()),
        ("error", json_string(info.id)),
        ("retryable", (info.retry == Retry::Later).to_string()),
        ("stage", text(state.stage)),
        ("run_id", text(state.run_id)),
        ("published", state.published.to_string()),
        ("previous", text(state.previous)),
        ("file", text(place.file.as_deref())),
        ("line", number(place.line)),
        ("column", number(place.column)),
        ("byte", number(place.byte)),
        ("name", text(place.name.as_deref())),
        ("message", json_string(&title(fault, language))),
        ("hint", json_string(&helps(fault, language).join(" "))),
        ("others", (faults.len() - 1).to_string()),
    ];
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

/// A fault that does not stop the run, as one headline and its place. Ends with a line feed.
pub fn render_warning(fault: &Fault, language: Language) -> String {
    let mut text = String::new();
    headline_with(&mut text, screen::word(screen::Word::Warning, language), fault, language);
    text
}

fn collect<'a>(fault: &'a Fault, into: &mut Vec<&'a Fault>) {
    into.push(fault);
    for other in fault.others() {
        collect(other, into);
    }
}

fn headline(text: &mut String, fault: &Fault, language: Language) {
    headline_with(text, language.pick("error", "エラー"), fault, language);
}

fn headline_with(text: &mut String, word: &str, fault: &Fault, language: Language) {
    push(text, format_args!("{word}[{}]: {}\n", fault.code().id(), title(fault, language)));
    if let Some(place) = place_line(fault.place(), language) {
        push(text, format_args!("  --> {place}\n"));
    }
}

fn effect_line(text: &mut String, effect: &Effect, language: Language) {
    push(text, format_args!("  {}: {}\n", language.pick("effect", "影響"), effect_text(effect, language)));
}

fn help_lines(text: &mut String, fault: &Fault, language: Language) {
    for help in helps(fault, language) {
        push(text, format_args!("  {}: {help}\n", language.pick("help", "対処")));
    }
}

/// What is wrong, as a fragment without code and place, and without how often.
pub fn first_title(fault: &Fault, language: Language) -> String {
    fill(message(fault.code(), language).title, &|name| argument(fault, name), language)
}

/// What is wrong, as a fragment without code and place.
pub fn title(fault: &Fault, language: Language) -> String {
    let text = first_title(fault, language);
    // One row of many alike says how many.
    let alike = language.pick(" ({alike} of {among} {among?row:rows})", "（{among}行中{alike}行）");
    text + &fill_whole(alike, &|name| argument(fault, name), language).unwrap_or_default()
}

/// The lines of help whose mandatory arguments are there.
fn helps(fault: &Fault, language: Language) -> Vec<String> {
    // Where there is no pipeline file, what helps is no key of one.
    let of_plain = argument(fault, "plain").and_then(|_| plain_help(fault.code(), language));
    let helps = of_plain.unwrap_or(message(fault.code(), language).help).iter();
    let whole = helps.filter_map(|help| fill_whole(help, &|name| argument(fault, name), language));
    whole.filter(|help| !help.is_empty()).collect()
}

/// An argument by name; what the place knows serves as `file`, `line`, `field` and `name` where no argument is called so.
fn argument(fault: &Fault, name: &str) -> Option<Arg> {
    let place = fault.place();
    let given = fault.args().iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    given.or_else(|| match name {
        "file" => place.file.as_deref().map(Arg::from),
        // Positions are typed into editors: no separators.
        "line" => place.line.map(|line| Arg::Number(line.to_string())),
        "field" => place.column.map(|column| Arg::Number(column.to_string())),
        "name" => place.name.as_deref().map(Arg::from),
        _ => None,
    })
}

fn place_line(place: &Place, language: Language) -> Option<String> {
    let mut line = place.file.as_deref().map(|file| escape_controls(file).into_owned()).unwrap_or_default();
    for position in [place.line, place.column].into_iter().flatten() {
        push(&mut line, format_args!(":{position}"));
    }
    if let Some(byte) = place.byte {
        push(&mut line, format_args!("{}", language.pick(format!(" (byte {byte})"), format!(" (バイト位置{byte})"))));
    }
    if let Some(name) = place.name.as_deref().map(escape_controls) {
        let separator = if line.is_empty() { "" } else { ", " };
        push(&mut line, format_args!("{separator}`{name}`"));
    }
    (!line.is_empty()).then_some(line)
}

fn effect_text(effect: &Effect, language: Language) -> String {
    let (template, run) = match effect {
        Effect::NothingPublished { previous: Some(run) } => (
            language.pick(
                "run stopped, nothing published; previous version {run} still current",
                "実行を中断しました。何も公開していません。公開中のバージョンは引き続き{run}です。",
            ),
            run.as_str(),
        ),
        Effect::NothingPublished { previous: None } => (
            language.pick(
                "run stopped, nothing published; no version has been published yet",
                "実行を中断しました。何も公開していません。公開済みのバージョンはまだありません。",
            ),
            "",
        ),
        Effect::Published { run } => (
            language.pick(
                "run {run} is published and current; only what follows publishing failed",
                "{run}は公開済みです。失敗したのは公開後の処理だけです。",
            ),
            run.as_str(),
        ),
        Effect::NotStarted => (
            language.pick("run not started; nothing was changed", "実行は開始していません。何も変更していません。"),
            "",
        ),
        Effect::ReadOnly => {
            (language.pick("none; this command changes nothing", "ありません。このコマンドは何も変更しません。"), "")
        }
        Effect::NotPublishing => (
            language.pick(
                "published data unchanged; what this command writes is not complete",
                "公開済みのデータに変更はありません。このコマンドの出力は不完全です。",
            ),
            "",
        ),
        Effect::ExportNotWritten => (
            language.pick(
                "destination file not written; the published run is unchanged and can be exported again",
                "出力先のファイルは書き込んでいません。公開済みの実行結果に変更はなく、再度エクスポートできます。",
            ),
            "",
        ),
    };
    fill(template, &|_| Some(Arg::from(run)), language)
}

fn count_line(count: usize, language: Language) -> String {
    let n = thousands(count as i64);
    match language {
        Language::En if count > FAULTS_SHOWN => format!("{n} errors, the first {FAULTS_SHOWN} are shown"),
        Language::En => format!("{n} errors"),
        Language::Ja if count > FAULTS_SHOWN => {
            format!("エラーは全部で{n}件あります（先頭の{FAULTS_SHOWN}件を表示）")
        }
        Language::Ja => format!("エラーは全部で{n}件あります"),
    }
}

#[cfg(test)]
mod tests;
