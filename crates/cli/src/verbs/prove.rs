//! `osusume prove leakage PIPELINE`.

use osusume_model::{Arg, Code, Exit, Fault, Result};
use osusume_pipeline::prove::{
    Leak, Limit, LimitKind, Proof, ProveRequest, Rebuild, Scope, Sign, SignKind, prove as prove_pipeline,
};
use osusume_pipeline::with_threads;
use osusume_text::prove::{Word, say};
use osusume_text::thousands;
use serde_json::json;

use crate::args::{LeakageArgs, OnlyArg, OutputFormat, ProveVerb};
use crate::console::{Console, print, print_json};
use crate::failure::{Ended, Failure, guarded};
use crate::host::TerminalHost;
use crate::process::{Signals, lock_info};
use crate::settings::{load, memory, threads};
use crate::table::{Align, labelled, table};

/// Spaces before every line below the headline.
const INDENT: usize = 2;
/// An estimate below this is not worth a line.
const WORTH_TELLING_SECONDS: f64 = 2.0;

/// Proves, and tells what was proven; what was not is a fault.
pub(crate) fn prove(verb: &ProveVerb, console: &Console, signals: &Signals) -> Ended {
    let ProveVerb::Leakage(args) = verb;
    let proof = examine(args, console, signals).map_err(Failure::reading)?;
    let told = if console.output == OutputFormat::Json {
        let is_proven = verdict(&proof).is_ok() && !proof.rebuilds.is_empty();
        print_json(&json!({ "type": "proof", "proven": is_proven, "proof": proof }))
    } else if console.is_quiet {
        Ok(())
    } else {
        print(&Page { console, proof: &proof }.text())
    };
    told.and_then(|()| verdict(&proof)).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}

fn examine(args: &LeakageArgs, console: &Console, signals: &Signals) -> Result<Proof> {
    let config = load(&args.pipeline)?;
    let host = TerminalHost::new(console, signals, args.resources.deadline);
    let estimate = |seconds: f64| {
        console.log(&json!({ "type": "estimate", "seconds": seconds.round() }));
        if seconds > WORTH_TELLING_SECONDS && console.log_format == crate::args::LogFormat::Text {
            let seconds = Arg::Int(seconds.round() as i64);
            console.note(&say(Word::Estimate, console.language, &[("seconds", seconds)]));
        }
    };
    let request = ProveRequest {
        config: &config,
        as_of: args.as_of,
        memory: memory(&args.resources, &config),
        scratch: std::env::temp_dir().join(format!("osusume-prove-{}", std::process::id())),
        scope: match args.only {
            None => Scope::Everything,
            Some(OnlyArg::Rebuilds) => Scope::Rebuilds,
            Some(OnlyArg::Tables) => Scope::Tables,
        },
        lock: lock_info("prove"),
        estimate: &estimate,
    };
    host.begin_verb("prove");
    let threads = threads(args.resources.threads, Some(&config));
    let proof = guarded(|| with_threads(threads, || prove_pipeline(&request, &host))?);
    host.clear();
    proof
}

/// The fault of a proof that failed.
fn verdict(proof: &Proof) -> Result<()> {
    let Some(leak) = proof.leaks.first() else { return suspicion(proof) };
    if !proof.is_sound {
        return Err(Fault::new(Code::ProofVoid).with("file", leak.file.as_str()));
    }
    let fault = Fault::new(Code::LeakProven).with("stage", leak.stage).with("file", leak.file.as_str());
    let fault = match &leak.column {
        Some(column) => fault.with("column", column.as_str()),
        None => fault,
    };
    let by = if leak.source_columns.is_empty() { &leak.sources } else { &leak.source_columns };
    Err(if by.is_empty() { fault } else { fault.with("sources", by.clone()) })
}

/// The fault of tables that know too much.
fn suspicion(proof: &Proof) -> Result<()> {
    let open: Vec<&Sign> = proof.signs.iter().filter(|sign| sign.known.is_none()).collect();
    let Some(sign) = open.first() else { return Ok(()) };
    let fault = Fault::new(Code::LeakSuspected).with("source", sign.source.as_str()).with("signs", open.len());
    let parts = [("column", &sign.column), ("offer", &sign.offer)];
    let named = parts.into_iter().filter_map(|(name, part)| Some((name, part.as_deref()?)));
    Err(named.fold(fault, |fault, (name, part)| fault.with(name, part)))
}

/// A proof as a person reads it.
struct Page<'a> {
    console: &'a Console,
    proof: &'a Proof,
}

impl Page<'_> {
    fn text(&self) -> String {
        let mut parts = Vec::new();
        // Where nothing was built again, nothing was proven.
        if !self.proof.rebuilds.is_empty() {
            parts.extend([self.head(), self.rebuilds()]);
        }
        if !self.proof.leaks.is_empty() {
            parts.push(self.leaks());
        }
        if self.proof.is_sound && self.proof.are_tables_asked {
            parts.push(self.signs());
        }
        if !self.proof.limits.is_empty() {
            parts.push(self.limits());
        }
        parts.join("\n")
    }

    fn head(&self) -> String {
        let proof = self.proof;
        let word = match (proof.is_sound, verdict(proof).is_ok()) {
            (false, _) => Word::Void,
            (true, true) => Word::Proven,
            (true, false) if proof.leaks.is_empty() => Word::Suspected,
            (true, false) => Word::Leaking,
        };
        let args = [("pipeline", Arg::from(proof.pipeline.as_str())), ("as_of", Arg::from(proof.as_of.as_str()))];
        format!("{}\n", self.say(word, &args))
    }

    fn rebuilds(&self) -> String {
        let heads = [Word::What, Word::AsOf, Word::Rows, Word::Compared, Word::Verdict];
        let mut rows = vec![heads.map(|word| self.word(word)).to_vec()];
        rows.extend(self.proof.rebuilds.iter().map(|rebuild| self.rebuild(rebuild)));
        table(INDENT, &[Align::Left, Align::Left, Align::Right, Align::Right, Align::Left], &rows)
    }

    fn rebuild(&self, rebuild: &Rebuild) -> Vec<String> {
        let rows: u64 = rebuild.rows.iter().map(|(_, rows)| rows).sum();
        let is_of_run = rebuild.as_of == self.proof.as_of;
        let what = if is_of_run { Word::Files } else { Word::TrainingRows };
        let verdict = match (rows, rebuild.is_same) {
            (0, _) => Word::Nothing,
            (_, true) => Word::Same,
            (_, false) => Word::Differs,
        };
        let compared = if rows == 0 { "-".to_owned() } else { self.say(what, &[("count", rebuild.compared.into())]) };
        vec![
            self.word(done(rebuild.disturbance)),
            rebuild.as_of.clone(),
            thousands(rows as i64),
            compared,
            self.word(verdict),
        ]
    }

    fn leaks(&self) -> String {
        let lines = self.proof.leaks.iter().map(|leak| format!("{}{}\n", " ".repeat(2 * INDENT), self.leak(leak)));
        format!("{}{}\n{}", " ".repeat(INDENT), self.word(Word::Leaks), lines.collect::<String>())
    }

    fn leak(&self, leak: &Leak) -> String {
        let mut args = vec![("stage", Arg::from(leak.stage)), ("file", Arg::from(leak.file.as_str()))];
        args.extend(leak.column.as_deref().map(|column| ("column", Arg::from(column))));
        let mut parts =
            vec![format!("{} {}: {}", leak.as_of, self.word(done(leak.disturbance)), self.say(Word::Leak, &args))];
        parts.extend(leak.feature_of.as_deref().map(|source| self.say(Word::FeatureOf, &[("source", source.into())])));
        if !leak.sources.is_empty() {
            parts.push(self.say(Word::BySource, &[("sources", leak.sources.clone().into())]));
        }
        if !leak.source_columns.is_empty() {
            parts.push(self.say(Word::ByColumn, &[("columns", leak.source_columns.clone().into())]));
        }
        parts.join("; ")
    }

    fn signs(&self) -> String {
        let proof = self.proof;
        let heading = if proof.asked.is_empty() {
            self.word(Word::NotAsked)
        } else {
            self.say(Word::Asked, &[("offers", proof.asked.clone().into())])
        };
        let lines: Vec<(&str, String)> =
            proof.signs.iter().map(|sign| (sign.source.as_str(), self.sign(sign))).collect();
        let unseen = proof.unseen_known.iter().map(|position| {
            let key = format!("prove.known[{position}]");
            format!("{}{}\n", " ".repeat(2 * INDENT), self.say(Word::UnseenKnown, &[("key", Arg::from(key.as_str()))]))
        });
        format!("{}{heading}\n{}{}", " ".repeat(INDENT), labelled(2 * INDENT, &lines), unseen.collect::<String>())
    }

    fn sign(&self, sign: &Sign) -> String {
        let is_share = matches!(sign.kind, SignKind::GivesAway | SignKind::EarlyArrival);
        let number = |value: f64| {
            let shown = if is_share { format!("{:.1}", 100.0 * value) } else { format!("{value:.2}") };
            Arg::Number(if is_share { self.say(Word::Percent, &[("value", Arg::Number(shown))]) } else { shown })
        };
        let mut args =
            vec![("value", number(sign.value)), ("lower", number(sign.lower)), ("upper", number(sign.upper))];
        args.push(("takes", sign.takes.into()));
        args.extend(sign.offer.as_deref().map(|offer| ("offer", Arg::from(offer))));
        let files = || (sign.kind == SignKind::Order).then(|| self.word(Word::RowsOfFiles));
        args.extend(sign.column.clone().or_else(files).map(|column| ("column", Arg::Name(column))));
        let said = self.say(shows(sign.kind), &args);
        let Some(because) = &sign.known else { return said };
        format!("{said}; {}", self.say(Word::Known, &[("because", Arg::from(because.as_str()))]))
    }

    fn limits(&self) -> String {
        let said = |limit: &Limit| self.say(open(limit.kind), &[("columns", Arg::Names(limit.columns.clone()))]);
        let limits = self.proof.limits.iter();
        let lines: Vec<(&str, String)> = limits.map(|limit| (limit.source.as_str(), said(limit))).collect();
        format!("{}{}\n{}", " ".repeat(INDENT), self.word(Word::Limits), labelled(2 * INDENT, &lines))
    }

    fn word(&self, word: Word) -> String {
        self.say(word, &[])
    }

    fn say(&self, word: Word, args: &[(&str, Arg)]) -> String {
        say(word, self.console.language, args)
    }
}

fn done(disturbance: &str) -> Word {
    match disturbance {
        "copied" => Word::Copied,
        "deleted" => Word::Deleted,
        "changed" => Word::Changed,
        "added" => Word::Added,
        "replaced" => Word::Replaced,
        _ => Word::Shuffled,
    }
}

fn open(kind: LimitKind) -> Word {
    match kind {
        LimitKind::NoArrival => Word::NoArrival,
        LimitKind::NoEndArrival => Word::NoEndArrival,
        LimitKind::Snapshot => Word::Snapshot,
        LimitKind::AssumedStatic => Word::AssumedStatic,
        LimitKind::Undated => Word::Undated,
        LimitKind::NoTime => Word::NoTime,
        LimitKind::NothingLater => Word::NothingLater,
    }
}

fn shows(kind: SignKind) -> Word {
    match kind {
        SignKind::Identifies => Word::Identifies,
        SignKind::Missing => Word::Missing,
        SignKind::GivesAway => Word::GivesAway,
        SignKind::Collapses => Word::Collapses,
        SignKind::Order => Word::Order,
        SignKind::Repeated => Word::Repeated,
        SignKind::EarlyArrival => Word::EarlyArrival,
    }
}
