#![expect(clippy::float_cmp, reason = "the naive evaluator compares as expressions do")]

use osusume_model::{Family, FeatureKind, FeatureSpec, NullMeaning, Unit};
use proptest::prelude::*;

use super::*;

/// Columns `a`, `b`, `c` without a unit, `money`, `days`, and a category `town`.
fn specs() -> Vec<FeatureSpec> {
    let spec = |name: &str, unit, kind| FeatureSpec {
        name: name.to_owned(),
        family: Family::Money,
        source: "s".to_owned(),
        window: None,
        unit,
        null: NullMeaning::Unknown,
        kind,
        text_key: "",
        subject: String::new(),
    };
    let level = FeatureKind::Category(vec!["x".to_owned(), "北 区".to_owned()]);
    let numbers =
        [("a", Unit::Count), ("b", Unit::Native), ("c", Unit::Share), ("money", Unit::Minor), ("days", Unit::Days)];
    let mut all: Vec<FeatureSpec> = numbers.map(|(name, unit)| spec(name, unit, FeatureKind::Numeric)).to_vec();
    all.push(spec("town", Unit::Level, level));
    all
}

fn bound(text: &str) -> Result<Bound, Wrong> {
    bind(&parse(text)?, &specs())
}

const ROW: [f64; 6] = [6.0, 4.0, f64::NAN, 250.0, 30.0, 0.0];

fn value(text: &str) -> f64 {
    bound(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}")).value(&|column| ROW[column])
}

#[test]
fn operators_bind_as_in_school() {
    let expected = [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("a / b / 3", 0.5),
        ("-a + b", -2.0),
        ("- - a", 6.0),
        ("a > b and not b > a", 1.0),
        ("a < b or a == 6 and b != 4", 0.0),
        ("if(a >= 6, money / days, 0)", 250.0 / 30.0),
        ("min(a, b, 5) + max(a, 7)", 11.0),
        ("abs(b - a) + log1p(0)", 2.0),
        ("a>b", 1.0),
        ("0.5*a", 3.0),
        ("coalesce(c, a / 0, b)", 4.0),
        ("is_absent(c)", 1.0),
        ("is_absent(town)", 0.0),
        ("town == 'x'", 1.0),
        ("town != \"x\" or a > b", 1.0),
        ("'北 区' == town", 0.0),
        ("town != '北 区' and not town == '北 区'", 1.0),
    ];
    for (text, expected) in expected {
        assert!((value(text) - expected).abs() < 1e-12, "{text}: {}", value(text));
    }
}

#[test]
fn what_cannot_be_computed_is_absent() {
    for text in
        ["a / 0", "0 / 0", "a / (b - 4)", "c + 1", "log1p(-1)", "log1p(-a)", "min(a, c)", "-c", "not c > 1", "c == c"]
    {
        assert!(value(text).is_nan(), "{text}");
    }
    let large = format!("{}{}", "9".repeat(38), " * 100");
    assert!(value(&large).is_nan(), "above single precision");
    assert!(value("if(c > 0, 1, 2)").is_nan(), "neither true nor false");
    assert!(value("c > 0 and a > b").is_nan() && value("c > 0 or a < b").is_nan());
    assert_eq!((value("c > 0 and a < b").to_bits(), value("c > 0 or a > b").to_bits()), (0, 1.0_f64.to_bits()));
}

#[test]
fn units_follow_from_the_parts() {
    let unit = |text: &str| bound(text).unwrap().unit;
    assert_eq!(unit("money - 2 * money"), Unit::Minor);
    assert_eq!(unit("money / 100"), Unit::Minor);
    assert_eq!(unit("100 / money"), Unit::Ratio);
    assert_eq!(unit("money / days"), Unit::Ratio);
    assert_eq!(unit("days + 7"), Unit::Days);
    assert_eq!(unit("if(days > 7, days, 0)"), Unit::Days);
    assert_eq!(unit("a > b"), Unit::Flag);
}

#[test]
fn what_is_wrong_has_a_place() {
    let wrong = [
        ("", 1, "…"),
        ("a +", 4, "…"),
        ("a + * b", 5, "*"),
        ("(a + b", 7, "…"),
        ("a b", 3, "b"),
        ("a < b < c", 7, "<"),
        ("a = b", 3, "="),
        ("1.2.3", 1, "1.2.3"),
        ("if(a, b, c)", 4, "count"),
        ("if(a > b, c)", 1, "if(…, …)"),
        ("money + days", 9, "minor + days"),
        ("max(money, days)", 12, "max(… minor, days)"),
        ("a + (b > c)", 6, "a > b"),
        ("a and b", 1, "count"),
        ("town", 1, "category"),
        ("town + 1", 1, "category"),
        ("and", 1, "and"),
        ("日本 + 1", 1, "日本"),
        ("sum(a, b)", 1, "sum"),
        ("town == 'x", 9, "'x"),
        ("town == 'z'", 9, "z"),
        ("town > 'x'", 8, "> 'x'"),
        ("a == 'x'", 1, "count"),
        ("'x' == 'x'", 1, "'x'"),
        ("'x'", 1, "'x'"),
        ("town == 1", 1, "category"),
        ("max('x', a)", 5, "'x'"),
    ];
    for (text, at, got) in wrong {
        let wrong = bound(text).unwrap_err();
        assert_eq!((wrong.at, wrong.got.as_str()), (at, got), "{text}");
        assert!(!wrong.allowed.is_empty(), "{text}");
    }
    assert!(bound("town == 'y'").unwrap_err().is_name, "levels are names");
    assert!(bound("mony").unwrap_err().is_name && bound("mix(a, b)").unwrap_err().is_name);
}

#[test]
fn length_and_depth_have_a_limit() {
    let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(parse(&nested(64)).is_ok() && parse(&nested(65)).is_err());
    assert!(parse(&"-".repeat(999)).is_err() && parse(&"not ".repeat(200)).is_err());
    assert!(parse(&format!("a{}", "+a".repeat(499))).is_ok());
    assert!(parse(&format!("a{}", "+a".repeat(500))).is_err());
}

#[test]
fn what_must_be_a_condition_or_a_number() {
    let (condition, number) =
        (|text: &str| bind_condition(&parse(text)?, &specs()), |text: &str| bind_number(&parse(text)?, &specs()));
    let row = |column: usize| ROW[column];
    assert!(condition("town == 'x' and a > b").unwrap().holds(&row));
    // Unknown is not true, whichever way it is asked.
    for text in ["c > 0", "c <= 0", "not c > 0", "c > 0 and a > b"] {
        assert!(!condition(text).unwrap().holds(&row), "{text}");
    }
    assert_eq!(condition("a + 1").unwrap_err().at, 1);
    assert_eq!(number("days - 60").unwrap().value(&row), -30.0);
    assert_eq!(number("days > 60").unwrap_err().got, "a > b");
    let mut read = std::collections::BTreeSet::new();
    condition("if(a > 1, is_absent(c), days > 30 or -b < a)").unwrap().reads(&mut read);
    assert_eq!(read.into_iter().collect::<Vec<_>>(), [0, 1, 2, 4]);
}

/// An expression as the naive evaluator sees it.
#[derive(Clone, Debug)]
enum Naive {
    Number(u16),
    Column(usize),
    Arithmetic(char, Box<(Naive, Naive)>),
    Compared(&'static str, Box<(Naive, Naive)>),
    Logic(&'static str, Box<(Naive, Naive)>),
    Not(Box<Naive>),
    Negation(Box<Naive>),
    If(Box<(Naive, Naive, Naive)>),
    Call(&'static str, Vec<Naive>),
    IsAbsent(Box<Naive>),
}

impl Naive {
    fn text(&self) -> String {
        match self {
            Self::Number(n) => n.to_string(),
            Self::Column(at) => ["a", "b", "c"][*at].to_owned(),
            Self::Arithmetic(sign, parts) => format!("({} {sign} {})", parts.0.text(), parts.1.text()),
            Self::Compared(sign, parts) | Self::Logic(sign, parts) => {
                format!("({} {sign} {})", parts.0.text(), parts.1.text())
            }
            Self::Not(inner) => format!("(not {})", inner.text()),
            Self::Negation(inner) => format!("(-{})", inner.text()),
            Self::If(parts) => format!("if({}, {}, {})", parts.0.text(), parts.1.text(), parts.2.text()),
            Self::Call(name, parts) => {
                format!("{name}({})", parts.iter().map(Self::text).collect::<Vec<_>>().join(", "))
            }
            Self::IsAbsent(inner) => format!("is_absent({})", inner.text()),
        }
    }

    fn number(&self, row: [Option<f64>; 3]) -> Option<f64> {
        let x = match self {
            Self::Number(n) => f64::from(*n),
            Self::Column(at) => row[*at]?,
            Self::Arithmetic(sign, parts) => {
                let (x, y) = (parts.0.number(row)?, parts.1.number(row)?);
                match sign {
                    '+' => x + y,
                    '-' => x - y,
                    '*' => x * y,
                    _ if y == 0.0 => return None,
                    _ => x / y,
                }
            }
            Self::Negation(inner) => -inner.number(row)?,
            Self::If(parts) => (if parts.0.truth(row)? { &parts.1 } else { &parts.2 }).number(row)?,
            Self::Call("coalesce", parts) => parts.iter().find_map(|part| part.number(row))?,
            Self::Call(name, parts) => {
                let all = parts.iter().map(|part| part.number(row)).collect::<Option<Vec<f64>>>()?;
                let picked = all.iter().copied().reduce(if *name == "min" { f64::min } else { f64::max })?;
                if *name == "abs" { picked.abs() } else { picked }
            }
            _ => unreachable!("conditions are no numbers"),
        };
        Some(x).filter(|x| x.abs() <= f64::from(f32::MAX))
    }

    fn truth(&self, row: [Option<f64>; 3]) -> Option<bool> {
        match self {
            Self::Compared(sign, parts) => {
                let (x, y) = (parts.0.number(row)?, parts.1.number(row)?);
                Some(match *sign {
                    "<" => x < y,
                    "<=" => x <= y,
                    ">" => x > y,
                    ">=" => x >= y,
                    "==" => x == y,
                    _ => x != y,
                })
            }
            Self::Logic(sign, parts) => {
                let (x, y, decides) = (parts.0.truth(row), parts.1.truth(row), *sign == "or");
                if x == Some(decides) || y == Some(decides) { Some(decides) } else { x.and(y).map(|_| !decides) }
            }
            Self::Not(inner) => inner.truth(row).map(|is| !is),
            Self::IsAbsent(inner) => Some(inner.number(row).is_none()),
            _ => unreachable!("numbers are no conditions"),
        }
    }
}

fn numbers() -> BoxedStrategy<Naive> {
    let leaf = prop_oneof![(0..20_u16).prop_map(Naive::Number), (0..3_usize).prop_map(Naive::Column)];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = || (inner.clone(), inner.clone()).prop_map(Box::new);
        let condition = conditions(inner.clone());
        let signs = proptest::sample::select(vec!['+', '-', '*', '/']);
        prop_oneof![
            4 => (signs, pair()).prop_map(|(sign, parts)| Naive::Arithmetic(sign, parts)),
            1 => inner.clone().prop_map(|one| Naive::Negation(Box::new(one))),
            2 => (condition, inner.clone(), inner.clone()).prop_map(|parts| Naive::If(Box::new(parts))),
            1 => proptest::collection::vec(inner.clone(), 1..2).prop_map(|parts| Naive::Call("abs", parts)),
            2 => (proptest::sample::select(vec!["min", "max", "coalesce"]), proptest::collection::vec(inner, 2..4))
                .prop_map(|(name, parts)| Naive::Call(name, parts)),
        ]
    })
    .boxed()
}

fn conditions(number: BoxedStrategy<Naive>) -> BoxedStrategy<Naive> {
    let signs = proptest::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]);
    let compared = (signs, (number.clone(), number.clone())).prop_map(|(s, parts)| Naive::Compared(s, Box::new(parts)));
    let leaf = prop_oneof![3 => compared, 1 => number.prop_map(|one| Naive::IsAbsent(Box::new(one)))];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let words = proptest::sample::select(vec!["and", "or"]);
        prop_oneof![
            (words, (inner.clone(), inner.clone())).prop_map(|(word, parts)| Naive::Logic(word, Box::new(parts))),
            inner.prop_map(|one| Naive::Not(Box::new(one))),
        ]
    })
    .boxed()
}

/// Bits of the value, with one absence.
fn bits(x: Option<f64>) -> Option<u64> {
    x.map(|x| (x + 0.0).to_bits())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_the_naive_evaluator(
        tree in numbers(),
        row in [(); 3].map(|()| prop_oneof![1 => Just(None), 4 => (-40..40_i32).prop_map(|n| Some(f64::from(n) / 4.0))]),
    ) {
        let specs: Vec<FeatureSpec> = specs().into_iter().take(3).map(|spec| FeatureSpec { unit: Unit::Ratio, ..spec }).collect();
        let text = tree.text();
        prop_assume!(text.chars().count() <= MAX_LENGTH);
        let bound = bind(&parse(&text).unwrap(), &specs).unwrap();
        let got = bound.value(&|column| row[column].unwrap_or(f64::NAN));
        prop_assert_eq!(bits(Some(got).filter(|x| !x.is_nan())), bits(tree.number(row)), "{}", text);
    }

    #[test]
    fn no_text_is_too_strange(text in ".{0,60}") {
        let _ = bound(&text);
    }

    #[test]
    fn no_order_of_tokens_is_too_strange(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "a", "money", "days", "town", "1", "0.5", "(", ")", ",", "+", "-", "*", "/", "<", ">=", "==", "and", "or", "not",
            "if(", "min(", "coalesce(", "is_absent(", "log1p(", "9e9", "…",
        ]), 0..40),
        x in proptest::num::f64::ANY,
    ) {
        if let Ok(bound) = bound(&words.join(" ")) {
            let value = bound.value(&|_| x);
            prop_assert!(value.is_nan() || value.abs() <= f64::from(f32::MAX));
        }
    }
}
