//! A few offers with everything in them that has ever broken an import.

use std::collections::BTreeMap;
use std::path::Path;

use osusume_export::{Delivered, Destination, Lineage, OfferRow, Profile, Sink, deliver_csv};
use osusume_model::{Date, Family, FeatureKind, FeatureSpec, Minor, NullMeaning, Result, Unit, Window, bucket_of};
use osusume_storage::Fs;
use osusume_text::Language;

/// Of the process that delivers.
pub(crate) const TOKEN: &str = "0123456789ab";

pub(crate) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn models() -> BTreeMap<String, String> {
    [("line_1g", "m-1a2b"), ("security", "m-3c4d")].map(|(offer, model)| (offer.to_owned(), model.to_owned())).into()
}

pub(crate) fn dictionary() -> Vec<FeatureSpec> {
    let spec = |name: &str, family, window, text_key, subject: &str| FeatureSpec {
        name: name.to_owned(),
        family,
        source: "usage".to_owned(),
        window,
        unit: Unit::Native,
        null: NullMeaning::Never,
        kind: FeatureKind::Numeric,
        text_key,
        subject: subject.to_owned(),
    };
    let last_30 = Some(Window::last(30));
    vec![
        spec("days_to_renewal", Family::Renewal, None, "days_to_renewal", ""),
        spec("traffic_surge_30d", Family::Surge, last_30, "surge", "traffic_gb"),
    ]
}

pub(crate) fn lineage<'a>(
    models: &'a BTreeMap<String, String>,
    dictionary: &'a [FeatureSpec],
    language: Language,
) -> Lineage<'a> {
    Lineage {
        run_id: "2026-10-01-001-ab12cd34",
        pipeline: "isp",
        as_of: date("2026-10-01"),
        models,
        dictionary,
        language,
        currency: "USD",
        without: None,
    }
}

pub(crate) fn row(customer: &'static str, rank: i16, offer: &'static str) -> OfferRow<'static> {
    OfferRow {
        customer,
        as_of: date("2026-10-01"),
        rank,
        offer,
        kind: "upsell",
        family: "line",
        channel: Some("mail"),
        step: Some("letter"),
        propensity: Some(0.123_456_7),
        propensity_contacted: Some(0.13),
        propensity_alone: Some(0.12),
        uplift: [Some(0.01), Some(-0.002), Some(0.02)],
        expected_quantity: Some(2.5),
        margin: Some(Minor(120_050)),
        expected_value: Some(Minor(-14_821)),
        evidence: Some("observational"),
        basis: Some("model"),
        reasons: [Some("renewal:days_to_renewal:-"), Some("surge:traffic_surge_30d:+"), None],
        expires_on: Some(date("2026-12-01")),
        trigger: Some("renewal_near"),
        contact: [Some(date("2026-10-08")), Some(date("2026-11-05"))],
        benefit: [Some("2.3 times July's traffic"), Some("通信量が7月の2.3倍になっています")],
        action_probability: Some(1.0),
    }
}

/// Rows in customer order.
pub(crate) fn in_order(mut rows: Vec<OfferRow<'static>>) -> Vec<OfferRow<'static>> {
    rows.sort_by_key(|row| (bucket_of(row.customer.as_bytes()), row.customer, row.rank));
    rows
}

pub(crate) fn rows() -> Vec<OfferRow<'static>> {
    let bare = OfferRow {
        channel: None,
        step: None,
        propensity: None,
        propensity_contacted: None,
        propensity_alone: None,
        uplift: [None; 3],
        expected_quantity: None,
        margin: None,
        expected_value: None,
        evidence: None,
        basis: None,
        reasons: [None; 3],
        expires_on: None,
        trigger: None,
        contact: [None; 2],
        benefit: [None; 2],
        action_probability: None,
        ..row("0000123", 1, "storage")
    };
    in_order(vec![
        row("C000017", 1, "line_1g"),
        OfferRow { kind: "cross_sell", family: "security", ..row("C000017", 2, "security") },
        OfferRow { evidence: Some("comma, \"quote\"\nand line"), ..row("=HYPERLINK(\"x\")", 1, "line_1g") },
        OfferRow {
            channel: Some("+81-3"),
            benefit: [Some("-40% traffic"), Some("=1+1")],
            ..row("顧客：㈱髙﨑", 1, "line_1g")
        },
        bare,
    ])
}

/// Delivers rows with the dictionary and models of the shop.
pub(crate) fn deliver(
    fs: &dyn Fs,
    path: &str,
    profile: &Profile,
    language: Language,
    rows: &[OfferRow<'_>],
) -> Result<Delivered> {
    let (models, dictionary) = (models(), dictionary());
    let lineage = lineage(&models, &dictionary, language);
    let to = Destination { path: Path::new(path), token: TOKEN, may_show: &|| Ok(()) };
    deliver_csv(fs, &to, profile, &lineage, &mut |sink: Sink<'_>| rows.iter().try_for_each(sink))
}

/// The bytes of a file.
pub(crate) fn read(fs: &dyn Fs, path: &str) -> Vec<u8> {
    fs.open(Path::new(path)).unwrap().read_all(1 << 20).unwrap()
}

/// The names in a directory.
pub(crate) fn names(fs: &dyn Fs, dir: &str) -> Vec<String> {
    fs.list_dir(Path::new(dir)).unwrap().into_iter().map(|entry| entry.name).collect()
}
