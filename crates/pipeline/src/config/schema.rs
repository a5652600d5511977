//! The JSON Schema of the pipeline file, with which editors complete it.

use serde_json::{Map, Value, json};

use super::check::children;
use super::columns::columns_of;
use super::field::{Check, Default, Field, Kind, ListCheck};
use super::fields::ROLES;
use super::layer;
use super::words::Form;

/// The JSON Schema (draft 2020-12) of the pipeline file, ending with a line break.
pub fn schema() -> String {
    let mut root = table("");
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("osusume pipeline file"));
    let text = serde_json::to_string_pretty(&Value::Object(root)).expect("a JSON value can be written");
    text + "\n"
}

fn table(pattern: &str) -> Map<String, Value> {
    let properties: Map<String, Value> =
        children(pattern).map(|field| (field.name().to_owned(), property(field))).collect();
    let required: Vec<&str> =
        children(pattern).filter(|field| matches!(field.default, Default::Required)).map(Field::name).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    if pattern == "sources.*" {
        schema.insert("allOf".to_owned(), ROLES.iter().map(|role| columns_by_role(role)).collect());
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = match of_kind(field, field.kind) {
        Value::Object(schema) => schema,
        _ => Map::new(),
    };
    let description = match field.unit {
        "" => field.doc.to_owned(),
        unit => format!("{} Unit: {unit}.", field.doc),
    };
    schema.insert("description".to_owned(), json!(description));
    if let Default::Is(text) = field.default {
        schema.insert("default".to_owned(), plain(&layer::parse_default(text)));
    }
    schema.into()
}

fn of_kind(field: &Field, kind: Kind) -> Value {
    match kind {
        Kind::Text => text(field),
        Kind::Integer => numeric(field, "integer"),
        Kind::Number => numeric(field, "number"),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::AutoOr(inner) => json!({ "anyOf": [{ "const": "auto" }, of_kind(field, *inner)] }),
        Kind::OneOrMore(inner) => json!({ "anyOf": [of_kind(field, *inner), list(field, *inner)] }),
        Kind::List(inner) => list(field, *inner),
        Kind::Map(inner) => json!({ "type": "object", "additionalProperties": of_kind(field, *inner) }),
        Kind::Columns => json!({ "type": "object", "additionalProperties": text(field) }),
        Kind::Table => table(field.path).into(),
        Kind::TableOr(inner) => json!({ "anyOf": [Value::from(table(field.path)), list(field, *inner)] }),
        Kind::Named => json!({
            "type": "object",
            "propertyNames": text(field),
            "additionalProperties": Value::from(table(&format!("{}.*", field.path))),
        }),
        Kind::Tables => json!({ "type": "array", "items": Value::from(table(&format!("{}[]", field.path))) }),
    }
}

fn text(field: &Field) -> Value {
    let Check::Form(form) = field.check else { return json!({ "type": "string" }) };
    match form {
        Form::Some | Form::Zone => json!({ "type": "string", "minLength": 1 }),
        Form::Name => json!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$" }),
        Form::Identifier => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_]{0,63}$" }),
        Form::ColumnName => {
            json!({ "type": "string", "pattern": r"^([a-z0-9]|\{(days|level|rank)\})([a-z0-9_]|\{(days|level|rank)\})*$" })
        }
        Form::Currency => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        Form::Delimiter => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        Form::DateFormat => json!({ "type": "string", "pattern": "^%[Ymd][^%]*%[Ymd][^%]*%[Ymd][^%]*$" }),
        Form::Step => json!({ "type": "string", "pattern": "^[0-9]+ (day|week|month)s?$" }),
        Form::Size => json!({ "type": "string", "pattern": "^[0-9]+ ?(MiB|GiB)$" }),
    }
}

fn numeric(field: &Field, kind: &str) -> Value {
    match field.check {
        Check::Between(min, max) => json!({ "type": kind, "minimum": number(min), "maximum": number(max) }),
        Check::Above(min, max) => json!({ "type": kind, "exclusiveMinimum": number(min), "maximum": number(max) }),
        Check::Any | Check::Form(_) => json!({ "type": kind }),
    }
}

/// Whole bounds without a fraction.
fn number(x: f64) -> Value {
    if x.fract().abs() < f64::EPSILON { json!(x as i64) } else { json!(x) }
}

fn list(field: &Field, inner: Kind) -> Value {
    let mut schema = json!({ "type": "array", "items": of_kind(field, inner) });
    if field.list != ListCheck::Any {
        schema["uniqueItems"] = json!(true);
    }
    if matches!(field.list, ListCheck::SomeUnique | ListCheck::SomeIncreasing) {
        schema["minItems"] = json!(1);
    }
    schema
}

/// What a source of a role may and must name.
fn columns_by_role(role: &str) -> Value {
    let describe = |doc: &str| json!({ "type": "string", "minLength": 1, "description": doc });
    let properties: Map<String, Value> =
        columns_of(role).map(|column| (column.name.to_owned(), describe(column.doc))).collect();
    let required: Vec<&str> = columns_of(role).filter(|column| column.is_required).map(|column| column.name).collect();
    let unusable = children("sources.*").filter(|field| !field.roles.is_empty() && !field.roles.contains(&role));
    let mut then: Map<String, Value> = unusable.map(|field| (field.name().to_owned(), json!(false))).collect();
    then.insert(
        "columns".to_owned(),
        json!({ "additionalProperties": false, "properties": properties, "required": required }),
    );
    json!({ "if": { "properties": { "role": { "const": role } }, "required": ["role"] }, "then": { "properties": then } })
}

fn plain(node: &layer::Node) -> Value {
    match &node.value {
        layer::Value::Text(text) => json!(text),
        layer::Value::Integer(n) => json!(n),
        layer::Value::Number(x) => json!(x),
        layer::Value::Flag(flag) => json!(flag),
        layer::Value::Date(date) => json!(date.to_string()),
        layer::Value::Other(kind) => json!(kind),
        layer::Value::List(list) => list.iter().map(plain).collect(),
        layer::Value::Table(inner) => {
            inner.iter().map(|(name, entry)| (name.clone(), plain(&entry.node))).collect::<Map<_, _>>().into()
        }
    }
}
