//! How nodes are named: after their layer, or after the path that they lie on as well.

use crate::{
    Decision,
    bind::{Term, TermKind},
    stage::Layer,
    value::Scalar,
};

/// What the names of nodes tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Naming<'a> {
    /// `LAYER.PART`
    Plain,
    /// `LAYER[OPTION].PART`, with the named options that the layer has been given: two networks in which a name stands
    /// differ there in numbers at most.
    Paths(&'a [Decision]),
}

// === impl Naming ===

impl Naming<'_> {
    /// What the names of a layer's nodes begin with.
    pub fn layer(self, layer: &Layer, choices: &[u16]) -> String {
        let Self::Paths(decisions) = self else {
            return layer.name.clone();
        };
        let mut labels = Vec::new();
        add_labels(&layer.block, choices, decisions, &mut labels);
        if let TermKind::Table(fields) = &layer.block.resolve(choices).kind {
            let terms = fields.iter();
            terms.for_each(|(_, term)| add_labels(term, choices, decisions, &mut labels));
        }
        let terms = layer.settings.iter();
        terms.for_each(|(_, term)| add_labels(term, choices, decisions, &mut labels));
        match labels.is_empty() {
            true => layer.name.clone(),
            false => format!("{}[{}]", layer.name, labels.join(",")),
        }
    }

    /// A part of a layer that has been given a named option by itself, such as an edge.
    pub fn part(self, part: &str, option: &str) -> String {
        match self {
            Self::Plain => part.to_owned(),
            Self::Paths(_) => format!("{part}[{option}]"),
        }
    }
}

/// Adds the labels of the options chosen on the way to the term's value, but for numbers and flags.
fn add_labels<'a>(
    mut term: &Term,
    choices: &[u16],
    decisions: &'a [Decision],
    labels: &mut Vec<&'a str>,
) {
    while let TermKind::Choice { decision, options } = &term.kind {
        let option = usize::from(choices[*decision]);
        term = &options[option];
        if matches!(
            term.kind,
            TermKind::Table(_) | TermKind::Scalar(Scalar::Text(_))
        ) {
            labels.push(&decisions[*decision].options()[option]);
        }
    }
}
