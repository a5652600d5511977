//! Ingest: every source of the pipeline file becomes one checked table, or rows in quarantine.

use std::path::Path;

use osusume_model::{Code, Fault, Result};
use osusume_tables::{
    ColumnKind, ColumnSpec, CsvDialect, Encoding, Format, Identity, Ingest, OnError, RejectLimits, SourceSpec, expand,
};

use crate::config::{self, AttributeKind, Config, ROLE_COLUMNS, Role, Source};

/// The sources in the order they must be read: those that say who is a customer come first.
pub(crate) fn reading_order(config: &Config) -> Vec<&Source> {
    let mut sources: Vec<&Source> = config.sources.values().collect();
    sources.sort_by_key(|source| {
        let turn = match source.role {
            Role::Products => 0,
            Role::Customers => 1,
            Role::Purchases => 2,
            Role::Holdings => 3,
            _ => 4,
        };
        (turn, source.name.as_str())
    });
    sources
}

/// The declaration of one source in the terms of crate `tables`.
///
/// # Errors
/// `FileMissing` when a path matches nothing.
pub(crate) fn source_spec(config: &Config, source: &Source) -> Result<SourceSpec> {
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
        customer: position("customer"),
        order_by: position("at").or_else(|| position("start")).or_else(|| position("joined")),
        limits: limits(config),
        identity: identity(config, source),
        columns,
    })
}

/// Reads a source that must hold something: an empty table is a broken extract more often than a business without customers.
///
/// # Errors
/// `FileEmpty`, and whatever crate `tables` says of the source.
pub(crate) fn read(reading: &mut Ingest<'_>, spec: &SourceSpec) -> Result<()> {
    let count = reading.read(spec)?;
    if count.read > 0 {
        return Ok(());
    }
    let file = spec.paths.first().map_or_else(|| spec.name.clone(), |path| path.display().to_string());
    Err(Fault::new(Code::FileEmpty).with("what", "rows").in_file(file))
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
        Role::Customers => Identity::Defines,
        Role::Purchases | Role::Holdings if !is_decided => Identity::Extends,
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

fn dialect(source: &Source) -> CsvDialect {
    let encoding = match source.encoding {
        // Undeclared UTF-8: the reader may then say what a wrong file looks like instead.
        config::Encoding::Utf8 => None,
        config::Encoding::Utf16 => Some(Encoding::Utf16),
        config::Encoding::Cp932 => Some(Encoding::Cp932),
    };
    let null_tokens = source.null_tokens.clone();
    CsvDialect { delimiter: source.delimiter, encoding, null_tokens, ..CsvDialect::default() }
}

fn columns(config: &Config, source: &Source) -> Vec<ColumnSpec> {
    let role = source.role.id();
    let declared = ROLE_COLUMNS.iter().filter(|column| column.role == role).filter_map(|column| {
        // What customers wrote is read by no recipe yet, and what is not read cannot leak.
        let header = source.column(column.name).filter(|_| column.name != "text")?;
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
    declared.chain(attributes).collect()
}

/// The name of an attribute's column in a checked table; the prefix keeps it apart from the role's own columns.
pub(crate) fn attribute_column(header: &str) -> String {
    format!("attribute_{header}")
}

fn column_kind(config: &Config, role: &str, name: &str, kind: &str) -> ColumnKind {
    match (kind, name) {
        ("id", "customer") => ColumnKind::Customer,
        // The products table is small and is looked up by its texts.
        ("id" | "text", _) if role == "products" => ColumnKind::Text,
        ("time", _) => ColumnKind::Timestamp,
        ("money", _) => ColumnKind::Minor { digits: config.pipeline.minor_digits as u8 },
        ("number", _) => ColumnKind::Decimal,
        ("integer", _) => ColumnKind::Integer,
        ("flag", _) => ColumnKind::Flag,
        ("names", _) => ColumnKind::List,
        _ => ColumnKind::Category,
    }
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
