//! Timing on synthetic clocks.

use std::{cell::Cell, convert::Infallible};

use super::*;

/// A clock that the pass itself moves, and how long it was waited.
struct Synthetic<'a> {
    now_ms: &'a Cell<f64>,
    waited_ms: &'a Cell<f64>,
}

/// A pass whose length in milliseconds is a function of the number of passes and the milliseconds before it.
struct Passes<'a, F> {
    now_ms: &'a Cell<f64>,
    passes: u64,
    displaced: &'a Cell<u64>,
    length_ms: F,
}

impl Clock for Synthetic<'_> {
    fn now(&mut self) -> Duration {
        Duration::from_nanos((self.now_ms.get() * 1e6).round() as u64)
    }

    fn waited(&mut self) -> Duration {
        Duration::from_nanos((self.waited_ms.get() * 1e6).round() as u64)
    }
}

impl<E, F: FnMut(u64, f64) -> Result<f64, E>> Subject for Passes<'_, F> {
    type Error = E;

    fn pass(&mut self) -> Result<(), E> {
        let now = self.now_ms.get();
        self.now_ms
            .set(now + (self.length_ms)(self.passes, now - ORIGIN_MS)?);
        self.passes += 1;
        Ok(())
    }

    fn displace_caches(&mut self) {
        self.displaced.set(self.displaced.get() + 1);
        self.now_ms.set(self.now_ms.get() + 7.0);
    }
}

const ORIGIN_MS: f64 = 1e6;

/// What a preparation and one turn of so many milliseconds give.
fn timed<E>(
    protocol: &Protocol,
    turn_ms: u64,
    length_ms: impl FnMut(u64, f64) -> Result<f64, E>,
) -> Result<(Prepared, Vec<f64>), Stop<E>> {
    let (now_ms, waited_ms, displaced) = (Cell::new(ORIGIN_MS), Cell::new(0.0), Cell::new(0));
    let clock = Synthetic {
        now_ms: &now_ms,
        waited_ms: &waited_ms,
    };
    let passes = Passes {
        now_ms: &now_ms,
        passes: 0,
        displaced: &displaced,
        length_ms,
    };
    let mut timer = Timer::new(protocol, clock, passes);
    let prepared = timer.prepare()?;
    Ok((prepared, timer.turn(Duration::from_millis(turn_ms))?))
}

fn well(
    protocol: &Protocol,
    turn_ms: u64,
    mut length_ms: impl FnMut(u64, f64) -> f64,
) -> (Prepared, Vec<f64>) {
    let outcome = timed(protocol, turn_ms, |pass, now| {
        Ok::<_, Infallible>(length_ms(pass, now))
    });
    outcome.unwrap_or_else(|stop| panic!("{stop:?}"))
}

fn refused(length_ms: impl FnMut(u64, f64) -> f64) -> String {
    let mut length_ms = length_ms;
    let outcome = timed(&Protocol::default(), 80, |pass, now| {
        Ok::<_, Infallible>(length_ms(pass, now))
    });
    match outcome {
        Err(Stop::Clock(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_turn_is_as_long_as_it_was_told() {
    let (prepared, samples) = well(&Protocol::default(), 80, |_, _| 10.0);
    assert_eq!(prepared.first_run_ms, 10.0);
    assert_eq!(prepared.inner_repetitions, 1);
    assert_eq!(samples, [10.0; 7], "one pass goes before the samples");
}

#[test]
fn a_turn_has_two_samples_however_long_they_are() {
    let (_, samples) = well(&Protocol::default(), 80, |_, _| 200.0);
    assert_eq!(samples, [200.0; 2]);
}

#[test]
fn short_passes_are_repeated_until_a_sample_is_long_enough() {
    let (prepared, samples) = well(&Protocol::default(), 80, |_, _| 0.01);
    assert_eq!(prepared.inner_repetitions, 60);
    assert!(samples.iter().all(|sample| (sample - 0.01).abs() < 1e-9));
}

#[test]
fn one_hiccup_does_not_pass_for_a_long_sample() {
    // Warm-up takes 10.01 ms, so that the hiccup falls on the first try of a single pass.
    let mut hiccups = 1;
    let (prepared, _) = well(&Protocol::default(), 80, |_, now| {
        let hiccup = now > 10.005 && std::mem::take(&mut hiccups) == 1;
        if hiccup { 3.0 } else { 0.01 }
    });
    assert_eq!(hiccups, 0);
    assert_eq!(prepared.inner_repetitions, 60);
}

#[test]
fn warm_up_keeps_the_slow_start_out_of_the_samples() {
    let (prepared, samples) = well(&Protocol::default(), 80, |pass, _| {
        1.0 + 9.0 * (-(pass as f64) / 20.0).exp()
    });
    assert_eq!(prepared.first_run_ms, 10.0);
    assert!(samples[0] < 1.1, "{}", samples[0]);
}

#[test]
fn warm_up_ends_with_its_time() {
    // Faster and faster for 100 ms, then steady.
    let first_sample = |max_warm_up_ms| {
        let protocol = Protocol {
            max_warm_up_ms,
            ..Protocol::default()
        };
        well(&protocol, 80, |_, now| (2.0 - now / 100.0).max(1.0)).1[0]
    };
    assert!(first_sample(0) > 1.8);
    assert!((1.3..1.55).contains(&first_sample(50)));
    assert_eq!(first_sample(500), 1.0);
}

#[test]
fn outliers_stay_among_the_samples() {
    let (_, samples) = well(&Protocol::default(), 80, |pass, _| {
        if pass % 10 == 3 { 40.0 } else { 1.0 }
    });
    assert!(samples.contains(&40.0));
}

#[test]
fn cold_passes_are_timed_one_by_one_after_the_caches_were_displaced() {
    let protocol = Protocol {
        cache: Cache::Cold,
        ..Protocol::default()
    };
    let (prepared, samples) = well(&protocol, 80, |_, _| 0.01);
    assert_eq!(prepared.inner_repetitions, 1);
    assert_eq!(samples.len(), 12, "displacing takes 7 ms of each 7.01");
    assert!(samples.iter().all(|sample| (sample - 0.01).abs() < 1e-9));
}

#[test]
fn time_for_which_another_process_had_the_core_is_taken_off() {
    let (now_ms, waited_ms, displaced) = (Cell::new(ORIGIN_MS), Cell::new(0.0), Cell::new(0));
    let clock = Synthetic {
        now_ms: &now_ms,
        waited_ms: &waited_ms,
    };
    let passes = Passes {
        now_ms: &now_ms,
        passes: 0,
        displaced: &displaced,
        // Every other pass waits for 4 ms.
        length_ms: |pass: u64, _| {
            let waits = if pass.is_multiple_of(2) { 4.0 } else { 0.0 };
            waited_ms.set(waited_ms.get() + waits);
            Ok::<_, Infallible>(2.0 + waits)
        },
    };
    let protocol = Protocol::default();
    let mut timer = Timer::new(&protocol, clock, passes);
    timer.prepare().expect("passes do not fail");
    let samples = timer.turn(Duration::from_millis(80));
    let samples = samples.expect("passes do not fail");
    assert!(
        samples.iter().all(|sample| (sample - 2.0).abs() < 1e-6),
        "{samples:?}"
    );
    assert!(timer.passes() > samples.len() as u64);
}

#[test]
fn clock_that_goes_back_is_named() {
    let reason = refused(|pass, _| if pass == 30 { -5.0 } else { 1.0 });
    assert_eq!(reason, "the clock went back by 5.000 ms");
}

#[test]
fn clock_that_jumps_is_named() {
    assert_eq!(
        refused(|pass, _| if pass == 30 { 3_600_000.0 } else { 1.0 }),
        "the clock jumped: a sample lasted 3600000.000 ms where 1.000 ms were expected"
    );
}

#[test]
fn clock_that_stops_is_named() {
    assert_eq!(
        refused(|pass, _| if pass < 30 { 1.0 } else { 0.0 }),
        "the clock jumped: a sample lasted 0.000 ms where 1.000 ms were expected"
    );
    assert_eq!(
        refused(|_, _| 0.0),
        "the clock stood still for 10000 passes"
    );
}

#[test]
fn error_of_a_pass_ends_the_timing() {
    let outcome = timed(&Protocol::default(), 80, |pass, _| match pass {
        25 => Err("out of memory"),
        _ => Ok(1.0),
    });
    assert_eq!(outcome, Err(Stop::Pass("out of memory")));
}
