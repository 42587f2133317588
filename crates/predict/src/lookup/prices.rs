//! A table's times for the pieces of a space, and what networks come to.

use std::collections::BTreeSet;

use bespoke_space::{Architecture, Chain, Expanded, Piece, PieceId};

use super::{KeyError, Layout, LookupTable, keys::Parts, layout::Naming};

/// Keys that an error names; the others it counts.
const NAMED_KEYS: usize = 5;
/// Multiply-accumulates a millisecond that no processor core reaches: two AVX-512 units at 4 GHz make 1.3e8 at best.
const MACS_OF_A_CORE: f64 = 3e8;
/// Layers that are looked at to tell the unit of a table.
const JUDGED: usize = 1_000;
/// What is faster than a core, an accelerator or many cores, takes longer than this to be started, in milliseconds.
const START_MS: f64 = 0.005;
/// No call of a runtime is shorter than this, in milliseconds.
const CALL_MS: f64 = 0.0001;

/// What the pieces of a space take by a look-up table. A piece that the table cannot price is an error for whoever asks
/// for a network with it, and for no one else.
#[derive(Debug, Clone)]
pub struct Prices {
    /// By piece; NaN for those that `gaps` is about.
    ms: Vec<f64>,
    gaps: Vec<Option<Gap>>,
}

/// Why a piece has no price.
#[derive(Debug, Clone)]
enum Gap {
    Missing(Vec<String>),
    Unnamed(KeyError),
    TooFast(TooFast),
}

/// A layer that takes less time than any machine needs for it.
#[derive(Debug, Clone, PartialEq)]
struct TooFast {
    layer: String,
    ms: f64,
    macs: u64,
}

/// A network that a table cannot price.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// Keys that the table does not have.
    #[error("the table lacks {}", named(keys))]
    Missing {
        /// All of them, in the order of the layers.
        keys: Vec<String>,
    },
    /// A piece that the layout has no key for.
    #[error(transparent)]
    Unnamed(#[from] KeyError),
    /// Times that cannot be milliseconds.
    #[error(
        "the table is not in milliseconds: most of its times are shorter than any machine needs, as {ms} ms for the {macs} multiply-accumulates of `{layer}`; is it in seconds?"
    )]
    TooFast {
        /// A layer, the middle one by how much too fast it is.
        layer: String,
        /// What it takes by the table.
        ms: f64,
        /// What it computes.
        macs: u64,
    },
    /// A piece that the chain did not have when its pieces were priced.
    #[error("the network has a layer that lies outside of what was priced")]
    Outside,
}

// === impl Prices ===

impl Prices {
    /// Looks up the pieces that the chain has met, among them all of the expanded part. A table of which most times are
    /// too short for what is computed in them prices none.
    pub fn new(table: &LookupTable, layout: Layout, chain: &Chain, expanded: &Expanded) -> Self {
        let naming = Naming::new(layout, chain, expanded);
        let mut prices = Self {
            ms: Vec::new(),
            gaps: Vec::new(),
        };
        for (index, piece) in chain.pieces().iter().enumerate() {
            let price = match naming.parts(index, piece) {
                Ok(parts) => price(table, &parts),
                Err(error) => Err(Gap::Unnamed(error)),
            };
            prices.ms.push(*price.as_ref().unwrap_or(&f64::NAN));
            prices.gaps.push(price.err());
        }
        if let Some(too_fast) = too_fast(&prices.ms, chain.pieces()) {
            prices.ms.fill(f64::NAN);
            prices.gaps.fill(Some(Gap::TooFast(too_fast)));
        }
        prices
    }

    /// Milliseconds of a piece, if the table has a price for it.
    pub fn piece_ms(&self, piece: PieceId) -> Option<f64> {
        let ms = self.ms.get(piece.index()).copied();
        ms.filter(|ms| !ms.is_nan())
    }

    /// Milliseconds of the network that [`Chain::trace`] has found these pieces of.
    ///
    /// # Errors
    /// When the table cannot price one of them; all keys that it lacks are in the error.
    pub fn network_ms(&self, pieces: &[PieceId]) -> Result<f64, PriceError> {
        let price = |piece: &PieceId| self.ms.get(piece.index()).copied().unwrap_or(f64::NAN);
        let sum: f64 = pieces.iter().map(price).sum();
        match sum.is_nan() {
            true => Err(self.gap_among(pieces.iter().copied())),
            false => Ok(sum),
        }
    }

    /// The fastest network of an expanded space, exactly.
    ///
    /// # Errors
    /// When the table cannot price a piece of the space; all keys that it lacks are in the error.
    pub fn least(&self, expanded: &Expanded) -> Result<(f64, Architecture), PriceError> {
        self.check(expanded)?;
        Ok(expanded.least(|piece| self.ms[piece.index()]))
    }

    /// The slowest network of an expanded space, exactly.
    ///
    /// # Errors
    /// As [`Prices::least`].
    pub fn greatest(&self, expanded: &Expanded) -> Result<(f64, Architecture), PriceError> {
        self.check(expanded)?;
        Ok(expanded.greatest(|piece| self.ms[piece.index()]))
    }

    /// Whether every piece of an expanded space has a price, so that [`Prices::piece_ms`] gives one.
    ///
    /// # Errors
    /// When one has none; all keys that the table lacks are in the error.
    pub fn check(&self, expanded: &Expanded) -> Result<(), PriceError> {
        let mut pieces = expanded.transitions().iter().filter_map(|t| t.piece);
        match pieces.all(|piece| self.piece_ms(piece).is_some()) {
            true => Ok(()),
            false => Err(self.gap_among(expanded.transitions().iter().filter_map(|t| t.piece))),
        }
    }

    /// Why some of these pieces have no price.
    fn gap_among(&self, pieces: impl Iterator<Item = PieceId>) -> PriceError {
        let mut keys = Vec::new();
        let mut seen = BTreeSet::new();
        for piece in pieces {
            match self.gaps.get(piece.index()) {
                None => return PriceError::Outside,
                Some(Some(Gap::Unnamed(error))) => return error.clone().into(),
                Some(Some(Gap::TooFast(TooFast { layer, ms, macs }))) => {
                    return PriceError::TooFast {
                        layer: layer.clone(),
                        ms: *ms,
                        macs: *macs,
                    };
                }
                Some(Some(Gap::Missing(missing))) => {
                    keys.extend(missing.iter().filter(|key| seen.insert(*key)).cloned());
                }
                Some(None) => {}
            }
        }
        PriceError::Missing { keys }
    }
}

// === helpers ===

fn price(table: &LookupTable, parts: &Parts) -> Result<f64, Gap> {
    let (mut ms, mut missing) = (0.0, Vec::new());
    for operator in &parts.operators {
        match table.get(&operator.key) {
            Some(entry) => ms += parts.share * entry.mean_ms,
            None => missing.push(operator.key.clone()),
        }
    }
    match missing.is_empty() {
        true => Ok(ms),
        false => Err(Gap::Missing(missing)),
    }
}

/// The middle one of the layers that compute something, by what they take over the least that they can take, if that
/// is under it.
fn too_fast(ms: &[f64], pieces: &[Piece]) -> Option<TooFast> {
    let mut layers: Vec<(f64, TooFast)> = Vec::new();
    for (ms, piece) in ms.iter().zip(pieces).take(JUDGED) {
        let macs = piece.graph.live().cost().macs;
        let least = (macs as f64 / MACS_OF_A_CORE).clamp(CALL_MS, START_MS);
        if macs > 0 && *ms > 0.0 {
            let layer = piece.layer.clone();
            layers.push((
                ms / least,
                TooFast {
                    layer,
                    ms: *ms,
                    macs,
                },
            ));
        }
    }
    layers.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let middle = layers.len() / 2;
    let (ratio, layer) = layers.into_iter().nth(middle)?;
    (ratio < 1.0).then_some(layer)
}

/// `2 keys: A, B`; `7 keys: A, B, C, D, E and 2 more`.
fn named(keys: &[String]) -> String {
    let first: Vec<String> = keys
        .iter()
        .take(NAMED_KEYS)
        .map(|key| format!("`{key}`"))
        .collect();
    let noun = if keys.len() == 1 { "key" } else { "keys" };
    let rest = match keys.len() - first.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{} {noun}: {}{rest}", keys.len(), first.join(", "))
}

#[cfg(test)]
mod tests;
