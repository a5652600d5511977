//! `osusume runs list|show|verify PIPELINE [RUN]`.

use osusume_model::{Arg, Exit, Result};
use osusume_pipeline::config::Config;
use osusume_pipeline::runs::{RunDetails, RunLine, Standing, Verified, list, show, verify};
use osusume_text::screen::Word;
use osusume_text::summary::Phrase;
use osusume_text::thousands;
use serde_json::{Value, json};

use crate::args::{OneRunArgs, OutputFormat, PipelineArgs, RunsVerb};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::page::Page;
use crate::process::Signals;
use crate::settings::load;
use crate::table::{Align, labelled, table};

/// Does what is asked for; nothing is changed.
pub(crate) fn runs(verb: &RunsVerb, console: &Console, signals: &Signals) -> Ended {
    let done = match verb {
        RunsVerb::List(args) => guarded(|| print_list(args, console)),
        RunsVerb::Show(args) => guarded(|| print_run(args, console)),
        RunsVerb::Verify(args) => guarded(|| print_verification(args, console, signals)),
    };
    done.map(|()| Exit::Ok).map_err(Failure::reading)
}

fn print_list(args: &PipelineArgs, console: &Console) -> Result<()> {
    let config = load(args)?;
    let lines = list(&config)?;
    if console.output == OutputFormat::Json {
        return print_json(&Value::Array(lines.iter().map(line_object).collect()));
    }
    if lines.is_empty() {
        let name = Arg::from(config.pipeline.name.as_str());
        return print(&format!("{}\n", console.phrase(Phrase::NoRuns, &[("pipeline", name)])));
    }
    let heads = [Word::Run, Word::AsOf, Word::Standing, Word::Offers];
    let mut rows = vec![heads.iter().map(|word| console.word(*word).to_owned()).collect()];
    rows.extend(lines.iter().map(|line| row(line, console)));
    print(&table(0, &[Align::Left, Align::Left, Align::Left, Align::Right], &rows))
}

fn row(line: &RunLine, console: &Console) -> Vec<String> {
    let standing = match (&line.fault, line.standing) {
        (Some(_), _) => Word::Damaged,
        (None, Standing::Current) => Word::Current,
        (None, Standing::Published) => Word::Published,
        (None, Standing::Unpublished) => Word::Unpublished,
    };
    let offers = line.offers.map_or_else(|| "-".to_owned(), |offers| thousands(offers as i64));
    vec![line.run_id.clone(), line.as_of.to_string(), console.word(standing).to_owned(), offers]
}

fn line_object(line: &RunLine) -> Value {
    let standing = match line.standing {
        Standing::Current => "current",
        Standing::Published => "published",
        Standing::Unpublished => "unpublished",
    };
    let error = line.fault.as_ref().map(|fault| fault.code().id());
    json!({ "run_id": line.run_id, "as_of": line.as_of.to_string(), "standing": standing, "offers": line.offers, "error": error })
}

fn print_run(args: &OneRunArgs, console: &Console) -> Result<()> {
    let config: Config = load(&args.pipeline())?;
    let run = show(&config, args.run.as_deref())?;
    if console.output == OutputFormat::Json {
        return print_json(&run_object(&run));
    }
    let page = Page { console, run: &run, pipeline: &args.pipeline, exported: &[] };
    let standing = console.word(if run.is_current { Word::Current } else { Word::Published });
    let lines = [
        (console.word(Word::Run), run.run_id.clone()),
        (console.word(Word::Standing), standing.to_owned()),
        (console.word(Word::Directory), run.dir.display().to_string()),
    ];
    print(&format!("{}\n{}\n{}", labelled(2, &lines), page.body(), files(&run, console)))
}

fn files(run: &RunDetails, console: &Console) -> String {
    let heads = [Word::File, Word::Rows, Word::Bytes];
    let mut rows = vec![heads.iter().map(|word| console.word(*word).to_owned()).collect::<Vec<_>>()];
    for file in &run.files {
        let count = file.rows.map_or_else(|| "-".to_owned(), |rows| thousands(rows as i64));
        rows.push(vec![file.path.clone(), count, thousands(file.bytes as i64)]);
    }
    table(2, &[Align::Left, Align::Right, Align::Right], &rows)
}

fn run_object(run: &RunDetails) -> Value {
    let files: Vec<Value> =
        run.files.iter().map(|file| json!({ "path": file.path, "rows": file.rows, "bytes": file.bytes })).collect();
    json!({
        "run_id": run.run_id, "directory": run.dir, "current": run.is_current, "tool_version": run.tool_version,
        "files": files, "summary": run.summary,
    })
}

fn print_verification(args: &OneRunArgs, console: &Console, signals: &Signals) -> Result<()> {
    let config = load(&args.pipeline())?;
    let host = TerminalHost::new(console, signals, None);
    host.begin_verb("verify");
    let verified = verify(&config, args.run.as_deref(), &host);
    host.clear();
    let Verified { run_id, files, bytes } = verified?;
    if console.output == OutputFormat::Json {
        return print_json(&json!({ "run_id": run_id, "files": files, "bytes": bytes, "as_published": true }));
    }
    let args = [("files", Arg::from(files)), ("run", Arg::from(run_id))];
    print(&format!("{}\n", console.phrase(Phrase::VerifyPassed, &args)))
}
