//! Eight digits of every fraction: more say nothing, and so few come back from JSON as the same bits.

use serde_json::Value;

use crate::Numbers;

/// The same numbers with every fraction rounded; whole numbers stay.
pub(crate) fn rounded(numbers: &Numbers) -> Numbers {
    let mut value = serde_json::to_value(numbers).expect("numbers and texts always become JSON");
    walk(&mut value);
    serde_json::from_value(value).expect("every fraction is finite, as the documentation of `Numbers` asks")
}

fn walk(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let exact = number.as_f64().unwrap_or_default();
            let short = format!("{exact:.7e}").parse::<f64>().unwrap_or(exact);
            *value = Value::from(short);
        }
        Value::Array(items) => items.iter_mut().for_each(walk),
        Value::Object(fields) => fields.values_mut().for_each(walk),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_have_eight_digits_and_survive_json() {
        for exact in [1.0 / 3.0, 0.018_575_851_393_188_857, 2.0 / 3.0e7, 123_456.789_012_34, 1.0, 0.0] {
            let mut value = Value::from(exact);
            walk(&mut value);
            let short = value.as_f64().unwrap();
            assert!((short - exact).abs() <= exact.abs() * 1e-7, "{exact} {short}");
            let again: f64 = serde_json::from_str(&value.to_string()).unwrap();
            assert_eq!(again.to_bits(), short.to_bits());
        }
        let mut value = Value::from(227_217);
        walk(&mut value);
        assert_eq!(value, Value::from(227_217));
    }
}
