//! The page of `osusume mine FILE`: what occurs together in a file of baskets, and what goes with what.

crate::phrases::phrases! {
    /// Row label: rows and fields skipped.
    Skipped = "skipped", "読み飛ばし";
    /// What was skipped. Args: items, baskets.
    SkippedValue = "{items} without an item, {baskets} without a basket", "アイテムなし {items} 件、バスケットなし {baskets} 件";
    /// Row label: what items belong to.
    Hierarchy = "hierarchy", "階層";
    /// What items belong to. Args: categories, levels, alone.
    HierarchyValue = "{categories} {categories?category:categories} on {levels} {levels?level:levels}; {alone} {alone?item belongs:items belong} to none",
        "分類 {categories} 件（{levels} 階層）、どこにも属さないアイテム {alone} 件";
    /// Rows of the table of parents that do not count. Args: repeated, skipped, unused.
    HierarchyRows = "rows: {unused} of items in no basket, {repeated} said before, {skipped} without an item or a parent",
        "使わない行: どのバスケットにもないアイテム {unused} 件、重複 {repeated} 件、アイテムか親のない行 {skipped} 件";
    /// A number that may be larger than what is printed. Args: number.
    OrMore = "{number} or more", "{number} 以上";
    /// Row label: rules.
    Rules = "rules", "ルール";
    /// How many rules there are. Args: kept, found.
    RulesValue = "{kept} of {found} within the limits asked for", "{kept} 件（条件を満たす {found} 件のうち）";
    /// Why rules were left out. Args: redundant.
    Redundant = "{redundant} left out: no better than with fewer items on the left", "{redundant} 件は除外（左側のアイテムを減らしても同じ）";
    /// Why rules were left out. Args: cut.
    Cut = "{cut} left out: more than `--max-rules`, those with the lowest leverage", "{cut} 件は除外（`--max-rules` を超える分、レバレッジの低い順）";
    /// Row label: rules that are more than chance.
    Reported = "beyond chance", "偶然でないもの";
    /// How many rules are. Args: reported, rate, hypotheses.
    ReportedValue = "{reported}, at a false-discovery rate of {rate} over {hypotheses} pairs the margins admit",
        "{reported} 件（周辺度数から検定しうる組 {hypotheses} 件に対する偽発見率 {rate}）";
    /// Row label: files written.
    Written = "written", "出力";
    /// A file. Args: path, rows.
    WrittenValue = "{path:plain}, {rows} {rows?row:rows}", "{path:plain}（{rows} 行）";
    /// Column: what goes with what.
    HeadRule = "rule", "ルール";
    /// Column: baskets with all of it.
    HeadJoint = "together", "同時";
    /// Column: baskets with the left side.
    HeadLeft = "with the left side", "左側あり";
    /// Column: confidence.
    HeadConfidence = "confidence", "確信度";
    /// Column: lift.
    HeadLift = "lift", "リフト";
    /// Column: the lower bound of the lift among baskets as large.
    HeadLower = "size alike, at least", "同数比の下限";
    /// Column: p-value.
    HeadP = "p", "p値";
    /// Column: q-value.
    HeadQ = "q", "q値";
    /// Time taken for rules. Args: seconds.
    RuleSeconds = "{seconds} testing rules", "ルールの検定 {seconds}";
}
