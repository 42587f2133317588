//! The measuring loop on synthetic clocks.

use std::{cell::Cell, convert::Infallible};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// A clock that the pass itself moves.
struct Synthetic<'a>(&'a Cell<f64>);

impl Clock for Synthetic<'_> {
    fn now(&mut self) -> Duration {
        Duration::from_nanos((self.0.get() * 1e6).round() as u64)
    }
}

/// Times a pass whose length in milliseconds is a function of the number of passes and the milliseconds before it.
fn timed(protocol: &Protocol, mut pass_ms: impl FnMut(u64, f64) -> f64) -> Timings {
    let now = Cell::new(1e6);
    let mut passes = 0;
    let mut pass = || {
        now.set(now.get() + pass_ms(passes, now.get() - 1e6));
        passes += 1;
        Ok::<(), Infallible>(())
    };
    let Ok(timings) = time(protocol, &mut Synthetic(&now), 1, &mut pass);
    timings
}

fn estimate(timings: &Timings) -> &Estimate {
    timings
        .verdict
        .estimate()
        .unwrap_or_else(|| panic!("{:?}", timings.verdict))
}

fn reason(timings: &Timings) -> &str {
    match &timings.verdict {
        Verdict::Unstable { reason } | Verdict::Throttled { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn constant_pass_is_valid_with_the_fewest_samples() {
    let timings = timed(&Protocol::default(), |_, _| 10.0);
    assert_eq!(timings.samples_ms.len(), 30);
    assert_eq!(timings.inner_repetitions, 1);
    assert_eq!(timings.first_run_ms, 10.0);
    assert_eq!(estimate(&timings).median_ms.ms(), 10.0);
    assert_eq!(estimate(&timings).low_ms, estimate(&timings).high_ms);
}

#[test]
fn sampling_lasts_as_long_as_the_protocol_asks() {
    let timings = timed(&Protocol::default(), |_, _| 1.0);
    assert!(timings.samples_ms.iter().sum::<f64>() >= 200.0);
}

#[test]
fn short_passes_are_repeated_until_a_sample_is_long_enough() {
    let timings = timed(&Protocol::default(), |_, _| 0.01);
    assert_eq!(timings.inner_repetitions, 60);
    assert!((estimate(&timings).median_ms.ms() - 0.01).abs() < 1e-9);
}

#[test]
fn one_hiccup_does_not_pass_for_a_long_sample() {
    // Warm-up takes 10.01 ms, so that the hiccup falls on the first try of a single pass.
    let mut hiccups = 1;
    let timings = timed(&Protocol::default(), |_, now| {
        let hiccup = now > 10.005 && std::mem::take(&mut hiccups) == 1;
        if hiccup { 3.0 } else { 0.01 }
    });
    assert_eq!(hiccups, 0);
    assert_eq!(timings.inner_repetitions, 60);
}

#[test]
fn warm_up_keeps_the_slow_start_out_of_the_samples() {
    let timings = timed(&Protocol::default(), |pass, _| {
        1.0 + 9.0 * (-(pass as f64) / 20.0).exp()
    });
    assert_eq!(timings.first_run_ms, 10.0);
    assert!(timings.samples_ms[0] < 1.1, "{}", timings.samples_ms[0]);
    assert!((1.0..1.02).contains(&estimate(&timings).median_ms.ms()));
}

#[test]
fn warm_up_ends_with_its_time() {
    // Faster and faster for 100 ms, then steady.
    let first_sample = |max_warm_up_ms| {
        let protocol = Protocol {
            max_warm_up_ms,
            ..Protocol::default()
        };
        timed(&protocol, |_, now| (2.0 - now / 100.0).max(1.0)).samples_ms[0]
    };
    assert!(first_sample(0) > 1.85);
    assert!((1.35..1.55).contains(&first_sample(50)));
    assert_eq!(first_sample(500), 1.0);
}

#[test]
fn spikes_stay_in_the_samples_and_do_not_move_the_median() {
    let timings = timed(&Protocol::default(), |pass, _| {
        if pass % 10 == 3 { 40.0 } else { 1.0 }
    });
    assert_eq!(estimate(&timings).median_ms.ms(), 1.0);
    assert!(timings.samples_ms.contains(&40.0));
}

#[test]
fn noisy_samples_are_taken_until_the_interval_is_narrow() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let timings = timed(&Protocol::default(), |_, _| rng.random_range(0.9..1.1));
    let Estimate {
        median_ms,
        low_ms,
        high_ms,
    } = *estimate(&timings);
    assert!(timings.samples_ms.len() > 30);
    assert!(low_ms <= median_ms && median_ms <= high_ms);
    assert!(high_ms.ms() - low_ms.ms() <= 0.02 * median_ms.ms());
}

#[test]
fn machine_that_grows_slower_is_throttled() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let timings = timed(&Protocol::default(), |pass, _| {
        rng.random_range(0.98..1.02) * (1.0 + 0.003 * pass as f64)
    });
    assert_eq!(timings.verdict.word(), "throttled", "{:?}", timings.verdict);
    assert!(
        reason(&timings).contains("% slower than the first: "),
        "{}",
        reason(&timings)
    );
}

#[test]
fn noise_alone_is_not_throttling() {
    for seed in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let timings = timed(&Protocol::default(), |_, _| rng.random_range(0.9..1.1));
        assert_eq!(
            timings.verdict.word(),
            "valid",
            "seed {seed}: {:?}",
            timings.verdict
        );
    }
}

#[test]
fn two_modes_as_frequent_as_each_other_are_unstable() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let protocol = Protocol {
        budget_ms: 600,
        ..Protocol::default()
    };
    let timings = timed(&protocol, |_, _| if rng.random() { 1.0 } else { 1.3 });
    assert_eq!(timings.verdict.word(), "unstable", "{:?}", timings.verdict);
    assert!(
        reason(&timings).contains("% are allowed; half of the")
            && reason(&timings).ends_with("lie between 1.0000 and 1.3000 ms"),
        "{}",
        reason(&timings)
    );
}

#[test]
fn passes_too_slow_for_the_budget_are_unstable_and_say_so() {
    let protocol = Protocol {
        budget_ms: 3_000,
        ..Protocol::default()
    };
    let timings = timed(&protocol, |_, _| 200.0);
    assert_eq!(timings.samples_ms.len(), 8);
    assert_eq!(
        reason(&timings),
        "8 of the 30 samples fitted into `budget_ms` = 3000"
    );
}

#[test]
fn clock_that_goes_back_is_named() {
    let timings = timed(
        &Protocol::default(),
        |pass, _| if pass == 30 { -5.0 } else { 1.0 },
    );
    assert_eq!(reason(&timings), "the clock went back by 5.000 ms");
    assert_eq!(timings.verdict.word(), "unstable");
    assert!(!timings.samples_ms.is_empty());
}

#[test]
fn clock_that_jumps_is_named() {
    let timings = timed(&Protocol::default(), |pass, _| {
        if pass == 30 { 3_600_000.0 } else { 1.0 }
    });
    assert!(
        reason(&timings).starts_with("the clock jumped: sample "),
        "{}",
        reason(&timings)
    );
    assert!(
        reason(&timings).ends_with("lasted 3600000.000 ms where 1.000 ms were expected"),
        "{}",
        reason(&timings)
    );
}

#[test]
fn clock_that_stops_is_named() {
    let timings = timed(
        &Protocol::default(),
        |pass, _| if pass < 30 { 1.0 } else { 0.0 },
    );
    assert!(
        reason(&timings).ends_with("lasted 0.000 ms where 1.000 ms were expected"),
        "{}",
        reason(&timings)
    );
    let timings = timed(&Protocol::default(), |_, _| 0.0);
    assert_eq!(reason(&timings), "the clock stood still for 10000 passes");
}

#[test]
fn error_of_a_pass_ends_the_measurement() {
    let now = Cell::new(0.0);
    let mut passes = 0;
    let mut pass = || {
        passes += 1;
        now.set(now.get() + 1.0);
        if passes == 25 {
            Err("out of memory")
        } else {
            Ok(())
        }
    };
    assert_eq!(
        time(&Protocol::default(), &mut Synthetic(&now), 1, &mut pass),
        Err("out of memory")
    );
    assert_eq!(passes, 25);
}

#[test]
fn same_clock_and_seed_give_the_same_timings() {
    let run = || {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        timed(&Protocol::default(), |_, _| rng.random_range(0.9..1.1))
    };
    assert_eq!(run(), run());
}
