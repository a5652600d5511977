//! Words of the tables and pages the command prints, beside those of [`summary`](crate::summary).

use osusume_model::Arg;

use crate::Language;
use crate::template::fill;

/// A heading, label or remark. The documentation names the arguments [`say`] takes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// Row label: what models learned from.
    Learned,
    /// Rows and dates learned from. Args: rows, dates, first, last.
    LearnedValue,
    /// Row label: customers without an offer.
    WithoutOffer,
    /// Customers without an offer whom a channel may reach. Args: count, causes?.
    WithoutOfferValue,
    /// Those of one cause. Args: count, cause.
    WithoutCause,
    /// Row label: customers whom no channel may reach.
    NotAsked,
    /// Those customers. Args: count, held.
    NotAskedValue,
    /// Label of the customers by lane.
    Lanes,
    /// Column: source.
    Source,
    /// Column: rows read.
    Read,
    /// Column: rows used.
    Accepted,
    /// Column: rows set aside.
    SetAside,
    /// Column: a code of errors.
    ErrorCode,
    /// Column: a column of a table.
    ColumnName,
    /// Column: what is wrong.
    Wrong,
    /// Column: the first row, by file and line.
    FirstRow,
    /// Rows are unknown because their customers' own rows were set aside. Args: rows, source, customers.
    UnknownBecause,
    /// Column: rows that repeat others.
    Repeated,
    /// Column: offer.
    Offer,
    /// Column: kind of an offer.
    Kind,
    /// Column: offers made.
    Offered,
    /// Column: takes learned from.
    Takes,
    /// Column: area under the curve at the newest test.
    Auc,
    /// Column: what the propensity comes from.
    Basis,
    /// An upsell.
    Upsell,
    /// A cross-sell.
    CrossSell,
    /// A category of purchases.
    Category,
    /// A model of its own.
    Model,
    /// The shrunken rate of the family.
    Rate,
    /// Heading: why pairs of customer and offer were dropped.
    Removed,
    /// Column: run.
    Run,
    /// Column: as-of date.
    AsOf,
    /// Column: standing of a run.
    Standing,
    /// Column: offers of a run.
    Offers,
    /// The current run.
    Current,
    /// A run published before.
    Published,
    /// A run no reader ever saw.
    Unpublished,
    /// A run whose manifest cannot be read.
    Damaged,
    /// Column: file.
    File,
    /// Column: rows.
    Rows,
    /// Row label: how many features.
    FeatureColumns,
    /// Column: bytes.
    Bytes,
    /// Row label: the run's directory.
    Directory,
    /// Next: look at the run's numbers again. Args: command.
    NextShow,
    /// Next: run the pipeline. Args: command.
    NextRun,
    /// Row label: offers that follow.
    OfferKeys,
    /// Row label: dates learned from.
    Dates,
    /// One of the dates, a test. Args: date.
    TestDate,
    /// No as-of date is known, so no dates either.
    NoDates,
    /// Row label: arrival.
    Arrival,
    /// A source without arrival times. Args: source, column.
    NoArrival,
    /// Row label: holdout, before a run.
    DetectableHoldout,
    /// What a holdout can show. Args: customers, rate, effect, lift, months.
    Detectable,
    /// Headline of `check` with sources over their limits. Args: pipeline.
    CheckFailed,
    /// The word before a warning's code.
    Warning,
    /// More warnings of the same kind were left out. Args: count.
    MoreWarnings,
    /// Why rows of holdings are left out: their product is in no products table.
    UnknownProducts,
    /// Why rows are left out: their customer is on the suppression list.
    Suppressed,
    /// Why rows are left out: they name no customer.
    Anonymous,
    /// Why rows are left out: the pipeline file does not keep them.
    NotKept,
    /// Why rows are left out: they arrived on or after the run's date.
    NotYetKnown,
    /// Row label: the tables are of one date.
    CrossSection,
    /// What a cross-section says, and what it does not.
    CrossSectionValue,
    /// Heading: rules that were mined. Args: reported, rules.
    Rules,
    /// A rule. Args: antecedent, consequent.
    Rule,
    /// What stands between several things that are there together.
    And,
    /// Column: how many have all of it.
    Joint,
    /// Column: confidence.
    Confidence,
    /// Column: lift and its lower bound.
    Lift,
    /// Column: lift in the time that followed.
    LaterLift,
    /// Heading: what is added after what. Args: days, reported, compared.
    Follows,
    /// What is added after what. Args: antecedent, consequent.
    Follow,
    /// Column: how many added it.
    FollowAdded,
    /// Column: how many times as often, with its interval.
    FollowRatio,
    /// Column: days by which half of them had.
    FollowHalf,
    /// Column: how many times as often in the time that followed.
    FollowLater,
    /// Heading: places for all customers together.
    Capacity,
    /// Column: the channel.
    Channel,
    /// Column: rows that count.
    Used,
    /// Column: rows at most.
    Most,
    /// Column: what one place more would be worth.
    PlaceWorth,
    /// Row label: first offers that are others than in the run before.
    Stability,
    /// First offers against the run before. Args: share, kept, changed, ended, begun.
    StabilityValue,
    /// Row label: customers who got an offer by lot.
    Explorers,
    /// Customers who got an offer by lot, or none. Args: count.
    ExplorersValue,
    /// What the holdout of a run shows. Args: rate, effect, lift, months.
    Shows,
    /// Row label of it.
    ShowsLabel,
    /// Row label: policy arms.
    Arms,
    /// One of them with its customers. Args: arm, count.
    ArmValue,
    /// A minimum that is missed. Args: count.
    Missed,
    /// A minimum that cannot be met beside the other limits, as was proved. Args: count.
    Impossible,
    /// Every offer, or every channel.
    Every,
    /// Row label: attributes left out.
    NotUsed,
    /// Attributes that are no features, because a reload overwrites them. Args: source, names.
    NotStatic,
    /// Label of what dated copies there are.
    Copies,
    /// Copies of a source.
    CopiesValue,
    /// Customers have answered an offer table. Args: rows, taken, path.
    Answered,
    /// A run published before was delivered now.
    Redelivered,
    /// Row label: the report's path.
    Report,
    /// Row label: baskets mined.
    Baskets,
    /// Row label: what was put right in baskets.
    Repaired,
    /// What was put right. Args: empty, oversize, repeated.
    RepairedValue,
    /// Row label: the count an itemset must reach.
    LeastCount,
    /// Row label: itemsets found.
    Itemsets,
    /// Row label: itemsets by size.
    BySize,
    /// Itemsets of a size. Args: size, sets.
    BySizeValue,
    /// Row label: time taken.
    Seconds,
    /// Time taken. Args: read, mine.
    SecondsValue,
}

impl Word {
    /// Every word.
    pub const ALL: [Self; 107] = [
        Self::Learned,
        Self::LearnedValue,
        Self::WithoutOffer,
        Self::WithoutOfferValue,
        Self::WithoutCause,
        Self::NotAsked,
        Self::NotAskedValue,
        Self::Lanes,
        Self::Source,
        Self::Read,
        Self::Accepted,
        Self::SetAside,
        Self::ErrorCode,
        Self::ColumnName,
        Self::Wrong,
        Self::FirstRow,
        Self::UnknownBecause,
        Self::Repeated,
        Self::Offer,
        Self::Kind,
        Self::Offered,
        Self::Takes,
        Self::Auc,
        Self::Basis,
        Self::Upsell,
        Self::CrossSell,
        Self::Category,
        Self::Model,
        Self::Rate,
        Self::Removed,
        Self::Run,
        Self::AsOf,
        Self::Standing,
        Self::Offers,
        Self::Current,
        Self::Published,
        Self::Unpublished,
        Self::Damaged,
        Self::File,
        Self::Rows,
        Self::Bytes,
        Self::Directory,
        Self::NextShow,
        Self::NextRun,
        Self::OfferKeys,
        Self::Dates,
        Self::TestDate,
        Self::NoDates,
        Self::Arrival,
        Self::NoArrival,
        Self::DetectableHoldout,
        Self::Detectable,
        Self::CheckFailed,
        Self::Warning,
        Self::MoreWarnings,
        Self::UnknownProducts,
        Self::Suppressed,
        Self::Anonymous,
        Self::NotKept,
        Self::NotYetKnown,
        Self::CrossSection,
        Self::CrossSectionValue,
        Self::Rules,
        Self::Rule,
        Self::And,
        Self::Joint,
        Self::Confidence,
        Self::Lift,
        Self::LaterLift,
        Self::Follows,
        Self::Follow,
        Self::FollowAdded,
        Self::FollowRatio,
        Self::FollowHalf,
        Self::FollowLater,
        Self::Capacity,
        Self::Channel,
        Self::Used,
        Self::Most,
        Self::PlaceWorth,
        Self::Stability,
        Self::StabilityValue,
        Self::Explorers,
        Self::ExplorersValue,
        Self::Shows,
        Self::ShowsLabel,
        Self::Arms,
        Self::ArmValue,
        Self::Missed,
        Self::Impossible,
        Self::Every,
        Self::NotUsed,
        Self::NotStatic,
        Self::Copies,
        Self::CopiesValue,
        Self::Answered,
        Self::Redelivered,
        Self::Report,
        Self::Baskets,
        Self::Repaired,
        Self::RepairedValue,
        Self::LeastCount,
        Self::Itemsets,
        Self::BySize,
        Self::BySizeValue,
        Self::Seconds,
        Self::SecondsValue,
    ];
}

/// A word without arguments.
pub fn word(word: Word, language: Language) -> &'static str {
    let [en, ja] = templates(word);
    language.pick(en, ja)
}

/// A word with its arguments filled in; whole numbers get thousands separators.
pub fn say(word: Word, language: Language, args: &[(&str, Arg)]) -> String {
    let [en, ja] = templates(word);
    let lookup = |name: &str| args.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    fill(language.pick(en, ja), &lookup, language)
}

fn templates(word: Word) -> [&'static str; 2] {
    match word {
        Word::Learned => ["learned from", "学習データ"],
        Word::LearnedValue => [
            "{rows} rows at {dates} {dates?date:dates}, {first} to {last}",
            "{rows}行（基準日{dates}回、{first}～{last}）",
        ],
        Word::WithoutOffer => ["no offer", "オファーなし"],
        Word::WithoutOfferValue => {
            ["{count} {count?customer:customers}<<: {causes:plain}>>", "{count}人<<（{causes:plain}）>>"]
        }
        Word::WithoutCause => ["{count} {cause:plain}", "{cause:plain} {count}人"],
        Word::NotAsked => ["not asked", "案内不可"],
        Word::NotAskedValue => [
            "{count} {count?customer:customers} whom no channel may reach, {held} of them in the holdout",
            "{count}人（同意のあるチャネルがない顧客。うち比較対照群{held}人）",
        ],
        Word::Lanes => ["lanes", "レーン"],
        Word::Source => ["source", "データ"],
        Word::Read => ["rows read", "読み取り行"],
        Word::Accepted => ["used", "使用"],
        Word::SetAside => ["set aside", "隔離"],
        Word::ErrorCode => ["error", "エラー"],
        Word::ColumnName => ["column", "列"],
        Word::Wrong => ["what is wrong", "内容"],
        Word::FirstRow => ["first row", "最初の行"],
        Word::UnknownBecause => [
            "correct `{source}` first: {customers} of its {customers?row:rows} {customers?was:were} set aside, and {rows} {rows?row:rows} of other tables may be unknown only because of that",
            "先に `{source}` を修正してください。{customers}行が隔離されたため、他の表の{rows}行の顧客が不明になった可能性があります",
        ],
        Word::Repeated => ["left out", "対象外"],
        Word::Offer => ["offer", "オファー"],
        Word::Kind => ["kind", "種類"],
        Word::Offered => ["offered", "提案数"],
        Word::Takes => ["labeled takes", "学習した成約"],
        Word::Auc => ["AUC (newest test)", "AUC（最新テスト）"],
        Word::Basis => ["basis", "根拠"],
        Word::Upsell => ["upsell", "アップセル"],
        Word::CrossSell => ["cross-sell", "クロスセル"],
        Word::Category => ["category", "カテゴリー"],
        Word::Model => ["model", "モデル"],
        Word::Rate => ["rate", "成約率"],
        other => finding_templates(other),
    }
}

/// What stands on the page beside sources and offers.
fn finding_templates(word: Word) -> [&'static str; 2] {
    match word {
        Word::Suppressed => ["of customers on the suppression list", "利用停止リストの顧客"],
        Word::Anonymous => ["without a customer", "顧客IDなし"],
        Word::NotKept => ["not to be kept by the pipeline file", "設定で除外"],
        Word::NotYetKnown => ["not yet known on the run's date", "基準日の時点で未着"],
        Word::CrossSection => ["cross-section", "一時点のデータ"],
        Word::CrossSectionValue => [
            "says who resembles holders, not who will buy; tested on folds of customers",
            "契約者に似ている人を示すもので、誰が買うかは示しません（顧客単位の交差検証）",
        ],
        Word::Rules => [
            "rules: {reported} of {rules} beyond chance; in brackets the lower bound of the lift among those with as many items",
            "ルール: 偶然とは言えないもの{reported}件／{rules}件（括弧内は品目数が同じ相手と比べたリフトの下限）",
        ],
        Word::Rule => ["{antecedent} goes with {consequent}", "{antecedent} → {consequent}"],
        Word::And => [" and ", "＋"],
        Word::Joint => ["together", "同時"],
        Word::Confidence => ["confidence", "確信度"],
        Word::Lift => ["lift (size alike)", "リフト（同数比）"],
        Word::LaterLift => ["lift later", "その後のリフト"],
        Word::Follows => [
            "added within {days} days: {reported} of {compared} pairs beyond chance; compared with other purchases of the same month, tenure and size",
            "{days}日以内の追加: 偶然とは言えないもの{reported}組／{compared}組（月・利用期間・購入点数が同じ、ほかの購入の後との比較）",
        ],
        Word::Follow => ["{antecedent}, then {consequent}", "{antecedent}の後に{consequent}"],
        Word::FollowAdded => ["customers", "顧客"],
        Word::FollowRatio => ["times as often (95 %)", "倍率（95％区間）"],
        Word::FollowHalf => ["half within days", "半数までの日数"],
        Word::FollowLater => ["later", "その後の倍率"],
        Word::Capacity => ["places, for all customers together", "枠（全顧客の合計）"],
        Word::Channel => ["channel", "チャネル"],
        Word::Used => ["used", "使用"],
        Word::Most => ["at most", "上限"],
        Word::PlaceWorth => ["one more is worth", "追加1枠の価値"],
        Word::Stability => ["since the run before", "前回の実行との比較"],
        Word::StabilityValue => [
            "{share} of first offers changed: {kept} kept, {changed} others, {ended} ended, {begun} begun",
            "第一オファーの変化率 {share}（同じ {kept}、変更 {changed}、終了 {ended}、新規 {begun}）",
        ],
        Word::Explorers => ["explorers", "探索対象"],
        Word::ExplorersValue => [
            "{count} customers, one of their best offers or none by lot",
            "{count} 人（上位のオファーまたは提案なしから抽選）",
        ],
        Word::Shows => [
            "at {rate} takes per 100 customers, differences above {effect} points (80 % power); {lift} % more takes in about {months} months",
            "顧客100人当たりの成約が{rate}件のとき、{effect}ポイントを超える差（検出力80%）。{lift}%の増加の検出には約{months}か月",
        ],
        Word::ShowsLabel => ["holdout shows", "検出できる差"],
        Word::Arms => ["policy arms", "選び方の群"],
        Word::ArmValue => ["{arm} {count}", "{arm} {count} 人"],
        Word::Missed => ["{count} short of the minimum", "最低数に {count} 不足"],
        Word::Impossible => [
            "{count} short of the minimum: the rules and limits leave no more",
            "最低数に {count} 不足（ルールと枠の範囲では達成不可能）",
        ],
        Word::Every => ["all", "すべて"],
        other => page_templates(other),
    }
}

fn page_templates(word: Word) -> [&'static str; 2] {
    match word {
        Word::Removed => {
            ["why offers were not made (pairs of customer and offer)", "案内しなかった理由（顧客とオファーの組）"]
        }
        Word::Run => ["run", "実行"],
        Word::AsOf => ["as of", "基準日"],
        Word::Standing => ["standing", "状態"],
        Word::Offers => ["offers", "オファー数"],
        Word::Current => ["current", "公開中"],
        Word::Published => ["published before", "過去に公開"],
        Word::Unpublished => ["not published", "未公開"],
        Word::Damaged => ["damaged", "破損"],
        Word::File => ["file", "ファイル"],
        Word::FeatureColumns => ["features", "特徴量"],
        Word::Rows => ["rows", "行数"],
        Word::Bytes => ["bytes", "バイト数"],
        Word::Directory => ["directory", "フォルダー"],
        Word::NextShow => ["look at these numbers again: `{command}`", "この集計の再表示: `{command}`"],
        Word::NextRun => ["run it: `{command}`", "実行: `{command}`"],
        Word::OfferKeys => ["offers", "オファー"],
        Word::Dates => ["learns at", "学習の基準日"],
        Word::TestDate => ["{date} (test)", "{date}（テスト）"],
        Word::NoDates => {
            ["known once an as-of date is given with `--as-of`", "`--as-of` で基準日を指定すると表示します"]
        }
        Word::Arrival => ["arrival", "到着日時"],
        Word::NoArrival => [
            "`{source}` has no `{column}`: its rows count as known on their own date, so late rows make the past look better known than it was",
            "`{source}` に `{column}` がありません。各行は発生日に判明していたものとして扱うため、遅れて届いた行の分だけ過去の成績が良く見えます",
        ],
        Word::DetectableHoldout => ["holdout", "比較対照群"],
        Word::Detectable => [
            "about {customers} customers; at a take rate of {rate} %, one run shows differences above {effect} percentage points (80 % power); {lift} % more takes show in about {months} months",
            "約{customers}人。成約率{rate}%のとき、1回の実行で{effect}ポイントを超える差を検出できます（検出力80%）。成約が{lift}%増える効果は約{months}か月で検出できます",
        ],
        Word::CheckFailed => ["{pipeline} is not ready to run", "{pipeline}はまだ実行できません"],
        Word::Warning => ["warning", "警告"],
        Word::MoreWarnings => ["{count} more {count?warning:warnings}", "ほかに警告{count}件"],
        Word::Report => ["report", "レポート"],
        Word::UnknownProducts => ["product not in the products table", "商品表にない商品"],
        Word::NotUsed => ["not used", "使わない列"],
        Word::NotStatic => [
            "`{source}` is a snapshot, and no dated copy tells what these were at the dates to learn from: {names}",
            "`{source}` は snapshot で、学習に使う時点の値がわかる日付付きコピーがないため、使いません: {names}",
        ],
        Word::Copies => ["dated copies", "日付付きコピー"],
        Word::CopiesValue => [
            "{copies} of `{source}`, from {first} on; {served} of {dates} dates to learn from see one",
            "`{source}` のコピー{copies}件（{first}以降）。学習に使う{dates}時点のうち{served}時点で参照できます",
        ],
        Word::Answered => [
            "{rows} {rows?offer:offers} answered, {taken} taken and kept; the answers are in {path}",
            "オファー{rows}件に対し、成約{taken}件。結果は{path}に書き出しました",
        ],
        Word::Baskets => ["baskets", "バスケット"],
        Word::Repaired => ["put right", "補正"],
        Word::RepairedValue => [
            "{empty} empty, {oversize} too large and left out, {repeated} items repeated within a basket",
            "空 {empty} 件、大きすぎて除外 {oversize} 件、バスケット内の重複アイテム {repeated} 個",
        ],
        other => mining_templates(other),
    }
}

/// The page of a mining without a pipeline, and what is said once a run is delivered.
fn mining_templates(word: Word) -> [&'static str; 2] {
    match word {
        Word::Itemsets => ["itemsets", "アイテム集合"],
        Word::LeastCount => ["least count", "最小出現数"],
        Word::BySize => ["by size", "サイズ別"],
        Word::BySizeValue => ["{sets} of {size} {size?item:items}", "{size} 個組: {sets}"],
        Word::Seconds => ["seconds", "秒数"],
        Word::SecondsValue => ["{read} reading, {mine} mining", "読み込み {read}、採掘 {mine}"],
        _ => [
            "its destinations did not hold it yet; it was delivered now",
            "出力先が未更新だったため、公開済みの結果を書き込みました",
        ],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::placeholders;

    #[test]
    fn every_word_has_both_languages_with_the_same_placeholders() {
        assert_eq!(Word::ALL.into_iter().collect::<BTreeSet<_>>().len(), Word::ALL.len());
        for word in Word::ALL {
            let [en, ja] = templates(word);
            let names = |template| placeholders(template).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(names(en), names(ja), "{word:?}");
            assert!(en.is_ascii() && !ja.is_ascii(), "{word:?}");
        }
    }

    #[test]
    fn counts_choose_the_word() {
        let text = say(Word::MoreWarnings, Language::En, &[("count", Arg::Int(1))]);
        assert_eq!(text, "1 more warning");
    }
}
