//! The inverted bottleneck.

use bespoke_graph::{Activation, Convolution};

use crate::error::Fault;

use super::{
    body::{Body, scaled},
    settings::{Settings, SkipPath},
};

const MAX_EXPAND: f64 = 16.0;

pub(super) const KEYS: [&str; 11] = [
    "channels",
    "kernel",
    "stride",
    "expand",
    "keep_expand",
    "groups",
    "activation",
    "se",
    "se_gate",
    "divisor",
    "skip",
];

/// Widening 1x1 convolution, depthwise convolution, squeeze and excitation, narrowing 1x1 convolution without
/// activation (MobileNetV2, Sandler et al., 2018; MobileNetV3, Howard et al., 2019). With `expand = 1` the first
/// convolution is left out unless `keep_expand` is set, as FBNet does. `groups` are those of the two 1x1
/// convolutions, with a channel shuffle after the first.
pub(super) fn mbconv(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let input = body.at();
    let (channels, stride) = (settings.channels()?, settings.stride()?);
    let narrow = body.channels()?;
    let expand = settings.number("expand", 1.0..=MAX_EXPAND)?.unwrap_or(6.0);
    let is_widened = expand > 1.0 || settings.flag("keep_expand")?.unwrap_or(false);
    let wide = match is_widened {
        true => scaled(narrow, expand, settings)?,
        false => narrow,
    };
    let activation = settings.activation(Activation::Relu)?;
    if is_widened {
        let groups = settings.groups([narrow, wide])?;
        body.conv_norm_act("expand", Convolution::same(wide, 1, 1, groups), activation)?;
        body.shuffle("expand", groups)?;
    }
    let depthwise = Convolution::same(wide, settings.kernel()?, stride, wide);
    body.conv_norm_act("depthwise", depthwise, activation)?;
    body.squeeze_excite(settings)?;
    let groups = settings.groups([wide, channels])?;
    body.conv_norm_act("project", Convolution::same(channels, 1, 1, groups), None)?;
    body.join(input, settings.skip(SkipPath::Identity)?, stride)
}
