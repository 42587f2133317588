//! The content hash by which every cache knows a network.

use std::{collections::HashSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Convolution, Graph, NodeId, Op, Pool};

/// Hash of a live graph: names and dead code do not matter. 32 hexadecimal digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GraphHash([u8; 16]);

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a graph hash (32 hexadecimal digits)")]
pub struct ParseHashError(String);

/// Begins every hashed list; a change of the encoding must change it.
const ENCODING: &[u8] = b"bespoke graph 1";

/// What is known of a node's place in the graph: equal for nodes that cannot be told apart.
type Label = [u8; 32];

// === impl Graph ===

impl Graph {
    /// Hash of the live graph. Two graphs with the same hash are the same network up to names.
    ///
    /// Neither names nor the order of the nodes nor that of the inputs of a sum or product matter; a value with two
    /// readers and two equal values with one reader each do differ. The nodes of the live graph are numbered by a
    /// depth-first walk from the output, which visits the inputs of sums and products in the order of their labels;
    /// BLAKE3 over the numbered list, cut to 16 bytes, is the hash. The labels are those of Weisfeiler and Leman's
    /// refinement. Should two inputs have the same label and not be interchangeable, which takes a graph made for
    /// it, then one network may have two hashes; never two networks one.
    pub fn hash(&self) -> GraphHash {
        let live = self.live();
        let labels = live.labels();
        let order = live.canonical_order(&labels);
        let mut number = vec![0; live.nodes().len()];
        let mut list = ENCODING.to_vec();
        encode_list(&mut list, live.input_shape().dims());
        for (position, id) in order.iter().enumerate() {
            number[id.index()] = position;
            let node = live.node(*id);
            encode_op(&mut list, &node.op);
            let mut inputs: Vec<usize> = node.inputs.iter().map(|i| number[i.index()]).collect();
            if node.op.is_commutative() {
                inputs.sort_unstable();
            }
            encode_list(&mut list, &inputs);
        }
        let mut hash = [0; 16];
        hash.copy_from_slice(&blake3::hash(&list).as_bytes()[..16]);
        GraphHash(hash)
    }

    /// Labels by what a node computes, then also by who reads it, until no more nodes are told apart.
    fn labels(&self) -> Vec<Label> {
        let mut labels = self.refine_by_inputs(&vec![[0; 32]; self.nodes().len()]);
        let mut told_apart = 0;
        loop {
            let distinct = labels.iter().collect::<HashSet<_>>().len();
            if distinct == told_apart || distinct == labels.len() {
                return labels;
            }
            told_apart = distinct;
            labels = self.refine_by_inputs(&self.refine_by_readers(&labels));
        }
    }

    fn refine_by_inputs(&self, labels: &[Label]) -> Vec<Label> {
        let mut refined: Vec<Label> = Vec::with_capacity(labels.len());
        for (node, label) in self.nodes().iter().zip(labels) {
            let mut bytes = label.to_vec();
            encode_op(&mut bytes, &node.op);
            let mut inputs: Vec<Label> = node.inputs.iter().map(|i| refined[i.index()]).collect();
            if node.op.is_commutative() {
                inputs.sort_unstable();
            }
            bytes.extend(inputs.concat());
            refined.push(*blake3::hash(&bytes).as_bytes());
        }
        refined
    }

    fn refine_by_readers(&self, labels: &[Label]) -> Vec<Label> {
        let mut readers: Vec<Vec<Label>> = vec![Vec::new(); labels.len()];
        let mut refined = vec![[0; 32]; labels.len()];
        for id in self.ids().rev() {
            let mut seen_by = std::mem::take(&mut readers[id.index()]);
            seen_by.sort_unstable();
            let bytes = [labels[id.index()].to_vec(), seen_by.concat()].concat();
            let label = *blake3::hash(&bytes).as_bytes();
            refined[id.index()] = label;
            let node = self.node(id);
            for (position, input) in node.inputs.iter().enumerate() {
                let position = if node.op.is_commutative() {
                    0
                } else {
                    position as u64
                };
                let bytes = [&label[..], &position.to_le_bytes()].concat();
                readers[input.index()].push(*blake3::hash(&bytes).as_bytes());
            }
        }
        refined
    }

    /// Depth-first order from the output, inputs before their readers.
    fn canonical_order(&self, labels: &[Label]) -> Vec<NodeId> {
        let mut order = Vec::with_capacity(self.nodes().len());
        let mut done = vec![false; self.nodes().len()];
        let mut stack = vec![(self.output(), false)];
        while let Some((id, inputs_done)) = stack.pop() {
            if done[id.index()] {
                continue;
            }
            if inputs_done {
                done[id.index()] = true;
                order.push(id);
                continue;
            }
            stack.push((id, true));
            let node = self.node(id);
            let mut inputs = node.inputs.clone();
            if node.op.is_commutative() {
                inputs.sort_by_key(|input| labels[input.index()]);
            }
            stack.extend(inputs.into_iter().rev().map(|input| (input, false)));
        }
        order
    }
}

// === impl Op ===

impl Op {
    fn is_commutative(&self) -> bool {
        matches!(self, Self::Add | Self::Mul)
    }
}

// === impl GraphHash ===

impl fmt::Display for GraphHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for GraphHash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseHashError(text.to_owned());
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| error())?;
        Ok(Self(number.to_be_bytes()))
    }
}

impl TryFrom<String> for GraphHash {
    type Error = ParseHashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<GraphHash> for String {
    fn from(hash: GraphHash) -> Self {
        hash.to_string()
    }
}

// === encoding ===

/// Appends an operator so that different operators never read the same; changing this changes every hash.
fn encode_op(bytes: &mut Vec<u8>, op: &Op) {
    let kind = op.kind();
    encode(bytes, kind.len());
    bytes.extend(kind.as_bytes());
    match op {
        Op::Input { shape } | Op::Zeros { shape } | Op::Reshape { shape } => {
            encode_list(bytes, shape);
        }
        Op::Conv(conv) => encode_convolution(bytes, conv),
        Op::BatchNorm { epsilon: value }
        | Op::LayerNorm { epsilon: value }
        | Op::Scale { factor: value } => bytes.extend(value.to_bits().to_le_bytes()),
        Op::MaxPool(pool) | Op::AvgPool(pool) => {
            let Pool {
                kernel,
                stride,
                padding,
            } = pool;
            encode_list(bytes, [*kernel, *stride, *padding].as_flattened());
        }
        Op::Concat { axis } | Op::Softmax { axis } => encode(bytes, *axis),
        Op::Linear { out_features, bias } => {
            encode_list(bytes, &[*out_features, usize::from(*bias)])
        }
        Op::Transpose { perm } => encode_list(bytes, perm),
        Op::Activation(_) | Op::GlobalAvgPool | Op::Add | Op::Mul | Op::MatMul => {}
    }
}

fn encode_convolution(bytes: &mut Vec<u8>, conv: &Convolution) {
    let Convolution {
        out_channels,
        kernel,
        stride,
        padding,
        groups,
        bias,
    } = conv;
    encode_list(bytes, [*kernel, *stride, *padding].as_flattened());
    encode_list(bytes, &[*out_channels, *groups, usize::from(*bias)]);
}

fn encode_list(bytes: &mut Vec<u8>, numbers: &[usize]) {
    encode(bytes, numbers.len());
    numbers.iter().for_each(|number| encode(bytes, *number));
}

fn encode(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend((number as u64).to_le_bytes());
}
