//! Layouts: which operators a table has, and what they are called.

use bespoke_graph::Graph;
use bespoke_space::{Chain, Expanded, Piece};

use super::{
    LookupTable,
    keys::{Parts, Place, parts},
    operators::Operators,
};

/// Which operators a table has, and what they are called.
///
/// Shapes in keys are those of one sample; the published layouts write height, width, channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// For every space: each layer is one operator, known by its block, its shapes and the content hash of its live
    /// graph, as in `mbconv-input:16x32x32-output:24x16x16-` and 32 hexadecimal digits. Shapes are as in a graph:
    /// channels, height, width. A layer that hands on what it is given costs nothing, and of a cell each operator is one:
    /// of the thousands of cells that edges make, a table need not have each.
    Content,
    /// Once-for-all's, for networks like MobileNetV3: `Conv` and `Conv_1` (first and last convolution), `expanded_conv`
    /// with the number of channels inside, `AvgPool2D`, `Conv_2` (the hidden dense layer) and `Logits`, as in
    /// `expanded_conv-input:112x112x24-output:56x56x32-expand:72-kernel:3-stride:2-idskip:0-se:0-hs:0`. The keys say
    /// neither how far squeeze and excitation squeezes nor which gate it has.
    OnceForAll,
    /// ProxylessNAS', for networks like MobileNetV2: `Conv`, `Conv_1`, `expanded_conv` with the ratio of expansion and
    /// without `se` and `hs`, and `Logits` for all that follows the last convolution, as in
    /// `expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0`.
    ProxylessNas,
    /// That of FBNet's public re-implementations: `layer3-ir_k5_e6`, where layers are counted from 1 over those that
    /// have decisions of their own. The other layers are in no table and cost nothing.
    ///
    /// Unlike there, layers with the same operator on the same shapes cost the same: the mean of their rows.
    Fbnet,
}

/// An operator of a space: what a table has a time for.
#[derive(Debug, Clone, PartialEq)]
pub struct Operator {
    /// Its key.
    pub key: String,
    /// The operator by itself, as a network from what it is given to what it gives.
    pub graph: Graph,
}

/// A piece that a layout has no key for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{layer}`, of block `{block}`, has no key in a table of this layout: {reason}")]
pub struct KeyError {
    /// The first layer that has the piece.
    pub layer: String,
    /// Its block.
    pub block: &'static str,
    /// What of it cannot be named.
    pub reason: String,
}

/// A layout in a space: it knows the rows of each piece.
pub(super) struct Naming {
    layout: Layout,
    classes: usize,
    /// For each piece, the layers that decide something and have it, counted from 1.
    rows: Vec<Vec<usize>>,
}

// === impl Layout ===

impl Layout {
    /// The layout of a table, which its keys tell: `-se:` is in Once-for-All's alone, `expanded_conv` else in
    /// ProxylessNAS', and FBNet's begin with `layer` and a number.
    pub fn of(table: &LookupTable) -> Self {
        let any = |holds: fn(&str) -> bool| table.iter().any(|(key, _)| holds(key));
        let is_row = |key: &str| {
            let row = key
                .strip_prefix("layer")
                .and_then(|rest| rest.split_once('-'));
            row.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
        };
        if any(|key| key.contains("-se:")) {
            Self::OnceForAll
        } else if any(|key| key.starts_with("expanded_conv-")) {
            Self::ProxylessNas
        } else if any(is_row) {
            Self::Fbnet
        } else {
            Self::Content
        }
    }

    /// All operators of the expanded part of a space: what to measure for a table.
    ///
    /// # Errors
    /// When a piece has something that the layout cannot name.
    pub fn operators(self, chain: &Chain, expanded: &Expanded) -> Result<Operators, KeyError> {
        Operators::new(&Naming::new(self, chain, expanded), chain, expanded)
    }
}

// === impl Naming ===

impl Naming {
    pub fn new(layout: Layout, chain: &Chain, expanded: &Expanded) -> Self {
        let mut rows = vec![Vec::new(); chain.pieces().len()];
        let deciding = expanded.layers().iter().skip(1);
        let deciding = deciding.filter(|layer| !layer.decisions.is_empty());
        for (index, layer) in deciding.enumerate() {
            for state in layer.states.clone() {
                for transition in &expanded.transitions()[expanded.outgoing(state)] {
                    let Some(id) = transition.piece else { continue };
                    let rows: &mut Vec<usize> = &mut rows[id.index()];
                    if rows.last() != Some(&(index + 1)) {
                        rows.push(index + 1);
                    }
                }
            }
        }
        Self {
            layout,
            classes: chain.space().classes(),
            rows,
        }
    }

    /// What the layout makes of the piece with this index.
    pub fn parts(&self, index: usize, piece: &Piece) -> Result<Parts, KeyError> {
        let place = Place {
            classes: self.classes,
            rows: &self.rows[index],
        };
        parts(self.layout, piece, place).map_err(|reason| KeyError {
            layer: piece.layer.clone(),
            block: piece.block,
            reason,
        })
    }
}

#[cfg(test)]
mod tests;
