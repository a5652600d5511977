//! Words of the page that tells what a run's offers added.

use osusume_model::Arg;

use crate::Language;
use crate::template::fill;

/// A heading, label or remark. The documentation names the arguments [`say`] takes for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// Headline. Args: run, pipeline, `as_of`.
    Headline,
    /// Headline when nothing has changed since the newest evaluation. Args: run.
    Already,
    /// The days that count. Args: first, last, kept, known.
    Days,
    /// Heading: everybody the run decided about.
    Everybody,
    /// Column: those outside the holdout.
    Offered,
    /// Column: the holdout.
    HeldOut,
    /// Column: the difference with its interval. Args: confidence.
    Difference,
    /// Row: customers.
    Customers,
    /// Row: share with at least one take.
    TookAny,
    /// Row: revenue per customer before.
    RevenueBefore,
    /// Row: revenue per customer in the window.
    RevenueAfter,
    /// Row: share still a customer.
    Retention,
    /// Heading of the offers. Args: confidence.
    Offers,
    /// Column: offer.
    Offer,
    /// Column: customers it was assigned to.
    Reach,
    /// Column: takes among the customers before it.
    Takes,
    /// Column: their attach rate.
    Rate,
    /// Column: holdout customers who would have been assigned it.
    ShadowReach,
    /// Column: the difference of the rates.
    Effect,
    /// Column: takes there would not have been otherwise.
    Extra,
    /// Column: lift of the first decile among those outside the holdout.
    Lift,
    /// Column: the same in the holdout.
    ShadowLift,
    /// Heading of offers held back one by one. Args: confidence.
    HeldBack,
    /// Column: customers held out of the offer.
    HeldBackReach,
    /// Heading of the policy arms.
    Arms,
    /// Heading of their comparisons. Args: confidence.
    Compared,
    /// The arm the ranking decided.
    ByRanking,
    /// The arm ranked by what a take is worth.
    ByPropensity,
    /// The arm of offers drawn.
    AtRandom,
    /// One arm less another. Args: arm, against.
    Less,
    /// Column: what a comparison shows.
    Verdict,
    /// The first arm earns more.
    Better,
    /// It earns less.
    Worse,
    /// Neither is shown.
    NotShown,
    /// A rate in percent. Args: value.
    Percent,
    /// A difference of rates. Args: value, lower, upper.
    Points,
    /// A difference of rates without an interval. Args: value.
    PointsOnly,
    /// A number with its interval. Args: value, lower, upper.
    Between,
    /// A difference without an interval, since there are too few households. Args: value.
    FewClusters,
    /// Nothing to compare with.
    EmptyArm,
    /// Heading of what a run expected of its offers, beside what came. Args: confidence.
    Expected,
    /// Row: all offers together.
    AllOffers,
    /// Column: offers made.
    Made,
    /// Column: takes expected of each hundred offers made.
    TakesExpected,
    /// Column: takes each hundred offers were expected to add.
    AddedExpected,
    /// Column: what came of it.
    Came,
    /// What came does not contradict what was expected.
    AsExpected,
    /// Less came.
    Overstated,
    /// More came.
    Understated,
    /// There are too few to tell.
    TooFew,
    /// Heading of takers beside others, which is no effect.
    Described,
    /// Column: takers.
    Takers,
    /// Column: the others.
    Others,
    /// Column: revenue before and after.
    Revenue,
    /// Column: still a customer.
    Stayed,
    /// A change. Args: before, after.
    Change,
    /// Those left out. Args: `not_eligible`, immature, lost.
    LeftOut,
    /// Takes inside the gap. Args: count.
    GapTakes,
    /// Row label: left out.
    LeftOutLabel,
    /// Row label: where the numbers are.
    Numbers,
}

impl Told {
    /// Every one of them.
    pub const ALL: [Self; 60] = [
        Self::Headline,
        Self::Already,
        Self::Days,
        Self::Everybody,
        Self::Offered,
        Self::HeldOut,
        Self::Difference,
        Self::Customers,
        Self::TookAny,
        Self::RevenueBefore,
        Self::RevenueAfter,
        Self::Retention,
        Self::Offers,
        Self::Offer,
        Self::Reach,
        Self::Takes,
        Self::Rate,
        Self::ShadowReach,
        Self::Effect,
        Self::Extra,
        Self::Lift,
        Self::ShadowLift,
        Self::HeldBack,
        Self::HeldBackReach,
        Self::Arms,
        Self::Compared,
        Self::ByRanking,
        Self::ByPropensity,
        Self::AtRandom,
        Self::Less,
        Self::Verdict,
        Self::Better,
        Self::Worse,
        Self::NotShown,
        Self::Percent,
        Self::Points,
        Self::PointsOnly,
        Self::Between,
        Self::FewClusters,
        Self::EmptyArm,
        Self::Expected,
        Self::AllOffers,
        Self::Made,
        Self::TakesExpected,
        Self::AddedExpected,
        Self::Came,
        Self::AsExpected,
        Self::Overstated,
        Self::Understated,
        Self::TooFew,
        Self::Described,
        Self::Takers,
        Self::Others,
        Self::Revenue,
        Self::Stayed,
        Self::Change,
        Self::LeftOut,
        Self::GapTakes,
        Self::LeftOutLabel,
        Self::Numbers,
    ];
}

/// The words with their arguments filled in; whole numbers get thousands separators.
///
/// ```
/// use osusume_text::{Language, evaluation::{Told, say}};
/// let args = [("value", "+1.20".into()), ("lower", "-0.30".into()), ("upper", "+2.60".into())];
/// assert_eq!(say(Told::Points, Language::En, &args), "+1.20 points (-0.30 to +2.60)");
/// ```
pub fn say(told: Told, language: Language, args: &[(&str, Arg)]) -> String {
    let [en, ja] = templates(told);
    let lookup = |name: &str| args.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    fill(language.pick(en, ja), &lookup, language)
}

fn templates(told: Told) -> [&'static str; 2] {
    match told {
        Told::Headline => {
            ["evaluated {run} of {pipeline}, as of {as_of}", "{pipeline}の{run}（基準日: {as_of}）の効果を測定しました"]
        }
        Told::Already => [
            "already evaluated {run}; nothing has changed since, nothing was written",
            "{run}は測定済みで、その後の変更はありません。何も書き込んでいません",
        ],
        Told::Days => [
            "takes from {first} up to {last}, kept {kept} {kept?day:days}; the tables are known until {known}",
            "{first}から{last}の前日までに始まり{kept}日続いた成約（データは{known}の前日まで）",
        ],
        Told::Everybody => ["everybody, offered something or not", "全顧客（オファーの有無を問わず）"],
        Told::Offered => ["not held out", "対照群以外"],
        Told::HeldOut => ["holdout", "比較対照群"],
        Told::Difference => ["difference ({confidence}% interval)", "差（{confidence}%信頼区間）"],
        Told::Customers => ["customers", "顧客数"],
        Told::TookAny => ["took at least one offer", "1件以上成約した割合"],
        Told::RevenueBefore => ["revenue per customer, before", "顧客あたり売上（前）"],
        Told::RevenueAfter => ["revenue per customer, window", "顧客あたり売上（判定期間）"],
        Told::Retention => ["still customers at the end", "期間末の継続率"],
        other => offer_templates(other),
    }
}

fn offer_templates(told: Told) -> [&'static str; 2] {
    match told {
        Told::Offers => {
            ["by offer, by assignment ({confidence}% intervals)", "オファー別（割り当て基準、{confidence}%信頼区間）"]
        }
        Told::Offer => ["offer", "オファー"],
        Told::Reach => ["assigned", "対象者"],
        Told::Takes => ["took", "成約"],
        Told::Rate => ["rate", "成約率"],
        Told::ShadowReach => ["holdout", "対照群"],
        Told::Effect => ["effect", "効果"],
        Told::Extra => ["takes added", "増えた成約"],
        Told::Lift => ["top decile lift", "上位1割のリフト"],
        Told::ShadowLift => ["in the holdout", "（対照群）"],
        Told::HeldBack => [
            "one offer held back, all others as ever ({confidence}% intervals)",
            "オファー別の対照群との比較（他のオファーは通常どおり、{confidence}%信頼区間）",
        ],
        Told::HeldBackReach => ["held out of it", "対象から除外"],
        told @ (Told::Arms
        | Told::Compared
        | Told::ByRanking
        | Told::ByPropensity
        | Told::AtRandom
        | Told::Less
        | Told::Verdict
        | Told::Better
        | Told::Worse
        | Told::NotShown) => arm_templates(told),
        Told::Percent => ["{value}%", "{value}％"],
        Told::Points => ["{value} points ({lower} to {upper})", "{value}ポイント（{lower}～{upper}）"],
        Told::PointsOnly => ["{value} points", "{value}ポイント"],
        Told::Between => ["{value} ({lower} to {upper})", "{value}（{lower}～{upper}）"],
        Told::FewClusters => ["{value}, too few households for an interval", "{value}（世帯数が少なく区間なし）"],
        Told::EmptyArm => ["nothing to compare with", "比較対象なし"],
        told @ (Told::Expected
        | Told::AllOffers
        | Told::Made
        | Told::TakesExpected
        | Told::AddedExpected
        | Told::Came
        | Told::AsExpected
        | Told::Overstated
        | Told::Understated
        | Told::TooFew) => expectation_templates(told),
        other => description_templates(other),
    }
}

fn arm_templates(told: Told) -> [&'static str; 2] {
    match told {
        Told::Arms => ["by policy arm", "選び方の群別"],
        Told::Compared => ["difference ({confidence}% intervals)", "群間の差（{confidence}%信頼区間）"],
        Told::ByRanking => ["ranking by value", "価値の順位"],
        Told::ByPropensity => ["propensity x margin", "成約確率×粗利"],
        Told::AtRandom => ["any offer by lot", "無作為の抽選"],
        Told::Less => ["{arm} less {against}", "{arm}－{against}"],
        Told::Verdict => ["all comparisons considered", "多重比較を考慮した判定"],
        Told::Better => ["better", "優れている"],
        Told::Worse => ["worse", "劣っている"],
        _ => ["no difference shown", "差は示されていない"],
    }
}

fn expectation_templates(told: Told) -> [&'static str; 2] {
    match told {
        Told::Expected => [
            "what was expected of each hundred offers, and what came ({confidence}% intervals)",
            "見込みと実績（オファー100件当たり、{confidence}%信頼区間）",
        ],
        Told::AllOffers => ["all offers", "全オファー"],
        Told::Made => ["made", "件数"],
        Told::TakesExpected => ["takes expected", "成約の見込み"],
        Told::AddedExpected => ["added, expected", "増分の見込み"],
        Told::Came => ["came", "実績"],
        Told::AsExpected => ["not contradicted", "矛盾なし"],
        Told::Overstated => ["overstated", "見込みが過大"],
        Told::Understated => ["understated", "見込みが過小"],
        _ => ["too few to say", "件数が足りず判定不可"],
    }
}

fn description_templates(told: Told) -> [&'static str; 2] {
    match told {
        Told::Described => [
            "takers beside the others they were assigned with: a description, not an effect, since takers differ in more than the offer",
            "成約者とそれ以外の比較（参考）。両者はオファー以外の点でも異なるため、効果を表すものではありません",
        ],
        Told::Takers => ["takers", "成約者"],
        Told::Others => ["others", "それ以外"],
        Told::Revenue => ["revenue", "売上"],
        Told::Stayed => ["stayed", "継続"],
        Told::Change => ["{before} > {after}", "{before}→{after}"],
        Told::LeftOut => [
            "{not_eligible} whom the offer did not fit, {immature} not known yet, {lost} in no table any more",
            "対象条件を満たさない{not_eligible}件、結果待ち{immature}件、表にない{lost}件",
        ],
        Told::GapTakes => [
            "{count} {count?take:takes} before the window opened {count?counts:count} as none",
            "判定期間の開始前の成約{count}件は、成約なしと数えています",
        ],
        Told::LeftOutLabel => ["left out", "対象外"],
        _ => ["numbers", "集計値"],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::placeholders;

    #[test]
    fn everything_is_said_in_both_languages_with_the_same_placeholders() {
        assert_eq!(Told::ALL.into_iter().collect::<BTreeSet<_>>().len(), Told::ALL.len());
        for told in Told::ALL {
            let [en, ja] = templates(told);
            let names = |template| placeholders(template).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(names(en), names(ja), "{told:?}");
            assert!(en.is_ascii() && !ja.is_ascii(), "{told:?}");
        }
    }
}
