use std::collections::BTreeSet;

use super::*;
use crate::template::placeholders;

/// The code table's own source: its comments document the arguments of each code.
const CODE_TABLE: &str = include_str!("../../../model/src/code.rs");

/// Placeholders every template may use in an optional part: the fault's place, and what a library said.
const ALWAYS: [&str; 5] = ["file", "line", "field", "name", "detail"];

fn templates(message: &Message) -> impl Iterator<Item = &'static str> {
    std::iter::once(message.title).chain(message.help.iter().copied())
}

fn names(message: &Message) -> BTreeSet<&'static str> {
    templates(message).flat_map(placeholders).map(|(name, _)| name).collect()
}

/// The documented arguments of every code that has any, with whether each is optional.
fn documented() -> Vec<(String, Vec<(String, bool)>)> {
    let mut found = Vec::new();
    let mut args: Vec<(String, bool)> = Vec::new();
    for line in CODE_TABLE.lines().map(str::trim) {
        if let Some((_, list)) = line.strip_prefix("///").and_then(|doc| doc.split_once("Args: ")) {
            // Names with underscores stand in backticks there, as Rust's own documentation wants it.
            let bare = |arg: &str| arg.trim().trim_matches('`').to_owned();
            let name = |arg: &str| (bare(arg.trim().trim_end_matches('?')), arg.trim().ends_with('?'));
            args = list.trim_end_matches('.').split(',').filter(|arg| arg.trim() != "none").map(name).collect();
        } else if let Some((_, rest)) = line.split_once(" = \"E") {
            found.push((format!("E{}", &rest[..4]), std::mem::take(&mut args)));
        }
    }
    found
}

#[test]
fn every_code_speaks_every_language() {
    for language in Language::ALL {
        let codes: Vec<Code> = tables(language).into_iter().flatten().map(|message| message.code).collect();
        assert_eq!(codes, Code::ALL, "{language:?}: every code once, in the order of the code table");
        for message in tables(language).into_iter().flatten() {
            let all = [message.title, message.cause, message.example];
            assert!(all.iter().all(|text| !text.is_empty()) && !message.help.is_empty(), "{:?}", message.code);
            assert!(message.help.iter().all(|help| !help.is_empty()), "{:?}", message.code);
        }
    }
}

#[test]
fn both_languages_use_the_same_placeholders() {
    for &code in Code::ALL {
        let [en, ja] = Language::ALL.map(|language| names(message(code, language)));
        assert_eq!(en, ja, "{code:?}");
    }
}

#[test]
fn placeholders_are_the_documented_arguments() {
    let documented = documented();
    assert_eq!(documented.len(), Code::ALL.len());
    for (id, args) in documented {
        let code = Code::parse(&id).unwrap();
        let expected: BTreeSet<&str> = args.iter().map(|(name, _)| name.as_str()).collect();
        let used = names(message(code, Language::En));
        assert!(used.is_superset(&expected), "{id}: documented {expected:?}, used {used:?}");
        assert!(used.difference(&expected).all(|name| ALWAYS.contains(name)), "{id}: {used:?}");
        for language in Language::ALL {
            for (name, optional) in templates(message(code, language)).flat_map(placeholders) {
                let may_be_absent = args.iter().any(|(arg, is_optional)| arg == name && *is_optional);
                let undocumented = !expected.contains(name);
                assert!(optional || !(may_be_absent || undocumented), "{id} {language:?}: `{name}` may be absent");
            }
        }
    }
}

#[test]
fn templates_are_well_formed() {
    for language in Language::ALL {
        for message in tables(language).into_iter().flatten() {
            for template in templates(message) {
                let pairs = [("{", "}"), ("<<", ">>")];
                for (open, close) in pairs {
                    assert_eq!(template.matches(open).count(), template.matches(close).count(), "{template}");
                }
                assert_eq!(template.matches('`').count() % 2, 0, "{template}");
            }
        }
    }
}

#[test]
fn english_titles_are_fragments() {
    for message in tables(Language::En).into_iter().flatten() {
        let title = message.title;
        let first = title.chars().next().unwrap();
        assert!(!first.is_uppercase() || title.starts_with("Parquet"), "{title}");
        assert!(!title.ends_with('.'), "{title}");
        assert!(message.cause.ends_with('.'), "{:?}", message.code);
    }
}

#[test]
fn japanese_is_japanese() {
    for message in tables(Language::Ja).into_iter().flatten() {
        assert!(!message.title.ends_with('。'), "{}", message.title);
        assert!(message.cause.ends_with('。'), "{:?}", message.code);
        for text in [message.title, message.cause] {
            assert!(text.chars().any(|c| ('\u{3041}'..='\u{30ff}').contains(&c)), "{text}");
        }
        for help in message.help {
            assert!(help.ends_with('。') || help.ends_with(">>"), "{help}");
        }
    }
}

#[test]
fn explanations_have_all_parts() {
    for language in Language::ALL {
        for &code in Code::ALL {
            let page = explain(code, language);
            assert!(page.starts_with(code.id()));
            assert!(!page.contains("<<") && !page.contains(">>"), "{page}");
            assert_eq!(page.matches("\n\n").count(), 4, "{page}");
        }
    }
}
