//! The pages of `osusume train`, `score` and `show`: models on plain files.

crate::phrases::phrases! {
    /// Headline of `train`. Args: target, path.
    Trained = "learned to predict {target}; the model is in {path}", "{target} を予測するモデルを学習し、{path} に保存しました";
    /// Row label: the positive value.
    Predicts = "predicts", "予測対象";
    /// The positive value and the other. Args: target, positive, negative.
    PredictsValue = "the probability that {target} is {positive:plain}, not {negative:plain}", "{target} が {negative:plain} ではなく {positive:plain} となる確率";
    /// Row label: rows.
    Rows = "rows", "行数";
    /// Rows learned from. Args: rows, positives, share.
    RowsValue = "{rows}, {positives} of them positive ({share})", "{rows}行（うち正例{positives}行、{share}）";
    /// Rows left out. Args: count.
    WithoutTarget = "{count} {count?row:rows} left out: the target is missing", "{count}行は予測対象の値がないため除外しました";
    /// Row label: what separates fields. Args: none.
    Delimiter = "fields end at", "区切り文字";
    /// Row label: what an L1 penalty left.
    Kept = "kept", "使用";
    /// What an L1 penalty left. Args: kept, of, lambda.
    KeptValue = "{kept} of {of} columns (one a number or level); penalty {lambda}, which served held-out rows best",
        "{of}列（数値または値ごとに1列）のうち{kept}列。罰則の強さは{lambda}（学習に使っていない行で最良）";
    /// Row label: how well it does.
    Measured = "measured", "評価";
    /// How well it does. Args: folds, auc, error, loss, base.
    MeasuredValue = "AUC {auc} (standard error {error}), log loss {loss} against {base} of the base rate; on rows the model had not seen, {folds} folds",
        "AUC {auc}（標準誤差{error}）、対数損失 {loss}（全体の割合のみでは{base}）。学習に使っていない行で評価（{folds}分割）";
    /// Too few positives to measure.
    NotMeasured = "not measured, nor calibrated: one fold would hold every row of a value", "評価と較正はできません（片方の値が1つの分割に偏るため）";
    /// Column: name.
    HeadColumn = "column", "列";
    /// Column: type.
    HeadType = "taken for", "種別";
    /// Column: missing values.
    HeadMissing = "missing", "欠損";
    /// Column: what the model takes of a column.
    HeadTakes = "the model takes", "モデルで使う値";
    /// Column: effect.
    HeadEffect = "effect on the log-odds", "対数オッズへの影響";
    /// A type.
    Number = "number", "数値";
    /// A type.
    Date = "date", "日付";
    /// A type.
    Category = "category", "区分";
    /// Not learned from. Args: why.
    LeftOut = "left out: {why}", "不使用（{why}）";
    /// Why.
    Ignored = "as asked", "指定により除外";
    /// Why.
    Unnamed = "it has no name", "列名なし";
    /// Why.
    Unsupported = "it holds lists or other things that are no plain values", "リストなど、単純な値ではない";
    /// Why.
    Empty = "it has no values", "値なし";
    /// Why.
    TooManyValues = "nearly every row has a value of its own", "行ごとに値が異なる";
    /// Why.
    Constant = "one value only, or only rare ones", "値が1種類、またはまれな値のみ";
    /// Values that are no numbers or dates. Args: column, count.
    Strays = "{column}: {count} {count?value:values} of another type, taken for missing", "{column}: 種別の異なる値{count}件は欠損として扱いました";
    /// A warning: separation by a column. Args: column.
    SeparatedBy = "{column} alone tells the two values apart without an error: is it the answer itself? leave it out with --ignore",
        "{column} だけで2つの値を完全に区別できます。答えそのものが含まれていないか確認し、必要なら --ignore で除外してください";
    /// A warning: separation.
    Separated = "the columns together tell the two values apart without an error: is one of them known only afterwards?",
        "列の組み合わせで2つの値を完全に区別できます。結果が出た後にしか分からない列がないか確認してください";
    /// A warning. Args: columns.
    Collinear = "depend on columns before them, and share their effect: {columns}", "他の列と線形従属のため、影響を分け合う列: {columns}";
    /// A warning.
    NoSignal = "no column carries a signal: every row gets about the base rate", "予測に役立つ列がないため、全行の確率がほぼ全体の割合になります";
    /// Next. Args: command.
    NextScore = "score rows with it: `{command}`", "行のスコア計算: `{command}`";
    /// Next. Args: command.
    NextShowModel = "look at it: `{command}`", "モデルの表示: `{command}`";
    /// Headline of `score`. Args: rows, path, expected.
    Scored = "{rows} {rows?row:rows} scored into {path}; {expected} positive ones are to be expected", "{rows}行のスコアを{path}に書き出しました（予測される正例: {expected}行）";
    /// Headline of `convert`. Args: path.
    Converted = "the model is in {path}", "モデルを{path}に書き出しました";
    /// Column: what an input holds.
    HeadInput = "takes", "入力";
    /// What an input holds.
    InputNumber = "number", "数値";
    /// What an input holds.
    InputDate = "days since 1970-01-01", "1970-01-01からの日数";
    /// What an input holds.
    InputCategory = "text", "文字列";
    /// Row label: what it gives.
    Gives = "gives", "出力";
    /// Headline of `show --out`. Args: path.
    PageWritten = "the page is in {path}", "ページを{path}に書き出しました";
    /// Title of the page. Args: target.
    PageTitle = "What predicts {target}", "{target} の予測モデル";
    /// Rows on the page. Args: rows, positives, positive.
    PageRows = "Learned from {rows} rows, {positives} of which have the value {positive:plain}.", "{rows}行から学習（値が {positive:plain} の行: {positives}行）。";
    /// How to read the table.
    PageHow = "An effect is what one standard deviation more of a number, or having a value of a category rather than its most frequent one, adds to the log-odds.",
        "影響は、数値なら1標準偏差の増加、区分なら最も多い値ではなくその値をもつことによる、対数オッズの変化です。";
    /// How to read an additive model's page.
    PageHowAdditive = "A curve shows what each value of a column adds to the log-odds, against the mean row; a map, what two columns add together beyond their curves.",
        "曲線は、列の各値による対数オッズの変化（平均的な行との差）です。地図は、2つの列の組合せが、それぞれの曲線に加えて及ぼす影響です。";
    /// What a coefficient is about: the lowest values of a number. Args: high.
    TakesUpTo = "that it is at most {high}", "{high} 以下であること";
    /// What a coefficient is about: the highest values of a number. Args: low.
    TakesAbove = "that it is above {low}", "{low} を超えること";
    /// What a coefficient is about: values of a number. Args: low, high.
    TakesRange = "that it is above {low}, at most {high}", "{low} を超え {high} 以下であること";
    /// What a map is about. Args: column, other.
    MapOf = "{column} and {other} together", "{column} と {other} の組合せ";
    /// A map's effects in one line.
    MapEffects = "beyond their curves, at most", "曲線に加えての影響（最大）";
    /// What a coefficient is about.
    TakesNumber = "its value", "値";
    /// What a coefficient is about.
    TakesLog = "the logarithm of its value", "値の対数";
    /// What a coefficient is about.
    TakesMissing = "that it is missing", "値がないこと";
    /// What a coefficient is about. Args: level.
    TakesLevel = "that it is {level:plain}", "{level:plain} であること";
    /// What a coefficient is about.
    TakesOther = "that it is a rare value", "まれな値であること";
    /// A reason. Args: column, effect, level.
    ReasonLevel = "{column} is {level:plain} ({effect})", "{column} が {level:plain}（{effect}）";
    /// A reason. Args: column, effect.
    ReasonOther = "{column} is a rare value ({effect})", "{column} がまれな値（{effect}）";
    /// A reason. Args: column, effect.
    ReasonMissing = "{column} is missing ({effect})", "{column} の値なし（{effect}）";
    /// A reason. Args: column, effect.
    ReasonHigh = "{column} is high ({effect})", "{column} が高い（{effect}）";
    /// A reason. Args: column, effect.
    ReasonLow = "{column} is low ({effect})", "{column} が低い（{effect}）";
    /// A reason. Args: column, effect.
    ReasonLate = "{column} is late ({effect})", "{column} が遅い（{effect}）";
    /// A reason. Args: column, effect.
    ReasonEarly = "{column} is early ({effect})", "{column} が早い（{effect}）";
}
