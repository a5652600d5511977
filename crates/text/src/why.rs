//! The page of `osusume why`: what became of every offer for one customer.

crate::phrases::phrases! {
    /// Headline. Args: run, `as_of`.
    Headline = "run {run}, as of {as_of}", "実行 {run}（基準日: {as_of}）";
    /// The customer is in the holdout.
    Holdout = "this customer is in the holdout: nothing is sent; below is what would have been offered",
        "比較対照群の顧客のため、何も送りません。以下は、対象であれば提案していた内容です";
    /// The customer explores.
    Explorer = "this customer explores: one of their best offers, or none, was drawn by lot",
        "このお客様は探索対象のため、上位のオファーまたは提案なしから抽選しました";
    /// The customer is in the arm ranked by what a take is worth.
    ByPropensity = "this customer is in the arm `propensity`: offers are ranked by what a take is worth, to measure the ranking by",
        "比較用の群 propensity のお客様のため、成約の価値の順にオファーを選びました";
    /// The customer is in the arm whose offers are drawn.
    Random = "this customer is in the arm `random`: one of the offers the rules leave was drawn by lot, to measure the ranking by",
        "比較用の群 random のお客様のため、ルールに合うオファーから1つを抽選しました";
    /// The customer was none on the day.
    Inactive = "not a customer on this day: nothing was held or had been bought, so nothing was decided",
        "基準日の時点では、契約も購入履歴もないため、判断の対象外です";
    /// No offer was made.
    NoOffer = "no offer; what stopped each stands below", "オファーなし（見送った理由は以下のとおりです）";
    /// Heading of the offers made.
    Made = "offered", "提案するオファー";
    /// Heading of the offers that lost.
    Lost = "not offered, because something else is worth more", "他を優先したため、提案しないオファー";
    /// Heading of the offers worth too little.
    TooLittle = "not offered, because it earns less than an offer must", "期待価値がしきい値に満たないため、提案しないオファー";
    /// Heading of the offers removed.
    Removed = "not offered, because a rule removes it", "ルールにより対象外のオファー";
    /// An offer made. Args: rank, offer, kind, channel.
    Chosen = "{rank}. {offer} ({kind}), through {channel}", "{rank}. {offer}（{kind}）、チャネル: {channel}";
    /// What an offer is worth. Args: propensity, basis, value, margin?.
    Worth = "propensity {propensity} ({basis}), expected value {value}<<, margin {margin}>>",
        "成約確率 {propensity}（{basis}）、期待価値 {value}<<、粗利 {margin}>>";
    /// How many are taken of what is sold in numbers. Args: units.
    Units = "sold in numbers: whoever takes it is expected to take {units}, and amounts are those of all of them",
        "数量で販売する商品: 成約時の見込み数量は{units}。金額は全数量の合計です";
    /// The value in its parts. Args: months, gain, with, without, incentive?, cost, churn?, lever?.
    Adds = "a take brings {gain} in {months} {months?month:months}: {with} expected with the contact, less {without} that would come without it<<, less {incentive} given to takers>>, less {cost} for the contact<<, less {churn} for customers it may lose>><<; in the ranking a lever adds {lever}>>",
        "成約1件の粗利は{months}か月で{gain}。期待価値は、案内した場合の見込み{with}から、案内しなくても得られる{without}<<、特典の費用{incentive}>>、案内の費用{cost}<<、案内による解約の損失{churn}>>を引いた額です<<（順位付けでは営業方針により{lever}を加算）>>";
    /// The same where nothing tells what the contact adds. Args: months, gain, with, incentive?, cost, churn?, lever?.
    Takes = "a take brings {gain} in {months} {months?month:months}: {with} expected, contacted or not<<, less {incentive} given to takers>>, less {cost} for the contact<<, less {churn} for customers it may lose>><<; in the ranking a lever adds {lever}>>",
        "成約1件の粗利は{months}か月で{gain}。期待価値は、案内の有無によらない見込み{with}から<<、特典の費用{incentive}>>、案内の費用{cost}<<、案内による解約の損失{churn}>>を引いた額です<<（順位付けでは営業方針により{lever}を加算）>>";
    /// The interval of the value. Args: lower, upper.
    Between = "the value lies between {lower} and {upper}, as far as the contact's effect is known", "案内の効果の推定誤差により、期待価値は{lower}～{upper}の範囲です";
    /// What the contact adds by a draw. Args: contacted, alone, uplift, lower, upper.
    Drawn = "contacted {contacted}, left alone {alone}: the contact adds {uplift} points ({lower} to {upper}), as customers drawn at random show",
        "案内した場合 {contacted}、しない場合 {alone}: 案内による増加は {uplift} ポイント（{lower}～{upper}、無作為割付の顧客による）";
    /// The same by assumption. Args: contacted, alone, uplift.
    Assumed = "contacted {contacted}, left alone {alone}: the contact adds {uplift} points, as the pipeline file assumes",
        "案内した場合 {contacted}、しない場合 {alone}: 案内による増加は {uplift} ポイント（パイプラインファイルの仮定）";
    /// The step in which an offer is made. Args: step.
    Step = "made in the step {step} of its approach", "提案の段階: {step}";
    /// A step that makes no offer yet. Args: step, cost, ranked.
    Check = "the step {step} makes no offer yet: it costs {cost}, and stands in the ranking for the {ranked} that the offer it prepares is worth after all steps until then",
        "段階「{step}」では、まだ提案しません。この連絡の費用は{cost}です。順位付けには、提案までの費用を差し引いたオファーの期待価値{ranked}を使います";
    /// An offer that lost. Args: offer, by, ahead.
    Outranked = "{offer}: {by} won, worth {ahead} more", "{offer}: {by} を優先（期待価値が{ahead}高い）";
    /// An offer that lost at equal value. Args: offer, by.
    Tied = "{offer}: {by} won at the same worth, by propensity or by order", "{offer}: {by} を優先（期待価値は同じ。成約確率または順序による）";
    /// An offer that lost to the one made last time. Args: offer, by, ahead.
    Kept = "{offer}: {by} was made last time and is kept; this one is worth only {ahead} more",
        "{offer}: 前回の {by} を継続（こちらの期待価値は {ahead} 高いだけ）";
    /// An offer worth too little. Args: offer, short, threshold.
    Below = "{offer}: worth {short} less than the {threshold} an offer must earn", "{offer}: 案内に必要な期待価値 {threshold} に {short} 足りない";
    /// An offer a rule removed. Args: offer, layer, rule, sentence.
    Rule = "{offer}: {layer}, {rule}: {sentence}", "{offer}: {layer}／{rule}: {sentence}";
    /// A rule of the pipeline file without a sentence of its own. Args: condition.
    Condition = "a rule of the pipeline file: {condition}", "パイプラインファイルのルール: {condition}";
    /// The lane. Args: lane.
    Lane = "lane: {lane}", "レーン: {lane}";
    /// The first layer of rules.
    Eligibility = "eligibility (may)", "資格（提供できるか）";
    /// The second.
    Applicability = "applicability (now)", "時期（今でよいか）";
    /// The third.
    Suitability = "suitability (should)", "適否（提案すべきか）";
    /// An offer whose rate nothing was weighed for.
    NoReason = "no feature speaks for it: every eligible customer has this rate",
        "理由となる特徴量なし（対象となる全顧客に共通の成約率）";
    /// The propensity comes from a model of the offer's own.
    Model = "its own model", "専用モデル";
    /// The propensity is a rate.
    Rate = "a rate", "成約率";
}

use osusume_model::Arg;

use crate::Language;

/// The words for a layer by the name files have for it.
pub fn layer(id: &str, language: Language) -> String {
    let word = match id {
        "eligibility" => Word::Eligibility,
        "applicability" => Word::Applicability,
        _ => Word::Suitability,
    };
    say(word, language, &[])
}

/// A share between 0 and 1 with three significant digits as a percentage, e.g. `0.0412%`, `3.21%`, `100%`.
pub fn precise_percent(share: f64) -> Arg {
    let percent = share * 100.0;
    // Three digits are more than a calibration knows and enough to tell rivals apart.
    let digits = if percent >= 99.95 { 0 } else { (2 - magnitude(percent)).clamp(0, 6) };
    Arg::Number(format!("{percent:.*}%", digits as usize))
}

/// A number of units with one decimal, and without one from ten thousand on.
pub fn units(expected: f64) -> Arg {
    let digits = usize::from(expected < 10_000.0);
    Arg::Number(format!("{expected:.digits$}"))
}

/// Differences of shares in percentage points, with a sign and two significant digits of the largest, e.g. `+0.21`, `-0.05`, `+0.47`.
pub fn points<const N: usize>(differences: [f64; N]) -> [Arg; N] {
    let largest = differences.iter().fold(0.0, |largest: f64, difference| largest.max(difference.abs()));
    let digits = (1 - magnitude(largest * 100.0)).clamp(0, 6) as usize;
    differences.map(|difference| Arg::Number(format!("{:+.digits$}", difference * 100.0)))
}

/// The power of ten of the first digit; that of a hundredth of a thousandth for 0.
fn magnitude(value: f64) -> i32 {
    (-5..3).rev().find(|&power| value >= 10.0_f64.powi(power)).unwrap_or(-5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_keep_three_digits() {
        let cases = [(1.0, "100%"), (0.5, "50.0%"), (0.0321, "3.21%"), (0.000_412, "0.0412%"), (0.0, "0.000000%")];
        for (share, expected) in cases {
            assert_eq!(precise_percent(share), Arg::Number(expected.to_owned()));
        }
    }

    #[test]
    fn points_have_a_sign_and_common_digits() {
        let text = |value: &str| Arg::Number(value.to_owned());
        assert_eq!(points([0.0021, -0.0005, 0.0047]), [text("+0.21"), text("-0.05"), text("+0.47")]);
        assert_eq!(points([0.12]), [text("+12")]);
        assert_eq!(points([0.0]), [text("+0.000000")]);
    }

    #[test]
    fn layers_have_words() {
        for id in ["eligibility", "applicability", "suitability"] {
            assert!(layer(id, Language::En).starts_with(id));
        }
    }
}
