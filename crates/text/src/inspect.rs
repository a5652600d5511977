//! The page of `osusume inspect`: the features of one customer, and the rows they come from.

crate::phrases::phrases! {
    /// Headline. Args: date, zone.
    Headline = "one customer, as known on {date} before its first minute ({zone})", "ある顧客の{date}（{zone}）が始まる前に判明していた内容";
    /// The customer was none on the day.
    Inactive = "not a customer on this day: nothing was held or had been bought", "この日は顧客ではありません（契約も購入履歴もありません）";
    /// Heading of a table. Args: source, rows.
    Table = "{source}: {rows} rows", "{source}: {rows}行";
    /// Heading of a table with rows that do not count yet. Args: source, rows, hidden.
    TableHidden = "{source}: {rows} rows, and {hidden} not known yet", "{source}: {rows}行（ほかに未判明 {hidden}行）";
    /// Rows before those shown. Args: rows.
    Earlier = "{rows} earlier rows; `--rows` and `--output json` show more", "これより前の{rows}行は省略（`--rows` や `--output json` で表示）";
    /// Heading of the features. Args: features.
    Features = "features: {features}", "特徴量: {features}個";
    /// Column: the feature's name.
    Feature = "feature", "特徴量";
    /// Column: its value.
    Value = "value", "値";
    /// Column: the rows it comes from.
    Rows = "rows", "行";
    /// Column: what it is.
    Meaning = "meaning", "意味";
    /// A level that too few customers have for a name.
    Other = "(one that few have)", "（該当者の少ない区分）";
    /// Several rows, of which some are left out. Args: ranges, more.
    MoreRows = "{ranges}, and {more} more", "{ranges} ほか{more}行";
}
