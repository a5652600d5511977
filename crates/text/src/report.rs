//! Words of the report; the caller fills in the numbers.

use osusume_model::{Arg, Code, Date};

use crate::Language;
use crate::messages::message;
use crate::template::fill;

macro_rules! lines {
    ($($name:ident($en:literal, $ja:literal);)+) => {
        /// A heading, label or sentence of the report. The documentation of each is its English template.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Line {
            $(#[doc = $en] $name,)+
        }

        impl Line {
            /// Every line.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }

        const TEMPLATES: &[[&str; 2]] = &[$([$en, $ja],)+];
    };
}

lines! {
    Title("Offers of {pipeline} as of {date}", "{pipeline} {date}時点のオファー");
    Kicker("Offer report", "オファーレポート");
    RunLine("Run {run}, osusume {version}.", "実行 {run}、osusume {version}。");
    ValidUntil("The offers hold until {date}.", "オファーの有効期限は{date}です。");
    Withheld("withheld", "非表示");

    // The summary.
    CustomersWithOffer("customers with an offer", "オファーのある顧客");
    CustomersWithOfferNote("of {known} customers; {offers} {offers?offer:offers} in all", "全顧客{known}人のうち。オファーは計{offers}件");
    ExpectedValue("expected value", "期待価値");
    ExpectedValueNote("probability × margin over {months} {months?month:months}, less the cost of contact", "確率×{months}か月分の粗利から、案内の費用を引いた額");
    ExpectedValueAdds("what the contacts are expected to add to margin over {months} {months?month:months}, less their cost", "案内によって増える{months}か月分の粗利の見込みから、案内の費用を引いた額");
    ExpectedValueMixed("margin over {months} {months?month:months}, less the cost of contact: what the contact adds where that is known, else every sale", "{months}か月分の粗利の見込みから案内の費用を引いた額（案内の効果がわかるオファーは増分、それ以外は成約のすべて）");
    LeftInPeace("customers without an offer", "オファーのない顧客");
    LeftInPeaceNote("of those a channel may reach, none held back; why stands below", "案内できる顧客のうち、比較対照群を除く（理由は後述）");
    HeldBack("customers held back", "比較対照群の顧客");
    HeldBackNote("drawn at random to measure what offers add", "オファーの効果を測るため、無作為に案内の対象外とした顧客");
    NobodyHeldBack("none: the effect of the offers cannot be measured", "なし（オファーの効果を測定できません）");
    WithOffer("with an offer", "オファーあり");
    WithoutOffer("without an offer", "オファーなし");
    NotAsked("may not be contacted, or left", "案内不可・離脱");
    Holdout("holdout", "比較対照群");
    CustomersByOutcome("Customers by what was decided", "決定内容別の顧客数");
    Customers("customers", "顧客数");

    ToDo("What to do", "次にすること");
    ToDoSend("Make the {offers} offers in `offers.parquet` to {customers} customers, each through the channel its row names. The files delivered to your CRM hold these rows; where a profile takes one offer a customer, the first.", "`offers.parquet` にある{offers}件のオファーを、{customers}人の顧客に、各行に示したチャネルで案内してください。CRMに配信したファイルの内容も同じです（1顧客1件のプロファイルでは、その先頭の行）。");
    ToDoRank("Where a customer has several offers, begin with rank 1. Each row gives its reasons.", "1人に複数のオファーがある場合は、順位1から案内してください。理由は各行にあります。");
    ToDoBefore("Make them before {date}. After that day the probabilities say nothing.", "{date}より前に案内してください。この日以降、確率は意味を持ちません。");
    ToDoHoldout("Do not contact the customers in `shadow.parquet`. They are held back so that the effect can be measured.", "`shadow.parquet` の顧客には案内しないでください。効果を測るための比較対照群です。");
    ToDoMeasure("Measure what the offers earned on {date} or later, once every sale that counts is known: `osusume evaluate`.", "対象となる成約がすべて判明する{date}以降に、`osusume evaluate` でオファーの成果を測定してください。");

    NotProven("What is not proven", "まだ証明されていないこと");
    NoEffectYet("That offers cause sales. A probability here says how likely a customer buys, contacted or not; the expected value is not extra money.", "オファーが売上を生むかどうか。ここでの確率は、案内の有無にかかわらず顧客が購入する確率です。期待価値は増収額ではありません。");
    ValueNotAdded("That the expected value is extra money: by the pipeline file it counts sales that come without a contact, too. What a contact adds stands with each offer that was drawn for.", "期待価値が増収額であること。パイプラインファイルの指定により、期待価値には案内しなくても成約するものが含まれます。案内による増加は、無作為割付のあるオファーごとに示しています。");
    NotIncremental("That the ranking is incremental, for: {names}. Nothing tells what a contact adds, so every sale counts in full, and customers who would buy anyway may come first.", "次のオファーの順位が増分に基づくこと: {names}（案内の効果がわからず成約をすべて数えるため、案内しなくても購入する顧客が上位になることがあります）");
    ContactAssumed("That a contact adds what the pipeline file assumes, for: {names}.", "次のオファーで、案内の効果がパイプラインファイルの仮定どおりであること: {names}");
    ContactMayDoNothing("That a contact adds sales at all, for: {names}. Customers contacted or held back at random leave it open.", "次のオファーで、案内が成約を増やすこと: {names}（無作為割付の顧客からは、まだ言えません）");
    ContactHarms("That {names} should ever be offered: of customers drawn at random, those contacted bought less often. They are not offered.", "次のオファーを案内すべきこと: {names}（無作為割付の顧客では、案内した方が成約が少なかったため、案内しません）");
    LevelMayMove("That as many customers will buy as predicted: the level of the probabilities comes from the sales after {date}, the newest that are fully known.", "予測どおりの成約件数になること（確率の水準は、すべて判明している最新の成約である{date}以降のものに合わせています）。");
    NoHoldout("Nothing can show the effect later either: nobody is held back.", "比較対照群がないため、後から効果を示すこともできません。");
    AssumedStatic("That these columns of {source}, which is loaded again whole, always were what they are now, as the pipeline file says: {names}.", "毎回読み込み直す{source}の次の列が、パイプラインファイルの宣言どおり過去も今と同じ値だったこと: {names}");
    KnownByCopies("What these columns of {source} were before {first}, when its first copy was made: {names}. {served} of the {dates} dates learned from see a copy.", "{source}の次の列について、最初のコピーを作った{first}より前の値: {names}（学習に使った{dates}時点のうち{served}時点でコピーを参照）");
    NoCopies("What these columns of {source}, which is loaded again whole, were at the dates learned from: {names}. No copy was made by then, so they are not learned from.", "毎回読み込み直す{source}の次の列の、学習に使った時点での値: {names}（当時のコピーがないため、学習には使っていません）");
    NoBetterThanChance("That the model ranks customers better than chance, for: {names}.", "次のオファーで、モデルの順位付けが偶然より優れていること: {names}");
    Overestimated("That the probabilities are high enough to trust, for: {names}. In the test fewer customers bought than predicted.", "次のオファーの確率の高さ: {names}（テストでは予測より成約が少なかった）");
    Underestimated("That the probabilities are low enough, for: {names}. In the test more customers bought than predicted.", "次のオファーの確率の低さ: {names}（テストでは予測より成約が多かった）");
    Untested("Anything about the model, for lack of sales known before the test: {names}.", "次のオファーのモデル全般（テスト前に判明した成約が不足）: {names}");
    RateOnly("Any difference between customers, for: {names}. Their sales are too few for a model, and everybody gets the same rate.", "次のオファーでの顧客ごとの違い: {names}（成約が少なくモデルを作れないため、全員に同じ率を使用）");
    GateRate("Any difference between customers, for: {names}. What their models said did not hold in the newest window, so everybody gets the same rate.", "次のオファーでの顧客ごとの違い: {names}（モデルの予測が直近の期間で成り立たなかったため、全員に同じ率を使用）");
    EffectMeasured("The effect has been measured since; see below.", "効果は測定済みです（後述）。");

    // Offers.
    Offers("Offers", "オファー");
    Offer("offer", "オファー");
    Kind("kind", "種類");
    Made("made", "件数");
    Value("expected value", "期待価値");
    Ranking("ranking (AUC)", "順位付け（AUC）");
    Level("observed / predicted", "実績／予測");
    EvidenceHead("effect of a contact", "案内の効果");
    EvidenceDrawn("drawn at random", "無作為割付");
    EvidenceAssumed("assumed", "仮定");
    EvidenceNone("not known", "不明");
    EvidenceResemblance("not known (one date)", "不明（一時点）");
    EvidenceMeans("Effect of a contact: where customers drawn at random tell it, or the pipeline file assumes it, the expected value is what the contact adds; elsewhere it counts every sale.", "案内の効果: 無作為割付でわかる場合と、パイプラインファイルで仮定した場合、期待価値は案内による増分です。それ以外では成約をすべて数えます。");
    OffersNote("Each dot is a result of the newest test, on sales the model had not seen; the line is its 95 % interval. The gray mark is chance for the ranking, and exactly as many sales as predicted for the level.", "点は最新のテスト（モデルが見ていない成約）の結果、線は95%信頼区間です。灰色の線は、順位付けでは偶然の水準、実績／予測では予測どおりの水準を示します。");
    AucMeans("AUC: take a customer who bought and one who did not; it is how often the model gave the buyer the higher probability. 0.5 is a coin toss, 1 is perfect.", "AUC: 購入した顧客と購入しなかった顧客を1人ずつ比べたとき、購入した顧客の確率の方が高い割合です。0.5は偶然、1は完全を意味します。");
    LevelMeans("Observed / predicted: sales that came for each one predicted. 1 is right, below 1 is too optimistic. The level is set on the same test, by other customers, so it is close to 1 unless something is wrong.", "実績／予測: 予測1件当たりの実際の成約件数です。1なら適切、1未満なら楽観的な予測です。予測の水準は同じテストの別の顧客に合わせているため、問題がなければ1に近くなります。");
    LogLossMeans("Log loss: the penalty for wrong probabilities, lower is better; beside it what one would pay for giving everybody the average rate.", "対数損失: 確率の外れに対する罰点で、小さいほど良い値です。全員に平均の率を使った場合の値と比べてください。");
    LiftMeans("Lift: how many times the average rate the customers in a group bought. High bars on the left mean that the model finds buyers.", "リフト: その集団の購入率が平均の何倍かを示します。左側が高いほど、買う顧客を見つけられています。");
    GainsMeans("Gains: going through customers from the highest probability down, the share of all buyers met so far. The dotted line is a random order.", "ゲイン: 確率の高い順に案内したとき、購入者全体の何割に届くかを示します。点線は無作為の順です。");
    CalibrationMeans("Calibration: whether of the customers given 3 % about 3 % buy. Dots on the dotted line are right; below it the model promised too much.", "較正: 3%と予測した顧客の約3%が実際に購入したかを示します。点線上なら適切、下なら予測が高すぎます。");
    BandsNote("Tenths of the customers are joined with their neighbors until each group has at least {smallest} buyers.", "顧客を10等分し、購入者が{smallest}人以上になるまで隣同士をまとめています。");

    Models("How well the models rank and predict", "モデルの精度");
    Together("All offers together", "全オファーの合計");
    TogetherNote("The newest test, {date}: {rows} pairs of a customer and an offer, {takes} sales.", "最新のテスト（{date}）: 顧客とオファーの組{rows}件、成約{takes}件。");
    Lift("Lift", "リフト");
    Gains("Gains", "ゲイン");
    Calibration("Calibration", "較正");
    CustomersAxis("customers, highest probability first", "顧客（確率の高い順）");
    LiftAxis("times the average", "平均に対する倍率");
    GainsAxis("share of buyers", "購入者の割合");
    PredictedAxis("predicted", "予測");
    ObservedAxis("bought", "実際の購入率");
    LiftDescription("The group with the highest probabilities buys {first} times the average; 95 % interval {lower} to {upper}.", "確率が最も高い集団の購入率は平均の{first}倍です（95%信頼区間 {lower}～{upper}）。");
    GainsDescription("The first {share} of the customers hold {gain} of the buyers.", "上位{share}の顧客に、購入者の{gain}が含まれます。");
    CalibrationDescription("Predicted {predicted}, bought {observed}: the group with the highest probabilities.", "確率が最も高い集団は、予測{predicted}、実際の購入率{observed}です。");
    LearnedFrom("Learned from {rows} past chances to buy, {takes} taken.", "過去の購入機会{rows}件（うち成約{takes}件）から学習。");
    DrawnByLot("Of customers drawn at random {contacted} were contacted, of whom {taken} took it, and {held} held back, of whom {alone} did.", "無作為に選んだ顧客のうち、案内した{contacted}人では{taken}人、案内を控えた{held}人では{alone}人が成約。");
    DrawnByLotWithheld("Of customers drawn at random {contacted} were contacted and {held} held back.", "無作為に選んだ顧客のうち、{contacted}人に案内し、{held}人には案内を控えました。");
    ContactOdds("A contact multiplies the odds of a sale by {value} ({lower} to {upper}), drawn toward the family where sales are few.", "案内により成約のオッズは{value}倍（{lower}～{upper}、成約が少ない場合は同系統のオファーに寄せた値）。");
    ValueByDraw("Its expected value is what a contact adds, as customers drawn at random tell.", "期待価値は案内による増分です（無作為割付による）。");
    ValueAssumed("Its expected value is what a contact adds, as the pipeline file assumes.", "期待価値は案内による増分です（パイプラインファイルの仮定による）。");
    ValueUnknown("Nothing tells what a contact adds: its expected value counts every sale, contacted or not.", "案内の効果は不明で、期待価値は案内の有無によらず成約をすべて数えます。");
    ValueOfTakes("By the pipeline file its expected value counts every sale, contacted or not.", "パイプラインファイルの指定により、期待価値は案内の有無によらず成約をすべて数えます。");
    ValueOfResemblance("Its expected value is of resemblance to holders, not of sales to come.", "期待価値は保有者との類似に基づくもので、今後の成約の見込みではありません。");
    StepBacks("Of {takes} earlier takes, {back} ({rate}) were given up within 90 days; what exceeds the usual loss is taken off its value.", "過去の成約{takes}件のうち{back}件（{rate}）が90日以内に解約または元に戻り、通常の減少を超える分を期待価値から差し引きます。");
    QuantityOwn("Sold in numbers: {takes} takes were of {mean} units on average, and each customer is expected to take a number of their own.", "数量で販売する商品です。成約{takes}件の平均は{mean}単位で、見込み数量は顧客ごとに推定します。");
    QuantityMean("Sold in numbers: {takes} takes were of {mean} units on average, and every customer is expected to take the same number.", "数量で販売する商品です。成約{takes}件の平均は{mean}単位で、見込み数量は全顧客で共通です。");
    LeverPulled("A lever multiplies what it brings by {factor} and adds {added} in the ranking; its expected value is without it.", "営業方針により、順位付けでは成果を{factor}倍し{added}を加えます（期待価値には含みません）。");
    ChurnByContact("Of customers drawn at random, {contacted} contacted and {held} held back, a contact changed the share who left by {value} points ({lower} to {upper}).", "無作為に選んだ顧客（案内{contacted}人、案内を控えた顧客{held}人）では、案内による離脱率の変化は{value}ポイント（{lower}～{upper}）でした。");
    ChurnCounted("The values count {share} of customers lost by a contact.", "期待価値では、案内1回による離脱を{share}と見込みます。");
    LearnedFromWithheld("Learned from {rows} past chances to buy.", "過去の購入機会{rows}件から学習。");
    TestedOn("Tested as of {date} on {rows} customers, {takes} buyers.", "{date}時点の顧客{rows}人（購入者{takes}人）でテスト。");
    TestedOnWithheld("Tested as of {date} on {rows} customers.", "{date}時点の顧客{rows}人でテスト。");
    NotTested("Not tested: too few sales were known before the test.", "テスト未実施（テスト前に判明した成約が不足）。");
    TooFewForCharts("The test has too few buyers to draw groups of at least {smallest}.", "テストの購入者が少なく、{smallest}人以上の集団に分けた図は描けません。");
    NothingOffered("It is offered to nobody: no customer is worth a contact for it.", "案内に見合う顧客がいないため、この商品は誰にも案内しません。");
    GateClosed("Its calibration did not hold at the newest test (slope {slope}, takes over expected takes {level}), so every customer gets the same rate.", "最新の検証で較正が保たれなかったため（傾き {slope}、期待成約数に対する成約数 {level}）、全員に同じ率を使います。");
    BasisRate("Too few sales for a model of its own: every customer gets the same rate.", "成約が少なく専用のモデルを作れないため、全員に同じ率を使います。");
    Auc("AUC", "AUC");
    LogLoss("log loss", "対数損失");
    LogLossValue("{model} (average rate: {base})", "{model}（平均の率: {base}）");
    Interval("{value} ({lower} to {upper})", "{value}（{lower}～{upper}）");
    Numbers("The numbers of the charts", "図の数値");
    Band("customers", "顧客");
    BandRows("rows", "行数");
    BandTakes("bought", "購入");
    BandPredicted("predicted", "予測");
    BandObserved("rate (95 %)", "購入率（95%）");

    Strongest("What weighs most", "影響の大きい特徴");
    StrongestMeans("What weighs most: the factor on the odds of buying. For a number, one standard deviation in the direction named; for a category or a yes or no, this answer against the others. Gray bars speak against. It is what goes together, not what causes it.", "影響の大きい特徴: 購入オッズの倍率です。数値は示した方向に標準偏差1つ分、区分や有無はその回答に当たる場合の値です。灰色は購入しにくい方向です。関連であり、因果ではありません。");
    CurvesMean("A small curve below a bar is the model itself: what the feature adds from its lowest values on the left to its highest on the right, in steps of about as many customers each; above the line it speaks for the offer.", "棒の下の小さな曲線はモデルそのものです。左端が最も低い値、右端が最も高い値で、各段はほぼ同じ人数です。線より上は購入しやすい方向です。");
    FeatureHigh("high {label}", "{label} が高い");
    FeatureLow("low {label}", "{label} が低い");
    FeatureYes("{label}: yes", "{label}: はい");
    FeatureNo("{label}: no", "{label}: いいえ");
    FeatureLevel("{label}: {level}", "{label}: {level}");
    FeatureRareLevel("{label}: a rare level", "{label}: まれな区分");

    CrossSection("The tables are of one date. These figures say who resembles those who hold a product, not who will buy it; models were tested on customers they had not seen.", "一時点のデータです。商品を持つ顧客に似ている人を示すもので、誰が買うかは示しません。モデルの検証は、学習に使っていない顧客で行いました。");
    // Rules.
    Rules("What goes together", "同時に利用される商品");
    RulesNote("Customers with the products on the left also have the one on the right. Lift: how many times more often than customers at large; 1 is no connection. In brackets: at least this many times more often than customers with as many products; the rules are sorted by it. Later: the lift on data the rule was not found in.", "左の商品を持つ顧客は、右の商品も持っています。リフトは全体と比べた倍率で、1なら無関係です。括弧内は、商品の数が同じ顧客と比べた倍率の下限で、この順に並べています。「後の期間」は、ルールの抽出に使っていないデータでの値です。");
    RulesOfBasketsNote("Purchases with the products on the left also hold the one on the right. Lift: how many times more often than purchases at large; 1 is no connection. In brackets: at least this many times more often than purchases of as many products; the rules are sorted by it. Later: the lift on purchases the rule was not found in.", "左の商品を含む買い物は、右の商品も含んでいます。リフトは買い物全体と比べた倍率で、1なら無関係です。括弧内は、商品の数が同じ買い物と比べた倍率の下限で、この順に並べています。「後の期間」は、ルールの抽出に使っていない買い物での値です。");
    RuleOfBasket("purchase with", "左の商品");
    RuleAlsoInBasket("also with", "右の商品");
    RuleOf("who has", "左の商品");
    RuleAlso("also has", "右の商品");
    RuleJoint("together", "件数");
    RuleConfidence("how often", "割合");
    RuleLift("lift (size alike)", "リフト（同数比）");
    RuleLater("later", "後の期間");

    // What follows what.
    Follows("What is added after what", "購入後に追加される商品");
    FollowsNote("Customers who took the product on the left and do not have the one on the right: how many times as often they add it within {days} days as after other purchases of the same month, tenure and size, with its 95 % interval; 1 is what being active alone would give. The table is sorted by the lower end. Half of them: the days by which half of those who added it had. Later: the same on data the pair was not found in.", "左の商品を購入し、右の商品を持っていない顧客が、{days}日以内に右の商品を追加する頻度です。月・利用期間・購入点数が同じ、ほかの購入の後と比べた倍率と95％区間を示します。1なら、購買が活発なことだけで説明できます。区間の下限の順に並べています。「半数まで」は、追加した顧客の半数が追加するまでの日数です。「後の期間」は、この組を見つけるのに使っていないデータでの値です。");
    FollowOf("who took", "左の商品");
    FollowAdds("adds", "右の商品");
    FollowRatio("how many times as often", "倍率");
    FollowHalf("half of them within", "半数まで");
    FollowDays("{days} {days?day:days}", "{days}日");
    FollowAdded("customers who did", "追加した顧客");

    // Decisions.
    Decisions("Reach, and why no offer", "案内先と、オファーがない理由");
    Reach("Offers by channel", "チャネル別のオファー");
    Channel("channel", "チャネル");
    Lane("lane", "レーン");
    Without("Customers without an offer, by what stood in the way", "オファーのない顧客とその理由");
    WhyNot("What became of every pair of a customer and an offer", "顧客とオファーのすべての組の結果");
    Reason("outcome", "結果");
    Pairs("pairs", "組の数");
    Offered("offered", "案内する");
    Shadow("would be offered, but held back", "比較対照群のため案内しない");
    HoldoutText("{count} customers were drawn, each with a probability of {share}, by a hash of their household or customer id and are never contacted. They went through the same decisions, and their offers stand in `shadow.parquet`.", "世帯IDまたは顧客IDのハッシュにより{share}の確率で抽出した{count}人には案内しません。同じ決定処理を行い、その結果は `shadow.parquet` にあります。");
    PolicyText("At most {most} {most?offer:offers} a customer; an offer that the ranking chooses is worth at least {least}.", "1人当たり最大{most}件。順位付けで選ぶのは、期待価値が{least}以上のオファーだけです。");

    Trigger("trigger", "きっかけ");
    NoTrigger("none", "なし");

    // Limits and stability.
    Limits("Places and budgets", "枠と予算");
    Limit("limit on", "対象");
    LimitAllowed("allowed", "上限・下限");
    LimitPrice("one place more earns", "枠を1つ増やした場合の価値");
    LimitNext("next in line is short by", "次点までの差");
    LimitsNote("Who gets the places is settled over all customers at once, so that together they earn the most. One place more earns: what the expected value would grow by; of a budget, by how much for each unit of money; below 0, what each row costs that a minimum asks for. Next in line: by how much more the best offer left out would have had to be worth. A dash: the limit binds nobody.", "枠は、全体の期待価値が最大になるよう全顧客をまとめて割り当てています。「枠を1つ増やした場合の価値」は期待価値の増加額で、予算では1単位当たりの増加額、負の値は下限を満たすための1件当たりの負担です。「次点までの差」は、枠に入らなかった最良のオファーに足りない価値です。ダッシュは、制約になっていない枠を示します。");
    LimitMissed("The minimum of {limit} is missed by {rows}: there are not enough customers whom the rules leave it.", "{limit}の下限に{rows}件足りません（ルール上案内できる顧客が不足）。");
    LimitMissedWithheld("The minimum of {limit} is missed: there are not enough customers whom the rules leave it.", "{limit}の下限を満たしていません（ルール上案内できる顧客が不足）。");
    StabilityHead("What changed since the run before", "前回からの変化");
    StabilityText("Beside run {run}, the first offer of {kept} customers is the same, of {changed} another one; {ended} have none any more, and {begun} have one who had none.", "前回の実行 {run} と比べ、第1位のオファーは{kept}人で同じ、{changed}人で別のものに変わり、{ended}人でなくなり、{begun}人に新たに加わりました。");
    FlipRate("Of those who had an offer, {share} have another or none.", "前回オファーがあった顧客のうち、変更またはなしになった割合は{share}です。");
    StabilityCause("why the earlier offer is first no more", "前回のオファーが第1位でなくなった理由");
    NotInCatalogue("no longer offered", "取扱いの終了");

    // The audit by group.
    Guard("Whom the offers reach", "オファーの公平性");
    GuardRestricted("By `{attribute}`, which no model sees", "`{attribute}` 別（モデルは参照しません）");
    GuardOpen("By `{attribute}`, which models may use", "`{attribute}` 別（モデルが参照することがあります）");
    GuardGroup("group", "区分");
    GuardEligible("rules leave an offer (95 %)", "ルール上案内可能（95%）");
    GuardWithOffer("with an offer (95 %)", "オファーあり（95%）");
    GuardRatio("beside everybody", "全体との比");
    GuardValue("value where offered (95 %)", "オファーがある顧客の価値（95%）");
    GuardPropensity("mean probability", "確率の平均");
    GuardEverybody("everybody", "全体");
    GuardAbsent("not recorded", "記録なし");
    GuardOthers("others together", "その他の合計");
    GuardYes("yes", "はい");
    GuardNo("no", "いいえ");
    GuardShown("Shown are all customers decided about outside the holdout, in the group they belong to on the day; `offers.parquet` as it goes out, explorers included. Groups of fewer than 10 customers are joined. A count of 1 to 9, what is left of its group, and whatever could be worked out from them are withheld.", "対象は、比較対照群を除くすべての判断対象の顧客で、基準日時点の区分によります。探索対象を含め、実際に配信する `offers.parquet` を集計しました。10人未満の区分はまとめています。1～9人となる人数、区分の残りがそうなる人数、およびそれらを推定できる数値は非表示です。");
    GuardColumns("Beside everybody: the share with an offer over that of all customers, with its 95 % interval; the gray mark is 1, no difference. Rules leave an offer: at least one that nothing about the customer rules out (consent, holdings, contacts, lanes, rules of your own). Mean probability: of the offers they leave. Observed / predicted: in the newest test, where a group has ten sales.", "全体との比: オファーがある割合を全体の割合で割った値と95%信頼区間です。灰色の線は1（差なし）です。ルール上案内可能: 同意、契約、連絡履歴、レーン、独自のルールのいずれでも除外されないオファーが1件以上ある割合です。確率の平均: それらのオファーの平均です。実績／予測: 最新のテストでの値で、成約が10件以上の区分だけを示します。");
    GuardNotShown("Not shown: whether a difference is justified, what causes it, and groups of two attributes at once. A ratio whose interval contains 1 shows no difference, which does not prove that there is none. Other columns may stand for a restricted one.", "示していないもの: 差が正当かどうか、その原因、2つの属性を組み合わせた区分。区間が1を含む場合、差は示されていませんが、差がないことの証明ではありません。ほかの列が、制限した属性の代わりになっていることもあります。");

    // Learning and data.
    Learning("What was learned from", "学習データ");
    LearningText("{rows} rows at {dates} past dates, {first} to {last}, with {features} features each; {share} of the customers.", "過去の基準日{dates}回（{first}～{last}）の{rows}行、特徴量{features}個。対象は顧客の{share}です。");
    TestsTable("Tests over all offers", "全オファーのテスト");
    TestDate("test date", "テスト日");
    TestOffers("offers", "オファー数");
    MeanAuc("mean AUC", "AUCの平均");
    LogLossBase("log loss (average rate)", "対数損失（平均の率）");
    Slope("calibration slope", "較正の傾き");
    SlopeMeans("Calibration slope: 1 when high and low probabilities are right; below 1 they are too extreme.", "較正の傾き: 1なら確率の高低が適切です。1未満なら極端すぎる予測です。");
    Data("Data and quarantine", "データと隔離");
    Source("source", "データ");
    Read("rows read", "読み取り行");
    Used("used", "使用");
    SetAside("set aside", "隔離");
    Repeated("repeated", "重複");
    NothingSetAside("No row was set aside.", "隔離した行はありません。");
    SetAsideBy("Rows set aside by reason", "理由別の隔離行");
    Code("code", "コード");
    Rows("rows", "行数");
    SetAsideWhere("`quarantine/rejects.csv` has file, line, and column of each.", "各行のファイル、行、列は `quarantine/rejects.csv` にあります。");
    UnknownProducts("{rows} {rows?row:rows} of holdings name a product that is not in the products table and count for nothing.", "商品表にない商品の契約が{rows}行あり、集計の対象外です。");

    // Evaluation.
    Evaluation("What the offers earned", "オファーの成果");
    EvaluationText("Measured on data up to {date}: customers assigned an offer against customers in the holdout who would have been assigned it.", "{date}までのデータで、案内の対象となった顧客と、比較対照群で同じ案内の対象となるはずだった顧客を比較しました。");
    EvaluationEarly("Some sales are not known yet; the numbers will change.", "未判明の成約があり、数値は今後変わります。");
    EvaluationAxis("sales per 100 customers, with offer minus without", "顧客100人当たりの成約の差（案内あり－なし）");
    EvaluationDifference("difference (95 %)", "差（95%）");
    EvaluationOffered("bought, offered", "購入率（案内あり）");
    EvaluationHeldBack("bought, held back", "購入率（対照群）");
    EvaluationRevenue("Revenue a customer in the window, everybody outside the holdout less those in it, allowing for the revenue before: {difference}.", "期間内の1人当たり売上の差（対照群以外の全員－対照群、期間前の売上で調整）: {difference}。");
    EvaluationRetention("Still a customer at its end, per 100 customers, likewise: {difference}.", "期間末の継続顧客数の差（顧客100人当たり、同様の比較）: {difference}。");
    EvaluationNothing("An interval that contains 0 does not show an effect.", "区間が0を含む場合、効果は示されていません。");
    Expected("What was expected, and what came", "見込みと実績");
    ExpectedText("Each row of the offer table said how likely a contacted customer takes it and what the contact adds to that. Here the mean of what was said stands beside what came of the same offers, sent or not.", "オファー表の各行には、案内した場合の成約確率と、案内による増分の見込みがあります。ここでは同じオファーについて、見込みの平均と実績を並べています（実際に案内したかどうかは問いません）。");
    ExpectedMade("{made} offers were made for {value} each on average, over {months} months of margin. Most of these months lie ahead, so of money the margin of one month is compared: that of the sales the offers added.", "{made}件のオファーの期待価値は、{months}か月分の粗利で1件当たり平均{value}でした。その多くはこれからの月のものなので、金額は、オファーが増やした成約の1か月分の粗利で比べています。");
    ExpectedTakes("sales per 100 offers (95 %)", "オファー100件当たりの成約（95%）");
    ExpectedAdded("of them added by the contact (95 %)", "うち案内による増分（95%）");
    ExpectedMargin("margin a month this adds, an offer (95 %)", "増分の1か月の粗利、1件当たり（95%）");
    ExpectedVerdict("in words", "判定");
    ExpectedWas("expected {value}", "見込み {value}");
    ExpectedCame("came {value}", "実績 {value}");
    ExpectedSales("sales: {verdict}", "成約: {verdict}");
    ExpectedAddition("addition: {verdict}", "増分: {verdict}");
    ExpectedAsSaid("not contradicted", "矛盾なし");
    ExpectedOver("overstated<< by a factor of {factor}>>", "過大<<（実績の{factor}倍）>>");
    ExpectedUnder("understated<<, {factor} times of it came>>", "過小<<（実績は見込みの{factor}倍）>>");
    ExpectedNotShown("too few to say", "件数が足りず判定不可");
    ExpectedNote("Not contradicted means that what came does not lie outside of what was expected, by intervals that consider all offers together; with few sales a large error may hide in that. What was expected of a contact has an interval of its own where draws told it.", "「矛盾なし」とは、すべてのオファーを考慮した区間で、実績が見込みと矛盾しないという意味です。成約が少ない場合は、大きな誤差が隠れている可能性があります。案内の効果の見込みにも、無作為割付に基づく場合は区間があります。");
    EvaluationArms("Policies against each other: everybody in an arm, offered something or not. An arm is called better only where its revenue (its sales, where no table has money) shows it with all comparisons considered.", "選び方の比較（案内の有無を問わず、各群の全員）。優劣は、すべての比較を考慮しても売上（金額のない場合は成約）に差が示されたときだけ記します。");
    EvaluationArm("arms", "群");
    EvaluationArmTakes("sales per 100 customers (95 %)", "顧客100人当たりの成約の差（95%）");
    EvaluationArmRevenue("revenue a customer (95 %)", "1人当たり売上の差（95%）");
    EvaluationArmRetention("still customers per 100 (95 %)", "100人当たりの継続顧客数の差（95%）");
    EvaluationVerdict("shown", "判定");
    ArmLess("{arm} less {against}", "{arm}－{against}");
    ArmHoldout("holdout", "比較対照群");
    ArmRanking("ranking by value", "価値の順位");
    ArmPropensity("propensity × margin", "成約確率×粗利");
    ArmRandom("any offer by lot", "無作為の抽選");
    VerdictBetter("better", "優れている");
    VerdictWorse("worse", "劣っている");
    VerdictNotShown("no difference", "差は示されていない");
    AllOffers("all offers", "全オファー");

    Footer("Counts of 1 to {most} customers are withheld, and so are those they could be worked out from. Rows of files are not customers and are all shown. `report.json` holds the same numbers.", "1～{most}人の顧客数と、そこから推定できる数値は非表示です。ファイルの行数は顧客数ではないため、すべて表示します。`report.json` も同じ内容です。");
}

/// A line without arguments.
pub fn word(line: Line, language: Language) -> &'static str {
    let [en, ja] = TEMPLATES[line as usize];
    language.pick(en, ja)
}

/// A line with its arguments filled in; whole numbers get thousands separators.
pub fn say(line: Line, language: Language, args: &[(&str, Arg)]) -> String {
    let lookup = |name: &str| args.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    fill(word(line, language), &lookup, language)
}

/// A day as people write it: "October 1, 2026", 「2026年10月1日」.
///
/// ```
/// use osusume_text::{Language, report::day};
/// let date = "2026-10-01".parse().expect("a date");
/// assert_eq!(day(date, Language::En), "October 1, 2026");
/// assert_eq!(day(date, Language::Ja), "2026年10月1日");
/// ```
pub fn day(date: Date, language: Language) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, day) = date.ymd();
    match language {
        Language::En => format!("{} {day}, {year}", MONTHS[month as usize - 1]),
        Language::Ja => format!("{year}年{month}月{day}日"),
    }
}

/// The headline of an error code without its arguments, e.g. "`<name>` is not a date"; `None` for an unknown code.
pub fn code_title(id: &str, language: Language) -> Option<String> {
    Code::parse(id).map(|code| class(code, language))
}

/// What rows struck by a code have in common: the headline of a fault without what differs from row to row.
fn class(code: Code, language: Language) -> String {
    let [en, ja] = match code {
        Code::RowTooShort => ["row has too few fields", "列が足りない行"],
        Code::RowTooLong => ["row has too many fields", "列が多すぎる行"],
        Code::RecordTooLarge => ["record is too large", "長すぎる行"],
        Code::WrongType => ["value is not of the declared type", "宣言した種類として読み取れない値"],
        Code::WrongEncoding => {
            ["bytes are not valid in the declared encoding", "宣言した文字コードとして読み取れない値"]
        }
        Code::OutOfRange => ["value is out of range", "範囲外の値"],
        Code::AmbiguousTime => {
            ["local time does not exist or exists twice", "存在しない、または二重に存在する現地時刻"]
        }
        _ => return fill(message(code, language).title, &|_| None, language),
    };
    language.pick(en, ja).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::template::placeholders;

    #[test]
    fn every_line_has_both_languages_with_the_same_placeholders() {
        for &line in Line::ALL {
            let [en, ja] = TEMPLATES[line as usize];
            let names = |template| placeholders(template).into_iter().collect::<BTreeSet<_>>();
            assert_eq!(names(en), names(ja), "{line:?}");
            assert!(en.replace('×', "").is_ascii(), "{line:?}");
        }
    }

    #[test]
    fn codes_have_titles() {
        assert!(code_title("E1017", Language::En).is_some_and(|title| title.contains("quote")));
        assert_eq!(code_title("E9999", Language::En), None);
        // What becomes of rows, as the report lists it.
        let of_rows = Code::ALL.iter().filter(|code| ("E1018".."E1030").contains(&code.id()) || code.id() == "E1037");
        for id in of_rows.map(|code| code.id()) {
            for title in Language::ALL.map(|language| code_title(id, language).unwrap_or_default()) {
                assert!(!title.is_empty() && !title.contains(['<', '{', '?']), "{id}: {title}");
            }
        }
    }
}
