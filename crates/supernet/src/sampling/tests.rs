use std::collections::BTreeSet;

use rand::SeedableRng;

use super::*;

/// Widths, depths and kernels between 4 and 130 thousand multiply-accumulates.
const SPACE: &str = r#"
name = "levels"
source = "tests"
classes = 10

[input]
channels = 1
resolution = 8

[[stage]]
name = "stem"
block = "conv"
channels = { choose = [4, 6, 8] }
stride = 2

[[stage]]
name = "body"
block = "mbconv"
repeat = { choose = [1, 2, 3] }
channels = { choose = [4, 8, 12, 16] }
kernel = { choose = [3, 5] }
expand = { choose = [1, 2, 3, 4] }

[[stage]]
block = "global_pool"

[[stage]]
block = "classifier"
"#;

const LEVELS: u32 = 5;

fn space() -> Space {
    Space::parse("levels.toml", SPACE).unwrap()
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn complexity_aware(space: &Space, networks: u32) -> Sampler {
    let sampling = Sampling::ComplexityAware {
        levels: LEVELS,
        networks,
    };
    Sampler::new(space, sampling).unwrap()
}

fn performance_aware(space: &Space, bank: u32) -> Sampler {
    let sampling = Sampling::PerformanceAware {
        levels: LEVELS,
        networks: 3,
        bank,
    };
    Sampler::new(space, sampling).unwrap()
}

/// The level of a network, from the multiply-accumulates of the extremes.
fn level(space: &Space, sampler: &Sampler, of: &Architecture) -> usize {
    let count = |of| macs(space, of).unwrap() as f64;
    let [least, most] = [sampler.smallest(), sampler.largest()].map(count);
    let part = (count(of) / least).ln() / (most / least).ln();
    ((part * f64::from(LEVELS)) as usize).min(LEVELS as usize - 1)
}

#[test]
fn networks_of_a_step_are_of_one_level_and_those_of_the_next_of_it_or_one_beside() {
    let space = space();
    let mut sampler = complexity_aware(&space, 3);
    let mut rng = rng(1);
    let (mut before, mut visited) = (0, BTreeSet::new());
    for _ in 0..150 {
        let drawn = sampler.draw(&space, 0.0, &mut rng).unwrap();
        assert_eq!(drawn.len(), 4);
        let levels: BTreeSet<usize> = drawn
            .iter()
            .map(|one| level(&space, &sampler, one))
            .collect();
        let at = *levels.first().unwrap();
        assert_eq!(levels.len(), 1, "{levels:?}");
        assert!(at.abs_diff(before) <= 1, "{before}, then {at}");
        before = at;
        visited.insert(at);
    }
    assert_eq!(visited, (0..LEVELS as usize).collect());
}

#[test]
fn fair_networks_of_a_step_have_every_option_equally_often() {
    let text = SPACE.replace("repeat = { choose = [1, 2, 3] }", "repeat = 2");
    let space = Space::parse("fair.toml", &text).unwrap();
    let mut sampler = Sampler::new(&space, Sampling::Fair).unwrap();
    let mut rng = rng(4);
    let mut distinct = BTreeSet::new();
    for _ in 0..20 {
        let drawn = sampler.draw(&space, 0.0, &mut rng).unwrap();
        assert_eq!(drawn.len(), 4);
        for (at, decision) in space.decisions().iter().enumerate() {
            let mut times = vec![0; decision.options().len()];
            for one in &drawn {
                times[usize::from(one.choices()[at])] += 1;
            }
            let (fewest, most) = (times.iter().min(), times.iter().max());
            assert!(most.unwrap() - fewest.unwrap() <= 1, "{times:?}");
        }
        distinct.extend(drawn);
    }
    assert!(distinct.len() > 60, "{}", distinct.len());
}

#[test]
fn every_step_trains_a_small_network_of_its_level() {
    let space = space();
    let mut sampler = complexity_aware(&space, 2);
    let mut rng = rng(2);
    let mut small = BTreeSet::new();
    for _ in 0..100 {
        let drawn = sampler.draw(&space, 0.0, &mut rng).unwrap();
        small.insert((sampler.state().level, drawn.last().unwrap().clone()));
    }
    assert_eq!(small.len(), LEVELS as usize);
    assert_eq!(small.first(), Some(&(0, sampler.smallest().clone())));
}

#[test]
fn a_level_has_many_networks_even_where_few_of_the_space_are() {
    let space = space();
    let sampler = complexity_aware(&space, 1);
    let mut rng = rng(3);
    for at in 0..LEVELS as usize {
        let drawn = (0..40).map(|_| sampler.levels.draw(at, &space, &mut rng).unwrap());
        let distinct: BTreeSet<Architecture> = drawn.collect();
        assert!(distinct.len() > 3, "level {at}: {}", distinct.len());
    }
}

#[test]
fn a_space_of_one_network_is_drawn_at_any_level() {
    let text = "name = 'one'\nsource = 'tests'\nclasses = 10\n\
        input = { channels = 1, resolution = 8 }\n[[stage]]\nblock = 'classifier'\n";
    let space = Space::parse("one.toml", text).unwrap();
    let mut sampler = complexity_aware(&space, 2);
    let mut rng = rng(4);
    for _ in 0..10 {
        let drawn = sampler.draw(&space, 0.0, &mut rng).unwrap();
        assert_eq!(drawn, vec![sampler.smallest().clone(); 3]);
    }
}

#[test]
fn the_bank_keeps_the_networks_of_least_loss_of_each_level() {
    let space = space();
    let mut rng = rng(5);
    let mut bank = Bank::default();
    let mut distinct = BTreeSet::new();
    while distinct.len() < 6 {
        distinct.insert(space.sample(&mut rng));
    }
    for (architecture, loss) in distinct.iter().zip([3.0, 1.0, 2.0, f32::NAN, 0.5, 4.0]) {
        bank.offer(1, Kept::new(architecture, loss), 3);
    }
    let losses: Vec<f32> = bank.of(1).iter().map(|kept| kept.loss).collect();
    assert_eq!(losses, [0.5, 1.0, 2.0]);
    assert!(bank.has(1, distinct.iter().nth(4).unwrap()));
    assert!(!bank.has(1, distinct.first().unwrap()));
    assert!(bank.of(0).is_empty() && bank.of(2).is_empty());
}

#[test]
fn the_bank_is_drawn_from_when_it_is_more_than_half_full_and_the_better_the_more_often() {
    let space = space();
    let mut rng = rng(6);
    let (good, bad) = (space.sample(&mut rng), space.sample(&mut rng));
    let mut bank = Bank::default();
    bank.offer(0, Kept::new(&good, 0.0), 3);
    assert_eq!(bank.draw(0, 3, 1.0, &mut rng), None);
    bank.offer(0, Kept::new(&bad, 2.0), 3);
    assert_eq!(bank.draw(0, 3, 0.0, &mut rng), None);
    assert_eq!(bank.draw(1, 3, 1.0, &mut rng), None);
    let mut of_good = 0;
    for _ in 0..1000 {
        let drawn = bank.draw(0, 3, 1.0, &mut rng).unwrap();
        of_good += usize::from(drawn.loss == 0.0);
    }
    // 1 / (1 + e^-2) = 88.1 %
    assert!((840..920).contains(&of_good), "{of_good}");
}

#[test]
fn trust_in_the_bank_grows_by_steps() {
    let at = [0.0, 0.16, 0.17, 0.5, 0.99].map(bank::probability);
    let expected = [0.2, 0.2, 0.35, 0.65, 0.95];
    for (at, expected) in at.into_iter().zip(expected) {
        assert!((at - expected).abs() < 1e-12, "{at}, not {expected}");
    }
}

/// Trains nothing: wide networks have less loss.
fn step(
    space: &Space,
    sampler: &mut Sampler,
    progress: f64,
    rng: &mut ChaCha8Rng,
) -> Vec<Architecture> {
    let drawn = sampler.draw(space, progress, rng).unwrap();
    let loss = |one: &Architecture| Ok(1.0 / f32::from(1 + one.choices()[0]));
    sampler.judge(&drawn, loss).unwrap();
    drawn
}

#[test]
fn what_did_well_is_trained_again_and_more_of_it_later() {
    let space = space();
    let mut sampler = performance_aware(&space, 8);
    let mut rng = rng(7);
    for _ in 0..200 {
        step(&space, &mut sampler, 0.0, &mut rng);
    }
    for at in 1..LEVELS as usize - 1 {
        let kept = sampler.state().bank.of(at);
        assert_eq!(kept.len(), 8);
        let widest = kept
            .iter()
            .filter(|kept| kept.architecture(&space).choices()[0] == 2);
        assert!(widest.count() >= 4, "level {at}");
    }
    let mut known_at = |progress: f64| {
        let (mut known, mut all) = (0, 0);
        for _ in 0..100 {
            let drawn = sampler.draw(&space, progress, &mut rng).unwrap();
            let (level, bank) = (sampler.state().level, &sampler.state().bank);
            let random = &drawn[..3];
            known += random.iter().filter(|one| bank.has(level, one)).count();
            all += random.len();
        }
        known as f64 / all as f64
    };
    let (first, last) = (known_at(0.0), known_at(0.99));
    assert!(first < 0.7 && last > 0.9, "{first}, then {last}");
}

#[test]
fn losses_of_what_is_kept_are_told_anew() {
    let space = space();
    let mut sampler = performance_aware(&space, 4);
    let mut rng = rng(8);
    (0..20).for_each(|_| drop(step(&space, &mut sampler, 0.0, &mut rng)));
    sampler.judge_kept(&space, |_| Ok(7.0)).unwrap();
    let kept: Vec<f32> = sampler.state.bank.all_mut().map(|kept| kept.loss).collect();
    assert!(!kept.is_empty() && kept.iter().all(|loss| *loss == 7.0));
}

#[test]
fn a_sampler_that_goes_on_from_its_state_draws_the_same() {
    let space = space();
    let mut whole = performance_aware(&space, 4);
    let mut before = rng(9);
    (0..60).for_each(|_| drop(step(&space, &mut whole, 0.5, &mut before)));
    let text = serde_json::to_string(whole.state()).unwrap();
    let mut resumed = performance_aware(&space, 4);
    resumed
        .resume(&space, serde_json::from_str(&text).unwrap())
        .unwrap();
    let (mut one, mut other) = (rng(10), rng(10));
    for _ in 0..30 {
        assert_eq!(
            step(&space, &mut whole, 0.9, &mut one),
            step(&space, &mut resumed, 0.9, &mut other)
        );
    }
    assert_eq!(whole.state(), resumed.state());
}

#[test]
fn the_state_of_another_sampling_or_space_is_refused() {
    let space = space();
    let mut sampler = performance_aware(&space, 4);
    let mut rng = rng(11);
    (0..60).for_each(|_| drop(step(&space, &mut sampler, 0.0, &mut rng)));
    let state = sampler.state().clone();
    let mut uniform = Sampler::new(&space, Sampling::Uniform).unwrap();
    assert!(uniform.resume(&space, state.clone()).is_err());
    let shorter = Space::parse("levels.toml", &SPACE.replace("[4, 6, 8]", "[4, 6]")).unwrap();
    let mut other = performance_aware(&shorter, 4);
    assert!(other.resume(&shorter, state).is_err());
}
