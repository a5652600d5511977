//! `osusume features PIPELINE`.

use std::path::PathBuf;

use osusume_model::Exit;
use osusume_pipeline::{FeaturesRequest, WrittenFeatures, with_threads, write_features};
use osusume_text::screen::Word;
use osusume_text::thousands;
use serde_json::{Value, json};

use crate::args::{FeaturesArgs, OutputFormat};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::{Signals, lock_info};
use crate::settings::{load, memory, threads};
use crate::table::labelled;

/// Writes the feature table of a pipeline file, and publishes nothing.
pub(crate) fn features(args: &FeaturesArgs, console: &Console, signals: &Signals) -> Ended {
    let config = load(&args.pipeline).map_err(Failure::reading)?;
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let configured_by: Vec<PathBuf> =
        [&args.pipeline.pipeline].into_iter().chain(&args.pipeline.overlay).cloned().collect();
    let request = FeaturesRequest {
        config: &config,
        configured_by: &configured_by,
        as_of: args.as_of,
        memory: memory(&args.resources, &config),
        out: &args.out,
        scratch: std::env::temp_dir().join(format!("osusume-features-{}", std::process::id())),
        lock: lock_info("features"),
    };
    let threads = threads(args.resources.threads, Some(&config));
    let written = guarded(|| with_threads(threads, || write_features(&request, &host))?);
    host.clear();
    let told = written.and_then(|written| {
        let told = match console.output {
            OutputFormat::Json => print_json(&object(args, &written)),
            OutputFormat::Text if console.is_quiet => Ok(()),
            OutputFormat::Text => print(&page(args, console, &written)),
        };
        // The process ends, and its memory with it.
        std::mem::forget(written);
        told
    });
    told.map(|()| Exit::Ok).map_err(Failure::reading)
}

fn page(args: &FeaturesArgs, console: &Console, written: &WrittenFeatures) -> String {
    let dates: Vec<String> = written.dates.iter().map(ToString::to_string).collect();
    let lines = [
        (console.word(Word::File), args.out.display().to_string()),
        (console.word(Word::Rows), thousands(written.rows as i64)),
        (console.word(Word::FeatureColumns), thousands(written.specs.len() as i64)),
        (console.word(Word::AsOf), dates.join(", ")),
    ];
    labelled(0, &lines)
}

fn object(args: &FeaturesArgs, written: &WrittenFeatures) -> Value {
    let feature = |spec: &osusume_model::FeatureSpec| json!({ "name": spec.name, "source": spec.source, "family": spec.family.id(), "subject": spec.subject });
    json!({
        "type": "features",
        "file": args.out,
        "rows": written.rows,
        "customers": written.customers,
        "dates": written.dates.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "features": written.specs.iter().map(feature).collect::<Vec<_>>(),
    })
}
