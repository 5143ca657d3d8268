//! States a model as a graph of ONNX.
//!
//! Three kinds of models can be: those of dot products (their [`Vectors`]), the network of layers (its
//! [`LayerGraph`] and the tensors by the layers' names), and `ease` (its weights). Does not know bytes.
//!
//! **Invariant**: the output `scores` has a row for each row asked for, and a column for each item of the catalogue, in
//! the order of `catalogue/items.parquet`; what was met is not left out.

use reco_core::dot::Vectors;
use reco_core::{Layer, LayerGraph, Weights};

use super::graph::{Attribute, Dimension, Graph};
use super::refused;
use crate::RunError;
use crate::artifact::Artifact;

/// What a file of Protocol Buffers can hold.
const MOST: usize = 2_000_000_000;

/// The input of users' rows, as whole numbers.
const USER: &str = "user";

/// What a network's own description calls its inputs.
const USERS: &str = "xusers_in";
const FEATURES: &str = "features_in";
const CONTEXTS: &str = "contexts_in";

/// The model as bytes of a file.
///
/// # Errors
/// A model that is none of these; one that is too large.
pub(super) fn of(artifact: &Artifact) -> Result<Vec<u8>, RunError> {
    let mut graph = Graph::default();
    let scores = if let Some(vectors) = artifact.model.vectors()? {
        of_vectors(&mut graph, &vectors)
    } else if let Some(layers) = artifact.model.layers() {
        Network { artifact, layers: &layers, weights: artifact.model.save()?, graph: &mut graph }.scores()?
    } else if artifact.config.kind == "ease" {
        of_weights(&mut graph, artifact)?
    } else {
        return Err(refused(
            artifact,
            "onnx",
            "networks, `ease`, `svd`, `svdpp` and `ials` can be exported; `reco serve` answers for all",
        ));
    };
    if graph.n_bytes() > MOST {
        return Err(refused(artifact, "onnx", "its numbers are more than the 2 GB that such a file can hold"));
    }
    let shape = [Dimension::Free("n"), Dimension::Fixed(artifact.catalogue().n_items())];
    let kind = format!("{:?}", artifact.model.score_kind()).to_lowercase();
    let metadata = [("approach", &*artifact.config.kind), ("dataset", &artifact.config.dataset), ("score_kind", &kind)];
    Ok(graph.model(&artifact.config.name, &scores, &shape, &metadata))
}

/// Rows of a constant, by the input of users.
fn rows_of_users(graph: &mut Graph, user: &str, rows: &str) -> String {
    graph.node("Gather", &[rows, user], &[Attribute::Integer("axis", 0)])
}

/// A dot product of each user's vector with all items' vectors.
fn of_vectors(graph: &mut Graph, Vectors { users, items, bounds }: &Vectors) -> String {
    let user = graph.input(USER, true, &[Dimension::Free("n")]);
    let (n_users, n_items, size) = (users.n_rows(), items.n_rows(), items.n_columns());
    let users = graph.constant(users.values().iter().copied(), &[n_users, size]);
    let users = rows_of_users(graph, &user, &users);
    let column = |column: usize| (0..n_items).map(move |item| items.row(item)[column]);
    let items = graph.constant((0..size).flat_map(column), &[size, n_items]);
    let scores = graph.node("MatMul", &[&users, &items], &[]);
    match bounds {
        Some((low, high)) => {
            let [low, high] = [low, high].map(|bound| graph.constant([*bound], &[]));
            graph.node("Clip", &[&scores, &low, &high], &[])
        }
        None => scores,
    }
}

/// What a history weighs for each item: the input `history` has 1 for what was met, then attributes as `ease` was told
/// them, and a 1 if it was told anything.
fn of_weights(graph: &mut Graph, artifact: &Artifact) -> Result<String, RunError> {
    let n_items = artifact.catalogue().n_items();
    let mut weights = artifact.model.save()?;
    let n_rows = weights.n_rows("weights")?;
    let numbers: Vec<f32> = weights.take("weights", &[n_rows, n_items])?;
    let history = graph.input("history", false, &[Dimension::Free("n"), Dimension::Fixed(n_rows)]);
    let weights = graph.constant(numbers, &[n_rows, n_items]);
    Ok(graph.node("MatMul", &[&history, &weights], &[]))
}

/// A network of layers that is being stated.
struct Network<'a> {
    artifact: &'a Artifact,
    layers: &'a LayerGraph,
    weights: Weights,
    graph: &'a mut Graph,
}

/// What a value has a row for.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// Who is asked for.
    User,
    /// The items of the catalogue.
    Item,
}

impl Side {
    /// The axis that is missing for `[users, items, size]`.
    fn missing(self) -> i64 {
        match self {
            Self::User => 1,
            Self::Item => 0,
        }
    }
}

impl<'a> Network<'a> {
    /// The last layer: products and hidden layers of every user asked for and every item, joined.
    fn scores(&mut self) -> Result<String, RunError> {
        self.graph.input(USER, true, &[Dimension::Free("n")]);
        if self.layers.layers.iter().any(|layer| layer.name == CONTEXTS) {
            let width = Dimension::Fixed(self.artifact.catalogue().contexts.len());
            self.graph.input("contexts", false, &[Dimension::Free("n"), width]);
        }
        let output = self.layers.layers.last().expect("a network has a last layer");
        let branches = self.read_by(output);
        let width: usize = branches.iter().map(|branch| branch.output_size).sum();
        let weight: Vec<f32> = self.weights.take(&format!("{}.weight", output.name), &[width, 1])?;
        let bias: Vec<f32> = self.weights.take(&format!("{}.bias", output.name), &[1])?;
        let mut sum = self.graph.constant(bias, &[1, 1, 1]);
        let mut from = 0;
        for branch in branches {
            let numbers = weight[from..from + branch.output_size].iter().copied();
            let weight = self.graph.constant(numbers, &[branch.output_size, 1]);
            from += branch.output_size;
            // `[n or 1, n_items or 1, output_size]`
            let value = if branch.kind == "Dot" { self.product(branch)? } else { self.hidden(branch)? };
            let share = self.graph.node("MatMul", &[&value, &weight], &[]);
            sum = self.graph.node("Add", &[&sum, &share], &[]);
        }
        let last = self.graph.axes(&[2]);
        Ok(self.graph.node("Squeeze", &[&sum, &last], &[]))
    }

    /// The layers that `layer` reads, side by side.
    fn read_by(&self, layer: &Layer) -> Vec<&'a Layer> {
        let find = |name: &String| {
            let found = self.layers.layers.iter().find(|layer| layer.name == *name);
            found.expect("a layer's inputs are layers")
        };
        let read: Vec<&Layer> = layer.inputs.iter().map(find).collect();
        match read[..] {
            [one] if one.kind == "Concatenate" => one.inputs.iter().map(find).collect(),
            _ => read,
        }
    }

    /// What a branch reads, `[n or n_items, output_size]`, and which of them.
    fn source(&mut self, layer: &Layer) -> Result<(String, Side), RunError> {
        let catalogue = self.artifact.catalogue();
        let size = layer.output_size;
        match &*layer.name {
            CONTEXTS => Ok(("contexts".to_owned(), Side::User)),
            FEATURES => {
                let features = catalogue.item_features.matrix();
                let shape = [features.n_rows(), features.n_columns()];
                Ok((self.graph.constant(features.values().iter().copied(), &shape), Side::Item))
            }
            tower => {
                let is_of_users = layer.inputs.iter().any(|input| input == USERS);
                let n_rows = if is_of_users { catalogue.n_users() } else { catalogue.n_items() };
                let name = format!("{tower}.embedding");
                // A tower that two branches read is stated twice.
                let numbers: Vec<f32> = self.weights.clone().take(&name, &[n_rows, size])?;
                let rows = self.graph.constant(numbers, &[n_rows, size]);
                match is_of_users {
                    true => Ok((rows_of_users(self.graph, USER, &rows), Side::User)),
                    false => Ok((rows, Side::Item)),
                }
            }
        }
    }

    /// One number for each user and item: the product of two towers, or the cosine of their angle.
    fn product(&mut self, branch: &Layer) -> Result<String, RunError> {
        let mut factors = Vec::new();
        for tower in self.read_by(branch) {
            let (rows, _) = self.source(tower)?;
            factors.push(if branch.detail == "normalize" { self.normalized(&rows) } else { rows });
        }
        let items = self.graph.node("Transpose", &[&factors[1]], &[]);
        let product = self.graph.node("MatMul", &[&factors[0], &items], &[]);
        let last = self.graph.axes(&[2]);
        Ok(self.graph.node("Unsqueeze", &[&product, &last], &[]))
    }

    /// Each row at length 1, as in training: one of almost no length stays.
    fn normalized(&mut self, rows: &str) -> String {
        let axis = self.graph.axes(&[1]);
        let least = self.graph.constant([1e-12], &[]);
        let squares = self.graph.node("Mul", &[rows, rows], &[]);
        let sum = self.graph.node("ReduceSum", &[&squares, &axis], &[]);
        let sum = self.graph.node("Max", &[&sum, &least], &[]);
        let length = self.graph.node("Sqrt", &[&sum], &[]);
        self.graph.node("Div", &[rows, &length], &[])
    }

    /// A hidden layer. What belongs to users and what belongs to items are multiplied by themselves, and then added for
    /// each of both.
    fn hidden(&mut self, branch: &Layer) -> Result<String, RunError> {
        let sources = self.read_by(branch);
        let width: usize = sources.iter().map(|source| source.output_size).sum();
        let size = branch.output_size;
        let weight: Vec<f32> = self.weights.take(&format!("{}.weight", branch.name), &[width, size])?;
        let bias: Vec<f32> = self.weights.take(&format!("{}.bias", branch.name), &[size])?;
        let mut sum = self.graph.constant(bias, &[1, 1, size]);
        let mut from = 0;
        for source in sources {
            let rows = from * size..(from + source.output_size) * size;
            from += source.output_size;
            let weight = self.graph.constant(weight[rows].iter().copied(), &[source.output_size, size]);
            let (value, side) = self.source(source)?;
            let share = self.graph.node("MatMul", &[&value, &weight], &[]);
            let axis = self.graph.axes(&[side.missing()]);
            let share = self.graph.node("Unsqueeze", &[&share, &axis], &[]);
            sum = self.graph.node("Add", &[&sum, &share], &[]);
        }
        Ok(self.graph.node("Relu", &[&sum], &[]))
    }
}
