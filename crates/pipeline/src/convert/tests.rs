//! Converted models, read back by readers that share nothing with the writers, against the kernels that score.

mod reader;

use std::collections::BTreeSet;

use osusume_propensity::encoder::RawColumns;

use self::reader::{Cell, Onnx};
use super::portable::Names;
use super::*;
use crate::additive::AdditiveFile;
use crate::linear::{LinearFile, RawFeature};

/// Names that no format may choke on; the last two are names the writer would like to use itself.
const NAMES: [&str; 4] = ["a<b&\"c\", é 列\t", "kind's", "propensity", "constant"];

fn levels() -> Vec<String> {
    ["<1 & \"x\"", "青, b", "c"].map(str::to_owned).to_vec()
}

fn inputs() -> Vec<Input> {
    let kinds = [InputKind::Number, InputKind::Category, InputKind::Number, InputKind::Date];
    NAMES.iter().zip(kinds).map(|(name, kind)| Input { name: (*name).to_owned(), kind }).collect()
}

fn features(levels: &[String]) -> Vec<RawFeature<'_>> {
    let feature = |(at, &name): (usize, &&'static str)| RawFeature { name, levels: (at == 1).then_some(levels) };
    NAMES.iter().enumerate().map(feature).collect()
}

fn linear() -> LinearFile {
    let column = |feature: usize, transform: &str, clips: Option<[f64; 2]>, levels: &[&str], beta: f64| {
        let mut column = serde_json::json!({
            "feature": NAMES[feature], "transform": transform, "mean": 0.3, "scale": 1.7, "beta": beta,
        });
        if let Some([low, high]) = clips {
            column["low"] = low.into();
            column["high"] = high.into();
        }
        if !levels.is_empty() {
            column["levels"] = levels.into();
        }
        column
    };
    let [one, two, _] = ["<1 & \"x\"", "青, b", "c"];
    let file = serde_json::json!({
        "lambda": 0.01, "iterations": 3, "max_gradient": 1e-9, "converged": true, "intercept": -1.25,
        "calibration_slope": 0.9, "calibration_intercept": 0.1,
        "columns": [
            column(0, "linear", Some([-2.5, 40.25]), &[], 0.7),
            column(0, "log1p", Some([0.0, 40.25]), &[], -0.4),
            column(0, "absent", None, &[], 0.2),
            column(1, "level", None, &[one], 1.1),
            column(1, "other_than", None, &[one, two], -0.6),
            column(1, "absent", None, &[], 0.35),
            column(2, "linear", Some([0.1, 0.3]), &[], 3.0),
            column(3, "absent", None, &[], -0.8),
        ],
    });
    serde_json::from_value(file).unwrap()
}

fn additive() -> AdditiveFile {
    let curve = |feature: usize, cut: (&str, serde_json::Value), effects: &[f64]| {
        let mut curve = serde_json::json!({
            "feature": NAMES[feature], "effects": effects, "shares": vec![0.25; effects.len()],
        });
        curve[cut.0] = cut.1;
        curve
    };
    let file = serde_json::json!({
        "iterations": 3, "max_gradient": 1e-9, "effective_dof": 4.0, "intercept": -1.5,
        "calibration_slope": 1.1, "calibration_intercept": -0.05,
        "curves": [
            curve(0, ("edges", serde_json::json!([-1.0, 0.1, 20_000_001.0])), &[-0.5, 0.25, 0.125, 0.7, -0.3]),
            curve(1, ("levels", serde_json::json!(["<1 & \"x\"", "青, b"])), &[0.4, -0.2, 0.9, 0.05]),
            curve(3, ("edges", serde_json::json!([])), &[0.0, 0.6]),
        ],
        "maps": [{
            "features": [NAMES[0], NAMES[1]],
            "sides": [
                { "group": [0, 0, 1, 1, 2], "groups": 2, "ordered": 2 },
                { "group": [1, 0, 2, 3], "groups": 3, "ordered": 0 },
            ],
            "effects": [[0.01, 0.02, 0.04], [-0.08, 0.16, -0.32]],
        }],
    });
    serde_json::from_value(file).unwrap()
}

/// Rows as they stand in files, and as kernels take them: on edges, beside them by less than an f32 tells, beyond clips, missing, new.
fn rows() -> Vec<([Cell; 4], [f32; 4])> {
    let numbers = [-3.0, -1.0, 0.0, 0.1, 0.100_000_001, 7.5, 20_000_001.0, 20_000_002.0, 1e300, f64::NAN];
    let texts = [("<1 & \"x\"", 0.0), ("青, b", 1.0), ("c", 2.0), ("new", 3.0), ("", f32::NAN), ("N/A", f32::NAN)];
    let others = [0.2, 0.300_000_01, f64::NAN];
    let mut rows = Vec::new();
    for number in numbers {
        for (text, code) in texts {
            for other in others {
                let day = if other > 0.25 { f64::NAN } else { 20_000.0 };
                let cells = [Cell::Number(number), Cell::Text(text.to_owned()), Cell::Number(other), Cell::Number(day)];
                rows.push((cells, [number as f32, code, other as f32, day as f32]));
            }
        }
    }
    rows
}

fn linear_log_odds(file: &LinearFile, row: &[f32; 4]) -> f64 {
    let levels = levels();
    let model = file.read(&features(&levels)).unwrap();
    let columns = row.each_ref().map(std::slice::from_ref);
    let raw = RawColumns { n_rows: 1, columns: &columns, kinds: &model.encoder.kinds };
    let mut x = vec![0.0; model.encoder.n_cols()];
    model.encoder.encode_block(&raw, &mut x).unwrap();
    let eta: f64 = x.iter().zip(&model.beta).map(|(x, beta)| f64::from(*x) * beta).sum();
    model.calibrator.log_odds(model.intercept + eta)
}

fn additive_log_odds(file: &AdditiveFile, row: &[f32; 4]) -> f64 {
    let levels = levels();
    let model = file.read(&features(&levels)).unwrap();
    let codes: Vec<u8> = model.bins.features.iter().map(|bins| bins.code(row[bins.raw as usize])).collect();
    let mut by_term = vec![0.0; model.model.terms.len()];
    model.model.of_row(&codes, &mut by_term).unwrap();
    model.calibrator.log_odds(model.model.intercept + by_term.iter().sum::<f64>())
}

fn linear_model() -> Portable {
    let mut model = Portable::new(inputs(), 1);
    model.set_linear(0, &linear()).unwrap();
    model
}

fn additive_model() -> Portable {
    let mut model = Portable::new(inputs(), 1);
    model.set_additive(0, &additive()).unwrap();
    model
}

fn source(portable: Portable) -> Source {
    let target = (portable.outputs() == 1).then(|| ["taken & kept", "<yes>", "no"].map(str::to_owned));
    let properties = vec![("rows", "100".to_owned())];
    Source { portable, missing: &["", "N/A"], doc: "a model".to_owned(), properties, target }
}

fn onnx_of(model: Portable) -> (Onnx, Vec<String>) {
    let written = onnx::write(&source(model));
    (Onnx::read(&written.bytes), written.outputs)
}

#[test]
fn a_graph_says_what_the_kernels_say() {
    let (linear, additive) = (linear(), additive());
    for (model, expected) in [
        (linear_model(), &(|row: &[f32; 4]| linear_log_odds(&linear, row)) as &dyn Fn(&[f32; 4]) -> f64),
        (additive_model(), &|row: &[f32; 4]| additive_log_odds(&additive, row)),
    ] {
        let (graph, outputs) = onnx_of(model);
        for (cells, row) in rows() {
            let results = graph.run(&NAMES, &cells);
            let expected = expected(&row);
            assert!((results[&outputs[1]][0] - expected).abs() < 1e-12, "{row:?}");
            let propensity = results[&outputs[0]][0];
            assert!((propensity / (1.0 / (1.0 + (-expected).exp())) - 1.0).abs() < 1e-12, "{row:?}");
        }
    }
}

#[test]
fn offers_share_terms_and_keep_their_own_effects() {
    let mut other = additive();
    for curve in &mut other.curves {
        curve.effects.iter_mut().for_each(|effect| *effect *= -2.0);
    }
    let mut model = Portable::new(inputs(), 4);
    model.set_additive(0, &additive()).unwrap();
    model.set_rate(1, -3.0);
    model.set_additive(2, &other).unwrap();
    model.set_linear(3, &linear()).unwrap();
    assert_eq!((model.maps.terms.len(), model.scaled.terms.len()), (1, 3));
    let (graph, outputs) = onnx_of(model);
    for (cells, row) in rows() {
        let expected = [
            additive_log_odds(&additive(), &row),
            -3.0,
            additive_log_odds(&other, &row),
            linear_log_odds(&linear(), &row),
        ];
        let got = &graph.run(&NAMES, &cells)[&outputs[1]];
        assert_eq!(got.len(), 4);
        assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-12), "{row:?}");
    }
}

#[test]
fn every_value_of_a_graph_is_made_once_before_it_is_used() {
    let mut model = Portable::new(inputs(), 2);
    model.set_additive(0, &additive()).unwrap();
    model.set_linear(1, &linear()).unwrap();
    let (graph, outputs) = onnx_of(model);
    assert_eq!(graph.inputs, NAMES);
    assert_eq!(graph.outputs, outputs);
    let mut known: BTreeSet<&str> = graph.inputs.iter().map(String::as_str).collect();
    for name in graph.constants.keys() {
        assert!(known.insert(name), "{name}");
    }
    for node in &graph.nodes {
        assert!(node.inputs.iter().all(|input| known.contains(input.as_str())), "{node:?}");
        assert!(known.insert(&node.output), "{node:?}");
    }
    assert!(graph.outputs.iter().all(|output| known.contains(output.as_str())));
    let used: BTreeSet<&String> = graph.nodes.iter().flat_map(|node| &node.inputs).collect();
    let unused: Vec<&String> = graph.constants.keys().filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn what_no_term_reads_is_no_input() {
    let mut model = additive_model();
    model.finish();
    assert_eq!(
        model.inputs.iter().map(|input| input.name.as_str()).collect::<Vec<_>>(),
        [NAMES[0], NAMES[1], NAMES[3]]
    );
    let (graph, outputs) = onnx_of(model);
    for (cells, row) in rows() {
        let got = graph.run(&NAMES, &cells)[&outputs[1]][0];
        assert!((got - additive_log_odds(&additive(), &row)).abs() < 1e-12, "{row:?}");
    }
    let mut rates = Portable::new(inputs(), 2);
    rates.set_rate(1, -3.0);
    rates.finish();
    assert_eq!(rates.inputs.len(), 1);
    let (graph, outputs) = onnx_of(rates);
    assert_eq!(graph.run(&NAMES, &rows()[0].0)[&outputs[1]], [0.0, -3.0]);
}

#[test]
fn names_are_given_once_and_are_no_inputs() {
    let named = ["propensity", "propensity_2", "x"];
    let inputs = named.map(|name| Input { name: name.to_owned(), kind: InputKind::Number });
    let model = Portable::new(inputs.to_vec(), 1);
    let mut names = Names::new(&model, &["y"]);
    let given = ["propensity", "propensity", "x", "y", "x_2", "x", "z"].map(|word| names.give(word));
    assert_eq!(given, ["propensity_3", "propensity_4", "x_2", "y_2", "x_2_2", "x_3", "z"]);
}

#[test]
fn the_ending_says_the_format() {
    assert_eq!(Format::of_name(Path::new("a.b/model.ONNX")).unwrap(), Format::Onnx);
    assert_eq!(Format::of_name(Path::new("a.pmml")).unwrap(), Format::Pmml);
    for name in ["model", "model.json", "onnx"] {
        assert_eq!(Format::of_name(Path::new(name)).unwrap_err().code(), Code::ConfigNotAllowed);
    }
}

/// The document of an additive model, kept beside this file; engines that read it agree with the scorer (`benches/convert_equal.py`).
#[test]
fn a_document_stays_as_it_is() {
    for (name, model) in [("additive", additive_model()), ("linear", linear_model())] {
        let source = source(model);
        let written = pmml::write(&source, source.target.as_ref().unwrap()).unwrap();
        assert_eq!(written.outputs, ["propensity_2"]);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/convert/tests/{name}.pmml"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &written.bytes).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(golden, String::from_utf8(written.bytes).unwrap(), "{}: run with UPDATE_GOLDEN=1", path.display());
    }
}

#[test]
fn xml_cannot_hold_every_name() {
    let refusal = |spoil: fn(&mut Source)| {
        let mut source = source(additive_model());
        spoil(&mut source);
        pmml::write(&source, source.target.as_ref().unwrap()).unwrap_err()
    };
    assert_eq!(refusal(|source| source.portable.inputs[0].name = "a\u{1}".to_owned()), "a\u{1}");
    // A value is told by its column.
    let level = |source: &mut Source| match &mut source.portable.curves.terms[1].cut {
        portable::Cut::Levels(levels) => levels[0].push('\u{1}'),
        portable::Cut::Edges(_) => panic!("the second curve is that of a category"),
    };
    assert_eq!(refusal(level), NAMES[1]);
    assert_eq!(refusal(|source| source.target.as_mut().unwrap()[2].push('\u{1}')), "taken & kept");
}
