//! Dead-code removal.

use std::{borrow::Cow, collections::HashMap};

use crate::{Builder, Graph, Node, NodeId, Op, Shape};

/// What a node's value comes down to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    /// Zero everywhere.
    Zero,
    /// What the node given computes: the node itself, or the addend that is left of a sum with zeros.
    Computed(NodeId),
}

/// The live graph while it is built from the raw one.
struct Rebuild<'a> {
    graph: &'a Graph,
    values: Vec<Value>,
    builder: Builder,
    /// New ids of the old nodes that are kept.
    kept: HashMap<NodeId, NodeId>,
    /// The one node of zeros of each shape that something cannot do without.
    zeros: HashMap<Shape, NodeId>,
}

// === impl Graph ===

impl Graph {
    /// The network that remains when everything that cannot reach the output is removed.
    ///
    /// Zeros cannot reach the output through a sum whose other addend has the sum's shape, and a branch that is fed
    /// by nothing but zeros is defined to be zero itself: convolutions and linear layers without bias, batch
    /// normalisations (whose shift would otherwise make it a constant), poolings, activations that keep zero,
    /// products, scalings, reshapes, transpositions, and concatenations of nothing else. It is this network that is
    /// trained, measured and exported. Where zeros meet what cannot absorb them, such as a linear layer with bias, a
    /// concatenation with something else, or the output, one node [`Op::Zeros`] of their shape remains.
    ///
    /// The input always remains, names are kept, and the live graph of a live graph is the same graph.
    pub fn live(&self) -> Graph {
        self.live_part().into_owned()
    }

    /// The same, borrowed where everything reaches the output and nothing is zeros: nothing is copied then.
    pub fn live_part(&self) -> Cow<'_, Graph> {
        let values = self.values();
        let reached = self.reached(&values);
        let is_kept = |id: NodeId| values[id.index()] == Value::Computed(id) && reached[id.index()];
        if self.ids().skip(1).all(is_kept) {
            return Cow::Borrowed(self);
        }
        let (builder, input) = Graph::builder(self.input_shape().dims());
        let mut rebuild = Rebuild {
            graph: self,
            values,
            builder,
            kept: HashMap::from([(NodeId::from_index(0), input)]),
            zeros: HashMap::new(),
        };
        for id in self.ids().skip(1).filter(|id| reached[id.index()]) {
            rebuild.keep(id);
        }
        let output = rebuild.new_id(self.output());
        Cow::Owned(rebuild.finish(output))
    }

    fn values(&self) -> Vec<Value> {
        let mut values: Vec<Value> = Vec::with_capacity(self.nodes().len());
        for id in self.ids() {
            let node = self.node(id);
            let inputs: Vec<Value> = node.inputs.iter().map(|i| values[i.index()]).collect();
            values.push(self.value(id, &inputs));
        }
        values
    }

    fn value(&self, id: NodeId, inputs: &[Value]) -> Value {
        let node = self.node(id);
        if node.op.yields_zeros(inputs) {
            return Value::Zero;
        }
        if node.op == Op::Add {
            let same_shape = |i: usize| self.node(node.inputs[i]).shape == node.shape;
            match inputs {
                [Value::Zero, other] if same_shape(1) => return *other,
                [other, Value::Zero] if same_shape(0) => return *other,
                _ => {}
            }
        }
        Value::Computed(id)
    }

    /// Which nodes the output depends on once zeros and sums with zeros are gone.
    fn reached(&self, values: &[Value]) -> Vec<bool> {
        let mut reached = vec![false; self.nodes().len()];
        let mark = |reached: &mut Vec<bool>, id: NodeId| {
            if let Value::Computed(id) = values[id.index()] {
                reached[id.index()] = true;
            }
        };
        mark(&mut reached, self.output());
        for id in self.ids().rev() {
            if reached[id.index()] {
                for input in &self.node(id).inputs {
                    mark(&mut reached, *input);
                }
            }
        }
        reached
    }
}

// === impl Op ===

impl Op {
    fn yields_zeros(&self, inputs: &[Value]) -> bool {
        let any = inputs.contains(&Value::Zero);
        let all = inputs.iter().all(|value| *value == Value::Zero);
        match self {
            Self::Input { .. } => false,
            Self::Zeros { .. } => true,
            Self::Conv(conv) => all && !conv.bias,
            Self::Linear { bias, .. } => all && !bias,
            Self::Activation(activation) => all && activation.keeps_zero(),
            Self::Mul | Self::MatMul => any,
            Self::LayerNorm { .. } | Self::Softmax { .. } => false,
            Self::BatchNorm { .. }
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::GlobalAvgPool
            | Self::Add
            | Self::Scale { .. }
            | Self::Concat { .. }
            | Self::Reshape { .. }
            | Self::Transpose { .. } => all,
        }
    }
}

// === impl Rebuild ===

impl Rebuild<'_> {
    fn keep(&mut self, id: NodeId) {
        let Node {
            name, op, inputs, ..
        } = self.graph.node(id);
        let inputs: Vec<NodeId> = inputs.iter().map(|input| self.new_id(*input)).collect();
        let new = self.push(name, op.clone(), &inputs);
        self.kept.insert(id, new);
    }

    /// The new node that stands for an old one's value; zeros get their node here.
    fn new_id(&mut self, old: NodeId) -> NodeId {
        if let Value::Computed(source) = self.values[old.index()] {
            return self.kept[&source];
        }
        let Node { name, shape, .. } = self.graph.node(old);
        if let Some(id) = self.zeros.get(shape) {
            return *id;
        }
        let op = Op::Zeros {
            shape: shape.dims().to_vec(),
        };
        let id = self.push(name, op, &[]);
        self.zeros.insert(shape.clone(), id);
        id
    }

    fn push(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.builder
            .push(name, op, inputs)
            .expect("the shapes are those of the raw graph, where they fitted")
    }

    fn finish(self, output: NodeId) -> Graph {
        self.builder
            .finish(output)
            .expect("the output was just added")
    }
}
