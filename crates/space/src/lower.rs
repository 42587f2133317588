//! Architectures as graphs: a layer's block and settings become operators.

mod body;
mod bottleneck;
mod cell;
mod convolution;
mod head;
mod mbconv;
mod paths;
mod settings;
mod transformer;

use bespoke_graph::{Builder, Graph, NodeId, Shape};

use crate::{
    bind::{Field, Term, TermKind},
    error::Fault,
    stage::Stage,
    template::Template,
    value::Scalar,
};

pub(crate) use self::paths::Naming;

use self::{body::Body, settings::Settings};

const MAX_INPUT_CHANNELS: i64 = 4096;
const MAX_RESOLUTION: i64 = 4096;

/// A kind of layer; `README.md` beside the search spaces says what each does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Block {
    Conv,
    DepthwiseSeparable,
    MbConv,
    Skip,
    Zero,
    Cell,
    Residual,
    Bottleneck,
    Transformer,
    NormAct,
    GlobalPool,
    Classifier,
}

/// Builds the network of the template under the choices.
pub(crate) fn lower(
    template: &Template,
    choices: &[u16],
    naming: Naming<'_>,
) -> Result<Graph, Fault> {
    let (mut builder, mut at) = Graph::builder(&input_shape(template, choices)?);
    let mut line = template.channels.line;
    for stage in &template.stages {
        for index in 0..stage.depth_under(choices) {
            let layer = (stage, index, naming);
            (_, at) = add_layer(&mut builder, at, layer, template.classes, choices)?;
            line = stage.layers[index].line;
        }
    }
    check_output(template, builder.shape(at), line)?;
    finish(builder, at, line)
}

/// Builds one layer of a stage by itself on an input of the shape given: which block it is, and the layer's operators.
pub(crate) fn lower_layer(
    layer: (&Stage, usize, Naming<'_>),
    input: &[usize],
    classes: usize,
    choices: &[u16],
) -> Result<(Block, Graph), Fault> {
    let (mut builder, at) = Graph::builder(input);
    let (block, at) = add_layer(&mut builder, at, layer, classes, choices)?;
    let (stage, index, _) = layer;
    Ok((block, finish(builder, at, stage.layers[index].line)?))
}

/// Builds the layers of the template under the choices, each by itself on the shape that it is given.
pub(crate) fn layers(
    template: &Template,
    choices: &[u16],
    naming: Naming<'_>,
) -> Result<Vec<Graph>, Fault> {
    let mut shape = input_shape(template, choices)?.to_vec();
    let mut layers = Vec::new();
    for stage in &template.stages {
        for index in 0..stage.depth_under(choices) {
            let layer = (stage, index, naming);
            let (_, graph) = lower_layer(layer, &shape, template.classes, choices)?;
            shape = graph.output_shape().dims().to_vec();
            layers.push(graph);
        }
    }
    Ok(layers)
}

/// Channels, height and width of the network's input.
pub(crate) fn input_shape(template: &Template, choices: &[u16]) -> Result<[usize; 3], Fault> {
    let channels = input(&template.channels, "channels", MAX_INPUT_CHANNELS, choices)?;
    let resolution = input(&template.resolution, "resolution", MAX_RESOLUTION, choices)?;
    Ok([channels, resolution, resolution])
}

/// Whether a network that ends in a value of this shape tells the template's classes apart; `line` is that of its last
/// layer.
pub(crate) fn check_output(template: &Template, shape: &Shape, line: u32) -> Result<(), Fault> {
    if shape.dims() == [template.classes] {
        return Ok(());
    }
    let reason = format!(
        "the network ends in a value of shape {shape}, not [{}]: let it end in a classifier",
        template.classes
    );
    Err(Fault::new(line, "stage", reason))
}

// === impl Block ===

impl Block {
    const ALL: [Self; 12] = [
        Self::Conv,
        Self::DepthwiseSeparable,
        Self::MbConv,
        Self::Skip,
        Self::Zero,
        Self::Cell,
        Self::Residual,
        Self::Bottleneck,
        Self::Transformer,
        Self::NormAct,
        Self::GlobalPool,
        Self::Classifier,
    ];

    /// The block that a term names, by itself or as its `kind`, and the settings that come with it.
    pub fn of(term: &Term) -> Result<(Self, &[Field]), Fault> {
        let (name, settings) = match &term.kind {
            TermKind::Scalar(name) => (Some(name), [].as_slice()),
            TermKind::Table(fields) => {
                let kind = fields.iter().find(|(key, _)| key == "kind");
                let kind = kind.and_then(|(_, term)| match &term.kind {
                    TermKind::Scalar(name) => Some(name),
                    TermKind::Table(_) | TermKind::Choice { .. } => None,
                });
                (kind, fields.as_slice())
            }
            TermKind::Choice { .. } => (None, [].as_slice()),
        };
        let known = match name {
            Some(Scalar::Text(text)) => Self::ALL.into_iter().find(|block| block.name() == text),
            _ => None,
        };
        known.map(|block| (block, settings)).ok_or_else(|| {
            let given = name.map_or_else(|| "no `kind`".to_owned(), |name| format!("`{name}`"));
            let reason = format!("{given} is not a block: there is {}", Self::names());
            Fault::new(term.line, "block", reason)
        })
    }

    /// All blocks' names.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// As it is written in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conv => "conv",
            Self::DepthwiseSeparable => "depthwise_separable",
            Self::MbConv => "mbconv",
            Self::Skip => "skip",
            Self::Zero => "zero",
            Self::Cell => "cell",
            Self::Residual => "residual",
            Self::Bottleneck => "bottleneck",
            Self::Transformer => "transformer",
            Self::NormAct => "norm_act",
            Self::GlobalPool => "global_pool",
            Self::Classifier => "classifier",
        }
    }

    /// The settings that it takes.
    pub fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Conv => &convolution::CONV_KEYS,
            Self::DepthwiseSeparable => &convolution::DEPTHWISE_SEPARABLE_KEYS,
            Self::MbConv => &mbconv::KEYS,
            Self::Skip => &convolution::SKIP_KEYS,
            Self::Zero => &convolution::ZERO_KEYS,
            Self::GlobalPool => &[],
            Self::Cell => &cell::CELL_KEYS,
            Self::Residual => &cell::RESIDUAL_KEYS,
            Self::Bottleneck => &bottleneck::KEYS,
            Self::Transformer => &transformer::KEYS,
            Self::NormAct => &head::NORM_ACT_KEYS,
            Self::Classifier => &head::CLASSIFIER_KEYS,
        }
    }

    fn lower(self, set: &Settings<'_>, body: &mut Body<'_>, classes: usize) -> Result<(), Fault> {
        match self {
            Self::Conv => convolution::conv(set, body),
            Self::DepthwiseSeparable => convolution::depthwise_separable(set, body),
            Self::MbConv => mbconv::mbconv(set, body),
            Self::Skip => convolution::skip(set, body),
            Self::Zero => convolution::zero(set, body),
            Self::Cell => cell::cell(set, body),
            Self::Residual => cell::residual(set, body),
            Self::Bottleneck => bottleneck::bottleneck(set, body),
            Self::Transformer => transformer::transformer(set, body),
            Self::NormAct => head::norm_act(set, body),
            Self::GlobalPool => head::global_pool(body),
            Self::Classifier => head::classifier(set, body, classes),
        }
    }
}

fn add_layer(
    builder: &mut Builder,
    at: NodeId,
    (stage, index, naming): (&Stage, usize, Naming<'_>),
    classes: usize,
    choices: &[u16],
) -> Result<(Block, NodeId), Fault> {
    let layer = &stage.layers[index];
    let (block, overrides) = Block::of(layer.block.resolve(choices))?;
    let settings = Settings::new(block, layer, overrides, choices, index == 0);
    let mut body = Body::new(builder, at, layer, choices, naming);
    block.lower(&settings, &mut body, classes)?;
    Ok((block, body.at()))
}

fn finish(builder: Builder, at: NodeId, line: u32) -> Result<Graph, Fault> {
    builder
        .finish(at)
        .map_err(|error| Fault::new(line, "stage", error.to_string()))
}

fn input(term: &Term, key: &str, most: i64, choices: &[u16]) -> Result<usize, Fault> {
    match term.integer(choices) {
        Some(value) if (1..=most).contains(&value) => {
            Ok(usize::try_from(value).expect("the range is positive"))
        }
        _ => {
            let reason = format!("expected a whole number from 1 to {most}");
            Err(Fault::new(term.resolve(choices).line, key, reason))
        }
    }
}
