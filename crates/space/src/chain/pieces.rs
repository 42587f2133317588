//! Pieces, each kept once.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use bespoke_graph::Graph;

use super::{Piece, PieceId};

/// All pieces, and where to find one that is like another.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    all: Vec<Piece>,
    by_outline: HashMap<u64, Vec<PieceId>>,
}

// === impl Pieces ===

impl Pieces {
    pub fn all(&self) -> &[Piece] {
        &self.all
    }

    /// The piece of this block and graph; node names do not matter.
    pub fn intern(&mut self, layer: &str, block: &'static str, graph: Graph) -> PieceId {
        let with_outline = self.by_outline.entry(outline(block, &graph)).or_default();
        let is_same = |id: &&PieceId| {
            let piece = &self.all[id.index()];
            piece.block == block && is_same_up_to_names(&piece.graph, &graph)
        };
        if let Some(id) = with_outline.iter().find(is_same) {
            return *id;
        }
        let id = PieceId(u32::try_from(self.all.len()).expect("memory ends before the ids do"));
        with_outline.push(id);
        self.all.push(Piece {
            layer: layer.to_owned(),
            block,
            graph,
        });
        id
    }
}

/// Equal for pieces that are the same, and seldom for others.
fn outline(block: &str, graph: &Graph) -> u64 {
    let mut hasher = DefaultHasher::new();
    block.hash(&mut hasher);
    graph.output().hash(&mut hasher);
    for node in graph.nodes() {
        (node.op.kind(), &node.inputs, &node.shape).hash(&mut hasher);
    }
    hasher.finish()
}

fn is_same_up_to_names(one: &Graph, other: &Graph) -> bool {
    let mut pairs = one.nodes().iter().zip(other.nodes());
    one.nodes().len() == other.nodes().len()
        && one.output() == other.output()
        && pairs.all(|(one, other)| one.op == other.op && one.inputs == other.inputs)
}
