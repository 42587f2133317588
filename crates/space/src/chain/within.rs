//! Drawing from those architectures of an expanded chain that keep bounds.

mod excess;
mod walks;

use std::ops::RangeInclusive;

use rand::Rng;

use crate::{Architecture, WithinError};

use super::{Expanded, PieceId};

use self::{
    excess::{Excess, Rounding},
    walks::{Plan, Walks},
};

/// The architectures of an expanded chain whose pieces' costs add up to no more than a bound, to draw from them
/// uniformly. There may be several costs, each with its bound.
///
/// After Dyer, Approximate Counting by Dynamic Programming, STOC 2003: costs are rounded down to cells of a grid; for
/// each state, the walks to the end that take at most so many cells are counted exactly; a walk is drawn by these
/// counts, so that all walks that fit into the grid are equally likely; and it is drawn again if its true sum is above
/// the bound. Rounding down loses no walk that keeps the bound, so that what is drawn is uniform, whatever the grid: a
/// coarse one only costs more tries. Unlike there, a transition's cost is what it adds to the
/// cheapest walk from where it begins. The grid lies over the difference between the bound and the least sum, and is as
/// fine for a bound just above the least as for any other.
///
/// Of several bounds, the one that the fewest architectures keep is drawn by, and the others are tried.
///
/// Counts are whole numbers where the chain has fewer than 2^127 paths, and the draw is uniform exactly. Where it has
/// more, they are floats, and the probability of a step is off by about 1e-16 for each number that was added up on the
/// way to it: by less than 1e-11 in a chain of a hundred layers with a hundred transitions from each state.
///
/// ```
/// # use bespoke_space::{Space, Within, WithinError};
/// # use rand::SeedableRng;
/// let mut chain = Space::builtin("fbnet").expect("it comes with the program").chain();
/// let expanded = chain.expand().expect("it is small enough");
/// let macs = |piece| chain.piece(piece).graph.cost().macs as f64;
/// let within = Within::new(expanded.clone(), macs, 300e6)?;
/// let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let architecture = within.draw(&mut rng).expect("a bound with room above the least");
/// assert!(chain.space().lower(&architecture).expect("a network").cost().macs <= 300_000_000);
///
/// let impossible = Within::new(expanded, macs, 1e6);
/// assert!(matches!(impossible, Err(WithinError::Impossible { least, .. }) if least > 1e6));
/// # Ok::<(), WithinError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Within {
    expanded: Expanded,
    limits: Vec<Limit>,
    /// By the tightest limit.
    walks: Walks,
    count: RangeInclusive<f64>,
}

/// A cost and its bound.
#[derive(Debug, Clone)]
struct Limit {
    bound: f64,
    /// By transition.
    costs: Vec<f64>,
    is_kept_by_all: bool,
}

// === impl Within ===

impl Within {
    /// Walks that are drawn for one architecture before [`Within::draw`] gives up.
    pub const MAX_TRIES: u32 = 1_000_000;

    /// The architectures whose costs, added up from the first layer on, come to `bound` at most. `cost` must give
    /// the same whenever it is asked about the same piece. The table of counts takes 64 MiB at most.
    ///
    /// # Errors
    /// When no architecture keeps the bound, with the least sum and an architecture that has it; when a cost is
    /// negative or not finite, or the bound not finite; when there are more paths than a float can count.
    pub fn new(
        expanded: Expanded,
        cost: impl Fn(PieceId) -> f64,
        bound: f64,
    ) -> Result<Self, WithinError> {
        let limit = Limit::new(&expanded, cost, bound)?;
        let (walks, count) = limit.count(&expanded)?;
        Ok(Self {
            expanded,
            limits: vec![limit],
            walks,
            count,
        })
    }

    /// Those of these architectures that keep another bound too. Whether any does is not known before one is drawn.
    ///
    /// # Errors
    /// As [`Within::new`], for the other bound by itself.
    pub fn and(mut self, cost: impl Fn(PieceId) -> f64, bound: f64) -> Result<Self, WithinError> {
        let limit = Limit::new(&self.expanded, cost, bound)?;
        let (walks, count) = limit.count(&self.expanded)?;
        self.limits.push(limit);
        if count.end() < self.count.end() {
            (self.walks, self.count) = (walks, count);
        }
        Ok(self)
    }

    /// The chain that is drawn from.
    pub fn expanded(&self) -> &Expanded {
        &self.expanded
    }

    /// At least and at most so many architectures keep the tightest bound, counted with costs rounded up and down; all
    /// of the bounds, at most as many. Floats hold whole numbers exactly up to 2^53.
    pub fn count(&self) -> RangeInclusive<f64> {
        self.count.clone()
    }

    /// An architecture that keeps all bounds, all equally likely. `None` when none was among
    /// [`Within::MAX_TRIES`] that keep the tightest bound as the grid has it: the bounds leave few architectures or
    /// none where they meet.
    pub fn draw(&self, rng: &mut (impl Rng + ?Sized)) -> Option<Architecture> {
        let mut path = Vec::with_capacity(self.expanded.layers().len());
        for _ in 0..Self::MAX_TRIES {
            self.walks.draw(&self.expanded, rng, &mut path);
            if self.limits.iter().all(|limit| limit.is_kept(&path)) {
                return self.expanded.architecture(&path);
            }
        }
        None
    }
}

// === impl Limit ===

impl Limit {
    fn new(
        expanded: &Expanded,
        cost: impl Fn(PieceId) -> f64,
        bound: f64,
    ) -> Result<Self, WithinError> {
        if !bound.is_finite() {
            return Err(WithinError::Bound { bound });
        }
        let pieces = expanded.transitions().iter().map(|t| t.piece);
        let costs: Vec<f64> = pieces.map(|piece| piece.map_or(0.0, &cost)).collect();
        let is_wrong = |cost: &f64| !(cost.is_finite() && *cost >= 0.0);
        if let Some(transition) = costs.iter().position(is_wrong) {
            return Err(WithinError::Cost {
                layer: expanded.layer_of(transition).name.clone(),
                cost: costs[transition],
            });
        }
        let (least, architecture) = expanded.least(&cost);
        if least > bound {
            return Err(WithinError::Impossible {
                bound,
                least,
                architecture,
            });
        }
        let (greatest, _) = expanded.greatest(&cost);
        Ok(Self {
            bound,
            costs,
            is_kept_by_all: greatest <= bound,
        })
    }

    /// The walks that may keep it, and how many do.
    fn count(&self, expanded: &Expanded) -> Result<(Walks, RangeInclusive<f64>), WithinError> {
        if self.is_kept_by_all {
            let plan = Plan::new(expanded, 0, vec![0; self.costs.len()]);
            let walks = Walks::count(expanded, plan)?;
            let number = walks.number();
            return Ok((walks, number..=number));
        }
        let excess = Excess::new(expanded, &self.costs, self.bound);
        let plan = Plan::finest(expanded, |grid| excess.cells(grid, Rounding::Down));
        let grid = plan.grid();
        let walks = Walks::count(expanded, plan)?;
        let mut surely = 0.0;
        if excess.has_room(Rounding::Up) {
            let plan = Plan::new(expanded, grid, excess.cells(grid, Rounding::Up));
            surely = Walks::count(expanded, plan)?.number();
        }
        let number = walks.number();
        // The least sum keeps the bound, even where rounding up leaves no room for it.
        Ok((walks, surely.max(1.0)..=number))
    }

    fn is_kept(&self, path: &[usize]) -> bool {
        let costs = path.iter().map(|transition| self.costs[*transition]);
        self.is_kept_by_all || costs.fold(0.0, |sum, cost| sum + cost) <= self.bound
    }
}

#[cfg(test)]
mod tests;
