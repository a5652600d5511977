//! HTML whose texts cannot be anything but texts: the only way in is through [`Markup::text`], which escapes.

use osusume_text::escape_controls;

/// Well-formed HTML: every element closed, every attribute quoted, every text escaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Markup(String);

impl Markup {
    /// A text as it stands; what would hide or reorder characters is spelled out.
    pub(crate) fn text(text: &str) -> Self {
        Self(escape(text))
    }

    /// A text in which what stands between backticks is code.
    pub(crate) fn prose(text: &str) -> Self {
        let part = |(i, part): (usize, &str)| {
            if i % 2 == 0 { Self::text(part) } else { element("code", &[], [Self::text(part)]) }
        };
        text.split('`').enumerate().map(part).collect()
    }

    /// Style rules of this crate, which need no escaping.
    pub(crate) fn style(rules: &'static str) -> Self {
        Self(format!("<style>\n{rules}</style>\n"))
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The whole document.
    pub(crate) fn into_document(self) -> String {
        format!("<!DOCTYPE html>\n{}", self.0)
    }
}

impl FromIterator<Markup> for Markup {
    fn from_iter<T: IntoIterator<Item = Markup>>(parts: T) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

impl From<&str> for Markup {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

/// Elements that end a line of the source, so that a person can read it.
const BLOCKS: [&str; 20] = [
    "html", "head", "body", "title", "header", "main", "footer", "section", "article", "figure", "div", "p", "h1",
    "h2", "h3", "table", "tr", "ul", "ol", "svg",
];

/// An element with attributes and content.
pub(crate) fn element(
    name: &'static str,
    attributes: &[(&'static str, &str)],
    content: impl IntoIterator<Item = Markup>,
) -> Markup {
    let content: Markup = content.into_iter().collect();
    let end = if BLOCKS.contains(&name) || name == "li" { "\n" } else { "" };
    Markup(format!("<{name}{}>{}</{name}>{end}", attributes_of(attributes), content.0))
}

/// An element without content.
pub(crate) fn void(name: &'static str, attributes: &[(&'static str, &str)]) -> Markup {
    Markup(format!("<{name}{}/>", attributes_of(attributes)))
}

/// An element with a class and one text.
pub(crate) fn classed(name: &'static str, class: &str, text: &str) -> Markup {
    element(name, &[("class", class)], [Markup::text(text)])
}

fn attributes_of(attributes: &[(&'static str, &str)]) -> String {
    let written = |(name, value): &(&str, &str)| [" ", name, "=\"", &escape(value), "\""].concat();
    attributes.iter().map(written).collect::<Vec<String>>().concat()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in escape_controls(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_cannot_break_out() {
        let hostile = "</style><script>alert('\"&\u{202e}')</script>`x";
        let safe = "&lt;/style&gt;&lt;script&gt;alert(&#39;&quot;&amp;\\u{202e}&#39;)&lt;/script&gt;";
        assert_eq!(Markup::text(hostile).0, format!("{safe}`x"));
        let linked = element("a", &[("title", hostile)], [Markup::prose(hostile)]);
        assert_eq!(linked.0, format!("<a title=\"{safe}`x\">{safe}<code>x</code></a>"));
    }
}
