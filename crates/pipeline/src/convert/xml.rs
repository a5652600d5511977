//! XML as far as PMML needs it: elements with attributes that hold elements or one text.

use std::fmt::Write as _;

/// An element being built.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Element>,
    text: String,
}

impl Element {
    /// An empty element.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new(), text: String::new() }
    }

    /// The element with an attribute.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.attributes.push((name, value.to_owned()));
        self
    }

    /// The element with another one inside, after those it has.
    #[must_use]
    pub(super) fn and(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// The element with others inside.
    #[must_use]
    pub(super) fn holding(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The element with a text inside.
    #[must_use]
    pub(super) fn holding_text(mut self, text: &str) -> Self {
        text.clone_into(&mut self.text);
        self
    }

    /// The element as a document.
    ///
    /// # Errors
    /// The first text with a character that XML 1.0 cannot hold, not even escaped.
    pub(super) fn document(&self) -> Result<String, String> {
        let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
        self.write(0, &mut out)?;
        Ok(out)
    }

    fn write(&self, depth: usize, out: &mut String) -> Result<(), String> {
        let _ = write!(out, "{:indent$}<{}", "", self.name, indent = 2 * depth);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"{}\"", escaped(value)?);
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>\n");
            return Ok(());
        }
        out.push('>');
        out.push_str(&escaped(&self.text)?);
        // What holds texts holds no elements, whose indentation would become part of the text.
        if !self.children.is_empty() {
            out.push('\n');
            self.children.iter().try_for_each(|child| child.write(depth + 1, out))?;
            let _ = write!(out, "{:indent$}", "", indent = 2 * depth);
        }
        let _ = writeln!(out, "</{}>", self.name);
        Ok(())
    }
}

/// A text as attributes and contents can hold it; line ends and tabs survive what readers do to blanks.
///
/// # Errors
/// The text, where it has a character that XML 1.0 cannot hold.
pub(super) fn escaped(text: &str) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => return Err(text.to_owned()),
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// The shortest decimal number that is read back as the same one.
pub(super) fn number(value: f64) -> String {
    // Exponents are part of XML Schema's doubles; digits by the hundred are no good to anybody.
    let plain = value.to_string();
    if plain.len() <= 24 { plain } else { format!("{value:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names() {
        let element =
            Element::new("Field").with("name", "a<b&\"c\">\n'd', é 列").and(Element::new("Value").holding_text("<&>"));
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <Field name=\"a&lt;b&amp;&quot;c&quot;&gt;&#10;'d', é 列\">\n  <Value>&lt;&amp;&gt;</Value>\n</Field>\n";
        assert_eq!(element.document().unwrap(), expected);
        assert_eq!(Element::new("Field").with("name", "a\u{1}").document(), Err("a\u{1}".to_owned()));
    }

    #[test]
    fn numbers_are_read_back_to_the_last_bit() {
        for value in [0.1 + 0.2, -1e-300, 1.5, f64::MAX, 5e-324, 0.0] {
            let text = number(value);
            assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits(), "{text}");
            assert!(text.len() <= 24, "{text}");
        }
    }
}
