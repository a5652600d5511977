//! The page a run ends with, drawn from its `summary.json`: the same for a run just published and one looked at again.

use std::path::Path;

use osusume_model::{Arg, Minor};
use osusume_pipeline::Exported;
use osusume_pipeline::runs::RunDetails;
use osusume_text::screen::Word;
use osusume_text::summary::Phrase;
use osusume_text::{Language, minor_digits, money_with_digits, percent, reasons, thousands};
use serde_json::Value;

use crate::console::Console;
use crate::table::{Align, labelled, table};

/// Spaces before every line below the headline.
const INDENT: usize = 2;
/// Rules the page tells.
const RULES_TOLD: usize = 8;
/// Fewer customers than this are not spoken of.
const SMALL_CELL: u64 = 10;
/// What stands where there is no number.
const NONE: &str = "-";
/// The cause of those whom no channel may reach.
const UNREACHABLE: &str = "no_consent";

/// The numbers of a run, as its summary tells them.
pub(crate) struct Page<'a> {
    /// How to speak.
    pub(crate) console: &'a Console,
    /// The run.
    pub(crate) run: &'a RunDetails,
    /// The pipeline file as it was typed.
    pub(crate) pipeline: &'a Path,
    /// What was delivered, where something was.
    pub(crate) exported: &'a [Exported],
}

impl Page<'_> {
    /// Everything below the headline.
    pub(crate) fn body(&self) -> String {
        let tables = [
            self.facts(),
            self.sources(),
            self.offers(),
            self.rules(),
            self.follows(),
            self.removed(),
            self.capacity(),
            self.places(),
        ];
        let filled: Vec<String> = tables.into_iter().filter(|table| !table.is_empty()).collect();
        filled.join("\n")
    }

    /// Headline of a published run.
    pub(crate) fn headline(&self) -> String {
        let args = [
            ("run", Arg::from(self.run.run_id.as_str())),
            ("pipeline", Arg::from(self.text("pipeline"))),
            ("as_of", Arg::from(self.text("as_of"))),
        ];
        self.console.phrase(Phrase::Published, &args)
    }

    fn facts(&self) -> String {
        let console = self.console;
        let decisions = &self.run.summary["decisions"];
        let count = |name: &str| Arg::from(number(&decisions[name]));
        let read = Arg::from(number(&self.run.summary["customers"]));
        let offers: u64 = self.offer_list().iter().map(|offer| number(&offer["offered"])).sum();
        let customers = [("read", read), ("scored", count("scored"))];
        let made = [("offers", Arg::from(offers)), ("customers", count("with_offer"))];
        let share = number(&decisions["holdout"]) as f64 / (number(&decisions["customers"]).max(1)) as f64;
        let held = [("count", count("holdout")), ("share", Arg::Number(percent(share)))];
        let mut lines = vec![(Phrase::Customers, console.phrase(Phrase::CustomersValue, &customers))];
        lines.push((Phrase::Offers, console.phrase(Phrase::OffersValue, &made)));
        // Resemblance times margin is no money to come.
        if self.text("design") != "cross_section" {
            lines.push((Phrase::ExpectedValue, self.expected_value()));
        }
        lines.push((Phrase::Holdout, console.phrase(Phrase::HoldoutValue, &held)));
        let label = |phrase| console.phrase(phrase, &[]);
        let mut lines: Vec<(String, String)> =
            lines.into_iter().map(|(phrase, value)| (label(phrase), value)).collect();
        lines.extend(self.without());
        if number(&decisions["explorers"]) > 0 {
            let value = console.say(Word::ExplorersValue, &[("count", count("explorers"))]);
            lines.push((console.word(Word::Explorers).to_owned(), value));
        }
        lines.extend(self.power().map(|shows| (console.word(Word::ShowsLabel).to_owned(), shows)));
        lines.extend(self.arms().map(|arms| (console.word(Word::Arms).to_owned(), arms)));
        lines.extend(self.stability().map(|value| (console.word(Word::Stability).to_owned(), value)));
        lines.extend(self.lanes().map(|lanes| (console.word(Word::Lanes).to_owned(), lanes)));
        for (word, count) in self.left_out() {
            let args = [("count", Arg::from(count)), ("reason", Arg::from(console.word(word)))];
            lines.push((label(Phrase::Excluded), console.phrase(Phrase::ExcludedValue, &args)));
        }
        if self.text("design") == "cross_section" {
            let value = console.word(Word::CrossSectionValue).to_owned();
            lines.push((console.word(Word::CrossSection).to_owned(), value));
        }
        lines.extend(self.learned().map(|value| (console.word(Word::Learned).to_owned(), value)));
        labelled(INDENT, &lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect::<Vec<_>>())
    }

    /// Customers without an offer, each under one cause: with those who have one and the holdout they are everybody decided about.
    fn without(&self) -> Vec<(String, String)> {
        let (console, decisions) = (self.console, &self.run.summary["decisions"]);
        let count = |name: &str| number(&decisions[name]);
        let unreachable = count("unreachable");
        let mut causes: Vec<(&str, u64)> = (decisions["without"].as_object().into_iter().flatten())
            .map(|(cause, n)| (reasons::without_label(cause, console.language).unwrap_or(cause), number(n), cause))
            .filter(|(_, _, cause)| *cause != UNREACHABLE)
            .map(|(label, n, _)| (label, n))
            .collect();
        causes.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let one = |(label, n): &(&str, u64)| {
            console.say(Word::WithoutCause, &[("count", Arg::from(*n)), ("cause", Arg::from(*label))])
        };
        let told: Vec<String> = causes.iter().map(one).collect();
        let mut args = vec![("count", Arg::from(count("without_offer").saturating_sub(unreachable)))];
        let joined = told.join(if console.language == Language::Ja { "、" } else { ", " });
        args.extend((!told.is_empty()).then(|| ("causes", Arg::from(joined))));
        let mut lines =
            vec![(console.word(Word::WithoutOffer).to_owned(), console.say(Word::WithoutOfferValue, &args))];
        // Whoever no channel may reach may be in the holdout, too.
        let barred = count("customers").saturating_sub(count("scored"));
        if barred > 0 {
            let args = [("count", Arg::from(barred)), ("held", Arg::from(barred.saturating_sub(unreachable)))];
            lines.push((console.word(Word::NotAsked).to_owned(), console.say(Word::NotAskedValue, &args)));
        }
        lines
    }

    /// What the holdout can show.
    fn power(&self) -> Option<String> {
        let power = self.run.summary["decisions"].get("power")?;
        let number = |name: &str, factor: f64, digits: usize| {
            Some(Arg::Number(format!("{:.*}", digits, factor * power[name].as_f64()?)))
        };
        let args = [
            ("rate", number("base_rate", 100.0, 2)?),
            ("effect", number("detectable", 100.0, 2)?),
            ("lift", number("detect", 100.0, 0)?),
            ("months", number("months", 1.0, 1)?),
        ];
        Some(self.console.say(Word::Shows, &args))
    }

    /// Customers by policy arm, where there are several.
    fn arms(&self) -> Option<String> {
        let arms = self.run.summary["decisions"].get("arms")?.as_object()?;
        let one = |(arm, count): (&String, &Value)| {
            let args = [("arm", Arg::from(arm.as_str())), ("count", Arg::from(number(count)))];
            self.console.say(Word::ArmValue, &args)
        };
        Some(arms.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    /// How first offers compare with those of the run before, where there is one.
    fn stability(&self) -> Option<String> {
        let stability = self.run.summary["decisions"].get("stability")?;
        let count = |name: &'static str| (name, Arg::from(number(&stability[name])));
        let share = ("share", Arg::Number(percent(stability["flip_rate"].as_f64()?)));
        Some(
            self.console
                .say(Word::StabilityValue, &[share, count("kept"), count("changed"), count("ended"), count("begun")]),
        )
    }

    /// Customers by lane, where there is more than the one of everybody.
    fn lanes(&self) -> Option<String> {
        let lanes = self.run.summary["decisions"]["lanes"].as_object().filter(|lanes| lanes.len() > 1)?;
        let told: Vec<String> = lanes.iter().map(|(lane, n)| format!("{lane} {}", shown(n))).collect();
        Some(told.join(", "))
    }

    /// Rows left out over all sources, by reason.
    fn left_out(&self) -> Vec<(Word, u64)> {
        let summary = &self.run.summary;
        let sources = || summary["sources"].as_object().into_iter().flatten();
        let total = |key: &str| sources().map(|(_, counts)| number(&counts[key])).sum();
        let found = [
            (Word::UnknownProducts, number(&summary["holdings_of_unknown_products"])),
            (Word::Suppressed, total("suppressed")),
            (Word::Anonymous, total("excluded_anonymous")),
            (Word::NotKept, total("excluded_not_kept")),
            (Word::NotYetKnown, total("excluded_not_yet_known")),
        ];
        found.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    fn expected_value(&self) -> String {
        let minor = self.run.summary["decisions"]["expected_value_minor"].as_i64().unwrap_or(0);
        let amount = self.money(minor);
        let phrase = match self.text("value_counts") {
            "added" => Phrase::ExpectedValueAdded,
            "mixed" => Phrase::ExpectedValueMixed,
            _ => Phrase::ExpectedValueTakes,
        };
        self.console.phrase(phrase, &[("amount", Arg::Number(amount))])
    }

    fn learned(&self) -> Option<String> {
        let training = &self.run.summary["training"];
        let dates = training["as_of_dates"].as_array()?;
        let (first, last) = (dates.first()?.as_str()?, dates.last()?.as_str()?);
        let args = [
            ("rows", Arg::from(number(&training["rows"]))),
            ("dates", Arg::from(dates.len())),
            ("first", Arg::from(first)),
            ("last", Arg::from(last)),
        ];
        Some(self.console.say(Word::LearnedValue, &args))
    }

    fn sources(&self) -> String {
        let Some(sources) = self.run.summary["sources"].as_object() else { return String::new() };
        let heads = [Word::Source, Word::Read, Word::Accepted, Word::SetAside, Word::Repeated];
        let mut rows = vec![self.heads(&heads)];
        for (name, counts) in sources {
            let count = |key: &str| shown(&counts[key]);
            rows.push(vec![name.clone(), count("read"), count("accepted"), count("rejected"), count("excluded")]);
        }
        table(INDENT, &[Align::Left, Align::Right, Align::Right, Align::Right, Align::Right], &rows)
    }

    fn offers(&self) -> String {
        let heads = [Word::Offer, Word::Kind, Word::Offered, Word::Takes, Word::Auc, Word::Basis];
        let mut rows = vec![self.heads(&heads)];
        for offer in self.offer_list() {
            let newest = offer["tests"].as_array().and_then(|tests| tests.last()?["auc"].as_f64());
            rows.push(vec![
                text(offer, "offer").to_owned(),
                self.known(text(offer, "kind")).to_owned(),
                shown(&offer["offered"]),
                shown(&offer["positives"]),
                newest.map_or_else(|| NONE.to_owned(), |auc| format!("{auc:.3}")),
                self.known(text(offer, "basis")).to_owned(),
            ]);
        }
        table(INDENT, &[Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Left], &rows)
    }

    /// The strongest rules in words; those told of few customers or baskets are left to the table.
    fn rules(&self) -> String {
        let mined = &self.run.summary["rules"];
        let told = mined["top"].as_array().map_or(&[][..], Vec::as_slice);
        let told: Vec<&Value> =
            told.iter().filter(|rule| number(&rule["joint"]) >= SMALL_CELL).take(RULES_TOLD).collect();
        if told.is_empty() {
            return String::new();
        }
        let args = ["reported", "rules"].map(|key| (key, Arg::from(number(&mined[key]))));
        let heading = self.console.say(Word::Rules, &args);
        let mut rows = vec![self.heads(&[Word::Joint, Word::Confidence, Word::Lift, Word::LaterLift])];
        rows[0].insert(0, String::new());
        rows.extend(told.iter().map(|rule| {
            let lift = format!("{} ({})", decimal(&rule["lift"]), decimal(&rule["lift_lower"]));
            let confidence = rule["confidence"].as_f64().map_or_else(|| NONE.to_owned(), percent);
            vec![self.rule(rule), shown(&rule["joint"]), confidence, lift, decimal(&rule["later_lift"])]
        }));
        let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    fn rule(&self, rule: &Value) -> String {
        let items = rule["antecedent"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let antecedent = items.collect::<Vec<_>>().join(self.console.word(Word::And));
        let args = [("antecedent", Arg::from(antecedent)), ("consequent", Arg::from(text(rule, "consequent")))];
        self.console.say(Word::Rule, &args)
    }

    /// What is added after what, the surest first; those told of few customers are left to the table.
    fn follows(&self) -> String {
        let follows = &self.run.summary["rules"]["follows"];
        let told = follows["top"].as_array().map_or(&[][..], Vec::as_slice);
        let told: Vec<&Value> =
            told.iter().filter(|follow| number(&follow["added"]) >= SMALL_CELL).take(RULES_TOLD).collect();
        if told.is_empty() {
            return String::new();
        }
        let args = [("days", "within_days"), ("reported", "reported"), ("compared", "compared")];
        let heading = self.console.say(Word::Follows, &args.map(|(arg, key)| (arg, Arg::from(number(&follows[key])))));
        let heads = [Word::FollowAdded, Word::FollowRatio, Word::FollowHalf, Word::FollowLater];
        let mut rows = vec![self.heads(&heads)];
        rows[0].insert(0, String::new());
        rows.extend(told.iter().map(|follow| {
            let names = ["antecedent", "consequent"].map(|key| (key, Arg::from(text(follow, key))));
            let [ratio, lower, upper] = [0, 1, 2].map(|at| decimal(&follow["rate_ratio"][at]));
            let half = follow["lead_days"][1].as_f64().map_or_else(|| NONE.to_owned(), |days| format!("{days:.0}"));
            let later = decimal(&follow["later_rate_ratio"]);
            let pair = self.console.say(Word::Follow, &names);
            vec![pair, shown(&follow["added"]), format!("{ratio} ({lower}-{upper})"), half, later]
        }));
        let align = [Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    /// Every reason, the most frequent first; being outranked by better offers is what happens to most of them and says nothing.
    fn removed(&self) -> String {
        let Some(removed) = self.run.summary["decisions"]["removed"].as_object() else { return String::new() };
        let mut reasons: Vec<(&str, u64)> = removed.iter().map(|(id, count)| (id.as_str(), number(count))).collect();
        reasons.retain(|&(_, count)| count > 0);
        reasons.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        if reasons.is_empty() {
            return String::new();
        }
        let label = |id: &str| reasons::rule_name(id, self.console.language).to_owned();
        let rows: Vec<Vec<String>> =
            reasons.iter().map(|&(id, count)| vec![label(id), thousands(count as i64)]).collect();
        let heading = self.console.word(Word::Removed);
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &[Align::Left, Align::Right], &rows))
    }

    fn money(&self, minor: i64) -> String {
        let currency = self.text("currency");
        let digits = self.run.summary["minor_digits"].as_u64().and_then(|digits| u32::try_from(digits).ok());
        money_with_digits(
            Minor(minor),
            currency,
            digits.unwrap_or_else(|| minor_digits(currency)),
            self.console.language,
        )
    }

    /// The places there were, and what one more would be worth.
    fn capacity(&self) -> String {
        let limits = self.run.summary["decisions"]["capacity"]["limits"].as_array();
        let Some(limits) = limits.filter(|limits| !limits.is_empty()) else { return String::new() };
        let mut rows = vec![self.heads(&[Word::Offer, Word::Channel, Word::Used, Word::Most, Word::PlaceWorth])];
        rows.extend(limits.iter().map(|limit| {
            let name = |key: &str| limit[key].as_str().unwrap_or(self.console.word(Word::Every)).to_owned();
            let condition = limit["when"].as_str().map_or_else(String::new, |when| format!("{when}  "));
            let price = self.money(limit["price_minor"].as_f64().unwrap_or(0.0).round() as i64);
            let budget = limit["budget_minor"].as_i64();
            let used =
                budget.and(limit["used"].as_i64()).map_or_else(|| shown(&limit["used"]), |used| self.money(used));
            let most = budget.map_or_else(|| shown(&limit["max"]), |budget| self.money(budget));
            vec![name("offer"), name("channel"), used, most, price, format!("{condition}{}", self.missed(limit))]
        }));
        let align = [Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Left];
        let heading = self.console.word(Word::Capacity);
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    /// What is to be said of a minimum that is missed; nothing of one that is met.
    fn missed(&self, limit: &Value) -> String {
        let Some(missing) = limit["missing"].as_i64() else { return String::new() };
        let is_proved = limit["conflict"].as_array().is_some_and(|conflict| !conflict.is_empty());
        self.console.say(if is_proved { Word::Impossible } else { Word::Missed }, &[("count", Arg::Int(missing))])
    }

    /// Where the tables lie, and what to type next.
    pub(crate) fn places(&self) -> String {
        let console = self.console;
        let mut lines = vec![(console.phrase(Phrase::Table, &[]), self.path("offers.parquet"))];
        lines.push((console.word(Word::Report).to_owned(), self.path("report.html")));
        for exported in self.exported {
            let args = [("path", Arg::from(exported.path.display().to_string())), ("rows", Arg::from(exported.rows))];
            lines.push((console.phrase(Phrase::Exported, &[]), console.phrase(Phrase::ExportedValue, &args)));
        }
        if self.rejected() > 0 {
            lines.push((console.phrase(Phrase::Quarantine, &[]), self.path("quarantine/rejects.csv")));
        }
        let next = console.phrase(Phrase::Next, &[]);
        let command = |verb: &str| [("command", Arg::from(format!("osusume runs {verb} {}", self.pipeline.display())))];
        lines.push((next.clone(), console.say(Word::NextShow, &command("show"))));
        lines.push((next.clone(), console.phrase(Phrase::NextVerify, &command("verify"))));
        labelled(INDENT, &lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect::<Vec<_>>())
    }

    /// Rows set aside, over all sources.
    pub(crate) fn rejected(&self) -> u64 {
        rejected(&self.run.summary)
    }

    fn path(&self, name: &str) -> String {
        self.run.dir.join(name).display().to_string()
    }

    fn heads(&self, words: &[Word]) -> Vec<String> {
        words.iter().map(|word| self.console.word(*word).to_owned()).collect()
    }

    fn offer_list(&self) -> &[Value] {
        self.run.summary["offers"].as_array().map_or(&[], Vec::as_slice)
    }

    fn text(&self, name: &str) -> &str {
        text(&self.run.summary, name)
    }

    /// The word for an id of the summary, or the id itself.
    fn known<'b>(&self, id: &'b str) -> &'b str {
        match id {
            "upsell" => self.console.word(Word::Upsell),
            "cross_sell" => self.console.word(Word::CrossSell),
            "category" => self.console.word(Word::Category),
            "model" => self.console.word(Word::Model),
            "rate" => self.console.word(Word::Rate),
            other => other,
        }
    }
}

/// Rows set aside in a run, over all sources.
pub(crate) fn rejected(summary: &Value) -> u64 {
    let sources = summary["sources"].as_object();
    sources.into_iter().flatten().map(|(_, counts)| number(&counts["rejected"])).sum()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn shown(value: &Value) -> String {
    value.as_i64().map_or_else(|| NONE.to_owned(), thousands)
}

fn decimal(value: &Value) -> String {
    value.as_f64().map_or_else(|| NONE.to_owned(), |x| format!("{x:.2}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or(NONE)
}
