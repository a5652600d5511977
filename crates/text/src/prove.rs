//! The words of `osusume prove leakage`.

crate::phrases::phrases! {
    /// Headline. Args: pipeline, `as_of`.
    Proven = "{pipeline}, as of {as_of}: nothing learned or decided rests on what was not known",
        "{pipeline}（基準日: {as_of}）: 学習と判定の結果は、その時点で未知の情報に依存していません";
    /// Headline. Args: pipeline, `as_of`.
    Leaking = "{pipeline}, as of {as_of}: something rests on what was not known",
        "{pipeline}（基準日: {as_of}）: その時点で未知の情報に依存している箇所があります";
    /// Headline. Args: pipeline, `as_of`.
    Void = "{pipeline}, as of {as_of}: nothing could be proven", "{pipeline}（基準日: {as_of}）: 証明できませんでした";
    /// Remark on standard error. Args: seconds.
    Estimate = "the proof builds everything again about ten times: {seconds} {seconds?second:seconds} or so",
        "全体を約10回作り直して証明します（目安: 約{seconds}秒）";
    /// Column.
    What = "what was done to rows", "行への操作";
    /// Column.
    AsOf = "unseen at", "未知とする基準日";
    /// Column.
    Rows = "rows", "行数";
    /// Column.
    Compared = "compared", "比較対象";
    /// Column.
    Verdict = "result", "結果";
    /// What was done.
    Copied = "files copied", "ファイルの複製";
    /// What was done.
    Deleted = "later rows taken out", "基準日以後の行を削除";
    /// What was done.
    Changed = "later rows changed", "基準日以後の行を変更";
    /// What was done.
    Added = "later rows added", "基準日以後の行を追加";
    /// What was done.
    Replaced = "later rows changed and added", "基準日以後の行を変更・追加";
    /// What was done.
    Shuffled = "rows shuffled, files split and renamed", "行の並べ替え、ファイルの分割と改名";
    /// Result.
    Same = "same", "同一";
    /// Result.
    Differs = "DIFFERS", "相違あり";
    /// Result: there was nothing to do.
    Nothing = "no such row", "該当行なし";
    /// What was compared. Args: count.
    Files = "{count} {count?file:files}", "{count}ファイル";
    /// What was compared. Args: count.
    TrainingRows = "{count} training {count?row:rows}", "学習用の{count}行";
    /// Heading.
    Leaks = "what differs", "相違の内容";
    /// A leak. Args: stage, file, column.
    Leak = "{stage}: {file}<<, first in `{column}`>>", "{stage}: {file}<<（最初の相違: `{column}`）>>";
    /// Of what the column is made. Args: source.
    FeatureOf = "a feature of {source}", "{source}から作られる特徴量";
    /// Who makes the difference. Args: sources.
    BySource = "made by {sources}", "原因の表: {sources}";
    /// Which columns do. Args: columns.
    ByColumn = "by the values of {columns}", "原因の列: {columns}";
    /// Headline. Args: pipeline, `as_of`.
    Suspected = "{pipeline}, as of {as_of}: the pipeline is sound, but its tables know outcomes too well",
        "{pipeline}（基準日: {as_of}）: 処理は正しいものの、表が結果を知りすぎています";
    /// Heading. Args: offers.
    Asked = "columns, orders and rows of all sources were asked what they know of the takes of {offers}",
        "すべての表の列、順序、行について、次のオファーの成約を知りすぎていないか調べました: {offers}";
    /// Heading, where no offer has takes enough.
    NotAsked = "no offer has takes enough to ask what the tables know of them", "成約が少なく、表が結果を知りすぎていないかは調べられませんでした";
    /// Args: column, offer, value, lower, takes.
    Identifies = "{column} alone ranks the takers of {offer}: AUC {value} (at least {lower}, {takes} {takes?take:takes})",
        "{column}だけで{offer}の成約者が分かります: AUC {value}（下限{lower}、成約{takes}件）";
    /// Args: column, offer, value, lower, takes.
    Missing = "whether {column} is there tells the takers of {offer}: AUC {value} (at least {lower}, {takes} {takes?take:takes})",
        "{column}の有無で{offer}の成約者が分かります: AUC {value}（下限{lower}、成約{takes}件）";
    /// Args: column, offer, value, lower, takes.
    GivesAway = "customers with one value of {column} take {offer} in {value} of cases (at least {lower}, {takes} {takes?take:takes})",
        "{column}のある値では{offer}の成約率が{value}です（下限{lower}、成約{takes}件）";
    /// Args: column, offer, value, lower, takes.
    Collapses = "{column} ranks those who take {offer} within days, and nobody later: AUC {value} (at least {lower}, {takes} {takes?take:takes})",
        "{column}は{offer}の直後の成約者だけを見分けます: AUC {value}（下限{lower}、成約{takes}件）";
    /// Args: column?, offer, value, lower, upper, takes.
    Order = "the order of <<{column}>> tells the takers of {offer}: AUC {value} ({lower} to {upper}, {takes} {takes?take:takes})",
        "<<{column}の>>並び順で{offer}の成約者が分かります: AUC {value}（{lower}～{upper}、成約{takes}件）";
    /// Args: offer, value, lower, upper, takes.
    Repeated = "rows that stand twice tell the takers of {offer}: AUC {value} ({lower} to {upper}, {takes} {takes?take:takes})",
        "重複した行で{offer}の成約者が分かります: AUC {value}（{lower}～{upper}、成約{takes}件）";
    /// Args: column?, value.
    EarlyArrival = "{value} of the rows arrived before they happened<< (`{column}`)>>: a zone or an arrival is wrong",
        "発生前に到着している行が{value}あります<<（`{column}`）>>。時間帯または到着日時に誤りがあります";
    /// A sign that the pipeline file explains. Args: because.
    Known = "known, as the pipeline file says: {because}", "パイプラインファイルで確認済み: {because}";
    /// An explanation without a sign. Args: key.
    UnseenKnown = "no sign answers to `{key}` of the pipeline file any more",
        "パイプラインファイルの `{key}` に当てはまる兆候はもうありません";
    /// The order of files.
    RowsOfFiles = "the rows in the files", "ファイル内の行";
    /// A share. Args: value.
    Percent = "{value}%", "{value}％";
    /// Heading.
    Limits = "what cannot be proven", "証明できないこと";
    /// Args: none.
    NoArrival = "no column says when a row arrived: it counts as known when it happened", "到着日時の列がないため、発生時点で既知とみなします";
    /// Args: none.
    NoEndArrival = "no column says when an end became known: it counts as known when it happens",
        "終了を知った日時の列がないため、終了時点で既知とみなします";
    /// Args: none.
    Snapshot = "loaded again whole: what it says of the past may have been written later",
        "全件洗い替えの表のため、過去の内容が後から書き換えられている可能性があります";
    /// Args: columns.
    AssumedStatic = "assumed never to change: {columns}", "変化しないと仮定した列: {columns}";
    /// Args: columns.
    Undated = "may have been written after the row arrived: {columns}", "行の到着後に書き込まれた可能性がある列: {columns}";
    /// Args: none.
    NoTime = "of one date: there is no past to go back to", "一時点の表のため、過去にさかのぼれません";
    /// Args: none.
    NothingLater = "holds nothing later than the run's date, so taking it out proved nothing there",
        "基準日以後の行がないため、削除による証明は行われていません";
}
