//! `osusume inspect CUSTOMER PIPELINE`.

use std::collections::BTreeSet;

use osusume_model::{Arg, Code, Exit, Fault, Result};
use osusume_pipeline::inspect::{InspectRequest, Inspected, InspectedFeature, InspectedTable, Value, inspect as look};
use osusume_pipeline::with_threads;
use osusume_text::inspect::{Word, say};
use osusume_text::{Language, labels, suggest};
use serde_json::{Value as Json, json};

use crate::args::{InspectArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::{Signals, lock_info};
use crate::settings::{load, memory, threads};
use crate::table::{Align, table};

/// Stretches of row numbers shown of a feature.
const RANGES_SHOWN: usize = 4;
/// Names shown where one was not understood.
const NAMES_SHOWN: usize = 20;

/// Shows the features of one customer; nothing is kept.
pub(crate) fn inspect(args: &InspectArgs, console: &Console, signals: &Signals) -> Ended {
    let config = load(&args.pipeline).map_err(Failure::reading)?;
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let request = InspectRequest {
        config: &config,
        customer: &args.customer,
        as_of: args.as_of,
        at: args.at,
        memory: memory(&args.resources, &config),
        scratch: std::env::temp_dir().join(format!("osusume-inspect-{}", std::process::id())),
        lock: lock_info("inspect"),
    };
    let threads = threads(args.resources.threads, Some(&config));
    let found = guarded(|| with_threads(threads, || look(&request, &host))?);
    host.clear();
    let told = found.and_then(|found| chosen(found, &args.feature)).and_then(|found| match console.output {
        OutputFormat::Json => print_json(&object(&found, console.language)),
        OutputFormat::Text => print(&Page { found: &found, console, rows: args.rows }.text(&config.pipeline.time_zone)),
    });
    told.map(|()| Exit::Ok).map_err(Failure::reading)
}

/// Only the features asked for and the rows they come from; everything where none was asked for.
fn chosen(mut found: Inspected, names: &[String]) -> Result<Inspected> {
    if names.is_empty() {
        return Ok(found);
    }
    let known: Vec<String> = found.features.iter().map(|feature| feature.spec.name.clone()).collect();
    let unknown = names.iter().filter(|name| !known.contains(name)).map(|name| {
        let fault = Fault::new(Code::OptionNotAllowed).with("option", "--feature").with("got", name.as_str());
        let fault = match suggest(name, known.iter().map(String::as_str)) {
            Some(nearest) => fault.with("suggestion", nearest),
            None => fault,
        };
        // Those with the word in them first.
        let (mut alike, others): (Vec<&str>, Vec<&str>) =
            known.iter().map(String::as_str).partition(|known| known.contains(name.as_str()));
        alike.extend(others);
        alike.truncate(NAMES_SHOWN);
        fault.with("allowed", alike.join(", "))
    });
    Fault::all(unknown.collect())?;
    found.features.retain(|feature| names.contains(&feature.spec.name));
    for table in &mut found.tables {
        let of_table = found.features.iter().filter(|feature| feature.source == table.source);
        let wanted: BTreeSet<u32> = of_table.flat_map(|feature| feature.rows.iter().copied()).collect();
        table.rows.retain(|row| wanted.contains(&row.number));
    }
    found.tables.retain(|table| found.features.iter().any(|feature| feature.source == table.source));
    Ok(found)
}

/// What was found, on a terminal.
struct Page<'a> {
    found: &'a Inspected,
    console: &'a Console,
    /// Rows shown of a table, the newest.
    rows: usize,
}

impl Page<'_> {
    fn text(&self, zone: &str) -> String {
        let args = [("date", Arg::from(self.found.at.to_string())), ("zone", Arg::from(zone))];
        let mut text = format!("{}\n", self.say(Word::Headline, &args));
        if !self.found.is_customer {
            text = text + &self.say(Word::Inactive, &[]) + "\n";
        }
        for table in &self.found.tables {
            text = text + "\n" + &self.table(table);
        }
        text + "\n" + &self.features()
    }

    fn table(&self, shown: &InspectedTable) -> String {
        let count = [("source", Arg::from(shown.source.as_str())), ("rows", Arg::from(shown.rows.len()))];
        let heading = match shown.hidden {
            0 => self.say(Word::Table, &count),
            hidden => self.say(Word::TableHidden, &[&count[..], &[("hidden", Arg::from(hidden))]].concat()),
        };
        let mut text = format!("{heading}\n");
        let earlier = shown.rows.len().saturating_sub(self.rows);
        if earlier > 0 {
            text = text + "  " + &self.say(Word::Earlier, &[("rows", Arg::from(earlier))]) + "\n";
        }
        if shown.rows.len() > earlier {
            let head = std::iter::once(String::new()).chain(shown.columns.iter().cloned());
            let mut lines = vec![head.collect::<Vec<_>>()];
            for row in &shown.rows[earlier..] {
                let cells = row.cells.iter().map(|cell| self.cell(cell));
                lines.push(std::iter::once(row.number.to_string()).chain(cells).collect());
            }
            let rest = (0..shown.columns.len()).map(|column| align(shown, column));
            let align: Vec<Align> = std::iter::once(Align::Right).chain(rest).collect();
            text += &table(2, &align, &lines);
        }
        text
    }

    fn features(&self) -> String {
        let count = [("features", Arg::from(self.found.features.len()))];
        let heads = [Word::Feature, Word::Value, Word::Rows, Word::Meaning];
        let mut rows = vec![heads.iter().map(|word| self.say(*word, &[])).collect::<Vec<_>>()];
        rows.extend(self.found.features.iter().map(|feature| {
            let meaning = labels::label(&feature.spec, self.console.language);
            vec![feature.spec.name.clone(), self.value(feature), self.ranges(feature), meaning]
        }));
        let align = [Align::Left, Align::Right, Align::Left, Align::Left];
        format!("{}\n{}", self.say(Word::Features, &count), table(2, &align, &rows))
    }

    fn value(&self, feature: &InspectedFeature) -> String {
        match feature.value {
            Value::Absent => "-".to_owned(),
            ref value => self.cell(value),
        }
    }

    fn cell(&self, value: &Value) -> String {
        match value {
            Value::Absent => String::new(),
            Value::Number(number) => shown(*number),
            // A level may hold control characters, which would move the cursor.
            Value::Text(text) => osusume_text::escape_controls(text).into_owned(),
            Value::Other => self.say(Word::Other, &[]),
        }
    }

    fn ranges(&self, feature: &InspectedFeature) -> String {
        let ranges = stretches(&feature.rows);
        let shown: Vec<String> = ranges.iter().take(RANGES_SHOWN).map(|&(first, last)| stretch(first, last)).collect();
        let more: u32 = ranges.iter().skip(RANGES_SHOWN).map(|(first, last)| last - first + 1).sum();
        let shown = if shown.is_empty() { "-".to_owned() } else { format!("{} {}", feature.source, shown.join(", ")) };
        match more {
            0 => shown,
            _ => self.say(Word::MoreRows, &[("ranges", Arg::from(shown)), ("more", Arg::from(u64::from(more)))]),
        }
    }

    fn say(&self, word: Word, args: &[(&str, Arg)]) -> String {
        say(word, self.console.language, args)
    }
}

/// Numbers stand on the right.
fn align(shown: &InspectedTable, column: usize) -> Align {
    let is_number = |cell: &Value| matches!(cell, Value::Number(_) | Value::Absent);
    let all = shown.rows.iter().all(|row| is_number(&row.cells[column]));
    if all { Align::Right } else { Align::Left }
}

/// Whole numbers as they are, others with six significant digits.
fn shown(number: f64) -> String {
    if number.fract().abs() < f64::MIN_POSITIVE && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let magnitude = number.abs().log10().floor() as i32;
    let digits = (5 - magnitude).clamp(0, 12) as usize;
    let text = format!("{number:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Runs of consecutive numbers, each with its first and last.
fn stretches(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

fn stretch(first: u32, last: u32) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

fn object(found: &Inspected, language: Language) -> Json {
    let value = |value: &Value| match value {
        Value::Absent | Value::Other => Json::Null,
        Value::Number(number) => json!(number),
        Value::Text(text) => json!(text),
    };
    let table = |table: &InspectedTable| {
        let rows = table.rows.iter().map(|row| {
            let cells = table.columns.iter().cloned().zip(row.cells.iter().map(value));
            let number = ("row".to_owned(), json!(row.number));
            Json::Object(std::iter::once(number).chain(cells).collect())
        });
        json!({ "source": table.source, "rows": rows.collect::<Vec<_>>(), "not_known_yet": table.hidden })
    };
    let feature = |feature: &InspectedFeature| {
        json!({
            "name": feature.spec.name, "family": feature.spec.family.id(), "subject": feature.spec.subject,
            "label": labels::label(&feature.spec, language), "unit": labels::unit(feature.spec.unit, language),
            "absent": labels::null_meaning(feature.spec.null, language),
            "value": value(&feature.value), "source": feature.source, "rows": feature.rows,
        })
    };
    json!({
        "type": "inspect",
        "as_of": found.at.to_string(),
        "is_customer": found.is_customer,
        "tables": found.tables.iter().map(table).collect::<Vec<_>>(),
        "features": found.features.iter().map(feature).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (3.0, "3"),
            (-0.25, "-0.25"),
            (1_234.567_89, "1234.57"),
            (0.000_123_456_789, "0.000123457"),
            (1e15, "1000000000000000"),
        ];
        for (number, text) in cases {
            assert_eq!(shown(number), text);
        }
        assert_eq!(shown(2.0 / 3.0), "0.666667");
    }

    #[test]
    fn rows_are_told_by_stretches() {
        assert_eq!(stretches(&[1, 2, 3, 5, 7, 8]), [(1, 3), (5, 5), (7, 8)]);
        assert_eq!(stretches(&[]), []);
        assert_eq!((stretch(1, 3), stretch(5, 5)), ("1-3".to_owned(), "5".to_owned()));
    }
}
