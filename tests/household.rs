//! Recipe `household` against a naive count over the rows, on a world of movers, late rows and people who want to be left alone.

use std::fs;

use crate::features::numbers;
use crate::recipes::{DAY, Draw, assert_near, civil, days, features, keys};
use crate::support::{Company, text};

const PIPELINE: &str = r#"
[pipeline]
name = "homes"
time_zone = "UTC"
currency = "JPY"
purpose = "a test"
as_of = 2026-10-01

[sources.people]
role = "customers"
path = "people.csv"
columns = { customer = "id", household = "home", arrived = "arrived" }
history = "versions"

[sources.contracts]
role = "holdings"
path = "contracts.csv"
columns = { customer = "id", product = "product", start = "start", end = "end", start_arrived = "arrived", end_arrived = "end_arrived" }

[sources.receipts]
role = "purchases"
path = "receipts.csv"
columns = { customer = "id", at = "at", product = "product", amount = "amount", arrived = "arrived" }

[sources.calls]
role = "voice"
path = "calls.csv"
columns = { customer = "id", at = "at", arrived = "arrived" }

[sources.refusals]
role = "consents"
path = "consents.csv"
columns = { customer = "id", channel = "channel", allowed = "allowed", at = "at" }

[sources.goods]
role = "products"
path = "goods.csv"
columns = { product = "product", family = "family", tier = "tier", margin = "margin" }

[offers]
upsell = { families = ["line"] }

[features]
recipes = ["household"]
windows_days = [30, 200]

[train]
as_of = [2025-06-01, 2026-01-01, 2026-04-01]

[decide]
channels = ["mail", "phone"]

[decide.consent]
required = false
"#;

const PEOPLE: i64 = 40;
const GOODS: [(&str, &str); 3] = [("line_1", "line"), ("line_2", "line"), ("tv", "tv")];

struct Held {
    who: i64,
    product: usize,
    start: i64,
    arrived: i64,
    end: Option<(i64, i64)>,
}

struct Done {
    who: i64,
    at: i64,
    arrived: i64,
    amount: i64,
}

struct Answer {
    who: i64,
    channel: usize,
    at: i64,
    is_allowed: bool,
}

/// Rows by day number; everything happens at midnight and a second.
struct World {
    /// Who, since when it is known, and where they live.
    homes: Vec<(i64, i64, Option<i64>)>,
    held: Vec<Held>,
    bought: Vec<Done>,
    called: Vec<Done>,
    answers: Vec<Answer>,
}

impl World {
    fn draw(seed: u64) -> Self {
        let mut draw = Draw(seed);
        let (first, last) = (days(2024, 6, 1), days(2026, 9, 30));
        let day = |draw: &mut Draw| first + draw.below(last - first);
        let home = |draw: &mut Draw| Some(draw.below(14)).filter(|home| *home > 0);
        let mut world =
            Self { homes: Vec::new(), held: Vec::new(), bought: Vec::new(), called: Vec::new(), answers: Vec::new() };
        for who in 0..PEOPLE {
            world.homes.push((who, first - 10, home(&mut draw)));
            if draw.below(3) == 0 {
                world.homes.push((who, day(&mut draw), home(&mut draw)));
            }
            for _ in 0..=draw.below(4) {
                let start = day(&mut draw);
                let end = (draw.below(2) == 0).then(|| start + 1 + draw.below(300));
                let end = end.map(|end| (end, end + draw.below(40)));
                let arrived = start + draw.below(2) * draw.below(60);
                world.held.push(Held { who, product: draw.below(3) as usize, start, arrived, end });
            }
            for rows in [&mut world.bought, &mut world.called] {
                for _ in 0..draw.below(12) {
                    let at = day(&mut draw);
                    rows.push(Done {
                        who,
                        at,
                        arrived: at + draw.below(2) * draw.below(60),
                        amount: draw.below(900) - 100,
                    });
                }
            }
            for _ in 0..draw.below(4) {
                let answer =
                    Answer { who, channel: draw.below(2) as usize, at: day(&mut draw), is_allowed: draw.below(3) == 0 };
                let is_twice = |other: &Answer| other.who == who && other.at == answer.at;
                if !world.answers.iter().any(is_twice) {
                    world.answers.push(answer);
                }
            }
        }
        // A value that stands for an unknown home.
        for who in PEOPLE..PEOPLE + 60 {
            world.homes.push((who, first - 10, Some(99)));
            world.held.push(Held { who, product: 0, start: first, arrived: first, end: None });
        }
        world
    }

    fn write(&self, dir: &std::path::Path) {
        let time = |day: i64| format!("{}T00:00:01Z", civil(day));
        let rows = |name: &str, header: &str, rows: Vec<String>| {
            fs::write(dir.join(name), format!("{header}\n{}\n", rows.join("\n"))).unwrap();
        };
        let home = |home: Option<i64>| home.map_or_else(String::new, |home| format!("H{home}"));
        let people = self.homes.iter().map(|(who, known, at)| format!("P{who},{},{}", home(*at), time(*known)));
        rows("people.csv", "id,home,arrived", people.collect());
        let held = self.held.iter().map(|held| {
            let [end, known] = held.end.map_or_else(Default::default, |(end, known)| [time(end), time(known)]);
            format!("P{},{},{},{end},{},{known}", held.who, GOODS[held.product].0, time(held.start), time(held.arrived))
        });
        rows("contracts.csv", "id,product,start,end,arrived,end_arrived", held.collect());
        let bought = self
            .bought
            .iter()
            .map(|done| format!("P{},{},tv,{},{}", done.who, time(done.at), done.amount, time(done.arrived)));
        rows("receipts.csv", "id,at,product,amount,arrived", bought.collect());
        let called = self.called.iter().map(|done| format!("P{},{},{}", done.who, time(done.at), time(done.arrived)));
        rows("calls.csv", "id,at,arrived", called.collect());
        let answers = self.answers.iter().map(|answer| {
            format!("P{},{},{},{}", answer.who, ["mail", "phone"][answer.channel], answer.is_allowed, time(answer.at))
        });
        rows("consents.csv", "id,channel,allowed,at", answers.collect());
        let goods = GOODS
            .iter()
            .enumerate()
            .map(|(tier, (product, family))| format!("{product},{family},{},100", tier % 2 + 1));
        rows("goods.csv", "product,family,tier,margin", goods.collect());
    }

    /// Where somebody lived as far as was known before a day; nowhere whoever had refused every channel.
    fn home(&self, who: i64, day: i64) -> Option<i64> {
        let refused = |channel: usize| {
            let said = self.answers.iter().filter(|answer| answer.who == who && answer.channel == channel);
            let newest = said.filter(|answer| !answer.is_allowed || answer.at < day).max_by_key(|answer| answer.at);
            newest.is_some_and(|answer| !answer.is_allowed)
        };
        let versions = self.homes.iter().filter(|(of, known, _)| *of == who && *known < day);
        let home = versions.max_by_key(|(_, known, _)| *known)?.2.filter(|home| *home != 99);
        home.filter(|_| !(refused(0) && refused(1)))
    }

    fn expected(&self, feature: &str, who: i64, day: i64) -> f64 {
        let Some(home) = self.home(who, day) else { return f64::NAN };
        let people = 0..PEOPLE + 60;
        let others: Vec<i64> = people.filter(|&other| other != who && self.home(other, day) == Some(home)).collect();
        let begun = |held: &&Held| others.contains(&held.who) && held.start < day && held.arrived < day;
        let is_held = |held: &&Held| held.end.is_none_or(|(end, known)| known >= day || end >= day);
        let of = |held: &&Held, family: &str| GOODS[held.product].1 == family;
        let seen = |done: &&Done| others.contains(&done.who) && done.at < day && done.arrived < day;
        let within = |rows: &[Done], length: i64| -> Vec<i64> {
            rows.iter().filter(seen).filter(|done| done.at >= day - length).map(|done| done.amount).collect()
        };
        let since = |at: Option<i64>| at.map_or(f64::NAN, |at| (day - at) as f64 - 1.0 / 86_400.0);
        let holders = |family: &str| {
            let holds = |other: &&i64| {
                self.held.iter().any(|held| held.who == **other && begun(&held) && is_held(&held) && of(&held, family))
            };
            others.iter().filter(holds).count() as f64
        };
        let taken = |family: &str| {
            since(self.held.iter().filter(begun).filter(|held| of(held, family)).map(|held| held.start).max())
        };
        match feature {
            "members" => others.len() as f64,
            "line_holders" => holders("line"),
            "tv_holders" => holders("tv"),
            "line_take" => taken("line"),
            "tv_take" => taken("tv"),
            "take" => {
                let held = self.held.iter().filter(begun).map(|held| held.start);
                since(held.chain(self.bought.iter().filter(seen).map(|done| done.at)).max())
            }
            "spend_30d" => within(&self.bought, 30).iter().sum::<i64>() as f64,
            "spend_200d" => within(&self.bought, 200).iter().sum::<i64>() as f64,
            "calls_30d" => within(&self.called, 30).len() as f64,
            "calls_90d" => within(&self.called, 90).len() as f64,
            other => panic!("{other}"),
        }
    }
}

const FEATURES: [&str; 10] = [
    "members",
    "line_holders",
    "tv_holders",
    "line_take",
    "tv_take",
    "take",
    "spend_30d",
    "spend_200d",
    "calls_30d",
    "calls_90d",
];

#[test]
fn others_of_the_household_as_counted_row_by_row() {
    for seed in 1..=4 {
        let dir = tempfile::tempdir().unwrap();
        let world = World::draw(seed);
        world.write(dir.path());
        let table = features(dir.path(), PIPELINE);
        let keys = keys(&table);
        assert!(keys.len() > 300, "{}", keys.len());
        for feature in FEATURES {
            let values = numbers(&table, &format!("people_household_{feature}"));
            let mut known = 0;
            for ((who, day), got) in keys.iter().zip(values) {
                let expected = world.expected(feature, *who, *day);
                // What a member adds is held in single precision.
                let is_close = (got - expected).abs() <= 1e-6 * expected.abs();
                if !is_close {
                    assert_near(got, expected, &format!("seed {seed}: {feature} of P{who} at {}", civil(*day)));
                }
                known += usize::from(expected > 0.0);
            }
            assert!(known > 10, "{feature} says something: {known}");
        }
        assert_eq!(DAY, 86_400);
    }
}

#[test]
fn a_value_of_a_crowd_is_no_household_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    World::draw(5).write(dir.path());
    fs::write(dir.path().join("pipeline.toml"), PIPELINE).unwrap();
    let mut command = std::process::Command::new(crate::support::OSUSUME);
    command.args(["features", "--out", "f.parquet", "pipeline.toml"]).current_dir(dir.path()).env_clear();
    let said = text(&command.output().unwrap().stderr);
    assert_eq!(said.matches("E4026").count(), 1, "{said}");
    assert!(said.contains("household column of people: 1 with more than 50 members (60 customers) left out"), "{said}");
}

#[test]
fn households_are_proven_and_shown() {
    let company = Company::new();
    let recipes = "features.recipes=[\"recency\", \"holding\", \"household\"]";
    let dates = "train={as_of={every=\"1 month\",count=4},folds=2,min_positives=20}";
    let fixed =
        ["prove", "leakage", "pipelines/isp.toml", "--only", "rebuilds", "--as-of", "2026-06-26", "--set", recipes];
    let output = company.osusume(&[&fixed[..], &["--set", dates]].concat());
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    let shown = ["inspect", "C000000002", "pipelines/isp.toml", "--as-of", "2026-10-01", "--set", recipes];
    let page = company.succeed(&shown);
    assert!(page.contains("household"), "{page}");
    let idle = ["check", "pipelines/isp.toml", "--as-of", "2026-10-01", "--set", recipes];
    company.edit("pipelines/isp.toml", |config| config.replace("household = \"household_id\", ", ""));
    let page = company.succeed(&idle);
    assert!(page.contains("E4024") && page.contains("`household`"), "{page}");
}
