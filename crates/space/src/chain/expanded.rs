//! A chain of which every state and transition is known.

use std::{cmp::Ordering, ops::Range};

use num_bigint::BigUint;

use crate::Architecture;

use super::PieceId;

/// Stands for the option of a decision that does not count.
pub(super) const INACTIVE: u16 = u16::MAX;

/// All states and transitions of a [`Chain`](super::Chain), for dynamic programming: sums over the architectures of a
/// space, and the best of them, without listing them.
///
/// States are numbered layer by layer, from 0, where every path starts, to the last, where every path ends; a
/// transition leads to a higher number, so that a sweep over the numbers upwards sees every state before those after
/// it, and downwards after them. Transitions are numbered by the state that they leave. Each path from the start to the
/// end has one transition for each layer and is one architecture; from every state a path leads to the end, and one
/// from the start to it.
///
/// ```
/// # use bespoke_space::Space;
/// let mut chain = Space::builtin("fbnet").expect("it comes with the program").chain();
/// let expanded = chain.expand()?;
/// // The greatest number of pieces between each state and the end.
/// let mut pieces = vec![0; expanded.states()];
/// for state in (0..expanded.states()).rev() {
///     let outgoing = &expanded.transitions()[expanded.outgoing(state)];
///     let through = outgoing.iter().map(|t| usize::from(t.piece.is_some()) + pieces[t.next]);
///     pieces[state] = through.max().unwrap_or(0);
/// }
/// assert_eq!(pieces[0], 26);
/// # Ok::<(), bespoke_space::ExpandError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expanded {
    /// Decisions of the space.
    decisions: usize,
    layers: Vec<ChainLayer>,
    /// First transition of each state.
    first: Vec<usize>,
    transitions: Vec<Transition>,
    /// For each transition of each layer, the options of the layer's decisions.
    options: Vec<u16>,
}

/// One layer of an [`Expanded`] chain, or the input, which is the first of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainLayer {
    /// `input`, or the layer's name, as in `stage3.layer2`.
    pub name: String,
    /// Decisions that it is the first to read.
    pub decisions: Vec<usize>,
    /// The states before it.
    pub states: Range<usize>,
    first_transition: usize,
    /// Where the options of its first transition begin.
    first_option: usize,
}

/// A way through one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// What the layer is; none for the input and for a layer that is left out.
    pub piece: Option<PieceId>,
    /// The state after it.
    pub next: usize,
}

// === impl Expanded ===

impl Expanded {
    /// The input and all layers, in order.
    pub fn layers(&self) -> &[ChainLayer] {
        &self.layers
    }

    /// Number of states, start and end included.
    pub fn states(&self) -> usize {
        self.first.len()
    }

    /// All transitions.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// The transitions out of a state; none from the last.
    pub fn outgoing(&self, state: usize) -> Range<usize> {
        let end = self.first.get(state + 1).copied();
        self.first[state]..end.unwrap_or(self.transitions.len())
    }

    /// The decisions that count and that this transition's layer is the first to read, and their options.
    pub fn options(&self, transition: usize) -> impl Iterator<Item = (usize, u16)> + '_ {
        self.options_in(self.layer_of(transition), transition)
    }

    /// The architecture of a path, given by the number of a transition for each layer in order. `None` when they do
    /// not lead from the start to the end.
    pub fn architecture(&self, path: &[usize]) -> Option<Architecture> {
        let mut choices = vec![0; self.decisions];
        let mut state = 0;
        for (layer, transition) in self.layers.iter().zip(path) {
            if !self.outgoing(state).contains(transition) {
                return None;
            }
            for (decision, option) in self.options_in(layer, *transition) {
                choices[decision] = option;
            }
            state = self.transitions[*transition].next;
        }
        (path.len() == self.layers.len()).then(|| Architecture::new(choices))
    }

    /// Exact number of paths, in decimal: that of the architectures.
    pub fn paths(&self) -> String {
        let mut paths = vec![BigUint::ZERO; self.states()];
        paths[self.states() - 1] = BigUint::from(1_u32);
        for state in (0..self.states() - 1).rev() {
            let outgoing = &self.transitions[self.outgoing(state)];
            paths[state] = outgoing
                .iter()
                .map(|transition| &paths[transition.next])
                .sum();
        }
        paths[0].to_string()
    }

    /// The least sum of pieces' costs that an architecture has, added up from the first layer on, and the architecture
    /// that has it; of several always the same one. `cost` is asked once for each transition and must not give NaN.
    pub fn least(&self, cost: impl Fn(PieceId) -> f64) -> (f64, Architecture) {
        self.best(cost, Ordering::Less)
    }

    /// The greatest sum and an architecture that has it, as [`Expanded::least`] for the least.
    pub fn greatest(&self, cost: impl Fn(PieceId) -> f64) -> (f64, Architecture) {
        self.best(cost, Ordering::Greater)
    }

    fn best(&self, cost: impl Fn(PieceId) -> f64, better: Ordering) -> (f64, Architecture) {
        // For each state, the best sum from the start, and the transition and the state that it came by.
        let mut best: Vec<Option<(f64, usize, usize)>> = vec![None; self.states()];
        best[0] = Some((0.0, 0, 0));
        for state in 0..self.states() {
            let (before, ..) = best[state].expect("every state is reached from the start");
            for index in self.outgoing(state) {
                let Transition { piece, next } = self.transitions[index];
                let sum = before + piece.map_or(0.0, &cost);
                if best[next].is_none_or(|(other, ..)| sum.total_cmp(&other) == better) {
                    best[next] = Some((sum, index, state));
                }
            }
        }
        let mut path = Vec::with_capacity(self.layers.len());
        let mut state = self.states() - 1;
        while let (true, Some((_, transition, from))) = (state > 0, best[state]) {
            path.push(transition);
            state = from;
        }
        path.reverse();
        let (sum, ..) = best[self.states() - 1].expect("the end is reached from the start");
        let architecture = self.architecture(&path);
        (
            sum,
            architecture.expect("the transitions were followed back"),
        )
    }

    /// The layer that a transition leads through.
    pub(super) fn layer_of(&self, transition: usize) -> &ChainLayer {
        let later = |layer: &ChainLayer| layer.first_transition <= transition;
        &self.layers[self.layers.partition_point(later) - 1]
    }

    /// [`Expanded::options`] of a transition through this layer.
    fn options_in(
        &self,
        layer: &ChainLayer,
        transition: usize,
    ) -> impl Iterator<Item = (usize, u16)> {
        let width = layer.decisions.len();
        let start = layer.first_option + (transition - layer.first_transition) * width;
        let options = layer
            .decisions
            .iter()
            .zip(&self.options[start..start + width]);
        let counting = options.filter(|(_, option)| **option != INACTIVE);
        counting.map(|(decision, option)| (*decision, *option))
    }

    // What follows is for the one that fills it, in order of the states.

    pub(super) fn new(decisions: usize) -> Self {
        Self {
            decisions,
            layers: Vec::new(),
            first: Vec::new(),
            transitions: Vec::new(),
            options: Vec::new(),
        }
    }

    /// Begins a layer with so many states before it.
    pub(super) fn add_layer(&mut self, name: String, decisions: Vec<usize>, states: usize) {
        self.layers.push(ChainLayer {
            name,
            decisions,
            states: self.first.len()..self.first.len() + states,
            first_transition: self.transitions.len(),
            first_option: self.options.len(),
        });
    }

    /// Begins the next state.
    pub(super) fn add_state(&mut self) {
        self.first.push(self.transitions.len());
    }

    /// Adds a transition to the current state, with the options of the layer's decisions.
    pub(super) fn add_transition(&mut self, transition: Transition, options: &[u16]) {
        self.transitions.push(transition);
        self.options.extend_from_slice(options);
    }

    /// Number of the first state after the current layer.
    pub(super) fn next_layer(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.states.end)
    }
}
