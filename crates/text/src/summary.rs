//! The words of a run's closing summary, of its stages, and of what to type next; the caller fills in the numbers.

use osusume_model::Arg;

use crate::Language;
use crate::template::fill;

/// The parts of a summary. The documentation names the arguments [`say`] takes for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phrase {
    /// Headline of a published run. Args: pipeline, run, `as_of`.
    Published,
    /// Headline when the same run was published before. Args: run.
    AlreadyPublished,
    /// Headline when some stages were run and nothing was to be published. Args: stages.
    StagesDone,
    /// Row label: customers.
    Customers,
    /// Customers read and scored. Args: read, scored.
    CustomersValue,
    /// Row label: offers.
    Offers,
    /// Offers and the customers who get them. Args: offers, customers.
    OffersValue,
    /// Offers of one product. Args: offer, count, value.
    OfferRow,
    /// Row label: expected value.
    ExpectedValue,
    /// What the offers are expected to earn, where that is what contacts add. Args: amount.
    ExpectedValueAdded,
    /// The same where only some offers tell. Args: amount.
    ExpectedValueMixed,
    /// The same where every take counts. Args: amount.
    ExpectedValueTakes,
    /// Row label: rejected rows.
    Rejected,
    /// Rows set aside. Args: count, path?.
    RejectedValue,
    /// Row label: suppressed customers.
    Suppressed,
    /// Customers who opted out. Args: count.
    SuppressedValue,
    /// Row label: excluded rows.
    Excluded,
    /// Rows left out by a rule. Args: count, reason.
    ExcludedValue,
    /// Row label: no offer.
    NoOffer,
    /// Customers for whom no offer is the best choice. Args: count.
    NoOfferValue,
    /// Row label: holdout.
    Holdout,
    /// Customers kept back for comparison. Args: count, share.
    HoldoutValue,
    /// Row label: the offer table's path.
    Table,
    /// Row label: the quarantine's path.
    Quarantine,
    /// Row label: exported files.
    Exported,
    /// One exported file. Args: path, rows.
    ExportedValue,
    /// Row label: time and memory.
    Resources,
    /// Time and memory. Args: seconds, memory?.
    ResourcesValue,
    /// Row label: warnings.
    Warnings,
    /// Row label: what to type next.
    Next,
    /// Next: list the runs. Args: command.
    NextList,
    /// Next: check the files of the run. Args: command.
    NextVerify,
    /// Next: look at what was rejected. Args: path.
    NextRejects,
    /// Next: explain a code. Args: command.
    NextExplain,
    /// `check` found nothing wrong. Args: pipeline.
    CheckPassed,
    /// `runs verify` found every file as published. Args: files, run.
    VerifyPassed,
    /// `runs list` without any run. Args: pipeline.
    NoRuns,
    /// `synth` has written a company. Args: customers, path.
    SynthDone,
    /// A stage is done. Args: stage, seconds.
    StageDone,
    /// A stage's result was taken over from before. Args: stage.
    StageReused,
}

impl Phrase {
    /// Every phrase.
    pub const ALL: [Self; 40] = [
        Self::Published,
        Self::AlreadyPublished,
        Self::StagesDone,
        Self::Customers,
        Self::CustomersValue,
        Self::Offers,
        Self::OffersValue,
        Self::OfferRow,
        Self::ExpectedValue,
        Self::ExpectedValueAdded,
        Self::ExpectedValueMixed,
        Self::ExpectedValueTakes,
        Self::Rejected,
        Self::RejectedValue,
        Self::Suppressed,
        Self::SuppressedValue,
        Self::Excluded,
        Self::ExcludedValue,
        Self::NoOffer,
        Self::NoOfferValue,
        Self::Holdout,
        Self::HoldoutValue,
        Self::Table,
        Self::Quarantine,
        Self::Exported,
        Self::ExportedValue,
        Self::Resources,
        Self::ResourcesValue,
        Self::Warnings,
        Self::Next,
        Self::NextList,
        Self::NextVerify,
        Self::NextRejects,
        Self::NextExplain,
        Self::CheckPassed,
        Self::VerifyPassed,
        Self::NoRuns,
        Self::SynthDone,
        Self::StageDone,
        Self::StageReused,
    ];
}

/// A phrase with its arguments filled in; whole numbers get thousands separators.
///
/// ```
/// use osusume_text::{Language, summary::{Phrase, say}};
/// let args = [("read", 20_000_i64.into()), ("scored", 19_412_i64.into())];
/// assert_eq!(say(Phrase::CustomersValue, Language::En, &args), "20,000 read, 19,412 scored");
/// assert_eq!(say(Phrase::CustomersValue, Language::Ja, &args), "読み取り20,000人、スコア計算19,412人");
/// ```
pub fn say(phrase: Phrase, language: Language, args: &[(&str, Arg)]) -> String {
    let [en, ja] = templates(phrase);
    let lookup = |name: &str| args.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    fill(language.pick(en, ja), &lookup, language)
}

fn templates(phrase: Phrase) -> [&'static str; 2] {
    match phrase {
        Phrase::ExpectedValue
        | Phrase::ExpectedValueAdded
        | Phrase::ExpectedValueMixed
        | Phrase::ExpectedValueTakes => of_value(phrase),
        Phrase::Published => {
            ["published {run} of {pipeline}, as of {as_of}", "{pipeline}の{run}を公開しました（基準日: {as_of}）"]
        }
        Phrase::AlreadyPublished => [
            "already published as {run}; inputs, configuration, and version are unchanged, nothing was written",
            "{run}として公開済みです。入力、設定、バージョンに変更がないため、何も書き込んでいません",
        ],
        Phrase::StagesDone => ["done: {stages}; nothing published", "完了: {stages}（公開はしていません）"],
        Phrase::Customers => ["customers", "顧客"],
        Phrase::CustomersValue => ["{read} read, {scored} scored", "読み取り{read}人、スコア計算{scored}人"],
        Phrase::Offers => ["offers", "オファー"],
        Phrase::OffersValue => [
            "{offers} {offers?offer:offers} to {customers} {customers?customer:customers}",
            "{customers}人に{offers}件",
        ],
        Phrase::OfferRow => ["{offer}: {count} ({value})", "{offer}: {count}件（{value}）"],
        Phrase::Rejected => ["rejected", "エラー行"],
        Phrase::RejectedValue => ["{count} {count?row:rows}<<, see {path}>>", "{count}行<<（詳細: {path}）>>"],
        Phrase::Suppressed => ["suppressed", "配信停止"],
        Phrase::SuppressedValue => [
            "{count} {count?customer:customers} opted out or did not consent",
            "同意がないか、配信停止を希望した顧客{count}人",
        ],
        Phrase::Excluded => ["excluded", "対象外"],
        Phrase::ExcludedValue => ["{count} {count?row:rows}: {reason}", "{count}行: {reason}"],
        Phrase::NoOffer => ["no offer", "オファーなし"],
        Phrase::NoOfferValue => [
            "{count} {count?customer:customers}, for whom none is the best choice",
            "{count}人（提案しないことが最善と判断）",
        ],
        Phrase::Holdout => ["holdout", "比較対照群"],
        Phrase::HoldoutValue => [
            "{count} {count?customer:customers} ({share}) kept back to measure the effect",
            "{count}人（{share}）を効果測定のため提案対象から除外",
        ],
        Phrase::Table => ["offer table", "オファー表"],
        Phrase::Quarantine => ["quarantine", "隔離データ"],
        Phrase::Exported => ["exported", "エクスポート"],
        Phrase::ExportedValue => ["{path} ({rows} {rows?row:rows})", "{path}（{rows}行）"],
        Phrase::Resources => ["resources", "所要"],
        Phrase::ResourcesValue => ["{seconds} s<<, {memory} memory>>", "{seconds}秒<<、メモリ{memory}>>"],
        Phrase::Warnings => ["warnings", "警告"],
        Phrase::Next => ["next", "次の操作"],
        Phrase::NextList => ["list the published runs: `{command}`", "公開済みの実行の一覧: `{command}`"],
        Phrase::NextVerify => ["check the published files: `{command}`", "公開済みのファイルの検証: `{command}`"],
        Phrase::NextRejects => ["look at the rejected rows: {path}", "エラー行の確認: {path}"],
        Phrase::NextExplain => ["learn more about a code: `{command}`", "エラーコードの説明: `{command}`"],
        Phrase::CheckPassed => ["{pipeline} is ready to run", "{pipeline}は実行できる状態です"],
        Phrase::VerifyPassed => [
            "all {files} {files?file:files} of {run} are as published",
            "{run}の全{files}ファイルが公開時と一致しています",
        ],
        Phrase::NoRuns => ["{pipeline} has no published runs yet", "{pipeline}には公開済みの実行がまだありません"],
        Phrase::SynthDone => [
            "wrote a company of {customers} {customers?customer:customers} to {path}",
            "顧客{customers}人の架空企業のデータを{path}に書き出しました",
        ],
        Phrase::StageDone => ["{stage} done in {seconds} s", "{stage}が完了しました（{seconds}秒）"],
        Phrase::StageReused => ["{stage} reused, nothing has changed", "{stage}は変更がないため再利用しました"],
    }
}

/// What the expected value of a run counts.
fn of_value(phrase: Phrase) -> [&'static str; 2] {
    match phrase {
        Phrase::ExpectedValueAdded => [
            "{amount}: what the contacts are expected to add to margin, less their cost",
            "{amount}（案内によって増える粗利の見込みから、案内の費用を引いた額）",
        ],
        Phrase::ExpectedValueMixed => [
            "{amount}: margin less the cost of contact; what the contact adds where that is known, else every sale",
            "{amount}（粗利から案内の費用を引いた額。案内の効果がわかるオファーは増分、それ以外は成約のすべて）",
        ],
        Phrase::ExpectedValueTakes => [
            "{amount}: margin of every sale expected, contacted or not, less the cost of contact",
            "{amount}（案内の有無によらない成約の粗利の見込みから、案内の費用を引いた額）",
        ],
        _ => ["expected value", "期待価値"],
    }
}

/// The stages of a run, by id: name, and what is shown while it runs.
const STAGES: [(&str, [&str; 2], [&str; 2]); 10] = [
    ("ingest", ["ingest", "取り込み"], ["reading and checking tables", "データを読み取って検査しています"]),
    ("features", ["features", "特徴量"], ["computing features", "特徴量を計算しています"]),
    ("mine", ["mine", "ルール抽出"], ["mining rules", "ルールを抽出しています"]),
    ("train", ["train", "学習"], ["fitting one model per offer", "オファーごとのモデルを学習しています"]),
    ("score", ["score", "スコア計算"], ["scoring customers", "顧客のスコアを計算しています"]),
    ("decide", ["decide", "オファー決定"], ["choosing offers", "オファーを決定しています"]),
    ("report", ["report", "レポート"], ["writing the report", "レポートを作成しています"]),
    ("publish", ["publish", "公開"], ["publishing", "公開しています"]),
    (
        "evaluate",
        ["evaluate", "効果測定"],
        ["comparing offers with the holdout", "オファーと比較対照群を比較しています"],
    ),
    ("export", ["export", "エクスポート"], ["writing destination files", "出力先のファイルを書き込んでいます"]),
];

/// Other work that takes long enough to show progress, by id.
const VERBS: [(&str, [&str; 2]); 8] = [
    ("check", ["checking the pipeline", "パイプラインを検査しています"]),
    ("itemsets", ["mining itemsets", "アイテム集合を探しています"]),
    ("prove", ["building everything again", "全体を作り直して比較しています"]),
    ("read", ["reading baskets", "バスケットを読み込んでいます"]),
    ("rules", ["drawing and testing rules", "ルールを抽出し、検定しています"]),
    ("synth", ["generating a company", "架空企業のデータを生成しています"]),
    ("verify", ["verifying published files", "公開済みのファイルを検証しています"]),
    ("write", ["writing tables", "結果の表を書き込んでいます"]),
];

/// The name of a stage, or the id itself when it is unknown.
pub fn stage_name(id: &str, language: Language) -> &str {
    STAGES.iter().find(|(known, ..)| *known == id).map_or(id, |(_, [en, ja], _)| language.pick(en, ja))
}

/// What is shown while a stage or verb runs, or the id itself when it is unknown.
pub fn progress_label(id: &str, language: Language) -> &str {
    let stage = STAGES.iter().find(|(known, ..)| *known == id).map(|(_, _, words)| words);
    let verb = || VERBS.iter().find(|(known, _)| *known == id).map(|(_, words)| words);
    stage.or_else(verb).map_or(id, |[en, ja]| language.pick(en, ja))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::placeholders;

    #[test]
    fn every_phrase_has_both_languages_with_the_same_placeholders() {
        assert_eq!(Phrase::ALL.into_iter().collect::<BTreeSet<_>>().len(), Phrase::ALL.len());
        for phrase in Phrase::ALL {
            let [en, ja] = templates(phrase);
            let names = |template| placeholders(template).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(names(en), names(ja), "{phrase:?}");
            assert!(en.is_ascii() && !ja.is_ascii() || matches!(phrase, Phrase::ExportedValue), "{phrase:?}");
        }
    }

    #[test]
    fn counts_choose_the_word() {
        let args = |n: i64| [("offers", Arg::Int(n)), ("customers", Arg::Int(n))];
        assert_eq!(say(Phrase::OffersValue, Language::En, &args(1)), "1 offer to 1 customer");
        assert_eq!(say(Phrase::OffersValue, Language::En, &args(1200)), "1,200 offers to 1,200 customers");
        assert_eq!(say(Phrase::OffersValue, Language::Ja, &args(1200)), "1,200人に1,200件");
    }

    #[test]
    fn stages_and_verbs() {
        assert_eq!(stage_name("train", Language::Ja), "学習");
        assert_eq!(progress_label("verify", Language::En), "verifying published files");
        assert_eq!(stage_name("other", Language::En), "other");
        assert_eq!(progress_label("other", Language::Ja), "other");
    }
}
