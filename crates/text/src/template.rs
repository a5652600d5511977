//! Templates: the one way arguments get into sentences.

use osusume_model::Arg;

use crate::{Language, escape_controls, thousands};

/// How many names of a list are printed before the rest is only counted.
const NAMES_SHOWN: usize = 20;

/// Finds the value of a placeholder.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<Arg>;

/// `template` with its placeholders filled; a missing argument of a mandatory part reads `?`.
pub(crate) fn fill(template: &str, lookup: Lookup<'_>, language: Language) -> String {
    parts(template, lookup, language).0
}

/// `template` with its placeholders filled, or `None` when an argument of a mandatory part is missing.
pub(crate) fn fill_whole(template: &str, lookup: Lookup<'_>, language: Language) -> Option<String> {
    let (text, complete) = parts(template, lookup, language);
    complete.then_some(text)
}

/// The filled template, and whether its mandatory parts had all their arguments.
fn parts(template: &str, lookup: Lookup<'_>, language: Language) -> (String, bool) {
    let mut parts = template.split("<<");
    let (mut text, mut complete) = segment(parts.next().unwrap_or_default(), lookup, language);
    for part in parts {
        let (optional, rest) = part.split_once(">>").unwrap_or((part, ""));
        if let (part, true) = segment(optional, lookup, language) {
            text.push_str(&part);
        }
        let (rest, rest_complete) = segment(rest, lookup, language);
        text.push_str(&rest);
        complete &= rest_complete;
    }
    (text, complete)
}

/// A template with every placeholder shown as `<name>` and every optional part present, for `explain`.
pub(crate) fn outline(template: &str) -> String {
    let shown = template.replace("<<", "").replace(">>", "");
    fill(&shown, &|name| Some(Arg::Name(format!("<{name}>"))), Language::En)
}

/// The names of a template's placeholders, each with whether it stands in an optional part.
#[cfg(test)]
pub(crate) fn placeholders(template: &str) -> Vec<(&str, bool)> {
    let name = |(start, _): (usize, &str)| {
        let inside = template[start + 1..].split('}').next().unwrap_or_default();
        let optional = template[..start].matches("<<").count() > template[..start].matches(">>").count();
        (inside.split([':', '?']).next().unwrap_or_default(), optional)
    };
    template.match_indices('{').map(name).collect()
}

/// A part without optional parts, and whether all its arguments were there.
fn segment(template: &str, lookup: Lookup<'_>, language: Language) -> (String, bool) {
    let mut text = String::with_capacity(template.len() + 32);
    let mut complete = true;
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (placeholder, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        let value = value(placeholder, lookup, language);
        // A list of nothing says nothing.
        complete &= value.as_deref().is_some_and(|value| !value.is_empty());
        text.push_str(&escape_controls(value.as_deref().unwrap_or("?")));
        rest = after;
    }
    text.push_str(rest);
    (text, complete)
}

fn value(placeholder: &str, lookup: Lookup<'_>, language: Language) -> Option<String> {
    if let Some((name, words)) = placeholder.split_once('?') {
        let (one, many) = words.split_once(':').unwrap_or((words, words));
        return lookup(name).map(|arg| if arg == Arg::Int(1) { one } else { many }.to_owned());
    }
    match placeholder.split_once(':') {
        Some((name, "kind")) => lookup(name).map(|arg| kind(plain(&arg, language), language)),
        Some((name, "shape")) => lookup(name).map(|arg| shape(&plain(&arg, language), language)),
        Some((name, _plain)) => lookup(name).map(|arg| plain(&arg, language)),
        None => lookup(placeholder).map(|arg| match arg {
            Arg::Int(value) => thousands(value),
            other => plain(&other, language),
        }),
    }
}

/// Kinds of values and parts of files by the word code uses for them.
const KINDS: &[(&str, [&str; 2])] = &[
    ("1900-01-01 to 2199-12-31", ["a date from 1900-01-01 to 2199-12-31", "1900-01-01から2199-12-31までの日付"]),
    (
        "`offer_cost` must not be negative",
        ["`offer_cost` must not be negative", "`offer_cost` は0以上でなければなりません"],
    ),
    (
        "`survival` must be a share a month above 0 and at most 1",
        [
            "`survival` must be a share a month above 0 and at most 1",
            "`survival` は0より大きく1以下の月間継続率でなければなりません",
        ],
    ),
    (
        "`valid_until` must come after `valid_from`",
        ["`valid_until` must come after `valid_from`", "`valid_until` は `valid_from` より後でなければなりません"],
    ),
    ("a single line", ["a single line", "1行のデータ"]),
    ("amount", ["an amount", "金額"]),
    ("amount without decimals", ["an amount without decimals", "小数のない金額"]),
    (
        "an offered product needs a `margin`, and has none",
        ["an offered product needs a `margin`, and has none", "オファーする商品の `margin` が空欄です"],
    ),
    ("array", ["a list", "リスト"]),
    ("basket id", ["a basket id", "バスケットID"]),
    ("basket ids", ["basket ids", "バスケットID"]),
    ("baskets to mine", ["baskets to mine", "分析するバスケット"]),
    ("boolean", ["`true` or `false`", "真偽値（`true` または `false`）"]),
    ("bytes", ["bytes", "内容"]),
    ("carriage returns as line ends", ["carriage returns as line ends", "改行コードCRのみ"]),
    ("category", ["a category", "区分"]),
    ("csv", ["CSV", "CSV"]),
    ("customer id", ["a customer id", "顧客ID"]),
    ("customer ids", ["customer ids", "顧客ID"]),
    ("date", ["a date", "日付"]),
    ("date or time", ["a date or time", "日付または時刻"]),
    ("datetime", ["a date or time", "日付または時刻"]),
    ("decimal number", ["a decimal number", "数値"]),
    ("extra", ["a file it does not name", "記載のないファイル"]),
    ("flag", ["`true` or `false`", "真偽値（`true` または `false`）"]),
    ("float", ["a number", "数値"]),
    ("header", ["header", "ヘッダー"]),
    ("instant", ["a time", "時刻"]),
    ("integer", ["a whole number", "整数"]),
    ("items between bars", ["items between bars (`|`)", "縦線（`|`）区切りのアイテム"]),
    ("items between commas", ["items between commas", "カンマ区切りのアイテム"]),
    ("items between semicolons", ["items between semicolons (`;`)", "セミコロン（`;`）区切りのアイテム"]),
    ("items between tabs", ["items between tabs", "タブ区切りのアイテム"]),
    ("itemsets", ["itemsets", "アイテム集合"]),
    ("length", ["length", "長さ"]),
    ("line feeds", ["line feeds", "改行コードLF"]),
    ("list", ["a list", "リスト"]),
    ("list of tables", ["a list of tables", "テーブルのリスト"]),
    ("listed twice", ["a product is listed twice", "同じ商品が2回記載されています"]),
    (
        "local time that exists once in the zone",
        ["a local time that exists once in the zone", "タイムゾーンで一意に定まる時刻"],
    ),
    ("missing", ["the file is missing", "ファイルがない"]),
    ("number", ["a number", "数値"]),
    ("parquet", ["Parquet", "Parquet"]),
    ("rows", ["rows", "データ行"]),
    ("rules", ["rules", "ルール"]),
    ("string", ["text", "文字列"]),
    ("table", ["a table", "テーブル"]),
    ("text", ["text", "文字列"]),
    ("the hierarchy", ["the hierarchy", "階層"]),
    ("the items of all baskets", ["the items of all baskets", "全バスケットのアイテム"]),
    ("the values of the columns", ["the values of the columns", "列の値"]),
    ("time", ["a time", "時刻"]),
    ("timestamp", ["a time", "時刻"]),
    ("unreadable", ["the file cannot be read", "ファイルを読み取れない"]),
    ("whole number", ["a whole number", "整数"]),
];

/// A known kind in words; anything else stays as it is.
fn kind(id: String, language: Language) -> String {
    let known = KINDS.iter().find(|(known, _)| *known == id);
    known.map_or(id, |(_, [en, ja])| language.pick(*en, *ja).to_owned())
}

/// Classes of characters by the word quarantine files have for them.
const CLASSES: [(&str, [&str; 2]); 8] = [
    ("digits", ["digits", "数字"]),
    ("letters", ["letters", "英字"]),
    ("kana_or_kanji", ["kana or kanji", "かな・漢字"]),
    ("spaces", ["spaces", "空白"]),
    ("signs", ["signs", "記号"]),
    ("points", ["points", "点・コンマ"]),
    ("control", ["control characters", "制御文字"]),
    ("other", ["other characters", "その他の文字"]),
];

/// The classes of a cell's characters in words.
fn shape(id: &str, language: Language) -> String {
    let class = |id: &str| {
        let known = CLASSES.iter().find(|(known, _)| *known == id);
        known.map_or_else(|| id.to_owned(), |(_, [en, ja])| language.pick(*en, *ja).to_owned())
    };
    id.split('+').map(class).collect::<Vec<_>>().join(language.pick(", ", "と"))
}

fn plain(arg: &Arg, language: Language) -> String {
    match arg {
        Arg::Int(value) => value.to_string(),
        Arg::Number(text) | Arg::Name(text) | Arg::Detail(text) => text.clone(),
        Arg::Names(names) => list(names, language),
    }
}

fn list(names: &[String], language: Language) -> String {
    let (shown, hidden) = names.split_at(names.len().min(NAMES_SHOWN));
    let mut text = shown.join(language.pick(", ", "、"));
    if !hidden.is_empty() {
        let more = hidden.len();
        text.push_str(&language.pick(format!(", and {more} more"), format!("、ほか{more}件")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: &str) {
        let lookup = |name: &str| match name {
            "n" => Some(Arg::Int(12_345)),
            "one" => Some(Arg::Int(1)),
            "kind" => Some(Arg::from("float")),
            "name" => Some(Arg::from("a\u{1b}b")),
            "names" => Some(Arg::Names(vec!["x".into(), "y".into()])),
            _ => None,
        };
        assert_eq!(fill(template, &lookup, Language::En), expected);
    }

    #[test]
    fn placeholders_are_filled() {
        check("no placeholder", "no placeholder");
        check("{n} {n?row:rows}, {one} {one?row:rows}", "12,345 rows, 1 row");
        check("process {n:plain}", "process 12345");
        check("`{name}` of {names}", "`a\\u{1b}b` of x, y");
        check("{absent} rows", "? rows");
        check("{kind:kind}, {names:kind}", "a number, x, y");
    }

    #[test]
    fn parts_without_their_arguments_are_left_out() {
        check("full<<: {n} needed>><<, {absent} free>>; stop", "full: 12,345 needed; stop");
        check("<<did you mean `{absent}`?>>", "");
    }

    #[test]
    fn kinds_are_listed_once_in_order() {
        assert!(KINDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let names: Vec<String> = (0..23).map(|i| format!("c{i}")).collect();
        assert!(list(&names, Language::En).ends_with("c19, and 3 more"));
        assert!(list(&names, Language::Ja).ends_with("c19、ほか3件"));
    }

    #[test]
    fn placeholders_and_outline_are_read_from_the_template() {
        assert_eq!(placeholders("{a} <<{b:plain}>> {c?x:y}"), [("a", false), ("b", true), ("c", false)]);
        assert_eq!(outline("`{a}`<< or {b}>>"), "`<a>` or <b>");
    }
}
