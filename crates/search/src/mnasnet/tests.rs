use super::*;
use crate::test_spaces::{conditional, wide};

fn start(w: [f64; 2], bounds: &[Option<f64>]) -> Mnasnet {
    let settings = MnasnetSettings {
        w,
        ..MnasnetSettings::default()
    };
    Mnasnet::new(settings, 1, Problem::new(bounds.to_vec()))
}

fn finished(objectives: &[Option<f64>], violation: f64) -> Finished {
    let architecture = wide().sample(&mut ChaCha8Rng::seed_from_u64(1));
    Finished::new(architecture, objectives.to_vec(), violation).expect("finite objectives")
}

#[test]
fn the_reward_is_accuracy_times_the_power_of_the_relative_latency() {
    let soft = start([-0.07, -0.07], &[None, Some(80.0)]);
    let reward = |strategy: &Mnasnet, error, latency| {
        let trial = finished(&[Some(error), Some(latency)], 0.0);
        strategy.reward(&trial).expect("a trial that ended")
    };
    assert!((reward(&soft, 25.0, 80.0) - 0.75).abs() < 1e-12);
    // The paper: twice the latency costs as much as 5 % of the accuracy.
    let (plain, doubled) = (reward(&soft, 50.0, 80.0), reward(&soft, 47.5, 160.0));
    assert!((doubled / plain - 1.0).abs() < 2e-3, "{doubled} {plain}");
    assert!(reward(&soft, 25.0, 40.0) > 0.75);
    let hard = start([0.0, -1.0], &[None, Some(80.0)]);
    assert_eq!(reward(&hard, 25.0, 40.0), 0.75);
    assert_eq!(reward(&hard, 25.0, 160.0), 0.375);
}

#[test]
fn each_bound_gives_a_factor_and_what_was_not_trained_no_reward() {
    let hard = start([0.0, -1.0], &[None, Some(2.0), None, Some(4.0)]);
    let reward =
        |objectives: &[Option<f64>], violation| hard.reward(&finished(objectives, violation));
    let known = [Some(50.0), Some(4.0), Some(9.0), Some(8.0)];
    assert_eq!(reward(&known, 2.0), Some(0.125));
    assert_eq!(reward(&[None, Some(4.0)], 1.0), Some(0.0));
    assert_eq!(reward(&[], 1.0), Some(0.0));
    assert_eq!(reward(&[None, Some(1.0)], 0.0), None);
}

#[test]
fn a_problem_without_a_bound_on_a_latency_is_refused() {
    assert!(Mnasnet::check(&Problem::new(vec![None, Some(1.0)])).is_ok());
    for bounds in [
        vec![],
        vec![Some(30.0)],
        vec![None, None],
        vec![None, Some(0.0)],
    ] {
        assert!(Mnasnet::check(&Problem::new(bounds)).is_err());
    }
}

#[test]
fn advantages_are_in_deviations_from_the_moving_mean() {
    let mut baseline = Baseline::default();
    assert_eq!(baseline.advantage(5.0, 0.75), 0.0);
    // Variance a quarter of 4, mean then a quarter of the way from 5 to 7.
    assert_eq!(baseline.advantage(7.0, 0.75), 2.0);
    assert_eq!(baseline.mean, Some(5.5));
}

#[test]
fn a_step_makes_a_good_architecture_likelier_and_a_bad_one_less_likely() {
    let space = wide();
    let architecture = space.sample(&mut ChaCha8Rng::seed_from_u64(3));
    let settings = MnasnetSettings::default();
    for advantage in [1.0, -1.0] {
        let mut policy = Policy::even(&space);
        policy.step(&space, &architecture, advantage, &settings);
        for (logits, &choice) in policy.logits.iter().zip(architecture.choices()) {
            if logits.len() > 1 {
                let change = softmax(logits)[usize::from(choice)] - 1.0 / logits.len() as f64;
                assert!(change * advantage > 0.0, "{change}");
            }
        }
    }
}

#[test]
fn entropy_pulls_a_settled_policy_back_to_even() {
    let space = wide();
    let architecture = space.sample(&mut ChaCha8Rng::seed_from_u64(3));
    let settings = MnasnetSettings {
        entropy: 1.0,
        ..MnasnetSettings::default()
    };
    let mut policy = Policy::even(&space);
    for logits in &mut policy.logits {
        logits[0] = 1.0;
    }
    let before: Vec<f64> = policy.logits.iter().map(|l| softmax(l)[0]).collect();
    policy.step(&space, &architecture, 0.0, &settings);
    for (logits, before) in policy.logits.iter().zip(before) {
        assert!(logits.len() == 1 || softmax(logits)[0] < before);
    }
}

#[test]
fn decisions_that_were_not_active_are_not_learned_from() {
    let space = conditional();
    let shallow = space
        .architectures()
        .find(|architecture| space.active(architecture).contains(&false))
        .expect("some are shallower than others");
    let mut policy = Policy::even(&space);
    policy.step(&space, &shallow, 1.0, &MnasnetSettings::default());
    for (logits, active) in policy.logits.iter().zip(space.active(&shallow)) {
        let has_moved = logits.iter().any(|logit| *logit != 0.0);
        assert_eq!(has_moved, active);
    }
}

#[test]
fn the_policy_settles_on_what_is_rewarded() {
    let space = wide();
    let mut strategy = start([0.0, -1.0], &[None, Some(1.0)]);
    let mut ends = Vec::new();
    for _ in 0..300 {
        let proposal = strategy.suggest(&space).expect("the space is large");
        let sum: u16 = proposal.choices().iter().sum();
        let objectives = vec![Some(100.0 - f64::from(sum)), Some(1.0)];
        strategy.update(&Finished::new(proposal, objectives, 0.0).expect("finite objectives"));
        ends.push(f64::from(sum));
    }
    let mean = |sums: &[f64]| sums.iter().sum::<f64>() / sums.len() as f64;
    let (early, late) = (mean(&ends[..50]), mean(&ends[250..]));
    assert!(late > early + 5.0, "{early} {late}");
}
