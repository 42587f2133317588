//! What a network costs, counted from its graph.

use serde::{Deserialize, Serialize};

use crate::{Graph, Node, NodeId, Op, Role, Shape};

/// Cost of one forward pass of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable parameters (running statistics of batch normalisation are not counted).
    pub parameters: u64,
    /// Multiply-accumulates of convolutions, linear layers and matrix products.
    pub macs: u64,
    /// Operations as the authors of NAS-Bench-201 count them, in units: see [`Graph::cost`].
    pub flops: u64,
    /// Bytes read and written by all operators at 32 bits a value, parameters included.
    pub bytes_moved: u64,
    /// Greatest sum of the values that are alive at the same time, at 32 bits a value.
    pub peak_activation_bytes: u64,
}

/// Work of one operator for one sample, in values and multiply-accumulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorCost {
    /// Multiply-accumulates.
    pub macs: u64,
    /// Elements of all values that it reads, parameters left out.
    pub inputs: u64,
    /// Elements of the value that it yields.
    pub outputs: u64,
    /// Elements of the weights that it multiplies with.
    pub weights: u64,
}

const BYTES_PER_VALUE: u64 = 4;

// === impl Graph ===

impl Graph {
    /// Counts the graph as it stands, dead code included: count [`Graph::live`] for the network that runs.
    ///
    /// `macs` leaves biases out. `flops` counts as the code behind the table of NAS-Bench-201 (Dong and Yang, ICLR
    /// 2020) does, so that its published numbers come out:
    /// - a multiply-accumulate of a convolution, linear layer or matrix product is 1, its bias nothing;
    /// - an element that a batch normalisation yields is 2;
    /// - an element that an activation yields, of whichever kind, is 1;
    /// - an element that a pooling yields is as much as its window has positions, those in the padding included;
    /// - an element that the global mean of a map of height h and width w yields is (h + 1)(w + 1);
    /// - all other operators, additions and the softmax among them, are nothing.
    ///
    /// `bytes_moved` takes each operator to read its inputs and parameters (running statistics included) once and to
    /// write its value once. A reshape moves nothing: its value is its input under another shape.
    ///
    /// `peak_activation_bytes` runs the nodes in the graph's order. A value is alive from its node to its last
    /// reader, both included, the input from the start and the output to the end; a reshape keeps its input alive
    /// and takes no room itself. Parameters are not part of it.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost {
            parameters: 0,
            macs: 0,
            flops: 0,
            bytes_moved: 0,
            peak_activation_bytes: self.peak_activation_bytes(),
        };
        for parameter in self.parameters() {
            let elements = count(&parameter.shape);
            cost.bytes_moved = cost
                .bytes_moved
                .saturating_add(elements.saturating_mul(BYTES_PER_VALUE));
            if matches!(parameter.role, Role::Weight | Role::Bias) {
                cost.parameters = cost.parameters.saturating_add(elements);
            }
        }
        for node in self.nodes() {
            let macs = self.macs(node);
            cost.macs = cost.macs.saturating_add(macs);
            cost.flops = cost
                .flops
                .saturating_add(macs)
                .saturating_add(self.other_flops(node));
            cost.bytes_moved = cost.bytes_moved.saturating_add(self.values_moved(node));
        }
        cost
    }

    /// What one node of this graph does.
    pub fn operator_cost(&self, node: &Node) -> OperatorCost {
        let macs = self.macs(node);
        let inputs = node.inputs.iter().map(|id| count(&self.node(*id).shape));
        let outputs = count(&node.shape);
        OperatorCost {
            macs,
            inputs: inputs.fold(0, u64::saturating_add),
            outputs,
            weights: self.weights_read(node, macs),
        }
    }

    fn weights_read(&self, node: &Node, macs: u64) -> u64 {
        let uses_of_each = match &node.op {
            Op::Conv(_) => product(&node.shape.dims()[1..]),
            Op::Linear { out_features, .. } => count(&node.shape) / (*out_features as u64).max(1),
            _ => return 0,
        };
        macs / uses_of_each.max(1)
    }

    fn macs(&self, node: &Node) -> u64 {
        let per_element = match &node.op {
            Op::Conv(conv) => {
                let channels = self.input_dims(node)[0] / conv.groups;
                product(&[channels, conv.kernel[0], conv.kernel[1]])
            }
            Op::Linear { .. } | Op::MatMul => {
                let inner = self.input_dims(node).last();
                product(&[*inner.expect("shape inference wants an axis")])
            }
            _ => 0,
        };
        count(&node.shape).saturating_mul(per_element)
    }

    fn other_flops(&self, node: &Node) -> u64 {
        let per_element = match &node.op {
            Op::BatchNorm { .. } => 2,
            Op::Activation(_) => 1,
            Op::MaxPool(pool) | Op::AvgPool(pool) => product(&pool.kernel),
            Op::GlobalAvgPool => {
                let dims = self.input_dims(node);
                product(&[dims[1] + 1, dims[2] + 1])
            }
            _ => 0,
        };
        count(&node.shape).saturating_mul(per_element)
    }

    fn values_moved(&self, node: &Node) -> u64 {
        if matches!(node.op, Op::Input { .. } | Op::Reshape { .. }) {
            return 0;
        }
        let read = node.inputs.iter().map(|id| count(&self.node(*id).shape));
        let values = read.fold(count(&node.shape), u64::saturating_add);
        values.saturating_mul(BYTES_PER_VALUE)
    }

    fn peak_activation_bytes(&self) -> u64 {
        let mut storage: Vec<NodeId> = Vec::with_capacity(self.nodes().len());
        let mut last_reader: Vec<usize> = (0..self.nodes().len()).collect();
        for (position, node) in self.nodes().iter().enumerate() {
            for input in &node.inputs {
                last_reader[storage[input.index()].index()] = position;
            }
            storage.push(match node.op {
                Op::Reshape { .. } => storage[node.inputs[0].index()],
                _ => NodeId::from_index(position),
            });
        }
        last_reader[storage[self.output().index()].index()] = self.nodes().len() - 1;

        let mut freed_after = vec![0_u64; self.nodes().len()];
        let (mut alive, mut peak) = (0_u64, 0_u64);
        for (position, node) in self.nodes().iter().enumerate() {
            if storage[position].index() == position {
                let bytes = count(&node.shape).saturating_mul(BYTES_PER_VALUE);
                alive = alive.saturating_add(bytes);
                let end = &mut freed_after[last_reader[position]];
                *end = end.saturating_add(bytes);
            }
            peak = peak.max(alive);
            alive = alive.saturating_sub(freed_after[position]);
        }
        peak
    }

    fn input_dims(&self, node: &Node) -> &[usize] {
        self.node(node.inputs[0]).shape.dims()
    }
}

// === helpers ===

fn count(shape: &Shape) -> u64 {
    shape.elements() as u64
}

fn product(factors: &[usize]) -> u64 {
    factors
        .iter()
        .fold(1, |product, factor| product.saturating_mul(*factor as u64))
}
