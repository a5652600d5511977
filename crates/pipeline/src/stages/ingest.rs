//! Ingest: every source of the pipeline file becomes one checked table, or rows in quarantine.

use std::collections::BTreeSet;
use std::path::Path;

use osusume_model::{AsOf, Code, Fault, Result};
use osusume_tables::{
    Anonymous, ColumnKind, ColumnSpec, CsvDialect, Cutoff, Encoding, Format, Identity, Ingest, Keep, Later, OnError,
    RejectCount, RejectLimits, SourceCount, SourceSpec, Tables, Ties, expand,
};

use crate::catalogue::Goods;
use crate::checked::Checked;
use crate::config::{self, AttributeKind, Config, OwnMeasure, ROLE_COLUMNS, Role, Source};
use crate::job::Job;
use crate::seam::Block;
use crate::tone;

/// Names a message lists.
const NAMES_SHOWN: usize = 20;

/// The sources in the order they must be read: those that say who is a customer come first.
pub(crate) fn reading_order(config: &Config) -> Vec<&Source> {
    let mut sources: Vec<&Source> = config.sources.values().collect();
    sources.sort_by_key(|source| {
        let turn = match source.role {
            Role::Products => 0,
            Role::Customers => 1,
            Role::Purchases => 2,
            Role::Holdings | Role::CrossSection => 3,
            _ => 4,
        };
        (turn, source.name.as_str())
    });
    sources
}

/// The declaration of one source in the terms of crate `tables`; with a date, only what had arrived before it is read.
///
/// # Errors
/// `FileMissing` when a path matches nothing.
pub(crate) fn source_spec(config: &Config, source: &Source, as_of: Option<AsOf>) -> Result<SourceSpec> {
    let mut paths = Vec::new();
    for pattern in &source.paths {
        paths.extend(expand(Path::new(pattern))?);
    }
    let columns = columns(config, source);
    let position = |name: &str| columns.iter().position(|column| column.name == name);
    Ok(SourceSpec {
        name: source.name.clone(),
        format: format(source, &paths),
        paths,
        zone: source.time_zone.clone(),
        dates: source.date_format.clone(),
        customer: position("customer"),
        order_by: order_columns(source).iter().find_map(|name| position(name)),
        interval: position("start").zip(position("end")),
        limits: limits(config),
        identity: identity(config, source),
        anonymous: match source.anonymous {
            config::Anonymous::Reject => Anonymous::Reject,
            config::Anonymous::Exclude => Anonymous::Exclude,
        },
        keep: keep(source, &columns),
        ties: if source.history == config::History::Versions { Ties::Input } else { Ties::Content },
        cutoff: as_of.and_then(|as_of| cutoff(source, &columns, as_of)),
        columns,
    })
}

/// Whether no feature can tell in which order the rows of one customer and instant stand: purchases of which features of one's own alone
/// are made, each a count, an exact sum, an extreme or a time.
pub(crate) fn is_order_free(config: &Config, source: &Source) -> bool {
    let is_free = |measure: OwnMeasure| match measure {
        OwnMeasure::Count
        | OwnMeasure::Sum
        | OwnMeasure::Mean
        | OwnMeasure::Min
        | OwnMeasure::Max
        | OwnMeasure::Distinct
        | OwnMeasure::Recency
        | OwnMeasure::DaysSince
        | OwnMeasure::First
        | OwnMeasure::Gap => true,
        OwnMeasure::StdDev
        | OwnMeasure::Last
        | OwnMeasure::Trend
        | OwnMeasure::Surge
        | OwnMeasure::Share
        | OwnMeasure::FirstValue
        | OwnMeasure::Quantile
        | OwnMeasure::DecayedCount
        | OwnMeasure::DecayedSum
        | OwnMeasure::Streak
        | OwnMeasure::LongestStreak => false,
    };
    let mut own = config.features.own.iter().filter(|own| own.source == source.name);
    source.role == Role::Purchases && config.features.recipes.is_empty() && own.all(|own| is_free(own.measure))
}

/// The columns by which a customer's rows are ordered, the first there is.
fn order_columns(source: &Source) -> &'static [&'static str] {
    if source.history == config::History::Versions { &["arrived"] } else { &["at", "start", "joined"] }
}

/// What a run as of a date must not see of a source: rows that had not arrived before it, and ends, scores and answers that were not known.
///
/// A row without an arrival is known when it happens, a customer without one always. The arrival of a reload says nothing of its rows. A
/// refusal counts as soon as it stands in the table.
fn cutoff(source: &Source, columns: &[ColumnSpec], as_of: AsOf) -> Option<Cutoff> {
    let at = |names: &[&str]| -> Vec<usize> {
        names.iter().filter_map(|name| columns.iter().position(|column| column.name == *name)).collect()
    };
    let later = |known: &[&str], columns: &[&str]| Later { known: at(known), columns: at(columns) };
    let (known, later) = match source.role {
        Role::Products | Role::CrossSection => return None,
        Role::Customers if source.history == config::History::Snapshot => return None,
        Role::Customers => (at(&["arrived"]), Vec::new()),
        Role::Holdings => {
            (at(&["start_arrived", "start"]), vec![later(&["end_arrived", "end"], &["end", "end_arrived"])])
        }
        Role::Voice => (at(&["arrived", "at"]), vec![later(&["closed"], &["score", "closed"])]),
        Role::Contacts => (at(&["arrived", "at"]), vec![later(&["responded"], &["responded"])]),
        Role::Purchases | Role::Events | Role::Consents => (at(&["arrived", "at"]), Vec::new()),
    };
    let unless = at(&["allowed"]).first().copied().filter(|_| source.role == Role::Consents);
    Some(Cutoff { before: as_of.instant.0, known, later, unless })
}

fn keep(source: &Source, columns: &[ColumnSpec]) -> Vec<Keep> {
    let position = |header: &str| columns.iter().position(|column| column.name == kept_column(header));
    let keep =
        |(header, values): (&String, &Vec<String>)| Some(Keep { column: position(header)?, values: values.clone() });
    source.keep.iter().filter_map(keep).collect()
}

/// Reads a source that must hold something, before the next one: an empty table is a broken extract more often than a business without customers.
///
/// # Errors
/// `FileEmpty`, and whatever crate `tables` says of the source.
pub(crate) fn read(reading: &mut Ingest<'_>, spec: &SourceSpec, next: Option<&SourceSpec>) -> Result<()> {
    let count = match next {
        Some(next) => reading.read_before(spec, next)?,
        None => reading.read(spec)?,
    };
    if count.read > 0 {
        return Ok(());
    }
    let file = spec.paths.first().map_or_else(|| spec.name.clone(), |path| path.display().to_string());
    Err(Fault::new(Code::FileEmpty).with("what", "rows").in_file(file))
}

/// The first rejected row of each file, code and column, with how many there are of how many of its source.
pub(crate) fn first_of_each(written: &Tables) -> Vec<Fault> {
    let read = |reject: &RejectCount| {
        written.counts.iter().find(|(name, _)| *name == reject.source).map(|(_, count)| count.read)
    };
    osusume_tables::first_of_each(&written.faults, &written.rejects, read)
}

/// The fault of consents that could not be read: any of them may be a refusal, so no share of them is tolerable. Who is no customer cannot
/// be offered anything.
pub(crate) fn unheard_refusals(sources: &[&Source], rejects: &[RejectCount]) -> Option<Fault> {
    let is_consents = |name: &str| sources.iter().any(|source| source.name == name && source.role == Role::Consents);
    let unheard = rejects.iter().filter(|reject| is_consents(&reject.source) && reject.code != Code::UnknownCustomer);
    let worst = unheard.clone().max_by_key(|reject| reject.count)?;
    let rows: u64 = unheard.map(|reject| reject.count).sum();
    let column = worst.column.as_ref().map_or_else(String::new, |column| format!(" {column}"));
    let fault = Fault::new(Code::ConsentGate).in_file(worst.file.display().to_string());
    Some(fault.because(format!("{}{column}: {rows}", worst.code.id())))
}

/// What to say where most customers had not arrived yet: likelier than a company that doubles is a table that is loaded again every night.
pub(crate) fn late_customers(sources: &[&Source], counts: &[(String, SourceCount)]) -> Option<Fault> {
    let customers = sources.iter().find(|source| source.role == Role::Customers)?;
    let count = counts.iter().find(|(name, _)| *name == customers.name).map(|(_, count)| *count)?;
    (count.not_yet_known > count.accepted).then(|| {
        let fault = Fault::new(Code::MostlyLate).with("source", customers.name.as_str());
        fault.with("late", count.not_yet_known).with("rows", count.read)
    })
}

fn limits(config: &Config) -> RejectLimits {
    RejectLimits {
        max_rejects: config.quality.max_rejects,
        max_reject_rate: config.quality.max_reject_rate,
        on_error: match config.quality.on_error {
            config::OnError::Abort => OnError::Abort,
            config::OnError::Quarantine => OnError::Quarantine,
        },
    }
}

/// A complete customers table decides alone who is a customer; otherwise purchases and holdings add to it.
fn identity(config: &Config, source: &Source) -> Identity {
    let is_decided = config.sources.values().any(|s| s.role == Role::Customers && s.complete);
    match source.role {
        // Every version of a customer is a row of its own.
        Role::Customers if source.history == config::History::Versions => Identity::Extends,
        Role::Customers => Identity::Defines,
        Role::Purchases | Role::Holdings | Role::CrossSection if !is_decided => Identity::Extends,
        _ => Identity::MustExist,
    }
}

fn format(source: &Source, paths: &[std::path::PathBuf]) -> Format {
    let is_parquet = paths.first().is_some_and(|path| path.extension().is_some_and(|e| e == "parquet"));
    match source.format {
        config::Format::Parquet => Format::Parquet,
        config::Format::Auto if is_parquet => Format::Parquet,
        config::Format::Auto | config::Format::Csv => Format::Csv(dialect(source)),
    }
}

/// The encoding in the terms of crate `tables`.
pub(crate) fn csv_encoding(encoding: config::Encoding) -> Option<Encoding> {
    match encoding {
        // Undeclared UTF-8: the reader may then say what a wrong file looks like instead.
        config::Encoding::Utf8 => None,
        config::Encoding::Utf16 => Some(Encoding::Utf16),
        config::Encoding::Cp932 => Some(Encoding::Cp932),
    }
}

fn dialect(source: &Source) -> CsvDialect {
    let encoding = csv_encoding(source.encoding);
    let null_tokens = source.null_tokens.clone();
    CsvDialect { delimiter: source.delimiter, encoding, null_tokens, ..CsvDialect::default() }
}

/// The headers of a source that dated copies can hold: what may change, and no text that somebody wrote.
pub(crate) fn copied_headers(source: &Source) -> Vec<&str> {
    match source.role {
        Role::Customers => {
            let is_value = |kind: &AttributeKind| *kind != AttributeKind::Text;
            source.attributes.iter().filter(|(_, kind)| is_value(kind)).map(|(header, _)| header.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

/// The columns of a checked table that a copy of it holds.
pub(crate) fn copied_columns(config: &Config, source: &Source) -> Vec<ColumnSpec> {
    let changing = crate::copies::changing(source);
    columns(config, source).into_iter().filter(|column| is_copied(column, &changing)).collect()
}

fn is_copied(column: &ColumnSpec, changing: &[String]) -> bool {
    changing.contains(&column.header) && column.name == attribute_column(&column.header)
}

fn columns(config: &Config, source: &Source) -> Vec<ColumnSpec> {
    let role = source.role.id();
    let declared = ROLE_COLUMNS.iter().filter(|column| column.role == role).filter_map(|column| {
        // What is not read cannot leak.
        let header = source.column(column.name).filter(|_| column.name != "text" || config.reads_text(source))?;
        Some(ColumnSpec {
            name: column.name.to_owned(),
            header: header.to_owned(),
            kind: column_kind(config, role, column.name, column.kind),
            required: column.is_required,
        })
    });
    let attributes = source.attributes.iter().map(|(header, kind)| ColumnSpec {
        name: attribute_column(header),
        header: header.clone(),
        kind: match kind {
            AttributeKind::Integer => ColumnKind::Integer,
            AttributeKind::Number => ColumnKind::Decimal,
            AttributeKind::Category | AttributeKind::Text => ColumnKind::Category,
            AttributeKind::Flag => ColumnKind::Flag,
        },
        required: false,
    });
    let category = |name: String, header: &str| ColumnSpec {
        name,
        header: header.to_owned(),
        kind: ColumnKind::Category,
        required: false,
    };
    let held = held_headers(source).into_iter().map(|header| category(held_column(header), header));
    let kept = source.keep.keys().map(|header| category(kept_column(header), header));
    declared.chain(attributes).chain(held).chain(kept).collect()
}

/// The headers that say what is held, each once.
pub(crate) fn held_headers(source: &Source) -> Vec<&str> {
    let headers: BTreeSet<&str> = source.holds.values().flat_map(|test| test.keys()).map(String::as_str).collect();
    headers.into_iter().collect()
}

/// The name of the column of a checked table that says whether something is held.
pub(crate) fn held_column(header: &str) -> String {
    format!("holds_{header}")
}

/// The name of the column of a checked table by which rows were kept.
fn kept_column(header: &str) -> String {
    format!("keep_{header}")
}

/// Stops early when a value that should mean "held" or "kept" stands nowhere in its column: a slip of the pen would make a product nobody
/// holds, and a customer base of nobody.
///
/// # Errors
/// `ConfigUnknownName` with what the column holds.
pub(crate) fn check_values(config: &Config, tables: &Checked) -> Result<()> {
    let mut faults = Vec::new();
    for source in config.sources.values() {
        let Some(table) = tables.table(&source.name) else { continue };
        let held = source.holds.iter().flat_map(|(product, test)| {
            let key = move |header: &str| format!("sources.{}.holds.{product}.{header}", source.name);
            test.iter().map(move |(header, values)| (key(header), held_column(header), values))
        });
        let kept = source
            .keep
            .iter()
            .map(|(header, values)| (format!("sources.{}.keep.{header}", source.name), kept_column(header), values));
        for (key, column, values) in held.chain(kept) {
            let known = table.dictionary(&column).unwrap_or_default();
            for value in values.iter().filter(|value| !known.contains(value)) {
                let allowed: Vec<String> = known.iter().take(NAMES_SHOWN).cloned().collect();
                let fault = Fault::new(Code::ConfigUnknownName).named(&key).with("key", key.as_str());
                faults.push(fault.with("got", value.as_str()).with("allowed", allowed));
            }
        }
    }
    Fault::all(faults)
}

/// The name of an attribute's column in a checked table; the prefix keeps it apart from the role's own columns.
pub(crate) fn attribute_column(header: &str) -> String {
    format!("attribute_{header}")
}

fn column_kind(config: &Config, role: &str, name: &str, kind: &str) -> ColumnKind {
    match (kind, name) {
        // What customers wrote: its tone, and nothing else of it.
        (_, "text") => tone::KIND,
        ("id", "customer") => ColumnKind::Customer,
        // The products table is small and is looked up by its texts.
        ("id" | "text", _) if role == "products" => ColumnKind::Text,
        ("time", _) => ColumnKind::Timestamp,
        ("money", _) => ColumnKind::Minor { digits: config.pipeline.minor_digits as u8 },
        ("number", _) => ColumnKind::Decimal,
        ("integer", _) => ColumnKind::Integer,
        ("units", _) => ColumnKind::Units,
        ("flag", _) => ColumnKind::Flag,
        ("names", _) => ColumnKind::List,
        _ => ColumnKind::Category,
    }
}

/// Stops early when no recorded consent could ever allow a contact: none names a channel of `decide.channels`, or the purpose.
///
/// # Errors
/// `ConfigUnknownName` with what the consents do name.
pub(crate) fn check_consents(config: &Config, tables: &Checked) -> Result<()> {
    let decide = &config.decide;
    let source = config.source_of(Role::Consents).filter(|_| decide.is_consent_required);
    let Some((source, table)) = source.and_then(|source| Some((source, tables.table(&source.name)?))) else {
        return Ok(());
    };
    let check = |column: &str, key: &str, wanted: &[String]| {
        let known = table.dictionary(column).unwrap_or_default();
        if source.column(column).is_none() || wanted.iter().any(|name| known.contains(name)) {
            return Ok(());
        }
        let allowed: Vec<String> = known.iter().take(NAMES_SHOWN).cloned().collect();
        let fault = Fault::new(Code::ConfigUnknownName).named(key).with("key", key).with("got", wanted.join(", "));
        Err(fault.with("allowed", allowed))
    };
    check("channel", "decide.channels", &decide.channels)?;
    check("purpose", "decide.consent.purpose", std::slice::from_ref(&decide.consent_purpose))
}

/// Rows of holdings whose product is in no catalogue: their number, and a warning with the most frequent codes.
///
/// # Errors
/// Faults of reading, and a stop asked for.
pub(crate) fn unknown_products(job: &Job<'_>, tables: &Checked, goods: &Goods) -> Result<Option<(u64, Fault)>> {
    let Some(source) = job.config.source_of(Role::Holdings) else { return Ok(None) };
    let Some(table) = tables.table(&source.name) else { return Ok(None) };
    let names = table.dictionary("product").unwrap_or_default();
    if names.iter().all(|name| goods.position(name).is_some()) {
        return Ok(None);
    }
    let mut counts = vec![0_u64; names.len()];
    for customers in tables.passes() {
        let block = Block::read(table, customers, &["product"], &job.quiet())?;
        for code in block.codes_or("product", 0) {
            counts[code as usize] += 1;
        }
    }
    let mut unknown: Vec<(u64, &String)> = counts.into_iter().zip(names.iter()).collect();
    unknown.retain(|(count, name)| *count > 0 && goods.position(name).is_none());
    unknown.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    let total = unknown.iter().map(|(count, _)| count).sum();
    let shown: Vec<String> = unknown.iter().take(3).map(|(count, name)| format!("{name} ({count})")).collect();
    let detail = format!("{}: {total}; {}", source.name, shown.join(", "));
    Ok((total > 0).then(|| (total, Fault::new(Code::UnknownProduct).because(detail))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dialect_is_the_declared_one() {
        let isp = include_str!("../../../../pipelines/isp.toml");
        let lines = "delimiter = \";\"\nencoding = \"cp932\"\nnull_tokens = [\"NULL\", \"-\"]\n";
        let text = isp.replacen("role = \"customers\"", &format!("role = \"customers\"\n{lines}"), 1);
        let config = Config::parse("isp.toml", &text, &|_| None).expect("the keys are allowed");
        let dialect = dialect(config.source_of(Role::Customers).expect("it was declared"));
        let expected = CsvDialect {
            delimiter: b';',
            encoding: Some(Encoding::Cp932),
            null_tokens: vec!["NULL".to_owned(), "-".to_owned()],
            ..CsvDialect::default()
        };
        assert_eq!(dialect, expected);
    }
}
