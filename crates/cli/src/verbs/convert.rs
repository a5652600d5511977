//! `osusume convert MODEL --out FILE`: a model in a format of other programs.

use osusume_model::{Arg, Exit};
use osusume_pipeline::convert::{ConvertRequest, Converted, Format, InputKind, convert as write};
use osusume_text::escape_controls;
use osusume_text::flat::{Word, say};
use serde_json::{Value, json};

use crate::args::{ConvertArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::table::{Align, labelled, table};

const INDENT: usize = 2;

/// Converts, and tells what the new file takes and gives.
pub(crate) fn convert(args: &ConvertArgs, console: &Console) -> Ended {
    let converted = guarded(|| {
        let format = Format::of_name(&args.out)?;
        write(&ConvertRequest { model: &args.model, format, out: &args.out })
    });
    let told = converted.and_then(|converted| match console.output {
        OutputFormat::Json => print_json(&object(&converted)),
        OutputFormat::Text if console.is_quiet => Ok(()),
        OutputFormat::Text => print(&page(&converted, console)),
    });
    told.map(|()| Exit::Ok).map_err(Failure::reading)
}

fn page(converted: &Converted, console: &Console) -> String {
    let word = |word: Word| say(word, console.language, &[]);
    let path = Arg::from(converted.out.display().to_string());
    let mut rows = vec![vec![word(Word::HeadColumn), word(Word::HeadInput)]];
    rows.extend(converted.inputs.iter().map(|(name, kind)| {
        let holds = match kind {
            InputKind::Number => Word::InputNumber,
            InputKind::Date => Word::InputDate,
            InputKind::Category => Word::InputCategory,
        };
        vec![escape_controls(name).into_owned(), word(holds)]
    }));
    let gives = labelled(INDENT, &[(&word(Word::Gives), converted.outputs.join(", "))]);
    let inputs = table(INDENT, &[Align::Left, Align::Left], &rows);
    format!("{}\n\n{inputs}\n{gives}", say(Word::Converted, console.language, &[("path", path)]))
}

fn object(converted: &Converted) -> Value {
    let input = |(name, kind): &(String, InputKind)| {
        let holds = match kind {
            InputKind::Number => "number",
            InputKind::Date => "days",
            InputKind::Category => "text",
        };
        json!({ "name": name, "holds": holds })
    };
    json!({
        "type": "convert", "format": converted.format.id(), "out": converted.out,
        "inputs": converted.inputs.iter().map(input).collect::<Vec<_>>(),
        "outputs": converted.outputs,
    })
}
