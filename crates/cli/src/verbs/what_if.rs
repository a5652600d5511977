//! `osusume what-if PIPELINE [RUN] --set KEY=VALUE`.

use std::collections::{BTreeMap, BTreeSet};

use osusume_model::{Arg, Exit, Minor};
use osusume_pipeline::CapacityRow;
use osusume_pipeline::what_if::{Side, WhatIf, what_if as decide_again};
use osusume_pipeline::why::RunAt;
use osusume_text::reasons::rule_name;
use osusume_text::what_if::{Word, say};
use osusume_text::{money_with_digits, thousands};

use crate::args::{OutputFormat, WhatIfArgs};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::load;
use crate::table::{Align, table};

/// Columns before the rows below a heading.
const INDENT: usize = 2;
const NUMBERS: [Align; 4] = [Align::Left, Align::Right, Align::Right, Align::Right];

/// Decides a run again under another policy; nothing is changed.
pub(crate) fn what_if(args: &WhatIfArgs, console: &Console, signals: &Signals) -> Ended {
    let host = TerminalHost::new(console, signals, None);
    let done = guarded(|| {
        let config = load(&args.pipeline)?;
        let found = decide_again(RunAt::Pipeline(&config, args.run.as_deref()), &config, &host)?;
        match console.output {
            OutputFormat::Json => print_json(&serde_json::to_value(&found).expect("numbers and texts")),
            OutputFormat::Text => print(&Page { found: &found, console }.text()),
        }
    });
    done.map(|()| Exit::Ok).map_err(Failure::reading)
}

/// What was found, on a terminal.
struct Page<'a> {
    found: &'a WhatIf,
    console: &'a Console,
}

impl Page<'_> {
    fn text(&self) -> String {
        let run = [("run", Arg::from(self.found.run_id.as_str())), ("as_of", Arg::from(self.found.as_of.as_str()))];
        let headline = say(Word::Headline, self.console.language, &run);
        if self.found.changed.is_empty() {
            return format!("{headline}\n\n{}\n", self.word(Word::Nothing));
        }
        let sections = [
            self.changed(),
            self.totals(),
            self.by_offer(Word::ByOffer, thousands, |side, offer| side.offers[offer].rows as i64),
            self.by_offer(
                Word::ValueByOffer,
                |minor| self.money(minor),
                |side, offer| side.offers[offer].expected_value_minor,
            ),
            self.counts(Word::ByChannel, |side| &side.channels, str::to_owned),
            self.places(),
            self.counts(Word::Removed, |side| &side.removed, |id| rule_name(id, self.console.language).to_owned()),
            self.moved(),
        ];
        let sections: Vec<String> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        format!("{headline}\n\n{}", sections.join("\n"))
    }

    fn word(&self, word: Word) -> String {
        say(word, self.console.language, &[])
    }

    /// Heads over a column of names and three of numbers.
    fn heads(&self) -> Vec<String> {
        let heads = [Word::Now, Word::Then, Word::Change].map(|word| self.word(word));
        std::iter::once(String::new()).chain(heads).collect()
    }

    fn changed(&self) -> String {
        let shown = |text: &str| if text.is_empty() { self.word(Word::Absent) } else { text.to_owned() };
        let mut rows = vec![[Word::Key, Word::Now, Word::Then].map(|word| self.word(word)).to_vec()];
        rows.extend(self.found.changed.iter().map(|one| vec![one.key.clone(), shown(&one.now), shown(&one.then)]));
        format!("{}\n{}", self.word(Word::Changed), table(INDENT, &[Align::Left; 3], &rows))
    }

    /// A row of two numbers and their difference.
    fn row(label: String, now: i64, then: i64, shown: &dyn Fn(i64) -> String) -> Vec<String> {
        let change = then.saturating_sub(now);
        let sign = if change > 0 { "+" } else { "" };
        vec![label, shown(now), shown(then), format!("{sign}{}", shown(change))]
    }

    fn totals(&self) -> String {
        let WhatIf { now, then, .. } = self.found;
        let count = |n: i64| thousands(n);
        let rows = vec![
            self.heads(),
            Self::row(self.word(Word::Reached), now.reached as i64, then.reached as i64, &count),
            Self::row(self.word(Word::Rows), now.rows as i64, then.rows as i64, &count),
            Self::row(self.word(Word::Value), now.expected_value_minor, then.expected_value_minor, &|minor| {
                self.money(minor)
            }),
        ];
        table(0, &NUMBERS, &rows)
    }

    fn by_offer(&self, heading: Word, shown: impl Fn(i64) -> String, number: impl Fn(&Side, usize) -> i64) -> String {
        let WhatIf { now, then, .. } = self.found;
        let row = |(offer, side): (usize, &osusume_pipeline::what_if::OfferSide)| {
            let (a, b) = (number(now, offer), number(then, offer));
            (a != 0 || b != 0).then(|| Self::row(side.offer.clone(), a, b, &|n| shown(n)))
        };
        self.section(heading, now.offers.iter().enumerate().filter_map(row).collect())
    }

    fn counts(
        &self,
        heading: Word,
        of: impl Fn(&Side) -> &BTreeMap<String, u64>,
        label: impl Fn(&str) -> String,
    ) -> String {
        let (now, then) = (of(&self.found.now), of(&self.found.then));
        let keys: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
        let count = |side: &BTreeMap<String, u64>, key: &String| side.get(key).map_or(0, |&n| n as i64);
        let rows =
            keys.into_iter().map(|key| Self::row(label(key), count(now, key), count(then, key), &|n| thousands(n)));
        self.section(heading, rows.collect())
    }

    /// Prices of places, by what a limit counts; one that only one policy has is free under the other.
    fn places(&self) -> String {
        let limits = |side: &Side| side.capacity.as_ref().map_or_else(Vec::new, |capacity| capacity.limits.clone());
        let (now, then) = (limits(&self.found.now), limits(&self.found.then));
        let mut names: Vec<String> = now.iter().chain(&then).map(limit_name).collect();
        names.sort();
        names.dedup();
        let price = |limits: &[CapacityRow], name: &str| {
            let of = limits.iter().filter(|limit| limit_name(limit) == name).map(|limit| limit.price_minor);
            of.sum::<f64>().round() as i64
        };
        let rows = names.into_iter().map(|name| {
            let (a, b) = (price(&now, &name), price(&then, &name));
            Self::row(name, a, b, &|minor| self.money(minor))
        });
        self.section(Word::Places, rows.collect())
    }

    fn moved(&self) -> String {
        let moved = self.found.moved;
        let rows = [
            (Word::Same, moved.same),
            (Word::Another, moved.another),
            (Word::Gained, moved.gained),
            (Word::Lost, moved.lost),
            (Word::Neither, moved.neither),
        ];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|(word, n)| vec![self.word(*word), thousands(*n as i64)]).collect();
        format!("{}\n{}", self.word(Word::Moved), table(INDENT, &[Align::Left, Align::Right], &rows))
    }

    fn section(&self, heading: Word, rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return String::new();
        }
        let mut all = vec![self.heads()];
        all.extend(rows);
        format!("{}\n{}", self.word(heading), table(INDENT, &NUMBERS, &all))
    }

    fn money(&self, minor: i64) -> String {
        money_with_digits(Minor(minor), &self.found.currency, self.found.minor_digits, self.console.language)
    }
}

/// What a limit counts.
fn limit_name(limit: &CapacityRow) -> String {
    let names = [limit.offer.as_deref(), limit.channel.as_deref(), limit.when.as_deref()];
    let names: Vec<&str> = names.into_iter().flatten().collect();
    if names.is_empty() { "*".to_owned() } else { names.join(" · ") }
}
