//! プライバシーに関するコードの説明（日本語）: E60xx。

use osusume_model::Code;

use super::Message;

pub(super) const MESSAGES: &[Message] = &[
    Message {
        code: Code::SuppressionUnread,
        title: "利用停止リストがない、空である、または最後まで読み取れません<<: {detail}>>",
        help: &[
            "すべての行が読み取れるリストを、`suppression.column` の見出しで出力し直してください。",
            "対象者がいない場合は `suppression.allow_empty = true` を指定してください。",
        ],
        cause: "リストの顧客には案内できません。最後まで読み取れないリストには誰が載っているかわからないため、読み取れるまでスコアリングも配信も行いません。",
        example: "[suppression]\npath = \"../data/isp/suppressed.csv\"\ncolumn = \"customer_id\"",
    },
    Message {
        code: Code::SuppressionStale,
        title: "利用停止リストの最終更新は{as_of}の{days}日前です（許容は{limit}日）",
        help: &["リストの出力が止まっていないか確認してください。許容日数は `suppression.max_age_days` で指定します。"],
        cause: "出力が止まったリストは、追加のないリストと見分けがつきません。その後に停止を申し出た顧客に案内してしまいます。",
        example: "[suppression]\nmax_age_days = 7",
    },
    Message {
        code: Code::SuppressionShrunken,
        title: "利用停止リストの顧客は{found}人です。実行 {run} では{before}人でした",
        help: &[
            "抜けている顧客がいないか確認し、リストを出力し直してください。",
            "実際に多くの顧客が申し出を取り下げた場合は、一度だけ `--set quality.max_shrink=1` を付けて実行してください。",
        ],
        cause: "リストから抜けた顧客には案内してしまいます。前回の実行から `quality.max_shrink` を超えて減ったリストは、出力が途中で切れている可能性が高いものです。",
        example: "suppressed.csv: 先月は1,204人、今日は87人",
    },
    Message {
        code: Code::SuppressionUnmatched,
        title: "利用停止リストの{found}人は、どの表にも見つかりません",
        help: &[
            "両方のIDを比べてください。同じ番号で、先頭の0や接頭辞も一致していますか。",
            "意図したものであれば `suppression.allow_unmatched = true` を指定してください。",
        ],
        cause: "表と異なるIDのリストは、機能しているように見えて誰も除外しません。大文字と小文字、全角と半角、前後の空白の違いは無視しますが、接頭辞や先頭の0の違いは無視しません。",
        example: "suppressed.csv: 17          customers.csv: C000000017",
    },
    Message {
        code: Code::DataClass,
        title: "`{source}` は {class} のデータのため、これをもとにした結果は配信できません",
        help: &["このパイプラインから `[[export]]` を外すか、実名のデータを使ってください。"],
        cause: "仮名加工情報からの学習はできますが、本人への連絡、本人との照合、第三者への提供はできません。匿名加工情報には連絡できる本人がいません。CRM用のファイルはこれらに当たります。",
        example: "[sources.customers]\ndata_class = \"pseudonymised\"",
    },
    Message {
        code: Code::PurposeForeign,
        title: "`{source}` の利用目的（{allowed}）に「{purpose}」は含まれていません",
        help: &["このデータソースを外すか、権限のある人が利用目的を変更した上で `purposes` に追加してください。"],
        cause: "個人データは、本人に示した目的にしか使えません。`pipeline.purpose` の目的が、データソースの利用目的にありません。",
        example: "[pipeline]\npurpose = \"既存顧客への案内\"\n\n[sources.tickets]\npurposes = [\"顧客サポート\"]",
    },
];
