//! The schema must say what the checks say: a validator for the few words of JSON Schema it uses.

use serde_json::{Map, Value, json};

use super::{GROCER, ISP, LEAST, schema};

fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(n) => json!(n),
        toml::Value::Float(x) => json!(x),
        toml::Value::Boolean(flag) => json!(flag),
        // Editors hold a date against the schema as the text it is written as.
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(list) => list.iter().map(to_json).collect(),
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect::<Map<_, _>>().into()
        }
    }
}

fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        _ => panic!("unknown type {kind}"),
    }
}

fn accepts(schema: &Value, value: &Value) -> bool {
    let Value::Object(words) = schema else { return schema == &json!(true) };
    words.iter().all(|(word, rule)| word_accepts(words, word, rule, value))
}

fn word_accepts(schema: &Map<String, Value>, word: &str, rule: &Value, value: &Value) -> bool {
    let list = |rule: &Value| rule.as_array().cloned().unwrap_or_default();
    let number = || (value.as_f64().unwrap_or(0.0), rule.as_f64().unwrap_or(0.0));
    let items = value.as_array().cloned().unwrap_or_default();
    let entries = value.as_object().cloned().unwrap_or_default();
    match word {
        "type" => has_type(value, rule.as_str().unwrap()),
        "enum" => list(rule).contains(value),
        "const" => rule == value,
        "anyOf" => list(rule).iter().any(|inner| accepts(inner, value)),
        "allOf" => list(rule).iter().all(|inner| accepts(inner, value)),
        "if" => !accepts(rule, value) || accepts(&schema["then"], value),
        "minimum" => number().0 >= number().1,
        "exclusiveMinimum" => number().0 > number().1,
        "maximum" => number().0 <= number().1,
        "minLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 >= number().1),
        "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as f64 <= number().1),
        "minItems" => !value.is_array() || items.len() as f64 >= number().1,
        "uniqueItems" => items.iter().enumerate().all(|(i, item)| !items[..i].contains(item)),
        "items" => items.iter().all(|item| accepts(rule, item)),
        "required" => list(rule).iter().all(|key| entries.contains_key(key.as_str().unwrap())),
        "properties" => entries.iter().all(|(key, inner)| rule.get(key).is_none_or(|rule| accepts(rule, inner))),
        "additionalProperties" => {
            let known = |key: &String| schema.get("properties").is_some_and(|known| known.get(key).is_some());
            entries.iter().all(|(key, inner)| known(key) || accepts(rule, inner))
        }
        // Forms of texts are left to the checks, and the rest only explains.
        "pattern" | "format" | "propertyNames" | "then" | "$schema" | "title" | "description" | "default" => true,
        _ => panic!("the schema uses {word}, which this validator does not know"),
    }
}

#[test]
fn the_schema_accepts_our_pipelines_and_refuses_broken_ones() {
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    let check = |text: &str| accepts(&schema, &to_json(&toml::Value::Table(text.parse().unwrap())));
    for text in [ISP, GROCER, LEAST] {
        assert!(check(text), "{text}");
    }
    for (from, to) in [
        ("customer = \"id\" }", "costumer = \"id\" }"),
        ("role = \"customers\"", "role = \"customer\""),
        ("purpose = \"tests\"", ""),
        ("path = \"people.csv\"", "path = 3"),
        ("path = \"held.csv\"", "path = \"held.csv\"\ncomplete = true"),
        ("[offers]", "[train]\nfolds = 1\n[offers]"),
        ("[offers]", "[train]\npenalty = 0\n[offers]"),
        ("[offers]", "[mine]\n[offers]"),
    ] {
        assert!(!check(&LEAST.replace(from, to)), "{to}");
    }
}
