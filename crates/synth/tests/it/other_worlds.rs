//! Worlds the authors have not seen: another business, and files with absurd numbers.

use osusume_model::NoControl;
use osusume_synth::{World, generate};

use crate::support::{Cells, options, real_fs};

const ISP: &str = include_str!("../../worlds/isp.toml");

/// A gym: two families, one metric, no ticket, no price change, a year.
const GYM: &str = r#"
format_version = 1
churn = { per_year = 0.3, terms = [] }
contact = { lasts_days = 30, fatigue_days = 30, fatigue = 0.1, annoyance = 0.0, least = -0.2, most = 0.4, churn_days = 30 }
campaign = []
[setting]
name = "gym"
seed = 1
customers = 100
start = "2025-01-01"
end = "2026-01-01"
time_zone = "Asia/Tokyo"
utc_offset_minutes = 540
horizon_days = 30
gap_days = 0
kept_days = 10
joined_before = 0.5
years_before = 2.0
missing = 0.0
late = 0.0
late_days = [2, 3]
japanese = 0.5
household_sizes = [1.0]
renewal_family = "plan"
consents = [{ channel = "mail", refused = 0.1, changed = 0.0 }]
[[segment]]
name = "all"
share = 1.0
[[response]]
name = "all"
share = 1.0
effect = 0.1
natural = 1.0
churn = 1.0
[[need]]
name = "strength"
onset_per_year = 1.0
initial = 0.2
growth_weeks = 8.0
satisfied_by = ["coach"]
[[attribute]]
name = "club"
kind = "category"
values = ["north", "south"]
[[metric]]
name = "visits"
median = 6.0
sd = 0.5
noise = 0.3
every_months = 1
terms = [{ weight = 0.5, gates = [{ saturating = { driver = "need.strength", half = 0.5 } }] }]
[[trigger]]
name = "injury"
per_year = 0.1
quiet_days = 60
[[family]]
name = "plan"
held = { day = 0.7, full = 0.3 }
joining = 1.0
[[family]]
name = "coach"
held = { none = 0.9, coach = 0.1 }
joining = 0.5
[[product]]
id = "day"
name_en = "Day plan"
name_ja = "デイプラン"
family = "plan"
tier = 1
fee = 5000
margin = 2000
renews_months = 3
[[product]]
id = "full"
name_en = "Full plan"
name_ja = "フルプラン"
family = "plan"
tier = 2
fee = 9000
margin = 4000
renews_months = 3
[[product]]
id = "coach"
name_en = "Coach, twice a week"
name_ja = "コーチ"
family = "coach"
tier = 1
fee = 8000
margin = 3000
requires = ["plan"]
[[offer]]
product = "full"
per_60_days = 0.05
floor = 0.1
cap = 0.3
taste = 0.2
returned = 0.0
stepped_back = 0.0
terms = [{ weight = 1.0, gates = [{ above = { driver = "metric.visits", at = 8.0, spread = 0.2 } }] }]
[[offer]]
product = "coach"
per_60_days = 0.05
floor = 0.1
cap = 0.3
taste = 0.2
returned = 0.0
stepped_back = 0.0
terms = [{ weight = -3.0, gates = [{ within = { triggers = ["injury"], days = 90 } }] }]
"#;

#[test]
fn a_gym_is_a_world_too() {
    let world = World::parse(GYM, "gym.toml").unwrap();
    assert_eq!(world.offer_keys(), ["full", "coach"]);
    let scratch = tempfile::tempdir().unwrap();
    let summary = generate(&world, &options(300, scratch.path()), &real_fs(), &NoControl).unwrap();
    let rows = |path: &str| summary.files.iter().find(|file| file.path == path).unwrap().rows;
    assert_eq!(
        (rows("customers.csv"), rows("products.csv"), rows("tickets.csv"), rows("contacts.csv")),
        (300, 3, 0, 0)
    );
    assert!(rows("usage/usage.parquet") > 1_000);
    let holdings = Cells::read(&scratch.path().join("holdings.csv"));
    let coached = holdings.of(["product_id"]).filter(|[product]| *product == "coach").count();
    assert!(coached > 40, "{coached}");
}

/// Numbers of the shipped world in turn become absurd: the file is refused or played, never a panic.
#[test]
fn absurd_numbers_are_refused_or_played() {
    let numbers = numbers_of(ISP);
    assert!(numbers.len() > 600);
    let (mut refused, mut played) = (0, 0);
    // Every fifth number meets one of the six: the others are of the same kinds.
    for (i, (from, to)) in numbers.iter().step_by(5).enumerate() {
        let absurd = ["-1", "0", "1e300", "nan", "-1.5", "999999999"][i % 6];
        let text = format!("{}{absurd}{}", &ISP[..*from], &ISP[*to..]);
        match World::parse(&text, "absurd.toml") {
            Err(_) => refused += 1,
            Ok(world) => {
                let scratch = tempfile::tempdir().unwrap();
                generate(&world, &options(4, scratch.path()), &real_fs(), &NoControl).unwrap();
                played += 1;
            }
        }
    }
    assert!(refused > 20 && played > 20, "{refused} refused, {played} played");
}

/// Byte ranges of the numbers after an equals sign, a bracket or a comma.
fn numbers_of(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let is_part = |b: u8| b.is_ascii_digit() || b == b'.' || b == b'-';
    let mut numbers = Vec::new();
    let mut i = 1;
    while i < bytes.len() {
        let begins = is_part(bytes[i]) && bytes[i - 1] == b' ' && matches!(bytes[i - 2], b'=' | b',');
        let end = i + bytes[i..].iter().take_while(|b| is_part(**b)).count();
        if begins {
            numbers.push((i, end));
        }
        i = end.max(i + 1);
    }
    numbers
}
