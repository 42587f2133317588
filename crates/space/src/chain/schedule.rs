//! Which step of the chain reads which decisions.

use std::collections::BTreeSet;

use crate::{
    Decision,
    stage::{Layer, Stage},
    template::Template,
};

/// The input, or a layer that follows it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Index of the stage and of the layer in it; `None` for the input.
    pub layer: Option<(usize, usize)>,
    /// Decisions that no earlier step reads, in order.
    pub fresh: Vec<usize>,
    /// Decisions that an earlier step reads and that this or a later one reads again, in order.
    pub carried: Vec<usize>,
}

/// The steps of the template's networks, layers up to the greatest depth.
pub(super) fn schedule(template: &Template, decisions: &[Decision]) -> Vec<Step> {
    let mut input = BTreeSet::new();
    template.channels.collect_decisions(&mut input);
    template.resolution.collect_decisions(&mut input);
    let mut steps = vec![(None, input)];
    for (position, stage) in template.stages.iter().enumerate() {
        let layers = stage.layers.iter().enumerate();
        steps.extend(layers.map(|(index, layer)| (Some((position, index)), reads(stage, layer))));
    }
    for (_, reads) in &mut steps {
        add_conditions(reads, decisions);
    }
    // The first and the last step that reads each decision.
    let mut spans: Vec<Option<(usize, usize)>> = vec![None; decisions.len()];
    for (step, (_, reads)) in steps.iter().enumerate() {
        for decision in reads {
            spans[*decision].get_or_insert((step, step)).1 = step;
        }
    }
    let those = |is_meant: &dyn Fn(usize, usize) -> bool| {
        let is_meant = |span: Option<(usize, usize)>| span.is_some_and(|(f, l)| is_meant(f, l));
        let decisions = (0..spans.len()).filter(|decision| is_meant(spans[*decision]));
        decisions.collect()
    };
    let steps = steps.iter().enumerate().map(|(step, (layer, _))| Step {
        layer: *layer,
        fresh: those(&|first, _| first == step),
        carried: those(&|first, last| first < step && step <= last),
    });
    steps.collect()
}

/// All decisions that may have a say in a layer: its stage's depth, its block and its settings.
fn reads(stage: &Stage, layer: &Layer) -> BTreeSet<usize> {
    let mut reads = BTreeSet::new();
    let settings = layer.settings.iter().map(|(_, term)| term);
    let terms = stage.depth.iter().chain([&layer.block]).chain(settings);
    terms.for_each(|term| term.collect_decisions(&mut reads));
    reads
}

/// Whether a decision counts is known only from those that it depends on.
fn add_conditions(reads: &mut BTreeSet<usize>, decisions: &[Decision]) {
    let mut open: Vec<usize> = reads.iter().copied().collect();
    while let Some(decision) = open.pop() {
        if let Some(condition) = decisions[decision].condition()
            && reads.insert(condition.decision)
        {
            open.push(condition.decision);
        }
    }
}
