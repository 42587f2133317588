//! What the operators of a live graph have to do.

use bespoke_graph::{Graph, Node, NodeId, Op};

/// What one operator does for a batch. Counts are `f64`, as a batch of large values has more than 2^64 of them.
pub(super) struct Work {
    pub node: NodeId,
    /// Additions, multiplications and the like.
    pub operations: f64,
    /// Values read and written, parameters among them.
    pub values: f64,
    /// The matrix product that it is, if it is one.
    pub product: Option<Product>,
}

/// `[pixels, window] · [window, filters]`, `groups` times over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Product {
    pub pixels: f64,
    pub window: f64,
    pub filters: f64,
    pub groups: f64,
}

/// The work of all operators that do something; a batch normalisation that is merged into the layer before it does
/// nothing and leaves a bias behind.
pub(super) fn of(live: &Graph, batch: f64) -> Vec<Work> {
    let mut parameters = vec![0.0; live.nodes().len()];
    for parameter in live.parameters() {
        parameters[parameter.node.index()] += parameter.shape.elements() as f64;
    }
    let mut is_idle: Vec<bool> = live.nodes().iter().map(does_nothing).collect();
    for (layer, norm) in merged_norms(live) {
        is_idle[norm.index()] = true;
        if !has_bias(live.node(layer)) {
            parameters[layer.index()] += live.node(norm).shape.dims()[0] as f64;
        }
    }
    let at_work = live.ids().filter(|id| !is_idle[id.index()]);
    let work = at_work.map(|id| work(live, id, batch, parameters[id.index()]));
    work.collect()
}

// === impl Product ===

impl Product {
    /// Multiply-accumulates.
    pub fn macs(&self) -> f64 {
        self.pixels * self.window * self.filters * self.groups
    }
}

// === helpers ===

fn work(live: &Graph, id: NodeId, batch: f64, parameters: f64) -> Work {
    let node = live.node(id);
    let read: f64 = inputs(live, node).map(elements).sum();
    let product = product(live, node, batch);
    Work {
        node: id,
        operations: match &product {
            Some(product) => 2.0 * product.macs(),
            None => batch * simple_operations(node, read),
        },
        values: batch * (read + elements(node)) + parameters,
        product,
    }
}

fn does_nothing(node: &Node) -> bool {
    matches!(
        node.op,
        Op::Input { .. } | Op::Zeros { .. } | Op::Reshape { .. }
    )
}

/// Layers with the batch normalisation that is merged into them, which is all that reads them.
fn merged_norms(live: &Graph) -> Vec<(NodeId, NodeId)> {
    let mut readers = vec![0; live.nodes().len()];
    readers[live.output().index()] += 1;
    for input in live.nodes().iter().flat_map(|node| &node.inputs) {
        readers[input.index()] += 1;
    }
    let norms = live
        .ids()
        .filter(|id| matches!(live.node(*id).op, Op::BatchNorm { .. }));
    let merged = norms.filter_map(|norm| {
        let layer = live.node(norm).inputs[0];
        // A linear layer maps the last axis and a batch normalisation scales the first.
        let can_merge = match live.node(layer).op {
            Op::Conv(_) => true,
            Op::Linear { .. } => live.node(layer).shape.dims().len() == 1,
            _ => false,
        };
        (can_merge && readers[layer.index()] == 1).then_some((layer, norm))
    });
    merged.collect()
}

fn has_bias(node: &Node) -> bool {
    match &node.op {
        Op::Conv(conv) => conv.bias,
        Op::Linear { bias, .. } => *bias,
        _ => false,
    }
}

fn product(live: &Graph, node: &Node, batch: f64) -> Option<Product> {
    let input = inputs(live, node).next()?.shape.dims();
    let inner = *input.last()? as f64;
    match &node.op {
        Op::Conv(conv) => {
            let groups = conv.groups as f64;
            let filters = conv.out_channels as f64 / groups;
            Some(Product {
                pixels: batch * elements(node) / conv.out_channels as f64,
                window: input[0] as f64 / groups * (conv.kernel[0] * conv.kernel[1]) as f64,
                filters,
                groups,
            })
        }
        Op::Linear { out_features, .. } => Some(Product {
            pixels: batch * elements(node) / *out_features as f64,
            window: inner,
            filters: *out_features as f64,
            groups: 1.0,
        }),
        Op::MatMul => {
            let [.., rows, columns] = node.shape.dims() else {
                return None;
            };
            let (pixels, filters) = (*rows as f64, *columns as f64);
            Some(Product {
                pixels,
                window: inner,
                filters,
                groups: batch * elements(node) / (pixels * filters),
            })
        }
        _ => None,
    }
}

/// Operations for one sample of what is no matrix product.
fn simple_operations(node: &Node, read: f64) -> f64 {
    match &node.op {
        Op::MaxPool(pool) | Op::AvgPool(pool) => {
            elements(node) * (pool.kernel[0] * pool.kernel[1]) as f64
        }
        Op::Concat { .. } | Op::Transpose { .. } => 0.0,
        _ => read,
    }
}

fn inputs<'a>(live: &'a Graph, node: &'a Node) -> impl Iterator<Item = &'a Node> {
    node.inputs.iter().map(|id| live.node(*id))
}

fn elements(node: &Node) -> f64 {
    node.shape.elements() as f64
}
