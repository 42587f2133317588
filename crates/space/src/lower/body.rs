//! The operators of one layer as they are added, and the sequences that several blocks share.

use bespoke_graph::{Activation, Builder, Convolution, NodeId, Op, Pool};

use crate::{error::Fault, stage::Layer};

use super::{
    paths::Naming,
    settings::{Settings, SkipPath},
};

/// Elements of any value of one sample; larger networks are refused.
const MAX_ELEMENTS: usize = 1 << 26;
/// Of every batch normalisation, as in PyTorch.
const EPSILON: f32 = 1e-5;

/// Adds a layer's operators after each other; nodes are named `LAYER.PART`.
pub(super) struct Body<'a> {
    builder: &'a mut Builder,
    at: NodeId,
    layer: &'a Layer,
    /// What the nodes' names begin with.
    name: String,
    naming: Naming<'a>,
}

// === impl Body ===

impl<'a> Body<'a> {
    pub fn new(
        builder: &'a mut Builder,
        at: NodeId,
        layer: &'a Layer,
        choices: &[u16],
        naming: Naming<'a>,
    ) -> Self {
        Self {
            builder,
            at,
            layer,
            name: naming.layer(layer, choices),
            naming,
        }
    }

    /// The name of a part of the layer that has been given a named option by itself.
    pub fn part(&self, part: &str, option: &str) -> String {
        self.naming.part(part, option)
    }

    /// The node that the layer has got to.
    pub fn at(&self) -> NodeId {
        self.at
    }

    /// Goes on from another node.
    pub fn go_to(&mut self, node: NodeId) {
        self.at = node;
    }

    /// Lengths of the axes of a node's value.
    pub fn dims(&self, node: NodeId) -> &[usize] {
        self.builder.shape(node).dims()
    }

    /// Channels, height and width of the value at hand.
    pub fn image(&self) -> Result<[usize; 3], Fault> {
        self.dims(self.at).try_into().map_err(|_| {
            let shape = self.builder.shape(self.at);
            self.fault(format!(
                "needs channels, height and width, but the layers before give {shape}"
            ))
        })
    }

    pub fn channels(&self) -> Result<usize, Fault> {
        self.image().map(|[channels, _, _]| channels)
    }

    /// Adds a node.
    pub fn push(&mut self, part: &str, op: Op, inputs: &[NodeId]) -> Result<NodeId, Fault> {
        let name = format!("{}.{part}", self.name);
        let node = self.builder.push(name, op, inputs);
        let node = node.map_err(|error| self.fault(error.to_string()))?;
        let elements = self.builder.shape(node).elements();
        if elements > MAX_ELEMENTS {
            let reason = format!("a value of {elements} elements; at most {MAX_ELEMENTS} can be");
            return Err(self.fault(reason));
        }
        Ok(node)
    }

    /// Adds a node after the one at hand.
    pub fn then(&mut self, part: &str, op: Op) -> Result<(), Fault> {
        self.at = self.push(part, op, &[self.at])?;
        Ok(())
    }

    /// Convolution, batch normalisation and, if any, activation.
    pub fn conv_norm_act(
        &mut self,
        part: &str,
        convolution: Convolution,
        activation: Option<Activation>,
    ) -> Result<(), Fault> {
        self.then(part, Op::Conv(convolution))?;
        self.then(&format!("{part}_norm"), Op::BatchNorm { epsilon: EPSILON })?;
        match activation {
            Some(_) => self.act(&format!("{part}_act"), activation),
            None => Ok(()),
        }
    }

    /// Activation, convolution and batch normalisation, the order of NAS-Bench-201.
    pub fn act_conv_norm(&mut self, part: &str, convolution: Convolution) -> Result<(), Fault> {
        self.act(&format!("{part}_act"), Some(Activation::Relu))?;
        self.conv_norm_act(part, convolution, None)
    }

    pub fn norm(&mut self, part: &str) -> Result<(), Fault> {
        self.then(part, Op::BatchNorm { epsilon: EPSILON })
    }

    pub fn act(&mut self, part: &str, activation: Option<Activation>) -> Result<(), Fault> {
        match activation {
            Some(activation) => self.then(part, Op::Activation(activation)),
            None => Ok(()),
        }
    }

    /// Squeeze and excitation (Hu et al., 2018) where the layer's `se` is not 0: the channels' means go through two
    /// dense layers, written as 1x1 convolutions, and give a factor for each channel.
    pub fn squeeze_excite(&mut self, settings: &Settings<'_>) -> Result<(), Fault> {
        let ratio = settings.number("se", 0.0..=1.0)?.unwrap_or(0.0);
        if ratio == 0.0 {
            return Ok(());
        }
        let channels = self.channels()?;
        let squeezed = scaled(channels, ratio, settings)?;
        let input = self.at;
        let with_bias = |channels| {
            let mut convolution = Convolution::same(channels, 1, 1, 1);
            convolution.bias = true;
            Op::Conv(convolution)
        };
        self.then("se_pool", Op::GlobalAvgPool)?;
        self.then("se_squeeze", with_bias(squeezed))?;
        self.act("se_act", Some(Activation::Relu))?;
        self.then("se_excite", with_bias(channels))?;
        self.act("se_gate", Some(settings.gate()?))?;
        self.at = self.push("se", Op::Mul, &[input, self.at])?;
        Ok(())
    }

    /// Mixes the groups of a grouped convolution (ShuffleNet, Zhang et al., 2018).
    pub fn shuffle(&mut self, part: &str, groups: usize) -> Result<(), Fault> {
        if groups == 1 {
            return Ok(());
        }
        let [channels, height, width] = self.image()?;
        let split = vec![groups, channels / groups, height, width];
        let perm = vec![1, 0, 2, 3];
        let shape = vec![channels, height, width];
        self.then(&format!("{part}_split"), Op::Reshape { shape: split })?;
        self.then(&format!("{part}_swap"), Op::Transpose { perm })?;
        self.then(&format!("{part}_join"), Op::Reshape { shape })
    }

    /// Adds the layer's input, as its skip path has it, to the value at hand.
    pub fn join(&mut self, input: NodeId, path: SkipPath, stride: usize) -> Result<(), Fault> {
        let output = self.at;
        let is_kept = self.dims(input) == self.dims(output);
        let keeps_channels = self.dims(input)[0] == self.dims(output)[0];
        let skipped = match path {
            SkipPath::Identity if is_kept => input,
            SkipPath::Pool if keeps_channels => {
                let pool = Pool {
                    kernel: [3; 2],
                    stride: [stride; 2],
                    padding: [1; 2],
                };
                self.push("skip_pool", Op::AvgPool(pool), &[input])?
            }
            SkipPath::Project => {
                let channels = self.dims(output)[0];
                self.at = input;
                self.shortcut(channels, stride)?;
                self.at
            }
            SkipPath::Identity | SkipPath::Pool | SkipPath::None => return Ok(()),
        };
        self.at = self.push("sum", Op::Add, &[skipped, output])?;
        Ok(())
    }

    /// Brings the value at hand to the shape that a padded convolution with the stride gives: the mean of each window
    /// of the stride's size, and a 1x1 convolution with batch normalisation where the number of channels changes.
    pub fn shortcut(&mut self, channels: usize, stride: usize) -> Result<(), Fault> {
        let [narrow, height, width] = self.image()?;
        if stride > 1 {
            let pool = Pool {
                kernel: [stride; 2],
                stride: [stride; 2],
                // Windows that reach beyond the edge, half of it on either side.
                padding: [height, width]
                    .map(|size| (size.next_multiple_of(stride) - size).div_ceil(2)),
            };
            self.then("shortcut_pool", Op::AvgPool(pool))?;
        }
        if channels != narrow {
            self.conv_norm_act("shortcut", Convolution::same(channels, 1, 1, 1), None)?;
        }
        Ok(())
    }

    pub fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault::new(self.layer.line, "block", reason)
    }
}

/// So many channels times a ratio: rounded to a multiple of the layer's `divisor`, but never below nine tenths
/// (`make_divisible` of the MobileNets' published code).
pub(super) fn scaled(channels: usize, ratio: f64, settings: &Settings<'_>) -> Result<usize, Fault> {
    let divisor = settings.integer("divisor", 1..=1024)?.unwrap_or(1);
    let exact = (channels as f64 * ratio).round();
    let steps = (exact / divisor as f64 + 0.5).floor().max(1.0);
    let rounded = steps as usize * divisor;
    match (rounded as f64) < 0.9 * exact {
        true => Ok(rounded + divisor),
        false => Ok(rounded),
    }
}
