use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::Space;

/// 3 x 3 x 3 x (1 + 2 + 4) = 189 architectures.
fn small() -> Space {
    let text = r#"
name = "small"
source = "none"
classes = 4
[input]
channels = 3
resolution = 8
[[stage]]
block = "conv"
repeat = 3
channels = 4
kernel = { choose = [1, 3, 5] }
[[stage]]
block = "depthwise_separable"
repeat = { choose = [0, 1, 2] }
channels = 4
kernel = { choose = [3, 5] }
[[stage]]
name = "pool"
block = "global_pool"
[[stage]]
name = "head"
block = "classifier"
"#;
    Space::parse("small.toml", text).expect("a valid space")
}

fn cost(piece: PieceId) -> f64 {
    (piece.index() as f64 * 0.618_033_988_749_894_9).fract()
}

#[test]
fn every_grid_draws_the_same_architectures_uniformly() {
    let space = small();
    let mut chain = space.chain();
    let expanded = chain.expand().expect("small enough");
    let mut sums = Vec::new();
    let mut pieces = Vec::new();
    for architecture in space.architectures() {
        let traced = chain.trace(&architecture, &mut pieces);
        traced.expect("an architecture that lowers");
        let sum: f64 = pieces.iter().fold(0.0, |sum, piece| sum + cost(*piece));
        sums.push((sum, architecture));
    }
    assert_eq!(sums.len(), 189);
    sums.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let bound = sums[60].0;
    let meant = sums.iter().filter(|(sum, _)| *sum <= bound).count();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut last = f64::INFINITY;
    for grid in [1, 3, 8, 50, 4096] {
        let mut within = Within::new(expanded.clone(), cost, bound).expect("a bound that is kept");
        let excess = Excess::new(&expanded, &within.limits[0].costs, bound);
        let plan = Plan::new(&expanded, grid, excess.cells(grid, Rounding::Down));
        within.walks = Walks::count(&expanded, plan).expect("a walk");
        assert!(within.walks.number() >= meant as f64);
        assert!(within.walks.number() <= last, "{grid} cells are finer");
        last = within.walks.number();
        let mut drawn: BTreeMap<Architecture, u32> = BTreeMap::new();
        for _ in 0..200 * meant {
            let architecture = within.draw(&mut rng).expect("one of many");
            *drawn.entry(architecture).or_default() += 1;
        }
        assert_eq!(drawn.len(), meant);
        assert!(sums[..meant].iter().all(|(_, a)| drawn.contains_key(a)));
        let squares = drawn.values().map(|n| (f64::from(*n) - 200.0).powi(2));
        let chi_square = squares.sum::<f64>() / 200.0;
        let freedom = meant as f64 - 1.0;
        let deviations = (chi_square - freedom) / (2.0 * freedom).sqrt();
        assert!(deviations.abs() < 4.0, "{grid} cells: {deviations}");
    }
    assert!(last < meant as f64 * 1.05, "{last} of {meant}");
}
