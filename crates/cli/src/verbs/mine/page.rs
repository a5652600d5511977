//! What `osusume mine FILE` prints.

use osusume_model::Arg;
use osusume_pipeline::baskets::{FoundRule, MinedRules};
use osusume_text::mining::{self, Word};
use osusume_text::screen::Word as ScreenWord;
use osusume_text::{escape_controls, percent, thousands_of};
use serde_json::{Map, Value, json};

use super::Found;
use crate::args::MineArgs;
use crate::console::Console;
use crate::table::{Align, labelled, table};

const INDENT: usize = 2;

/// The page for people.
pub(super) fn page(args: &MineArgs, found: &Found, console: &Console) -> String {
    Page { args, found, console }.text()
}

struct Page<'a> {
    args: &'a MineArgs,
    found: &'a Found,
    console: &'a Console,
}

impl Page<'_> {
    fn say(&self, word: Word, args: &[(&str, Arg)]) -> String {
        mining::say(word, self.console.language, args)
    }

    fn text(&self) -> String {
        let lines = [self.baskets(), self.hierarchy(), self.sets(), self.rules(), self.ends()].concat();
        let lines: Vec<(&str, String)> = lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect();
        let mut text = labelled(0, &lines);
        let top = self.found.top();
        if !top.is_empty() {
            let named = |items: &[String]| escape_controls(&items.join(" + ")).into_owned();
            let rows: Vec<Vec<String>> =
                top.iter().map(|(items, count)| vec![thousands_of(u64::from(*count)), named(items)]).collect();
            text.push('\n');
            text.push_str(&table(INDENT, &[Align::Right, Align::Left], &rows));
        }
        if let Some(rules) = &self.found.rules {
            text.push_str(&self.strongest(rules));
        }
        text
    }

    fn baskets(&self) -> Vec<(String, String)> {
        let mined = &self.found.mined;
        let word = |word| self.console.word(word).to_owned();
        let repaired = [
            ("empty", Arg::from(mined.empty_baskets)),
            ("oversize", Arg::from(mined.oversize_baskets)),
            ("repeated", Arg::from(mined.duplicate_items)),
        ];
        let mut lines = vec![
            (word(ScreenWord::Baskets), thousands_of(mined.baskets)),
            (word(ScreenWord::Repaired), self.console.say(ScreenWord::RepairedValue, &repaired)),
        ];
        if mined.missing_items + mined.missing_baskets > 0 {
            let skipped = [("items", Arg::from(mined.missing_items)), ("baskets", Arg::from(mined.missing_baskets))];
            lines.push((self.say(Word::Skipped, &[]), self.say(Word::SkippedValue, &skipped)));
        }
        lines
    }

    fn hierarchy(&self) -> Vec<(String, String)> {
        let Some(said) = self.found.mined.belonging else { return Vec::new() };
        let (label, count) = (self.say(Word::Hierarchy, &[]), |count: u64| Arg::from(count));
        let found = [
            ("categories", count(said.categories)),
            ("levels", count(said.levels)),
            ("alone", count(said.items_without_parent)),
        ];
        let mut lines = vec![(label.clone(), self.say(Word::HierarchyValue, &found))];
        if said.rows_unused + said.rows_repeated + said.rows_skipped > 0 {
            let rows = [
                ("unused", count(said.rows_unused)),
                ("repeated", count(said.rows_repeated)),
                ("skipped", count(said.rows_skipped)),
            ];
            lines.push((label, self.say(Word::HierarchyRows, &rows)));
        }
        lines
    }

    /// A number of itemsets; counting ends at the largest one.
    fn number(&self, sets: u64) -> String {
        let number = thousands_of(sets);
        if sets < u64::MAX {
            return number;
        }
        self.say(Word::OrMore, &[("number", Arg::Number(number))])
    }

    fn sets(&self) -> Vec<(String, String)> {
        let mined = &self.found.mined;
        let word = |word| self.console.word(word).to_owned();
        let mut lines = vec![
            (word(ScreenWord::LeastCount), thousands_of(mined.min_count)),
            (word(ScreenWord::Itemsets), self.number(mined.sets)),
        ];
        for (size, sets) in mined.by_size.iter().enumerate().filter(|(_, sets)| **sets > 0) {
            let args = [("size", Arg::from(size)), ("sets", Arg::Number(self.number(*sets)))];
            lines.push((word(ScreenWord::BySize), self.console.say(ScreenWord::BySizeValue, &args)));
        }
        lines
    }

    fn rules(&self) -> Vec<(String, String)> {
        let Some(rules) = &self.found.rules else { return Vec::new() };
        let (label, count) = (self.say(Word::Rules, &[]), |count: u64| Arg::from(count));
        let kept = [("kept", count(rules.n_kept())), ("found", count(rules.n_found()))];
        let mut lines = vec![(label.clone(), self.say(Word::RulesValue, &kept))];
        let left_out = [(Word::Redundant, "redundant", rules.n_redundant()), (Word::Cut, "cut", rules.n_cut())];
        for (word, name, n) in left_out.into_iter().filter(|(_, _, n)| *n > 0) {
            lines.push((label.clone(), self.say(word, &[(name, count(n))])));
        }
        let reported = [
            ("reported", count(rules.n_reported())),
            ("rate", Arg::Number(percent(self.args.of_rules.fdr))),
            ("hypotheses", count(rules.n_hypotheses())),
        ];
        lines.push((self.say(Word::Reported, &[]), self.say(Word::ReportedValue, &reported)));
        lines
    }

    /// Files and times.
    fn ends(&self) -> Vec<(String, String)> {
        let found = self.found;
        let file = |path: &std::path::Path| Arg::from(path.display().to_string());
        let written = found.written.iter().map(|table| {
            let args = [("path", file(&table.path)), ("rows", Arg::from(table.rows))];
            (self.say(Word::Written, &[]), self.say(Word::WrittenValue, &args))
        });
        let seconds = |seconds: f64| Arg::Number(format!("{seconds:.3}"));
        let times = [("read", seconds(found.read_seconds)), ("mine", seconds(found.mine_seconds))];
        let label = self.console.word(ScreenWord::Seconds).to_owned();
        let mut lines: Vec<(String, String)> = written.collect();
        lines.push((label.clone(), self.console.say(ScreenWord::SecondsValue, &times)));
        if found.rules.is_some() {
            lines.push((label, self.say(Word::RuleSeconds, &[("seconds", seconds(found.rule_seconds))])));
        }
        lines
    }

    fn strongest(&self, rules: &MinedRules) -> String {
        let top = rules.strongest(&self.found.mined.names, self.args.show);
        if top.is_empty() {
            return String::new();
        }
        let heads = [
            Word::HeadRule,
            Word::HeadJoint,
            Word::HeadLeft,
            Word::HeadConfidence,
            Word::HeadLift,
            Word::HeadLower,
            Word::HeadP,
            Word::HeadQ,
        ];
        let mut rows = vec![heads.map(|word| self.say(word, &[])).to_vec()];
        rows.extend(top.iter().map(|rule| self.row(rule)));
        let mut align = [Align::Right; 8];
        align[0] = Align::Left;
        format!("\n{}", table(INDENT, &align, &rows))
    }

    fn row(&self, rule: &FoundRule) -> Vec<String> {
        let antecedent = rule.antecedent.join(self.console.word(ScreenWord::And));
        let args = [("antecedent", Arg::from(antecedent)), ("consequent", Arg::from(rule.consequent.as_str()))];
        vec![
            self.console.say(ScreenWord::Rule, &args),
            thousands_of(rule.n_both),
            thousands_of(rule.n_antecedent),
            percent(rule.confidence),
            format!("{:.2}", rule.lift),
            format!("{:.2}", rule.conditional_lift_lower),
            chance(rule.p_value),
            chance(rule.q_value),
        ]
    }
}

/// A probability in few digits.
fn chance(p: f64) -> String {
    if p >= 0.001 { format!("{p:.3}") } else { format!("{p:.0e}") }
}

impl Found {
    /// The most frequent itemsets by names, with their counts.
    fn top(&self) -> Vec<(Vec<String>, u32)> {
        let named = |items: &[u32]| items.iter().map(|item| self.mined.names.get(*item)).collect();
        self.mined.named.iter().map(|(items, count)| (named(items), *count)).collect()
    }
}

/// The page for programs.
pub(super) fn object(args: &MineArgs, found: &Found) -> Value {
    let mined = &found.mined;
    let sizes = mined.by_size.iter().enumerate().skip(1).filter(|(_, sets)| **sets > 0);
    let by_size: Map<String, Value> = sizes.map(|(size, sets)| (size.to_string(), json!(sets))).collect();
    let top: Vec<Value> = found.top().iter().map(|(items, count)| json!({ "items": items, "count": count })).collect();
    let least = if args.top.is_some() { args.min_length as usize } else { 2 };
    let listed = mined.by_size.iter().skip(least).fold(0_u64, |sum, sets| sum.saturating_add(*sets));
    let mut object = json!({
        "file": args.file.display().to_string(),
        "baskets": mined.baskets,
        "empty_baskets": mined.empty_baskets,
        "oversize_baskets": mined.oversize_baskets,
        "duplicate_items": mined.duplicate_items,
        "missing_items": mined.missing_items,
        "missing_baskets": mined.missing_baskets,
        "min_count": mined.min_count,
        "sets": mined.sets,
        "saturated": mined.sets == u64::MAX,
        "by_size": by_size,
        "top": top,
        "top_of": listed,
        "read_seconds": found.read_seconds,
        "mine_seconds": found.mine_seconds,
    });
    if let Some(said) = &mined.belonging {
        object["hierarchy"] = json!(said);
    }
    if let Some(rules) = &found.rules {
        object["rules"] = json!({
            "found": rules.n_found(),
            "redundant": rules.n_redundant(),
            "cut": rules.n_cut(),
            "kept": rules.n_kept(),
            "reported": rules.n_reported(),
            "hypotheses": rules.n_hypotheses(),
            "false_discovery_rate": args.of_rules.fdr,
            "top": rules.strongest(&mined.names, args.show),
            "seconds": found.rule_seconds,
        });
    }
    if args.out.is_some() {
        let written = |table: &osusume_pipeline::baskets::WrittenTable| json!({ "path": table.path.display().to_string(), "rows": table.rows });
        object["written"] = found.written.iter().map(written).collect();
    }
    object
}
