//! A model as PMML 4.4: a regression over fields derived from the columns, as scoring engines of banks and insurers read it.
//!
//! Numbers are cut by `Discretize`, texts by `MapValues`, and either gives what its curve adds. The map of a pair is a `MapValues` over
//! the groups of both. Standardized numbers are nested `Apply`s. The sum of all is log-odds, which `normalizationMethod="logit"` turns
//! into the probability of the positive value. Derived fields of type float are rounded, as the scorer rounds numbers and design values.
//! Source: dmg.org, PMML 4.4.

use super::portable::{Curve, Cut, InputKind, Map, Names, Portable, Scaled, Shape};
use super::xml::{Element, escaped, number};
use super::{Source, Written};
use crate::run::TOOL_VERSION;

const NAMESPACE: &str = "http://www.dmg.org/PMML-4_4";

/// The document of a model with one output; `target` is the column predicted, its positive value and the other one.
///
/// # Errors
/// The first column whose name, or one of whose values, XML cannot hold: one with a control character.
pub(super) fn write(source: &Source, target: &[String; 3]) -> Result<Written, String> {
    let model = &source.portable;
    check_names(model, target)?;
    let mut document = Document { model, names: Names::new(model, &[&target[0]]), fields: Vec::new() };
    let propensity = document.names.give("propensity");
    let numbers: Vec<String> = (0..model.inputs.len()).map(|input| document.rounded(input)).collect();
    let mut summands = Vec::new();
    for (term, effects) in model.scaled.terms.iter().zip(&model.scaled.effects) {
        summands.push((document.scaled(term, &numbers[term.input]), effects[0]));
    }
    for (curve, effects) in model.curves.terms.iter().zip(&model.curves.effects) {
        let effects: Vec<String> = effects.iter().map(|effect| number(*effect)).collect();
        let looked_up = cut(curve, &numbers[curve.input], "double", &effects);
        summands.push((document.field("effect", curve.input, ["continuous", "double"], looked_up), 1.0));
    }
    for (map, effects) in model.maps.terms.iter().zip(&model.maps.effects) {
        summands.push((document.map(map, effects, &numbers), 1.0));
    }
    let regression = document.regression(target, &propensity, &summands);
    let extension = |(name, value): &(&str, String)| Element::new("Extension").with("name", name).with("value", value);
    let header = Element::new("Header")
        .with("description", &source.doc)
        .holding(source.properties.iter().map(extension))
        .and(Element::new("Application").with("name", "osusume").with("version", TOOL_VERSION));
    let root = Element::new("PMML")
        .with("xmlns", NAMESPACE)
        .with("version", "4.4")
        .and(header)
        .and(dictionary(source, target))
        .and(regression);
    Ok(Written { bytes: root.document()?.into_bytes(), outputs: vec![propensity] })
}

/// Values are told by their columns: a message repeats none.
fn check_names(model: &Portable, target: &[String; 3]) -> Result<(), String> {
    let check = |column: &String, texts: &[String]| {
        let is_written = escaped(column).is_ok() && texts.iter().all(|text| escaped(text).is_ok());
        if is_written { Ok(()) } else { Err(column.clone()) }
    };
    check(&target[0], &target[1..])?;
    model.inputs.iter().try_for_each(|input| check(&input.name, &[]))?;
    model.curves.terms.iter().try_for_each(|curve| match &curve.cut {
        Cut::Levels(levels) => check(&model.inputs[curve.input].name, levels),
        Cut::Edges(_) => Ok(()),
    })
}

fn dictionary(source: &Source, [target, positive, negative]: &[String; 3]) -> Element {
    let model = &source.portable;
    let data_field = |name: &str, types: [&str; 2]| {
        Element::new("DataField").with("name", name).with("optype", types[0]).with("dataType", types[1])
    };
    let value = |value: &str| Element::new("Value").with("value", value);
    let inputs = model.inputs.iter().map(|input| match input.kind {
        InputKind::Number => data_field(&input.name, ["continuous", "double"]),
        InputKind::Date => {
            data_field(&input.name, ["continuous", "double"]).with("displayName", "days since 1970-01-01")
        }
        InputKind::Category => {
            let missing = source.missing.iter().map(|text| value(text).with("property", "missing"));
            data_field(&input.name, ["categorical", "string"]).holding(missing)
        }
    });
    let predicted = data_field(target, ["categorical", "string"]).and(value(positive)).and(value(negative));
    let count = (model.inputs.len() + 1).to_string();
    Element::new("DataDictionary").with("numberOfFields", &count).holding(inputs).and(predicted)
}

struct Document<'a> {
    model: &'a Portable,
    names: Names<'a>,
    fields: Vec<Element>,
}

impl Document<'_> {
    /// A derived field for what is made of an input; returns its name.
    fn field(&mut self, word: &str, input: usize, types: [&str; 2], content: Element) -> String {
        let name = self.names.give(word);
        let field = Element::new("DerivedField").with("name", &name);
        let field = field.with("displayName", &self.model.inputs[input].name);
        self.fields.push(field.with("optype", types[0]).with("dataType", types[1]).and(content));
        name
    }

    /// The field to take of an input: of a number, the one rounded to f32.
    fn rounded(&mut self, input: usize) -> String {
        let Self { model, .. } = self;
        let given = &model.inputs[input];
        if given.kind == InputKind::Category {
            return given.name.clone();
        }
        self.field("number", input, ["continuous", "float"], field_ref(&given.name))
    }

    fn scaled(&mut self, term: &Scaled, value: &str) -> String {
        let clipped = apply("min", [apply("max", [field_ref(value), constant(term.low)]), constant(term.high)]);
        let shaped = match term.shape {
            Shape::Linear => clipped,
            Shape::Log1p => apply("ln", [apply("+", [clipped, constant(1.0)])]),
        };
        let centered = apply("-", [shaped, constant(term.mean)]);
        let standard = apply("/", [centered, constant(term.scale)]);
        // Minima and maxima pass over missing values instead of being missing themselves.
        let known = unless_missing(value, constant(0.0), standard);
        self.field("standard", term.input, ["continuous", "float"], known)
    }

    fn map(&mut self, map: &Map, effects: &[f64], numbers: &[String]) -> String {
        let curves = map.curves.map(|curve| &self.model.curves.terms[curve]);
        let sides = [0, 1].map(|side| {
            let curve = curves[side];
            let groups: Vec<String> = map.groups[side].iter().map(usize::to_string).collect();
            let looked_up = cut(curve, &numbers[curve.input], "string", &groups);
            self.field("group", curve.input, ["categorical", "string"], looked_up)
        });
        let cells = effects.iter().enumerate().map(|(cell, effect)| {
            let [first, second] = [(cell / map.n[1]).to_string(), (cell % map.n[1]).to_string()];
            row([("first", &first), ("second", &second), ("to", &number(*effect))])
        });
        // A group that nothing is known of has no row.
        let values = Element::new("MapValues")
            .with("outputColumn", "to")
            .with("defaultValue", "0")
            .with("mapMissingTo", "0")
            .and(pair_of(&sides[0], "first"))
            .and(pair_of(&sides[1], "second"))
            .and(Element::new("InlineTable").holding(cells));
        self.field("effect", curves[0].input, ["continuous", "double"], values)
    }

    fn regression(self, target: &[String; 3], propensity: &str, summands: &[(String, f64)]) -> Element {
        let [target, positive, negative] = target;
        let mining = |name: &str| Element::new("MiningField").with("name", name);
        let inputs = self.model.inputs.iter().map(|input| mining(&input.name).with("invalidValueTreatment", "asIs"));
        let schema = Element::new("MiningSchema").and(mining(target).with("usageType", "target")).holding(inputs);
        let output = Element::new("OutputField")
            .with("name", propensity)
            .with("optype", "continuous")
            .with("dataType", "double")
            .with("feature", "probability")
            .with("value", positive);
        let table = |intercept: f64, category: &str| {
            Element::new("RegressionTable").with("intercept", &number(intercept)).with("targetCategory", category)
        };
        let predictors = summands.iter().map(|(name, coefficient)| {
            Element::new("NumericPredictor").with("name", name).with("coefficient", &number(*coefficient))
        });
        Element::new("RegressionModel")
            .with("modelName", "osusume")
            .with("functionName", "classification")
            .with("normalizationMethod", "logit")
            .and(schema)
            .and(Element::new("Output").and(output))
            .and(Element::new("LocalTransformations").holding(self.fields))
            .and(table(self.model.intercepts[0], positive).holding(predictors))
            .and(table(0.0, negative))
    }
}

/// What each code of a curve stands for, as an expression of a type.
fn cut(curve: &Curve, value: &str, data_type: &str, by_code: &[String]) -> Element {
    let missing = &by_code[by_code.len() - 1];
    match &curve.cut {
        // Some engines pass over the `mapMissingTo` of `Discretize`.
        Cut::Edges(edges) => {
            let text = |text: &str| Element::new("Constant").with("dataType", data_type).holding_text(text);
            let is_one = by_code[..=edges.len()].windows(2).all(|pair| pair[0] == pair[1]);
            let known = if is_one { text(&by_code[0]) } else { discretize(edges, value, by_code) };
            unless_missing(value, text(missing), known)
        }
        Cut::Levels(levels) => {
            let rows = levels.iter().zip(by_code).map(|(level, to)| row([("level", level), ("to", to)]));
            Element::new("MapValues")
                .with("outputColumn", "to")
                .with("defaultValue", &by_code[levels.len()])
                .with("mapMissingTo", missing)
                .and(pair_of(value, "level"))
                .and(Element::new("InlineTable").holding(rows))
        }
    }
}

/// Bins by their edges, neighbors of one value joined.
fn discretize(edges: &[f64], value: &str, by_code: &[String]) -> Element {
    let mut bins = Vec::new();
    let mut from = None;
    for (code, to) in by_code[..=edges.len()].iter().enumerate() {
        let next = by_code[..=edges.len()].get(code + 1);
        if next == Some(to) {
            continue;
        }
        let margin = |interval: Element, name: &'static str, edge: Option<&f64>| match edge {
            Some(edge) => interval.with(name, &number(*edge)),
            None => interval,
        };
        let until = edges.get(code);
        let closure = if until.is_some() { "openClosed" } else { "openOpen" };
        let interval = margin(Element::new("Interval").with("closure", closure), "leftMargin", from);
        bins.push(Element::new("DiscretizeBin").with("binValue", to).and(margin(interval, "rightMargin", until)));
        from = until;
    }
    Element::new("Discretize").with("field", value).holding(bins)
}

fn field_ref(name: &str) -> Element {
    Element::new("FieldRef").with("field", name)
}

fn constant(value: f64) -> Element {
    Element::new("Constant").with("dataType", "double").holding_text(&number(value))
}

fn apply<const N: usize>(function: &str, arguments: [Element; N]) -> Element {
    Element::new("Apply").with("function", function).holding(arguments)
}

fn unless_missing(value: &str, missing: Element, known: Element) -> Element {
    apply("if", [apply("isMissing", [field_ref(value)]), missing, known])
}

fn pair_of(field: &str, column: &str) -> Element {
    Element::new("FieldColumnPair").with("field", field).with("column", column)
}

fn row<const N: usize>(cells: [(&'static str, &str); N]) -> Element {
    Element::new("row").holding(cells.map(|(name, text)| Element::new(name).holding_text(text)))
}
