//! What every store has to fulfil.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use bespoke_device::{Machine, TargetFingerprint};
use bespoke_graph::{Activation, Cost, Graph, GraphHash, Op};
use bespoke_measure::{
    Correction, Environment, Estimate, Latency, Measurement, OperatorTime, Protocol, Sustained,
    Turn, Verdict,
};
use bespoke_predict::{Network, Prior};
use bespoke_study::{
    Accuracy, EarlierStudy, LatencySample, PredictorInfo, Round, Source, SpaceId, Study, StudyName,
    StudyState, Submission, Trial, TrialId, TrialState,
};

use crate::{MemoryStore, SledStore, Store, StoredPredictor};

/// Numbers at which the order of little-endian or textual keys would break.
const NUMBERS: [u32; 9] = [0, 9, 10, 255, 256, 65_535, 65_536, 70_000, u32::MAX];

pub fn name(text: &str) -> StudyName {
    text.parse().expect("it is a name")
}

pub fn study(seconds: u64) -> Study {
    let source = |file: &str| Source {
        file: file.to_owned(),
        text: "name = \"é\"\n".to_owned(),
    };
    Study {
        submission: Submission {
            study: source("study.toml"),
            space: source("space.toml"),
        },
        state: StudyState::Running,
        targets: vec![target(1), target(2)],
        predictors: vec![version(3), version(u32::MAX)],
        elapsed: Duration::new(seconds, 999_999_999),
    }
}

pub fn trial(number: u32) -> Trial {
    let cost = Cost {
        parameters: number.into(),
        macs: u64::MAX,
        flops: 3,
        bytes_moved: 4,
        peak_activation_bytes: 5,
    };
    let state = TrialState::Complete {
        latencies: vec![estimate()],
        accuracy: Accuracy {
            percent: 100.0 * 0.1 * 3.0,
            images: 360,
            curve: vec![1.0 / 3.0],
        },
    };
    let architecture = format!("|{number}|");
    Trial::restore(TrialId(number), architecture, graph(number), cost, state)
}

fn estimate() -> Estimate {
    let latency = |ms| Latency::from_ms(ms).expect("it is positive");
    Estimate {
        median_ms: latency(0.1 + 0.2),
        low_ms: latency(1e-7),
        high_ms: latency(1.0),
    }
}

fn graph(number: u32) -> GraphHash {
    format!("{number:032x}").parse().expect("it is a hash")
}

fn target(number: u32) -> TargetFingerprint {
    let machine = Machine {
        architecture: "x86_64".to_owned(),
        os: "linux".to_owned(),
        cpu_model: "a CPU".to_owned(),
        logical_cores: number,
        memory_bytes: 1 << 30,
    };
    let spec = "tract/b1/t1/f32".parse().expect("it is a target");
    TargetFingerprint::of(&machine.fingerprint(), &spec, "1")
}

fn measurement(verdict: Verdict) -> Measurement {
    let facts = [("cpu.model".to_owned(), "a CPU".to_owned())];
    Measurement {
        protocol: Protocol::default(),
        environment: Environment {
            facts: BTreeMap::from(facts),
        },
        verdict,
        samples_ms: vec![0.1 + 0.2, 1e-7],
        compile_ms: None,
        first_run_ms: Some(2.5),
        correction: Some(Correction {
            factor: 1.04,
            low: 1.03,
            high: 1.05,
            reference_ms: 0.7,
            memory_share: Some(0.2),
            memory_reference_ms: Some(1.1),
        }),
        energy_mj: Some(2.25),
        peak_memory_bytes: Some(1 << 40),
        operators: vec![OperatorTime {
            kind: "Conv".to_owned(),
            name: "Conv_0".to_owned(),
            ms: 0.05,
        }],
        turns: vec![Turn {
            samples: 2,
            slowdown: None,
        }],
        sustained: Some(Sustained {
            first_ms: 0.1,
            last_ms: 0.2,
        }),
    }
}

fn valid() -> Measurement {
    measurement(Verdict::Valid {
        estimate: estimate(),
    })
}

pub fn version(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("versions are counted from 1")
}

pub fn predictor(of_target: u32, number: u32) -> StoredPredictor {
    let networks: Vec<Network> = (1..5).map(relus).collect();
    let prior = Prior::fit(&networks.iter().collect::<Vec<_>>(), &[]).expect("there are networks");
    let space = Source {
        file: "space.toml".to_owned(),
        text: "name = \"é\"\n".to_owned(),
    };
    let sample = LatencySample {
        architecture: "|é|".to_owned(),
        latency: estimate(),
    };
    let info = PredictorInfo {
        fingerprint: target(of_target),
        version: version(number),
        target: "tract/b1/t1/f32".parse().expect("it is a target"),
        space: SpaceId::of("é", &space.text),
        sources: prior.sources().to_vec(),
        protocol: Protocol::default(),
        samples: vec![sample],
        adapted_at: SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 999_999_999),
    };
    StoredPredictor { info, space, prior }
}

/// So many rectifiers in a row.
fn relus(count: usize) -> Network {
    let (mut builder, mut last) = Graph::builder(&[3, 4, 4]);
    for number in 0..count {
        let name = number.to_string();
        last = builder
            .push(&name, Op::Activation(Activation::Relu), &[last])
            .expect("any shape");
    }
    Network::from(&builder.finish(last).expect("the last was added"))
}

/// Puts some of everything into a store.
pub fn fill(store: &dyn Store) {
    store.put_study(&name("digits"), &study(1)).expect("put");
    for number in NUMBERS.into_iter().rev() {
        store
            .put_trial(&name("digits"), &trial(number))
            .expect("put");
        store
            .put_round(&name("digits"), &round(number))
            .expect("put");
    }
    store
        .put_measurement(graph(1), &target(1), &valid())
        .expect("put");
    store.put_predictor(&predictor(1, 1)).expect("put");
    store
        .put_earlier(&name("digits"), &[earlier(1), earlier(2)])
        .expect("put");
}

fn earlier(number: u32) -> EarlierStudy {
    EarlierStudy {
        study: study(u64::from(number)),
        trials: vec![trial(number)],
    }
}

fn round(first: u32) -> Round {
    Round {
        first: TrialId(first),
        epoch: 7,
        probabilities: vec![vec![0.1 + 0.2, 1e-300], vec![1.0]],
    }
}

/// Asserts that what [`fill`] has put is there.
pub fn assert_filled(store: &dyn Store) {
    let read = store.study(&name("digits")).expect("it can be read");
    assert_eq!(read, Some(study(1)));
    let trials = store.trials(&name("digits")).expect("they can be read");
    assert_eq!(trials, NUMBERS.map(trial));
    let rounds = store.rounds(&name("digits")).expect("they can be read");
    assert_eq!(rounds, NUMBERS.map(round));
    let read = store.earlier(&name("digits")).expect("they can be read");
    assert_eq!(read, [earlier(1), earlier(2)]);
    let protocol = Protocol::default();
    let read = store.measurement(graph(1), &target(1), &protocol);
    assert_eq!(read.expect("it can be read"), Some(valid()));
    let read = store.predictor(&target(1), version(1));
    assert_eq!(read.expect("it can be read"), Some(predictor(1, 1)));
}

fn what_was_put_is_given_back(store: &dyn Store) {
    fill(store);
    assert_filled(store);
}

fn empty_store_has_nothing(store: &dyn Store) {
    assert_eq!(store.studies().expect("none"), []);
    assert_eq!(store.study(&name("a")).expect("none"), None);
    assert_eq!(store.trials(&name("a")).expect("none"), []);
    assert_eq!(store.earlier(&name("a")).expect("none"), []);
    assert_eq!(store.rounds(&name("a")).expect("none"), []);
    let read = store.measurement(graph(1), &target(1), &Protocol::default());
    assert_eq!(read.expect("none"), None);
    assert_eq!(store.predictors().expect("none"), []);
    let read = store.predictor(&target(1), version(1));
    assert_eq!(read.expect("none"), None);
}

fn studies_come_by_name(store: &dyn Store) {
    for (seconds, text) in ["b", "a.b", "a", "B", "a-b", "ab"].iter().enumerate() {
        store
            .put_study(&name(text), &study(seconds as u64))
            .expect("put");
    }
    let read = store.studies().expect("they can be read");
    let names: Vec<&str> = read.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["B", "a", "a-b", "a.b", "ab", "b"]);
    assert_eq!(read[5].1, study(0));
}

fn later_put_takes_the_place_of_an_earlier_one(store: &dyn Store) {
    fill(store);
    store.put_study(&name("digits"), &study(2)).expect("put");
    assert_eq!(store.study(&name("digits")).expect("read"), Some(study(2)));
    let mut changed = Trial::proposed(TrialId(9), "x".to_owned(), graph(9), *trial(9).cost());
    changed.fail("why".to_owned()).expect("it is not finished");
    store.put_trial(&name("digits"), &changed).expect("put");
    let trials = store.trials(&name("digits")).expect("read");
    assert_eq!((trials.len(), &trials[1]), (NUMBERS.len(), &changed));
    let crashed = measurement(Verdict::Crashed {
        reason: "signal 11".to_owned(),
    });
    store
        .put_measurement(graph(1), &target(1), &crashed)
        .expect("put");
    let read = store.measurement(graph(1), &target(1), &Protocol::default());
    assert_eq!(read.expect("read"), Some(crashed));
}

fn removed_study_takes_its_trials_along_and_no_others(store: &dyn Store) {
    fill(store);
    for other in ["digit", "digits2", "digits-2", "digits.2"] {
        store.put_study(&name(other), &study(3)).expect("put");
        store.put_trial(&name(other), &trial(3)).expect("put");
        store.put_round(&name(other), &round(3)).expect("put");
        let put = store.put_earlier(&name(other), &[earlier(3)]);
        put.expect("put");
    }
    store.remove_study(&name("digits")).expect("removed");
    store
        .remove_study(&name("digits"))
        .expect("nothing to remove");
    assert_eq!(store.study(&name("digits")).expect("read"), None);
    assert_eq!(store.trials(&name("digits")).expect("read"), []);
    assert_eq!(store.earlier(&name("digits")).expect("read"), []);
    assert_eq!(store.rounds(&name("digits")).expect("read"), []);
    assert_eq!(store.studies().expect("read").len(), 4);
    for other in ["digit", "digits2", "digits-2", "digits.2"] {
        assert_eq!(store.earlier(&name(other)).expect("read"), [earlier(3)]);
        assert_eq!(store.trials(&name(other)).expect("read"), [trial(3)]);
        assert_eq!(store.rounds(&name(other)).expect("read"), [round(3)]);
    }
    let read = store.measurement(graph(1), &target(1), &Protocol::default());
    assert_eq!(
        read.expect("measurements belong to no study"),
        Some(valid())
    );
}

fn measurement_belongs_to_its_network_target_and_protocol(store: &dyn Store) {
    fill(store);
    let default = Protocol::default();
    let other = Protocol {
        min_samples: 31,
        ..default.clone()
    };
    for (graph, target, protocol) in [
        (graph(2), target(1), &default),
        (graph(1), target(2), &default),
        (graph(1), target(1), &other),
    ] {
        let read = store.measurement(graph, &target, protocol);
        assert_eq!(read.expect("read"), None);
    }
}

fn predictors_come_by_target_and_version(store: &dyn Store) {
    let numbers = [256, 1, 255, u32::MAX];
    for (of_target, number) in [2, 1].into_iter().flat_map(|t| numbers.map(|n| (t, n))) {
        store
            .put_predictor(&predictor(of_target, number))
            .expect("put");
    }
    let mut targets = [target(1), target(2)];
    targets.sort();
    let expected: Vec<_> = targets
        .into_iter()
        .flat_map(|target| [1, 255, 256, u32::MAX].map(|number| (target, version(number))))
        .collect();
    assert_eq!(store.predictors().expect("read"), expected);
    let read = store.predictor(&target(2), version(256)).expect("read");
    assert_eq!(read, Some(predictor(2, 256)));
    let read = store.predictor(&target(3), version(1)).expect("read");
    assert_eq!(read, None);
}

fn threads_may_put_at_the_same_time(store: &dyn Store) {
    const THREADS: u32 = 8;
    const EACH: u32 = 20;
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in (0..EACH).map(|index| index * THREADS + thread) {
                    store
                        .put_trial(&name("digits"), &trial(number))
                        .expect("put");
                    store.put_study(&name("digits"), &study(7)).expect("put");
                    store.trials(&name("digits")).expect("read");
                }
            });
        }
    });
    let trials = store.trials(&name("digits")).expect("read");
    assert_eq!(trials, (0..THREADS * EACH).map(trial).collect::<Vec<_>>());
}

/// Every case as a test of one store.
macro_rules! fulfils {
    ($module:ident, $run:expr, [$($case:ident),* $(,)?]) => {
        mod $module {
            use super::*;
            $(
                #[test]
                fn $case() {
                    ($run)(super::$case);
                }
            )*
        }
    };
    ($($module:ident: $run:expr;)*) => {$(
        fulfils!($module, $run, [
            what_was_put_is_given_back,
            empty_store_has_nothing,
            studies_come_by_name,
            later_put_takes_the_place_of_an_earlier_one,
            removed_study_takes_its_trials_along_and_no_others,
            measurement_belongs_to_its_network_target_and_protocol,
            predictors_come_by_target_and_version,
            threads_may_put_at_the_same_time,
        ]);
    )*};
}

fulfils! {
    memory: |case: fn(&dyn Store)| case(&MemoryStore::default());
    sled: |case: fn(&dyn Store)| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        case(&SledStore::open(folder.path()).expect("a new store"));
    };
}
