//! What helps where no pipeline file can: options of the command instead of keys.

use osusume_model::Code;

use crate::Language;

/// Templates of what to do about a plain file, one a line; `None` where it is what helps anywhere.
pub(crate) fn plain_help(code: Code, language: Language) -> Option<&'static [&'static str]> {
    let (_, en, ja) = HELPS.iter().find(|(known, _, _)| *known == code)?;
    Some(language.pick(en, ja))
}

/// A code, and what helps in English and in Japanese.
type Help = (Code, &'static [&'static str], &'static [&'static str]);

const HELPS: &[Help] = &[
    (
        Code::ColumnMissing,
        &[
            "<<did you mean `{suggestion}`?>>",
            "<<the header is read as one column, but looks as if it were parted by another sign: add `--delimiter '{delimiter:plain}'`>>",
            "columns are: {columns}",
        ],
        &[
            "<<`{suggestion}` のことではありませんか。>>",
            "<<ヘッダーが1列として読まれていますが、別の記号で区切られているようです。`--delimiter '{delimiter:plain}'` を指定してください。>>",
            "ファイルの列: {columns}",
        ],
    ),
    (
        Code::FileEmpty,
        &["check what writes the file: it is to hold at least one row"],
        &["ファイルを出力する処理を確認してください。1行以上のデータが必要です。"],
    ),
    (
        Code::WrongFormat,
        &[
            "say what separates items with `--delimiter`, such as `--delimiter ';'`; `--delimiter ,` takes the file as it is",
            "the end of a file's name says what it is: .dat, .csv, .parquet, then .gz or .zst",
        ],
        &[
            "アイテムの区切りを `--delimiter ';'` のように指定してください。`--delimiter ,` でそのまま読み込みます。",
            "形式はファイル名の末尾で決まります（.dat、.csv、.parquet。圧縮時はさらに .gz、.zst）。",
        ],
    ),
    (
        Code::WrongEncoding,
        &["say how the file is written with `--encoding`, such as `--encoding cp932`"],
        &["ファイルの文字コードを `--encoding cp932` のように指定してください。"],
    ),
    (
        Code::UnterminatedQuote,
        &["close the quote<< in line {line}>>; where a basket is a line, it ends with its line, also inside quotes"],
        &[
            "引用符を閉じてください<<（{line}行目）>>。1行1バスケットの形式では、引用符の中でも行末でバスケットが終わります。",
        ],
    ),
    (
        Code::StrayQuote,
        &["double the quotes inside a quoted field (`\"\"`)<<, here in line {line}>>"],
        &["引用符の中の引用符は2つ重ねてください（`\"\"`）<<（{line}行目）>>。"],
    ),
    (Code::RowTooShort, &["complete the row<< in line {line}>>"], &["足りない値を補ってください<<（{line}行目）>>。"]),
    (
        Code::RowTooLong,
        &["quote fields that contain the delimiter, or say what separates fields with `--delimiter`"],
        &["区切り文字を含む値を引用符で囲むか、`--delimiter` で区切り文字を指定してください。"],
    ),
    (
        Code::WrongType,
        &["correct the value<< in line {line}>>; texts between commas are read from a file that ends in .csv"],
        &["値を修正してください<<（{line}行目）>>。カンマ区切りの文字列は、末尾が .csv のファイルとして読み込みます。"],
    ),
    (Code::ValueMissing, &["supply the value<< in line {line}>>"], &["値を補ってください<<（{line}行目）>>。"]),
    (Code::OutOfRange, &["correct the value<< in line {line}>>"], &["値を修正してください<<（{line}行目）>>。"]),
    (
        Code::ColumnType,
        &["convert the column where the file is written: baskets and items are texts or whole numbers"],
        &["列の型を変換してください。バスケットとアイテムは文字列または整数です。"],
    ),
    (
        Code::HeaderRepeated,
        &["join files without repeating the header"],
        &["ヘッダーを重複させずにファイルを結合してください。"],
    ),
    (
        Code::MemoryBudget,
        &[
            "<<ask for `--min-count {proposed}` or more, or only count with `--count-only`>>",
            "raise `--memory`, or ask for less: a higher support, `--max-length`",
        ],
        &[
            "<<`--min-count {proposed}` 以上を指定するか、`--count-only` で件数だけを数えてください。>>",
            "`--memory` を増やすか、最小支持度の引き上げや `--max-length` で対象を減らしてください。",
        ],
    ),
    (
        Code::ControlByte,
        &["remove the byte<< in line {line}>>, or read UTF-16 with `--encoding utf-16`"],
        &["制御文字を取り除いてください<<（{line}行目）>>。UTF-16は `--encoding utf-16` で読み込みます。"],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::placeholders;

    #[test]
    fn both_languages_say_the_same_and_no_key_of_a_pipeline_file() {
        for (code, en, ja) in HELPS {
            let names = |helps: &[&'static str]| {
                helps.iter().flat_map(|help| placeholders(help)).map(|(name, _)| name).collect::<BTreeSet<_>>()
            };
            assert_eq!(names(en), names(ja), "{code:?}");
            assert_eq!(en.len(), ja.len(), "{code:?}");
            assert!(en.iter().chain(*ja).all(|help| !help.contains("quality.")), "{code:?}");
        }
    }
}
