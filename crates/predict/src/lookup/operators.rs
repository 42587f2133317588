//! All operators of a space, and how often a network has each.

use std::collections::HashMap;

use bespoke_space::{Chain, Expanded, PieceId};

use super::layout::{KeyError, Naming, Operator};

/// The operators of the expanded part of a space, each key once, in the order of the layers. Operators that are the
/// same under several keys come under each.
#[derive(Debug, Clone)]
pub struct Operators {
    all: Vec<Operator>,
    /// For each piece of the expanded part, by index, the places of its operators in `all`, and its share of them.
    of_pieces: HashMap<usize, (Vec<usize>, f64)>,
}

// === impl Operators ===

impl Operators {
    pub(super) fn new(
        naming: &Naming,
        chain: &Chain,
        expanded: &Expanded,
    ) -> Result<Self, KeyError> {
        let mut operators = Self {
            all: Vec::new(),
            of_pieces: HashMap::new(),
        };
        let mut places: HashMap<String, usize> = HashMap::new();
        for piece in expanded.transitions().iter().filter_map(|t| t.piece) {
            if operators.of_pieces.contains_key(&piece.index()) {
                continue;
            }
            let parts = naming.parts(piece.index(), chain.piece(piece))?;
            let place = |operator: Operator| {
                let next = operators.all.len();
                let place = *places.entry(operator.key.clone()).or_insert(next);
                if place == next {
                    operators.all.push(operator);
                }
                place
            };
            let found = parts.operators.into_iter().map(place).collect();
            operators
                .of_pieces
                .insert(piece.index(), (found, parts.share));
        }
        Ok(operators)
    }

    /// All of them.
    pub fn all(&self) -> &[Operator] {
        &self.all
    }

    /// How much of each operator the network takes of which [`Chain::trace`] has found these pieces, in the order of
    /// [`Operators::all`]. `None` when a piece lies outside of the expanded part.
    pub fn counts(&self, pieces: &[PieceId]) -> Option<Vec<f64>> {
        let mut counts = vec![0.0; self.all.len()];
        for piece in pieces {
            let (places, share) = self.of_pieces.get(&piece.index())?;
            places.iter().for_each(|place| counts[*place] += share);
        }
        Some(counts)
    }
}
