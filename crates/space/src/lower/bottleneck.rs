//! The residual block of MAE-NAS's convolutional spaces (Sun et al., 2022).

use bespoke_graph::{Activation, Convolution, Op};

use crate::error::Fault;

use super::{
    body::Body,
    settings::{CHANNELS, Settings},
};

pub(super) const KEYS: [&str; 5] = ["channels", "bottleneck", "kernel", "stride", "activation"];

/// A 1x1 convolution to the bottleneck's channels and a kxk one from them, beside the input: averaged where there is a
/// stride, by a 1x1 convolution where the channels change. The sum is activated.
pub(super) fn bottleneck(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let input = body.at();
    let (channels, stride) = (settings.channels()?, settings.stride()?);
    let activation = settings.activation(Activation::Relu)?;
    let middle = settings.integer("bottleneck", CHANNELS)?;
    let middle = middle.ok_or_else(|| settings.missing("bottleneck"))?;
    body.conv_norm_act("squeeze", Convolution::same(middle, 1, 1, 1), activation)?;
    let main = Convolution::same(channels, settings.kernel()?, stride, 1);
    body.conv_norm_act("conv", main, None)?;
    let main = body.at();
    body.go_to(input);
    body.shortcut(channels, stride)?;
    let shortcut = body.at();
    let sum = body.push("sum", Op::Add, &[shortcut, main])?;
    body.go_to(sum);
    body.act("act", activation)
}
