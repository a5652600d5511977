//! The reference page of the world file, printed from the schema.

use std::fmt::Write as _;

use crate::schema::{SECTIONS, Section};

/// `docs/world-file.md`: every section with its keys, their types and meanings.
pub fn world_file_reference() -> String {
    let mut page = String::from(
        "# The world file\n\n\
         A world file describes a company whose truth is known: who its customers are, what they need, what they use, when they buy, \
         and what being contacted does to them.\n\
         `osusume synth --world FILE --out DIR` plays it; `osusume synth isp --out DIR` plays one that comes with the program: \
         `isp`, `saas`, `storage`, `music`, `mobile`, `store`, `cosmetics`, `fanclub`, `contacts` and `restaurant` lie in `crates/synth/worlds/` and are the best examples.\n\
         The file is TOML; unknown keys are errors; dates are `YYYY-MM-DD`; keys without a mark are required.\n\
         This page is printed from the program's own description of the file.\n",
    );
    for section in SECTIONS {
        write_section(&mut page, section).expect("a string takes every character");
    }
    page
}

fn write_section(page: &mut String, section: &Section) -> std::fmt::Result {
    writeln!(page, "\n## {}\n\n{}\n", section.name, joined(section.doc))?;
    writeln!(page, "| key | type | meaning |\n|---|---|---|")?;
    for key in section.keys {
        let optional = if key.is_optional { " (optional)" } else { "" };
        writeln!(page, "| `{}` | {}{optional} | {} |", key.name, readable(key.kind), joined(key.doc))?;
    }
    Ok(())
}

/// Lines of documentation as one text; an empty line begins a new paragraph.
fn joined(doc: &[&str]) -> String {
    let lines: Vec<&str> = doc.iter().map(|line| if line.trim().is_empty() { "\n\n" } else { line.trim() }).collect();
    lines.join(" ").replace(" \n\n ", "\n\n")
}

/// A Rust type in words.
fn readable(kind: &str) -> String {
    let plain = kind.replace(' ', "");
    let inside = |prefix: &str| plain.strip_prefix(prefix).and_then(|rest| rest.strip_suffix('>'));
    if let Some(inner) = inside("Vec<") {
        return format!("list of {}", readable(inner));
    }
    if let Some(inner) = inside("Option<") {
        return readable(inner);
    }
    match plain.as_str() {
        "String" => "text".to_owned(),
        "f64" => "number".to_owned(),
        "u32" | "u64" | "i32" | "i64" => "whole number".to_owned(),
        "[i32;2]" => "two whole numbers".to_owned(),
        "BySegment" => "table: segment to number".to_owned(),
        "ListsBySegment" => "table: segment to list of numbers".to_owned(),
        "ByProduct" => "table: product to number".to_owned(),
        "Names" => "table: name to column".to_owned(),
        "Texts" => "table: language to list of texts".to_owned(),
        "AttributeKind" => "`category`, `number`, `flag` or `after`".to_owned(),
        section => format!("[{section}](#{})", section.to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/world-file.md");

    /// To write the page anew: `UPDATE_DOCS=1 cargo test -p osusume-synth reference`.
    #[test]
    fn the_page_is_the_schema() {
        let page = world_file_reference();
        if option_env!("UPDATE_DOCS").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/world-file.md"), &page).unwrap();
            return;
        }
        assert!(page == PAGE, "docs/world-file.md is out of date: UPDATE_DOCS=1 cargo test -p osusume-synth reference");
    }

    #[test]
    fn every_type_has_a_word() {
        assert_eq!(readable("Vec < Term >"), "list of [Term](#term)");
        assert_eq!(readable("Option < String >"), "text");
        assert!(!world_file_reference().contains("f64"));
    }
}
