//! Layers of configuration: files and `--set`, parsed with places and merged into one tree.

use std::collections::BTreeMap;

use model::{Code, Date, Fault};
use osusume_model as model;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What crate `toml` says of a key that stands twice; a test holds it to that.
const DUPLICATE: &str = "duplicate key";

/// Where a value was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Position in the list of layers; `None` for a default.
    pub layer: Option<usize>,
    /// 1-based line, or 0 on a command line.
    pub line: u64,
    /// 1-based column in characters.
    pub column: u64,
}

impl Spot {
    /// The place of what nobody wrote.
    pub(super) const NOWHERE: Self = Self { layer: None, line: 0, column: 0 };

    /// Whether a `--set` gave it.
    pub(super) fn is_command_line(self) -> bool {
        self.layer.is_some() && self.line == 0
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub value: Value,
    pub spot: Spot,
    /// The characters of a `--set`, which become a text where a text is wanted: `--set train.seed=2026`.
    pub raw: Option<String>,
    /// Whether the text came out of the environment or a secret file.
    pub secret: bool,
}

/// A key's place and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub key: Spot,
    pub node: Node,
}

/// Keys in order of name.
pub(super) type Table = BTreeMap<String, Entry>;

/// What TOML can hold, as far as the pipeline file has a use for it.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
    Date(Date),
    /// A kind no key wants, by name.
    Other(&'static str),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// The kind as messages name it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "integer",
            Self::Number(_) => "number",
            Self::Flag(_) => "flag",
            Self::Date(_) => "date",
            Self::Other(kind) => kind,
            Self::List(_) => "list",
            Self::Table(_) => "table",
        }
    }
}

impl Node {
    pub(super) fn new(value: Value, spot: Spot) -> Self {
        Self { value, spot, raw: None, secret: false }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }
}

/// Turns byte offsets of one layer's text into places.
struct Places<'a> {
    text: &'a str,
    layer: usize,
    /// Byte offset of each line's first character.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str, layer: usize) -> Self {
        let lines = std::iter::once(0).chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1));
        Self { text, layer, lines: lines.collect() }
    }

    fn spot(&self, byte: usize) -> Spot {
        let line = self.lines.partition_point(|&start| start <= byte).max(1);
        let before = self.text.as_bytes().get(self.lines[line - 1]..byte).unwrap_or_default();
        // A character starts at every byte that continues none.
        let column = before.iter().filter(|b| (**b as i8) >= -0x40).count() + 1;
        Spot { layer: Some(self.layer), line: line as u64, column: column as u64 }
    }
}

/// A file's text as a tree, and every fault of its syntax.
///
/// After a key that stands twice the tree is still whole, with the first of the two: what else is wrong can be reported beside it.
pub(super) fn parse_file(name: &str, text: &str, layer: usize) -> (Option<Table>, Vec<Fault>) {
    let places = Places::new(text, layer);
    let (root, errors) = DeTable::parse_recoverable(text);
    let is_whole = errors.iter().all(|error| error.message() == DUPLICATE);
    let faults = errors.iter().map(|error| syntax_fault(error, name, &places)).collect();
    (is_whole.then(|| table(root.get_ref(), &places)), faults)
}

fn syntax_fault(error: &toml::de::Error, name: &str, places: &Places) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let spot = places.spot(span.start);
    let byte = span.start as u64;
    let fault =
        Fault::new(Code::ConfigSyntax).because(error.message()).in_file(name).at(spot.line, spot.column).at_byte(byte);
    // Only of a key that stands twice is it known that the text at the place is no value.
    match places.text.get(span).filter(|_| error.message() == DUPLICATE) {
        Some(key) => fault.with("key", key).named(key),
        None => fault,
    }
}

/// `key=value` of a command line as a tree of one value; what is no TOML value is a text.
pub(super) fn parse_set(name: &str, text: &str, layer: usize) -> Result<Table, Fault> {
    let wrong = |detail: &str| Fault::new(Code::ConfigSyntax).because(detail).in_file(name);
    let (key, value) = text.split_once('=').ok_or_else(|| wrong("expected key=value"))?;
    if key.contains(['\n', '\r']) {
        return Err(wrong("line break in the key"));
    }
    let line = format!("{key} = 0");
    let mut root = DeTable::parse(&line).map_err(|error| wrong(error.message()))?.into_inner();
    let node = set_value(value, layer);
    let spot = node.spot;
    let mut path = Vec::new();
    while let Some((key, inner)) = root.into_iter().next() {
        path.push(key.into_inner().into_owned());
        root = match inner.into_inner() {
            DeValue::Table(table) => table,
            _ => DeTable::new(),
        };
    }
    let nested = path
        .into_iter()
        .rev()
        .fold(node, |node, key| Node::new(Value::Table(Table::from([(key, Entry { key: spot, node })])), spot));
    match nested.value {
        Value::Table(table) => Ok(table),
        _ => Err(wrong("expected key=value")),
    }
}

fn set_value(text: &str, layer: usize) -> Node {
    let spot = Spot { layer: Some(layer), line: 0, column: 0 };
    let mut node = match DeValue::parse(text.trim()) {
        Ok(parsed) => on_one_spot(value(parsed.get_ref(), &Places::new(text, layer)), spot),
        Err(_) => Node::new(Value::Text(text.to_owned()), spot),
    };
    node.raw = Some(text.to_owned());
    node
}

/// Places inside a command line's value mean nothing to anybody.
fn on_one_spot(value: Value, spot: Spot) -> Node {
    let value = match value {
        Value::List(list) => Value::List(list.into_iter().map(|node| on_one_spot(node.value, spot)).collect()),
        Value::Table(table) => {
            let entry =
                |(name, entry): (String, Entry)| (name, Entry { key: spot, node: on_one_spot(entry.node.value, spot) });
            Value::Table(table.into_iter().map(entry).collect())
        }
        scalar => scalar,
    };
    Node::new(value, spot)
}

/// A default out of the table of fields.
pub(super) fn parse_default(text: &str) -> Node {
    let parsed = DeValue::parse(text).expect("defaults are valid TOML: a test parses each");
    on_one_spot(value(parsed.get_ref(), &Places::new(text, 0)), Spot::NOWHERE)
}

fn table(table: &DeTable, places: &Places) -> Table {
    let entry = |(key, node): (&Spanned<_>, &Spanned<DeValue>)| {
        let key: &Spanned<std::borrow::Cow<str>> = key;
        (key.get_ref().to_string(), Entry { key: places.spot(key.span().start), node: node_of(node, places) })
    };
    table.iter().map(entry).collect()
}

fn node_of(node: &Spanned<DeValue>, places: &Places) -> Node {
    Node::new(value(node.get_ref(), places), places.spot(node.span().start))
}

fn value(value: &DeValue, places: &Places) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or(Value::Other("integer of more than 64 bits"), Value::Integer),
        DeValue::Float(digits) => digits.as_str().parse().map_or(Value::Other("number"), Value::Number),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(time) => date(time).map_or(Value::Other("datetime"), Value::Date),
        DeValue::Array(list) => Value::List(list.iter().map(|node| node_of(node, places)).collect()),
        DeValue::Table(inner) => Value::Table(table(inner, places)),
    }
}

fn date(time: &toml::value::Datetime) -> Option<Date> {
    let date = time.date.filter(|_| time.time.is_none() && time.offset.is_none())?;
    Date::from_ymd(i32::from(date.year), u32::from(date.month), u32::from(date.day))
}

/// Lays `over` on `base`: tables of files are merged key by key, everything else is replaced.
///
/// A table given as the value of `--set` replaces the whole table: there is no other way to empty one.
pub(super) fn merge(base: &mut Table, over: Table) {
    for (name, entry) in over {
        let merges = entry.node.as_table().is_some() && entry.node.raw.is_none();
        match base.get_mut(&name) {
            Some(Entry { node: Node { value: Value::Table(below), .. }, .. }) if merges => {
                if let Value::Table(above) = entry.node.value {
                    merge(below, above);
                }
            }
            _ => {
                base.insert(name, entry);
            }
        }
    }
}
