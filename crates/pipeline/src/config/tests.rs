use std::cell::RefCell;
use std::fmt::Write;

use super::layer::Value;
use super::*;
use crate::prove::SignKind;

mod mutations;
mod schema_check;

const ISP: &str = include_str!("../../../../pipelines/isp.toml");
const GROCER: &str = include_str!("../../../../pipelines/grocer.toml");

const TELCO: &str = include_str!("../../../../pipelines/telco.toml");
const SHOP: &str = include_str!("../../../../pipelines/shop.toml");
const OURS: [(&str, &str); 11] = [
    ("pipelines/isp.toml", ISP),
    ("pipelines/saas.toml", include_str!("../../../../pipelines/saas.toml")),
    ("pipelines/storage.toml", include_str!("../../../../pipelines/storage.toml")),
    ("pipelines/music.toml", include_str!("../../../../pipelines/music.toml")),
    ("pipelines/mobile.toml", include_str!("../../../../pipelines/mobile.toml")),
    ("pipelines/fanclub.toml", include_str!("../../../../pipelines/fanclub.toml")),
    ("pipelines/contacts.toml", include_str!("../../../../pipelines/contacts.toml")),
    ("pipelines/grocer.toml", GROCER),
    ("pipelines/telco.toml", TELCO),
    ("pipelines/shop.toml", SHOP),
    ("least.toml", LEAST),
];

/// The least a pipeline file can say.
const LEAST: &str = r#"
[pipeline]
name = "least"
time_zone = "Europe/Berlin"
currency = "EUR"
purpose = "tests"
[sources.people]
role = "customers"
path = "people.csv"
columns = { customer = "id" }
[sources.held]
role = "holdings"
path = "held.csv"
columns = { customer = "id", product = "code", start = "since" }
[sources.goods]
role = "products"
path = "goods.csv"
columns = { product = "code", family = "family", tier = "tier", margin = "margin" }
[sources.agreed]
role = "consents"
path = "agreed.csv"
columns = { customer = "id", channel = "channel", allowed = "yes", at = "on" }
[offers]
upsell = { families = ["line"] }
"#;

fn no_secrets(_: &SecretRef) -> Option<String> {
    None
}

fn parse(text: &str) -> Result<Config> {
    Config::parse("pipelines/x.toml", text, &no_secrets)
}

/// Layers without a disk: a file, overlays and sets.
fn layered(files: &[(&str, &str)], sets: &[&str]) -> Result<Config> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Text::File((*text).to_owned())));
    let sets = sets.iter().map(|set| (set_name(set), Text::Set((*set).to_owned())));
    Config::from_texts(files.chain(sets).collect(), Path::new("pipelines"), &no_secrets)
}

/// Codes, places, keys and arguments, one fault a line: the sentences belong to crate `text`.
fn show(result: Result<Config>) -> String {
    let Err(fault) = result else { return "no fault\n".to_owned() };
    let mut out = String::new();
    for fault in std::iter::once(&fault).chain(fault.others()) {
        let place = fault.place();
        let (line, column) = (place.line.unwrap_or(0), place.column.unwrap_or(0));
        let file = place.file.as_deref().unwrap_or("-");
        write!(out, "{file}:{line}:{column} {:?}", fault.code()).unwrap();
        for (name, arg) in fault.args() {
            write!(out, " {name}={}", show_arg(arg)).unwrap();
        }
        out.push('\n');
    }
    out
}

fn show_arg(arg: &model::Arg) -> String {
    match arg {
        model::Arg::Int(n) => n.to_string(),
        model::Arg::Number(text) | model::Arg::Name(text) | model::Arg::Detail(text) => text.clone(),
        model::Arg::Names(names) => format!("[{}]", names.join(" ")),
    }
}

/// The first fault's code and key.
fn first(result: Result<Config>) -> (Code, String) {
    let fault = result.unwrap_err();
    (fault.code(), fault.place().name.clone().unwrap_or_default())
}

/// Compares with a committed file, or writes it when `UPDATE_GOLDEN` is set.
fn check_golden(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(golden, text, "{} differs: run with UPDATE_GOLDEN=1 and review the change", path.display());
}

#[test]
fn our_pipelines_have_no_fault() {
    for (name, text) in OURS {
        assert_eq!(show(Config::parse(name, text, &no_secrets)), "no fault\n", "{name}");
    }
}

#[test]
fn every_fault_of_a_broken_file_is_reported_with_its_place() {
    for name in ["broken", "twice", "syntax"] {
        let path = format!("crates/pipeline/src/config/testdata/{name}");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(format!("{path}.toml"));
        let text = std::fs::read_to_string(file).unwrap();
        let faults = show(Config::parse(&format!("{name}.toml"), &text, &no_secrets));
        check_golden(&format!("{path}.faults"), &faults);
    }
}

#[test]
fn the_reference_is_current() {
    check_golden("docs/pipeline-file.md", &reference());
}

#[test]
fn the_schema_is_current() {
    check_golden("docs/pipeline.schema.json", &schema());
}

#[test]
fn the_effective_configuration_is_the_configuration() {
    for (name, text) in OURS {
        let config = Config::parse(name, text, &no_secrets).unwrap();
        let again = Config::parse(name, config.effective(), &no_secrets).unwrap();
        assert_eq!(config, again, "{name}");
    }
}

#[test]
fn every_default_passes_its_own_check_and_is_shown() {
    let category = "[offers.category]\nsource = \"bought\"\nlevel = \"kind\"\nnames = [\"a\"]\nmargin_minor = 1\n\
                    [decide.levers.goods]\nadded_minor = 0\n[mine]\nbaskets = \"holdings\"\n[features.utilisation]\nsource = \"bought\"\n";
    let bought = "[sources.bought]\nrole = \"purchases\"\npath = \"b.csv\"\ncolumns = { customer = \"c\", at = \"t\", product = \"p\" }\n";
    let gone = "[suppression]\npath = \"s.csv\"\n";
    let text = format!("{LEAST}{bought}{category}{gone}[sources.goods.attributes]\nkind = \"category\"\n");
    let effective: toml::Table = parse(&text).unwrap().effective().parse().unwrap();
    // Keys of a list's entries are shown where there are entries.
    let is_shown =
        |field: &&Field| !matches!(field.default, Default::Required | Default::Absent) && !field.path.contains("[]");
    for field in FIELDS.iter().filter(is_shown) {
        let source = match field.name() {
            "complete" | "reveals" | "restricted" => "people",
            "anonymous" => "bought",
            _ => "goods",
        };
        let path = field.path.replace('*', source);
        let mut parts = path.split('.');
        let top = &effective[parts.next().unwrap()];
        let value = parts.try_fold(top, |value, part| value.get(part));
        let value = value.unwrap_or_else(|| panic!("{path} is not in the effective configuration"));
        if let Default::Is(default) = field.default
            && default != "{}"
        {
            let default: toml::Value = default.parse().unwrap();
            assert!(
                &default == value || ["sources.*.attributes", "offers.upsell.families"].contains(&field.path),
                "{path}"
            );
        }
    }
}

#[test]
fn the_table_of_fields_is_sound() {
    for (position, field) in FIELDS.iter().enumerate() {
        assert!(!FIELDS[..position].iter().any(|other| other.path == field.path), "{} twice", field.path);
        assert!(field.doc.ends_with('.') && field.doc.len() > 15, "{}", field.path);
        let has_parent = field.parent().is_empty()
            || FIELDS.iter().any(|other| {
                [other.path.to_owned(), format!("{}.*", other.path), format!("{}[]", other.path)]
                    .contains(&field.parent().to_owned())
            });
        assert!(has_parent, "{} hangs in the air", field.path);
        let is_counted = matches!(field.kind, Kind::Integer) || field.kind.describe().contains("integer");
        assert!(!is_counted || !field.unit.is_empty(), "{} has no unit", field.path);
        let is_numeric =
            is_counted || matches!(field.kind, Kind::Number | Kind::AutoOr(Kind::Number) | Kind::Map(Kind::Number));
        assert_eq!(
            is_numeric,
            matches!(field.check, Check::Between(..) | Check::Above(..)),
            "{} has no range",
            field.path
        );
    }
    let words = |path: &str| FIELDS.iter().find(|field| field.path == path).unwrap().kind.choices().to_vec();
    assert_eq!(words("sources.*.role"), Role::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("sources.*.format"), Format::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("sources.*.encoding"), Encoding::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("sources.*.attributes"), AttributeKind::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("sources.*.history"), History::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("sources.*.anonymous"), Anonymous::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("quality.on_error"), OnError::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("features.recipes"), Recipe::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("features.weekend"), Weekday::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("train.model"), ModelKind::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("train.learn_from"), LearnFrom::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("train.solver"), Solver::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("mine.baskets"), BasketKind::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("mine.correction"), Correction::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("mine.consequents"), Consequents::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("decide.hold_after[].event"), HoldEvent::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
    assert_eq!(words("prove.known[].sign"), SignKind::ALL.map(|(_, id)| id));
    assert_eq!(words("report.language"), Language::ALL.iter().map(|one| one.id()).collect::<Vec<_>>());
}

#[test]
fn our_pipelines_say_what_they_mean() {
    let isp = Config::parse("pipelines/isp.toml", ISP, &no_secrets).unwrap();
    assert_eq!(isp.pipeline.minor_digits, 0);
    assert_eq!(isp.source_of(Role::Customers).unwrap().paths, ["data/isp/customers.csv"]);
    assert_eq!(isp.source_of(Role::Holdings).unwrap().column("renews"), Some("renewal_date"));
    assert_eq!(isp.train.as_of, AsOfPlan::Every { step: Step::Months(1), count: 8 });
    assert_eq!(isp.decide.holdout_salt.reveal(), "isp-2026");
    assert_eq!(isp.run.directory, Path::new("runs"));
    let grocer = Config::parse("/srv/pipelines/grocer.toml", GROCER, &no_secrets).unwrap();
    assert_eq!(grocer.offers.category.as_ref().unwrap().names.len(), 20);
    assert!(!grocer.source_of(Role::Customers).unwrap().complete);
    assert_eq!(grocer.pipeline.minor_digits, 2);
    assert_eq!(grocer.sources["transactions"].paths, ["/srv/data/complete-journey/transactions.parquet"]);
    let AsOfPlan::Dates { dates, tests } = &grocer.train.as_of else { panic!("dates") };
    assert_eq!((dates.len(), tests.len(), tests[0]), (6, 3, dates[3]));
}

#[test]
fn overlays_and_sets_lie_over_the_file() {
    let overlay = "[decide]\nper_customer = 5\n[train]\nas_of = [2026-01-01, 2026-05-01]\n[sources.people]\npath = [\"a.csv\", \"b.csv\"]\n";
    let sets = [
        "decide.per_customer=7",
        "sources.goods.path=/data/goods.csv",
        "train.seed=2026",
        "train.tests = [\"2026-05-01\"]",
    ];
    let config = layered(&[("x.toml", LEAST), ("x.prod.toml", overlay)], &sets).unwrap();
    assert_eq!(config.decide.per_customer, 7);
    assert_eq!(config.sources["goods"].paths, ["/data/goods.csv"]);
    assert_eq!(config.sources["people"].paths, ["pipelines/a.csv", "pipelines/b.csv"]);
    assert_eq!(config.train.seed, "2026");
    assert!(matches!(&config.train.as_of, AsOfPlan::Dates { tests, .. } if tests.len() == 1));
    assert_eq!(config.layers()[2], "--set decide.per_customer");
}

#[test]
fn a_table_set_replaces_the_table() {
    let file = LEAST.replace("columns = { product", "attributes = { color = \"category\" }\ncolumns = { product");
    let attributes = |overlays: &[(&str, &str)], sets: &[&str]| {
        let config = layered(&[&[("x.toml", file.as_str())], overlays].concat(), sets).unwrap();
        config.sources["goods"].attributes.keys().cloned().collect::<Vec<String>>()
    };
    assert_eq!(attributes(&[], &[]), ["color"]);
    assert_eq!(
        attributes(&[("over.toml", "[sources.goods.attributes]\n")], &[]),
        ["color"],
        "a header with nothing below"
    );
    assert_eq!(attributes(&[("over.toml", "[sources.goods.attributes]\nsize = \"number\"\n")], &[]), ["color", "size"]);
    assert_eq!(attributes(&[], &["sources.goods.attributes.size=number"]), ["color", "size"]);
    assert_eq!(attributes(&[], &["sources.goods.attributes={size=\"number\"}"]), ["size"]);
    assert!(attributes(&[], &["sources.goods.attributes={}"]).is_empty());
}

#[test]
fn faults_name_the_layer() {
    let faults = show(layered(
        &[("x.toml", LEAST), ("x.prod.toml", "decide.per_customer = 0\n")],
        &["run.thread=4", "nonsense", "a b=1"],
    ));
    let expected = "\
--set nonsense:0:0 ConfigSyntax detail=expected key=value
--set a b:0:0 ConfigSyntax detail=";
    assert!(faults.starts_with(expected), "{faults}");
    let faults = show(layered(&[("x.toml", LEAST), ("x.prod.toml", "decide.per_customer = 0\n")], &["run.thread=4"]));
    let expected = "\
x.prod.toml:1:23 ConfigNotAllowed key=decide.per_customer got=0 allowed=1 ≤ x ≤ 20
--set run.thread:0:0 ConfigUnknownKey key=run.thread allowed=[directory threads memory] suggestion=threads
";
    assert_eq!(faults, expected);
}

#[test]
fn secrets_are_looked_up_and_never_shown() {
    let asked = RefCell::new(Vec::new());
    let lookup = |secret: &SecretRef| {
        asked.borrow_mut().push(secret.clone());
        Some("s3cret\n".to_owned())
    };
    for (reference, expected) in [
        ("${env:SALT}", SecretRef::Env("SALT".to_owned())),
        ("${file:../salt.txt}", SecretRef::File("salt.txt".to_owned())),
    ] {
        let text = format!("{LEAST}[decide.holdout]\nsalt = \"{reference}\"\n");
        let config = Config::parse("pipelines/x.toml", &text, &lookup).unwrap();
        assert_eq!(asked.borrow_mut().pop(), Some(expected));
        assert_eq!(config.decide.holdout_salt.reveal(), "s3cret");
        assert!(config.effective().contains("salt = \"***\""));
        assert!(!format!("{config:?}").contains("s3cret"));
        assert!(config.identity().reveal().contains("s3cret"));
        assert_eq!(first(parse(&text)), (Code::SecretMissing, "decide.holdout.salt".to_owned()));
    }
    // A secret in a place where messages would show it is refused before it is looked up.
    let text = LEAST.replace("people.csv", "${env:TOKEN}/people.csv");
    assert_eq!(
        first(Config::parse("x.toml", &text, &lookup)),
        (Code::ConfigNotAllowed, "sources.people.path".to_owned())
    );
    assert!(asked.borrow().is_empty());
    let faults = show(layered(&[("x.toml", LEAST)], &["decide.holdout.salt=p4ssword"]));
    assert!(
        faults.starts_with("--set decide.holdout.salt:0:0 ConfigNotAllowed") && !faults.contains("p4ss"),
        "{faults}"
    );
    let control = |_: &SecretRef| Some("s3\u{7}cret".to_owned());
    let text = format!("{LEAST}[decide.holdout]\nsalt = \"${{env:SALT}}\"\n");
    assert!(!show(Config::parse("x.toml", &text, &control)).contains("cret"));
}

#[test]
fn what_a_run_works_with_is_no_part_of_its_identity() {
    let one = parse(LEAST).unwrap();
    let two = parse(&format!("{LEAST}[run]\nthreads = 3\nmemory = \"256MiB\"\n")).unwrap();
    assert_eq!(one.identity(), two.identity());
    assert_ne!(one.effective(), two.effective());
    assert_eq!((two.run.threads, two.run.memory), (Some(3), Some(256 << 20)));
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let load = |name: &str| {
        let file = folder.path().join(name);
        Config::load(Layers { file: &file, overlays: &[], sets: &[] }, &no_secrets)
    };
    std::fs::write(folder.path().join("latin.toml"), b"# caf\xe9\n").unwrap();
    std::fs::write(folder.path().join("large.toml"), vec![b'#'; 1 + MAX_BYTES as usize]).unwrap();
    std::fs::write(folder.path().join("least.toml"), LEAST).unwrap();
    assert_eq!(first(load("none.toml")).0, Code::FileMissing);
    assert_eq!(first(load("latin.toml")).0, Code::WrongEncoding);
    assert_eq!(first(load("large.toml")).0, Code::ConfigSyntax);
    assert_eq!(first(load(".")).0, Code::FileUnreadable);
    let config = load("least.toml").unwrap();
    assert_eq!(config.sources["people"].paths, [folder.path().join("people.csv").to_string_lossy()]);
}

#[test]
fn what_only_shows_between_keys() {
    let check = |from: &str, to: &str, code: Code, key: &str| {
        assert!(LEAST.contains(from), "{from}");
        assert_eq!(first(parse(&LEAST.replace(from, to))), (code, key.to_owned()), "{to}");
    };
    check("upsell = { families = [\"line\"] }", "", Code::NoOffers, "offers");
    check("margin = \"margin\"", "price = \"fee\"", Code::ConfigMissingKey, "sources.goods.columns.margin");
    let people = LEAST.find("[sources.people]").unwrap()..LEAST.find("[sources.held]").unwrap();
    assert_eq!(
        show(parse(&LEAST.replace(&LEAST[people.clone()], ""))),
        "no fault\n",
        "customers are who holds something"
    );
    let held = LEAST.find("[sources.held]").unwrap()..LEAST.find("[sources.goods]").unwrap();
    let nobody = LEAST.replace(&LEAST[held], "").replace(&LEAST[people], "");
    assert!(show(parse(&nobody)).contains("key=sources.*.role = \"customers\""));
    check(
        "[offers]",
        "[decide]\nhold_after = [{ event = \"complaint\", days = 3 }]\n[offers]",
        Code::ConfigMissingKey,
        "sources.*.role = \"voice\"",
    );
    check("[offers]", "[train]\ntests = [2026-01-01]\n[offers]", Code::ConfigNotAllowed, "train.tests[0]");
    check(
        "[offers]",
        "[train]\nas_of = [2026-01-01, 2026-03-08]\ntests = [2026-03-08]\n[offers]",
        Code::ConfigNotAllowed,
        "train.tests[0]",
    );
    // The gap of 7, the horizon of 60 and the 30 days a take must last end on the 8th of April.
    let ends = |day: &str| format!("[train]\nas_of = [2026-01-01, {day}]\ntests = [{day}]\n[offers]");
    check("[offers]", &ends("2026-04-07"), Code::ConfigNotAllowed, "train.tests[0]");
    let fits = LEAST.replace("[offers]", &ends("2026-04-08"));
    assert_eq!(show(parse(&fits)), "no fault\n");
    let consents = LEAST.find("[sources.agreed]").unwrap()..LEAST.find("[offers]").unwrap();
    let without = LEAST.replace(&LEAST[consents], "");
    assert_eq!(first(parse(&without)), (Code::ConfigMissingKey, "sources.*.role = \"consents\"".to_owned()));
    assert_eq!(show(parse(&format!("{without}[decide.consent]\nrequired = false\n"))), "no fault\n");
    check(
        "path = \"people.csv\"",
        "path = \"people.csv\"\nhistory = \"yearly\"",
        Code::ConfigNotAllowed,
        "sources.people.history",
    );
}

#[test]
fn the_tone_is_that_of_a_text() {
    let with = |columns: &str, rest: &str| {
        let source = format!(
            "[sources.said]\nrole = \"voice\"\npath = \"said.csv\"\ncolumns = {{ customer = \"id\", at = \"at\"{columns} }}\n"
        );
        parse(&LEAST.replace("[offers]", &format!("{source}{rest}\n[offers]")))
    };
    let (text, missing) = (", text = \"body\"", Code::ConfigMissingKey);
    let (features, hold) =
        ("[features]\nrecipes = [\"tone\"]", |holds: &str| format!("[decide]\nhold_after = [{holds}]"));
    let by_tone = hold("{ event = \"complaint\", days = 3, by_tone = true }");
    for rest in [features, &by_tone] {
        let config = with(text, rest).unwrap();
        assert!(config.reads_text(&config.sources["said"]) && !config.reads_text(&config.sources["held"]));
        assert_eq!(first(with("", rest)), (missing, "sources.said.columns.text".to_owned()), "{rest}");
    }
    let bare = with(text, &hold("{ event = \"complaint\", days = 3 }")).unwrap();
    assert!(!bare.reads_text(&bare.sources["said"]), "nobody asks for it");
    let topic_too = with(", text = \"body\", topic = \"body\"", features);
    assert_eq!(first(topic_too), (Code::ConfigNotAllowed, "sources.said.columns.text".to_owned()));
    let none = parse(&LEAST.replace("[offers]", &format!("{features}\n[offers]")));
    assert_eq!(first(none), (missing, "sources.*.role = \"voice\"".to_owned()));
    let refused = |holds: &str| first(with(text, &hold(holds)));
    let of_purchases = refused("{ event = \"purchase\", days = 3, by_tone = true }");
    assert_eq!(of_purchases, (Code::ConfigNotAllowed, "decide.hold_after[0].by_tone".to_owned()));
    let twice = refused("{ event = \"purchase\", days = 3 }, { event = \"purchase\", days = 5 }");
    assert_eq!(twice, (Code::ConfigNotAllowed, "decide.hold_after[1].event".to_owned()));
}

#[test]
fn versions_are_of_customers_and_have_arrivals() {
    let with = |of: &str, columns: &str| {
        let text =
            LEAST.replacen(&format!("path = \"{of}.csv\""), &format!("path = \"{of}.csv\"\nhistory = \"versions\""), 1);
        parse(&text.replacen("columns = { customer = \"id\" }", columns, 1))
    };
    let bare = "columns = { customer = \"id\" }";
    assert_eq!(first(with("people", bare)), (Code::ConfigMissingKey, "sources.people.columns.arrived".to_owned()));
    assert_eq!(show(with("people", "columns = { customer = \"id\", arrived = \"loaded\" }")), "no fault\n");
    assert_eq!(first(with("held", bare)), (Code::ConfigNotAllowed, "sources.held.history".to_owned()));
}

#[test]
fn a_cross_section_has_no_time() {
    let check = |from: &str, to: &str, code: Code, key: &str| {
        assert!(TELCO.contains(from), "{from}");
        assert_eq!(first(parse(&TELCO.replace(from, to))), (code, key.to_owned()), "{to}");
    };
    let dates = "[train]\nas_of = [2026-01-01, 2026-02-01]\n[decide]";
    check("[decide]", dates, Code::ConfigNotAllowed, "train.as_of");
    let held = "[sources.held]\nrole = \"holdings\"\npath = \"h.csv\"\n\
                columns = { customer = \"c\", product = \"p\", start = \"s\" }\n[decide]";
    check("[decide]", held, Code::ConfigNotAllowed, "sources.held.role");
    let holds = TELCO.find("[sources.services.holds]").unwrap()..TELCO.find("[sources.products]").unwrap();
    check(&TELCO[holds], "", Code::ConfigMissingKey, "sources.services.holds");
    // A column that says what is held must not be learned from as well.
    let leak = "tenure = \"integer\"\nTechSupport = \"category\"";
    check("tenure = \"integer\"", leak, Code::ConfigNotAllowed, "sources.customers.attributes.TechSupport");
    check("MonthlyCharges = [", "Charges = [", Code::ConfigUnknownName, "sources.customers.reveals.Charges");
    let open = LEAST.replace("{ customer = \"id\" }", "{ customer = \"id\" }\nreveals = { age = \"line\" }");
    assert_eq!(first(parse(&open)).0, Code::ConfigMissingKey, "over time nothing is given away");
}

#[test]
fn places_count_characters() {
    let (table, faults) = layer::parse_file("x", "# 日本\n\"名\" = 1 # é\r\nb.c = [1,\n  2]", 0);
    assert!(faults.is_empty());
    let table = table.unwrap();
    let at = |spot: layer::Spot| (spot.line, spot.column);
    assert_eq!((at(table["名"].key), at(table["名"].node.spot)), ((2, 1), (2, 7)));
    let Value::Table(inner) = &table["b"].node.value else { panic!("table") };
    let Value::List(items) = &inner["c"].node.value else { panic!("list") };
    assert_eq!((at(inner["c"].key), at(items[1].spot)), ((3, 3), (4, 3)));
}

/// `features.own` of the grocer with one entry.
fn own(entry: &str) -> Result<Config> {
    parse(&format!("{GROCER}\n[[features.own]]\nsource = \"transactions\"\n{entry}"))
}

#[test]
fn features_of_ones_own_read_what_is_there() {
    let fits = [
        "name = \"n_{days}\"\nmeasure = \"count\"\nwindows_days = [7, 28]",
        "name = \"ever\"\nmeasure = \"sum\"\nof = \"amount\"",
        "name = \"{level}_{days}\"\nmeasure = \"share\"\nby = \"brand\"\nwindows_days = [7]",
        "name = \"dep{rank}\"\nmeasure = \"count\"\nby = \"department\"\nlevels = 3",
        "name = \"kinds\"\nmeasure = \"distinct\"\nof = \"product_type\"",
        "name = \"q\"\nmeasure = \"quantile\"\nof = \"amount\"\nlevel = 0.9",
        "name = \"d_{days}\"\nmeasure = \"decayed_sum\"\nof = \"amount\"\nhalf_life_days = 30\nwindows_days = [90]",
        "name = \"w\"\nmeasure = \"streak\"\nperiod = \"week\"\nwindow = \"month_to_date\"",
    ];
    for entry in fits {
        assert_eq!(show(own(entry)), "no fault\n", "{entry}");
    }
    let wrong = [
        ("name = \"n\"\nmeasure = \"count\"\nwindows_days = [7, 28]", Code::ConfigNotAllowed, "name"),
        ("name = \"n_{days}\"\nmeasure = \"count\"", Code::ConfigNotAllowed, "name"),
        ("name = \"n\"\nmeasure = \"count\"\nby = \"brand\"", Code::ConfigNotAllowed, "name"),
        ("name = \"as_of\"\nmeasure = \"count\"", Code::ConfigNotAllowed, "name"),
        ("name = \"s\"\nmeasure = \"sum\"", Code::ConfigMissingKey, "of"),
        ("name = \"q\"\nmeasure = \"quantile\"\nof = \"amount\"", Code::ConfigMissingKey, "level"),
        ("name = \"q\"\nmeasure = \"quantile\"\nof = \"amount\"\nlevel = 1.5", Code::ConfigNotAllowed, "level"),
        ("name = \"d\"\nmeasure = \"decayed_count\"", Code::ConfigMissingKey, "half_life_days"),
        ("name = \"d\"\nmeasure = \"decayed_count\"\nhalf_life_days = 0", Code::ConfigNotAllowed, "half_life_days"),
        ("name = \"c\"\nmeasure = \"count\"\nlevel = 0.5", Code::ConfigNotAllowed, "level"),
        ("name = \"c\"\nmeasure = \"count\"\nperiod = \"day\"", Code::ConfigNotAllowed, "period"),
        ("name = \"c\"\nmeasure = \"count\"\nwindow = \"last_month\"", Code::ConfigNotAllowed, "window"),
        (
            "name = \"{days}\"\nmeasure = \"count\"\nwindow = \"previous_month\"\nwindows_days = [7]",
            Code::ConfigNotAllowed,
            "window",
        ),
        ("name = \"s\"\nmeasure = \"sum\"\nof = \"basket\"", Code::ConfigUnknownName, "of"),
        ("name = \"s\"\nmeasure = \"count\"\nof = \"amount\"", Code::ConfigUnknownName, "of"),
        ("name = \"s\"\nmeasure = \"share\"", Code::ConfigMissingKey, "by"),
        ("name = \"s{rank}\"\nmeasure = \"count\"\nby = \"basket\"", Code::ConfigUnknownName, "by"),
    ];
    for (entry, code, key) in wrong {
        assert_eq!(first(own(entry)), (code, format!("features.own[0].{key}")), "{entry}");
    }
    let other = own("name = \"n\"\nmeasure = \"count\"").unwrap();
    assert_eq!(other.features.own[0].levels, other.features.levels);
    let text = GROCER.replace("levels = 10", "recipes = []");
    assert_eq!(first(parse(&text)), (Code::ConfigNotAllowed, "features.recipes".to_owned()));
}

#[test]
fn windows_of_ones_own_come_after_those_of_the_recipes() {
    let config = own("name = \"n_{days}\"\nmeasure = \"count\"\nwindows_days = [1, 30, 400]").unwrap();
    let days = |days| Reach::Days(days);
    assert_eq!(config.features.all_windows(), [7, 30, 90, 365, 1, 400].map(days));
    let config = own("name = \"n\"\nmeasure = \"count\"\nwindow = \"previous_month\"").unwrap();
    assert_eq!(config.features.all_windows()[4..], [Reach::Calendar(OwnWindow::PreviousMonth)]);
}
