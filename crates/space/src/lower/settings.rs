//! The settings of one layer, read with their types and ranges.

use std::ops::RangeInclusive;

use bespoke_graph::Activation;

use crate::{
    bind::{Field, Term, TermKind},
    error::Fault,
    stage::Layer,
    value::Scalar,
};

use super::Block;

pub(super) const CHANNELS: RangeInclusive<usize> = 1..=8192;
const STRIDE: RangeInclusive<usize> = 1..=8;
const KERNEL: RangeInclusive<usize> = 1..=15;

/// What a layer was given: its block's own settings first, then the stage's.
pub(super) struct Settings<'a> {
    block: Block,
    layer: &'a Layer,
    overrides: &'a [Field],
    choices: &'a [u16],
    is_first: bool,
}

/// How the input of a layer comes to its output past the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SkipPath {
    /// Added where the shape is kept.
    Identity,
    /// Averaged over 3x3 windows with the layer's stride, added where the number of channels is kept.
    Pool,
    /// Always added: averaged over the stride and through a 1x1 convolution where the number of channels changes.
    Project,
    None,
}

// === impl Settings ===

impl<'a> Settings<'a> {
    pub fn new(
        block: Block,
        layer: &'a Layer,
        overrides: &'a [Field],
        choices: &'a [u16],
        is_first: bool,
    ) -> Self {
        Self {
            block,
            layer,
            overrides,
            choices,
            is_first,
        }
    }

    pub fn channels(&self) -> Result<usize, Fault> {
        self.integer("channels", CHANNELS)?
            .ok_or_else(|| self.missing("channels"))
    }

    /// The stride in the first layer of a stage, 1 in the others.
    pub fn stride(&self) -> Result<usize, Fault> {
        let stride = self.integer("stride", STRIDE)?.unwrap_or(1);
        Ok(if self.is_first { stride } else { 1 })
    }

    pub fn kernel(&self) -> Result<usize, Fault> {
        let kernel = self.integer("kernel", KERNEL)?.unwrap_or(3);
        match kernel % 2 {
            1 => Ok(kernel),
            _ => Err(self.fault("kernel", format!("expected an odd number, got {kernel}"))),
        }
    }

    /// The groups of a convolution between so many channels.
    pub fn groups(&self, channels: [usize; 2]) -> Result<usize, Fault> {
        let groups = self.integer("groups", CHANNELS)?.unwrap_or(1);
        match channels.iter().find(|channels| **channels % groups != 0) {
            None => Ok(groups),
            Some(channels) => {
                let reason = format!("{channels} channels do not divide into {groups} groups");
                Err(self.fault("groups", reason))
            }
        }
    }

    pub fn activation(&self, default: Activation) -> Result<Option<Activation>, Fault> {
        let names = [
            ("relu", Some(Activation::Relu)),
            ("relu6", Some(Activation::Relu6)),
            ("sigmoid", Some(Activation::Sigmoid)),
            ("silu", Some(Activation::Silu)),
            ("hard_sigmoid", Some(Activation::HardSigmoid)),
            ("hard_swish", Some(Activation::HardSwish)),
            ("gelu", Some(Activation::Gelu)),
            ("tanh", Some(Activation::Tanh)),
            ("none", None),
        ];
        Ok(self.one_of("activation", &names)?.unwrap_or(Some(default)))
    }

    /// What turns the squeezed channels into factors.
    pub fn gate(&self) -> Result<Activation, Fault> {
        let names = [
            ("sigmoid", Activation::Sigmoid),
            ("hard_sigmoid", Activation::HardSigmoid),
        ];
        Ok(self
            .one_of("se_gate", &names)?
            .unwrap_or(Activation::Sigmoid))
    }

    pub fn skip(&self, default: SkipPath) -> Result<SkipPath, Fault> {
        let names = [
            ("identity", SkipPath::Identity),
            ("pool", SkipPath::Pool),
            ("project", SkipPath::Project),
            ("none", SkipPath::None),
        ];
        Ok(self.one_of("skip", &names)?.unwrap_or(default))
    }

    pub fn integer(
        &self,
        key: &str,
        allowed: RangeInclusive<usize>,
    ) -> Result<Option<usize>, Fault> {
        let Some(term) = self.get(key) else {
            return Ok(None);
        };
        let value = match &term.kind {
            TermKind::Scalar(Scalar::Integer(value)) => usize::try_from(*value).ok(),
            TermKind::Scalar(_) | TermKind::Table(_) | TermKind::Choice { .. } => None,
        };
        match value.filter(|value| allowed.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => {
                let (least, most) = allowed.into_inner();
                let expected = format!("a whole number from {least} to {most}");
                Err(self.unexpected(key, term, &expected))
            }
        }
    }

    pub fn number(&self, key: &str, allowed: RangeInclusive<f64>) -> Result<Option<f64>, Fault> {
        let Some(term) = self.get(key) else {
            return Ok(None);
        };
        let value = match &term.kind {
            TermKind::Scalar(Scalar::Number(value)) => Some(*value),
            TermKind::Scalar(Scalar::Integer(value)) => i32::try_from(*value).ok().map(f64::from),
            TermKind::Scalar(_) | TermKind::Table(_) | TermKind::Choice { .. } => None,
        };
        match value.filter(|value| allowed.contains(value)) {
            Some(value) => Ok(Some(value)),
            None => {
                let (least, most) = allowed.into_inner();
                let expected = format!("a number from {least} to {most}");
                Err(self.unexpected(key, term, &expected))
            }
        }
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, Fault> {
        match self.get(key) {
            None => Ok(None),
            Some(term) => match term.kind {
                TermKind::Scalar(Scalar::Flag(flag)) => Ok(Some(flag)),
                _ => Err(self.unexpected(key, term, "true or false")),
            },
        }
    }

    /// The texts of a table, by key.
    pub fn texts(&self, key: &str) -> Result<Vec<(&'a str, &'a str)>, Fault> {
        let term = self.get(key).ok_or_else(|| self.missing(key))?;
        let TermKind::Table(fields) = &term.kind else {
            return Err(self.unexpected(key, term, "a table"));
        };
        let text = |(key, term): &'a Field| match &term.resolve(self.choices).kind {
            TermKind::Scalar(Scalar::Text(text)) => Ok((key.as_str(), text.as_str())),
            _ => Err(self.unexpected(key, term, "a text")),
        };
        fields.iter().map(text).collect()
    }

    /// A fault at a key, or at the block where the key is left to its default.
    pub fn fault(&self, key: &str, reason: impl Into<String>) -> Fault {
        let line = self.get(key).map_or(self.layer.line, |term| term.line);
        Fault::new(line, key, reason)
    }

    fn one_of<T: Copy>(&self, key: &str, names: &[(&str, T)]) -> Result<Option<T>, Fault> {
        let Some(term) = self.get(key) else {
            return Ok(None);
        };
        let found = names.iter().find(|(name, _)| match &term.kind {
            TermKind::Scalar(Scalar::Text(text)) => text == name,
            TermKind::Scalar(_) | TermKind::Table(_) | TermKind::Choice { .. } => false,
        });
        match found {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
                Err(self.unexpected(key, term, &format!("one of {}", names.join(", "))))
            }
        }
    }

    /// Whether the setting is given.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: &str) -> Option<&'a Term> {
        let mut settings = self.overrides.iter().chain(&self.layer.settings);
        let found = settings.find(|(other, _)| other == key);
        found.map(|(_, term)| term.resolve(self.choices))
    }

    pub fn missing(&self, key: &str) -> Fault {
        let reason = format!("missing; {} needs it", self.block.name());
        Fault::new(self.layer.line, key, reason)
    }

    fn unexpected(&self, key: &str, term: &Term, expected: &str) -> Fault {
        let got = match &term.resolve(self.choices).kind {
            TermKind::Scalar(scalar) => format!("`{scalar}`"),
            TermKind::Table(_) | TermKind::Choice { .. } => "a table".to_owned(),
        };
        Fault::new(term.line, key, format!("expected {expected}, got {got}"))
    }
}
