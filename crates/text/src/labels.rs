//! Features in words: the label of a feature from its [`FeatureSpec`], and the names of families, units and null meanings.

use osusume_model::{Arg, Family, FeatureSpec, NullMeaning, Unit, Window};

use crate::Language;
use crate::template::fill;

/// The words for one `text_key`: what the feature is, and what a high and a low value say about a customer.
///
/// Placeholders: `{subject}`, `{about}` (the subject where it is not just the source) and `{window}`; a part that needs an absent
/// one is left out.
struct Words {
    key: &'static str,
    label: [&'static str; 2],
    high: [&'static str; 2],
    low: [&'static str; 2],
}

/// Every key a [`FeatureSpec`] may carry.
pub fn keys() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|words| words.key)
}

/// The label of a feature, e.g. "`traffic_gb` over the last 30 days" or 「直近30日間の `traffic_gb` の合計」.
///
/// A key this crate does not know falls back to the column's name, so that a report never lacks a row.
pub fn label(spec: &FeatureSpec, language: Language) -> String {
    words(spec).map_or_else(|| spec.name.clone(), |words| filled(words.label, spec, language))
}

/// What a high value says about a customer, e.g. "high `traffic_gb` over the last 30 days".
pub fn high(spec: &FeatureSpec, language: Language) -> String {
    let unknown = || language.pick(format!("{} is high", spec.name), format!("{}が高い", spec.name));
    words(spec).map_or_else(unknown, |words| filled(words.high, spec, language))
}

/// What a low value says about a customer, e.g. "renewal is near".
pub fn low(spec: &FeatureSpec, language: Language) -> String {
    let unknown = || language.pick(format!("{} is low", spec.name), format!("{}が低い", spec.name));
    words(spec).map_or_else(unknown, |words| filled(words.low, spec, language))
}

fn words(spec: &FeatureSpec) -> Option<&'static Words> {
    WORDS.iter().find(|words| words.key == spec.text_key)
}

fn filled(pair: [&'static str; 2], spec: &FeatureSpec, language: Language) -> String {
    let lookup = |name: &str| match name {
        "subject" if !spec.subject.is_empty() => Some(Arg::from(spec.subject.as_str())),
        // The source's own name adds nothing to "renewal is near".
        "about" if !spec.subject.is_empty() && spec.subject != spec.source => Some(Arg::from(spec.subject.as_str())),
        "window" => spec.window.map(|window| Arg::from(window_phrase(window, language))),
        _ => None,
    };
    let text = fill(language.pick(pair[0], pair[1]), &lookup, language);
    language.pick(text.clone(), tight(&text))
}

/// Templates set names of tables off by blanks; between Japanese characters there are none.
pub(crate) fn tight(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let is_wide = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_none_or(|c| !c.is_ascii());
    let is_kept = |&(at, c): &(usize, &char)| *c != ' ' || !is_wide(at.checked_sub(1)) || !is_wide(Some(at + 1));
    chars.iter().enumerate().filter(is_kept).map(|(_, c)| *c).collect()
}

/// What the absence of a value says about a customer, e.g. "none so far: days since the last complaint".
pub fn absent(spec: &FeatureSpec, language: Language) -> String {
    let label = label(spec, language);
    match (spec.null, language) {
        (NullMeaning::NotYet, Language::En) => format!("none so far: {label}"),
        (NullMeaning::NotYet, Language::Ja) => format!("まだ発生していない（{label}）"),
        (NullMeaning::NotApplicable, Language::En) => format!("does not apply: {label}"),
        (NullMeaning::NotApplicable, Language::Ja) => format!("該当なし（{label}）"),
        (NullMeaning::Never | NullMeaning::Unknown, Language::En) => format!("not recorded: {label}"),
        (NullMeaning::Never | NullMeaning::Unknown, Language::Ja) => format!("記録なし（{label}）"),
    }
}

/// A window in words, e.g. "the last 30 days" or "days 60 to 31 before"; 「直近30日間」 or 「60日前から31日前まで」.
pub fn window_phrase(window: Window, language: Language) -> String {
    let (start_days, end_days) = match window {
        Window::Days { start_days, end_days } => (start_days, end_days),
        Window::MonthToDate => return language.pick("the month to date", "当月初から基準日まで").to_owned(),
        Window::PreviousMonth => return language.pick("the month before", "前月").to_owned(),
        Window::SameMonthLastYear => return language.pick("the same month a year ago", "前年同月").to_owned(),
        Window::SeasonLastYear => return language.pick("the same season a year ago", "前年の同時期").to_owned(),
    };
    match (language, end_days) {
        (Language::En, 0) if start_days == 1 => "the last day".to_owned(),
        (Language::En, 0) => format!("the last {start_days} days"),
        // Half-open: the day `end_days` before the date itself no longer belongs to it.
        (Language::En, _) => format!("days {start_days} to {} before", end_days + 1),
        (Language::Ja, 0) => format!("直近{start_days}日間"),
        (Language::Ja, _) => format!("{start_days}日前から{}日前まで", end_days + 1),
    }
}

/// The name of a feature family in headings.
pub fn family(family: Family, language: Language) -> &'static str {
    let (en, ja) = match family {
        Family::Attribute => ("Profile", "属性"),
        Family::Recency => ("Recency", "直近性"),
        Family::Frequency => ("Frequency", "頻度"),
        Family::Money => ("Spend and usage", "金額・利用量"),
        Family::Trend => ("Trend", "増減傾向"),
        Family::Surge => ("Surge", "急増"),
        Family::Tenure => ("Tenure", "利用期間"),
        Family::Renewal => ("Renewal", "契約更新"),
        Family::Quota => ("Quota", "上限への到達度"),
        Family::Mix => ("Mix", "利用内容の構成"),
        Family::Holding => ("Holdings", "契約中の商品"),
        Family::Voice => ("Voice of the customer", "お客様の声"),
        Family::Contact => ("Contact history", "連絡履歴"),
        Family::Affinity => ("Affinity", "関連商品との親和性"),
        Family::Rules => ("What goes together", "併売の傾向"),
        Family::Own => ("Own expressions", "独自の指標"),
    };
    language.pick(en, ja)
}

/// What a feature counts.
pub fn unit(unit: Unit, language: Language) -> &'static str {
    let (en, ja) = match unit {
        Unit::Count => ("count", "件数"),
        Unit::Days => ("days", "日数"),
        Unit::Minor => ("amount in minor currency units", "金額（通貨の最小単位）"),
        Unit::Share => ("share from 0 to 1", "割合（0～1）"),
        Unit::Ratio => ("ratio", "比率"),
        Unit::Flag => ("0 or 1", "0または1"),
        Unit::Native => ("unit of the source", "元データの単位"),
        Unit::Level => ("category", "区分"),
    };
    language.pick(en, ja)
}

/// What an absent value of a feature means.
pub fn null_meaning(null: NullMeaning, language: Language) -> &'static str {
    let (en, ja) = match null {
        NullMeaning::Never => ("always present", "常に値がある"),
        NullMeaning::Unknown => ("not known at the as-of date", "基準日の時点で不明"),
        NullMeaning::NotYet => ("has not happened yet", "まだ発生していない"),
        NullMeaning::NotApplicable => ("does not apply to this customer", "この顧客には該当しない"),
    };
    language.pick(en, ja)
}

/// A template reads `[English, Japanese]`.
const WORDS: &[Words] = &[
    Words {
        key: "attribute",
        label: ["{subject}", "{subject}"],
        high: ["profile fits: {subject}", "属性が合致（{subject}）"],
        low: ["low {subject}", "{subject} が低い"],
    },
    Words {
        key: "recency",
        label: ["days since the last {subject}", "直近の {subject} からの経過日数"],
        high: ["long since the last {subject}", "{subject} がしばらくない"],
        low: ["recent {subject}", "最近 {subject} があった"],
    },
    Words {
        key: "count_window",
        label: ["number of {subject}<< in {window}>>", "<<{window}の >>{subject} の回数"],
        high: ["frequent {subject}<< in {window}>>", "<<{window}の >>{subject} が多い"],
        low: ["few {subject}<< in {window}>>", "<<{window}の >>{subject} が少ない"],
    },
    Words {
        key: "sum_window",
        label: ["{subject}<< over {window}>>", "<<{window}の >>{subject} の合計"],
        high: ["high {subject}<< over {window}>>", "<<{window}の >>{subject} の合計が大きい"],
        low: ["low {subject}<< over {window}>>", "<<{window}の >>{subject} の合計が小さい"],
    },
    Words {
        key: "mean_window",
        label: ["average {subject}<< over {window}>>", "<<{window}の >>{subject} の平均"],
        high: ["high average {subject}<< over {window}>>", "<<{window}の >>{subject} の平均が高い"],
        low: ["low average {subject}<< over {window}>>", "<<{window}の >>{subject} の平均が低い"],
    },
    Words {
        key: "max_window",
        label: ["highest {subject}<< in {window}>>", "<<{window}の >>{subject} の最大値"],
        high: ["high peak of {subject}<< in {window}>>", "<<{window}の >>{subject} の最大値が高い"],
        low: ["low peak of {subject}<< in {window}>>", "<<{window}の >>{subject} の最大値が低い"],
    },
    Words {
        key: "min_window",
        label: ["lowest {subject}<< in {window}>>", "<<{window}の >>{subject} の最小値"],
        high: ["steadily high {subject}<< in {window}>>", "<<{window}の >>{subject} が高い水準を維持"],
        low: ["low point of {subject}<< in {window}>>", "<<{window}に >>{subject} が低下した時期がある"],
    },
    Words {
        key: "std_dev_window",
        label: ["variation of {subject}<< over {window}>>", "<<{window}の >>{subject} のばらつき（標準偏差）"],
        high: ["varying {subject}<< over {window}>>", "<<{window}の >>{subject} のばらつきが大きい"],
        low: ["steady {subject}<< over {window}>>", "<<{window}の >>{subject} のばらつきが小さい"],
    },
    Words {
        key: "last_value",
        label: ["latest {subject}<< in {window}>>", "<<{window}の >>{subject} の最新値"],
        high: ["latest {subject} is high", "{subject} の最新値が高い"],
        low: ["latest {subject} is low", "{subject} の最新値が低い"],
    },
    Words {
        key: "first_value",
        label: ["first {subject}<< in {window}>>", "<<{window}の >>{subject} の最初の値"],
        high: ["first {subject} was high<< in {window}>>", "<<{window}の >>{subject} の最初の値が高い"],
        low: ["first {subject} was low<< in {window}>>", "<<{window}の >>{subject} の最初の値が低い"],
    },
    Words {
        key: "quantile_window",
        label: ["quantile of {subject}<< over {window}>>", "<<{window}の >>{subject} の分位点"],
        high: ["usually high {subject}<< over {window}>>", "<<{window}の >>{subject} がおおむね高い"],
        low: ["usually low {subject}<< over {window}>>", "<<{window}の >>{subject} がおおむね低い"],
    },
    Words {
        key: "decayed_count",
        label: [
            "number of {subject}<< in {window}>>, the recent ones weighing most",
            "<<{window}の >>{subject} の回数（最近ほど重く数える）",
        ],
        high: ["frequent {subject} of late", "最近 {subject} が多い"],
        low: ["few {subject} of late", "最近 {subject} が少ない"],
    },
    Words {
        key: "decayed_sum",
        label: [
            "{subject}<< over {window}>>, the recent ones weighing most",
            "<<{window}の >>{subject} の合計（最近ほど重く数える）",
        ],
        high: ["high {subject} of late", "最近 {subject} の合計が大きい"],
        low: ["low {subject} of late", "最近 {subject} の合計が小さい"],
    },
    Words {
        key: "streak_day",
        label: ["days in a row with {subject}, up to now", "{subject} が続いている日数"],
        high: ["{subject} day after day", "{subject} が毎日続いている"],
        low: ["{subject} not day after day", "{subject} が毎日は続いていない"],
    },
    Words {
        key: "streak_week",
        label: ["weeks in a row with {subject}, up to now", "{subject} が続いている週数"],
        high: ["{subject} week after week", "{subject} が毎週続いている"],
        low: ["{subject} not week after week", "{subject} が毎週は続いていない"],
    },
    Words {
        key: "streak_month",
        label: ["months in a row with {subject}, up to now", "{subject} が続いている月数"],
        high: ["{subject} month after month", "{subject} が毎月続いている"],
        low: ["{subject} not month after month", "{subject} が毎月は続いていない"],
    },
    Words {
        key: "longest_streak_day",
        label: ["most days in a row with {subject}<< in {window}>>", "<<{window}に >>{subject} が続いた最長の日数"],
        high: ["{subject} on many days in a row<< in {window}>>", "<<{window}に >>{subject} が何日も続いた"],
        low: ["{subject} on few days in a row<< in {window}>>", "<<{window}に >>{subject} が何日も続いたことがない"],
    },
    Words {
        key: "longest_streak_week",
        label: ["most weeks in a row with {subject}<< in {window}>>", "<<{window}に >>{subject} が続いた最長の週数"],
        high: ["{subject} in many weeks in a row<< in {window}>>", "<<{window}に >>{subject} が何週も続いた"],
        low: ["{subject} in few weeks in a row<< in {window}>>", "<<{window}に >>{subject} が何週も続いたことがない"],
    },
    Words {
        key: "longest_streak_month",
        label: ["most months in a row with {subject}<< in {window}>>", "<<{window}に >>{subject} が続いた最長の月数"],
        high: ["{subject} in many months in a row<< in {window}>>", "<<{window}に >>{subject} が何か月も続いた"],
        low: [
            "{subject} in few months in a row<< in {window}>>",
            "<<{window}に >>{subject} が何か月も続いたことがない",
        ],
    },
    Words {
        key: "first",
        label: ["days since the first {subject}<< in {window}>>", "<<{window}の >>最初の {subject} からの経過日数"],
        high: ["first {subject}<< in {window}>> was long ago", "<<{window}の >>最初の {subject} から日が経っている"],
        low: ["first {subject}<< in {window}>> was recent", "<<{window}の >>最初の {subject} から日が浅い"],
    },
    Words {
        key: "distinct_window",
        label: ["number of different {subject}<< in {window}>>", "<<{window}の >>{subject} の種類数"],
        high: ["many different {subject}<< in {window}>>", "<<{window}の >>{subject} の種類が多い"],
        low: ["few different {subject}<< in {window}>>", "<<{window}の >>{subject} の種類が少ない"],
    },
    Words {
        key: "trend",
        label: ["trend of {subject}<< over {window}>>", "<<{window}の >>{subject} の増減傾向"],
        high: ["rising {subject}<< over {window}>>", "<<{window}の >>{subject} が増加傾向"],
        low: ["falling {subject}<< over {window}>>", "<<{window}の >>{subject} が減少傾向"],
    },
    Words {
        key: "surge",
        label: ["{subject}<< over {window}>> against the period before", "<<{window}の >>{subject} の前期間比"],
        high: ["sharp rise in {subject}<< over {window}>>", "<<{window}の >>{subject} が急増"],
        low: ["no rise in {subject}<< over {window}>>", "<<{window}の >>{subject} が伸びていない"],
    },
    Words {
        key: "share_window",
        label: ["share of {subject}<< over {window}>>", "<<{window}に占める >>{subject} の割合"],
        high: ["high share of {subject}<< over {window}>>", "<<{window}に占める >>{subject} の割合が高い"],
        low: ["low share of {subject}<< over {window}>>", "<<{window}に占める >>{subject} の割合が低い"],
    },
    Words {
        key: "night_share",
        label: ["share of {subject} at night<< over {window}>>", "<<{window}の >>{subject} の夜間の割合"],
        high: ["mostly at night: {subject}<< over {window}>>", "<<{window}の >>{subject} の夜間の割合が高い"],
        low: ["seldom at night: {subject}<< over {window}>>", "<<{window}の >>{subject} の夜間の割合が低い"],
    },
    Words {
        key: "weekend_share",
        label: ["share of {subject} at weekends<< over {window}>>", "<<{window}の >>{subject} の週末の割合"],
        high: ["mostly at weekends: {subject}<< over {window}>>", "<<{window}の >>{subject} の週末の割合が高い"],
        low: ["seldom at weekends: {subject}<< over {window}>>", "<<{window}の >>{subject} の週末の割合が低い"],
    },
    Words {
        key: "quota_used",
        label: ["share of the limit of {subject} used so far", "{subject} の上限に対する使用割合"],
        high: ["close to the limit of {subject}", "{subject} が上限に近い"],
        low: ["far from the limit of {subject}", "{subject} は上限まで余裕がある"],
    },
    Words {
        key: "quota_used_before",
        label: [
            "share of the limit of {subject} used in the period before",
            "前の期間の {subject} の上限に対する使用割合",
        ],
        high: ["much of the limit of {subject} used in the period before", "前の期間は {subject} が上限に近かった"],
        low: [
            "little of the limit of {subject} used in the period before",
            "前の期間は {subject} の上限まで余裕があった",
        ],
    },
    Words {
        key: "quota_hits",
        label: [
            "times the limit of {subject} was reached<< in {window}>>",
            "<<{window}に >>{subject} の上限に達した回数",
        ],
        high: ["often at the limit of {subject}<< in {window}>>", "<<{window}に >>{subject} の上限に何度も達した"],
        low: [
            "seldom at the limit of {subject}<< in {window}>>",
            "<<{window}に >>{subject} の上限に達することが少ない",
        ],
    },
    Words {
        key: "quota_hit_recency",
        label: ["days since the limit of {subject} was last reached", "{subject} の上限に最後に達してからの経過日数"],
        high: ["the limit of {subject} has not been reached for a while", "しばらく {subject} の上限に達していない"],
        low: ["the limit of {subject} was reached recently", "最近 {subject} の上限に達した"],
    },
    Words {
        key: "household_members",
        label: ["other members of the household", "世帯のほかの人数"],
        high: ["many others in the household", "世帯の人数が多い"],
        low: ["few others in the household", "世帯の人数が少ない"],
    },
    Words {
        key: "household_holders",
        label: ["others in the household with {subject}", "世帯で {subject} を利用中のほかの人数"],
        high: ["others in the household have {subject}", "世帯のほかの人が {subject} を利用している"],
        low: ["nobody else in the household has {subject}", "世帯のほかの人は {subject} を利用していない"],
    },
    Words {
        key: "household_take_of",
        label: [
            "days since another in the household last took {subject}",
            "世帯のほかの人が最後に {subject} を始めてからの日数",
        ],
        high: ["nobody else in the household took {subject} lately", "世帯のほかの人は最近 {subject} を始めていない"],
        low: ["another in the household took {subject} lately", "世帯のほかの人が最近 {subject} を始めた"],
    },
    Words {
        key: "household_take",
        label: [
            "days since another in the household last took something",
            "世帯のほかの人が最後に購入・契約してからの日数",
        ],
        high: ["nobody else in the household took anything lately", "世帯のほかの人は最近購入・契約していない"],
        low: ["another in the household took something lately", "世帯のほかの人が最近購入・契約した"],
    },
    Words {
        key: "household_spend",
        label: ["what others in the household spent<< in {window}>>", "世帯のほかの人の<<{window}の>>購入額"],
        high: ["others in the household spent much<< in {window}>>", "世帯のほかの人の<<{window}の>>購入額が多い"],
        low: ["others in the household spent little<< in {window}>>", "世帯のほかの人の<<{window}の>>購入額が少ない"],
    },
    Words {
        key: "household_complaints",
        label: ["complaints by others in the household<< in {window}>>", "世帯のほかの人の<<{window}の>>苦情の件数"],
        high: ["others in the household complained<< in {window}>>", "世帯のほかの人が<<{window}に>>苦情を寄せた"],
        low: [
            "nobody else in the household complained<< in {window}>>",
            "世帯のほかの人は<<{window}に>>苦情を寄せていない",
        ],
    },
    Words {
        key: "household_voice",
        label: [
            "what others in the household had to say<< in {window}>>",
            "世帯のほかの人の<<{window}の>>問い合わせ件数",
        ],
        high: [
            "others in the household had something to say<< in {window}>>",
            "世帯のほかの人から<<{window}に>>問い合わせがあった",
        ],
        low: [
            "others in the household had nothing to say<< in {window}>>",
            "世帯のほかの人から<<{window}に>>問い合わせがない",
        ],
    },
    Words {
        key: "breadth",
        label: [
            "share of what there is that was used<< ({about})>><< in {window}>>",
            "<<{window}に>>利用した種類の割合<<（{about}）>>",
        ],
        high: [
            "uses much of what there is<< ({about})>><< in {window}>>",
            "<<{window}の>>利用の幅が広い<<（{about}）>>",
        ],
        low: [
            "uses little of what there is<< ({about})>><< in {window}>>",
            "<<{window}の>>利用の幅が狭い<<（{about}）>>",
        ],
    },
    Words {
        key: "depth",
        label: [
            "third of all users by depth of use, 0 to 1<< ({about})>><< in {window}>>",
            "<<{window}の>>利用の深さ（利用者を3等分した順位、0～1）<<（{about}）>>",
        ],
        high: [
            "uses more than others<< ({about})>><< in {window}>>",
            "<<{window}の>>利用の度合いが高い<<（{about}）>>",
        ],
        low: ["uses less than others<< ({about})>><< in {window}>>", "<<{window}の>>利用の度合いが低い<<（{about}）>>"],
    },
    Words {
        key: "stage",
        label: ["stage of use<< ({about})>><< in {window}>>", "<<{window}の>>利用段階<<（{about}）>>"],
        high: ["the stage of use fits<< ({about})>><< in {window}>>", "<<{window}の>>利用段階が合致<<（{about}）>>"],
        low: [
            "the stage of use does not fit<< ({about})>><< in {window}>>",
            "<<{window}の>>利用段階が合致しない<<（{about}）>>",
        ],
    },
    Words {
        key: "mean_gap",
        label: ["average days between {subject}<< in {window}>>", "<<{window}の >>{subject} の平均間隔（日数）"],
        high: ["long intervals between {subject}<< in {window}>>", "<<{window}の >>{subject} の間隔が長い"],
        low: ["short intervals between {subject}<< in {window}>>", "<<{window}の >>{subject} の間隔が短い"],
    },
    Words {
        key: "tenure",
        label: ["days as a customer", "利用開始からの日数"],
        high: ["long-standing customer", "利用期間が長い"],
        low: ["recently joined", "利用開始から日が浅い"],
    },
    Words {
        key: "tenure_family",
        label: ["days with a product of the {subject} family", "{subject} の契約期間（日数）"],
        high: ["long with the same kind of {subject} product", "{subject} の契約期間が長い"],
        low: ["new to {subject} products", "{subject} の契約から日が浅い"],
    },
    Words {
        key: "days_to_renewal",
        label: ["days to renewal<< ({about})>>", "<<{about} の>>更新日までの日数"],
        high: ["renewal is far off<< ({about})>>", "<<{about} の>>更新日まで間がある"],
        low: ["renewal is near<< ({about})>>", "<<{about} の>>更新日が近い"],
    },
    Words {
        key: "price",
        label: ["monthly fee<< of {about}>>", "<<{about} の>>月額料金"],
        high: ["high monthly fee<< of {about}>>", "<<{about} の>>月額料金が高い"],
        low: ["low monthly fee<< of {about}>>", "<<{about} の>>月額料金が低い"],
    },
    Words {
        key: "held",
        label: ["holds {subject}", "{subject} の契約の有無"],
        high: ["already holds {subject}", "{subject} を契約中"],
        low: ["does not hold {subject}", "{subject} を契約していない"],
    },
    Words {
        key: "tier",
        label: ["tier held<< in {about}>>", "<<{about} の>>契約中の段階"],
        high: ["holds a high tier<< of {about}>>", "<<{about} で>>上位の段階を契約中"],
        low: ["holds no or a low tier<< of {about}>>", "<<{about} を>>契約していない、または下位の段階"],
    },
    Words {
        key: "units",
        label: ["units held<< in {about}>>", "<<{about} の>>契約数量"],
        high: ["holds many units<< of {about}>>", "<<{about} の>>契約数量が多い"],
        low: ["holds no or few units<< of {about}>>", "<<{about} の>>契約数量がない、または少ない"],
    },
    Words {
        key: "held_count",
        label: ["number of products held<< ({about})>>", "契約中の商品数<<（{about}）>>"],
        high: ["holds many products<< ({about})>>", "契約中の商品が多い<<（{about}）>>"],
        low: ["holds few products<< ({about})>>", "契約中の商品が少ない<<（{about}）>>"],
    },
    Words {
        key: "tickets_count",
        label: [
            "number of inquiries<< about {about}>><< in {window}>>",
            "<<{window}の>><<{about} に関する>>問い合わせ件数",
        ],
        high: [
            "many inquiries<< about {about}>><< in {window}>>",
            "<<{window}の>><<{about} に関する>>問い合わせが多い",
        ],
        low: [
            "few inquiries<< about {about}>><< in {window}>>",
            "<<{window}の>><<{about} に関する>>問い合わせが少ない",
        ],
    },
    Words {
        key: "satisfaction_last",
        label: ["latest satisfaction score", "直近の満足度"],
        high: ["satisfied when last asked", "直近の満足度が高い"],
        low: ["dissatisfied when last asked", "直近の満足度が低い"],
    },
    Words {
        key: "satisfaction_mean",
        label: ["average satisfaction score<< over {window}>>", "<<{window}の>>満足度の平均"],
        high: ["high satisfaction<< over {window}>>", "<<{window}の>>満足度が高い"],
        low: ["low satisfaction<< over {window}>>", "<<{window}の>>満足度が低い"],
    },
    Words {
        key: "complaint_recency",
        label: ["days since the last inquiry", "直近の問い合わせからの経過日数"],
        high: ["no recent inquiry", "最近の問い合わせがない"],
        low: ["recent inquiry", "最近問い合わせがあった"],
    },
    Words {
        key: "written_complaint_recency",
        label: ["days since the last complaint in writing", "最後に苦情を書いてからの経過日数"],
        high: ["no complaint in writing for a while", "しばらく苦情を書いていない"],
        low: ["complained in writing recently", "最近、苦情を書いた"],
    },
    Words {
        key: "complaints_count",
        label: ["number of complaints in writing<< in {window}>>", "<<{window}に>>苦情を書いた件数"],
        high: ["complained in writing<< in {window}>>", "<<{window}に>>苦情を書いた"],
        low: ["no or few complaints in writing<< in {window}>>", "<<{window}に>>苦情をほとんど書いていない"],
    },
    Words {
        key: "praises_count",
        label: ["number of kind words in writing<< in {window}>>", "<<{window}に>>お礼やお褒めを書いた件数"],
        high: ["wrote kind words<< in {window}>>", "<<{window}に>>お礼やお褒めを書いた"],
        low: ["wrote no or few kind words<< in {window}>>", "<<{window}に>>お礼やお褒めをほとんど書いていない"],
    },
    Words {
        key: "tone_mean",
        label: ["average tone of what was written<< in {window}>>", "<<{window}に>>書かれた内容の好意度の平均"],
        high: ["writes in a friendly tone<<, in {window}>>", "<<{window}に>>書かれた内容が好意的"],
        low: ["writes in an annoyed tone<<, in {window}>>", "<<{window}に>>書かれた内容に不満が多い"],
    },
    Words {
        key: "tone_change",
        label: [
            "change of tone from the window before<< to {window}>>",
            "<<{window}と>>その前の同じ期間との、書かれた内容の好意度の差",
        ],
        high: ["the tone has become friendlier<< in {window}>>", "<<{window}に>>書かれた内容が以前より好意的"],
        low: ["the tone has become more annoyed<< in {window}>>", "<<{window}に>>書かれた内容に以前より不満が多い"],
    },
    Words {
        key: "open_cases",
        label: ["number of inquiries still open", "未解決の問い合わせ件数"],
        high: ["has inquiries still open", "未解決の問い合わせがある"],
        low: ["has no inquiry open", "未解決の問い合わせがない"],
    },
    Words {
        key: "contacts_count",
        label: ["number of offers sent<< ({about})>><< in {window}>>", "<<{window}の>>案内回数<<（{about}）>>"],
        high: ["contacted often<< ({about})>><< in {window}>>", "<<{window}の>>案内が多い<<（{about}）>>"],
        low: ["rarely contacted<< ({about})>><< in {window}>>", "<<{window}の>>案内が少ない<<（{about}）>>"],
    },
    Words {
        key: "contact_recency",
        label: ["days since the last offer was sent<< ({about})>>", "直近の案内からの経過日数<<（{about}）>>"],
        high: ["not contacted for a while<< ({about})>>", "しばらく案内していない<<（{about}）>>"],
        low: ["contacted recently<< ({about})>>", "最近案内した<<（{about}）>>"],
    },
    Words {
        key: "affinity_count",
        label: ["number of dealings with {subject}<< in {window}>>", "<<{window}の >>{subject} に関する取引回数"],
        high: ["frequent dealings with {subject}<< in {window}>>", "<<{window}の >>{subject} に関する取引が多い"],
        low: ["few dealings with {subject}<< in {window}>>", "<<{window}の >>{subject} に関する取引が少ない"],
    },
    Words {
        key: "affinity_recency",
        label: ["days since the last dealing with {subject}", "{subject} に関する直近の取引からの経過日数"],
        high: ["no recent dealing with {subject}", "最近 {subject} に関する取引がない"],
        low: ["recent dealing with {subject}", "最近 {subject} に関する取引があった"],
    },
    Words {
        key: "affinity_sum",
        label: ["amount spent on {subject}<< over {window}>>", "<<{window}の >>{subject} に関する利用金額"],
        high: ["high spend on {subject}<< over {window}>>", "<<{window}の >>{subject} に関する利用金額が大きい"],
        low: ["low spend on {subject}<< over {window}>>", "<<{window}の >>{subject} に関する利用金額が小さい"],
    },
    Words {
        key: "rules",
        label: [
            "what there is that goes together with {subject}<<, of {window}>>",
            "<<{window}の >>{subject} と一緒に選ばれる商品の有無",
        ],
        high: ["there is much that goes together with {subject}", "{subject} と一緒に選ばれる商品がそろっている"],
        low: ["there is little that goes together with {subject}", "{subject} と一緒に選ばれる商品が少ない"],
    },
    Words {
        key: "derived",
        label: ["{subject}", "{subject}"],
        high: ["high {subject}", "{subject} が高い"],
        low: ["low {subject}", "{subject} が低い"],
    },
    Words {
        key: "missing",
        label: ["{subject} is not recorded", "{subject} の記録の有無"],
        high: ["{subject} is not recorded", "{subject} の記録がない"],
        low: ["{subject} is recorded", "{subject} の記録がある"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use osusume_model::FeatureKind;

    use super::*;
    use crate::template::placeholders;

    fn spec(text_key: &'static str, subject: &str, window: Option<Window>) -> FeatureSpec {
        FeatureSpec {
            name: "traffic_sum_30d".to_owned(),
            family: Family::Money,
            source: "usage".to_owned(),
            window,
            unit: Unit::Native,
            null: NullMeaning::Never,
            kind: FeatureKind::Numeric,
            text_key,
            subject: subject.to_owned(),
        }
    }

    const LAST_30: Window = Window::Days { start_days: 30, end_days: 0 };

    #[test]
    fn labels_read_as_sentences() {
        let sum = spec("sum_window", "traffic_gb", Some(LAST_30));
        assert_eq!(label(&sum, Language::En), "traffic_gb over the last 30 days");
        assert_eq!(label(&sum, Language::Ja), "直近30日間の traffic_gb の合計");
        let renewal = spec("days_to_renewal", "", None);
        assert_eq!(low(&renewal, Language::En), "renewal is near");
        assert_eq!(low(&renewal, Language::Ja), "更新日が近い");
        let renewal = spec("days_to_renewal", "line", None);
        assert_eq!(low(&renewal, Language::Ja), "line の更新日が近い");
        let of_source = spec("days_to_renewal", "usage", None);
        assert_eq!(low(&of_source, Language::Ja), "更新日が近い", "the name of the source is left out");
        assert_eq!(absent(&of_source, Language::En), "not recorded: days to renewal");
    }

    #[test]
    fn windows_are_half_open() {
        let window = Window::Days { start_days: 60, end_days: 30 };
        assert_eq!(window_phrase(window, Language::En), "days 60 to 31 before");
        assert_eq!(window_phrase(window, Language::Ja), "60日前から31日前まで");
        assert_eq!(window_phrase(Window::last(1), Language::En), "the last day");
        assert_eq!(window_phrase(Window::PreviousMonth, Language::Ja), "前月");
    }

    #[test]
    fn every_key_has_both_languages_with_the_same_placeholders() {
        let all: BTreeSet<&str> = keys().collect();
        assert_eq!(all.len(), WORDS.len(), "keys are unique");
        for words in WORDS {
            for [en, ja] in [words.label, words.high, words.low] {
                let names =
                    |template| placeholders(template).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
                assert_eq!(names(en), names(ja), "{}: {en}", words.key);
                assert!(en.is_ascii(), "{en}");
            }
        }
    }

    #[test]
    fn a_window_or_subject_that_is_absent_leaves_no_hole() {
        for key in keys() {
            for language in Language::ALL {
                let spec = spec(key, "traffic_gb", None);
                for text in [label(&spec, language), high(&spec, language), low(&spec, language)] {
                    assert!(!text.contains('?') && !text.contains("  ") && text.trim() == text, "{text}");
                }
            }
        }
    }

    #[test]
    fn japanese_names_stand_without_blanks() {
        let window = Some(LAST_30);
        assert_eq!(high(&spec("mean_window", "通信量", window), Language::Ja), "直近30日間の通信量の平均が高い");
        assert_eq!(
            high(&spec("mean_window", "traffic_gb", window), Language::Ja),
            "直近30日間の traffic_gb の平均が高い"
        );
        assert_eq!(low(&spec("attribute", "支払日 (月)", None), Language::Ja), "支払日 (月) が低い");
    }

    #[test]
    fn an_unknown_key_falls_back_to_the_name() {
        let spec = spec("not_a_key", "x", None);
        assert_eq!(label(&spec, Language::En), "traffic_sum_30d");
        assert_eq!(high(&spec, Language::Ja), "traffic_sum_30dが高い");
    }
}
