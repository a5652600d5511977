//! Holds a merged tree against the table of fields: finds every fault, fills every default.

use model::{Arg, Code, Fault};
use osusume_model as model;

use super::SecretRef;
use super::columns::columns_of;
use super::field::{Check, Default, Field, Kind, ListCheck};
use super::fields::FIELDS;
use super::layer::{Entry, Node, Spot, Table, Value, parse_default};
use super::words::nearest;

/// Finds a secret's text; `None` when there is none of that name.
pub(super) type Lookup<'a> = &'a dyn Fn(&SecretRef) -> Option<String>;

/// Collects faults with their places.
pub(super) struct Checker<'a> {
    /// Names of the layers, by position.
    pub layers: &'a [String],
    pub lookup: Lookup<'a>,
    faults: Vec<(Spot, Fault)>,
}

/// Where the walk is: the key as the user wrote it, and its pattern in the table of fields.
#[derive(Clone, Debug)]
struct Path {
    real: String,
    pattern: String,
}

impl Path {
    fn root() -> Self {
        Self { real: String::new(), pattern: String::new() }
    }

    fn key(&self, name: &str) -> Self {
        Self { real: join(&self.real, &quoted(name)), pattern: join(&self.pattern, name) }
    }

    fn named(&self, name: &str) -> Self {
        Self { real: join(&self.real, &quoted(name)), pattern: join(&self.pattern, "*") }
    }

    fn item(&self, position: usize) -> Self {
        Self { real: format!("{}[{position}]", self.real), pattern: format!("{}[]", self.pattern) }
    }
}

pub(super) fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

/// A key as TOML would have it written.
pub(super) fn quoted(name: &str) -> String {
    let is_bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let is_shown = |c: char| !c.is_ascii() && !c.is_control();
    let shown = |c: char| if is_shown(c) { c.to_string() } else { c.escape_default().collect() };
    if is_bare { name.to_owned() } else { format!("\"{}\"", name.chars().map(shown).collect::<String>()) }
}

/// The keys of a table, by its pattern.
pub(super) fn children(pattern: &str) -> impl Iterator<Item = &'static Field> + use<'_> {
    FIELDS.iter().filter(move |field| field.parent() == pattern)
}

impl<'a> Checker<'a> {
    pub(super) fn new(layers: &'a [String], lookup: Lookup<'a>) -> Self {
        Self { layers, lookup, faults: Vec::new() }
    }

    /// Checks the whole tree and fills in what is absent.
    pub(super) fn run(&mut self, root: &mut Table) {
        let top = Spot { layer: Some(0), line: 1, column: 1 };
        self.table(&Path::root(), root, top);
    }

    /// All faults, by layer and place.
    pub(super) fn into_faults(mut self) -> Vec<Fault> {
        self.faults.sort_by_key(|(spot, _)| *spot);
        self.faults.into_iter().map(|(_, fault)| fault).collect()
    }

    /// Notes a fault of the key at a place.
    pub(super) fn fault(&mut self, code: Code, key: &str, spot: Spot, args: Vec<(&'static str, Arg)>) {
        let mut fault = Fault::new(code).named(key).with("key", key);
        for (name, arg) in args {
            fault = fault.with(name, arg);
        }
        if let Some(layer) = spot.layer {
            fault = fault.in_file(self.layers[layer].clone());
        }
        if spot.line > 0 {
            fault = fault.at(spot.line, spot.column);
        }
        self.faults.push((spot, fault));
    }

    fn table(&mut self, path: &Path, table: &mut Table, spot: Spot) {
        let role = table.get("role").and_then(|entry| entry.node.as_text()).map(str::to_owned);
        self.unknown_keys(path, table);
        for field in children(&path.pattern) {
            let here = path.key(field.name());
            let is_of_role = field.roles.is_empty() || role.as_deref().is_none_or(|role| field.roles.contains(&role));
            match table.get_mut(field.name()) {
                Some(entry) if !is_of_role => {
                    let allowed = field.roles.iter().map(|role| format!("role = \"{role}\"")).collect::<Vec<_>>();
                    let got = format!("role = \"{}\"", role.as_deref().unwrap_or_default());
                    self.fault(
                        Code::ConfigNotAllowed,
                        &here.real,
                        entry.key,
                        vec![("got", got.into()), ("allowed", allowed.into())],
                    );
                }
                Some(entry) => self.entry(field, &here, entry, role.as_deref()),
                None if is_of_role => self.absent(field, &here, table, spot),
                None => {}
            }
        }
    }

    fn unknown_keys(&mut self, path: &Path, table: &Table) {
        let known: Vec<&str> = children(&path.pattern).map(Field::name).collect();
        for (name, entry) in table.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let elsewhere = || {
                FIELDS
                    .iter()
                    .find(|field| field.name() == name && !field.path.contains(['*', '[']))
                    .map(|field| field.path)
            };
            let suggestion = nearest(name, known.iter().copied()).or_else(elsewhere);
            let mut args = vec![("allowed", Arg::from(known.iter().map(|&key| key.to_owned()).collect::<Vec<_>>()))];
            args.extend(suggestion.map(|word| ("suggestion", word.into())));
            self.fault(Code::ConfigUnknownKey, &path.key(name).real, entry.key, args);
        }
    }

    fn absent(&mut self, field: &Field, path: &Path, table: &mut Table, spot: Spot) {
        match field.default {
            Default::Required => self.fault(Code::ConfigMissingKey, &path.real, spot, vec![]),
            Default::Absent | Default::Follows(_) => {}
            Default::Is(text) => {
                let mut entry = Entry { key: Spot::NOWHERE, node: parse_default(text) };
                self.entry(field, path, &mut entry, None);
                table.insert(field.name().to_owned(), entry);
            }
        }
    }

    fn entry(&mut self, field: &Field, path: &Path, entry: &mut Entry, role: Option<&str>) {
        let Entry { key, node } = entry;
        match (field.kind, &mut node.value) {
            (Kind::Table | Kind::TableOr(_), Value::Table(table)) => self.table(path, table, *key),
            (Kind::Columns, Value::Table(table)) => self.columns(field, path, table, *key, role),
            (Kind::Named, Value::Table(table)) => self.named(field, path, table),
            (Kind::Tables, Value::List(list)) => self.tables(path, list),
            (kind, _) => self.value(field, kind, path, node),
        }
    }

    fn named(&mut self, field: &Field, path: &Path, tables: &mut Table) {
        for (name, entry) in tables {
            let here = path.named(name);
            self.key_form(field, &here, name, entry.key);
            self.inner_table(&here, entry.key, &mut entry.node);
        }
    }

    /// Names of the user's own choice must have the field's form.
    fn key_form(&mut self, field: &Field, path: &Path, name: &str, spot: Spot) {
        if let Check::Form(form) = field.check
            && !form.accepts(name)
        {
            let args = vec![("got", quoted(name).into()), ("allowed", form.allowed().into())];
            self.fault(Code::ConfigNotAllowed, &path.real, spot, args);
        }
    }

    fn tables(&mut self, path: &Path, list: &mut [Node]) {
        for (position, node) in list.iter_mut().enumerate() {
            self.inner_table(&path.item(position), node.spot, node);
        }
    }

    fn inner_table(&mut self, path: &Path, spot: Spot, node: &mut Node) {
        match &mut node.value {
            Value::Table(table) => self.table(path, table, spot),
            value => {
                let args = vec![("got", value.kind().into()), ("expected", "table".into())];
                self.fault(Code::ConfigWrongKind, &path.real, node.spot, args);
            }
        }
    }

    fn columns(&mut self, field: &Field, path: &Path, table: &mut Table, spot: Spot, role: Option<&str>) {
        // With no valid role nothing is known of the columns but that they are texts.
        let known: Vec<&str> = role.into_iter().flat_map(columns_of).map(|column| column.name).collect();
        for (name, entry) in table.iter_mut() {
            let here = path.key(name);
            if !known.is_empty() && !known.contains(&name.as_str()) {
                let mut args =
                    vec![("allowed", Arg::from(known.iter().map(|&key| key.to_owned()).collect::<Vec<_>>()))];
                args.extend(nearest(name, known.iter().copied()).map(|word| ("suggestion", word.into())));
                self.fault(Code::ConfigUnknownKey, &here.real, entry.key, args);
            }
            self.value(field, Kind::Text, &here, &mut entry.node);
        }
        for column in role.into_iter().flat_map(columns_of).filter(|column| column.is_required) {
            if !table.contains_key(column.name) {
                self.fault(Code::ConfigMissingKey, &path.key(column.name).real, spot, vec![]);
            }
        }
    }

    fn value(&mut self, field: &Field, kind: Kind, path: &Path, node: &mut Node) {
        match (kind, &mut node.value) {
            (Kind::AutoOr(_), Value::Text(text)) if text == "auto" => {}
            (Kind::AutoOr(inner), Value::Text(_)) if !matches!(inner, Kind::Text) => {
                let allowed = vec!["auto".to_owned(), field.allowed()];
                self.not_allowed(path, node, allowed.into(), None);
            }
            (Kind::OneOrMore(inner) | Kind::List(inner) | Kind::TableOr(inner), Value::List(list)) => {
                for (position, item) in list.iter_mut().enumerate() {
                    self.value(field, *inner, &path.item(position), item);
                }
                self.list(field, path, node);
            }
            (Kind::AutoOr(inner) | Kind::OneOrMore(inner), _) => self.value(field, *inner, path, node),
            (Kind::Map(inner), Value::Table(table)) => {
                for (name, entry) in table {
                    let here = path.key(name);
                    self.key_form(field, &here, name, entry.key);
                    self.value(field, *inner, &here, &mut entry.node);
                }
            }
            _ => self.scalar(field, kind, path, node),
        }
    }

    fn scalar(&mut self, field: &Field, kind: Kind, path: &Path, node: &mut Node) {
        adapt(kind, node);
        if let Some(text) = node.as_text() {
            let is_plain = !text.contains("${");
            if is_plain && field.secret && node.spot.is_command_line() {
                self.refused_secret(path, node);
                return;
            }
            if !is_plain && !self.resolve(field, path, node) {
                return;
            }
        }
        match (kind, &node.value) {
            (Kind::Text, Value::Text(text)) => self.form(field, path, node, text),
            (Kind::Choice(words), Value::Text(text)) => self.choice(words, path, node, text),
            (Kind::Integer, Value::Integer(n)) => self.range(field, path, node, *n as f64),
            (Kind::Number, Value::Number(x)) => self.range(field, path, node, *x),
            (Kind::Flag, Value::Flag(_)) | (Kind::Date, Value::Date(_)) => {}
            (_, value) => {
                let args = vec![("got", value.kind().into()), ("expected", kind.word().into())];
                self.fault(Code::ConfigWrongKind, &path.real, node.spot, args);
            }
        }
    }

    fn form(&mut self, field: &Field, path: &Path, node: &Node, text: &str) {
        if let Check::Form(form) = field.check
            && !form.accepts(text)
        {
            let suggestion = if node.secret { None } else { form.suggestion(text) };
            self.not_allowed(path, node, form.allowed().into(), suggestion);
        }
    }

    fn choice(&mut self, words: &[&str], path: &Path, node: &Node, text: &str) {
        if !words.contains(&text) {
            let suggestion = nearest(text, words.iter().copied()).map(str::to_owned);
            let allowed = words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
            self.not_allowed(path, node, allowed.into(), suggestion);
        }
    }

    fn range(&mut self, field: &Field, path: &Path, node: &Node, x: f64) {
        // Written so that a NaN is outside.
        let is_inside = match field.check {
            Check::Between(min, max) => x >= min && x <= max,
            Check::Above(min, max) => x > min && x <= max,
            Check::Any | Check::Form(_) => x.is_finite(),
        };
        // Shares are mistaken for percentages.
        let is_share = matches!(field.check, Check::Between(_, max) | Check::Above(_, max) if max <= 1.0);
        let suggestion = (is_share && x > 1.0 && x <= 100.0).then(|| format!("{}", x / 100.0));
        if !is_inside {
            self.not_allowed(path, node, field.allowed().into(), suggestion);
        }
    }

    fn list(&mut self, field: &Field, path: &Path, node: &Node) {
        let items = node.as_list().unwrap_or_default();
        let needs_some = matches!(field.list, ListCheck::SomeUnique | ListCheck::SomeIncreasing);
        if needs_some && items.is_empty() {
            self.fault(
                Code::ConfigNotAllowed,
                &path.real,
                node.spot,
                vec![("got", "[]".into()), ("allowed", "n ≥ 1".into())],
            );
        }
        let is_increasing = matches!(field.list, ListCheck::Increasing | ListCheck::SomeIncreasing);
        for (position, item) in items.iter().enumerate() {
            let here = path.item(position);
            let twin = items[..position].iter().position(|other| is_same(other, item));
            if let Some(twin) = twin.filter(|_| field.list != ListCheck::Any) {
                self.not_allowed(&here, item, format!("≠ {}", path.item(twin).real).into(), None);
            } else if is_increasing && position > 0 && !is_above(&items[position - 1], item) {
                self.not_allowed(&here, item, format!("> {}", path.item(position - 1).real).into(), None);
            }
        }
    }

    /// Replaces `${env:NAME}` or `${file:PATH}` by its text, where the field may hold a secret; whether that went well.
    fn resolve(&mut self, field: &Field, path: &Path, node: &mut Node) -> bool {
        let Some(reference) = node.as_text().and_then(SecretRef::parse).filter(|_| field.secret) else {
            self.not_allowed(path, node, secret_forms(), None);
            return false;
        };
        let Some(text) = (self.lookup)(&reference).filter(|text| !text.trim().is_empty()) else {
            self.fault(Code::SecretMissing, &path.real, node.spot, vec![("name", reference.name().into())]);
            return false;
        };
        // Editors end a file with a line break that is no part of the secret.
        node.value = Value::Text(text.trim_end_matches(['\r', '\n']).to_owned());
        node.secret = true;
        true
    }

    /// Whoever lists the machine's processes reads a command line.
    fn refused_secret(&mut self, path: &Path, node: &Node) {
        let args = vec![("got", "***".into()), ("allowed", secret_forms())];
        self.fault(Code::ConfigNotAllowed, &path.real, node.spot, args);
    }

    fn not_allowed(&mut self, path: &Path, node: &Node, allowed: Arg, suggestion: Option<String>) {
        let mut args = vec![("got", got(node)), ("allowed", allowed)];
        args.extend(suggestion.map(|word| ("suggestion", word.into())));
        self.fault(Code::ConfigNotAllowed, &path.real, node.spot, args);
    }
}

/// Turns what means the same into the wanted kind: a date in quotes, a whole number, an unquoted text of `--set`.
fn adapt(kind: Kind, node: &mut Node) {
    let adapted = match (kind, &node.value) {
        (Kind::Number, Value::Integer(n)) => Some(Value::Number(*n as f64)),
        (Kind::Date, Value::Text(text)) => text.parse().ok().map(Value::Date),
        (
            Kind::Text | Kind::Choice(_),
            Value::Integer(_) | Value::Number(_) | Value::Flag(_) | Value::Date(_) | Value::Other(_),
        ) => node.raw.clone().map(Value::Text),
        _ => None,
    };
    if let Some(value) = adapted {
        node.value = value;
    }
}

/// The value as a message may show it.
pub(super) fn got(node: &Node) -> Arg {
    match &node.value {
        Value::Text(_) if node.secret => "***".into(),
        Value::Text(text) if text.is_empty() => "\"\"".into(),
        Value::Text(text) => shortened(text).into(),
        Value::Integer(n) => (*n).into(),
        Value::Number(x) => (*x).into(),
        Value::Flag(flag) => flag.to_string().into(),
        Value::Date(date) => date.to_string().into(),
        Value::Other(kind) => (*kind).into(),
        Value::List(_) => "list".into(),
        Value::Table(_) => "table".into(),
    }
}

/// The keys that may hold a secret, and how they refer to it.
fn secret_forms() -> Arg {
    let keys = FIELDS.iter().filter(|field| field.secret).map(|field| field.path);
    let forms = keys.flat_map(|key| ["env:NAME", "file:PATH"].map(|form| format!("{key} = \"${{{form}}}\"")));
    forms.collect::<Vec<_>>().into()
}

/// At most 80 characters, with control characters made visible.
fn shortened(text: &str) -> String {
    let visible = |c: char| if c.is_control() { c.escape_default().collect::<String>() } else { c.to_string() };
    text.chars().take(80).map(visible).collect()
}

fn is_same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Date(a), Value::Date(b)) => a == b,
        _ => false,
    }
}

/// Whether `b` lies above `a`; kinds that cannot be compared have a fault of their own.
fn is_above(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Integer(a), Value::Integer(b)) => a < b,
        (Value::Date(a), Value::Date(b)) => a < b,
        _ => true,
    }
}
