//! Blocks of plain convolutions, and layers that are left out.

use bespoke_graph::{Activation, Convolution};

use crate::error::Fault;

use super::{
    body::{Body, scaled},
    settings::{Settings, SkipPath},
};

const MAX_WIDEN: f64 = 16.0;

pub(super) const CONV_KEYS: [&str; 10] = [
    "channels",
    "widen",
    "kernel",
    "stride",
    "groups",
    "activation",
    "se",
    "se_gate",
    "divisor",
    "skip",
];
pub(super) const DEPTHWISE_SEPARABLE_KEYS: [&str; 8] = [
    "channels",
    "kernel",
    "stride",
    "activation",
    "se",
    "se_gate",
    "divisor",
    "skip",
];
pub(super) const ZERO_KEYS: [&str; 2] = ["channels", "stride"];
pub(super) const SKIP_KEYS: [&str; 3] = ["channels", "stride", "activation"];

/// Convolution, batch normalisation, activation, squeeze and excitation. With `widen`, its channels are so many times
/// those of its input.
pub(super) fn conv(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let input = body.at();
    let stride = settings.stride()?;
    let channels = match settings.number("widen", 1.0..=MAX_WIDEN)? {
        None => settings.channels()?,
        Some(_) if settings.has("channels") => {
            return Err(settings.fault("widen", "stands in place of `channels`, not beside it"));
        }
        Some(widen) => scaled(body.channels()?, widen, settings)?,
    };
    let groups = settings.groups([body.channels()?, channels])?;
    let convolution = Convolution::same(channels, settings.kernel()?, stride, groups);
    let activation = settings.activation(Activation::Relu)?;
    body.conv_norm_act("conv", convolution, activation)?;
    body.squeeze_excite(settings)?;
    body.join(input, settings.skip(SkipPath::None)?, stride)
}

/// A convolution of each channel by itself, then one of all channels at each position, both with batch normalisation
/// and activation (MobileNet, Howard et al., 2017).
pub(super) fn depthwise_separable(
    settings: &Settings<'_>,
    body: &mut Body<'_>,
) -> Result<(), Fault> {
    let input = body.at();
    let (channels, stride) = (settings.channels()?, settings.stride()?);
    let activation = settings.activation(Activation::Relu)?;
    let each = body.channels()?;
    let depthwise = Convolution::same(each, settings.kernel()?, stride, each);
    body.conv_norm_act("depthwise", depthwise, activation)?;
    body.squeeze_excite(settings)?;
    let pointwise = Convolution::same(channels, 1, 1, 1);
    body.conv_norm_act("pointwise", pointwise, activation)?;
    body.join(input, settings.skip(SkipPath::None)?, stride)
}

/// Nothing where the shape is kept, else a 1x1 convolution with the stride (FBNet, Wu et al., 2019).
pub(super) fn skip(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let (channels, stride) = (settings.channels()?, settings.stride()?);
    let activation = settings.activation(Activation::Relu)?;
    if stride == 1 && channels == body.channels()? {
        return Ok(());
    }
    let convolution = Convolution::same(channels, 1, stride, 1);
    body.conv_norm_act("skip", convolution, activation)
}

/// The layer is left out (ProxylessNAS, Cai et al., 2019); its settings must not ask for another shape.
pub(super) fn zero(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    let channels = settings.channels()?;
    if settings.stride()? == 1 && channels == body.channels()? {
        return Ok(());
    }
    Err(body.fault("zero leaves the layer out, which cannot change channels or resolution"))
}
