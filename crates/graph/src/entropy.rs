//! The maximum-entropy score of MAE-NAS: a network's expressiveness, from its layers' sizes alone.
//!
//! Z. Sun et al.: MAE-DET: Revisiting Maximum Entropy Principle in Zero-Shot NAS for Efficient Object Detection (ICML
//! 2022); X. Xu et al.: DAMO-YOLO (arXiv 2211.15444, 2022), whose code weighs the stages as [`RATIOS`] does.
//!
//! With Gaussian weights and inputs of deviation 1, a layer that sums n numbers has the deviation √n, so that the
//! logarithm of a network's deviation at a value is the sum of ½ log n over the layers before it: along the main path,
//! since residual connections are left out. A *stage* is all of one resolution; it scores the logarithms of its last
//! value's deviation, counted from the input, and of that value's channels.

use crate::{Graph, Op};

/// Weight of each of the last five resolutions, the finest first, as DAMO-YOLO's code has them.
pub const RATIOS: [f64; 5] = [0.0, 0.0, 1.0, 1.0, 16.0];

/// What the layers up to some value come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entropy {
    /// Of the last value that all paths go through: the logarithm of the deviation and the layers before it.
    log_deviation: f64,
    layers: u32,
    /// Of the last value that all paths go through.
    channels: usize,
    places: usize,
    /// A global pooling is behind: nothing counts any more.
    pooled: bool,
    /// What the stages before this one scored, the latest last.
    ended: [f64; 4],
}

/// The same at a node, on the main path to it.
#[derive(Clone, Copy)]
struct At {
    log_deviation: f64,
    /// Convolutions and linear layers.
    layers: u32,
    pooled: bool,
}

// === impl Entropy ===

impl Entropy {
    /// Before the first layer.
    pub fn at_input() -> Self {
        Self {
            log_deviation: 0.0,
            layers: 0,
            channels: 0,
            places: 0,
            pooled: false,
            ended: [0.0; 4],
        }
    }

    /// The score with the published [`RATIOS`]; minus infinity where nothing of the input comes through.
    pub fn score(&self) -> f64 {
        self.score_by(&RATIOS)
    }

    /// The weighted sum over the last five stages, the earliest first. A network with fewer has none of the earliest.
    pub fn score_by(&self, ratios: &[f64; 5]) -> f64 {
        let [earlier @ .., last] = ratios;
        let stages = earlier.iter().zip(self.ended);
        let before: f64 = stages.map(|(ratio, stage)| ratio * stage).sum();
        before + last * self.stage()
    }

    /// Convolutions and linear layers on the main path, up to the global pooling: what MAE-NAS's budget of layers counts.
    pub fn layers(&self) -> u32 {
        self.layers
    }

    /// What the stage under way scores if it ends here.
    fn stage(&self) -> f64 {
        self.log_deviation + (self.channels.max(1) as f64).ln()
    }

    /// A value that all paths go through.
    fn pass(&mut self, at: At, [channels, height, width]: [usize; 3]) {
        let places = height * width;
        if places < self.places {
            self.ended.rotate_left(1);
            self.ended[3] = self.stage();
        }
        (self.log_deviation, self.layers) = (at.log_deviation, at.layers);
        (self.channels, self.places) = (channels, places);
    }
}

// === impl Graph ===

impl Graph {
    /// The maximum-entropy score's state at the output.
    ///
    /// Unlike the paper, which is of residual blocks only: of several paths the one with the greatest deviation is the
    /// main one, and a stage ends at the last value of its resolution that all paths go through.
    pub fn entropy(&self) -> Entropy {
        self.entropy_after(Entropy::at_input())
    }

    /// The same of a piece of a network, given the state at its input.
    pub fn entropy_after(&self, start: Entropy) -> Entropy {
        let mut state = start;
        let mut nodes: Vec<At> = Vec::with_capacity(self.nodes().len());
        let mut open_until = 0;
        let last_readers = self.last_readers();
        for (index, node) in self.nodes().iter().enumerate() {
            let inputs = node.inputs.iter().map(|input| nodes[input.index()]);
            // The greatest; of equals one that no pooling is before, as of a gate and what it gates.
            let input = inputs.reduce(|a, b| {
                let is_more = b.log_deviation > a.log_deviation;
                let is_equal = b.log_deviation == a.log_deviation;
                if is_more || (is_equal && a.pooled) {
                    b
                } else {
                    a
                }
            });
            let at = match (&node.op, input) {
                (Op::Zeros { .. }, _) => At {
                    log_deviation: f64::NEG_INFINITY,
                    layers: 0,
                    pooled: false,
                },
                (_, None) => At {
                    log_deviation: start.log_deviation,
                    layers: start.layers,
                    pooled: start.pooled,
                },
                (op, Some(at)) => at.through(op, self.node(node.inputs[0]).shape.dims()),
            };
            nodes.push(at);
            let is_passage = open_until <= index;
            open_until = open_until.max(last_readers[index]);
            if let (true, false, [channels, height, width]) =
                (is_passage, at.pooled, node.shape.dims())
            {
                state.pass(at, [*channels, *height, *width]);
            }
            state.pooled |= is_passage && at.pooled;
            if index == self.output().index() {
                break;
            }
        }
        state
    }

    /// For each node the last one that reads it; itself if none does.
    fn last_readers(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.nodes().len()).collect();
        for (index, node) in self.nodes().iter().enumerate() {
            for input in &node.inputs {
                last[input.index()] = index;
            }
        }
        last
    }
}

// === impl At ===

impl At {
    /// Behind an operator that reads a value of this shape.
    fn through(mut self, op: &Op, input: &[usize]) -> Self {
        let summed = match op {
            _ if self.pooled => return self,
            Op::Conv(conv) => input[0] / conv.groups * conv.kernel[0] * conv.kernel[1],
            Op::Linear { .. } => input.last().copied().unwrap_or(1),
            _ => {
                self.pooled = matches!(op, Op::GlobalAvgPool);
                return self;
            }
        };
        self.log_deviation += 0.5 * (summed as f64).ln();
        self.layers += 1;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Convolution, NodeId};

    fn conv(
        builder: &mut Builder,
        x: NodeId,
        channels: usize,
        kernel: usize,
        stride: usize,
    ) -> NodeId {
        let name = format!("conv{channels}_{kernel}_{stride}_{}", x.index());
        let op = Op::Conv(Convolution::same(channels, kernel, stride, 1));
        builder.push(name, op, &[x]).expect("it fits")
    }

    /// A stem of 8 channels and two residual blocks of 1x1 and 3x3, the second with stride 2.
    fn residual() -> Graph {
        let (mut builder, input) = Graph::builder(&[3, 8, 8]);
        let mut x = conv(&mut builder, input, 8, 3, 1);
        for (channels, stride) in [(8, 1), (16, 2)] {
            let middle = conv(&mut builder, x, 4, 1, 1);
            let main = conv(&mut builder, middle, channels, 3, stride);
            let short = conv(&mut builder, x, channels, 1, stride);
            let name = format!("add{channels}");
            x = builder
                .push(name, Op::Add, &[main, short])
                .expect("equal shapes");
        }
        let pooled = builder
            .push("pool", Op::GlobalAvgPool, &[x])
            .expect("a map");
        let flat = Op::Reshape { shape: vec![16] };
        let flat = builder.push("flat", flat, &[pooled]).expect("16 numbers");
        let op = Op::Linear {
            out_features: 10,
            bias: true,
        };
        let output = builder.push("logits", op, &[flat]).expect("it fits");
        builder.finish(output).expect("a graph")
    }

    #[test]
    fn the_score_is_the_published_formula_worked_out_by_hand() {
        let half_log = |n: f64| 0.5 * n.ln();
        let stem = half_log(27.0);
        let first = stem + half_log(8.0) + half_log(36.0);
        let second = first + half_log(8.0) + half_log(36.0);
        let expected = 16.0 * (second + 16f64.ln()) + (first + 8f64.ln());
        let score = residual().entropy().score();
        assert!((score - expected).abs() < 1e-9, "{score} {expected}");
        assert_eq!(residual().entropy().layers(), 5, "without the shortcuts");
        let flat = [0.0, 0.0, 0.0, 1.0, 0.0];
        let of_first = residual().entropy().score_by(&flat);
        assert!((of_first - first - 8f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn a_network_that_lets_nothing_through_has_no_score() {
        let (mut builder, _) = Graph::builder(&[3, 8, 8]);
        let zeros = Op::Zeros {
            shape: vec![3, 8, 8],
        };
        let zeros = builder.push("zeros", zeros, &[]).expect("it reads nothing");
        let output = conv(&mut builder, zeros, 8, 3, 1);
        let graph = builder.finish(output).expect("a graph");
        assert_eq!(graph.entropy().score(), f64::NEG_INFINITY);
    }
}
