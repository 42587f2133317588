//! A search space as a chain of layers.

mod automaton;
mod expand;
mod expanded;
mod pieces;
mod schedule;
mod within;

use bespoke_graph::{Graph, Shape};

use crate::{
    Architecture, Space, SpaceError,
    decision::is_active,
    error::Fault,
    lower::{Naming, check_output, input_shape, lower_layer},
};

use self::{
    automaton::{Automaton, Edge, State},
    pieces::Pieces,
    schedule::{Step, schedule},
};

pub use self::{
    expanded::{ChainLayer, Expanded, Transition},
    within::Within,
};

/// A space's networks as sequences of their layers' pieces.
///
/// A layer's operators depend on the shape of the value that comes to it and on the decisions that it reads, and on
/// nothing else. So the network is a walk through *states*: before each layer, the shape of the value at hand and the
/// options of those decisions that were read already and that this layer or a later one reads again, such as the depth
/// of the stage that is under way, settings that are the same in a whole stage, or a cell that all stages share. A
/// *transition* takes the options of the decisions that the layer is the first to read to a *piece*, which is the
/// layer lowered by itself on the shape at hand, and to the state before the next layer. The first step of every walk
/// has no piece: it reads the decisions about the input. Nor has a layer that the depth of its stage leaves out. All
/// walks end in the one state after the last layer, and decisions that do not count are left at their first option, so
/// that every architecture is exactly one walk.
///
/// Put after each other, the pieces are the network of [`Space::lower`], operator by operator, so that whatever adds up
/// over operators adds up over pieces. Equal pieces have one id, wherever they stand.
///
/// Nothing is lowered until a walk comes by; then it is remembered, for as long as the chain lives: one entry for each
/// state, for each option seen in it, and for each piece.
#[derive(Debug, Clone)]
pub struct Chain {
    space: Space,
    steps: Vec<Step>,
    automaton: Automaton,
    pieces: Pieces,
}

/// A piece of one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceId(u32);

/// What a layer is under some choices: the operators between the value that it is given and the one that it gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Name of the first layer found to have it, as in `stage3.layer2`.
    pub layer: String,
    /// Its block as written in files, as in `mbconv`.
    pub block: &'static str,
    /// From the value before the layer, as input, to the one after it, dead code included; no operator at all where
    /// the layer hands its input on. Nodes are named after [`Piece::layer`].
    pub graph: Graph,
}

// === impl Space ===

impl Space {
    /// The space as a chain of layers, of which nothing is lowered yet.
    pub fn chain(&self) -> Chain {
        Chain::new(self.clone())
    }
}

// === impl Chain ===

impl Chain {
    fn new(space: Space) -> Self {
        let steps = schedule(&space.template, space.decisions());
        let mut chain = Self {
            space,
            steps,
            automaton: Automaton::default(),
            pieces: Pieces::default(),
        };
        let start = State {
            step: 0,
            shape: Vec::new(),
            options: Vec::new(),
        };
        let nothing_chosen = vec![0; chain.space.decisions().len()];
        let node = chain.enter(start, &nothing_chosen);
        debug_assert_eq!(node, Automaton::START);
        chain
    }

    /// The space whose chain it is.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Replaces the contents of `pieces` by the pieces of the architecture's network, in order. Fast where they are
    /// known already: a table look-up for each layer and for each decision that counts.
    ///
    /// # Errors
    /// When the layers do not fit each other under these choices, as for [`Space::lower`]; `pieces` then ends before
    /// the layer at fault.
    pub fn trace(
        &mut self,
        architecture: &Architecture,
        pieces: &mut Vec<PieceId>,
    ) -> Result<(), SpaceError> {
        pieces.clear();
        let choices = architecture.choices();
        let mut node = Automaton::START;
        while let Some(slot) = self.automaton.slot(node, choices) {
            let edge = match self.automaton.edge(slot) {
                Some(edge) => edge,
                None => self.grow(node, slot, choices)?,
            };
            pieces.extend(edge.piece);
            node = edge.to;
        }
        Ok(())
    }

    /// A piece that this chain has given the id of.
    pub fn piece(&self, id: PieceId) -> &Piece {
        &self.pieces.all()[id.index()]
    }

    /// All pieces that were met so far, by their ids' indices.
    pub fn pieces(&self) -> &[Piece] {
        self.pieces.all()
    }

    /// Finds out where the edge leads that the choices take from the node.
    fn grow(&mut self, node: u32, slot: usize, choices: &[u16]) -> Result<Edge, SpaceError> {
        let state = self.automaton.state_of(node);
        let decided = self.automaton.decision(node);
        let step = self.automaton.state(state).step;
        let edge = match self.next_decision(step, decided, choices) {
            Some(decision) => Edge {
                piece: None,
                to: self.add_decision(state, decision),
            },
            None => {
                let edge = self.pass_layer(state, choices);
                edge.map_err(|fault| fault.in_file(&self.space.file))?
            }
        };
        self.automaton.set_edge(slot, edge);
        Ok(edge)
    }

    /// The piece of the layer that follows the state, and the state after it.
    fn pass_layer(&mut self, state: u32, choices: &[u16]) -> Result<Edge, Fault> {
        let template = &self.space.template;
        let State { step, shape, .. } = self.automaton.state(state);
        let (piece, shape) = match self.steps[*step].layer {
            None => (None, input_shape(template, choices)?.to_vec()),
            Some((stage, index)) => {
                let stage = &template.stages[stage];
                if index < stage.depth_under(choices) {
                    let layer = (stage, index, Naming::Plain);
                    let (block, graph) = lower_layer(layer, shape, template.classes, choices)?;
                    let shape = graph.output_shape().dims().to_vec();
                    let layer = &stage.layers[index].name;
                    let piece = self.pieces.intern(layer, block.name(), graph);
                    (Some(piece), shape)
                } else {
                    (None, shape.clone())
                }
            }
        };
        let step = step + 1;
        self.check_end(step, &shape)?;
        let carried = self.steps.get(step).map(|step| step.carried.as_slice());
        let options = carried.unwrap_or_default().iter();
        let options = options.map(|decision| choices[*decision]).collect();
        let after = State {
            step,
            shape,
            options,
        };
        let to = self.enter(after, choices);
        Ok(Edge { piece, to })
    }

    fn check_end(&self, step: usize, shape: &[usize]) -> Result<(), Fault> {
        let template = &self.space.template;
        let last = template.stages.last().and_then(|stage| stage.layers.last());
        match last {
            Some(layer) if step == self.steps.len() => {
                check_output(template, &Shape::from(shape.to_vec()), layer.line)
            }
            _ => Ok(()),
        }
    }

    /// The first node of a state.
    fn enter(&mut self, state: State, choices: &[u16]) -> u32 {
        if let Some(node) = self.automaton.entry(&state) {
            return node;
        }
        let step = state.step;
        let decision = self.next_decision(step, None, choices);
        let state = self.automaton.add_state(state);
        match decision {
            Some(decision) => self.add_decision(state, decision),
            None if step < self.steps.len() => self.automaton.add_layer(state),
            None => self.automaton.add_end(state),
        }
    }

    fn add_decision(&mut self, state: u32, decision: usize) -> u32 {
        let options = self.space.decisions()[decision].options().len();
        self.automaton.add_decision(state, decision, options)
    }

    /// `input`, or the name of a step's layer.
    fn layer_name(&self, step: usize) -> &str {
        let layer = self.steps[step].layer;
        layer.map_or("input", |(stage, index)| {
            &self.space.template.stages[stage].layers[index].name
        })
    }

    /// The decision that counts and is to be read next in a step, after one that was read.
    fn next_decision(&self, step: usize, after: Option<usize>, choices: &[u16]) -> Option<usize> {
        let fresh = self.steps.get(step)?.fresh.iter().copied();
        let mut later = fresh.filter(|decision| after.is_none_or(|after| *decision > after));
        later.find(|decision| is_active(self.space.decisions(), *decision, choices))
    }
}

// === impl PieceId ===

impl PieceId {
    /// Its place in [`Chain::pieces`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
