//! A model as an ONNX graph: one input a column, log-odds and propensities out, everything between in double precision.
//!
//! A number is rounded to f32 first, as the scorer does. Its code is how many edges it is above; a text's is what a `LabelEncoder` says;
//! effects are gathered from tables by code. Standardized numbers go through one matrix product. Operators are those of opset 17 and
//! ai.onnx.ml 3, which runtimes have had since 2022. Source: onnx.ai, `onnx.proto` and Operators.

use super::portable::{Curve, Cut, Input, InputKind, Map, Names, Portable, Shape};
use super::protobuf::Message;
use super::{Source, Written};
use crate::run::TOOL_VERSION;

/// Version of the file format that came with the opset.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 17;
const ML_OPSET: i64 = 3;
/// The domain of operators of classic machine learning.
const ML: &str = "ai.onnx.ml";

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const INT64: i64 = 7;
const STRING: i64 = 8;
const DOUBLE: i64 = 11;

/// The file of a model. Outputs have one axis where there is one column to predict, and two where there are offers.
pub(super) fn write(source: &Source) -> Written {
    let model = &source.portable;
    let mut names = Names::new(model, &[]);
    let (propensity, log_odds) = (names.give("propensity"), names.give("log_odds"));
    let graph = Graph { model, missing: source.missing, names, nodes: Vec::new(), constants: Vec::new() };
    let graph = graph.written(&propensity, &log_odds, source.target.is_some());
    let property = |(key, value): &(&str, String)| Message::default().text(1, key).text(2, value);
    let opset = |domain: &str, version: i64| Message::default().text(1, domain).int(2, version);
    let file = Message::default()
        .int(1, IR_VERSION)
        .text(2, "osusume")
        .text(3, TOOL_VERSION)
        .text(6, &source.doc)
        .message(7, &graph)
        .message(8, &opset("", OPSET))
        .message(8, &opset(ML, ML_OPSET))
        .all(&source.properties, |file, entry| file.message(14, &property(entry)));
    Written { bytes: file.into_bytes(), outputs: vec![propensity, log_odds] }
}

/// A graph being built. Values are known by name.
struct Graph<'a> {
    model: &'a Portable,
    missing: &'a [&'a str],
    names: Names<'a>,
    nodes: Vec<Message>,
    constants: Vec<Message>,
}

/// An attribute of a node.
enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
    Texts(&'a str, &'a [&'a str]),
}

impl Attribute<'_> {
    /// `AttributeProto`: name 1, i 3, ints 8, strings 9, type 20.
    fn message(&self) -> Message {
        let named = |name: &str| Message::default().text(1, name);
        match self {
            Self::Int(name, value) => named(name).int(3, *value).int(20, 2),
            Self::Ints(name, values) => named(name).all(*values, |m, value| m.int(8, *value)).int(20, 7),
            Self::Texts(name, values) => named(name).all(*values, |m, value| m.text(9, value)).int(20, 8),
        }
    }
}

/// A number's value in double precision, one axis, and whether it is missing.
struct Number {
    value: String,
    is_missing: String,
}

impl Graph<'_> {
    fn written(mut self, propensity: &str, log_odds: &str, is_single: bool) -> Message {
        let numbers: Vec<Option<Number>> = self.model.inputs.iter().map(|input| self.number(input)).collect();
        let codes: Vec<String> = self.model.curves.terms.iter().map(|curve| self.code(curve, &numbers)).collect();
        let mut parts = vec![self.doubles(&[self.model.outputs()], &self.model.intercepts)];
        parts.extend(self.products(&numbers));
        parts.extend(self.lookups(&codes));
        let sum = self.node("Sum", &parts.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let end = if is_single { self.reshaped(&sum, &[-1]) } else { sum };
        self.node_as("Identity", &[&end], log_odds);
        self.sigmoid(log_odds, propensity);
        let outputs =
            [(propensity, "calibrated probability: 1 / (1 + exp(-log_odds))"), (log_odds, "calibrated log-odds")];
        let axes = if is_single { vec![None] } else { vec![None, Some(self.model.outputs() as i64)] };
        Message::default()
            .all(&self.nodes, |graph, node| graph.message(1, node))
            .text(2, "osusume")
            .all(&self.constants, |graph, constant| graph.message(5, constant))
            .all(&self.model.inputs, |graph, input| graph.message(11, &declared_input(input)))
            .all(outputs, |graph, (name, doc)| graph.message(12, &declared(name, DOUBLE, &axes, doc)))
    }

    /// Numbers are rounded to f32 as the scorer rounds them.
    fn number(&mut self, input: &Input) -> Option<Number> {
        if input.kind == InputKind::Category {
            return None;
        }
        let flat = self.reshaped(&input.name, &[-1]);
        let rounded = self.node("Cast", &[&flat], &[Attribute::Int("to", FLOAT)]);
        let value = self.node("Cast", &[&rounded], &[Attribute::Int("to", DOUBLE)]);
        let is_missing = self.node("IsNaN", &[&value], &[]);
        Some(Number { value, is_missing })
    }

    /// The code of every row in a curve.
    fn code(&mut self, curve: &Curve, numbers: &[Option<Number>]) -> String {
        match (&curve.cut, &numbers[curve.input]) {
            (Cut::Edges(edges), Some(number)) => self.bin(number, edges),
            (cut, _) => self.level(&self.model.inputs[curve.input].name, cut),
        }
    }

    fn bin(&mut self, number: &Number, edges: &[f64]) -> String {
        if edges.is_empty() {
            return self.node("Cast", &[&number.is_missing], &[Attribute::Int("to", INT64)]);
        }
        let missing = self.ints(&[], &[edges.len() as i64 + 1]);
        let axis = self.ints(&[1], &[1]);
        let column = self.node("Unsqueeze", &[&number.value, &axis], &[]);
        let edges = self.doubles(&[edges.len()], edges);
        let is_above = self.node("Greater", &[&column, &edges], &[]);
        let above = self.node("Cast", &[&is_above], &[Attribute::Int("to", INT64)]);
        let bin = self.node("ReduceSum", &[&above, &axis], &[Attribute::Int("keepdims", 0)]);
        self.node("Where", &[&number.is_missing, &missing, &bin], &[])
    }

    fn level(&mut self, input: &str, cut: &Cut) -> String {
        let levels: &[String] = if let Cut::Levels(levels) = cut { levels } else { &[] };
        let (other, missing) = (levels.len() as i64, levels.len() as i64 + 1);
        let is_level = |text: &str| levels.iter().any(|level| level == text);
        let absent = self.missing.iter().copied().filter(|text| !is_level(text));
        let texts: Vec<&str> = levels.iter().map(String::as_str).chain(absent).collect();
        let codes: Vec<i64> = (0..texts.len() as i64).map(|code| if code < other { code } else { missing }).collect();
        let attributes = [
            Attribute::Texts("keys_strings", &texts),
            Attribute::Ints("values_int64s", &codes),
            Attribute::Int("default_int64", other),
        ];
        let code = self.node_in(ML, "LabelEncoder", &[input], &attributes);
        self.reshaped(&code, &[-1])
    }

    /// What standardized numbers add: a matrix of them times their effects.
    fn products(&mut self, numbers: &[Option<Number>]) -> Vec<String> {
        let scaled = &self.model.scaled;
        let mut order: Vec<usize> = (0..scaled.terms.len()).collect();
        order.sort_by_key(|at| scaled.terms[*at].shape == Shape::Log1p);
        let split = order.iter().filter(|at| scaled.terms[**at].shape == Shape::Linear).count();
        let (linear, log1p) = order.split_at(split);
        let mut shaped = Vec::new();
        for (terms, shape) in [(linear, Shape::Linear), (log1p, Shape::Log1p)] {
            if let Some(matrix) = self.clipped(terms, numbers) {
                shaped.push(if shape == Shape::Log1p { self.log1p(&matrix) } else { matrix });
            }
        }
        if shaped.is_empty() {
            return Vec::new();
        }
        let each = |of: &dyn Fn(usize) -> f64| order.iter().map(|at| of(*at)).collect::<Vec<f64>>();
        let matrix = self.joined(&shaped);
        let mean = self.doubles(&[order.len()], &each(&|at| scaled.terms[at].mean));
        let scale = self.doubles(&[order.len()], &each(&|at| scaled.terms[at].scale));
        let effects: Vec<f64> = order.iter().flat_map(|at| scaled.effects[*at].iter().copied()).collect();
        let effects = self.doubles(&[order.len(), self.model.outputs()], &effects);
        let centered = self.node("Sub", &[&matrix, &mean], &[]);
        let standard = self.node("Div", &[&centered, &scale], &[]);
        let rounded = self.node("Cast", &[&standard], &[Attribute::Int("to", FLOAT)]);
        let cells = self.node("Cast", &[&rounded], &[Attribute::Int("to", DOUBLE)]);
        let is_missing = self.node("IsNaN", &[&cells], &[]);
        let zero = self.doubles(&[], &[0.0]);
        let known = self.node("Where", &[&is_missing, &zero, &cells], &[]);
        vec![self.node("MatMul", &[&known, &effects], &[])]
    }

    /// The numbers of some terms side by side, each between its clips; NaN stays.
    fn clipped(&mut self, terms: &[usize], numbers: &[Option<Number>]) -> Option<String> {
        let of = |at: &usize| &self.model.scaled.terms[*at];
        let (low, high): (Vec<f64>, Vec<f64>) = terms.iter().map(|at| (of(at).low, of(at).high)).unzip();
        let values: Vec<&Number> = terms.iter().filter_map(|at| numbers[of(at).input].as_ref()).collect();
        if values.is_empty() {
            return None;
        }
        let axis = self.ints(&[1], &[1]);
        let columns: Vec<String> =
            values.iter().map(|number| self.node("Unsqueeze", &[&number.value, &axis], &[])).collect();
        let matrix = self.joined(&columns);
        let (low, high) = (self.doubles(&[low.len()], &low), self.doubles(&[high.len()], &high));
        // Comparisons say the same of NaN everywhere; minima and maxima do not.
        let is_low = self.node("Less", &[&matrix, &low], &[]);
        let raised = self.node("Where", &[&is_low, &low, &matrix], &[]);
        let is_high = self.node("Greater", &[&raised, &high], &[]);
        Some(self.node("Where", &[&is_high, &high, &raised], &[]))
    }

    fn log1p(&mut self, matrix: &str) -> String {
        let one = self.doubles(&[], &[1.0]);
        let more = self.node("Add", &[matrix, &one], &[]);
        self.node("Log", &[&more], &[])
    }

    /// What curves and maps add.
    fn lookups(&mut self, codes: &[String]) -> Vec<String> {
        let (model, outputs) = (self.model, self.model.outputs());
        let mut parts = Vec::new();
        for (code, effects) in codes.iter().zip(&model.curves.effects) {
            let table = self.doubles(&[effects.len() / outputs, outputs], effects);
            parts.push(self.node("Gather", &[&table, code], &[]));
        }
        for (map, effects) in model.maps.terms.iter().zip(&model.maps.effects) {
            parts.push(self.map(map, effects, codes));
        }
        parts
    }

    /// Groups that nothing is known of have a row and a column of zeros.
    fn map(&mut self, map: &Map, effects: &[f64], codes: &[String]) -> String {
        let outputs = self.model.outputs();
        let [n_first, n_second] = map.n;
        let stride = n_second + 1;
        let mut table = vec![0.0; (n_first + 1) * stride * outputs];
        for (first, row) in effects.chunks(n_second * outputs).enumerate() {
            table[first * stride * outputs..][..row.len()].copy_from_slice(row);
        }
        let rows: Vec<i64> = map.groups[0].iter().map(|group| (group * stride) as i64).collect();
        let columns: Vec<i64> = map.groups[1].iter().map(|group| *group as i64).collect();
        let (rows, columns) = (self.ints(&[rows.len()], &rows), self.ints(&[columns.len()], &columns));
        let row = self.node("Gather", &[&rows, &codes[map.curves[0]]], &[]);
        let column = self.node("Gather", &[&columns, &codes[map.curves[1]]], &[]);
        let cell = self.node("Add", &[&row, &column], &[]);
        let table = self.doubles(&[(n_first + 1) * stride, outputs], &table);
        self.node("Gather", &[&table, &cell], &[])
    }

    /// 1 / (1 + exp(−x)), which keeps the digits of small propensities.
    fn sigmoid(&mut self, x: &str, out: &str) {
        let one = self.doubles(&[], &[1.0]);
        let minus = self.node("Neg", &[x], &[]);
        let odds_against = self.node("Exp", &[&minus], &[]);
        let sum = self.node("Add", &[&odds_against, &one], &[]);
        self.node_as("Div", &[&one, &sum], out);
    }

    fn joined(&mut self, columns: &[String]) -> String {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.node("Concat", &columns, &[Attribute::Int("axis", 1)])
    }

    fn reshaped(&mut self, value: &str, shape: &[i64]) -> String {
        let shape = self.ints(&[shape.len()], shape);
        self.node("Reshape", &[value, &shape], &[])
    }

    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        self.node_in("", operator, inputs, attributes)
    }

    fn node_in(&mut self, domain: &str, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let output = self.names.give(&operator.to_lowercase());
        self.push_node(domain, operator, inputs, &output, attributes);
        output
    }

    fn node_as(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.push_node("", operator, inputs, output, &[]);
    }

    /// `NodeProto`: inputs 1, outputs 2, name 3, operator 4, attributes 5, domain 7.
    fn push_node(&mut self, domain: &str, operator: &str, inputs: &[&str], output: &str, attributes: &[Attribute<'_>]) {
        let node = Message::default()
            .all(inputs, |node, input| node.text(1, input))
            .text(2, output)
            .text(3, output)
            .text(4, operator)
            .all(attributes, |node, attribute| node.message(5, &attribute.message()));
        self.nodes.push(if domain.is_empty() { node } else { node.text(7, domain) });
    }

    fn doubles(&mut self, shape: &[usize], values: &[f64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DOUBLE, shape, &raw)
    }

    fn ints(&mut self, shape: &[usize], values: &[i64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(INT64, shape, &raw)
    }

    /// `TensorProto`: dims 1, data type 2, name 8, raw data 9.
    fn constant(&mut self, data_type: i64, shape: &[usize], raw: &[u8]) -> String {
        let name = self.names.give("constant");
        let constant = Message::default().all(shape, |tensor, dim| tensor.int(1, *dim as i64)).int(2, data_type);
        self.constants.push(constant.text(8, &name).bytes(9, raw));
        name
    }
}

fn declared_input(input: &Input) -> Message {
    let (data_type, doc) = match input.kind {
        InputKind::Number => (DOUBLE, "number; NaN is missing"),
        InputKind::Date => (DOUBLE, "days since 1970-01-01; NaN is missing"),
        InputKind::Category => (STRING, "text without blanks at its ends; the empty one is missing"),
    };
    declared(&input.name, data_type, &[None, Some(1)], doc)
}

/// `ValueInfoProto`: name 1, type 2, doc 3; in the type, tensor 1 with element type 1 and shape 2, whose axes are 1 with a size 1 or a
/// name 2.
fn declared(name: &str, data_type: i64, axes: &[Option<i64>], doc: &str) -> Message {
    let axis = |size: &Option<i64>| match size {
        Some(size) => Message::default().int(1, *size),
        None => Message::default().text(2, "rows"),
    };
    let shape = Message::default().all(axes, |shape, size| shape.message(1, &axis(size)));
    let tensor = Message::default().int(1, data_type).message(2, &shape);
    let of_type = Message::default().message(1, &tensor);
    Message::default().text(1, name).message(2, &of_type).text(3, doc)
}
