//! The page of `osusume what-if`: a run under two policies, side by side.

crate::phrases::phrases! {
    /// Headline. Args: run, `as_of`.
    Headline = "what if: run {run}, as of {as_of}, decided again; nothing is published", "もしも: 実行 {run}（基準日: {as_of}）を別の方針で判断（公開はしません）";
    /// Nothing differs.
    Nothing = "the policy asked for is the run's own: say what to change with --set or --overlay",
        "実行時と同じ方針です。変える項目を --set または --overlay で指定してください";
    /// Heading of the keys that differ.
    Changed = "what is changed", "変更点";
    /// Column: key.
    Key = "key", "項目";
    /// Column: as the run decided.
    Now = "now", "現在";
    /// Column: as it would.
    Then = "then", "変更後";
    /// Column: by how much.
    Change = "change", "差";
    /// Row: customers with an offer.
    Reached = "customers with an offer", "オファーのある顧客";
    /// Row: rows of the offer table.
    Rows = "offers", "オファー";
    /// Row: sum of expected values.
    Value = "expected value", "期待価値";
    /// Heading: rows by offer.
    ByOffer = "offers made", "オファー別の件数";
    /// Heading: values by offer.
    ValueByOffer = "expected value by offer", "オファー別の期待価値";
    /// Heading: rows by channel.
    ByChannel = "by channel", "チャネル別";
    /// Heading: what one place more would earn.
    Places = "what one place more would earn", "枠を一つ増やしたときの価値";
    /// Heading: pairs removed, by rule.
    Removed = "not offered, pairs of customer and offer", "提案しない組み合わせ（顧客×オファー）";
    /// Heading: customers by what becomes of their first offer.
    Moved = "the first offer of each customer", "各顧客の第一オファー";
    /// The same one.
    Same = "the same", "同じ";
    /// Another one.
    Another = "another", "別のオファー";
    /// One instead of none.
    Gained = "an offer instead of none", "なし → あり";
    /// None instead of one.
    Lost = "none instead of an offer", "あり → なし";
    /// None under either.
    Neither = "none under either", "どちらもなし";
    /// The key is not there.
    Absent = "(absent)", "（なし）";
}
