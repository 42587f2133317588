//! Networks as the predictor reads them.

use burn::tensor::{Device, Tensor, TensorData};

use crate::HelpError;

/// A network as numbers. All networks of one predictor are encoded alike.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// Features of the network as a whole, commonly its choices in one-hot; as many for every network. Two dense
    /// layers read them.
    Flat(Vec<f32>),
    /// An operator graph, its input and output among the nodes. Four graph convolutions read it; they add a global
    /// node that every node sends to.
    Graph {
        /// Features of each node, commonly its operator in one-hot; as many for every node. Networks may differ in
        /// their number of nodes.
        operations: Vec<Vec<f32>>,
        /// Edges, each from a node to a node.
        edges: Vec<(usize, usize)>,
    },
}

/// How the networks of a predictor are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Flat { features: usize },
    Graph { features: usize },
}

/// Encoded networks, ready to be put into batches.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// Nodes of the largest graph, with the global one, which is the last; 1 where networks are no graphs.
    nodes: usize,
    features: usize,
    /// What the first layer reads: networks x nodes x features.
    inputs: Vec<f32>,
    /// Which node (column) each node (row) reads: networks x nodes x nodes. Empty where networks are no graphs.
    readers: Vec<f32>,
}

/// As many networks for each task.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// `[tasks, samples * nodes, features]`
    pub(crate) inputs: Tensor<3>,
    /// `[tasks * samples, nodes, nodes]`
    pub(crate) readers: Option<Tensor<3>>,
}

// === impl Encoding ===

impl Encoding {
    /// How the network is encoded.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Flat(features) => Kind::Flat {
                features: features.len(),
            },
            Self::Graph { operations, .. } => Kind::Graph {
                features: operations.first().map_or(0, Vec::len),
            },
        }
    }

    /// Nodes that the predictor has for the network.
    fn nodes(&self) -> usize {
        match self {
            Self::Flat(_) => 1,
            Self::Graph { operations, .. } => operations.len() + 1,
        }
    }

    /// The network's fault, if it has one.
    fn fault(&self, kind: Kind) -> Option<String> {
        if self.kind() != kind {
            let (got, expected) = (self.kind().describe(), kind.describe());
            return Some(format!("is {got}, where {expected} was expected"));
        }
        let (rows, edges) = match self {
            Self::Flat(features) => (std::slice::from_ref(features), &[][..]),
            Self::Graph { operations, edges } => (&operations[..], &edges[..]),
        };
        let features = rows.first().map_or(0, Vec::len);
        if features == 0 {
            return Some("has no features".to_owned());
        }
        if let Some(row) = rows.iter().find(|row| row.len() != features) {
            return Some(format!(
                "has nodes of {features} features and of {}",
                row.len()
            ));
        }
        if let Some(bad) = rows.iter().flatten().find(|feature| !feature.is_finite()) {
            return Some(format!("has {bad} for a feature"));
        }
        let outside = |edge: &&(usize, usize)| edge.0.max(edge.1) >= rows.len();
        let (from, to) = edges.iter().find(outside)?;
        Some(format!(
            "has {} nodes and an edge from {from} to {to}",
            rows.len()
        ))
    }
}

// === impl Kind ===

impl Kind {
    /// Features that the first layer reads: a node's, and whether it is the global one.
    pub(crate) fn inputs(self) -> usize {
        match self {
            Self::Flat { features } => features,
            Self::Graph { features } => features + 1,
        }
    }

    /// Layers of the encoder.
    pub(crate) fn layers(self) -> usize {
        match self {
            Self::Flat { .. } => 2,
            Self::Graph { .. } => 4,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Flat { features } => format!("a row of {features} features"),
            Self::Graph { features } => format!("a graph with {features} features a node"),
        }
    }
}

// === impl Encoded ===

impl Encoded {
    /// Checks that networks are of the kind, and prepares them.
    ///
    /// # Errors
    /// When a network is not of the kind, or its numbers contradict each other.
    pub(crate) fn new<'a>(
        networks: impl Iterator<Item = &'a Encoding> + Clone,
        kind: Kind,
    ) -> Result<Self, HelpError> {
        let mut encoded = Self {
            nodes: networks.clone().map(Encoding::nodes).max().unwrap_or(1),
            features: kind.inputs(),
            inputs: Vec::new(),
            readers: Vec::new(),
        };
        for (at, network) in networks.enumerate() {
            if let Some(reason) = network.fault(kind) {
                return Err(HelpError::Encoding {
                    network: at,
                    reason,
                });
            }
            match network {
                Encoding::Flat(features) => encoded.inputs.extend(features),
                Encoding::Graph { operations, edges } => encoded.push(operations, edges),
            }
        }
        Ok(encoded)
    }

    /// The networks in these places, those of the first task first.
    pub(crate) fn batch(&self, places: &[usize], tasks: usize, device: &Device) -> Batch {
        let Self {
            nodes, features, ..
        } = *self;
        let tensor = |values: &[f32], each: usize, shape: [usize; 3]| {
            let rows = places.iter().map(|at| &values[at * each..][..each]);
            let data = rows.flatten().copied().collect();
            Tensor::from_data(TensorData::new::<f32, _>(data, shape), device)
        };
        let rows = places.len() / tasks * nodes;
        let readers = || {
            let shape = [places.len(), nodes, nodes];
            tensor(&self.readers, nodes * nodes, shape)
        };
        Batch {
            inputs: tensor(&self.inputs, nodes * features, [tasks, rows, features]),
            readers: (!self.readers.is_empty()).then(readers),
        }
    }

    /// Adds a graph. A node reads itself and those that send to it, the global node reads all; places of nodes that
    /// the graph does not have are read by nobody.
    fn push(&mut self, operations: &[Vec<f32>], edges: &[(usize, usize)]) {
        let (nodes, features) = (self.nodes, self.features);
        let global = nodes - 1;
        let mut readers = vec![0.0; nodes * nodes];
        let own = (0..operations.len()).flat_map(|node| [(node, node), (node, global)]);
        for (from, to) in edges.iter().copied().chain(own).chain([(global, global)]) {
            readers[to * nodes + from] = 1.0;
        }
        for row in readers.chunks(nodes) {
            let mut sum = vec![0.0; features];
            for (operation, weight) in operations.iter().zip(row) {
                let operation = operation.iter().map(|feature| feature * weight);
                sum.iter_mut().zip(operation).for_each(|(sum, x)| *sum += x);
            }
            sum[features - 1] = row[global];
            self.inputs.extend(sum);
        }
        self.readers.extend(readers);
    }
}

// === impl Batch ===

impl Batch {
    /// What a layer of the encoder reads of the outputs of the layer before. In a graph the last layer computes the
    /// global node alone, so it reads `[tasks, samples, width]`.
    pub(crate) fn gather(&self, outputs: Tensor<3>, last: bool) -> Tensor<3> {
        match self.readers_of(last) {
            Some(readers) => apply(readers, outputs),
            None => outputs,
        }
    }

    /// The gradient with respect to those outputs, from that with respect to what is read.
    pub(crate) fn scatter(&self, slope: Tensor<3>, last: bool) -> Tensor<3> {
        match self.readers_of(last) {
            Some(readers) => apply(readers.transpose(), slope),
            None => slope,
        }
    }

    fn readers_of(&self, last: bool) -> Option<Tensor<3>> {
        let readers = self.readers.clone()?;
        let nodes = readers.dims()[1];
        Some(match last {
            true => readers.narrow(1, nodes - 1, 1),
            false => readers,
        })
    }
}

// === helpers ===

/// Multiplies a matrix for each network, `[networks, to, from]`, with its rows of `[tasks, samples * from, width]`.
fn apply(matrices: Tensor<3>, values: Tensor<3>) -> Tensor<3> {
    let [networks, to, from] = matrices.dims();
    let [tasks, _, width] = values.dims();
    let mixed = matrices.matmul(values.reshape([networks, from, width]));
    mixed.reshape([tasks, networks / tasks * to, width])
}

#[cfg(test)]
mod tests;
