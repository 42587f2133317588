use bespoke_space::Space;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::lookup::Layout;

/// The operators of a space, and how much of each some of its networks take.
fn drawn(networks: usize) -> (Operators, Vec<Vec<f64>>) {
    let space = Space::builtin("mobile_small").expect("it comes with the program");
    let mut chain = space.chain();
    let expanded = chain.expand().expect("a chain");
    let operators = Layout::Content.operators(&chain, &expanded).expect("keys");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let counts = (0..networks).map(|_| {
        let mut pieces = Vec::new();
        let architecture = space.sample(&mut rng);
        chain.trace(&architecture, &mut pieces).expect("a network");
        operators.counts(&pieces).expect("it is of the space")
    });
    let counts = counts.collect();
    (operators, counts)
}

/// What operators take alone, and a tenth less, four microseconds less for the call, and some for fetching weights in a
/// network.
fn times(operators: &Operators) -> (Vec<f64>, Vec<f64>) {
    let both = (0..operators.all().len()).map(|place| {
        let macs = operators.all()[place].graph.cost().macs as f64;
        let [weights, values] = work(operators, place);
        let inside = 0.001 + macs / 2e7 + values / 1e6;
        (0.004 + 1.1 * inside, inside + weights / 5e5)
    });
    both.unzip()
}

fn sum(counts: &[f64], ms: &[f64]) -> f64 {
    counts.iter().zip(ms).map(|(count, ms)| count * ms).sum()
}

/// Greatest error of the sums over networks, as a share.
fn worst(counts: &[Vec<f64>], ms: &[f64], inside: &[f64]) -> f64 {
    let error = |counts: &Vec<f64>| (sum(counts, ms) / sum(counts, inside) - 1.0).abs();
    counts.iter().map(error).fold(0.0, f64::max)
}

#[test]
fn whole_networks_tell_what_measuring_alone_adds() {
    let (operators, counts) = drawn(60);
    let (alone, inside) = times(&operators);
    let (seen, unseen) = counts.split_at(20);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let networks: Vec<WholeNetwork> = (seen.iter())
        .map(|counts| {
            let noise = rng.random_range(0.995..1.005);
            WholeNetwork {
                counts: counts.clone(),
                ms: noise * sum(counts, &inside),
            }
        })
        .collect();
    let alone_ms: Vec<Option<f64>> = alone.iter().copied().map(Some).collect();
    let learned: Vec<f64> = in_networks(&operators, &alone_ms, &networks)
        .into_iter()
        .map(|ms| ms.expect("each was measured alone"))
        .collect();
    assert!(worst(unseen, &alone, &inside) > 0.15);
    let left = worst(unseen, &learned, &inside);
    assert!(left < 0.02, "{left}");
}

#[test]
fn operators_keep_their_times_without_networks_and_stay_without_one_if_they_have_none() {
    let (operators, counts) = drawn(30);
    let (alone, inside) = times(&operators);
    let mut alone_ms: Vec<Option<f64>> = alone.iter().copied().map(Some).collect();
    assert_eq!(in_networks(&operators, &alone_ms, &[]), alone_ms);
    // An operator that some of the networks have and others do not.
    let sometimes = |place: &usize| {
        let with = counts.iter().filter(|counts| counts[*place] > 0.0).count();
        (1..20).contains(&with)
    };
    let lost = (0..alone.len()).find(sometimes).expect("there is one");
    alone_ms[lost] = None;
    // Nonsense about what those networks take must not matter.
    let networks: Vec<WholeNetwork> = (counts.iter())
        .map(|counts| WholeNetwork {
            ms: if counts[lost] > 0.0 {
                1e3
            } else {
                sum(counts, &inside)
            },
            counts: counts.clone(),
        })
        .collect();
    let learned = in_networks(&operators, &alone_ms, &networks);
    assert_eq!(learned.iter().position(Option::is_none), Some(lost));
    let learned: Vec<f64> = learned.into_iter().map(|ms| ms.unwrap_or(0.0)).collect();
    let others: Vec<Vec<f64>> = (counts.into_iter())
        .filter(|counts| counts[lost] == 0.0)
        .collect();
    let left = worst(&others, &learned, &inside);
    assert!(left < 0.02, "{left}");
}
