//! Counting a graph's operators.

use bespoke_graph::{Graph, NodeId, Op, OperatorCost};

use super::{Attribute, Class, Features, Key, Level};

/// Rough time of an operator, in nanoseconds on a small processor, to tell which path through a graph is heaviest:
/// a launch, ten multiply-accumulates a nanosecond, ten bytes a nanosecond. Only the proportions matter.
fn weight(cost: &OperatorCost) -> f64 {
    1000.0 + cost.macs as f64 / 10.0 + (cost.inputs + cost.outputs) as f64 * 0.4
}

/// A graph's features, and what of it the output depends on.
pub(crate) struct Counted {
    pub features: Features,
    /// Whether the output depends on the input.
    pub uses_input: bool,
    /// Whether that of the live graph does.
    pub live_uses_input: bool,
    /// Whether nothing but zeros comes out.
    pub gives_zeros: bool,
}

// === impl Features ===

impl Features {
    /// The features of a graph as it was written.
    pub fn of(graph: &Graph) -> Self {
        Counted::of(graph).features
    }
}

// === impl Counted ===

impl Counted {
    pub fn of(graph: &Graph) -> Self {
        let live = graph.live();
        let (used, live_used) = (used(graph), used(&live));
        let used_ids = graph.ids().filter(|id| used[id.index()]);
        let mut features = Features::default();
        features.set(Level::Raw, sums(graph, graph.ids()));
        features.set(Level::Used, sums(graph, used_ids));
        features.set(Level::Live, sums(&live, live.ids()));
        features.set(Level::Distinct, sums(&live, distinct(&live)));
        features.set(Level::Path, sums(&live, heaviest_path(&live).into_iter()));
        Self {
            features,
            uses_input: used[0],
            live_uses_input: live_used[0],
            gives_zeros: matches!(live.node(live.output()).op, Op::Zeros { .. }),
        }
    }
}

/// Which nodes the output depends on.
fn used(graph: &Graph) -> Vec<bool> {
    let mut used = vec![false; graph.nodes().len()];
    used[graph.output().index()] = true;
    for id in graph.ids().rev() {
        if used[id.index()] {
            for input in &graph.node(id).inputs {
                used[input.index()] = true;
            }
        }
    }
    used
}

/// The nodes without those that do again, on the same values, what an earlier one does.
fn distinct(graph: &Graph) -> impl Iterator<Item = NodeId> {
    let mut first: Vec<NodeId> = Vec::with_capacity(graph.nodes().len());
    for id in graph.ids() {
        let node = graph.node(id);
        let inputs = node.inputs.iter().map(|input| first[input.index()]);
        let is_same = |earlier: &NodeId| {
            let earlier = graph.node(*earlier);
            let theirs = earlier.inputs.iter().map(|input| first[input.index()]);
            earlier.op == node.op && theirs.eq(inputs.clone())
        };
        let same = if has_parameters(&node.op) {
            None
        } else {
            graph.ids().take(id.index()).find(is_same)
        };
        first.push(same.unwrap_or(id));
    }
    graph.ids().filter(move |id| first[id.index()] == *id)
}

/// Whether an operator has weights of its own, so that no other does the same.
fn has_parameters(op: &Op) -> bool {
    matches!(
        op,
        Op::Conv(_) | Op::Linear { .. } | Op::BatchNorm { .. } | Op::LayerNorm { .. }
    )
}

/// The nodes on the heaviest path to the output.
fn heaviest_path(graph: &Graph) -> Vec<NodeId> {
    let mut totals: Vec<f64> = Vec::with_capacity(graph.nodes().len());
    let mut before: Vec<Option<NodeId>> = Vec::with_capacity(graph.nodes().len());
    for node in graph.nodes() {
        let heaviest = node
            .inputs
            .iter()
            .max_by(|a, b| totals[a.index()].total_cmp(&totals[b.index()]));
        let own = match Class::of(graph, node) {
            Some(_) => weight(&graph.operator_cost(node)),
            None => 0.0,
        };
        totals.push(own + heaviest.map_or(0.0, |id| totals[id.index()]));
        before.push(heaviest.copied());
    }
    std::iter::successors(Some(graph.output()), |id| before[id.index()]).collect()
}

/// Sums over some of a graph's nodes. Nodes that do the same are counted first and then written out once.
fn sums(graph: &Graph, ids: impl Iterator<Item = NodeId>) -> Vec<(Key, f64)> {
    let node = |id| {
        let node = graph.node(id);
        Class::of(graph, node).map(|class| (class, graph.operator_cost(node)))
    };
    let mut operators: Vec<(Class, OperatorCost)> = ids.filter_map(node).collect();
    operators.sort_unstable();
    let mut sums = Vec::new();
    for alike in operators.chunk_by(|a, b| a == b) {
        let ((class, cost), times) = (alike[0], alike.len() as f64);
        let size = ((cost.macs + cost.outputs).max(1) as f64).log2() / 2.0;
        let (size, share) = (size as u8, size.fract());
        let sizes = [size, size + 1].map(|size| size.min(Key::LARGEST));
        for (size, share) in sizes.into_iter().zip([1.0 - share, share]) {
            let shares = amounts(&cost).map(|(attribute, amount)| {
                let key = Key {
                    class,
                    size,
                    attribute,
                };
                (key, amount * times * share)
            });
            sums.extend(shares.into_iter().filter(|(_, amount)| *amount > 0.0));
        }
    }
    sums
}

fn amounts(cost: &OperatorCost) -> [(Attribute, f64); 5] {
    [
        (Attribute::Operators, 1.0),
        (Attribute::Macs, cost.macs as f64),
        (Attribute::Inputs, cost.inputs as f64),
        (Attribute::Outputs, cost.outputs as f64),
        (Attribute::Weights, cost.weights as f64),
    ]
}
