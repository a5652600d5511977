//! Reads an ONNX file field by field and computes its graph for one row, by the words of the specification.

use std::collections::BTreeMap;

/// One value of a row.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Number(f64),
    Text(String),
}

/// A tensor of one row: its values in order and its last axis.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    values: Vec<f64>,
    columns: usize,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    operator: String,
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    /// Texts, then whole numbers, by name.
    texts: BTreeMap<String, Vec<String>>,
    ints: BTreeMap<String, Vec<i64>>,
}

#[derive(Debug, Default)]
pub(super) struct Onnx {
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) constants: BTreeMap<String, Tensor>,
    pub(super) nodes: Vec<Node>,
}

/// The fields of a message: number, and either a whole number or bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Result<i64, &[u8]>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = varint(&mut bytes);
        fields.push(match key & 7 {
            0 => (key >> 3, Ok(value as i64)),
            2 => {
                let (inner, rest) = bytes.split_at(value as usize);
                bytes = rest;
                (key >> 3, Err(inner))
            }
            other => panic!("wire type {other}"),
        });
    }
    fields
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for at in 0.. {
        let byte = bytes[at];
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            break;
        }
    }
    value
}

fn text(bytes: Result<i64, &[u8]>) -> String {
    String::from_utf8(bytes.unwrap_err().to_vec()).unwrap()
}

impl Onnx {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut onnx = Self::default();
        let (_, graph) = fields(bytes).into_iter().find(|(field, _)| *field == 7).unwrap();
        for (field, value) in fields(graph.unwrap_err()) {
            match field {
                1 => onnx.nodes.push(Node::read(value.unwrap_err())),
                5 => {
                    let (name, tensor) = constant(value.unwrap_err());
                    assert!(onnx.constants.insert(name, tensor).is_none());
                }
                11 | 12 => {
                    let name = text(fields(value.unwrap_err())[0].1);
                    if field == 11 { &mut onnx.inputs } else { &mut onnx.outputs }.push(name);
                }
                _ => {}
            }
        }
        onnx
    }

    /// Every value of the graph for one row.
    pub(super) fn run(&self, names: &[&str], cells: &[Cell]) -> BTreeMap<String, Vec<f64>> {
        let mut texts = BTreeMap::new();
        let mut known = self.constants.clone();
        for (name, cell) in names.iter().zip(cells) {
            match cell {
                Cell::Number(number) => {
                    known.insert((*name).to_owned(), Tensor { values: vec![*number], columns: 1 });
                }
                Cell::Text(text) => {
                    texts.insert((*name).to_owned(), text.clone());
                }
            }
        }
        for node in &self.nodes {
            let result = if node.operator == "LabelEncoder" {
                node.label(&texts[&node.inputs[0]])
            } else {
                let inputs: Vec<&Tensor> = node.inputs.iter().map(|name| &known[name]).collect();
                node.compute(&inputs)
            };
            known.insert(node.output.clone(), result);
        }
        known.into_iter().map(|(name, tensor)| (name, tensor.values)).collect()
    }
}

/// Doubles and whole numbers of eight bytes.
fn constant(bytes: &[u8]) -> (String, Tensor) {
    let (mut name, mut dims, mut data_type, mut values) = (String::new(), Vec::new(), 0, Vec::new());
    for (field, value) in fields(bytes) {
        match field {
            1 => dims.push(value.unwrap() as usize),
            2 => data_type = value.unwrap(),
            8 => name = text(value),
            9 => {
                let number = |raw: &[u8]| {
                    let raw: [u8; 8] = raw.try_into().unwrap();
                    if data_type == 11 { f64::from_le_bytes(raw) } else { i64::from_le_bytes(raw) as f64 }
                };
                values = value.unwrap_err().chunks(8).map(number).collect();
            }
            other => panic!("field {other} of a tensor"),
        }
    }
    assert!([7, 11].contains(&data_type));
    assert_eq!(values.len(), dims.iter().product::<usize>(), "{name}");
    let columns = dims.last().copied().unwrap_or(1);
    (name, Tensor { values, columns })
}

impl Node {
    fn read(bytes: &[u8]) -> Self {
        let mut node = Self::default();
        for (field, value) in fields(bytes) {
            match field {
                1 => node.inputs.push(text(value)),
                2 => node.output = text(value),
                4 => node.operator = text(value),
                5 => node.attribute(value.unwrap_err()),
                3 | 7 => {}
                other => panic!("field {other} of a node"),
            }
        }
        node
    }

    fn attribute(&mut self, bytes: &[u8]) {
        let fields = fields(bytes);
        let name = text(fields[0].1);
        for (field, value) in fields {
            match field {
                3 | 8 => self.ints.entry(name.clone()).or_default().push(value.unwrap()),
                9 => self.texts.entry(name.clone()).or_default().push(text(value)),
                _ => {}
            }
        }
    }

    fn label(&self, text: &str) -> Tensor {
        let at = self.texts["keys_strings"].iter().position(|key| key == text);
        let code = at.map_or(self.ints["default_int64"][0], |at| self.ints["values_int64s"][at]);
        Tensor { values: vec![code as f64], columns: 1 }
    }

    fn compute(&self, inputs: &[&Tensor]) -> Tensor {
        let first = inputs[0];
        let each = |f: &dyn Fn(f64) -> f64| Tensor {
            values: first.values.iter().map(|x| f(*x)).collect(),
            columns: first.columns,
        };
        let both = |f: &dyn Fn(f64, f64) -> f64| broadcast(&inputs[..2], &|x| f(x[0], x[1]));
        let truth = |holds: bool| f64::from(u8::from(holds));
        match self.operator.as_str() {
            "Cast" if self.ints["to"] == [1] => each(&|x| f64::from(x as f32)),
            "Cast" | "Reshape" | "Unsqueeze" | "Identity" => first.clone(),
            "IsNaN" => each(&|x| truth(x.is_nan())),
            "Log" => each(&f64::ln),
            "Exp" => each(&f64::exp),
            "Neg" => each(&|x| -x),
            "Add" => both(&|a, b| a + b),
            "Sub" => both(&|a, b| a - b),
            "Div" => both(&|a, b| a / b),
            "Less" => both(&|a, b| truth(a < b)),
            "Greater" => both(&|a, b| truth(a > b)),
            "Where" => broadcast(inputs, &|x| if x[0] > 0.0 { x[1] } else { x[2] }),
            "Sum" => broadcast(inputs, &|x| x.iter().sum()),
            "ReduceSum" => Tensor { values: vec![first.values.iter().sum()], columns: 1 },
            "Concat" => {
                let values: Vec<f64> = inputs.iter().flat_map(|input| input.values.iter().copied()).collect();
                Tensor { columns: values.len(), values }
            }
            "Gather" if first.values.len() == first.columns => {
                Tensor { values: vec![first.values[inputs[1].values[0] as usize]], columns: 1 }
            }
            "Gather" => row(first, inputs[1].values[0] as usize),
            "MatMul" => {
                let product = |column: usize| {
                    let terms = first.values.iter().enumerate();
                    terms.map(|(at, x)| x * row(inputs[1], at).values[column]).sum()
                };
                Tensor { values: (0..inputs[1].columns).map(product).collect(), columns: inputs[1].columns }
            }
            other => panic!("operator {other}"),
        }
    }
}

fn row(table: &Tensor, at: usize) -> Tensor {
    let columns = table.columns;
    Tensor { values: table.values[at * columns..(at + 1) * columns].to_vec(), columns }
}

/// Single values stand for as many as the others have.
fn broadcast(inputs: &[&Tensor], f: &dyn Fn(&[f64]) -> f64) -> Tensor {
    let n = inputs.iter().map(|input| input.values.len()).max().unwrap();
    assert!(inputs.iter().all(|input| [1, n].contains(&input.values.len())));
    let at = |input: &&Tensor, i: usize| input.values[i % input.values.len()];
    let values = (0..n).map(|i| f(&inputs.iter().map(|input| at(input, i)).collect::<Vec<f64>>())).collect();
    Tensor { values, columns: n }
}
