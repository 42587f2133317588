//! Batches on a machine that is made up.

use rand::Rng;

use super::*;
use crate::Estimate;

/// A machine whose networks take so many milliseconds times its slowdown, a function of the time in milliseconds, with
/// a noise of 2 %.
struct Machine<F> {
    now_ms: f64,
    rng: ChaCha8Rng,
    slowdown: F,
    /// Who had a turn, in order: the reference is none.
    order: Vec<Option<usize>>,
    rests: u32,
    sensed: fn(f64) -> Sensed,
    /// How much slower the reference that reads memory is, where there is one, and how much of that each network feels.
    memory: Option<fn(f64) -> f64>,
    shares: Vec<f64>,
}

const REFERENCE_MS: f64 = 0.5;

/// What the reference that computes takes when left alone, where there is no other.
fn known(compute: f64) -> Option<ReferenceMs> {
    Some(ReferenceMs {
        compute,
        memory: None,
    })
}

// === impl Machine ===

impl<F: FnMut(f64) -> f64> Machine<F> {
    fn new(slowdown: F) -> Self {
        Self {
            now_ms: 0.0,
            rng: ChaCha8Rng::seed_from_u64(3),
            slowdown,
            order: Vec::new(),
            rests: 0,
            sensed: |_| Sensed::default(),
            memory: None,
            shares: Vec::new(),
        }
    }

    fn turn(&mut self, pass_ms: f64, length_ms: f64, share: f64) -> Vec<f64> {
        let end = self.now_ms + length_ms;
        let mut samples = Vec::new();
        while self.now_ms < end || samples.len() < 2 {
            let noise = 1.0 + 0.02 * self.rng.random::<f64>();
            let memory = self.memory.map_or(0.0, |memory| memory(self.now_ms));
            let took = pass_ms * (self.slowdown)(self.now_ms) * (1.0 + share * memory) * noise;
            self.now_ms += took;
            samples.push(took);
        }
        samples
    }

    /// Measures networks of these lengths to the end.
    fn run(&mut self, batch: &mut Batch, protocol: &Protocol, networks_ms: &[f64]) -> Vec<Ended> {
        let numbers: Vec<usize> =
            (networks_ms.iter().map(|_| batch.join(protocol.clone(), 1))).collect();
        assert!(numbers.iter().copied().eq(0..networks_ms.len()));
        let mut ended = Vec::new();
        loop {
            match batch.step() {
                Step::Reference => {
                    let compute = self.turn(REFERENCE_MS, 20.0, 0.0);
                    let memory = self.memory.map(|_| self.turn(REFERENCE_MS, 5.0, 1.0));
                    self.order.push(None);
                    batch.reference_took(&compute, memory.as_deref());
                }
                Step::Turn(number) => {
                    let begun = self.now_ms;
                    let share = self.shares.get(number).copied().unwrap_or(0.0);
                    let samples = self.turn(networks_ms[number], protocol.turn_ms as f64, share);
                    self.order.push(Some(number));
                    let length = Duration::from_secs_f64((self.now_ms - begun) / 1e3);
                    let at = Duration::from_secs_f64(self.now_ms / 1e3);
                    batch.took(number, samples, length, at, (self.sensed)(self.now_ms));
                }
                Step::Rest => {
                    self.rests += 1;
                    self.now_ms += 1e3;
                    batch.rested();
                }
                Step::Done => break,
            }
            ended.extend(batch.ended());
        }
        ended.sort_by_key(|ended| ended.network);
        ended
    }
}

/// A batch on a machine that is as slow as told, with a reference.
fn measured(networks_ms: &[f64], slowdown: impl FnMut(f64) -> f64) -> Vec<Ended> {
    let mut batch = Batch::new(7);
    batch.with_reference(None);
    Machine::new(slowdown).run(&mut batch, &Protocol::default(), networks_ms)
}

fn estimate(ended: &Ended) -> &Estimate {
    let verdict = &ended.verdict;
    verdict.estimate().unwrap_or_else(|| panic!("{verdict:?}"))
}

fn reason(ended: &Ended) -> &str {
    ended
        .verdict
        .reason()
        .unwrap_or_else(|| panic!("{:?}", ended.verdict))
}

/// Within this fraction of what the networks take on the machine left alone: their fastest tenth is 0.2 % slower than a
/// pass without noise.
#[track_caller]
fn assert_right(ended: &[Ended], networks_ms: &[f64], within: f64) {
    for (ended, ms) in ended.iter().zip(networks_ms) {
        let found = estimate(ended).median_ms.ms() / (ms * 1.002);
        assert!((found - 1.0).abs() < within, "{found} of {ms} ms");
    }
}

#[test]
fn a_machine_left_alone_gives_each_latency_in_the_fewest_turns() {
    let networks = [1.0, 3.0, 20.0];
    let ended = measured(&networks, |_| 1.0);
    assert_right(&ended, &networks, 0.01);
    for ended in &ended {
        let correction = ended.correction.expect("there is a reference");
        assert!((correction.factor - 1.0).abs() < 0.01, "{correction:?}");
        assert_eq!(ended.tries, 1);
    }
    assert_eq!(ended[0].turns.len(), 16);
    let samples: u32 = ended[0].turns.iter().map(|turn| turn.samples).sum();
    assert_eq!(samples as usize, ended[0].samples_ms.len());
}

#[test]
fn networks_take_turns_in_random_order_with_the_reference_between_any_two() {
    let mut batch = Batch::new(7);
    batch.with_reference(None);
    let mut machine = Machine::new(|_| 1.0);
    machine.run(&mut batch, &Protocol::default(), &[1.0; 4]);
    for (place, seat) in machine.order.iter().enumerate() {
        assert_eq!(seat.is_none(), place % 2 == 0, "{:?}", machine.order);
    }
    assert_eq!(machine.order.last(), Some(&None));
    let turns: Vec<usize> = machine.order.iter().flatten().copied().collect();
    let rounds: Vec<&[usize]> = turns.chunks(4).collect();
    for round in &rounds {
        let mut sorted = round.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3]);
    }
    assert!(rounds.iter().any(|round| *round != rounds[0]), "{rounds:?}");
}

#[test]
fn same_seed_and_samples_give_the_same_measurements() {
    let run = || measured(&[1.0, 2.0, 5.0], |now| 1.0 + 0.03 * (now / 400.0).sin());
    assert_eq!(run(), run());
}

#[test]
fn spikes_do_not_move_the_latency() {
    let networks = [1.0, 4.0];
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let ended = measured(
        &networks,
        |_| if rng.random::<f64>() < 0.3 { 3.0 } else { 1.0 },
    );
    assert_right(&ended, &networks, 0.01);
}

#[test]
fn what_the_reference_saw_too_is_corrected_and_written_down() {
    // Quiet for a second, then 4 % slower.
    let networks = [1.0, 2.0, 3.0];
    let mut batch = Batch::new(7);
    batch.with_reference(known(REFERENCE_MS * 1.002));
    let mut machine = Machine::new(|_| 1.04);
    let ended = machine.run(&mut batch, &Protocol::default(), &networks);
    assert_right(&ended, &networks, 0.01);
    for ended in &ended {
        let correction = ended.correction.expect("the machine was slower");
        assert!((correction.factor - 1.04).abs() < 0.01, "{correction:?}");
        assert!(correction.low <= correction.factor && correction.factor <= correction.high);
    }
}

#[test]
fn turns_beside_a_slowed_reference_do_not_count() {
    // Half of the time another process halves the speed, half a second at a time.
    let networks = [1.0, 4.0];
    let busy = |now: f64| (now / 500.0) as u64 % 2 == 1;
    let ended = measured(&networks, |now| if busy(now) { 2.0 } else { 1.0 });
    assert_right(&ended, &networks, 0.02);
    let slow = |turn: &Turn| turn.slowdown.is_some_and(|slowdown| slowdown > 1.3);
    assert!(ended.iter().all(|ended| ended.turns.iter().any(slow)));
}

#[test]
fn a_machine_that_is_never_left_alone_is_unstable_and_says_how_slow_it_was() {
    let mut batch = Batch::new(7);
    batch.with_reference(known(REFERENCE_MS));
    let mut machine = Machine::new(|_| 1.3);
    let ended = machine.run(&mut batch, &Protocol::default(), &[1.0]);
    assert_eq!(ended[0].verdict.word(), "unstable");
    assert_eq!(ended[0].tries, MAX_TRIES);
    assert!(
        reason(&ended[0])
            .contains("turns the machine was slower than when it is left alone by more than 5.0 %"),
        "{}",
        reason(&ended[0])
    );
}

/// Networks of 5 ms that feel nothing, a quarter and half of a memory that is this much slower, with a reference that
/// knows it quiet.
fn beside_busy_memory(memory: fn(f64) -> f64) -> Vec<Ended> {
    let mut batch = Batch::new(7);
    batch.with_reference(Some(ReferenceMs {
        compute: REFERENCE_MS * 1.002,
        memory: Some(REFERENCE_MS * 1.002),
    }));
    let mut machine = Machine::new(|_| 1.0);
    (machine.memory, machine.shares) = (Some(memory), vec![0.0, 0.25, 0.5]);
    machine.run(&mut batch, &Protocol::default(), &[5.0; 3])
}

#[test]
fn what_a_busy_memory_did_is_corrected_by_the_share_that_a_network_feels() {
    let ended = beside_busy_memory(|now| {
        if (now / 700.0) as u64 % 2 == 1 {
            0.15
        } else {
            0.0
        }
    });
    assert_right(&ended, &[5.0; 3], 0.02);
    let shares: Vec<f64> = ended
        .iter()
        .map(|ended| {
            ended
                .correction
                .and_then(|correction| correction.memory_share)
        })
        .map(|share| share.expect("there is a reference that reads memory"))
        .collect();
    assert!(
        shares[0] < 0.1 && (shares[2] - 0.5).abs() < 0.1,
        "{shares:?}"
    );
}

#[test]
fn a_memory_that_is_very_busy_all_the_time_leaves_the_latency_unknown() {
    let ended = beside_busy_memory(|_| 0.6);
    for ended in ended {
        assert_eq!(ended.verdict.word(), "unstable", "{:?}", ended.verdict);
    }
}

#[test]
fn two_batches_on_a_machine_that_changed_meanwhile_agree() {
    let networks = [1.0, 2.0, 5.0];
    let mut first = Batch::new(7);
    first.with_reference(None);
    Machine::new(|_| 1.0).run(&mut first, &Protocol::default(), &networks);
    let mut second = Batch::new(8);
    second.with_reference(first.quiet_ms());
    let ended = Machine::new(|_| 1.03).run(&mut second, &Protocol::default(), &networks);
    assert_right(&ended, &networks, 0.01);
    assert_eq!(second.quiet_ms(), first.quiet_ms());
}

#[test]
fn a_machine_that_grows_slower_is_rested_and_tried_again() {
    // Every second of work makes it slower by 20 %, every second of rest faster by 10 %.
    let heat = std::cell::Cell::new((0.0, 0.0));
    let slowdown = |now: f64| {
        let (last, heat_now) = heat.get();
        let step = now - last;
        let heated = if step > 900.0 {
            heat_now - 0.1
        } else {
            heat_now + 0.2 * step / 1e3
        };
        heat.set((now, heated.max(0.0)));
        1.0 + heated.max(0.0)
    };
    let mut batch = Batch::new(7);
    batch.with_reference(known(REFERENCE_MS * 1.002));
    let mut machine = Machine::new(slowdown);
    machine.sensed = |now| Sensed {
        megahertz: Some(1_800.0 - now / 20.0),
        celsius: Some(40.0 + now / 1e3),
    };
    let ended = machine.run(&mut batch, &Protocol::default(), &[1.0]);
    assert!(machine.rests > 0);
    assert_eq!(ended[0].tries, MAX_TRIES);
    assert_eq!(
        ended[0].verdict.word(),
        "throttled",
        "{:?}",
        ended[0].verdict
    );
    assert!(
        reason(&ended[0]).contains("% slower than the first: "),
        "{}",
        reason(&ended[0])
    );
    assert!(
        reason(&ended[0]).contains(" MHz after "),
        "{}",
        reason(&ended[0])
    );
}

#[test]
fn without_a_reference_a_drift_is_throttling_and_noise_is_none() {
    let run = |slowdown: fn(f64) -> f64| {
        let mut batch = Batch::new(7);
        let protocol = Protocol {
            min_samples: 1_200,
            budget_ms: 60_000,
            ..Protocol::default()
        };
        let ended = Machine::new(slowdown).run(&mut batch, &protocol, &[1.0]);
        ended[0].verdict.to_string()
    };
    let drifts = run(|now| 1.0 + now / 1e4);
    assert!(drifts.starts_with("throttled"), "{drifts}");
    assert!(run(|_| 1.0).starts_with("valid"));
}

#[test]
fn a_reference_that_dies_is_done_without() {
    let mut batch = Batch::new(7);
    batch.with_reference(None);
    assert_eq!(batch.join(Protocol::default(), 1), 0);
    assert_eq!(batch.step(), Step::Reference);
    batch.reference_took(&[0.5; 9], None);
    for turn in 0..16 {
        assert_eq!(batch.step(), Step::Turn(0));
        let at = Duration::from_millis(30 * (turn + 1));
        batch.took(
            0,
            vec![1.0; 30],
            Duration::from_millis(30),
            at,
            Sensed::default(),
        );
        if turn == 0 {
            batch.without_reference();
        }
    }
    let ended = batch.ended();
    assert_eq!(estimate(&ended[0]).median_ms.ms(), 1.0);
    assert_eq!(batch.step(), Step::Done);
}

#[test]
fn a_network_whose_child_died_ends_with_that_and_the_others_go_on() {
    let mut batch = Batch::new(7);
    for _ in 0..2 {
        batch.join(Protocol::default(), 1);
    }
    let died = Verdict::Crashed {
        reason: "signal: 9".to_owned(),
    };
    batch.leave(0, died.clone());
    assert_eq!(batch.ended()[0].verdict, died);
    assert_eq!(batch.open(), 1);
    assert_eq!(batch.step(), Step::Turn(1));
}

#[test]
fn passes_too_slow_for_the_budget_are_unstable_and_say_so() {
    let protocol = Protocol {
        budget_ms: 3_000,
        ..Protocol::default()
    };
    let mut batch = Batch::new(7);
    let ended = Machine::new(|_| 1.0).run(&mut batch, &protocol, &[400.0]);
    assert_eq!(
        reason(&ended[0]),
        "8 of the 30 samples fitted into `budget_ms` = 3000"
    );
}

#[test]
fn sustained_measurements_tell_the_first_and_the_last_minute() {
    let protocol = Protocol {
        sustained_minutes: 3,
        turn_ms: 1_000,
        budget_ms: 100_000,
        ..Protocol::default()
    };
    let mut batch = Batch::new(7);
    batch.with_reference(None);
    // Hot after 100 s.
    let slowdown = |now: f64| if now > 1e5 { 1.5 } else { 1.0 };
    let ended = Machine::new(slowdown).run(&mut batch, &protocol, &[10.0]);
    let sustained = ended[0].sustained.expect("it was asked for");
    assert!(
        (sustained.first_ms / 10.0 - 1.0).abs() < 0.01,
        "{sustained:?}"
    );
    assert!(
        (sustained.last_ms / 15.0 - 1.0).abs() < 0.01,
        "{sustained:?}"
    );
    let median = estimate(&ended[0]).median_ms.ms();
    assert!((median - sustained.last_ms).abs() < 0.1, "{median}");
}
