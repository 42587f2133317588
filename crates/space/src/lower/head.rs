//! What ends a network.

use bespoke_graph::{Activation, Op};

use crate::error::Fault;

use super::{body::Body, settings::Settings};

const MAX_HIDDEN: usize = 65_536;

pub(super) const NORM_ACT_KEYS: [&str; 1] = ["activation"];
pub(super) const CLASSIFIER_KEYS: [&str; 3] = ["hidden", "hidden_bias", "activation"];

/// Batch normalisation and activation.
pub(super) fn norm_act(settings: &Settings<'_>, body: &mut Body<'_>) -> Result<(), Fault> {
    body.norm("norm")?;
    body.act("act", settings.activation(Activation::Relu)?)
}

/// Mean over height and width.
pub(super) fn global_pool(body: &mut Body<'_>) -> Result<(), Fault> {
    body.then("pool", Op::GlobalAvgPool)
}

/// All elements as one axis, a hidden dense layer if asked for, and one logit for each class.
pub(super) fn classifier(
    settings: &Settings<'_>,
    body: &mut Body<'_>,
    classes: usize,
) -> Result<(), Fault> {
    let elements = body.dims(body.at()).iter().product();
    let shape = vec![elements];
    body.then("flatten", Op::Reshape { shape })?;
    if let Some(out_features) = settings.integer("hidden", 1..=MAX_HIDDEN)? {
        let bias = settings.flag("hidden_bias")?.unwrap_or(true);
        body.then("hidden", Op::Linear { out_features, bias })?;
        body.act("hidden_act", settings.activation(Activation::Relu)?)?;
    }
    let out_features = classes;
    let bias = true;
    body.then("logits", Op::Linear { out_features, bias })
}
