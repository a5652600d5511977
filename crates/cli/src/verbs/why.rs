//! `osusume why CUSTOMER [RUN]`.

use std::path::Path;

use osusume_model::{Arg, Exit, Minor, Result};
use osusume_pipeline::why::{
    DeclaredReason, Fate, OfferFate, RunAt, Standing, StepFate, ValueParts, Why, WithContact, why as retrace,
};
use osusume_text::screen::{self, Word as ScreenWord};
use osusume_text::why::{Word, layer, points, precise_percent, say, units};
use osusume_text::{Language, money_with_digits, reasons};
use serde_json::{Value, json};

use crate::args::{OutputFormat, PipelineArgs, WhyArgs};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::load;

/// Where runs lie when nobody says so: the default of `run.directory`.
const RUNS: &str = "runs";
/// Columns before the lines below an offer.
const INDENT: &str = "      ";

/// Explains; nothing is changed.
pub(crate) fn why(args: &WhyArgs, console: &Console, signals: &Signals) -> Ended {
    let host = TerminalHost::new(console, signals, None);
    let done = guarded(|| {
        let found = find(args, &host)?;
        match console.output {
            OutputFormat::Json => print_json(&object(&found, console)),
            OutputFormat::Text => print(&Explained { why: &found, console }.page()),
        }
    });
    done.map(|()| Exit::Ok).map_err(Failure::reading)
}

fn find(args: &WhyArgs, host: &TerminalHost<'_>) -> Result<Why> {
    let run = args.run.as_deref();
    if let Some(pipeline) = &args.pipeline {
        let pipeline = PipelineArgs { pipeline: pipeline.clone(), overlay: Vec::new(), set: Vec::new() };
        return retrace(RunAt::Pipeline(&load(&pipeline)?, run), &args.customer, host);
    }
    let at = match run.map(Path::new) {
        Some(dir) if dir.is_dir() => RunAt::Directory(dir),
        _ => RunAt::Below(Path::new(RUNS), run),
    };
    retrace(at, &args.customer, host)
}

/// What was found, on a terminal.
struct Explained<'a> {
    why: &'a Why,
    console: &'a Console,
}

impl Explained<'_> {
    fn page(&self) -> String {
        let args = [("run", Arg::from(self.why.run_id.as_str())), ("as_of", Arg::from(self.why.as_of.to_string()))];
        let mut page = format!("{}\n", self.say(Word::Headline, &args));
        match self.why.standing {
            Standing::Offered => {}
            Standing::Holdout => page = page + &self.say(Word::Holdout, &[]) + "\n",
            Standing::Explorer => page = page + &self.say(Word::Explorer, &[]) + "\n",
            Standing::ByPropensity => page = page + &self.say(Word::ByPropensity, &[]) + "\n",
            Standing::Random => page = page + &self.say(Word::Random, &[]) + "\n",
            Standing::Inactive => return page + &self.say(Word::Inactive, &[]) + "\n",
        }
        if let Some(lane) = &self.why.lane {
            page = page + &self.say(Word::Lane, &[("lane", Arg::from(lane.as_str()))]) + "\n";
        }
        if !self.why.offers.iter().any(|offer| matches!(offer.fate, Fate::Chosen { .. })) {
            page = page + "\n" + &self.say(Word::NoOffer, &[]) + "\n";
        }
        let told: Vec<(Word, String)> = self.why.offers.iter().map(|offer| self.offer(offer)).collect();
        for heading in [Word::Made, Word::Lost, Word::TooLittle, Word::Removed] {
            let mut lines =
                told.iter().filter(|(word, _)| *word == heading).map(|(_, lines)| lines.as_str()).peekable();
            if lines.peek().is_some() {
                page = page + "\n" + &self.say(heading, &[]) + "\n";
                page.extend(lines);
            }
        }
        page
    }

    /// The heading an offer stands under, and its lines.
    fn offer(&self, offer: &OfferFate) -> (Word, String) {
        let name = Arg::from(offer.offer.as_str());
        match &offer.fate {
            Fate::Chosen { rank, channel, margin } => {
                let kind = self.kind(offer.kind);
                let args = [
                    ("rank", Arg::Int(i64::from(*rank))),
                    ("offer", name),
                    ("kind", kind.into()),
                    ("channel", Arg::from(channel.as_str())),
                ];
                (Word::Made, self.lines(&self.say(Word::Chosen, &args), self.worth(offer, Some(*margin)), offer))
            }
            Fate::Outranked { by, ahead } => {
                let word = match *ahead {
                    1.. => Word::Outranked,
                    0 => Word::Tied,
                    _ => Word::Kept,
                };
                let args =
                    [("offer", name), ("by", Arg::from(by.as_str())), ("ahead", self.money(ahead.saturating_abs()))];
                (Word::Lost, self.lines(&self.say(word, &args), self.worth(offer, None), offer))
            }
            Fate::BelowThreshold { threshold } => {
                let short = self.money(threshold.saturating_sub(ranked_by(offer)));
                let args = [("offer", name), ("short", short), ("threshold", self.money(*threshold))];
                (Word::TooLittle, self.lines(&self.say(Word::Below, &args), self.worth(offer, None), offer))
            }
            Fate::Removed { layer: id, rule, declared } => {
                let language = self.console.language;
                let (label, sentence) = match declared {
                    Some(declared) => (declared.name.as_str(), self.declared(declared)),
                    None => (
                        reasons::rule_label(rule, language).unwrap_or(rule),
                        reasons::rule_sentence(rule, language).unwrap_or(rule).to_owned(),
                    ),
                };
                let args = [
                    ("offer", name),
                    ("layer", layer(id, language).into()),
                    ("rule", label.into()),
                    ("sentence", sentence.into()),
                ];
                (Word::Removed, format!("  {}\n", self.say(Word::Rule, &args)))
            }
        }
    }

    /// What the pipeline file says of its own rule, else in the other language, else the condition.
    fn declared(&self, declared: &DeclaredReason) -> String {
        let [en, ja] = &declared.reason;
        let own = match self.console.language {
            Language::En => en.as_ref().or(ja.as_ref()),
            Language::Ja => ja.as_ref().or(en.as_ref()),
        };
        own.cloned().unwrap_or_else(|| self.say(Word::Condition, &[("condition", declared.condition.as_str().into())]))
    }

    fn lines(&self, first: &str, worth: String, offer: &OfferFate) -> String {
        let mut lines = format!("  {first}\n");
        let value =
            [self.step(offer), self.units(offer), self.value(offer), self.interval(offer)].into_iter().flatten();
        for line in std::iter::once(worth).chain(value).chain(self.contact(offer)).chain(self.reasons(offer)) {
            lines = lines + INDENT + &line + "\n";
        }
        lines
    }

    /// The value in its parts.
    fn value(&self, offer: &OfferFate) -> Option<String> {
        let parts = offer.parts?;
        if let Some(StepFate { name, makes_offer: false }) = &offer.step {
            let cost = self.money(offer.value.unwrap_or(0).saturating_neg());
            let args = [("step", name.as_str().into()), ("cost", cost), ("ranked", self.money(ranked_by(offer)))];
            return Some(self.say(Word::Check, &args));
        }
        let amount = |amount: f64| self.money(amount.round_ties_even() as i64);
        let months = Arg::Int(i64::from(self.why.months));
        let mut args =
            vec![("months", months), ("gain", amount(parts.gain)), ("with", amount(parts.contacted * parts.gain))];
        args.extend(parts.is_incremental.then(|| ("without", amount(parts.alone * parts.gain))));
        let incentive = parts.contacted * parts.incentive as f64;
        args.extend((parts.incentive != 0).then(|| ("incentive", amount(incentive))));
        args.push(("cost", self.money(parts.contact_cost)));
        args.extend((parts.churn != 0.0).then(|| ("churn", amount(parts.churn))));
        args.extend((parts.lever != 0).then(|| ("lever", self.money(parts.lever))));
        let word = if parts.is_incremental { Word::Adds } else { Word::Takes };
        Some(self.say(word, &args))
    }

    fn units(&self, offer: &OfferFate) -> Option<String> {
        Some(self.say(Word::Units, &[("units", units(offer.parts?.units?))]))
    }

    fn step(&self, offer: &OfferFate) -> Option<String> {
        let step = offer.step.as_ref().filter(|step| step.makes_offer)?;
        Some(self.say(Word::Step, &[("step", step.name.as_str().into())]))
    }

    fn interval(&self, offer: &OfferFate) -> Option<String> {
        let [lower, upper] = offer.parts?.interval?.map(|end| self.money(end));
        Some(self.say(Word::Between, &[("lower", lower), ("upper", upper)]))
    }

    /// What the contact itself adds, where that is known.
    fn contact(&self, offer: &OfferFate) -> Option<String> {
        let WithContact { contacted, alone, uplift, interval, evidence, .. } = offer.contact?;
        let mut args = vec![("contacted", precise_percent(contacted)), ("alone", precise_percent(alone))];
        let Some([lower, upper]) = interval.filter(|_| evidence == "randomised") else {
            let [uplift] = points([uplift]);
            return Some(self.say(Word::Assumed, &[args, vec![("uplift", uplift)]].concat()));
        };
        args.extend(["uplift", "lower", "upper"].into_iter().zip(points([uplift, lower, upper])));
        Some(self.say(Word::Drawn, &args))
    }

    fn reasons(&self, offer: &OfferFate) -> Vec<String> {
        if offer.reasons.is_empty() && offer.basis == "rate" {
            return vec![format!("- {}", self.say(Word::NoReason, &[]))];
        }
        offer.reasons.iter().map(|code| format!("- {}", sentence(self.why, code, self.console))).collect()
    }

    fn worth(&self, offer: &OfferFate, margin: Option<i64>) -> String {
        let basis = if offer.basis == "model" { Word::Model } else { Word::Rate };
        let mut args = vec![
            ("propensity", precise_percent(offer.propensity.unwrap_or(0.0))),
            ("basis", self.say(basis, &[]).into()),
            ("value", self.money(offer.value.unwrap_or(0))),
        ];
        args.extend(margin.map(|margin| ("margin", self.money(margin))));
        self.say(Word::Worth, &args)
    }

    fn kind(&self, id: &str) -> &'static str {
        let word = match id {
            "upsell" => ScreenWord::Upsell,
            "cross_sell" => ScreenWord::CrossSell,
            _ => ScreenWord::Category,
        };
        screen::word(word, self.console.language)
    }

    fn money(&self, minor: i64) -> Arg {
        let Why { currency, minor_digits, .. } = self.why;
        Arg::Number(money_with_digits(Minor(minor), currency, *minor_digits, self.console.language))
    }

    fn say(&self, word: Word, args: &[(&str, Arg)]) -> String {
        say(word, self.console.language, args)
    }
}

fn sentence(why: &Why, code: &str, console: &Console) -> String {
    reasons::sentence(code, &why.dictionary, console.language)
}

fn object(why: &Why, console: &Console) -> Value {
    let standing = match why.standing {
        Standing::Offered => "offer",
        Standing::Holdout => "holdout",
        Standing::Explorer => "explore",
        Standing::ByPropensity => "propensity",
        Standing::Random => "random",
        Standing::Inactive => "inactive",
    };
    let offers: Vec<Value> = why.offers.iter().map(|offer| offer_object(why, offer, console)).collect();
    json!({
        "run_id": why.run_id, "as_of": why.as_of.to_string(), "arm": standing, "currency": why.currency,
        "minor_digits": why.minor_digits, "months": why.months, "lane": why.lane, "offers": offers,
    })
}

/// What offers are compared by.
fn ranked_by(offer: &OfferFate) -> i64 {
    offer.ranked.unwrap_or(0)
}

fn value_object(parts: ValueParts) -> Value {
    let [lower, upper] = parts.interval.map_or([None; 2], |ends| ends.map(Some));
    json!({
        "incremental": parts.is_incremental, "contacted": parts.contacted, "alone": parts.alone, "gain_minor": parts.gain,
        "offer_cost_minor": parts.incentive, "contact_cost_minor": parts.contact_cost, "churn_minor": parts.churn,
        "lever_minor": parts.lever, "lower_minor": lower, "upper_minor": upper,
    })
}

fn contact_object(contact: WithContact) -> Value {
    let [lower, upper] = contact.interval.map_or([None; 2], |ends| ends.map(Some));
    json!({
        "evidence": contact.evidence, "propensity_contacted": contact.contacted, "propensity_alone": contact.alone,
        "uplift": contact.uplift, "uplift_lower": lower, "uplift_upper": upper,
    })
}

fn offer_object(why: &Why, offer: &OfferFate, console: &Console) -> Value {
    let reasons: Vec<Value> =
        offer.reasons.iter().map(|code| json!({ "code": code, "sentence": sentence(why, code, console) })).collect();
    let mut object = json!({
        "offer": offer.offer, "kind": offer.kind, "family": offer.family, "basis": offer.basis,
        "propensity": offer.propensity, "contact": offer.contact.map(contact_object), "expected_value_minor": offer.value,
        "value": offer.parts.map(value_object), "reasons": reasons,
    });
    if let Some(units) = offer.parts.and_then(|parts| parts.units) {
        object["expected_quantity"] = json!(units);
    }
    if let Some(StepFate { name, makes_offer }) = &offer.step {
        object["step"] = json!({ "name": name, "makes_offer": makes_offer, "ranked_by_minor": offer.ranked });
    }
    let more = match &offer.fate {
        Fate::Chosen { rank, channel, margin } => {
            json!({ "fate": "chosen", "rank": rank, "channel": channel, "margin_minor": margin })
        }
        Fate::Outranked { by, ahead } => json!({ "fate": "outranked", "won_by": by, "ahead_minor": ahead }),
        Fate::BelowThreshold { threshold } => json!({ "fate": "below_threshold", "threshold_minor": threshold }),
        Fate::Removed { layer, rule, declared } => {
            let mut removed = json!({ "fate": "removed", "layer": layer, "rule": rule });
            if let Some(DeclaredReason { condition, reason: [en, ja], .. }) = declared {
                removed["condition"] = json!(condition);
                removed["reason_en"] = json!(en);
                removed["reason_ja"] = json!(ja);
            }
            removed
        }
    };
    if let (Value::Object(all), Value::Object(more)) = (&mut object, more) {
        all.extend(more);
    }
    object
}
