//! A reader of well-formed markup, strict enough to find an element left open, an attribute without quotes or a bare `<` or `&`.

/// Every start tag with its attributes, and all texts; panics on what is not well formed.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) tags: Vec<(String, Vec<(String, String)>)>,
    pub(crate) texts: Vec<String>,
}

pub(crate) fn read(html: &str) -> Document {
    let mut document = Document::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        // Style rules are no text.
        if open.last().is_none_or(|name| name != "style") {
            check_entities(text);
            document.texts.push(text.to_owned());
        }
        rest = &rest[at + 1..];
        let (tag, after) = split_tag(rest);
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closed in another order than opened");
            continue;
        }
        let (inner, is_void) = tag.strip_suffix('/').map_or((tag, false), |inner| (inner, true));
        let (name, attributes) = attributes(inner);
        if !is_void {
            open.push(name.clone());
        }
        document.tags.push((name, attributes));
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "left open: {open:?}");
    document
}

/// The inside of a tag and what follows it; a `>` inside quotes does not end it.
fn split_tag(rest: &str) -> (&str, &str) {
    let mut quoted = false;
    let end = rest.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == '>' && !quoted
    });
    let (end, _) = end.expect("every tag ends");
    (&rest[..end], &rest[end + 1..])
}

fn attributes(tag: &str) -> (String, Vec<(String, String)>) {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()), "{tag}");
    let mut found: Vec<(String, String)> = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_once("=\"").expect("attributes have quoted values");
        let (value, after) = after.split_once('"').expect("quotes are closed");
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{key}");
        assert!(found.iter().all(|(known, _)| known != key), "{key} stands twice in {tag}");
        check_entities(value);
        assert!(!value.contains('<'), "{value}");
        found.push((key.to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    (name.to_owned(), found)
}

/// Every ampersand begins one of the five entities.
fn check_entities(text: &str) {
    for (at, _) in text.match_indices('&') {
        let is_entity =
            ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().any(|entity| text[at..].starts_with(entity));
        assert!(is_entity, "{text}");
    }
    assert!(!text.contains('>'), "{text}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}
