//! Japanese: codes of the program itself (E0…) and of inputs (E10…).

use osusume_model::Code;

use super::Message;

pub(super) const MESSAGES: &[Message] = &[
    Message {
        code: Code::Bug,
        title: "内部エラーが発生しました<<: {detail}>>",
        help: &["osusumeの不具合です。バージョン、実行したコマンド、このメッセージを添えてご報告ください。"],
        cause: "本来起こり得ない状態を検出しました。誤った数値のまま続行しないよう、処理を中断しています。この実行の結果は一切公開されません。",
        example: "osusume --version\nosusume run pipelines/isp.toml --as-of 2026-10-01 --log-format json 2> log.jsonl",
    },
    Message {
        code: Code::Cancelled,
        title: "要求により中断しました",
        help: &["都合のよい時に同じコマンドを再実行してください。処理は最初からやり直します。"],
        cause: "SIGINT（Ctrl-C）またはSIGTERMを受け取り、安全な区切りで処理を終了しました。何も公開されていません。",
        example: "kill -TERM 4711        # 数秒以内に停止し、終了コードは143",
    },
    Message {
        code: Code::DeadlinePassed,
        title: "制限時間に達しました",
        help: &["制限時間を延ばすか、スレッド数またはメモリを増やしてください。"],
        cause: "指定された制限時間に達したため、安全な区切りで処理を終了しました。何も公開されていません。",
        example: "完了した工程: ingest, features　中断した工程: train",
    },
    Message {
        code: Code::FileMissing,
        title: "「{path}」に一致するファイルがありません",
        help: &[
            "パスのつづりと、ファイルが届いているかを確認してください。相対パスの起点は、パイプラインファイルのあるディレクトリです。",
        ],
        cause: "データソースに指定されたファイル、ディレクトリ、またはパターンに該当するものがありません。欠けたデータを「空」とみなして続行すると、全顧客のスコアが気付かないうちに変わってしまうため、エラーとしています。",
        example: "[sources.usage]\npath = \"../data/isp/usage/*.parquet\"      # 一致するファイルがない",
    },
    Message {
        code: Code::FileUnreadable,
        title: "ファイルを読み取れません<<: {detail}>>",
        help: &["ファイルの有無と読み取り権限を確認してから、同じコマンドを再実行してください。"],
        cause: "ファイルを開けなかったか、読み取り中にOSがエラーを返しました。権限の不足、マウントの切断、ディスクの障害などが考えられます。",
        example: "ls -l data/isp/customers.csv",
    },
    Message {
        code: Code::FileEmpty,
        title: "ファイルが空です（{what:kind}がありません）",
        help: &[
            "ファイルの出力処理を確認してください。空の表が正しい場合は、ヘッダーと1行以上のデータを含めるか、このデータソースを設定から外してください。",
        ],
        cause: "内容、ヘッダー、またはデータ行のないファイルは、ほとんどの場合、抽出処理の失敗が原因です。「顧客なし」「購入なし」として読み込むと、誤ったオファー表が公開されてしまいます。",
        example: "$ wc -c holdings.csv\n0 holdings.csv",
    },
    Message {
        code: Code::ColumnMissing,
        title: "列「{column}」がファイルにありません",
        help: &[
            "<<「{suggestion}」の誤りではありませんか。>>",
            "<<ヘッダーが1列として読まれましたが、別の区切り文字のようです。`delimiter = \"{delimiter:plain}\"` を指定してください。>>",
            "ファイルにある列は次のとおりです: {columns}。",
        ],
        cause: "パイプラインファイルで割り当てた列が、ヘッダーにありません。列名は大文字と小文字を含め、完全に一致する必要があります。",
        example: "[sources.customers]\ncolumns = { customer = \"customerid\" }      # ヘッダーではcustomer_id",
    },
    Message {
        code: Code::ColumnTwice,
        title: "列「{column}」がヘッダーに2回現れます",
        help: &["ファイルを出力する側で、それぞれ別の列名を付けてください。"],
        cause: "同じ名前の列が2つあるため、どちらを指すのか判断できません。データウェアハウスで2つの表を結合し、両方の全列を出力した場合によく起こります。",
        example: "customer_id,joined_on,customer_id",
    },
    Message {
        code: Code::WrongFormat,
        title: "ファイルの形式が{found:kind}です（想定は{expected:kind}）",
        help: &["実際の形式を設定に書くか、設定どおりの形式でファイルを用意してください。"],
        cause: "ファイルの先頭の内容が、拡張子や設定の示す形式と異なります。ファイルの代わりにWebページを保存した場合や、圧縮ファイルに拡張子がない場合によく起こります。",
        example: "customers.csvの先頭が1f 8bで始まる: gzip形式",
    },
    Message {
        code: Code::WrongEncoding,
        title: "{encoding}として正しくないバイトがあります",
        help: &[
            "<<このファイルは{hint}の可能性があります。>>",
            "データソースの `encoding` に、ファイルの実際の文字コードを指定してください。",
        ],
        cause: "指定された文字コードに存在しないバイト列が含まれています。IDや名称が気付かないうちに変わることを防ぐため、「?」などへの置き換えは行いません。",
        example: "[sources.customers]\nencoding = \"cp932\"      # 日本語版Excelで保存したファイル",
    },
    Message {
        code: Code::UnterminatedQuote,
        title: "引用符が閉じられていません",
        help: &["<<{line}行目の>>引用符を閉じてください。"],
        cause: "引用符で始まった項目が閉じられていません。このまま読むと、引用符より後ろのすべてが1つの項目に取り込まれ、以降の行の顧客が失われます。何も知らせずに行を失う読み取りソフトも多いため、osusumeは必ず停止します。",
        example: "C000017,\"東京都,2021-04-01\nC000018,大阪府,2022-01-15",
    },
    Message {
        code: Code::StrayQuote,
        title: "項目の途中に引用符があります",
        help: &[
            "引用符で囲んだ項目の中では引用符を2つ重ねてください（`\"\"`）。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "閉じた引用符の後ろに文字があるか、引用符で囲まれていない項目の中に引用符があります。複数の解釈ができるため、この行は読み取りません。",
        example: "C000017,\"「\"速い\"」と言った\"        誤\nC000017,\"「\"\"速い\"\"」と言った\"    正",
    },
    Message {
        code: Code::RowTooShort,
        title: "項目が{got}個しかありません（正しくは{expected}個）",
        help: &[
            "不足している項目を補ってください。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "行の項目数がヘッダーより少なくなっています。引用符で囲まれていない項目の中の改行で、行が2つに分かれていることがよくあります。",
        example: "customer_id,joined_on,prefecture\nC000017,2021-04-01",
    },
    Message {
        code: Code::RowTooLong,
        title: "項目が{got}個あります（正しくは{expected}個）",
        help: &[
            "区切り文字を含む項目を引用符で囲んでください。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "行の項目数がヘッダーより多くなっています。引用符で囲まれていない項目の中に、区切り文字が含まれていることがよくあります。",
        example: "customer_id,address,prefecture\nC000017,千代田区1-1, 3階,東京都",
    },
    Message {
        code: Code::RecordTooLarge,
        title: "1件のレコードが{bytes}バイトあり、上限の{limit}バイトを超えています",
        help: &[
            "この位置より前に、閉じ忘れた引用符がないか確認してください。正しいレコードであれば、出力元で短くしてください。",
        ],
        cause: "通常の行としては大きすぎるレコードです。ほとんどの場合、閉じ忘れた引用符が原因です。このようなファイルでメモリを使い切らないよう、上限を設けています。",
        example: "上限2,000,000バイトに対し、項目「body」だけで3,145,728バイト",
    },
    Message {
        code: Code::WrongType,
        title: "{expected:kind}として読み取れない値です（{bytes}バイト、{shape:shape}）",
        help: &[
            "<<{line}行目の>>値を修正するか、別の型を指定してください。<<`quality.on_error = \"{instead:plain}\"` を設定し、`quality.max_rejects` と `quality.max_reject_rate` の両方を引き上げることもできます。>>",
            "<<日付は、このデータの `date_format` で宣言した `{format:plain}`、または 2026-03-01 の形式で読み取ります。>>",
            "<<日時は {times:plain} の形式で記入します。>>",
            "<<フラグには {flags:plain} のいずれかの組の値を記入します。>>",
        ],
        cause: "値が、指定された型として読み取れません。個人情報の可能性があるため値そのものは表示せず、長さと文字の種類だけを示しています。",
        example: "日付として読み取れない値です（10バイト、数字＋記号）",
    },
    Message {
        code: Code::ValueMissing,
        title: "必須の値が空です",
        help: &[
            "<<{line}行目の>>値を補ってください。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "行の持ち主や日時を定める列が空です。このままでは、どの顧客のいつの記録か分かりません。",
        example: "customer_id,opened_at\n,2026-03-04",
    },
    Message {
        code: Code::OutOfRange,
        title: "値が範囲外です（許される範囲: {allowed}）",
        help: &[
            "<<{line}行目の>>値を修正してください。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "数値または日付の型は正しいものの、列の意味からみて有り得ない値です。「終了なし」を表す9999-12-31のような日付は、空欄にしてください。",
        example: "end_date: 9999-12-31      契約が続いている場合は空欄にする",
    },
    Message {
        code: Code::UnknownCustomer,
        title: "顧客がどの顧客表にも登録されていません",
        help: &[
            "同じ日に抽出した顧客表を用意してください。<<`quality.on_error = \"{instead:plain}\"` を設定し、`quality.max_rejects` と `quality.max_reject_rate` の両方を引き上げることもできます。>>",
        ],
        cause: "役割が `customers` のどのデータソースにもない顧客の行です。抽出の時点がずれている場合や、IDの先頭のゼロや空白が異なる場合によく起こります。",
        example: "customers.csv: 000017\nholdings.csv:  17",
    },
    Message {
        code: Code::ConflictingRows,
        title: "同じ顧客の行が異なる内容で2回現れるため、どちらも使いません<<（もう一方は{other:plain}行目）>>",
        help: &["顧客ごとに1行とし、現在有効な行だけを残してください。"],
        cause: "同じ顧客の2つの行が矛盾しています。一方を選ぶと、ファイルの並び順によって結果が変わってしまいます。",
        example: "C000017,2021-04-01,東京都\nC000017,2021-04-01,大阪府",
    },
    Message {
        code: Code::UnknownProduct,
        title: "商品またはオファーがカタログにありません<<: {detail}>>",
        help: &["販売終了品も含めて商品表に追加してください。"],
        cause: "商品表にない商品またはオファーの行です。過去の契約も対象です。現在の段階が分からなければ、その上の段階を提案できません。該当する行は特徴量とラベルから除外し、件数を数えます。",
        example: "holdings.csv: line_adsl      products.csvに該当するproduct_idがない",
    },
    Message {
        code: Code::EndBeforeStart,
        title: "期間の終了が開始より前です",
        help: &[
            "<<{line}行目の>>日付を修正してください。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "契約などの期間の終了日が、開始日より前になっています。取り消された注文がこのように記録されることがあります。その行を除くか、両方を同じ日付にしてください。",
        example: "start_date,end_date\n2026-03-01,2026-02-27",
    },
    Message {
        code: Code::TooManyRejects,
        title: "{read}行のうち{rejected}行にエラーがあり、上限（{limit}）を超えました<<。最も多いエラー: {worst}>>",
        help: &[
            "出力元で行を修正してください。`osusume check` が、データごとにエラーと列別の件数を示します。",
            "この件数で問題がなければ、`quality.max_rejects` と `quality.max_reject_rate` の両方を引き上げてください。厳しいほうの上限が適用されます。",
        ],
        cause: "隔離された行が、パイプラインファイルで認めた数を超えました。抽出処理の異常に、来月の集計ではなくその日のうちに気付くための上限です。",
        example: "[quality]\non_error = \"quarantine\"\nmax_rejects = 1000\nmax_reject_rate = 0.001",
    },
    Message {
        code: Code::FileChanged,
        title: "読み取り中にファイルが変更されました",
        help: &["ファイルの出力が終わってから再実行してください。別名で出力し、完了後に名前を変更すると確実です。"],
        cause: "読み取りの開始時と終了時で、サイズまたは更新時刻が異なります。読み取った内容に、新旧のファイルが混ざっているおそれがあります。",
        example: "extract > customers.csv.tmp && mv customers.csv.tmp customers.csv",
    },
    Message {
        code: Code::ParquetDamaged,
        title: "Parquetファイルの内容をデコードできません<<: {detail}>>",
        help: &["ファイルを出力またはコピーし直し、サイズとチェックサムを元のファイルと比べてください。"],
        cause: "Parquet形式のファイルですが、メタデータまたはページの内容が矛盾しています。コピーの中断がよくある原因です。",
        example: "sha256sum usage-2026-09.parquet",
    },
    Message {
        code: Code::CompressionDamaged,
        title: "圧縮ファイルを展開できません<<: {detail}>>",
        help: &["ファイルを出力またはコピーし直し、`gzip -t` または `zstd -t` で検査してください。"],
        cause: "gzipまたはZstandardのデータが途中で終わっているか、チェックサムが一致しません。途中まで展開できた内容は、表のどこまでに当たるか分からないため使用しません。",
        example: "gzip -t contacts.csv.gz",
    },
    Message {
        code: Code::ColumnType,
        title: "列の型が{found:kind}です（想定は{expected:kind}）",
        help: &["ファイルを出力する側で列の型を変換するか、実際の型を設定に書いてください。"],
        cause: "Parquetに保存された列の型は、情報を失わずに指定の型として扱うことができません。数値の列が文字列で保存されている場合などです。",
        example: "attributes = { birth_year = \"integer\" }      # ファイルでは文字列",
    },
    Message {
        code: Code::HeaderRepeated,
        title: "ファイルの途中に再びヘッダーがあります",
        help: &["ヘッダーを重ねずに結合するか、結合せずに `path` へ各ファイルを指定してください。"],
        cause: "ヘッダーとまったく同じ行があります。`cat` で複数のファイルをつなげた場合によく起こります。ファイルは結合しなくても、列挙やパターンで指定できます。",
        example: "path = \"../data/isp/customers-*.csv\"",
    },
    Message {
        code: Code::ControlByte,
        title: "項目に制御文字が含まれています",
        help: &[
            "<<{line}行目の>>制御文字を取り除いてください。<<`quality.on_error = \"{instead:plain}\"` を設定することもできます。>>",
        ],
        cause: "通常の文字列には現れないNULなどの制御文字が含まれています。途中で切れたデータベースのダンプやバイナリ列が原因のことが多く、ファイルを表示した端末の誤動作を招くおそれもあります。",
        example: "tr -d '\\000' < tickets.csv > tickets-clean.csv",
    },
    Message {
        code: Code::AmbiguousTime,
        title: "タイムゾーン「{zone}」では、この時刻は存在しないか、2回現れます",
        help: &[
            "時刻をUTCからの時差付き（`2026-11-01T01:30:00-04:00`）で書くか、データソースの `time_zone` を設定してください。",
        ],
        cause: "夏時間の切り替えでは、存在しない1時間や、2回繰り返される1時間が生じます。その間の時刻は一意に定まらず、osusumeは推測しません。",
        example: "America/New_Yorkには2026-03-08 02:30が存在しない",
    },
    Message {
        code: Code::HierarchyConflict,
        title: "{row}行目の親は、同じアイテムについて{first}行目が示す親と異なります",
        help: &["2行のどちらかを削除してください。行番号はヘッダーの次の行を1とします。"],
        cause: "アイテムが直接属する親は1つだけです（親がさらに別の親に属するのは差し支えありません）。親が2つあると、どちらの分類が購入されたのか決められません。まったく同じ行の重複は問題になりません。",
        example: "item,parent\ncheddar,cheese\ncheddar,snacks",
    },
    Message {
        code: Code::HierarchyCircle,
        title: "{row}行目のアイテムは、親をたどると自分自身に戻ります",
        help: &["循環の原因になっている行を削除してください。行番号はヘッダーの次の行を1とします。"],
        cause: "どのアイテムからも、親がなくなるまで上へたどります。ここではたどった先が元のアイテムに戻るため、最上位がありません。",
        example: "item,parent\ncheese,dairy\ndairy,cheese",
    },
];
