//! Reason codes of offers, and the rules that remove one, in words a sales agent reads.

use std::fmt;

use osusume_model::{Family, FeatureSpec};

use crate::{Language, escape_controls, labels};

/// Which way a feature's value departs from the usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The value is high, or the attribute's level speaks for the offer: `+`.
    High,
    /// The value is low: `-`.
    Low,
    /// There is no value, and that itself speaks for the offer: `?`.
    Absent,
}

/// A reason as it stands in the offer table: `family:feature:+`, `family:feature:-` or `family:feature:?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The family of the feature.
    pub family: Family,
    /// The name of the feature's column.
    pub feature: String,
    /// Which way its value departs from the usual.
    pub direction: Direction,
}

impl Reason {
    /// The reason of this code, or `None` when it is not of that form.
    ///
    /// A feature's name may itself contain colons.
    pub fn parse(code: &str) -> Option<Self> {
        let (family, rest) = code.split_once(':')?;
        let (feature, sign) = rest.rsplit_once(':')?;
        let family = Family::ALL.into_iter().find(|known| known.id() == family)?;
        let direction = match sign {
            "+" => Direction::High,
            "-" => Direction::Low,
            "?" => Direction::Absent,
            _ => return None,
        };
        (!feature.is_empty()).then(|| Self { family, feature: feature.to_owned(), direction })
    }

    /// The sentence from the feature's own entry in the dictionary, e.g. "renewal is near".
    pub fn sentence(&self, spec: &FeatureSpec, language: Language) -> String {
        match self.direction {
            Direction::High => labels::high(spec, language),
            Direction::Low => labels::low(spec, language),
            Direction::Absent => labels::absent(spec, language),
        }
    }

    /// The sentence where the dictionary is not at hand: by family and direction, with the feature's name.
    pub fn family_sentence(&self, language: Language) -> String {
        let [high, low] = family_words(self.family, language);
        let words = match self.direction {
            Direction::High => high,
            Direction::Low => low,
            Direction::Absent => language.pick("not recorded", "記録なし"),
        };
        let feature = escape_controls(&self.feature);
        language.pick(format!("{words} ({feature})"), format!("{words}（{feature}）"))
    }
}

/// The code in the offer table.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.direction {
            Direction::High => '+',
            Direction::Low => '-',
            Direction::Absent => '?',
        };
        write!(f, "{}:{}:{sign}", self.family.id(), self.feature)
    }
}

/// The sentence of a reason code: from the dictionary where it lists the feature, else by family; a code of another form stays as it is.
pub fn sentence(code: &str, dictionary: &[FeatureSpec], language: Language) -> String {
    let Some(reason) = Reason::parse(code) else { return escape_controls(code).into_owned() };
    match dictionary.iter().find(|spec| spec.name == reason.feature) {
        Some(spec) => reason.sentence(spec, language),
        None => reason.family_sentence(language),
    }
}

/// What a high and a low value of a family say.
fn family_words(family: Family, language: Language) -> [&'static str; 2] {
    let (en, ja) = match family {
        Family::Attribute => (["profile fits", "profile fits, low value"], ["属性が合致", "属性が合致（低い値）"]),
        Family::Recency => (["not for a while", "recently"], ["しばらく利用がない", "最近の利用がある"]),
        Family::Frequency => (["frequent", "infrequent"], ["頻度が高い", "頻度が低い"]),
        Family::Money => {
            (["high spend or usage", "low spend or usage"], ["金額・利用量が多い", "金額・利用量が少ない"])
        }
        Family::Trend => (["rising", "falling"], ["増加傾向", "減少傾向"]),
        Family::Surge => (["sharp rise", "no rise"], ["急増", "伸びていない"]),
        Family::Tenure => (["long-standing customer", "recently joined"], ["利用期間が長い", "利用開始から日が浅い"]),
        Family::Renewal => (["renewal is far off", "renewal is near"], ["更新日まで間がある", "更新日が近い"]),
        Family::Quota => (["close to the limit", "far from the limit"], ["上限に近い", "上限まで余裕がある"]),
        Family::Mix => (["large share", "small share"], ["占める割合が高い", "占める割合が低い"]),
        Family::Holding => (["holds much already", "holds little yet"], ["契約中の商品が多い", "契約中の商品が少ない"]),
        Family::Voice => {
            (["voice of the customer: high", "voice of the customer: low"], ["お客様の声: 高い", "お客様の声: 低い"])
        }
        Family::Contact => (["contact history: high", "contact history: low"], ["連絡履歴: 多い", "連絡履歴: 少ない"]),
        Family::Affinity => {
            (["strong affinity", "weak affinity"], ["関連商品との親和性が高い", "関連商品との親和性が低い"])
        }
        Family::Own => (["high value", "low value"], ["値が高い", "値が低い"]),
        Family::Rules => (
            ["goes together with what there is", "goes together with little of what there is"],
            ["手持ちの商品と一緒に選ばれる", "手持ちの商品と一緒に選ばれにくい"],
        ),
    };
    language.pick(en, ja)
}

/// The ids of the rules that remove an offer, with a short label and a sentence in each language.
const RULES: &[(&str, [&str; 2], [&str; 2])] = &[
    (
        "offer_holdout",
        ["held out of the offer", "このオファーの対照群"],
        [
            "the customer is among those this offer is never made to, so that its effect can be measured",
            "このオファーの効果を測るため、このオファーだけは案内しない対照群のお客様です",
        ],
    ),
    (
        "already_held",
        ["already held", "契約済み"],
        ["the customer already holds this product", "すでにこの商品を契約しています"],
    ),
    (
        "higher_tier_held",
        ["higher tier held", "上位を契約済み"],
        [
            "the customer already holds a higher tier of the same family",
            "同じファミリーの上位の商品をすでに契約しています",
        ],
    ),
    (
        "ladder_step",
        ["not the next step", "次の段階ではない"],
        [
            "the product is not the next step above what the customer holds",
            "現在の契約の次の段階に当たる商品ではありません",
        ],
    ),
    (
        "prerequisite",
        ["prerequisite missing", "前提条件が未充足"],
        ["the customer does not hold what this product requires", "この商品の前提となる商品を契約していません"],
    ),
    (
        "excluded",
        ["excluded by a holding", "併用不可"],
        ["the customer holds a product that rules this one out", "併用できない商品を契約しています"],
    ),
    (
        "no_consent",
        ["no consent", "同意なし"],
        [
            "the customer has not consented to be contacted for this purpose",
            "この目的での連絡について、お客様の同意がありません",
        ],
    ),
    (
        "suppressed",
        ["suppressed", "配信停止"],
        ["the customer is on the suppression list", "配信停止リストに登録されているお客様です"],
    ),
    (
        "not_valid",
        ["offer not valid", "提供期間外"],
        ["the offer is not valid on this date", "このオファーの提供期間外です"],
    ),
    (
        "recent_purchase",
        ["recent purchase", "購入直後"],
        ["the customer took this family too recently", "同じファミリーの商品を購入したばかりです"],
    ),
    (
        "contact_limit",
        ["contact limit reached", "案内回数の上限"],
        ["the customer has been contacted as often as allowed", "お客様への案内回数が上限に達しています"],
    ),
    (
        "channel_limit",
        ["channel limit reached", "チャネルの上限"],
        [
            "every channel the customer allows has been used as often as it may be",
            "お客様が許可しているすべてのチャネルで、案内回数が上限に達しています",
        ],
    ),
    (
        "too_soon",
        ["too soon after a contact", "案内の間隔"],
        ["the customer was contacted too recently", "前回の案内から十分な日数が空いていません"],
    ),
    (
        "hold_after_complaint",
        ["hold after complaint", "苦情後の案内停止"],
        ["the customer complained recently; offers wait", "最近苦情をいただいたため、案内を控えています"],
    ),
    (
        "hold_after_purchase",
        ["hold after purchase", "購入後の案内停止"],
        ["the customer bought recently; offers wait", "最近購入いただいたため、案内を控えています"],
    ),
    (
        "hold_after_ignored",
        ["hold after ignored contacts", "無反応後の案内停止"],
        [
            "the customer answered none of the last contacts; offers wait",
            "直近の案内に続けて反応がなかったため、案内を控えています",
        ],
    ),
    (
        "step_wait",
        ["next step not due", "次の段階を待機中"],
        [
            "the offer is made in steps, and the next one is not due yet",
            "段階を踏んでご案内するオファーで、次の段階の時期がまだ来ていません",
        ],
    ),
    (
        "step_channel",
        ["channel of the step", "段階のチャネル"],
        [
            "the step that is due goes through a channel that is not open to the customer",
            "次の段階で使うチャネルでは、このお客様にご連絡できません",
        ],
    ),
    (
        "approach_stopped",
        ["approach stopped", "段階案内の中止"],
        [
            "the approach was stopped before its last step: by a complaint, a take, contacts that were ignored, or as the pipeline file says",
            "苦情、成約、無反応、またはパイプラインファイルの条件により、段階を踏んだ案内を途中で中止しました",
        ],
    ),
    (
        "approach_done",
        ["approach finished", "段階案内の完了"],
        ["all steps of the approach were made", "すべての段階のご案内が終わっています"],
    ),
    (
        "no_trigger",
        ["no trigger", "きっかけなし"],
        [
            "nothing has happened that makes this the time for the offer",
            "このオファーを案内するきっかけが、まだありません",
        ],
    ),
    (
        "lane",
        ["another lane", "レーンの対象外"],
        [
            "the customer is in a lane in which this offer is not made",
            "お客様の属するレーンでは、このオファーを案内しません",
        ],
    ),
    (
        "rule",
        ["declared rule", "独自のルール"],
        ["a rule of the pipeline file removes it", "パイプラインファイルのルールにより対象外です"],
    ),
    (
        "unit_asked",
        ["another member is asked", "同一世帯・口座の別の方に案内"],
        [
            "it is sold to a household or an account together, and another member is asked about it",
            "世帯またはアカウント単位の商品のため、同じ単位の別のお客様にご案内しています",
        ],
    ),
    (
        "household_limit",
        ["household limit", "世帯あたりの上限"],
        ["others of the household are asked in this run", "同じ世帯のほかのお客様にご案内しています"],
    ),
    (
        "no_capacity",
        ["no place left", "枠の不足"],
        [
            "the places there are went to customers for whom they are worth more",
            "限られた枠は、より価値の高いほかのお客様に割り当てられました",
        ],
    ),
    (
        "wear_out",
        ["too many at once", "案内の重なり"],
        [
            "one contact more would take more from the customer's other offers than it adds",
            "案内を重ねると、ほかのオファーの効果を弱める分が上回ります",
        ],
    ),
    (
        "not_drawn",
        ["another was drawn", "抽選による変更"],
        [
            "the customer explores: one of the best offers, or none, was drawn by lot, and it was not this one",
            "このお客様は探索対象です。上位のオファーまたは提案なしから抽選し、別の結果になりました",
        ],
    ),
    (
        "other_arm",
        ["another policy chose", "別の方針による選択"],
        [
            "the customer is in an arm whose offers are chosen otherwise, to measure the ranking by; this one was not chosen",
            "方針比較のため、このお客様のオファーは別の方法で選ばれており、このオファーは選ばれませんでした",
        ],
    ),
    (
        "harmful",
        ["contact does harm", "案内が逆効果"],
        [
            "of customers drawn at random, those contacted took it less often than those left alone",
            "無作為割付では、案内したお客様の方が成約が少なかったオファーです",
        ],
    ),
    (
        "not_scored",
        ["not scored", "スコアなし"],
        [
            "there is no calibrated probability for this customer and offer",
            "このお客様とオファーについて、較正済みの確率がありません",
        ],
    ),
    (
        "below_threshold",
        ["below threshold", "基準値未満"],
        ["the expected value is below what an offer must earn", "期待価値が、案内に必要な基準を下回っています"],
    ),
    (
        "outranked",
        ["outranked", "他のオファーを優先"],
        ["other offers are worth more to this customer", "このお客様には、より価値の高いオファーがあります"],
    ),
    (
        "holdout",
        ["holdout", "比較対照群"],
        [
            "the customer belongs to the group that gets no offers, for comparison",
            "効果を測るため、案内を行わない比較対照群のお客様です",
        ],
    ),
];

/// The ids of the rules that remove an offer.
pub fn rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|(id, _, _)| *id)
}

/// A short label of a removal rule, for tables; `None` for an unknown id.
pub fn rule_label(id: &str, language: Language) -> Option<&'static str> {
    RULES.iter().find(|(known, _, _)| *known == id).map(|(_, [en, ja], _)| language.pick(*en, *ja))
}

/// What a table calls a removal rule: its label, and of a rule that the pipeline file declares the name it has there.
pub fn rule_name(id: &str, language: Language) -> &str {
    rule_label(id, language).unwrap_or_else(|| id.strip_prefix("rule:").unwrap_or(id))
}

/// The sentence of a removal rule; `None` for an unknown id.
pub fn rule_sentence(id: &str, language: Language) -> Option<&'static str> {
    RULES.iter().find(|(known, _, _)| *known == id).map(|(_, _, [en, ja])| language.pick(*en, *ja))
}

/// Why a customer has no offer, by the cause's id: each in English and Japanese.
const WITHOUT: [(&str, [&str; 2]); 8] = [
    ("below_threshold", ["no offer is worth the contact", "見合うオファーなし"]),
    ("rules", ["the rules leave none", "条件を満たすオファーなし"]),
    ("lane", ["in a lane that leaves none", "レーンで案内するオファーなし"]),
    ("no_capacity", ["the places went to others", "枠がほかの顧客で埋まった"]),
    ("household_limit", ["others of the household are asked", "同じ世帯のほかの人に案内"]),
    ("not_drawn", ["explore and drew none by lot", "探索の抽選で「なし」に決定"]),
    ("other_arm", ["in an arm of another policy that gives none", "別の方針の群でオファーなし"]),
    ("no_consent", ["no channel may reach them", "同意のあるチャネルなし"]),
];

/// Why customers have no offer, in words; `None` for an unknown cause.
pub fn without_label(cause: &str, language: Language) -> Option<&'static str> {
    WITHOUT.iter().find(|(known, _)| *known == cause).map(|(_, [en, ja])| language.pick(*en, *ja))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip() {
        for family in Family::ALL {
            for direction in [Direction::High, Direction::Low, Direction::Absent] {
                let reason = Reason { family, feature: "usage:night_share_30d".to_owned(), direction };
                assert_eq!(Reason::parse(&reason.to_string()), Some(reason));
            }
        }
    }

    #[test]
    fn what_is_no_reason_code() {
        for code in ["", "renewal", "renewal:+", "renewal::+", "renewal:x:*", "weather:x:+", "renewal:x:"] {
            assert_eq!(Reason::parse(code), None, "{code}");
        }
    }

    #[test]
    fn sentences_by_family() {
        let code = "renewal:days_to_renewal:-";
        assert_eq!(sentence(code, &[], Language::En), "renewal is near (days_to_renewal)");
        assert_eq!(sentence(code, &[], Language::Ja), "更新日が近い（days_to_renewal）");
        assert_eq!(sentence("prior\u{1b}", &[], Language::En), "prior\\u{1b}");
    }

    /// The rules' own source: the ids that stand in files.
    const RULE_TABLE: &str = include_str!("../../decide/src/rule.rs");

    #[test]
    fn every_rule_of_decide_is_spoken_of() {
        let ids: Vec<&str> = RULE_TABLE
            .lines()
            .filter(|line| line.trim_start().starts_with("Self::"))
            .filter_map(|line| line.split_once("=> \"")?.1.split('"').next())
            .collect();
        assert!(ids.len() >= 13, "{ids:?}");
        for id in ids {
            assert!(rule_sentence(id, Language::En).is_some(), "{id}");
        }
    }

    #[test]
    fn every_rule_has_both_languages() {
        assert_eq!(rules().count(), 34);
        for id in rules() {
            for text in [rule_label(id, Language::Ja), rule_sentence(id, Language::Ja)] {
                assert!(text.is_some_and(|text| !text.is_ascii()), "{id}");
            }
            assert!(rule_sentence(id, Language::En).is_some_and(str::is_ascii), "{id}");
        }
        assert_eq!(rule_label("Weather", Language::En), None);
    }
}
