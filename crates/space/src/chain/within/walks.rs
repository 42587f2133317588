//! Counting walks on a grid, and drawing them by the counts.

use std::iter::repeat;

use rand::Rng;

use crate::{Expanded, WithinError};

use super::excess::OUTSIDE;

/// Cells of the finest grid.
const MAX_GRID: u32 = 4096;
/// Counts in a table: 64 MiB of whole numbers.
const MAX_COUNTS: usize = 1 << 22;
/// Additions to fill a table: well under a second.
const MAX_ADDITIONS: usize = 1 << 28;
/// From here on paths are counted in floats.
const MAX_WHOLE: f64 = (1_u128 << 127) as f64;

/// A grid on which walks can be counted: what transitions take of it, and which counts there are.
pub(super) struct Plan {
    grid: u32,
    /// By transition.
    cells: Vec<u32>,
    /// Where the counts of each state begin, and the end of all.
    first: Vec<usize>,
    additions: usize,
}

/// The walks to the end within a number of cells, for each state.
#[derive(Debug, Clone)]
pub(super) enum Walks {
    Whole(Table<u128>),
    Float(Table<f64>),
}

/// Counts of one type.
#[derive(Debug, Clone)]
pub(super) struct Table<N> {
    grid: u32,
    /// By transition.
    cells: Vec<u32>,
    first: Vec<usize>,
    /// For each state, the walks of at most 0, 1, 2 … cells; more cells than the last has, or than walks that lead
    /// here can have left, add none.
    counts: Vec<N>,
}

/// What walks are counted in.
pub(super) trait Count: Copy + PartialOrd {
    const ZERO: Self;
    const ONE: Self;

    fn plus(self, other: Self) -> Self;

    fn minus(self, other: Self) -> Self;

    /// A number from 0 to below this one, all equally likely.
    fn draw_below(self, rng: &mut (impl Rng + ?Sized)) -> Self;

    /// The same from a number of which no more is known than that it is one of these.
    fn redraw_below(self, known: Self, rng: &mut (impl Rng + ?Sized)) -> Self;
}

// === impl Plan ===

impl Plan {
    /// The finest grid that memory and time allow; `cells` gives the transitions' cells on a grid.
    pub fn finest(expanded: &Expanded, cells: impl Fn(u32) -> Vec<u32>) -> Self {
        let mut grid = MAX_GRID;
        loop {
            let plan = Self::new(expanded, grid, cells(grid));
            let fits = plan.counts() <= MAX_COUNTS && plan.additions <= MAX_ADDITIONS;
            if fits || grid == 1 {
                return plan;
            }
            grid /= 2;
        }
    }

    pub fn new(expanded: &Expanded, grid: u32, cells: Vec<u32>) -> Self {
        let (taken, needed) = (taken(expanded, &cells), needed(expanded, &cells));
        let mut first = vec![0];
        let (mut counts, mut additions) = (0, 0);
        for (state, (taken, needed)) in taken.into_iter().zip(needed).enumerate() {
            let most = needed.min(u64::from(grid).saturating_sub(taken));
            let row = usize::try_from(most).expect("a grid fits into memory") + 1;
            counts += row;
            additions += row * expanded.outgoing(state).len();
            first.push(counts);
        }
        Self {
            grid,
            cells,
            first,
            additions,
        }
    }

    pub fn grid(&self) -> u32 {
        self.grid
    }

    fn counts(&self) -> usize {
        self.first.last().copied().unwrap_or_default()
    }
}

// === impl Walks ===

impl Walks {
    pub fn count(expanded: &Expanded, plan: Plan) -> Result<Self, WithinError> {
        let paths = paths(expanded);
        if !paths.is_finite() {
            return Err(WithinError::TooMany);
        }
        Ok(match paths < MAX_WHOLE {
            true => Self::Whole(Table::count(expanded, plan)),
            false => Self::Float(Table::count(expanded, plan)),
        })
    }

    /// All walks from the start to the end.
    pub fn number(&self) -> f64 {
        match self {
            Self::Whole(table) => table.walks(0, table.grid) as f64,
            Self::Float(table) => table.walks(0, table.grid),
        }
    }

    /// Replaces `path` by the transitions of a walk, all equally likely.
    pub fn draw(&self, expanded: &Expanded, rng: &mut (impl Rng + ?Sized), path: &mut Vec<usize>) {
        match self {
            Self::Whole(table) => table.draw(expanded, rng, path),
            Self::Float(table) => table.draw(expanded, rng, path),
        }
    }
}

// === impl Table ===

impl<N: Count> Table<N> {
    fn count(expanded: &Expanded, plan: Plan) -> Self {
        let mut counts = vec![N::ZERO; plan.counts()];
        let Plan {
            grid, cells, first, ..
        } = plan;
        let end = expanded.states() - 1;
        counts[first[end]..].fill(N::ONE);
        for state in (0..end).rev() {
            let (before, after) = counts.split_at_mut(first[state + 1]);
            let row = &mut before[first[state]..];
            for transition in expanded.outgoing(state) {
                let next = expanded.transitions()[transition].next;
                let onward = first[next] - first[state + 1]..first[next + 1] - first[state + 1];
                add_later(row, &after[onward], cells[transition]);
            }
        }
        Self {
            grid,
            cells,
            first,
            counts,
        }
    }

    /// Walks from a state to the end of at most so many cells.
    fn walks(&self, state: usize, cells: u32) -> N {
        let row = &self.counts[self.first[state]..self.first[state + 1]];
        row[(cells as usize).min(row.len() - 1)]
    }

    fn draw(&self, expanded: &Expanded, rng: &mut (impl Rng + ?Sized), path: &mut Vec<usize>) {
        path.clear();
        let (mut state, mut left) = (0, self.grid);
        let mut point = self.walks(state, left).draw_below(rng);
        while state + 1 < expanded.states() {
            let mut chosen = None;
            for transition in expanded.outgoing(state) {
                let cells = self.cells[transition];
                if cells > left {
                    continue;
                }
                let through = self.walks(expanded.transitions()[transition].next, left - cells);
                if through > N::ZERO {
                    chosen = Some((transition, through));
                }
                if point < through {
                    break;
                }
                // Sums of floats may end just short of the point: then the last that there was is taken.
                point = point.minus(through);
            }
            let (transition, through) = chosen.expect("a walk goes on as far as it was counted");
            point = through.redraw_below(point, rng);
            path.push(transition);
            left -= self.cells[transition];
            state = expanded.transitions()[transition].next;
        }
    }
}

// === impl Count ===

impl Count for u128 {
    const ZERO: Self = 0;
    const ONE: Self = 1;

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    /// Draws as many bits as the greatest number has, until they are below the bound, so that none is likelier.
    fn draw_below(self, rng: &mut (impl Rng + ?Sized)) -> Self {
        let unused = (self - 1).leading_zeros();
        loop {
            let bits = match unused {
                128 => 0,
                64.. => Self::from(rng.random::<u64>() >> (unused - 64)),
                _ => rng.random::<Self>() >> unused,
            };
            if bits < self {
                return bits;
            }
        }
    }

    fn redraw_below(self, known: Self, _: &mut (impl Rng + ?Sized)) -> Self {
        known
    }
}

impl Count for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn draw_below(self, rng: &mut (impl Rng + ?Sized)) -> Self {
        self * rng.random::<Self>()
    }

    /// Another: the digits of the one that was drawn are used up.
    fn redraw_below(self, _: Self, rng: &mut (impl Rng + ?Sized)) -> Self {
        self.draw_below(rng)
    }
}

// === helpers ===

/// Adds the walks that go on by a transition of so many cells to those of its state.
fn add_later<N: Count>(row: &mut [N], onward: &[N], cells: u32) {
    let (Some(row), Some(most)) = (row.get_mut(cells as usize..), onward.last()) else {
        return;
    };
    let onward = onward.iter().chain(repeat(most));
    row.iter_mut()
        .zip(onward)
        .for_each(|(sum, walks)| *sum = sum.plus(*walks));
}

/// The fewest cells from the start to each state.
fn taken(expanded: &Expanded, cells: &[u32]) -> Vec<u64> {
    let mut taken = vec![u64::MAX; expanded.states()];
    taken[0] = 0;
    for state in 0..expanded.states() {
        for transition in expanded.outgoing(state) {
            let next = expanded.transitions()[transition].next;
            if cells[transition] != OUTSIDE {
                let through = taken[state].saturating_add(u64::from(cells[transition]));
                taken[next] = taken[next].min(through);
            }
        }
    }
    taken
}

/// The most cells from each state to the end.
fn needed(expanded: &Expanded, cells: &[u32]) -> Vec<u64> {
    let mut needed = vec![0_u64; expanded.states()];
    for state in (0..expanded.states()).rev() {
        for transition in expanded.outgoing(state) {
            let next = expanded.transitions()[transition].next;
            if cells[transition] != OUTSIDE {
                let through = needed[next] + u64::from(cells[transition]);
                needed[state] = needed[state].max(through);
            }
        }
    }
    needed
}

/// How many paths there are, nearly.
fn paths(expanded: &Expanded) -> f64 {
    let mut paths = vec![0.0; expanded.states()];
    paths[expanded.states() - 1] = 1.0;
    for state in (0..expanded.states() - 1).rev() {
        let outgoing = &expanded.transitions()[expanded.outgoing(state)];
        paths[state] = outgoing.iter().map(|t| paths[t.next]).sum();
    }
    paths[0]
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::Space;

    #[test]
    fn a_grid_is_as_fine_as_memory_allows() {
        let plan = |name: &str, share: u32| {
            let space = Space::builtin(name).expect("it comes with the program");
            // Four of the six edges of NAS-Bench-201's cell: 625 states in each of its layers.
            let is_left_out = |decision| name == "nasbench201" && decision > 3;
            let allows = |decision, option| !is_left_out(decision) || option == 3;
            let expanded = space.chain().expand_where(allows).expect("small enough");
            Plan::finest(&expanded, |grid| {
                vec![grid / share; expanded.transitions().len()]
            })
        };
        assert_eq!(plan("fbnet", 32).grid(), MAX_GRID);
        let coarse = plan("nasbench201", 64);
        assert_eq!(coarse.grid(), MAX_GRID / 2);
        assert!(coarse.counts() <= MAX_COUNTS && 2 * coarse.counts() > MAX_COUNTS);
    }

    #[test]
    fn numbers_below_a_bound_are_equally_likely() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for shift in [0, 62, 100] {
            let bound = 5_u128 << shift;
            let mut fifths = [0_u32; 5];
            for _ in 0..5_000 {
                let number = bound.draw_below(&mut rng);
                fifths[usize::try_from(number >> shift).expect("one of five")] += 1;
            }
            let squares = fifths.iter().map(|n| (f64::from(*n) - 1000.0).powi(2));
            // Four degrees of freedom: one draw in 10,000 is above.
            assert!(squares.sum::<f64>() / 1000.0 < 23.5, "{fifths:?}");
        }
    }
}
