//! Walking all of a chain.

use std::collections::HashMap;

use num_bigint::BigUint;

use crate::{ExpandError, SpaceError, count::configurations};

use super::{
    Chain,
    automaton::{Automaton, Edge},
    expanded::{Expanded, INACTIVE, Transition},
};

impl Chain {
    /// Transitions that an expanded chain may have.
    pub const MAX_TRANSITIONS: usize = 1_000_000;

    /// All states and transitions. Their number is no measure of the space's size, but of what layers have to
    /// remember: FBNet's 10^21 networks, whose layers decide for themselves, have 203 transitions; the 15,625 of
    /// NAS-Bench-201, where one cell is decided for fifteen layers, have 265,630.
    ///
    /// # Errors
    /// When there are more than [`Chain::MAX_TRANSITIONS`], or some architectures form no network.
    pub fn expand(&mut self) -> Result<Expanded, ExpandError> {
        self.expand_where(|_, _| true)
    }

    /// All states and transitions of those architectures whose decisions, where they count, have options that are
    /// allowed. `allows` is given the index of a decision and that of one of its options.
    ///
    /// # Errors
    /// When a decision has no option left, else as [`Chain::expand`].
    pub fn expand_where(
        &mut self,
        allows: impl Fn(usize, u16) -> bool,
    ) -> Result<Expanded, ExpandError> {
        let mut allowed = Vec::new();
        for (index, decision) in self.space.decisions().iter().enumerate() {
            let options = 0..u16::try_from(decision.options().len())
                .expect("the number of options is bounded");
            let options: Vec<u16> = options.filter(|option| allows(index, *option)).collect();
            if options.is_empty() {
                let decision = decision.path().to_owned();
                return Err(ExpandError::NoOption { decision });
            }
            allowed.push(options);
        }
        self.check_choices(&allowed)?;
        Expansion::new(self, allowed).run()
    }

    /// Refuses a chain with a layer that has too many transitions even if one shape only comes to it: at once, for it
    /// may take long and much memory to find that out on the way.
    fn check_choices(&self, allowed: &[Vec<u16>]) -> Result<(), ExpandError> {
        let most = BigUint::from(Self::MAX_TRANSITIONS);
        let allows = |decision: usize, option: usize| {
            let mut options = allowed[decision].iter();
            options.any(|other| usize::from(*other) == option)
        };
        for (index, step) in self.steps.iter().enumerate() {
            let mut reads = [step.carried.as_slice(), &step.fresh].concat();
            reads.sort_unstable();
            if configurations(self.space.decisions(), &reads, allows) > most {
                return Err(self.too_large(index));
            }
        }
        Ok(())
    }

    fn too_large(&self, step: usize) -> ExpandError {
        ExpandError::TooLarge {
            space: self.space.name().to_owned(),
            layer: self.layer_name(step).to_owned(),
            most: Self::MAX_TRANSITIONS,
        }
    }
}

/// An expanded chain while it is made, layer by layer.
struct Expansion<'a> {
    chain: &'a mut Chain,
    /// Options of each decision.
    allowed: Vec<Vec<u16>>,
    /// Options that the current state carries and that were picked since it was entered; what a layer does not read is
    /// left as it was.
    choices: Vec<u16>,
    /// Options of the decisions that the current layer is the first to read.
    row: Vec<u16>,
    /// The chain's states after the current layer, and their numbers in the result.
    after: Vec<u32>,
    numbers: HashMap<u32, usize>,
    expanded: Expanded,
}

// === impl Expansion ===

impl<'a> Expansion<'a> {
    fn new(chain: &'a mut Chain, allowed: Vec<Vec<u16>>) -> Self {
        Self {
            allowed,
            choices: vec![0; chain.space.decisions().len()],
            row: Vec::new(),
            after: Vec::new(),
            numbers: HashMap::new(),
            expanded: Expanded::new(chain.space.decisions().len()),
            chain,
        }
    }

    fn run(mut self) -> Result<Expanded, ExpandError> {
        let mut states = vec![self.chain.automaton.state_of(Automaton::START)];
        for step in 0..self.chain.steps.len() {
            let name = self.chain.layer_name(step).to_owned();
            let fresh = self.chain.steps[step].fresh.clone();
            self.row = vec![INACTIVE; fresh.len()];
            self.expanded.add_layer(name, fresh, states.len());
            for state in states {
                self.expanded.add_state();
                self.visit_state(state)?;
            }
            states = std::mem::take(&mut self.after);
            self.numbers.clear();
        }
        self.expanded.add_state();
        Ok(self.expanded)
    }

    fn visit_state(&mut self, state: u32) -> Result<(), ExpandError> {
        let known = self.chain.automaton.state(state);
        let carried = &self.chain.steps[known.step].carried;
        for (decision, option) in carried.iter().zip(&known.options) {
            self.choices[*decision] = *option;
        }
        let entry = self.chain.automaton.entry(known);
        self.visit(entry.expect("the automaton has an entry for each of its states"))
    }

    /// Goes along all allowed edges of a node; it stands on its own state's way to the next.
    fn visit(&mut self, node: u32) -> Result<(), ExpandError> {
        let Some(decision) = self.chain.automaton.decision(node) else {
            return self.follow(node);
        };
        let state = self.chain.automaton.state_of(node);
        let step = self.chain.automaton.state(state).step;
        let place = self.chain.steps[step].fresh.binary_search(&decision);
        let place = place.expect("a state reads what is new in its step");
        for index in 0..self.allowed[decision].len() {
            let option = self.allowed[decision][index];
            (self.choices[decision], self.row[place]) = (option, option);
            self.follow(node)?;
        }
        (self.choices[decision], self.row[place]) = (0, INACTIVE);
        Ok(())
    }

    /// Goes along the edge that the choices take from a node.
    fn follow(&mut self, node: u32) -> Result<(), ExpandError> {
        let edge = self.edge(node)?;
        let next = self.chain.automaton.state_of(edge.to);
        if next == self.chain.automaton.state_of(node) {
            return self.visit(edge.to);
        }
        if self.expanded.transitions().len() == Chain::MAX_TRANSITIONS {
            let step = self.chain.automaton.state(next).step - 1;
            return Err(self.chain.too_large(step));
        }
        let first = self.expanded.next_layer();
        let number = *self.numbers.entry(next).or_insert_with(|| {
            self.after.push(next);
            first + self.after.len() - 1
        });
        let (piece, next) = (edge.piece, number);
        self.expanded
            .add_transition(Transition { piece, next }, &self.row);
        Ok(())
    }

    fn edge(&mut self, node: u32) -> Result<Edge, SpaceError> {
        let slot = self.chain.automaton.slot(node, &self.choices);
        let slot = slot.expect("no layer is walked from the end");
        match self.chain.automaton.edge(slot) {
            Some(edge) => Ok(edge),
            None => self.chain.grow(node, slot, &self.choices),
        }
    }
}
