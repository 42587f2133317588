use std::{collections::BTreeMap, time::Duration};

use bespoke_device::TargetSpec;
use bespoke_measure::{
    Correction, Environment, Measurement, OperatorTime, Protocol, Sustained, Turn, Verdict,
};
use prost_types::Duration as WireDuration;

use super::{
    super::testing::{estimate, machine, refused, round_trips},
    *,
};

fn agent() -> AgentInfo {
    let runtime = |name: &str| RuntimeInfo {
        name: name.to_owned(),
        version: "0.23".to_owned(),
    };
    AgentInfo {
        name: "pi-4".to_owned(),
        version: "0.1.0".to_owned(),
        machine: machine(),
        runtimes: vec![runtime("tract"), runtime("flex")],
    }
}

fn target() -> TargetSpec {
    "tract/b1/t1/f32".parse().expect("it is a target")
}

fn work() -> Work {
    Work {
        lease: LeaseId(u64::MAX),
        lease_timeout: Duration::from_millis(1_500),
        target: target(),
        onnx: vec![0, 1, 255],
        protocol: Protocol::default(),
        seed: 7,
    }
}

fn measurement(verdict: Verdict) -> Measurement {
    let facts = [("cpu.model".to_owned(), "Cortex-A72".to_owned())];
    Measurement {
        protocol: Protocol::default(),
        environment: Environment {
            facts: BTreeMap::from(facts),
        },
        verdict,
        samples_ms: vec![0.1, 1e-7, 0.2],
        compile_ms: Some(80.0),
        first_run_ms: None,
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
        turns: vec![
            Turn {
                samples: 2,
                slowdown: Some(1.04),
            },
            Turn {
                samples: 1,
                slowdown: None,
            },
        ],
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

fn timed_out() -> Measurement {
    measurement(Verdict::TimedOut)
}

fn duration_of(seconds: i64, nanos: i32) -> Option<WireDuration> {
    Some(WireDuration { seconds, nanos })
}

#[test]
fn machines_and_agents_round_trip() {
    round_trips::<wire::Machine, _>(machine());
    round_trips::<wire::Agent, _>(agent());
    round_trips::<wire::RegisterRequest, _>(agent());
    round_trips::<wire::ListAgentsResponse, _>(vec![agent(), agent()]);
}

#[test]
fn work_and_leases_round_trip() {
    let name = "pi-4".to_owned();
    round_trips::<wire::Work, _>(work());
    round_trips::<wire::RegisterResponse, _>(Duration::new(2, 999_999_999));
    round_trips::<wire::LeaseWorkRequest, _>((name.clone(), Duration::ZERO, 3));
    round_trips::<wire::LeaseWorkResponse, _>(vec![work(), work()]);
    round_trips::<wire::LeaseWorkResponse, _>(Vec::<Work>::new());
    round_trips::<wire::HeartbeatRequest, _>((name.clone(), LeaseId(3)));
    round_trips::<wire::ReportWorkRequest, _>((name, LeaseId(3), valid()));
    round_trips::<wire::MeasureRequest, _>((vec![1], target(), Some(Protocol::default())));
    round_trips::<wire::MeasureRequest, _>((vec![1], target(), None));
    round_trips::<wire::MeasureResponse, _>(timed_out());
}

#[test]
fn measurements_of_every_verdict_round_trip() {
    let reason = "what was seen".to_owned();
    for verdict in [
        Verdict::Valid {
            estimate: estimate(),
        },
        Verdict::Unstable {
            reason: reason.clone(),
        },
        Verdict::Throttled {
            reason: reason.clone(),
        },
        Verdict::TimedOut,
        Verdict::Crashed {
            reason: reason.clone(),
        },
        Verdict::DoesNotCompile { reason },
    ] {
        round_trips::<wire::Measurement, _>(measurement(verdict));
    }
}

#[test]
fn an_incomplete_agent_is_refused_by_field() {
    let refuses = refused::<wire::Agent, AgentInfo>(agent());
    refuses("name", |wire| wire.name.clear());
    refuses("version", |wire| wire.version.clear());
    refuses("machine", |wire| wire.machine = None);
    refuses("machine.logical_cores", |wire| {
        wire.machine.as_mut().expect("it is set").logical_cores = 0;
    });
    refuses("runtimes[1].version", |wire| {
        wire.runtimes[1].version.clear()
    });
    let refuses = refused::<wire::RegisterRequest, AgentInfo>(agent());
    refuses("agent", |wire| wire.agent = None);
    let refuses = refused::<wire::Machine, Machine>(machine());
    refuses("architecture", |wire| wire.architecture.clear());
    refuses("os", |wire| wire.os.clear());
}

#[test]
fn work_that_cannot_be_done_is_refused_by_field() {
    let refuses = refused::<wire::Work, Work>(work());
    refuses("lease_timeout", |wire| wire.lease_timeout = None);
    refuses("lease_timeout", |wire| {
        wire.lease_timeout = duration_of(0, 0)
    });
    refuses("lease_timeout", |wire| {
        wire.lease_timeout = duration_of(-1, 0)
    });
    refuses("lease_timeout", |wire| {
        wire.lease_timeout = duration_of(1, -1)
    });
    refuses("lease_timeout", |wire| {
        wire.lease_timeout = duration_of(i64::MAX, i32::MAX)
    });
    refuses("target", |wire| wire.target.clear());
    refuses("target", |wire| wire.target = "tract".to_owned());
    refuses("onnx", |wire| wire.onnx.clear());
    refuses("protocol", |wire| wire.protocol = None);
    refuses("protocol.confidence", |wire| {
        wire.protocol.as_mut().expect("it is set").confidence = f64::NAN;
    });
}

#[test]
fn requests_without_their_parts_are_refused_by_field() {
    let refuses = refused::<wire::RegisterResponse, Duration>(Duration::from_secs(1));
    refuses("heartbeat_interval", |wire| wire.heartbeat_interval = None);
    refuses("heartbeat_interval", |wire| {
        wire.heartbeat_interval = duration_of(0, 0);
    });
    let name = "pi-4".to_owned();
    let refuses = refused::<wire::LeaseWorkRequest, _>((name.clone(), Duration::ZERO, 1));
    refuses("agent", |wire| wire.agent.clear());
    refuses("wait", |wire| wire.wait = None);
    let refuses = refused::<wire::HeartbeatRequest, _>((name.clone(), LeaseId(1)));
    refuses("agent", |wire| wire.agent.clear());
    let refuses = refused::<wire::ReportWorkRequest, _>((name, LeaseId(1), valid()));
    refuses("agent", |wire| wire.agent.clear());
    refuses("measurement", |wire| wire.measurement = None);
    let refuses = refused::<wire::MeasureRequest, _>((vec![1], target(), Some(work().protocol)));
    refuses("onnx", |wire| wire.onnx.clear());
    refuses("target", |wire| wire.target.clear());
    refuses("protocol.min_samples", |wire| {
        wire.protocol.as_mut().expect("it is set").min_samples = 0;
    });
}

#[test]
fn protocol_out_of_range_is_refused_by_field() {
    let refuses = refused::<wire::Protocol, Protocol>(Protocol::default());
    refuses("min_sample", |wire| wire.min_sample = None);
    refuses("min_sample", |wire| wire.min_sample = duration_of(0, 0));
    refuses("min_sample", |wire| wire.min_sample = duration_of(0, 1_500));
    refuses("budget", |wire| wire.budget = duration_of(0, 1_000_000));
    refuses("budget", |wire| wire.budget = duration_of(i64::MAX, 0));
    refuses("max_warm_up", |wire| wire.max_warm_up = duration_of(-5, -5));
    refuses("min_samples", |wire| wire.min_samples = 1);
    refuses("confidence", |wire| wire.confidence = 2.0);
    refuses("max_relative_width", |wire| wire.max_relative_width = -1.0);
    refuses("target_relative_width", |wire| {
        wire.target_relative_width = f64::NAN;
    });
}

#[test]
fn valid_measurement_without_a_sound_latency_is_refused_by_field() {
    let refuses = refused::<wire::Measurement, Measurement>(valid());
    refuses("median_ms", |wire| wire.median_ms = None);
    refuses("low_ms", |wire| wire.low_ms = None);
    refuses("high_ms", |wire| wire.high_ms = None);
    refuses("median_ms", |wire| wire.median_ms = Some(f64::NAN));
    refuses("low_ms", |wire| wire.low_ms = Some(0.0));
    refuses("high_ms", |wire| wire.high_ms = Some(f64::INFINITY));
    refuses("high_ms", |wire| wire.high_ms = Some(0.01));
}

#[test]
fn measurement_that_makes_no_sense_is_refused_by_field() {
    let refuses = refused::<wire::Measurement, Measurement>(timed_out());
    refuses("protocol", |wire| wire.protocol = None);
    refuses("verdict", |wire| wire.verdict = 0);
    refuses("verdict", |wire| wire.verdict = -7);
    refuses("median_ms", |wire| wire.median_ms = Some(1.0));
    refuses("high_ms", |wire| wire.high_ms = Some(1.0));
    refuses("samples_ms[2]", |wire| wire.samples_ms[2] = f64::NAN);
    refuses("compile_ms", |wire| wire.compile_ms = Some(-1.0));
    refuses("correction.factor", |wire| {
        wire.correction.as_mut().expect("it is set").factor = 0.0;
    });
    refuses("correction.memory_share", |wire| {
        wire.correction.as_mut().expect("it is set").memory_share = Some(1.5);
    });
    refuses("correction.reference_ms", |wire| {
        wire.correction.as_mut().expect("it is set").reference_ms = -1.0;
    });
    refuses("energy_mj", |wire| wire.energy_mj = Some(f64::NAN));
    refuses("operators[0].name", |wire| wire.operators[0].name.clear());
    refuses("operators[0].ms", |wire| wire.operators[0].ms = -1.0);
    refuses("turns[1].slowdown", |wire| {
        wire.turns[1].slowdown = Some(0.0)
    });
    refuses("sustained.last_ms", |wire| {
        wire.sustained.as_mut().expect("it is set").last_ms = 0.0;
    });
    refuses("first_run_ms", |wire| {
        wire.first_run_ms = Some(f64::INFINITY)
    });
}
