//! Profiles as files: a destination of one's own, laid over a profile that ships.

use std::fmt::Write as _;

use osusume_model::{Arg, Code, Fault, Result};
use osusume_storage::Digest;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Field;
use crate::profile::{Bom, Column, Encoding, Injection, Newline, Profile, Quoting, Selection, Unmappable, unknown};

/// The keys of a profile file.
const KEYS: [&str; 15] = [
    "name",
    "encoding",
    "bom",
    "newline",
    "delimiter",
    "quoting",
    "null_token",
    "columns",
    "headers",
    "key",
    "selection",
    "max_rows",
    "max_bytes",
    "unmappable",
    "injection",
];

impl Profile {
    /// This profile with what a profile file says laid over it; `file` names it in faults.
    ///
    /// # Errors
    /// `ConfigSyntax`, `ConfigUnknownKey`, `ConfigWrongKind`, `ConfigNotAllowed`, `ConfigUnknownName` with line and column;
    /// what [`Profile::check`] says.
    pub fn with_file(self, file: &str, text: &str) -> Result<Self> {
        let root = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            place(Fault::new(Code::ConfigSyntax).because(error.message()), file, text, at)
        })?;
        let mut profile = self;
        let mut faults = Vec::new();
        for (key, value) in root.get_ref() {
            let placed = |fault: Fault, at: usize| place(fault, file, text, at);
            if let Err(fault) = profile.set(key.get_ref(), value) {
                faults.push(placed(fault.named(key.get_ref().as_ref()), key.span().start));
            }
        }
        Fault::all(faults)?;
        profile.check().map_err(|fault| fault.in_file(file))?;
        Ok(profile)
    }

    fn set(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Result<()> {
        let value = value.get_ref();
        match key {
            "name" => text(key, value)?.clone_into(&mut self.name),
            "encoding" => self.encoding = choice(key, value, &ENCODINGS)?,
            "bom" => self.bom = if flag(key, value)? { Bom::With } else { Bom::Without },
            "newline" => self.newline = choice(key, value, &NEWLINES)?,
            "delimiter" => self.delimiter = delimiter(key, value)?,
            "quoting" => self.quoting = choice(key, value, &QUOTINGS)?,
            "null_token" => text(key, value)?.clone_into(&mut self.null_token),
            "columns" => self.columns = columns(key, value)?,
            "headers" => self.set_headers(key, value)?,
            "key" => self.key = fields(key, value)?,
            "selection" => self.selection = choice(key, value, &SELECTIONS)?,
            "max_rows" => self.max_rows = whole(key, value)?,
            "max_bytes" => self.max_bytes = whole(key, value)?,
            "unmappable" => self.unmappable = choice(key, value, &UNMAPPABLES)?,
            "injection" => self.injection = choice(key, value, &INJECTIONS)?,
            _ => {
                let fault = Fault::new(Code::ConfigUnknownKey).with("key", key);
                return Err(fault.with("allowed", KEYS.map(str::to_owned).to_vec()));
            }
        }
        Ok(())
    }

    fn set_headers(&mut self, key: &str, value: &DeValue<'_>) -> Result<()> {
        let DeValue::Table(table) = value else { return Err(wrong_kind(key, value, "table")) };
        for (id, header) in table {
            let column = self.columns.iter_mut().find(|column| column.field.id() == id.get_ref().as_ref());
            let Some(column) = column else {
                return Err(unknown(key, id.get_ref(), self.columns.iter().map(|column| column.field.id())));
            };
            text(key, header.get_ref())?.clone_into(&mut column.header);
        }
        Ok(())
    }

    /// A digest of everything the profile says.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_toml().as_bytes())
    }

    /// The whole profile as a profile file.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let list = |fields: &[Field]| fields.iter().map(|field| quoted(field.id())).collect::<Vec<_>>().join(", ");
        let mut text = String::new();
        let mut line = |key: &str, value: String| {
            let _ = writeln!(text, "{key} = {value}");
        };
        line("name", quoted(&self.name));
        line("encoding", quoted(word(self.encoding, &ENCODINGS)));
        line("bom", (self.bom == Bom::With).to_string());
        line("newline", quoted(word(self.newline, &NEWLINES)));
        line("delimiter", quoted(&self.delimiter.to_string()));
        line("quoting", quoted(word(self.quoting, &QUOTINGS)));
        line("null_token", quoted(&self.null_token));
        line("key", format!("[{}]", list(&self.key)));
        line("selection", quoted(word(self.selection, &SELECTIONS)));
        // What has no limit needs no line.
        for (key, limit) in [("max_rows", self.max_rows), ("max_bytes", self.max_bytes)] {
            if limit != u64::MAX {
                line(key, limit.to_string());
            }
        }
        line("unmappable", quoted(word(self.unmappable, &UNMAPPABLES)));
        line("injection", quoted(word(self.injection, &INJECTIONS)));
        let column = |column: &Column| {
            format!("    {{ field = {}, header = {} }},\n", quoted(column.field.id()), quoted(&column.header))
        };
        line("columns", format!("[\n{}]", self.columns.iter().map(column).collect::<String>()));
        text
    }
}

type Words<T> = [(&'static str, T)];

const ENCODINGS: [(&str, Encoding); 2] = [("utf-8", Encoding::Utf8), ("cp932", Encoding::Cp932)];
const NEWLINES: [(&str, Newline); 2] = [("lf", Newline::Lf), ("crlf", Newline::CrLf)];
const QUOTINGS: [(&str, Quoting); 2] = [("necessary", Quoting::Necessary), ("text", Quoting::Text)];
const SELECTIONS: [(&str, Selection); 2] = [("every", Selection::Every), ("best", Selection::Best)];
const UNMAPPABLES: [(&str, Unmappable); 3] =
    [("fail", Unmappable::Fail), ("leave_out", Unmappable::LeaveOut), ("transliterate", Unmappable::Transliterate)];
const INJECTIONS: [(&str, Injection); 2] = [("count", Injection::Count), ("apostrophe", Injection::Apostrophe)];

fn word<T: PartialEq + Copy>(value: T, words: &Words<T>) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

fn choice<T: Copy>(key: &str, value: &DeValue<'_>, words: &Words<T>) -> Result<T> {
    let got = text(key, value)?;
    let found = words.iter().find(|(word, _)| *word == got).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let allowed = words.iter().map(|(word, _)| (*word).to_owned()).collect();
        Fault::new(Code::ConfigNotAllowed).with("key", key).with("got", got).with("allowed", Arg::Names(allowed))
    })
}

fn text<'a>(key: &str, value: &'a DeValue<'_>) -> Result<&'a str> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(wrong_kind(key, other, "text")),
    }
}

fn flag(key: &str, value: &DeValue<'_>) -> Result<bool> {
    match value {
        DeValue::Boolean(flag) => Ok(*flag),
        other => Err(wrong_kind(key, other, "flag")),
    }
}

fn whole(key: &str, value: &DeValue<'_>) -> Result<u64> {
    let DeValue::Integer(integer) = value else { return Err(wrong_kind(key, value, "integer")) };
    let digits = integer.as_str().replace('_', "");
    u64::from_str_radix(&digits, integer.radix()).map_err(|_| {
        let fault = Fault::new(Code::ConfigNotAllowed).with("key", key).with("got", digits);
        fault.with("allowed", "1 or more")
    })
}

fn delimiter(key: &str, value: &DeValue<'_>) -> Result<char> {
    let got = text(key, value)?;
    let mut chars = got.chars();
    if let (Some(delimiter), None) = (chars.next(), chars.next()) {
        return Ok(delimiter);
    }
    Err(Fault::new(Code::ConfigNotAllowed).with("key", key).with("got", got).with("allowed", "one character"))
}

fn fields(key: &str, value: &DeValue<'_>) -> Result<Vec<Field>> {
    let DeValue::Array(list) = value else { return Err(wrong_kind(key, value, "list")) };
    list.iter().map(|item| field(key, text(key, item.get_ref())?)).collect()
}

fn field(key: &str, id: &str) -> Result<Field> {
    let found = Field::ALL.into_iter().find(|field| field.id() == id);
    found.ok_or_else(|| unknown(key, id, Field::ALL.into_iter().map(Field::id)))
}

/// A column is a field's id, under its own name, or a table of field and header.
fn columns(key: &str, value: &DeValue<'_>) -> Result<Vec<Column>> {
    let DeValue::Array(list) = value else { return Err(wrong_kind(key, value, "list")) };
    let column = |item: &Spanned<DeValue<'_>>| {
        let DeValue::Table(table) = item.get_ref() else {
            let field = field(key, text(key, item.get_ref())?)?;
            return Ok(Column { field, header: field.id().to_owned() });
        };
        let entry = |name: &str| {
            let found = table.iter().find(|(entry, _)| entry.get_ref() == name);
            found.map(|(_, value)| text(key, value.get_ref())).transpose()
        };
        let missing = || Fault::new(Code::ConfigMissingKey).with("key", format!("{key}[].field"));
        let field = field(key, entry("field")?.ok_or_else(missing)?)?;
        Ok(Column { field, header: entry("header")?.unwrap_or(field.id()).to_owned() })
    };
    list.iter().map(column).collect()
}

fn wrong_kind(key: &str, got: &DeValue<'_>, expected: &str) -> Fault {
    let got = match got {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "integer",
        DeValue::Float(_) => "number",
        DeValue::Boolean(_) => "flag",
        DeValue::Datetime(_) => "date",
        DeValue::Array(_) => "list",
        DeValue::Table(_) => "table",
    };
    Fault::new(Code::ConfigWrongKind).with("key", key).with("got", got).with("expected", expected)
}

fn place(fault: Fault, file: &str, text: &str, at: usize) -> Fault {
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() as u64 + 1;
    fault.in_file(file).at(line, before[line_start..].chars().count() as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{profile, profile_names};

    fn plain() -> Profile {
        profile("csv").unwrap()
    }

    #[test]
    fn every_shipped_profile_is_data() {
        for name in profile_names().iter().filter(|name| *name != crate::PARQUET) {
            let shipped = profile(name).unwrap();
            assert_eq!(plain().with_file("x.toml", &shipped.to_toml()), Ok(shipped), "{name}");
        }
    }

    #[test]
    fn a_file_says_only_what_differs() {
        let text = "name = \"crm\"\nnewline = \"crlf\"\nmax_rows = 10_000\nheaders = { offer = \"オファー\" }\n";
        let ours = plain().with_file("crm.toml", text).unwrap();
        let mut expected = Profile { name: "crm".to_owned(), newline: Newline::CrLf, max_rows: 10_000, ..plain() };
        expected.columns.iter_mut().find(|column| column.field == Field::Offer).unwrap().header = "オファー".to_owned();
        assert_eq!(ours, expected);
        let text = "columns = [\"customer_id\", { field = \"offer\", header = \"o\" }]\nkey = [\"customer_id\"]\n";
        let ours = plain().with_file("crm.toml", text).unwrap();
        assert_eq!(ours.columns.iter().map(|column| column.header.as_str()).collect::<Vec<_>>(), ["customer_id", "o"]);
    }

    #[test]
    fn mistakes_have_a_place() {
        let check = |text: &str, code: Code, line: u64| {
            let fault = plain().with_file("crm.toml", text).unwrap_err();
            assert_eq!((fault.code(), fault.place().line), (code, Some(line)), "{text}");
            assert_eq!(fault.place().file.as_deref(), Some("crm.toml"));
        };
        check("bom = \n", Code::ConfigSyntax, 1);
        check("bom = true\n\nfarbe = 1\n", Code::ConfigUnknownKey, 3);
        check("bom = \"yes\"\n", Code::ConfigWrongKind, 1);
        check("encoding = \"latin1\"\n", Code::ConfigNotAllowed, 1);
        check("delimiter = \"::\"\n", Code::ConfigNotAllowed, 1);
        check("max_rows = -1\n", Code::ConfigNotAllowed, 1);
        check("key = [\"custmer\"]\n", Code::ConfigUnknownName, 1);
        check("headers = { ofer = \"x\" }\n", Code::ConfigUnknownName, 1);
        check("columns = [{ header = \"x\" }]\n", Code::ConfigMissingKey, 1);
        let fault = plain().with_file("crm.toml", "null_token = \"a,b\"\n").unwrap_err();
        assert_eq!(fault.code(), Code::ConfigNotAllowed);
        let fault = plain().with_file("crm.toml", "key = [\"offer\"]\n").unwrap_err();
        assert_eq!((fault.code(), fault.place().file.as_deref()), (Code::ConfigNotAllowed, Some("crm.toml")));
    }
}
