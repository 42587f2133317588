//! Draws, neighbours, mutation and crossover.

use std::collections::{HashMap, HashSet};

use bespoke_space::{Architecture, Space};
use rand::Rng;

use crate::{builtin, rng, space};

/// 12 architectures: depth 1 with 3 kernels, or depth 2 with 9.
fn small() -> Space {
    space(
        "[[stage]]\nblock = \"conv\"\nrepeat = { choose = [1, 2] }\nchannels = 4\nkernel = { choose = [1, 3, 5] }\n",
    )
}

#[test]
fn draws_are_uniform_over_architectures() {
    let space = small();
    let (draws, mut rng) = (12_000, rng(3));
    let mut counts: HashMap<Architecture, u32> = HashMap::new();
    for _ in 0..draws {
        *counts.entry(space.sample(&mut rng)).or_default() += 1;
    }
    assert_eq!(counts.len(), 12);
    let expected = f64::from(draws) / 12.0;
    let chi_square: f64 = counts
        .values()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    // The 99.9th percentile with 11 degrees of freedom.
    assert!(chi_square < 31.26, "{chi_square}");
}

#[test]
fn all_architectures_are_listed_once() {
    let space = small();
    let listed: Vec<Architecture> = space.architectures().collect();
    let distinct: HashSet<&Architecture> = listed.iter().collect();
    assert_eq!(listed.len().to_string(), space.size());
    assert_eq!(distinct.len(), listed.len());
    assert!(listed.is_sorted());
}

#[test]
fn neighbours_differ_in_one_decision_that_counts_in_both() {
    for space in [small(), builtin("mobile_small"), builtin("nasbench201")] {
        let mut rng = rng(4);
        for _ in 0..10 {
            let architecture = space.sample(&mut rng);
            let active = space.active(&architecture);
            let neighbours = space.neighbours(&architecture);
            let options = space.decisions().iter().zip(&active);
            let expected: usize = options
                .map(|(decision, active)| usize::from(*active) * (decision.options().len() - 1))
                .sum();
            assert_eq!(neighbours.len(), expected);
            for neighbour in neighbours {
                let both = space.active(&neighbour);
                let differing = (0..active.len())
                    .filter(|index| active[*index] && both[*index])
                    .filter(|index| architecture.choices()[*index] != neighbour.choices()[*index]);
                assert_eq!(differing.count(), 1);
                assert_eq!(space.architecture(neighbour.choices()), Some(neighbour));
            }
        }
    }
}

#[test]
fn decisions_that_become_active_take_their_first_option() {
    let space = small();
    let shallow = space.parse_architecture("stage1.repeat=1,stage1.layer1.kernel=5");
    let neighbours = space.neighbours(&shallow.expect("an architecture"));
    let texts: Vec<String> = neighbours
        .iter()
        .map(|n| space.format_architecture(n))
        .collect();
    assert_eq!(
        texts,
        [
            "stage1.repeat=2,stage1.layer1.kernel=5,stage1.layer2.kernel=1",
            "stage1.repeat=1,stage1.layer1.kernel=1",
            "stage1.repeat=1,stage1.layer1.kernel=3",
        ]
    );
}

#[test]
fn mutation_always_changes_something() {
    for space in [small(), builtin("mobile_small")] {
        let mut rng = rng(5);
        for probability in [0.0, 0.1, 1.0] {
            for _ in 0..50 {
                let architecture = space.sample(&mut rng);
                let mutant = space.mutate(&architecture, &mut rng, probability);
                assert_ne!(mutant, architecture);
                assert_eq!(space.architecture(mutant.choices()), Some(mutant));
            }
        }
    }
}

#[test]
fn mutation_with_probability_zero_is_a_single_change() {
    let space = builtin("nasbench201");
    let mut rng = rng(6);
    for _ in 0..50 {
        let architecture = space.sample(&mut rng);
        let mutant = space.mutate(&architecture, &mut rng, 0.0);
        assert!(space.neighbours(&architecture).contains(&mutant));
    }
}

#[test]
fn children_take_every_choice_from_a_parent_in_which_it_counts() {
    for space in [small(), builtin("mobile_small"), builtin("ofa_mobilenetv3")] {
        let mut rng = rng(7);
        for _ in 0..50 {
            let parents = [space.sample(&mut rng), space.sample(&mut rng)];
            let child = space.crossover(&parents[0], &parents[1], &mut rng);
            let active = space.active(&child);
            for index in (0..active.len()).filter(|index| active[*index]) {
                let comes_from = |parent: &Architecture| {
                    space.active(parent)[index] && parent.choices()[index] == child.choices()[index]
                };
                assert!(parents.iter().any(comes_from));
            }
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_architectures() {
    let space = builtin("ofa_mobilenetv3");
    let draw = |seed| {
        let mut rng = rng(seed);
        let first = space.sample(&mut rng);
        let probability = rng.random();
        space.mutate(&first, &mut rng, probability)
    };
    assert_eq!(draw(8), draw(8));
    assert_ne!(draw(8), draw(9));
}
