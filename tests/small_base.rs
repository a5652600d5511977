//! Businesses of 300 and 2,000 accounts: what a contact adds is pooled and wide, and no offer is called effective.

use serde_json::Value;

use super::support::{Company, names};

/// What a run of the business says, in numbers and on its page.
fn told(business: &str, accounts: u32) -> (Value, String) {
    let company = Company::new();
    company.succeed(&["demo", business, "--customers", &accounts.to_string(), "--out", "small"]);
    let runs = company.path(&format!("small/runs/{business}"));
    let run = names(&runs).into_iter().find(|name| name.starts_with("2026-")).unwrap();
    let text = |name: &str| std::fs::read_to_string(runs.join(&run).join(name)).unwrap();
    (serde_json::from_str(&text("report.json")).unwrap(), text("report.html"))
}

/// How a page says it: what is not proven, that draws leave open whether a contact sells, that an effect is assumed, and that nothing
/// tells; each around the names.
struct Words {
    language: &'static str,
    heading: &'static str,
    open: [&'static str; 2],
    assumed: [&'static str; 2],
    unknown: [&'static str; 2],
    comma: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    heading: "What is not proven",
    open: ["That a contact adds sales at all, for: ", ". Customers contacted or held back"],
    assumed: ["That a contact adds what the pipeline file assumes, for: ", ".</li>"],
    unknown: ["That the ranking is incremental, for: ", ". Nothing tells what a contact adds"],
    comma: ", ",
};
const JAPANESE: Words = Words {
    language: "ja",
    heading: "まだ証明されていないこと",
    open: ["次のオファーで、案内が成約を増やすこと: ", "（無作為割付の顧客からは、まだ言えません）"],
    assumed: ["次のオファーで、案内の効果がパイプラインファイルの仮定どおりであること: ", "</li>"],
    unknown: ["次のオファーの順位が増分に基づくこと: ", "（案内の効果がわからず成約をすべて数えるため"],
    comma: "、",
};

impl Words {
    /// The offers that a sentence among what is not proven names.
    fn named<'a>(&self, page: &'a str, [before, after]: [&str; 2]) -> Vec<&'a str> {
        let list = page.split(self.heading).nth(1).unwrap().split("</ul>").next().unwrap();
        let sentence = list.split("<li>").find_map(|item| item.strip_prefix(before)?.split_once(after));
        sentence.map_or_else(Vec::new, |(offers, _)| offers.split(self.comma).collect())
    }
}

#[test]
fn on_a_small_base_no_offer_is_called_effective() {
    for (business, accounts, words) in
        [("saas", 300, ENGLISH), ("saas", 2_000, ENGLISH), ("contacts", 300, JAPANESE), ("contacts", 2_000, JAPANESE)]
    {
        let (report, page) = told(business, accounts);
        let open = words.named(&page, words.open);
        let assumed = words.named(&page, words.assumed);
        let unknown = words.named(&page, words.unknown);
        let mut drawn = Vec::new();
        for offer in report["offers"].as_array().unwrap() {
            let (name, at) =
                (offer["names"][words.language].as_str().unwrap(), format!("{business} {accounts} {offer}"));
            if offer["contact"] == Value::Null {
                assert_eq!(offer["evidence"], "observational", "{at}");
                assert!(unknown.contains(&name), "{unknown:?}: {at}");
                continue;
            }
            // Draws there are, and takes too few to change what was believed: nothing is called found.
            assert_eq!(offer["evidence"], "assumed", "{at}");
            let odds = [0, 1, 2].map(|place| offer["contact"]["odds"][place].as_f64().unwrap());
            assert!(odds[1] < 1.0 && 1.0 < odds[2] && odds[2] / odds[1] > 1.3, "wide, and about nothing: {at}");
            assert!(open.contains(&name) && assumed.contains(&name), "{open:?}, {assumed:?}: {at}");
            drawn.push(odds[0]);
        }
        // What single draws would say differs by far more.
        let (least, most) =
            drawn.iter().fold((f64::MAX, 0.0_f64), |(least, most), &odds| (least.min(odds), most.max(odds)));
        assert!(drawn.len() < 2 || most / least < 1.1, "pooled: {business} {accounts} {drawn:?}");
    }
}
