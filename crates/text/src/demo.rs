//! The words of `osusume demo`.

crate::phrases::phrases! {
    /// A step. Args: customers, `as_of`, path.
    Company = "1. a company of {customers} customers as it stood on {as_of}: {path}", "1. {as_of}時点の架空の会社（顧客{customers}人）: {path}";
    /// A step.
    Run = "2. the run a scheduler would make that morning, three tenths of the customers held out", "2. その朝に定期実行される処理（顧客の3割は比較のため案内しない）";
    /// A step. Args: later, path.
    Later = "3. the offers go out, and the customers live on; the tables as they stand on {later}: {path}",
        "3. オファーを送り、顧客のその後を進める。{later}時点の表: {path}";
    /// A step.
    Evaluate = "4. what the offers earned, against customers who were left alone", "4. オファーの成果（案内しなかった顧客との比較）";
    /// Heading of the end.
    Look = "where to look", "見るところ";
    /// What lies there.
    Pipeline = "the pipeline file: what the tables are, what is offered", "パイプラインファイル（表の定義と提案する商品）";
    /// What lies there.
    Offers = "the offer table", "オファーの表";
    /// What lies there.
    Delivered = "the same for a CRM", "CRM向けに書き出した表";
    /// What to type.
    Why = "why a customer got an offer, or none", "ある顧客にオファーを出した、または出さなかった理由";
    /// What to type.
    Show = "the numbers again", "集計の再表示";
    /// What goes on. Args: world.
    Playing = "playing {world}", "{world} を実行中";
    /// Column: company.
    World = "company", "会社";
    /// Column.
    Customers = "customers", "顧客";
    /// Column: offers made.
    Made = "offers", "オファー";
    /// Column: customers with one.
    Reached = "reached", "対象の顧客";
    /// Column: mean area under the curve at the newest test.
    Auc = "AUC", "AUC（判別力）";
    /// Column: sum of expected values.
    Value = "expected value", "期待価値";
    /// Column: what the truth says contacts add within a year, before they are paid for.
    Worth = "true worth", "真の増分";
    /// Column: what contacts cost.
    Cost = "contacts cost", "接触費用";
    /// Column: the difference.
    Profit = "true profit", "真の利益";
    /// Column: takes expected, with contact and without.
    Added = "takes with / without", "購入（案内あり/なし）";
    /// Column: how much more of the contacted customers leave.
    Churn = "churn caused", "解約の増加";
}
