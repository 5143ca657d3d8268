//! Builds a graph of ONNX: nodes, their constants, inputs and the output.
//!
//! Does not know what it computes. Messages and fields are those of `onnx.proto3`, operators those of set 17.
//!
//! **Invariant**: every name is given once; a node stands after what it reads.

use crate::protobuf::Message;

/// The version of the operators, which every runtime since 2022 has.
const OPERATORS: u64 = 17;

/// The version of the format.
const FORMAT: u64 = 8;

/// `TensorProto.DataType`: `FLOAT`, `INT64`.
const FLOAT: u64 = 1;
const INT64: u64 = 7;

/// An attribute of a node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute {
    /// `axis = 0`
    Integer(&'static str, u64),
}

/// A graph that is being built.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    n_names: usize,
    n_bytes: usize,
}

/// A dimension: so many, or as many as are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dimension {
    Fixed(usize),
    Free(&'static str),
}

impl Graph {
    /// An input of whole numbers, or of numbers.
    pub(super) fn input(&mut self, name: &str, are_whole: bool, shape: &[Dimension]) -> String {
        self.inputs.push(value(name, if are_whole { INT64 } else { FLOAT }, shape));
        name.to_owned()
    }

    /// A constant of numbers.
    pub(super) fn constant(&mut self, numbers: impl IntoIterator<Item = f32>, shape: &[usize]) -> String {
        let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
        self.tensor(FLOAT, &bytes, shape)
    }

    /// A constant of axes.
    pub(super) fn axes(&mut self, axes: &[i64]) -> String {
        let bytes: Vec<u8> = axes.iter().flat_map(|axis| axis.to_le_bytes()).collect();
        self.tensor(INT64, &bytes, &[axes.len()])
    }

    fn tensor(&mut self, kind: u64, bytes: &[u8], shape: &[usize]) -> String {
        let name = self.name("constant");
        let sized = shape.iter().fold(Message::new(), |tensor, size| tensor.number(1, *size as u64));
        self.n_bytes += bytes.len();
        self.constants.push(sized.number(2, kind).text(8, &name).bytes(9, bytes));
        name
    }

    /// A node: what it computes of `inputs`.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        let name = self.name(operator);
        self.named(operator, inputs, attributes, &name);
        name
    }

    fn named(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute], output: &str) {
        let read = inputs.iter().fold(Message::new(), |node, input| node.text(1, input));
        let node = read.text(2, output).text(3, output).text(4, operator);
        let node = attributes.iter().fold(node, |node, Attribute::Integer(name, number)| {
            // `AttributeProto.type` 2 is `INT`.
            node.message(5, Message::new().text(1, name).number(3, *number).number(20, 2))
        });
        self.nodes.push(node);
    }

    fn name(&mut self, of: &str) -> String {
        self.n_names += 1;
        format!("{}_{}", of.to_lowercase(), self.n_names)
    }

    /// Bytes of all constants.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_bytes
    }

    /// The whole model, whose output `scores` is `result`.
    pub(super) fn model(mut self, name: &str, result: &str, shape: &[Dimension], metadata: &[(&str, &str)]) -> Vec<u8> {
        self.named("Identity", &[result], &[], "scores");
        let Self { nodes, constants, inputs, .. } = self;
        let graph = nodes.into_iter().fold(Message::new(), |graph, node| graph.message(1, node)).text(2, name);
        let graph = constants.into_iter().fold(graph, |graph, tensor| graph.message(5, tensor));
        let graph = inputs.into_iter().fold(graph, |graph, input| graph.message(11, input));
        let graph = graph.message(12, value("scores", FLOAT, shape));
        let model = Message::new().number(1, FORMAT).text(2, "reco").text(3, env!("CARGO_PKG_VERSION"));
        let model = model.message(7, graph).message(8, Message::new().text(1, "").number(2, OPERATORS));
        let one =
            |model: Message, (key, value): &(&str, &str)| model.message(14, Message::new().text(1, key).text(2, value));
        metadata.iter().fold(model, one).into_bytes()
    }
}

/// `ValueInfoProto`: a name with its type and shape.
fn value(name: &str, kind: u64, shape: &[Dimension]) -> Message {
    let dimension = |dimension: &Dimension| match dimension {
        Dimension::Fixed(size) => Message::new().number(1, *size as u64),
        Dimension::Free(name) => Message::new().text(2, name),
    };
    let shape = shape.iter().fold(Message::new(), |shape, one| shape.message(1, dimension(one)));
    let tensor = Message::new().number(1, kind).message(2, shape);
    Message::new().text(1, name).message(2, Message::new().message(1, tensor))
}
