//! What a walk's transitions add to the least sum, in cells of a grid.

use crate::Expanded;

/// Cells of a transition that is on no walk within the bound.
pub(super) const OUTSIDE: u32 = u32::MAX;

/// Far more than three roundings can change a number of cells, and far less than a cell.
const CELL_ERROR: f64 = 1e-9;

/// How far the walks through each transition stay above the cheapest from where it begins: its cost and the least from
/// its end, less the least from its beginning. Along a walk, these add up to how far the walk is above the least of
/// all.
pub(super) struct Excess {
    /// By transition; never negative, and NaN where sums overflow.
    above: Vec<f64>,
    /// The bound, less the least sum.
    room: f64,
    /// More than rounding can change a sum and what is added up here in its place.
    error: f64,
}

/// Which way costs are rounded to whole cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// Every walk within the bound is within the grid.
    Down,
    /// Every walk within the grid is within the bound.
    Up,
}

// === impl Excess ===

impl Excess {
    /// Of costs by transition.
    pub fn new(expanded: &Expanded, costs: &[f64], bound: f64) -> Self {
        // The least sum from each state to the end.
        let mut least = vec![f64::INFINITY; expanded.states()];
        least[expanded.states() - 1] = 0.0;
        let mut above = vec![0.0; costs.len()];
        for state in (0..expanded.states() - 1).rev() {
            let outgoing = expanded.outgoing(state);
            for transition in outgoing.clone() {
                let next = expanded.transitions()[transition].next;
                above[transition] = costs[transition] + least[next];
            }
            let above = &mut above[outgoing];
            least[state] = above.iter().copied().fold(f64::INFINITY, f64::min);
            above.iter_mut().for_each(|sum| *sum -= least[state]);
        }
        // A sum of n terms is rounded n times, by half an epsilon of the bound at most. What stands above is rounded
        // twice for each term.
        let terms = expanded.layers().len() as f64;
        Self {
            above,
            room: bound - least[0],
            error: 4.0 * terms * f64::EPSILON * bound,
        }
    }

    /// Cells of each transition on a grid of so many from the least sum to the bound.
    pub fn cells(&self, grid: u32, rounding: Rounding) -> Vec<u32> {
        let whole = self.whole(rounding);
        let cell = |above: &f64| {
            if *above == 0.0 {
                return 0;
            }
            let share = *above / whole;
            let cells = match rounding {
                Rounding::Down => (share * f64::from(grid) * (1.0 - CELL_ERROR)).floor(),
                Rounding::Up => (share * f64::from(grid) * (1.0 + CELL_ERROR)).ceil(),
            };
            match share <= 1.0 && cells <= f64::from(grid) {
                true => cells as u32,
                false => OUTSIDE,
            }
        };
        self.above.iter().map(cell).collect()
    }

    /// Whether the least sum is within the grid.
    pub fn has_room(&self, rounding: Rounding) -> bool {
        self.whole(rounding) >= 0.0
    }

    fn whole(&self, rounding: Rounding) -> f64 {
        match rounding {
            Rounding::Down => self.room + self.error,
            Rounding::Up => self.room - self.error,
        }
    }
}
