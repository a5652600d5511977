//! `osusume demo --all`: every company made and run, and what the truth says of its offers, as one table.

use std::sync::Arc;

use osusume_model::{Arg, Exit, Minor};
use osusume_pipeline::config::Config;
use osusume_pipeline::runs::show;
use osusume_pipeline::{Fs, RealFs, with_threads};
use osusume_synth::{Delivery, RespondOptions, Reveal, Truth, World, respond};
use osusume_text::demo::{Word, say};
use osusume_text::{Effect, money_with_digits, thousands};
use serde_json::{Value, json};

use super::super::run::{publish, stopped};
use super::Demo;
use crate::args::{DemoArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::{load, threads};
use crate::table::{Align, table};

/// One company.
struct Row {
    name: &'static str,
    customers: u64,
    run_id: String,
    summary: Value,
    cost: i64,
    truth: Option<Truth>,
}

/// Plays every company up to its run and prints a table, a row each.
pub(super) fn all(args: &DemoArgs, console: &Console, signals: &Signals) -> Ended {
    let mut rows = Vec::new();
    for name in World::names() {
        console.note(&say(Word::Playing, console.language, &[("world", Arg::from(name))]));
        let out = args.out.join(name);
        let demo = Demo::new(name, &out, args, console, signals);
        rows.push(of_company(name, &demo)?);
    }
    if console.output == OutputFormat::Json {
        let companies: Vec<Value> = rows.iter().map(Row::object).collect();
        print_json(&json!({ "type": "demo", "companies": companies })).map_err(Failure::reading)?;
    } else {
        print(&page(&rows, console)).map_err(Failure::reading)?;
    }
    Ok(Exit::Ok)
}

fn of_company(name: &'static str, demo: &Demo<'_>) -> Result<Row, Failure> {
    demo.prepare().map_err(Failure::starting)?;
    demo.generate(&demo.place("data"), demo.as_of, None)?;
    let config = load(&demo.pipeline()).map_err(Failure::starting)?;
    let host = TerminalHost::new(demo.console, demo.signals, demo.args.resources.deadline);
    let (done, lock) = publish(&demo.run_args(), &config, &host).map_err(|fault| stopped(fault, &config, &host))?;
    drop(lock);
    let details = show(&config, Some(&done.run_id)).map_err(Failure::reading)?;
    let truth = if demo.args.score { Some(score(demo, &done.run_id)?) } else { None };
    let cost = contact_costs(&config, &details.summary);
    Ok(Row { name, customers: demo.customers, run_id: done.run_id, summary: details.summary, cost, truth })
}

/// What the truth says of the published offers.
fn score(demo: &Demo<'_>, run: &str) -> Result<Truth, Failure> {
    let place = demo.place("runs").join(run);
    let options = RespondOptions {
        seed: demo.world.default_seed(),
        delivery: Delivery::Sent,
        reveal: Reveal::Expected,
        out: demo.out.join("answers.parquet"),
    };
    let host = TerminalHost::new(demo.console, demo.signals, None);
    let fs: Arc<dyn Fs> = Arc::new(RealFs);
    host.begin_verb("synth");
    let threads = threads(demo.args.resources.threads, None);
    let offers = place.join("offers.parquet");
    let answers = guarded(|| with_threads(threads, || respond(&demo.world, &offers, &options, &fs, &host))?);
    host.clear();
    let answers = answers.map_err(|fault| Failure::new(fault, Effect::NotPublishing))?;
    Ok(answers.truth.unwrap_or_default())
}

/// What the offers of a run cost to make.
fn contact_costs(config: &Config, summary: &Value) -> i64 {
    let channels = summary["decisions"]["channels"].as_object();
    let rows = channels.into_iter().flatten().filter_map(|(channel, rows)| Some((channel, rows.as_i64()?)));
    rows.map(|(channel, rows)| rows.saturating_mul(config.decide.contact_cost(channel))).sum()
}

impl Row {
    fn number(&self, key: &str) -> i64 {
        self.summary["decisions"][key].as_i64().unwrap_or(0)
    }

    fn offers(&self) -> i64 {
        let offers = self.summary["decisions"]["offers"].as_array();
        offers.into_iter().flatten().filter_map(|offer| offer[1].as_i64()).sum()
    }

    /// The mean over offers with a model of the area at the newest test.
    fn auc(&self) -> Option<f64> {
        let offers = self.summary["offers"].as_array();
        let newest = |offer: &Value| offer["tests"].as_array()?.last()?["auc"].as_f64();
        let modelled = offers.into_iter().flatten().filter(|offer| offer["basis"] == "model");
        let areas: Vec<f64> = modelled.filter_map(newest).collect();
        (!areas.is_empty()).then(|| areas.iter().sum::<f64>() / areas.len() as f64)
    }

    fn profit(&self, truth: &Truth) -> f64 {
        truth.worth - self.cost as f64
    }

    fn object(&self) -> Value {
        let truth = self.truth.map(|truth| {
            json!({
                "takes_with_contact": truth.with_contact, "takes_without_contact": truth.without_contact,
                "worth_minor": truth.worth, "contact_costs_minor": self.cost, "profit_minor": self.profit(&truth),
                "churn_caused": churn(&truth),
            })
        });
        json!({
            "company": self.name, "customers": self.customers, "run_id": self.run_id,
            "currency": self.summary["currency"], "offers": self.offers(), "customers_with_offer": self.number("with_offer"),
            "auc": self.auc(), "expected_value_minor": self.number("expected_value_minor"), "truth": truth,
        })
    }

    fn cells(&self, console: &Console) -> Vec<String> {
        let digits = self.summary["minor_digits"].as_u64().unwrap_or(0) as u32;
        let currency = self.summary["currency"].as_str().unwrap_or_default();
        let money = |minor: f64| money_with_digits(Minor(minor.round() as i64), currency, digits, console.language);
        let mut cells = vec![
            self.name.to_owned(),
            thousands(self.customers as i64),
            thousands(self.offers()),
            thousands(self.number("with_offer")),
            self.auc().map_or("-".to_owned(), |auc| format!("{auc:.3}")),
            money(self.number("expected_value_minor") as f64),
        ];
        if let Some(truth) = &self.truth {
            cells.push(format!("{:.0} / {:.0}", truth.with_contact, truth.without_contact));
            cells.extend([truth.worth, self.cost as f64, self.profit(truth)].map(money));
            cells.push(churn(truth).map_or("-".to_owned(), |churn| format!("{:+.2} %", 100.0 * churn)));
        }
        cells
    }
}

/// How much more of those contacted leave within a year, relative.
fn churn(truth: &Truth) -> Option<f64> {
    (truth.leaves_alone > 0.0).then(|| truth.leaves_contacted / truth.leaves_alone - 1.0)
}

fn page(rows: &[Row], console: &Console) -> String {
    let mut heads = vec![Word::World, Word::Customers, Word::Made, Word::Reached, Word::Auc, Word::Value];
    if rows.iter().any(|row| row.truth.is_some()) {
        heads.extend([Word::Added, Word::Worth, Word::Cost, Word::Profit, Word::Churn]);
    }
    let mut align = vec![Align::Right; heads.len()];
    align[0] = Align::Left;
    let heads = heads.into_iter().map(|word| say(word, console.language, &[])).collect();
    let cells = rows.iter().map(|row| row.cells(console));
    table(0, &align, &std::iter::once(heads).chain(cells).collect::<Vec<Vec<String>>>())
}
