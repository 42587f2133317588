//! Prices of one space's architectures, quickly: a layer is priced once, however many networks have it.

use bespoke_measure::Estimate;
use bespoke_space::{Architecture, PieceId, Space};

use super::predictor::{BespokePredictor, Sums};
use crate::{Features, PredictError, Reader};

/// A [`BespokePredictor`] for the architectures of one space.
///
/// Where no layer of a network is dead, its price is a sum over its layers, and those are known after a while: then it
/// takes less than a microsecond. Other networks are read and priced as a whole.
#[derive(Debug, Clone)]
pub struct SpacePredictor {
    predictor: BespokePredictor,
    reader: Reader,
    /// By piece; `None` where the piece can be dead or make others so.
    features: Vec<Option<Features>>,
    /// Of the same.
    prices: Vec<Option<Sums>>,
    pieces: Vec<PieceId>,
}

// === impl SpacePredictor ===

impl SpacePredictor {
    /// For a space of which nothing is priced yet.
    pub fn new(space: &Space, predictor: BespokePredictor) -> Self {
        Self {
            predictor,
            reader: Reader::new(space),
            features: Vec::new(),
            prices: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Goes on with another predictor of the same space. What was read of the space is kept.
    pub fn replace(&mut self, predictor: BespokePredictor) {
        self.predictor = predictor;
        self.prices.clear();
        self.price_new_pieces();
    }

    /// The price of an architecture: that of its network, up to rounding.
    ///
    /// # Errors
    /// When the architecture does not lower to a graph.
    pub fn price(&mut self, architecture: &Architecture) -> Result<Estimate, PredictError> {
        self.reader.pieces(architecture, &mut self.pieces)?;
        for piece in self.features.len()..self.reader.seen() {
            self.features.push(self.reader.whole(piece));
        }
        self.price_new_pieces();
        let mut total = self.predictor.nothing();
        for piece in &self.pieces {
            let Some(sums) = &self.prices[piece.index()] else {
                let network = self.reader.network(architecture)?;
                return Ok(self.predictor.price(&network));
            };
            for (total, part) in total.iter_mut().zip(sums) {
                *total += part;
            }
        }
        Ok(self.predictor.estimate(&total))
    }

    fn price_new_pieces(&mut self) {
        let new = &self.features[self.prices.len()..];
        self.prices.extend(new.iter().map(|features| {
            let mut sums = Sums::default();
            self.predictor.add(features.as_ref()?, &mut sums);
            Some(sums)
        }));
    }
}
