//! The page and its numbers without a browser: well formed, self-contained, escaped, suppressed, and the same when drawn again.

mod sample;
mod xml;

use std::collections::BTreeSet;

use osusume_model::Code;
use osusume_report::{ClosedGate, Evaluation, Numbers, ReasonRow, Report, SMALLEST_SHOWN};
use osusume_testkit::{check_golden, repository_root};
use osusume_text::Language;
use proptest::prelude::*;
use serde_json::Value;

use self::sample::{HOSTILE, count, numbers};

#[test]
fn the_page_is_well_formed_and_stands_alone() {
    for language in Language::ALL {
        let html = Report::new(numbers()).html(language);
        let document = xml::read(&html);
        for (tag, attributes) in &document.tags {
            assert!(!["script", "link", "img", "iframe", "object", "base", "form"].contains(&tag.as_str()), "{tag}");
            for (name, value) in attributes {
                assert!(!name.starts_with("on") && !["src", "style", "srcset"].contains(&name.as_str()), "{name}");
                assert!(name != "href" || value.starts_with('#'), "{value}");
            }
        }
        let style = html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).unwrap();
        assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("//"));
        // Names from outside may hold anything, but only as texts.
        assert!(!html.contains("<script") && !html.contains('\u{202e}') && !html.contains('\u{1b}'));
        assert!(
            document
                .texts
                .iter()
                .any(|text| text.contains("&lt;/script&gt;&lt;script src=&quot;//x.example/a.js&quot;&gt;"))
        );
    }
}

#[test]
fn every_link_leads_somewhere_and_every_chart_is_described() {
    let html = Report::new(numbers()).html(Language::En);
    let document = xml::read(&html);
    let of = |wanted: &str| -> BTreeSet<String> {
        let all = document.tags.iter().flat_map(|(_, attributes)| attributes);
        all.filter(|(name, _)| name == wanted).map(|(_, value)| value.trim_start_matches('#').to_owned()).collect()
    };
    assert!(of("href").is_subset(&of("id")), "{:?} {:?}", of("href"), of("id"));
    let charts = document.tags.iter().filter(|(tag, attributes)| {
        tag == "svg" && attributes.iter().any(|(name, value)| name == "role" && value == "img")
    });
    let n_described = document.tags.iter().filter(|(tag, _)| tag == "desc").count();
    assert_eq!((charts.count(), n_described), (6, 6), "three for the offer with enough takes, three for all together");
}

#[test]
fn a_small_report_is_what_it_was() {
    let report = Report::new(numbers());
    let golden = |name: &str| repository_root().join("crates/report/tests/golden").join(name);
    check_golden(&golden("report.json"), &String::from_utf8(report.to_json()).unwrap());
    check_golden(&golden("report.en.html"), &report.html(Language::En));
    check_golden(&golden("report.ja.html"), &report.html(Language::Ja));
}

#[test]
fn it_is_drawn_again_from_its_json() {
    let report = Report::new(numbers());
    let again = Report::from_json(&report.to_json(), "report.json").unwrap();
    assert_eq!(again, report);
    for language in Language::ALL {
        assert_eq!(again.html(language), report.html(language));
    }
    assert_ne!(report.html(Language::En), report.html(Language::Ja));
}

#[test]
fn what_is_no_report_is_refused() {
    let newer = String::from_utf8(Report::new(numbers()).to_json()).unwrap().replacen(": 1,", ": 2,", 1);
    let cases = [("{}", Code::FormatVersion), ("", Code::FileDamaged), ("{\"format_version\": 1}", Code::FileDamaged)];
    for (text, code) in cases.into_iter().chain([(newer.as_str(), Code::FormatVersion)]) {
        assert_eq!(Report::from_json(text.as_bytes(), "report.json").unwrap_err().code(), code, "{text}");
    }
}

#[test]
fn small_counts_are_withheld_with_what_would_tell_them() {
    let report = Report::new(numbers());
    let shown = report.numbers();
    // 6 of 1,500 offers, and the smaller of the two other products: their sum would tell the 6.
    let offered: Vec<Option<u64>> = shown.offers.iter().map(|offer| count(offer.offered)).collect();
    assert_eq!(offered, [Some(1000), None, None]);
    let values: Vec<Option<i64>> = shown.offers.iter().map(|offer| offer.expected_value_minor).collect();
    assert_eq!(values, [Some(180_000), None, None]);
    let pairs: Vec<(&str, Option<u64>)> =
        shown.decisions.outcomes.iter().map(|row| (row.outcome.as_str(), count(row.pairs))).collect();
    assert!(pairs.contains(&("prerequisite", None)) && pairs.contains(&("no_consent", None)), "{pairs:?}");
    assert!(pairs.contains(&("shadow", Some(81))), "{pairs:?}");
    // 7 takes in a test: neither they nor the charts.
    assert_eq!(count(shown.offers[1].tests[0].takes), None);
    assert_eq!(shown.rules.len(), 1, "4 customers do not follow the second rule");
    assert_eq!(shown.follows.len(), 1, "9 customers added it, or did not");
    // 2 takes among those held back: the difference and the other rate would tell them.
    let effect = &shown.evaluation.as_ref().unwrap().offers[0];
    assert_eq!((effect.offered.rate, count(effect.offered.takes), effect.held_back.rate), (None, None, None));
    assert!(effect.difference.is_some());
}

#[test]
fn what_came_of_few_takes_is_withheld_and_cannot_be_worked_out() {
    let report = Report::new(numbers());
    let expected = &report.numbers().evaluation.as_ref().unwrap().expected;
    // Of security six were sold; of the line the difference and the other rate would tell the takes of two.
    for row in &expected[1..] {
        assert_eq!((count(row.made.takes), row.made.rate), (None, None), "{}", row.offer);
        assert_eq!((row.takes.came, row.takes.factor), (None, None), "{}", row.offer);
    }
    assert_eq!(expected[2].takes.verdict, "overstated", "a verdict tells no count");
    assert_eq!(count(expected[0].made.takes), Some(46), "which are the six, it does not tell");
    let mut alone = numbers();
    alone.evaluation.as_mut().unwrap().offers[0].held_back.takes = 20.into();
    let alone = Report::new(alone);
    let found = &alone.numbers().evaluation.as_ref().unwrap().expected;
    assert_eq!(count(found[0].made.takes), None, "all less the line would be the six");
    assert!(found[0].takes.came.is_none() && found[0].made.rate.is_none());
    assert!(expected[0].added.as_ref().is_some_and(|added| added.came.is_some()));
    let mut plenty = numbers();
    let found = plenty.evaluation.as_mut().unwrap();
    (found.offers[0].held_back.takes, found.expected[2].made.takes) = (20.into(), 46.into());
    found.expected[0].made.takes = 86.into();
    let shown = Report::new(plenty);
    let shown = &shown.numbers().evaluation.as_ref().unwrap().expected;
    assert!(shown.iter().all(|row| row.takes.came.is_some() && row.made.rate.is_some()));
}

#[test]
fn names_and_reasons_are_the_companys() {
    let mut numbers = numbers();
    let outcomes = &mut numbers.decisions.outcomes;
    for (id, pairs) in [("rule:elderly", 700_u64), ("rule:odd", 600), ("rule:quiet", 500)] {
        let row = ReasonRow { outcome: id.to_owned(), pairs: pairs.into() };
        outcomes.push(row);
        numbers.decisions.pairs = (numbers.decisions.pairs.get().unwrap() + pairs).into();
    }
    numbers.names.insert("care".to_owned(), "Kulanz".to_owned());
    let report = Report::new(numbers);
    for (language, reason) in
        [(Language::En, "not sold to customers past seventy"), (Language::Ja, "70歳以上のお客様には案内しません")]
    {
        let html = report.html(language);
        let texts = xml::read(&html).texts;
        let has = |wanted: &str| texts.iter().any(|text| text.contains(wanted));
        assert!(has(reason) && has("quiet") && !has("rule:elderly") && !has("rule:quiet"), "{language:?}");
        assert!(
            has("Telefon &amp; Co") && !texts.iter().any(|text| text == "telephone") && has("Kulanz"),
            "{language:?}"
        );
        assert!(has("data used in the evening") && !has("evening_gb "), "{language:?}");
    }
}

#[test]
fn a_report_without_anything_to_show_is_drawn() {
    let mut bare = numbers();
    (bare.offers, bare.rules, bare.evaluation, bare.learning.together) = (Vec::new(), Vec::new(), None, None);
    bare.follows = Vec::new();
    (bare.learning.as_of_dates, bare.learning.tests, bare.data.sources) = (Vec::new(), Vec::new(), Vec::new());
    (bare.customers.known, bare.customers.with_offer, bare.decisions.offers) = (0.into(), 0.into(), 0.into());
    bare.customers.without = Vec::new();
    (bare.customers.without_offer, bare.customers.not_asked, bare.customers.holdout) = (0.into(), 0.into(), 0.into());
    bare.decisions.holdout_fraction = 0.0;
    let html = Report::new(bare).html(Language::Ja);
    xml::read(&html);
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

/// Every number under a key that counts customers.
fn counts(value: &Value, found: &mut Vec<u64>) {
    const KEYS: [&str; 14] = [
        "known",
        "with_offer",
        "without_offer",
        "not_asked",
        "holdout",
        "offers",
        "pairs",
        "offered",
        "rows",
        "takes",
        "joint",
        "customers",
        "added",
        "held_back",
    ];
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                // Rows of files are no customers.
                let is_count = KEYS.contains(&key.as_str());
                found.extend(value.as_u64().filter(|_| is_count));
                if key != "data" && key != "tests" {
                    counts(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| counts(item, found)),
        _ => {}
    }
}

/// Counts near the border, so that most cases have something to withhold.
fn with_counts(draws: &[u64]) -> Numbers {
    let mut numbers = numbers();
    let mut draws = draws.iter().copied().cycle();
    let mut draw = || draws.next().unwrap_or(0);
    let offered: Vec<u64> = numbers.offers.iter().map(|_| draw()).collect();
    let total: u64 = offered.iter().sum();
    for (offer, offered) in numbers.offers.iter_mut().zip(&offered) {
        (offer.offered, offer.takes) = ((*offered).into(), draw().into());
        offer.rows = (count(offer.takes).unwrap_or(0) + draw()).into();
    }
    let by_telephone = draw().min(total);
    numbers.decisions.offers = total.into();
    numbers.decisions.channels[0].offers = by_telephone.into();
    numbers.decisions.channels[1].offers = (total - by_telephone).into();
    let customers = [total - draw().min(total), draw(), draw(), draw()];
    let all = &mut numbers.customers;
    (all.with_offer, all.without_offer, all.not_asked, all.holdout) =
        (customers[0].into(), customers[1].into(), customers[2].into(), customers[3].into());
    all.known = customers.iter().sum::<u64>().into();
    // Everybody without an offer under one cause, the first with what the others leave.
    let mut left = customers[1];
    for row in all.without.iter_mut().skip(1) {
        let drawn = draw().min(left);
        row.customers = drawn.into();
        left -= drawn;
    }
    all.without[0].customers = left.into();
    let mut pairs = total;
    for row in numbers.decisions.outcomes.iter_mut().skip(1) {
        let drawn = draw();
        row.pairs = drawn.into();
        pairs += drawn;
    }
    numbers.decisions.outcomes[0].pairs = total.into();
    numbers.decisions.pairs = pairs.into();
    numbers
}

/// What a total leaves after its parts shown: `None` when the total is withheld.
fn rest(total: Option<u64>, parts: &[Option<u64>]) -> Option<u64> {
    total.map(|total| total - parts.iter().flatten().sum::<u64>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_small_is_shown_and_nothing_small_is_left(draws in prop::collection::vec(prop_oneof![0..14_u64, 10..400_u64], 31)) {
        let before = with_counts(&draws);
        let report = Report::new(before.clone());
        let mut found = Vec::new();
        counts(&serde_json::from_slice(&report.to_json()).unwrap(), &mut found);
        prop_assert!(found.iter().all(|&count| count == 0 || count >= SMALLEST_SHOWN), "{:?}", found);

        let shown = report.numbers();
        let (all, decided) = (&shown.customers, &shown.decisions);
        let customers = [all.with_offer, all.without_offer, all.not_asked, all.holdout].map(count);
        let offers: Vec<Option<u64>> = shown.offers.iter().map(|offer| count(offer.offered)).collect();
        let channels: Vec<Option<u64>> = decided.channels.iter().map(|row| count(row.offers)).collect();
        let outcomes: Vec<Option<u64>> = decided.outcomes.iter().map(|row| count(row.pairs)).collect();
        let sums = [
            (count(all.known), customers.to_vec()),
            (count(all.without_offer), all.without.iter().map(|row| count(row.customers)).collect()),
            (count(decided.offers), offers),
            (count(decided.offers), channels),
            (count(decided.pairs), outcomes),
        ];
        for (total, parts) in sums {
            let n_withheld = parts.iter().filter(|part| part.is_none()).count();
            match rest(total, &parts) {
                // Either nothing is withheld, or at least two counts that are not small together.
                Some(0) => prop_assert_eq!(n_withheld, 0),
                Some(rest) => prop_assert!(n_withheld > 1 && rest >= SMALLEST_SHOWN, "{:?} {:?}", total, parts),
                // A total that is withheld may not be the sum of what is shown.
                None => prop_assert!(n_withheld > 0 || parts.iter().flatten().sum::<u64>() == 0, "{:?}", parts),
            }
        }
        let further = count(decided.offers).zip(count(all.with_offer)).map(|(offers, customers)| offers - customers);
        prop_assert!(further.is_none_or(|further| further == 0 || further >= SMALLEST_SHOWN));
        prop_assert_eq!(Report::from_json(&report.to_json(), "").unwrap(), report.clone());
        xml::read(&report.html(Language::En));
    }

    #[test]
    fn any_name_stays_a_text(name in ".{1,40}") {
        let mut numbers = numbers();
        (numbers.offers[0].offer, numbers.offers[0].names.en) = (name.clone(), Some(name.clone()));
        (numbers.about.purpose, numbers.about.pipeline) = (name.clone(), name.clone());
        numbers.data.sources[0].source.clone_from(&name);
        numbers.decisions.channels[0].channel.clone_from(&name);
        numbers.offers[0].features[0].subject.clone_from(&name);
        numbers.offers[0].features[2].push.level = Some(name.clone());
        numbers.data.rejects[0].code = name;
        let html = Report::new(numbers).html(Language::Ja);
        let plain = Report::new(self::numbers()).html(Language::Ja);
        let tags = |html: &str| xml::read(html).tags.iter().map(|(tag, _)| tag.clone()).filter(|tag| tag != "code").collect::<Vec<_>>();
        prop_assert_eq!(tags(&html).len(), tags(&plain).len());
    }
}

#[test]
fn an_evaluation_can_be_added_later() {
    let mut before = numbers();
    let found: Option<Evaluation> = before.evaluation.take();
    let report = Report::new(before);
    assert!(!report.html(Language::En).contains("What the offers earned"));
    let after = report.with_evaluation(found.unwrap());
    assert!(after.html(Language::En).contains("What the offers earned"));
    assert_eq!(after, Report::new(numbers()));
    assert!(HOSTILE.contains("script"));
}

#[test]
fn rules_say_whether_they_are_about_customers_or_purchases() {
    let page = |mines_baskets| {
        let mut numbers = numbers();
        numbers.about.mines_baskets = mines_baskets;
        Report::new(numbers).html(Language::En)
    };
    let [held, bought] = [page(false), page(true)];
    assert!(held.contains("who has") && held.contains("Customers with the products on the left"));
    assert!(!bought.contains("who has") && bought.contains("Purchases with the products on the left"));
}

#[test]
fn a_closed_gate_says_what_was_measured() {
    let mut numbers = numbers();
    let offer = &mut numbers.offers[0];
    offer.basis = "rate".to_owned();
    offer.gate = Some(ClosedGate { slope: Some([0.52, 0.38, 0.66]), observed_over_expected: None });
    let html = Report::new(numbers).html(Language::En);
    assert!(html.contains("slope 0.52 (0.38–0.66), takes over expected takes –"));
    // Its takes were enough for a model, so the page may not say that they were too few.
    let doubt = html.find("What their models said did not hold").expect("a doubt of its own");
    assert!(html[..doubt].rfind("1 Gbps").is_some_and(|name| doubt - name < 100), "the doubt names the offer");
}
