//! `osusume evaluate PIPELINE [RUN]`.

use osusume_model::{Arg, DAY_US, Date, Exit, Minor};
use osusume_pipeline::evaluation::{
    ArmComparison, ArmEvaluation, Compared, Effect, Evaluation, Expectation, Group, OfferEvaluation, PolicyArm, Span,
};
use osusume_pipeline::{EvaluateRequest, Evaluated, evaluate as evaluate_run, with_threads};
use osusume_text::evaluation::{Told, say};
use osusume_text::{Effect as Consequence, money_with_digits, thousands};
use serde_json::json;

use crate::args::{EvaluateArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::{Signals, lock_info, now_us};
use crate::settings::{load, memory, threads};
use crate::table::{Align, labelled, table};

/// Spaces before every line below the headline.
const INDENT: usize = 2;
/// What stands where there is no number.
const NONE: &str = "-";

/// Evaluates the run and tells what was found.
pub(crate) fn evaluate(args: &EvaluateArgs, console: &Console, signals: &Signals) -> Ended {
    let config = load(&args.run.pipeline()).map_err(Failure::starting)?;
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let request = EvaluateRequest {
        config: &config,
        run: args.run.run.as_deref(),
        as_of: args.as_of.unwrap_or_else(today),
        memory: memory(&args.resources, &config),
        lock: lock_info("evaluate"),
    };
    let threads = threads(args.resources.threads, Some(&config));
    let done = guarded(|| with_threads(threads, || evaluate_run(&request, &host))?);
    host.clear();
    let done =
        done.map_err(|fault| Failure { stage: host.stage(), ..Failure::new(fault, Consequence::NotPublishing) })?;
    tell(&done, console).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}

/// The day in UTC. Tables hold no outcome of the day they are exported on, so the hours between zones do not matter.
fn today() -> Date {
    Date(i32::try_from(now_us() / DAY_US).unwrap_or(i32::MAX))
}

fn tell(done: &Evaluated, console: &Console) -> osusume_model::Result<()> {
    if console.output == OutputFormat::Json {
        let outcome = if done.is_new { "published" } else { "already_published" };
        let evaluation = &done.evaluation;
        return print_json(
            &json!({ "type": "evaluation", "outcome": outcome, "directory": done.dir, "evaluation": evaluation }),
        );
    }
    if console.is_quiet {
        return Ok(());
    }
    print(&Page { console, evaluation: &done.evaluation }.text(done))
}

/// The numbers of an evaluation as a person reads them.
struct Page<'a> {
    console: &'a Console,
    evaluation: &'a Evaluation,
}

impl Page<'_> {
    fn text(&self, done: &Evaluated) -> String {
        let file = done.dir.join(osusume_pipeline::evaluation::EVALUATION).display().to_string();
        let places = labelled(INDENT, &[(&self.word(Told::Numbers), file)]);
        let parts = [
            self.head(done.is_new),
            self.everybody(),
            self.arms(),
            self.offers(),
            self.held_back(),
            self.expected(),
            self.described(),
            self.left_out(),
            places,
        ];
        parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n")
    }

    fn head(&self, is_new: bool) -> String {
        let evaluation = self.evaluation;
        let run = ("run", Arg::from(evaluation.run_id.as_str()));
        let pipeline = ("pipeline", Arg::from(evaluation.pipeline.as_str()));
        let headline = if is_new {
            self.say(Told::Headline, &[run, pipeline, ("as_of", Arg::from(evaluation.as_of.as_str()))])
        } else {
            self.say(Told::Already, &[run])
        };
        let days = [
            ("first", Arg::from(evaluation.window_first.as_str())),
            ("last", Arg::from(evaluation.window_end.as_str())),
            ("kept", Arg::from(u64::from(evaluation.kept_days))),
            ("known", Arg::from(evaluation.known_until.as_str())),
        ];
        format!("{headline}\n{}{}\n", " ".repeat(INDENT), self.say(Told::Days, &days))
    }

    fn everybody(&self) -> String {
        let total = &self.evaluation.total;
        let (offer, holdout) = (&total.offer, &total.holdout);
        let row = |label: Told, of: &dyn Fn(&ArmEvaluation) -> String, difference: String| {
            vec![self.word(label), of(offer), of(holdout), difference]
        };
        let confidence = self.confidence();
        let mut rows = vec![
            vec![
                self.word(Told::Everybody),
                self.word(Told::Offered),
                self.word(Told::HeldOut),
                self.say(Told::Difference, &confidence),
            ],
            row(Told::Customers, &|arm| count(arm.customers), String::new()),
            row(Told::TookAny, &|arm| self.percent(arm.attach_rate), self.points(&total.takes)),
        ];
        if let Some(revenue) = &total.revenue {
            let after = self.amounts(revenue);
            rows.push(row(Told::RevenueBefore, &|arm| self.money(arm.revenue_before_minor), String::new()));
            rows.push(row(Told::RevenueAfter, &|arm| self.money(arm.revenue_after_minor), after));
        }
        rows.push(row(Told::Retention, &|arm| self.percent(arm.retention), self.points(&total.retention)));
        table(INDENT, &[Align::Left, Align::Right, Align::Right, Align::Left], &rows)
    }

    /// The policy arms, and each against each; nothing for a run without.
    fn arms(&self) -> String {
        let (arms, comparisons) = (&self.evaluation.arms, &self.evaluation.comparisons);
        if arms.is_empty() {
            return String::new();
        }
        let heads = [Told::Arms, Told::Customers, Told::TookAny, Told::RevenueAfter, Told::Retention];
        let mut rows = vec![heads.iter().map(|&told| self.word(told)).collect::<Vec<_>>()];
        rows.extend(arms.iter().map(|PolicyArm { arm, numbers }| {
            vec![
                self.arm(arm),
                count(numbers.customers),
                self.percent(numbers.attach_rate),
                self.money(numbers.revenue_after_minor),
                self.percent(numbers.retention),
            ]
        }));
        let of_arms = table(INDENT, &[Align::Left, Align::Right, Align::Right, Align::Right, Align::Right], &rows);
        let first = self.say(Told::Compared, &self.confidence());
        let heads = [Told::TookAny, Told::RevenueAfter, Told::Retention, Told::Verdict].map(|told| self.word(told));
        let mut rows = vec![std::iter::once(first).chain(heads).collect::<Vec<_>>()];
        rows.extend(comparisons.iter().map(|comparison| self.comparison(comparison)));
        format!("{of_arms}\n{}", table(INDENT, &[Align::Left; 5], &rows))
    }

    fn comparison(&self, comparison: &ArmComparison) -> Vec<String> {
        let ArmComparison { arm, against, takes, revenue, retention, verdict, .. } = comparison;
        let pair = [("arm", Arg::from(self.arm(arm))), ("against", Arg::from(self.arm(against)))];
        let verdict = match verdict.as_str() {
            "better" => Told::Better,
            "worse" => Told::Worse,
            _ => Told::NotShown,
        };
        vec![
            self.say(Told::Less, &pair),
            self.points(takes),
            revenue.as_ref().map_or_else(|| NONE.to_owned(), |revenue| self.amounts(revenue)),
            self.points(retention),
            self.word(verdict),
        ]
    }

    fn arm(&self, arm: &str) -> String {
        self.word(match arm {
            "holdout" => Told::HeldOut,
            "propensity" => Told::ByPropensity,
            "random" => Told::AtRandom,
            _ => Told::ByRanking,
        })
    }

    fn offers(&self) -> String {
        let heads = [
            Told::Offer,
            Told::Reach,
            Told::Takes,
            Told::Rate,
            Told::ShadowReach,
            Told::Takes,
            Told::Rate,
            Told::Effect,
            Told::Extra,
            Told::Lift,
            Told::ShadowLift,
        ];
        let mut rows = vec![heads.iter().map(|&told| self.word(told)).collect::<Vec<_>>()];
        rows.extend(self.evaluation.offers.iter().map(|offer| self.offer(offer)));
        let mut align = [Align::Right; 11];
        align[0] = Align::Left;
        let heading = self.say(Told::Offers, &self.confidence());
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    fn offer(&self, offer: &OfferEvaluation) -> Vec<String> {
        let (assigned, shadow) = (&offer.assigned, &offer.shadow);
        let lift = |arm: &ArmEvaluation| {
            let top = arm.deciles.first().and_then(|decile| decile.lift);
            top.map_or_else(|| NONE.to_owned(), |lift| format!("{lift:.1}"))
        };
        vec![
            offer.offer.clone(),
            count(assigned.customers),
            count(assigned.takes),
            self.percent(assigned.attach_rate),
            count(shadow.customers),
            count(shadow.takes),
            self.percent(shadow.attach_rate),
            self.points(&offer.effect),
            self.extra(offer),
            lift(assigned),
            lift(shadow),
        ]
    }

    /// Offers held back one by one; nothing where none is.
    fn held_back(&self) -> String {
        let heads = [Told::Offer, Told::Reach, Told::Rate, Told::HeldBackReach, Told::Rate, Told::Effect];
        let mut rows = vec![heads.iter().map(|&told| self.word(told)).collect::<Vec<_>>()];
        rows.extend(self.evaluation.offers.iter().filter_map(|offer| {
            let held_back = offer.held_back.as_ref()?;
            Some(vec![
                offer.offer.clone(),
                count(offer.assigned.customers),
                self.percent(offer.assigned.attach_rate),
                count(held_back.customers.customers),
                self.percent(held_back.customers.attach_rate),
                self.points(&held_back.effect),
            ])
        }));
        if rows.len() == 1 {
            return String::new();
        }
        let mut align = [Align::Right; 6];
        align[0] = Align::Left;
        let heading = self.say(Told::HeldBack, &self.confidence());
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    /// What the run expected of its offers beside what came; nothing where it made none that is known.
    fn expected(&self) -> String {
        let evaluation = self.evaluation;
        let Some(all) = &evaluation.expected else { return String::new() };
        let heads = [
            Told::Offer,
            Told::Made,
            Told::TakesExpected,
            Told::Came,
            Told::Verdict,
            Told::AddedExpected,
            Told::Came,
            Told::Verdict,
        ];
        let mut rows = vec![heads.iter().map(|&told| self.word(told)).collect::<Vec<_>>()];
        rows.push(self.expectation(self.word(Told::AllOffers), all));
        let known = evaluation.offers.iter().filter_map(|offer| Some((offer.offer.clone(), offer.expected.as_ref()?)));
        rows.extend(known.map(|(offer, expected)| self.expectation(offer, expected)));
        let mut align = [Align::Left; 8];
        align[1] = Align::Right;
        let heading = self.say(Told::Expected, &self.confidence());
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    fn expectation(&self, offer: String, expected: &Expectation) -> Vec<String> {
        let mut row = vec![offer, count(expected.made)];
        row.extend(self.compared(&expected.takes, &|value| format!("{:.2}", 100.0 * value)));
        let added = expected.added.as_ref();
        row.extend(added.map_or([(); 3].map(|()| NONE.to_owned()), |added| {
            self.compared(added, &|value| format!("{:+.2}", 100.0 * value))
        }));
        row
    }

    /// What was expected, what came, and what the two say of each other.
    fn compared(&self, compared: &Compared, shown: &dyn Fn(f64) -> String) -> [String; 3] {
        let number = |value: f64| Arg::Number(shown(value));
        let between = |value: f64, span: Option<Span>| match span {
            Some(Span { lower, upper }) => {
                let args = [("value", number(value)), ("lower", number(lower)), ("upper", number(upper))];
                self.say(Told::Between, &args)
            }
            None => shown(value),
        };
        let came = compared.came.value.map_or_else(|| NONE.to_owned(), |value| between(value, compared.came.interval));
        let verdict = match compared.verdict.as_str() {
            "as_expected" => Told::AsExpected,
            "overstated" => Told::Overstated,
            "understated" => Told::Understated,
            _ => Told::TooFew,
        };
        [between(compared.expected, compared.expected_interval), came, self.word(verdict)]
    }

    fn described(&self) -> String {
        let heads = [Told::Offer, Told::Takers, Told::Revenue, Told::Stayed, Told::Others, Told::Revenue, Told::Stayed];
        let mut rows = vec![heads.iter().map(|&told| self.word(told)).collect::<Vec<_>>()];
        rows.extend(self.evaluation.offers.iter().map(|offer| {
            let group = |group: &Group| {
                let (before, after) = (self.money(group.revenue_before_minor), self.money(group.revenue_after_minor));
                let change = [("before", Arg::from(before)), ("after", Arg::from(after))];
                [count(group.customers), self.say(Told::Change, &change), self.percent(group.retention)]
            };
            let mut row = vec![offer.offer.clone()];
            row.extend(group(&offer.described.takers));
            row.extend(group(&offer.described.others));
            row
        }));
        let mut align = [Align::Right; 7];
        align[0] = Align::Left;
        let heading = self.word(Told::Described);
        format!("{}{heading}\n{}", " ".repeat(INDENT), table(2 * INDENT, &align, &rows))
    }

    /// Rows of offers and shadow that are in no rate, and those that count as no take.
    fn left_out(&self) -> String {
        let arms = || self.evaluation.offers.iter().flat_map(|offer| [&offer.assigned, &offer.shadow]);
        let sum = |of: fn(&ArmEvaluation) -> u64| Arg::from(arms().map(of).sum::<u64>());
        let left_out = [
            ("not_eligible", sum(|arm| arm.not_eligible)),
            ("immature", sum(|arm| arm.immature)),
            ("lost", sum(|arm| arm.lost)),
        ];
        let label = self.word(Told::LeftOutLabel);
        let gap_takes = self.say(Told::GapTakes, &[("count", sum(|arm| arm.gap_takes))]);
        labelled(INDENT, &[(&label, self.say(Told::LeftOut, &left_out)), (&label, gap_takes)])
    }

    fn confidence(&self) -> [(&'static str, Arg); 1] {
        [("confidence", Arg::Number(format!("{:.0}", 100.0 * self.evaluation.confidence)))]
    }

    fn percent(&self, rate: Option<f64>) -> String {
        let value = |rate: f64| self.say(Told::Percent, &[("value", Arg::Number(format!("{:.2}", 100.0 * rate)))]);
        rate.map_or_else(|| NONE.to_owned(), value)
    }

    fn money(&self, minor: Option<i64>) -> String {
        let evaluation = self.evaluation;
        let shown = |minor| {
            money_with_digits(Minor(minor), &evaluation.currency, evaluation.minor_digits, self.console.language)
        };
        minor.map_or_else(|| NONE.to_owned(), shown)
    }

    /// A difference of rates in percentage points.
    fn points(&self, effect: &Effect) -> String {
        let point = |value: f64| Arg::Number(format!("{:+.2}", 100.0 * value));
        let only = |value| self.say(Told::PointsOnly, &[("value", point(value))]);
        self.with_interval(effect, &only, &|value, span| {
            let args = [("value", point(value)), ("lower", point(span.lower)), ("upper", point(span.upper))];
            self.say(Told::Points, &args)
        })
    }

    /// A difference of amounts.
    fn amounts(&self, effect: &Effect) -> String {
        let amount = |value: f64| self.money(Some(value.round() as i64));
        self.with_interval(effect, &amount, &|value, span| {
            let args = [("value", amount(value)), ("lower", amount(span.lower)), ("upper", amount(span.upper))];
            self.say(Told::Between, &args.map(|(name, text)| (name, Arg::Number(text))))
        })
    }

    fn extra(&self, offer: &OfferEvaluation) -> String {
        let whole = |value: f64| Arg::Number(thousands(value.round() as i64));
        let (Some(value), Some(span)) = (offer.effect.value, offer.incremental_takes) else { return NONE.to_owned() };
        let value = whole(value * offer.assigned.customers as f64);
        let args = [("value", value), ("lower", whole(span.lower)), ("upper", whole(span.upper))];
        self.say(Told::Between, &args)
    }

    fn with_interval(
        &self,
        effect: &Effect,
        only: &dyn Fn(f64) -> String,
        between: &dyn Fn(f64, Span) -> String,
    ) -> String {
        match (effect.value, effect.interval) {
            (Some(value), Some(span)) => between(value, span),
            (Some(value), None) => self.say(Told::FewClusters, &[("value", Arg::Number(only(value)))]),
            (None, _) => self.word(Told::EmptyArm),
        }
    }

    fn word(&self, told: Told) -> String {
        self.say(told, &[])
    }

    fn say(&self, told: Told, args: &[(&str, Arg)]) -> String {
        say(told, self.console.language, args)
    }
}

fn count(value: u64) -> String {
    thousands(value as i64)
}
