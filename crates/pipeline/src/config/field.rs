//! What the table of fields says of a key: kind, default, unit, check, meaning.

use super::words;

/// The kind of a value.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Characters in quotes.
    Text,
    /// A whole number.
    Integer,
    /// A number with or without a fraction.
    Number,
    /// `true` or `false`.
    Flag,
    /// A civil date such as `2026-10-01`, with or without quotes.
    Date,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// The word `auto`, or a value of the kind inside.
    AutoOr(&'static Kind),
    /// One value of the kind inside, or a list of them.
    OneOrMore(&'static Kind),
    /// A list of values of the kind inside.
    List(&'static Kind),
    /// Names of the user's own choice, each with a value of the kind inside.
    Map(&'static Kind),
    /// The columns of a source: what may be named follows from its role.
    Columns,
    /// A table whose keys have rows of their own.
    Table,
    /// Such a table, or a list of values of the kind inside.
    TableOr(&'static Kind),
    /// Tables under names of the user's own choice; their keys stand under `*`.
    Named,
    /// A list of tables; their keys stand under `[]`.
    Tables,
}

/// What is taken where a key is absent.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// The key must be given.
    Required,
    /// Nothing: what the key asks for is not done.
    Absent,
    /// This value, in TOML.
    Is(&'static str),
    /// A value that follows from another key, in the words of the reference.
    Follows(&'static str),
}

/// What is allowed within a kind.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// Anything of the kind.
    Any,
    /// Numbers from the first to the second, both included.
    Between(f64, f64),
    /// Numbers above the first, up to and including the second.
    Above(f64, f64),
    /// Texts of this form.
    Form(words::Form),
}

/// What is allowed of a list as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListCheck {
    /// Any list, also an empty one.
    Any,
    /// No value twice.
    Unique,
    /// No value twice, and at least one.
    SomeUnique,
    /// Every value above the one before it.
    Increasing,
    /// Every value above the one before it, and at least one.
    SomeIncreasing,
}

/// One key of the pipeline file.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key with its tables, e.g. `sources.*.path` or `export[].profile`.
    pub path: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// What holds when it is absent.
    pub default: Default,
    /// What the number counts; empty where there is nothing to count.
    pub unit: &'static str,
    /// What is allowed of each value.
    pub check: Check,
    /// What is allowed of the list.
    pub list: ListCheck,
    /// The roles of sources that have this key; empty for all.
    pub roles: &'static [&'static str],
    /// Whether the value may be a reference to a secret.
    pub secret: bool,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

impl Field {
    pub(super) const fn new(path: &'static str, kind: Kind, default: Default, doc: &'static str) -> Self {
        let (check, list) = (Check::Any, ListCheck::Any);
        Self { path, kind, default, unit: "", check, list, roles: &[], secret: false, doc }
    }

    pub(super) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(super) const fn between(self, min: f64, max: f64) -> Self {
        Self { check: Check::Between(min, max), ..self }
    }

    pub(super) const fn above(self, min: f64, max: f64) -> Self {
        Self { check: Check::Above(min, max), ..self }
    }

    pub(super) const fn form(self, form: words::Form) -> Self {
        Self { check: Check::Form(form), ..self }
    }

    pub(super) const fn list(self, list: ListCheck) -> Self {
        Self { list, ..self }
    }

    pub(super) const fn only(self, roles: &'static [&'static str]) -> Self {
        Self { roles, ..self }
    }

    pub(super) const fn may_be_secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// The key without its tables.
    pub(super) fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }

    /// The tables without the key; empty at the top.
    pub(super) fn parent(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(parent, _)| parent)
    }

    /// What is allowed besides the kind, in signs rather than words; empty when anything is.
    pub(super) fn allowed(&self) -> String {
        match self.check {
            Check::Any => String::new(),
            Check::Between(min, max) => format!("{min} ≤ x ≤ {max}"),
            Check::Above(min, max) => format!("{min} < x ≤ {max}"),
            Check::Form(form) => form.allowed().to_owned(),
        }
    }
}

impl Kind {
    /// The kind by the one word that messages know in every language.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Text | Self::Choice(_) => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Date => "date",
            Self::AutoOr(inner) | Self::OneOrMore(inner) => inner.word(),
            Self::List(_) | Self::Tables => "list",
            Self::Map(_) | Self::Table | Self::Columns | Self::Named | Self::TableOr(_) => "table",
        }
    }

    /// The kind in full, for the reference.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Text | Self::Choice(_) => "text".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Number => "number".to_owned(),
            Self::Flag => "flag".to_owned(),
            Self::Date => "date".to_owned(),
            Self::AutoOr(inner) => format!("\"auto\" or {}", inner.describe()),
            Self::OneOrMore(inner) => format!("{0} or list of {0}", inner.describe()),
            Self::List(inner) => format!("list of {}", inner.describe()),
            Self::Map(inner) => format!("table of {}", inner.describe()),
            Self::Table | Self::Columns | Self::Named => "table".to_owned(),
            Self::TableOr(inner) => format!("table or list of {}", inner.describe()),
            Self::Tables => "list of tables".to_owned(),
        }
    }

    /// The words to choose from, where there are such.
    pub(super) fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Choice(words) => words,
            Self::AutoOr(inner) | Self::OneOrMore(inner) | Self::List(inner) | Self::Map(inner) => inner.choices(),
            _ => &[],
        }
    }
}
