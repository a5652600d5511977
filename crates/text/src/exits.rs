//! The page of exit codes, drawn up from the one table of error codes.

use std::fmt::Write as _;

use osusume_model::{Code, Exit, Retry};

use crate::Language;

/// Every exit code, with what it means and what a scheduler should do.
const EXITS: [(Exit, [&str; 2]); 15] = [
    (
        Exit::Ok,
        ["Done; also when the same run was published before.", "正常終了。同じ実行が公開済みの場合も含みます。"],
    ),
    (Exit::Bug, ["A bug in osusume.", "osusumeの不具合。"]),
    (Exit::Usage, ["Wrong command line or configuration.", "コマンドラインまたは設定の誤り。"]),
    (
        Exit::Rejects,
        [
            "Done, but rows were set aside, and `--strict-exit` asked to be told.",
            "正常終了したが隔離した行がある（`--strict-exit` の指定時のみ）。",
        ],
    ),
    (Exit::Input, ["Input refused, or over the limits for bad rows.", "入力の拒否、またはエラー行の上限超過。"]),
    (
        Exit::Locked,
        ["Another run is at work, or a newer one is published.", "別の実行が処理中、またはより新しい実行が公開済み。"],
    ),
    (
        Exit::Consent,
        [
            "Consents or the suppression list are missing, empty, too old, or not readable to the last row; or the data may not be used for this.",
            "同意または利用停止リストの表がない、空、古い、もしくは読み取れない行がある。またはこの目的に使えないデータがある。",
        ],
    ),
    (Exit::Contract, ["A table does not have the columns declared.", "表の列が宣言と異なる。"]),
    (Exit::Resource, ["Disk, memory, or time ran out.", "ディスク、メモリー、時間の不足。"]),
    (Exit::Destination, ["Published, but a destination could not take it.", "公開後、出力先に書き込めなかった。"]),
    (Exit::Quality, ["A quality gate failed.", "品質の基準を満たさない。"]),
    (
        Exit::Integrity,
        ["A checksum, model, or manifest does not match.", "チェックサム、モデル、マニフェストの不一致。"],
    ),
    (Exit::Nothing, ["Nothing to do yet.", "処理の対象がまだない。"]),
    (Exit::Interrupted, ["Stopped by SIGINT.", "SIGINTによる停止。"]),
    (Exit::Terminated, ["Stopped by SIGTERM.", "SIGTERMによる停止。"]),
];

/// The page of exit codes: what each means, whether to retry, and which errors end with it.
pub fn exit_codes_page(language: Language) -> String {
    let (title, intro, heads) = language.pick(
        (
            "Exit codes",
            "How every command ends. Codes never change their meaning. \"Retry\" says whether the same command may succeed later without a change; \
             where it depends on the error, those that may are marked with `*`.",
            "| code | meaning | retry | errors |\n|---:|---|---|---|\n",
        ),
        (
            "終了コード",
            "各コマンドの終了コードです。コードの意味は変わりません。「再実行」は、変更なしの再実行で成功する可能性を示します。エラーにより異なる場合は、可能性のあるものに `*` を付けています。",
            "| コード | 意味 | 再実行 | エラー |\n|---:|---|---|---|\n",
        ),
    );
    let mut page = String::new();
    let link = |code: &Code| {
        format!("[{}]({}#{})", code.id(), language.pick("errors.md", "errors.ja.md"), code.id().to_lowercase())
    };
    let _ = write!(page, "# {title}\n\n{intro}\n\n{heads}");
    for (exit, [en, ja]) in EXITS {
        let codes: Vec<Code> =
            Code::ALL.iter().copied().filter(|code| code.info().exit == exit && !code.is_warning()).collect();
        let later = |code: &&Code| code.info().retry == Retry::Later;
        let is_mixed = codes.iter().any(|code| later(&code)) && !codes.iter().all(|code| later(&code));
        let name = |code: &Code| {
            let star = if is_mixed && later(&code) { "*" } else { "" };
            format!("{}{star}", link(code))
        };
        let names: Vec<String> = codes.iter().map(name).collect();
        let retry = retry_word(exit, is_mixed, codes.first().is_some_and(|code| later(&code)), language);
        let _ = writeln!(page, "| {} | {} | {retry} | {} |", exit as u8, language.pick(en, ja), names.join(" "));
    }
    let warnings: Vec<String> = Code::ALL.iter().filter(|code| code.is_warning()).map(link).collect();
    let told = language.pick(
        "Warnings end nothing: the command goes on, what it makes is published, and the exit code is 0.",
        "次は警告です。処理は続き、結果は公開され、終了コードは0です。",
    );
    let _ = writeln!(page, "\n{told} {}", warnings.join(" "));
    page
}

fn retry_word(exit: Exit, is_mixed: bool, is_later: bool, language: Language) -> &'static str {
    let is_stopped = matches!(exit, Exit::Interrupted | Exit::Terminated);
    match (exit, is_mixed, is_later || is_stopped) {
        (Exit::Ok | Exit::Rejects, ..) => "–",
        (_, true, _) => language.pick("some (*)", "一部（*）"),
        (_, false, true) => language.pick("yes", "可"),
        (_, false, false) => language.pick("no", "不可"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_in_one_row() {
        for language in Language::ALL {
            let page = exit_codes_page(language);
            for code in Code::ALL {
                assert_eq!(page.matches(&format!("[{}]", code.id())).count(), 1, "{}", code.id());
            }
        }
    }

    #[test]
    fn warnings_stand_in_no_row() {
        let page = exit_codes_page(Language::En);
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
        for code in Code::ALL {
            let is_in_a_row = rows.iter().any(|row| row.contains(&format!("[{}]", code.id())));
            assert_eq!(is_in_a_row, !code.is_warning(), "{}", code.id());
        }
    }
}
