//! `osusume train FILE`, `osusume score MODEL FILE`, `osusume show MODEL`: models on plain files.

use std::path::Path;

use osusume_model::{Arg, Exit};
use osusume_pipeline::flat::{
    self, ColumnReport, ColumnType, Encoding, Finding, Input, Kind, LeftOut, ScoreRequest, Scored, Shown, TrainRequest,
    Trained,
};
use osusume_pipeline::with_threads;
use osusume_text::flat::{Word, say};
use osusume_text::screen::Word as ScreenWord;
use osusume_text::summary::Phrase;
use osusume_text::{escape_controls, percent, thousands};
use serde_json::{Value, json};

use crate::args::{EncodingArg, FileArgs, OutputFormat, ScoreArgs, ShowArgs, TrainArgs};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::Signals;
use crate::settings::{plain_memory, threads};
use crate::table::{Align, labelled, table};

const INDENT: usize = 2;
/// Columns of a model shown on a terminal; `--out` and JSON have them all.
const SHOWN: usize = 30;

/// Learns.
pub(crate) fn train(args: &TrainArgs, console: &Console, signals: &Signals) -> Ended {
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    host.begin_verb("train");
    let learned = guarded(|| {
        let request = TrainRequest {
            input: input(&args.input),
            target: &args.target,
            positive: args.positive.as_deref(),
            ignore: &args.ignore,
            kind: args.model.as_deref().map(Kind::named).transpose()?,
            l1_share: args.l1_share,
            out: &args.out,
            memory: plain_memory(&args.resources),
        };
        with_threads(threads(args.resources.threads, None), || flat::train(&request, &host))?
    });
    host.clear();
    let told = learned.and_then(|trained| match console.output {
        OutputFormat::Json => print_json(&trained_object(&trained)),
        OutputFormat::Text if console.is_quiet => Ok(()),
        OutputFormat::Text => print(&Told { console }.trained(args, &trained)),
    });
    told.map(|()| Exit::Ok).map_err(Failure::starting)
}

/// Scores.
pub(crate) fn score(args: &ScoreArgs, console: &Console, signals: &Signals) -> Ended {
    let host = TerminalHost::new(console, signals, None);
    host.begin_verb("score");
    let request =
        ScoreRequest { model: &args.model, input: input(&args.input), out: &args.out, language: console.language };
    let scored = guarded(|| with_threads(threads(args.threads, None), || flat::score(&request, &host))?);
    host.clear();
    let told = scored.and_then(|scored| match console.output {
        OutputFormat::Json => print_json(&scored_object(&scored)),
        OutputFormat::Text if console.is_quiet => Ok(()),
        OutputFormat::Text => print(&Told { console }.scored(&scored)),
    });
    told.map(|()| Exit::Ok).map_err(Failure::starting)
}

/// Shows.
pub(crate) fn show(args: &ShowArgs, console: &Console) -> Ended {
    let done = guarded(|| {
        let shown = flat::show(&args.model)?;
        if let Some(out) = &args.out {
            flat::html(&shown, out, console.language)?;
        }
        match (console.output, &args.out) {
            (OutputFormat::Json, _) => print_json(&shown_object(&shown)),
            (OutputFormat::Text, Some(_)) if console.is_quiet => Ok(()),
            (OutputFormat::Text, Some(out)) => print(&Told { console }.page_written(out)),
            (OutputFormat::Text, None) => print(&Told { console }.shown(&shown)),
        }
    });
    done.map(|()| Exit::Ok).map_err(Failure::reading)
}

fn input(args: &FileArgs) -> Input<'_> {
    let encoding = args.encoding.map(|encoding| match encoding {
        EncodingArg::Utf8 => Encoding::Utf8,
        EncodingArg::Utf16 => Encoding::Utf16,
        EncodingArg::Cp932 => Encoding::Cp932,
    });
    Input { path: &args.file, delimiter: args.delimiter, encoding }
}

/// The pages, on a terminal.
struct Told<'a> {
    console: &'a Console,
}

impl Told<'_> {
    fn trained(&self, args: &TrainArgs, trained: &Trained) -> String {
        let head = [("target", Arg::from(args.target.as_str())), ("path", path(&trained.out))];
        let mut lines = vec![
            (self.say(Word::Predicts, &[]), self.predicts(&args.target, &trained.values)),
            (self.say(Word::Rows, &[]), self.rows(trained.rows, trained.positives)),
        ];
        if trained.without_target > 0 {
            lines.push((String::new(), self.say(Word::WithoutTarget, &[("count", Arg::from(trained.without_target))])));
        }
        if let Some(delimiter) = trained.delimiter {
            lines.push((self.say(Word::Delimiter, &[]), delimiter.escape_default().to_string()));
        }
        if let Some(chosen) = trained.chosen.filter(|chosen| chosen.kept > 0) {
            let lambda = Arg::Number(format!("{:.2e}", chosen.lambda));
            let args = [("kept", Arg::from(chosen.kept)), ("of", Arg::from(chosen.of)), ("lambda", lambda)];
            lines.push((self.say(Word::Kept, &[]), self.say(Word::KeptValue, &args)));
        }
        let measured = trained.measured.as_ref().map(|measured| measured.line(self.console.language));
        lines.push((self.say(Word::Measured, &[]), measured.unwrap_or_else(|| self.say(Word::NotMeasured, &[]))));
        let strays = trained.columns.iter().filter(|column| column.strays > 0);
        let mut remarks: Vec<String> = strays.map(|column| self.strays(&column.name, column.strays)).collect();
        remarks.extend(trained.findings.iter().map(|finding| self.finding(finding)));
        let warning = self.console.word(ScreenWord::Warning);
        lines.extend(remarks.into_iter().map(|remark| (warning.to_owned(), remark)));
        let next = self.console.phrase(Phrase::Next, &[]);
        let (file, out) = (args.input.file.display(), trained.out.display());
        let command = |command: String| [("command", Arg::from(command))];
        lines.push((
            next.clone(),
            self.say(Word::NextScore, &command(format!("osusume score {out} {file} --out scores.csv"))),
        ));
        lines.push((next, self.say(Word::NextShowModel, &command(format!("osusume show {out}")))));
        format!("{}\n\n{}\n{}", self.say(Word::Trained, &head), self.columns(&trained.columns), of_labels(&lines))
    }

    fn columns(&self, columns: &[ColumnReport]) -> String {
        let heads = [Word::HeadColumn, Word::HeadType, Word::HeadMissing];
        let mut rows = vec![heads.map(|word| self.say(word, &[])).to_vec()];
        rows.extend(columns.iter().map(|column| {
            let use_as = match column.use_as {
                Ok(column_type) => self.say(type_word(column_type), &[]),
                Err(why) => self.say(Word::LeftOut, &[("why", self.say(why_word(why), &[]).into())]),
            };
            vec![escape_controls(&column.name).into_owned(), use_as, thousands(column.missing as i64)]
        }));
        table(INDENT, &[Align::Left, Align::Left, Align::Right], &rows)
    }

    fn scored(&self, scored: &Scored) -> String {
        let expected = Arg::Number(format!("{:.1}", scored.expected));
        let args = [("rows", Arg::from(scored.rows)), ("path", path(&scored.out)), ("expected", expected)];
        let mut text = format!("{}\n", self.say(Word::Scored, &args));
        let warning = self.console.word(ScreenWord::Warning);
        for (column, count) in &scored.strays {
            text = text + &" ".repeat(INDENT) + warning + "  " + &self.strays(column, *count) + "\n";
        }
        text
    }

    fn shown(&self, shown: &Shown) -> String {
        let measured = shown.measured.as_ref().map(|measured| measured.line(self.console.language));
        let lines = [
            (self.say(Word::Predicts, &[]), self.predicts(&shown.target, &shown.values)),
            (self.say(Word::Rows, &[]), self.rows(shown.rows, shown.positives)),
            (self.say(Word::Measured, &[]), measured.unwrap_or_else(|| self.say(Word::NotMeasured, &[]))),
        ];
        let heads = [Word::HeadColumn, Word::HeadTakes, Word::HeadEffect];
        let mut rows = vec![heads.map(|word| self.say(word, &[])).to_vec()];
        for feature in shown.features.iter().take(SHOWN) {
            for (i, column) in feature.main_columns().into_iter().enumerate() {
                let name = if i == 0 { escape_controls(&feature.name).into_owned() } else { String::new() };
                rows.push(vec![name, column.label(self.console.language), format!("{:+.3}", column.effect)]);
            }
        }
        for map in &shown.maps {
            let [column, other] = map.features.each_ref().map(|name| Arg::from(name.as_str()));
            let name = self.say(Word::MapOf, &[("column", column), ("other", other)]);
            rows.push(vec![name, self.say(Word::MapEffects, &[]), format!("±{:.3}", map.largest())]);
        }
        let columns = table(INDENT, &[Align::Left, Align::Left, Align::Right], &rows);
        format!("{}\n{columns}", of_labels(&lines))
    }

    fn page_written(&self, out: &Path) -> String {
        format!("{}\n", self.say(Word::PageWritten, &[("path", path(out))]))
    }

    fn predicts(&self, target: &str, [positive, negative]: &[String; 2]) -> String {
        let name = |text: &str| Arg::from(text);
        let args = [("target", name(target)), ("positive", name(positive)), ("negative", name(negative))];
        self.say(Word::PredictsValue, &args)
    }

    fn rows(&self, rows: u64, positives: u64) -> String {
        let share = Arg::Number(percent(positives as f64 / rows.max(1) as f64));
        self.say(Word::RowsValue, &[("rows", rows.into()), ("positives", positives.into()), ("share", share)])
    }

    fn strays(&self, column: &str, count: u64) -> String {
        self.say(Word::Strays, &[("column", column.into()), ("count", count.into())])
    }

    fn finding(&self, finding: &Finding) -> String {
        match finding {
            Finding::Separated { column: Some(column) } => {
                self.say(Word::SeparatedBy, &[("column", column.as_str().into())])
            }
            Finding::Separated { column: None } => self.say(Word::Separated, &[]),
            Finding::Collinear { columns } => self.say(Word::Collinear, &[("columns", columns.clone().into())]),
            Finding::NoSignal => self.say(Word::NoSignal, &[]),
        }
    }

    fn say(&self, word: Word, args: &[(&str, Arg)]) -> String {
        say(word, self.console.language, args)
    }
}

fn of_labels(lines: &[(String, String)]) -> String {
    labelled(INDENT, &lines.iter().map(|(label, value)| (label.as_str(), value.clone())).collect::<Vec<_>>())
}

fn path(path: &Path) -> Arg {
    Arg::from(path.display().to_string())
}

fn type_word(column_type: ColumnType) -> Word {
    match column_type {
        ColumnType::Number => Word::Number,
        ColumnType::Date => Word::Date,
        ColumnType::Category => Word::Category,
    }
}

fn why_word(why: LeftOut) -> Word {
    match why {
        LeftOut::Ignored => Word::Ignored,
        LeftOut::Unnamed => Word::Unnamed,
        LeftOut::Unsupported => Word::Unsupported,
        LeftOut::Empty => Word::Empty,
        LeftOut::TooManyValues => Word::TooManyValues,
        LeftOut::Constant => Word::Constant,
    }
}

fn type_id(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Number => "number",
        ColumnType::Date => "date",
        ColumnType::Category => "category",
    }
}

fn why_id(why: LeftOut) -> &'static str {
    match why {
        LeftOut::Ignored => "ignored",
        LeftOut::Unnamed => "unnamed",
        LeftOut::Unsupported => "unsupported",
        LeftOut::Empty => "empty",
        LeftOut::TooManyValues => "too_many_values",
        LeftOut::Constant => "constant",
    }
}

fn measured_object(measured: Option<&flat::Measured>) -> Value {
    measured.map_or(Value::Null, |measured| {
        json!({
            "folds": measured.folds, "auc": measured.auc, "auc_standard_error": measured.auc_standard_error,
            "log_loss": measured.log_loss, "base_log_loss": measured.base_log_loss,
        })
    })
}

fn trained_object(trained: &Trained) -> Value {
    let column = |column: &ColumnReport| {
        json!({
            "name": column.name, "type": column.use_as.ok().map(type_id), "left_out": column.use_as.err().map(why_id),
            "missing": column.missing, "strays": column.strays,
        })
    };
    let finding = |finding: &Finding| match finding {
        Finding::Separated { column } => json!({ "finding": "separated", "column": column }),
        Finding::Collinear { columns } => json!({ "finding": "collinear", "columns": columns }),
        Finding::NoSignal => json!({ "finding": "no_signal" }),
    };
    json!({
        "type": "train", "model": trained.out, "kind": trained.kind.id(), "rows": trained.rows, "without_target": trained.without_target,
        "positive": trained.values[0], "negative": trained.values[1], "positives": trained.positives,
        "delimiter": trained.delimiter, "columns": trained.columns.iter().map(column).collect::<Vec<_>>(),
        "measured": measured_object(trained.measured.as_ref()),
        "findings": trained.findings.iter().map(finding).collect::<Vec<_>>(),
        "chosen": trained.chosen.map(|chosen| json!({ "kept": chosen.kept, "of": chosen.of, "lambda": chosen.lambda })),
    })
}

fn scored_object(scored: &Scored) -> Value {
    let strays: Vec<Value> =
        scored.strays.iter().map(|(column, count)| json!({ "column": column, "count": count })).collect();
    json!({ "type": "score", "scores": scored.out, "rows": scored.rows, "expected": scored.expected, "strays": strays })
}

fn shown_object(shown: &Shown) -> Value {
    let feature = |feature: &flat::ShownFeature| {
        let columns = feature.columns.iter();
        let columns: Vec<Value> = columns
            .map(|column| json!({ "takes": column.transform, "levels": column.levels, "effect": column.effect }))
            .collect();
        json!({
            "name": feature.name, "type": type_id(feature.column_type), "strength": feature.strength, "columns": columns,
        })
    };
    let map = |map: &flat::ShownMap| json!({ "features": map.features, "groups": map.groups, "effects": map.effects });
    json!({
        "kind": shown.kind.id(), "tool_version": shown.tool_version, "target": shown.target,
        "positive": shown.values[0], "negative": shown.values[1], "rows": shown.rows, "positives": shown.positives,
        "measured": measured_object(shown.measured.as_ref()),
        "features": shown.features.iter().map(feature).collect::<Vec<_>>(),
        "maps": shown.maps.iter().map(map).collect::<Vec<_>>(),
    })
}
