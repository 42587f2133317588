//! The chain as far as it is known: an automaton over the options of an architecture.
//!
//! The decisions that a layer is the first to read are read one after the other, each by a node whose edges are its
//! options, so that a walk needs neither hashing nor arithmetic. The last edge within a state passes its layer.

use std::{collections::HashMap, sync::Arc};

use super::PieceId;

/// Nodes, their edges as far as they are known, and the states that the nodes belong to.
#[derive(Debug, Clone, Default)]
pub(super) struct Automaton {
    nodes: Vec<Node>,
    /// State of each node.
    state_of: Vec<u32>,
    edges: Vec<Option<Edge>>,
    states: Vec<Arc<State>>,
    /// First node of each state.
    entries: HashMap<Arc<State>, u32>,
}

/// What is known before a layer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub step: usize,
    /// Of the value at hand; none before the input.
    pub shape: Vec<usize>,
    /// Of the decisions that the step carries.
    pub options: Vec<u16>,
}

/// Where an edge leads, and the piece that is passed on the way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub piece: Option<PieceId>,
    pub to: u32,
}

/// What a walk does at a place.
#[derive(Debug, Clone, Copy)]
enum Node {
    /// The option of a decision picks one of as many edges.
    Decision {
        decision: u32,
        first_edge: u32,
    },
    /// The layer has nothing of its own to decide: there is one edge.
    Layer {
        edge: u32,
    },
    End,
}

// === impl Automaton ===

impl Automaton {
    /// The node where every walk begins.
    pub const START: u32 = 0;

    /// The edge that the choices take from a node; none from the end.
    #[inline]
    pub fn slot(&self, node: u32, choices: &[u16]) -> Option<usize> {
        match self.nodes[node as usize] {
            Node::Decision {
                decision,
                first_edge,
            } => Some(first_edge as usize + usize::from(choices[decision as usize])),
            Node::Layer { edge } => Some(edge as usize),
            Node::End => None,
        }
    }

    /// What is known of an edge.
    #[inline]
    pub fn edge(&self, slot: usize) -> Option<Edge> {
        self.edges[slot]
    }

    pub fn set_edge(&mut self, slot: usize, edge: Edge) {
        self.edges[slot] = Some(edge);
    }

    /// The decision that a node reads.
    pub fn decision(&self, node: u32) -> Option<usize> {
        match self.nodes[node as usize] {
            Node::Decision { decision, .. } => Some(decision as usize),
            Node::Layer { .. } | Node::End => None,
        }
    }

    /// The state that a node belongs to.
    pub fn state_of(&self, node: u32) -> u32 {
        self.state_of[node as usize]
    }

    pub fn state(&self, state: u32) -> &State {
        &self.states[state as usize]
    }

    /// The first node of a state, if the state is known.
    pub fn entry(&self, state: &State) -> Option<u32> {
        self.entries.get(state).copied()
    }

    /// Adds a state; the node added next is its first.
    pub fn add_state(&mut self, state: State) -> u32 {
        let state = Arc::new(state);
        let entry = index(self.nodes.len());
        self.entries.insert(Arc::clone(&state), entry);
        self.states.push(state);
        index(self.states.len() - 1)
    }

    pub fn add_decision(&mut self, state: u32, decision: usize, options: usize) -> u32 {
        let node = Node::Decision {
            decision: index(decision),
            first_edge: index(self.edges.len()),
        };
        self.add(state, node, options)
    }

    pub fn add_layer(&mut self, state: u32) -> u32 {
        let edge = index(self.edges.len());
        self.add(state, Node::Layer { edge }, 1)
    }

    pub fn add_end(&mut self, state: u32) -> u32 {
        self.add(state, Node::End, 0)
    }

    fn add(&mut self, state: u32, node: Node, edges: usize) -> u32 {
        self.nodes.push(node);
        self.state_of.push(state);
        self.edges.resize(self.edges.len() + edges, None);
        index(self.nodes.len() - 1)
    }
}

fn index(position: usize) -> u32 {
    u32::try_from(position).expect("memory ends before the indices do")
}
