//! `docs/features.md`: the columns every recipe makes of a company that has a table of each kind.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use osusume_testkit::{check_golden, repository_root};
use serde_json::Value;
use tempfile::TempDir;

use super::support::{AS_OF, OSUSUME, text};

/// Every recipe with what is to be known of it beside its columns.
const RECIPES: [(&str, &str); 19] = [
    ("recency", "How long ago, and how often on average."),
    ("frequency", "How many, by window."),
    ("money", "Amounts and measured values, by window."),
    ("trend", "Of events with a value; windows of 60 days and more."),
    ("surge", "Windows of 14 days and more; of events with a value up to 120 days."),
    ("tenure", "Since when."),
    ("renewal", "Of holdings with `renews`."),
    ("mix", "By the attributes of products of kind `category`; the longest window only."),
    ("voice", "Topics in the longest window, counts in windows of 30 days and more."),
    ("attributes", "Whatever `sources.*.attributes` of the customers lists."),
    (
        "holding",
        "What is held on the date, by family; of families with a `counted` product also how many units (`{source}_{family}_units`).",
    ),
    ("contact", "Windows of 30 days and more."),
    ("affinity", "Of offers made of `offers.category`."),
    ("rules", "Of offers that are products; needs `[mine]`."),
    ("night", "Where times have hours. Asked for by name."),
    ("weekend", "Asked for by name."),
    ("season", "A year before the label window. Asked for by name."),
    ("tone", "Of `text`; of `closed` the cases still open. Asked for by name."),
    ("household", "Of the other members of `household`. Asked for by name."),
];

/// Sources, as far as their names do not say what they are of.
const PIPELINE: &str = r#"
[pipeline]
name = "columns"
time_zone = "Asia/Tokyo"
currency = "JPY"
purpose = "to see which columns there are"

[sources.customers]
role = "customers"
path = "customers.csv"
columns = { customer = "id", household = "household", joined = "joined" }
attributes = { size = "integer" }

[sources.holdings]
role = "holdings"
path = "holdings.csv"
columns = { customer = "id", product = "product", start = "start", renews = "renews", price = "price" }

[sources.purchases]
role = "purchases"
path = "purchases.csv"
columns = { customer = "id", at = "at", product = "product", amount = "amount", basket = "basket" }

[sources.usage]
role = "events"
path = "usage.csv"
columns = { customer = "id", at = "at", kind = "kind", value = "value" }

[sources.visits]
role = "events"
path = "visits.csv"
columns = { customer = "id", at = "at", kind = "kind" }

[sources.tickets]
role = "voice"
path = "tickets.csv"
columns = { customer = "id", at = "at", closed = "closed", topic = "topic", text = "text", score = "score" }

[sources.contacts]
role = "contacts"
path = "contacts.csv"
columns = { customer = "id", at = "at", offer = "offer" }

[sources.products]
role = "products"
path = "products.csv"
columns = { product = "product", family = "family", tier = "tier", margin = "margin" }
attributes = { brand = "category" }

[sources.consents]
role = "consents"
path = "consents.csv"
columns = { customer = "id", channel = "channel", allowed = "allowed", at = "at" }

[offers]
upsell = { families = ["plan"] }
category = { source = "purchases", level = "brand", names = ["own"], margin_minor = 10 }

[mine]
baskets = "holdings"
min_support = 0.1

[features]
windows_days = [100]

[decide]
channels = ["mail"]
"#;

/// What stands in the page for the names and numbers of the example.
const PLACES: [(&str, &str); 9] = [
    ("100", "{days}"),
    ("usage_minutes", "usage_{kind}"),
    ("visits_page", "visits_{kind}"),
    ("topic_billing", "topic_{topic}"),
    ("customers_size", "customers_{attribute}"),
    ("_plan_", "_{family}_"),
    ("brand_own", "{attribute}_{level}"),
    ("offer_own", "offer_{level}"),
    ("rules_extra", "rules_{offer}"),
];
/// The same for what a feature is about.
const SUBJECTS: [(&str, &str); 7] = [
    ("minutes", "{kind}"),
    ("page", "{kind}"),
    ("billing", "{topic}"),
    ("size", "{attribute}"),
    ("plan", "{family}"),
    ("own", "{level}"),
    ("extra", "{offer}"),
];

fn company() -> TempDir {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, content: String| fs::write(directory.path().join(name), content).unwrap();
    let table = |name: &str, head: &str, each: u32, line: &dyn Fn(u32, u32) -> String| {
        let rows = (0..60).flat_map(|id| (0..each).map(move |nth| (id, nth)));
        let lines = rows.map(|(id, nth)| format!("C{id:03},{}\n", line(id, nth)));
        write(&format!("{name}.csv"), format!("id,{head}\n{}", lines.collect::<String>()));
    };
    // Days of all the years that are learned from, without a pattern.
    let day = |id: u32, nth: u32| {
        let number = (id * 37 + nth * 61) % 960;
        format!("{}-{:02}-{:02}", 2024 + number / 336, 1 + number % 336 / 28, 1 + number % 28)
    };
    table("customers", "household,joined,size", 1, &|id, _| format!("H{:03},2023-12-01,{}", id / 2, id % 7));
    table("holdings", "product,start,renews,price", 2, &|id, nth| match nth {
        0 => format!("basic,2023-12-01,2026-1{}-20,1000", id % 3),
        _ if id % 2 == 0 => format!("extra,{},,500", day(id, 3)),
        _ => format!("tea,{},,500", day(id, 3)),
    });
    table("purchases", "at,product,amount,basket", 6, &|id, nth| {
        format!("{}T20:30:00,tea,{},B{id}-{}", day(id, nth), 300 + nth, nth / 2)
    });
    table("usage", "at,kind,value", 10, &|id, nth| format!("{},minutes,{}", day(id, nth), nth + id % 5));
    table("visits", "at,kind", 10, &|id, nth| format!("{}T23:30:00,page", day(id, nth)));
    table("tickets", "at,closed,topic,text,score", 1, &|id, _| format!("{0},{0},billing,ok,3", day(id, 7)));
    table("contacts", "at,offer", 1, &|id, _| format!("{},extra", day(id, 9)));
    table("consents", "channel,allowed,at", 1, &|_, _| "mail,yes,2023-12-01".to_owned());
    let products = "product,family,tier,margin,brand\nbasic,plan,1,100,\nextra,plan,2,200,\ntea,food,1,50,own\n";
    write("products.csv", products.to_owned());
    write("columns.toml", PIPELINE.to_owned());
    directory
}

/// The features of one customer that a recipe makes alone.
fn features(company: &TempDir, recipe: &str) -> Vec<Value> {
    let recipes = format!("features.recipes=[\"{recipe}\"]");
    let mut command = std::process::Command::new(OSUSUME);
    command.args(["inspect", "C003", "columns.toml", "--as-of", AS_OF, "--set", &recipes, "--output", "json"]);
    let output = command.args(["--language", "en"]).current_dir(company.path()).env_clear().output().unwrap();
    assert!(output.status.success(), "{recipe}: {}", text(&output.stderr));
    let found: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    found["features"].as_array().unwrap().clone()
}

fn placed(text: &str) -> String {
    PLACES.iter().fold(text.to_owned(), |text, (example, place)| text.replace(example, place))
}

#[test]
fn every_recipe_says_which_columns_it_makes() {
    let schema = fs::read_to_string(repository_root().join("docs/pipeline.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let known = schema.pointer("/properties/features/properties/recipes/items/enum").unwrap().as_array().unwrap();
    assert_eq!(
        RECIPES.map(|(recipe, _)| recipe).to_vec(),
        known.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>()
    );
    let company = company();
    let mut page = include_str!("columns.in.md").to_owned();
    for (recipe, note) in RECIPES {
        let found = features(&company, recipe);
        assert!(!found.is_empty(), "{recipe} makes nothing here");
        write!(
            page,
            "\n## `{recipe}`\n\n{note}\n\n| column | unit | what it is | without a value |\n|---|---|---|---|\n"
        )
        .unwrap();
        let mut told = BTreeSet::new();
        for feature in &found {
            let of = |key: &str| feature[key].as_str().unwrap();
            // One family stands for all.
            if of("subject") == "food" {
                continue;
            }
            let name = placed(of("name"));
            if told.insert(name.clone()) {
                let about = SUBJECTS.iter().find(|(subject, _)| *subject == of("subject"));
                let label =
                    about.map_or(of("label").to_owned(), |(subject, place)| of("label").replace(subject, place));
                let label = placed(&label);
                writeln!(page, "| `{name}` | {} | {label} | {} |", of("unit"), of("absent")).unwrap();
            }
        }
    }
    check_golden(&repository_root().join("docs/features.md"), &page);
}
