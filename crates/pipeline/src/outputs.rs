//! The reference of published tables, drawn up from what writes them; `docs/outputs.md` is this page.

use std::fmt::Write as _;

use osusume_decide::{Layer, Rule};
use osusume_tables::arrow::datatypes::{DataType, Schema};
use osusume_text::Language;
use osusume_text::reasons::rule_sentence;

use crate::stages::decide::{OFFER_MEANINGS, offer_schema};
use crate::stages::mine::{FOLLOW_MEANINGS, RULE_MEANINGS, follow_schema, rule_schema};

/// The prose, with a line `@name@` where a table goes.
const PROSE: &str = include_str!("outputs.in.md");

/// The page as Markdown.
pub fn outputs_page() -> String {
    let mut page = String::new();
    for line in PROSE.lines() {
        match line {
            "@offers@" => page.push_str(&columns(&offer_schema(true), &OFFER_MEANINGS)),
            "@mined_rules@" => page.push_str(&columns(&rule_schema(), &RULE_MEANINGS)),
            "@follows@" => page.push_str(&columns(&follow_schema(), &FOLLOW_MEANINGS)),
            "@rules@" => page.push_str(&rules()),
            "@delivered@" => page.push_str(&delivered()),
            _ => {
                let _ = writeln!(page, "{line}");
            }
        }
    }
    page
}

/// One row a column: the schema says what it is, `meanings` what it means, in the same order.
fn columns(schema: &Schema, meanings: &[(&str, &str)]) -> String {
    let mut table = "| column | type | meaning |\n|---|---|---|\n".to_owned();
    for (field, (name, meaning)) in schema.fields().iter().zip(meanings) {
        assert_eq!(field.name(), name, "meanings stand in the order of the columns");
        let absent = if field.is_nullable() { ", may be null" } else { "" };
        let _ = writeln!(table, "| `{name}` | {}{absent} | {meaning} |", type_name(field.data_type()));
    }
    table
}

fn type_name(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8 => "text",
        DataType::Date32 => "date",
        DataType::Int16 => "int16",
        DataType::Int64 => "int64",
        DataType::Float64 => "double",
        DataType::Boolean => "flag",
        DataType::List(_) => "list of text",
        _ => "other",
    }
}

/// Rules of the kernel that no pipeline file can set in motion: it states neither when an offer is valid nor who is suppressed.
const NEVER: [Rule; 2] = [Rule::NotValid, Rule::Suppressed];

fn rules() -> String {
    let mut table = "| rule | layer | what it says |\n|---|---|---|\n".to_owned();
    for rule in Rule::ALL.into_iter().filter(|rule| !NEVER.contains(rule)) {
        let layer = match rule.layer() {
            Layer::Eligibility => "eligibility (may)",
            Layer::Applicability => "applicability (now)",
            Layer::Suitability => "suitability (should)",
        };
        let sentence = rule_sentence(rule.id(), Language::En).unwrap_or_default();
        let _ = writeln!(table, "| `{}` | {layer} | {sentence} |", rule.id());
    }
    table
}

fn delivered() -> String {
    let ids: Vec<String> = osusume_export::Field::ALL.iter().map(|field| format!("`{}`", field.id())).collect();
    format!("{}.\n", ids.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/outputs.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, outputs_page()).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(golden, outputs_page(), "docs/outputs.md differs: run with UPDATE_GOLDEN=1 and review the change");
    }

    #[test]
    fn every_column_has_a_meaning() {
        assert_eq!(offer_schema(true).fields().len(), OFFER_MEANINGS.len());
        assert_eq!(rule_schema().fields().len(), RULE_MEANINGS.len());
        assert_eq!(follow_schema().fields().len(), FOLLOW_MEANINGS.len());
        assert!(!outputs_page().contains('@'), "every table has been put in its place");
    }
}
