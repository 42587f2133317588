//! Draws within bounds against lists of all architectures.

use std::collections::{BTreeMap, BTreeSet};

use bespoke_space::{Architecture, Chain, PieceId, Space, Within, WithinError};

use crate::{builtin, chain::winding, rng, space};

/// Some cost without pattern, from 0 to 1.
fn cost(piece: PieceId) -> f64 {
    mixed(piece, 0x9E37_79B9_7F4A_7C15)
}

/// Another, that has nothing to do with the first.
fn other_cost(piece: PieceId) -> f64 {
    mixed(piece, 0xD6E8_FEB8_6659_FD93)
}

fn mixed(piece: PieceId, factor: u64) -> f64 {
    let mixed = (piece.index() as u64 + 1).wrapping_mul(factor) >> 11;
    mixed as f64 / (1_u64 << 53) as f64
}

/// Sums that decimals cannot hold, and many of them alike.
fn tenths(piece: PieceId) -> f64 {
    (piece.index() % 7) as f64 * 0.1
}

/// All architectures with their sums, least first.
fn priced(chain: &mut Chain, cost: impl Fn(PieceId) -> f64) -> Vec<(f64, Architecture)> {
    let all: Vec<Architecture> = chain.space().architectures().collect();
    let mut pieces = Vec::new();
    let sum = |architecture: Architecture| {
        let traced = chain.trace(&architecture, &mut pieces);
        traced.expect("an architecture that lowers");
        let sum = pieces.iter().fold(0.0, |sum, piece| sum + cost(*piece));
        (sum, architecture)
    };
    let mut priced: Vec<_> = all.into_iter().map(sum).collect();
    priced.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    priced
}

fn kept(priced: &[(f64, Architecture)], bound: f64) -> BTreeSet<Architecture> {
    let kept = priced.iter().filter(|(sum, _)| *sum <= bound);
    kept.map(|(_, architecture)| architecture.clone()).collect()
}

/// Draws each of these a hundred times on average, nothing else, and as evenly as chance has it.
fn check_uniform(within: &Within, meant: &BTreeSet<Architecture>, seed: u64) {
    let mut rng = rng(seed);
    let mut drawn: BTreeMap<Architecture, u32> = BTreeMap::new();
    for _ in 0..100 * meant.len() {
        let architecture = within.draw(&mut rng).expect("one of many");
        assert!(meant.contains(&architecture));
        *drawn.entry(architecture).or_default() += 1;
    }
    let times = |architecture| drawn.get(architecture).copied().unwrap_or_default();
    let squares = meant.iter().map(|a| (f64::from(times(a)) - 100.0).powi(2));
    let chi_square = squares.sum::<f64>() / 100.0;
    let freedom = meant.len() as f64 - 1.0;
    assert!(
        (chi_square - freedom).abs() <= 4.0 * (2.0 * freedom).sqrt(),
        "chi-square {chi_square} with {freedom} degrees of freedom"
    );
}

/// Stages of so many layers, each of which chooses its kernel.
fn deep<const STAGES: usize>(layers: [usize; STAGES], kernels: &str) -> Space {
    let stage = |layers: usize| {
        format!(
            "[[stage]]\nblock = \"conv\"\nrepeat = {layers}\nchannels = 3\nkernel = {{ choose = [{kernels}] }}\n"
        )
    };
    space(&layers.map(stage).concat())
}

#[test]
fn what_keeps_a_bound_is_drawn_uniformly_and_nothing_else() {
    let mut chain = winding().chain();
    let expanded = chain.expand().expect("small enough");
    let priced = priced(&mut chain, cost);
    for place in [1, 20, 300, 868] {
        let bound = priced[place].0;
        let meant = kept(&priced, bound);
        let within = Within::new(expanded.clone(), cost, bound).expect("a bound that is kept");
        let number = meant.len() as f64;
        assert!(within.count().contains(&number), "{number}: {within:?}");
        assert!(*within.count().end() <= number * 1.05 + 1.0);
        check_uniform(&within, &meant, 21);
    }
}

#[test]
fn a_sum_at_the_very_bound_keeps_it_and_one_above_does_not() {
    let mut chain = winding().chain();
    let expanded = chain.expand().expect("small enough");
    let priced = priced(&mut chain, tenths);
    for place in [0, 100, 435, 700, 869] {
        let at = priced[place].0;
        for bound in [at, at.next_up(), at.next_down()] {
            let meant = kept(&priced, bound);
            match Within::new(expanded.clone(), tenths, bound) {
                Ok(within) => check_uniform(&within, &meant, 22),
                Err(error) => {
                    assert!(matches!(error, WithinError::Impossible { .. }), "{error}");
                    assert!(meant.is_empty());
                }
            }
        }
    }
}

#[test]
fn a_bound_at_the_least_leaves_the_one_that_has_it() {
    let mut chain = winding().chain();
    let expanded = chain.expand().expect("small enough");
    let (least, architecture) = expanded.least(cost);
    assert_eq!(kept(&priced(&mut chain, cost), least).len(), 1);
    let within = Within::new(expanded, cost, least).expect("a bound that is kept");
    assert_eq!(within.count(), 1.0..=1.0);
    assert_eq!(within.draw(&mut rng(23)), Some(architecture));
}

#[test]
fn a_space_of_one_architecture_gives_it_away() {
    let space = space("[[stage]]\nblock = \"conv\"\nchannels = 4\n");
    let expanded = space.chain().expand().expect("small enough");
    let only = space.architectures().next();
    let within = Within::new(expanded, cost, 10.0).expect("a bound that is kept");
    assert_eq!(within.count(), 1.0..=1.0);
    assert_eq!(within.draw(&mut rng(24)), only);
}

#[test]
fn a_bound_that_all_keep_leaves_all() {
    let mut chain = winding().chain();
    let expanded = chain.expand().expect("small enough");
    let all = kept(&priced(&mut chain, cost), f64::MAX);
    let (greatest, _) = expanded.greatest(cost);
    for bound in [greatest, greatest * 3.0, f64::MAX] {
        let within = Within::new(expanded.clone(), cost, bound).expect("a bound that is kept");
        assert_eq!(within.count(), 870.0..=870.0);
        check_uniform(&within, &all, 25);
    }
    let free = Within::new(expanded, |_| 0.0, 0.0).expect("a bound that is kept");
    assert_eq!(free.count(), 870.0..=870.0);
    check_uniform(&free, &all, 26);
}

#[test]
fn an_impossible_bound_is_answered_with_the_least() {
    let expanded = winding().chain().expand().expect("small enough");
    let (least, architecture) = expanded.least(cost);
    for bound in [least.next_down(), 0.0, -1.0] {
        let error = Within::new(expanded.clone(), cost, bound).expect_err("nothing keeps it");
        assert_eq!(
            error.to_string(),
            format!("no architecture costs {bound} or less: the least is {least}")
        );
        let wanted = WithinError::Impossible {
            bound,
            least,
            architecture: architecture.clone(),
        };
        assert_eq!(error, wanted);
    }
    let possible = Within::new(expanded, cost, least).expect("a bound that is kept");
    let error = possible.and(cost, 0.0).expect_err("nothing keeps it");
    assert!(matches!(error, WithinError::Impossible { .. }), "{error}");
}

#[test]
fn what_keeps_several_bounds_is_drawn_uniformly() {
    let mut chain = winding().chain();
    let expanded = chain.expand().expect("small enough");
    let (one, other) = (priced(&mut chain, cost), priced(&mut chain, other_cost));
    for (first, second) in [(400, 500), (600, 150)] {
        let bounds = (one[first].0, other[second].0);
        let meant = &kept(&one, bounds.0) & &kept(&other, bounds.1);
        assert!(meant.len() > 20, "{}", meant.len());
        let within = Within::new(expanded.clone(), cost, bounds.0);
        let within = within.and_then(|within| within.and(other_cost, bounds.1));
        let within = within.expect("bounds that are kept");
        let fewest = kept(&one, bounds.0).len().min(kept(&other, bounds.1).len());
        assert!(within.count().contains(&(fewest as f64)), "{within:?}");
        check_uniform(&within, &meant, 27);
    }
}

#[test]
fn bounds_that_do_not_meet_end_in_no_architecture() {
    let mut chain = deep([2], "1, 3").chain();
    let expanded = chain.expand().expect("small enough");
    let macs: Vec<u64> = chain.pieces().iter().map(|p| p.graph.cost().macs).collect();
    let is_conv = |piece: PieceId| chain.piece(piece).block == "conv";
    let is_large = |piece: PieceId| macs[piece.index()] > 3 * 3 * 64;
    let large = |piece| f64::from(u8::from(is_conv(piece) && is_large(piece)));
    let small = |piece| f64::from(u8::from(is_conv(piece) && !is_large(piece)));
    let within = Within::new(expanded, large, 0.0).expect("two small layers");
    assert_eq!(within.count(), 1.0..=1.0);
    let wider = within.clone().and(small, 2.0).expect("any layers");
    assert!(wider.draw(&mut rng(28)).is_some());
    let neither = within.and(small, 1.0).expect("one large layer");
    assert_eq!(neither.draw(&mut rng(28)), None);
}

#[test]
fn more_architectures_than_whole_numbers_reach_are_drawn_by_floats() {
    let mut chain = deep([64, 64, 2], "1, 3").chain();
    let expanded = chain.expand().expect("small enough");
    let macs: Vec<u64> = chain.pieces().iter().map(|p| p.graph.cost().macs).collect();
    let large = |piece: PieceId| f64::from(u8::from(macs[piece.index()] > 3 * 3 * 64));
    let within = Within::new(expanded.clone(), large, 2.0).expect("a bound that is kept");
    // None, one or two of 130 layers are large.
    let ways = [1.0, 130.0, 130.0 * 129.0 / 2.0];
    let all: f64 = ways.iter().sum();
    assert_eq!(*within.count().end(), all);
    let mut rng = rng(29);
    let mut of_so_many = [0.0; 3];
    let mut at = [0.0; 130];
    for _ in 0..20_000 {
        let architecture = within.draw(&mut rng).expect("one of many");
        let layers = architecture.choices().iter().enumerate();
        let large: Vec<usize> = layers.filter(|(_, c)| **c == 1).map(|(at, _)| at).collect();
        of_so_many[large.len()] += 1.0;
        large.iter().for_each(|layer| at[*layer] += 1.0);
    }
    // Two degrees of freedom: one draw in 10,000 is above.
    let squares = ways.iter().zip(of_so_many).map(|(ways, drawn)| {
        let meant = 20_000.0 * ways / all;
        (drawn - meant).powi(2) / meant
    });
    assert!(squares.sum::<f64>() < 18.5, "{of_so_many:?}");
    let meant = 20_000.0 * (1.0 + 129.0) / all;
    for (layer, drawn) in at.into_iter().enumerate() {
        assert!(
            (drawn - meant).abs() < 5.0 * meant.sqrt(),
            "layer {layer}: {drawn}"
        );
    }
    let free = Within::new(expanded, |_| 0.0, 0.0).expect("a bound that is kept");
    assert_eq!(free.count(), 2_f64.powi(130)..=2_f64.powi(130));
}

#[test]
fn bounds_of_spaces_that_cannot_be_listed_are_kept_and_reached() {
    for name in ["ofa_mobilenetv3_w12", "fbnet", "mnasnet"] {
        let space = builtin(name);
        let mut chain = space.chain();
        // One resolution: all others have pieces of their own.
        let is_input = |decision: usize| space.decisions()[decision].path() == "input.resolution";
        let expanded = chain.expand_where(|decision, option| !is_input(decision) || option == 0);
        let expanded = expanded.expect("small enough");
        let (least, _) = expanded.least(cost);
        let (greatest, _) = expanded.greatest(cost);
        let mut pieces = Vec::new();
        for share in [0.001, 0.1, 0.4] {
            let bound = least + share * (greatest - least);
            let within = Within::new(expanded.clone(), cost, bound).expect("a bound that is kept");
            let (surely, perhaps) = within.count().into_inner();
            assert!(
                surely <= perhaps && perhaps <= surely * 1.2 + 2.0,
                "{surely} {perhaps}"
            );
            let mut rng = rng(30);
            let mut most: f64 = 0.0;
            for _ in 0..300 {
                let architecture = within.draw(&mut rng).expect("one of many");
                let traced = chain.trace(&architecture, &mut pieces);
                traced.expect("an architecture that lowers");
                let sum = pieces.iter().fold(0.0, |sum, piece| sum + cost(*piece));
                assert!(sum <= bound);
                most = most.max(sum);
            }
            // Most of many below a bound are close to it.
            assert!(
                surely < 1e4 || most > least + 0.8 * (bound - least),
                "{most} of {bound}"
            );
        }
    }
}

#[test]
fn a_seed_draws_the_same_again() {
    let expanded = winding().chain().expand().expect("small enough");
    let bound = expanded.greatest(cost).0 * 0.5;
    let within = Within::new(expanded, cost, bound).expect("a bound that is kept");
    let draws = |seed| {
        let mut rng = rng(seed);
        let draws: Vec<_> = (0..20).map(|_| within.draw(&mut rng)).collect();
        draws
    };
    assert_eq!(draws(31), draws(31));
    assert_ne!(draws(31), draws(32));
}

#[test]
fn costs_and_bounds_that_do_not_add_up_are_refused() {
    let expanded = winding().chain().expand().expect("small enough");
    for cost in [-1.0, f64::NAN, f64::INFINITY] {
        let error = Within::new(expanded.clone(), |_| cost, 1.0).expect_err("no cost");
        assert_eq!(
            error.to_string(),
            format!("a cost in `body.layer1` is {cost}: expected a finite number from 0")
        );
    }
    for bound in [f64::NAN, f64::INFINITY] {
        let error = Within::new(expanded.clone(), cost, bound).expect_err("no bound");
        assert_eq!(
            error.to_string(),
            format!("the bound is {bound}: expected a finite number")
        );
    }
    // Sums that leave the range of floats are above every bound.
    let error = Within::new(expanded, |_| f64::MAX, f64::MAX).expect_err("more than one layer");
    assert!(matches!(error, WithinError::Impossible { least, .. } if least.is_infinite()));
}

#[test]
fn more_architectures_than_floats_reach_are_refused() {
    let expanded = deep([60; 12], "1, 3, 5")
        .chain()
        .expand()
        .expect("small enough");
    let error = Within::new(expanded, |_| 0.0, 0.0).expect_err("3^720 are too many");
    assert_eq!(
        error.to_string(),
        "there are more than 1e308 architectures, too many to count"
    );
}
