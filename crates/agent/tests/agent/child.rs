//! What becomes of a child is a verdict.

use std::{ffi::OsString, time::Duration};

use bespoke_agent::{AgentError, Bench, Limits};
use bespoke_device::TargetSpec;
use bespoke_measure::{Measurement, Protocol, Verdict};

use crate::{LIMITS, WORKER, measure, onnx, protocol, shell};

async fn measured(worker: &[OsString], target: &str, limits: Limits) -> Measurement {
    let measured = measure(worker, target, &protocol(), limits).await;
    measured.unwrap_or_else(|error| panic!("{error}"))
}

async fn verdict(worker: &[OsString]) -> Verdict {
    measured(worker, "tract/b1/t1/f32", LIMITS).await.verdict
}

fn crashed(reason: &str) -> Verdict {
    Verdict::Crashed {
        reason: reason.to_owned(),
    }
}

#[tokio::test]
async fn killed_child_is_a_crash_with_its_signal_and_last_words() {
    assert_eq!(
        verdict(&shell("kill -9 $$")).await,
        crashed("signal: 9 (SIGKILL)")
    );
    assert_eq!(
        verdict(&shell("echo first >&2; echo no memory >&2; kill -9 $$")).await,
        crashed("signal: 9 (SIGKILL): no memory")
    );
}

#[tokio::test]
async fn child_that_gives_up_is_a_crash_with_its_status() {
    assert_eq!(
        verdict(&shell("echo no such thing >&2; exit 3")).await,
        crashed("exit status: 3: no such thing")
    );
}

#[tokio::test]
async fn child_without_an_answer_is_killed_and_has_timed_out() {
    let limits = Limits {
        time: Duration::from_millis(100),
        ..LIMITS
    };
    let measurement = measured(&shell("exec sleep 60"), "tract/b1/t1/f32", limits).await;
    assert_eq!(measurement.verdict, Verdict::TimedOut);
    assert!(measurement.environment.facts.contains_key("agent.version"));
}

#[tokio::test]
async fn nonsense_for_an_answer_is_a_crash() {
    for script in ["echo garbage", "true", "echo '{}'"] {
        let verdict = verdict(&shell(script)).await;
        let Verdict::Crashed { reason } = &verdict else {
            panic!("{script}: {verdict:?}");
        };
        assert!(reason.contains("is no measurement"), "{script}: {reason}");
    }
}

#[tokio::test]
async fn child_that_does_not_exist_is_an_error() {
    let worker = ["/no/such/program".into()];
    let outcome = measure(&worker, "tract/b1/t1/f32", &protocol(), LIMITS).await;
    assert!(
        matches!(outcome, Err(AgentError::Worker { .. })),
        "{outcome:?}"
    );
}

/// A child that is ready at once and whose turns take 1 and 9 ms by turns.
fn restless() -> Vec<OsString> {
    let ready = r#"{"ready":{"environment":{"facts":{}},"compile_ms":7.0,"first_run_ms":null}}"#;
    let turn = |ms: f64| {
        let sensed = r#"{"megahertz":null,"celsius":null}"#;
        format!(r#"{{"samples":{{"samples_ms":[{ms},{ms}],"sensed":{sensed}}}}}"#)
    };
    let (quick, slow) = (turn(1.0), turn(9.0));
    shell(&format!(
        "read -r header; bytes=${{header##*onnx_bytes\\\":}}; head -c ${{bytes%\\}}}} >/dev/null; echo '{ready}'; while read -r _; do echo '{quick}'; read -r _; echo '{slow}'; done"
    ))
}

#[tokio::test]
async fn unstable_measurement_is_taken_three_times() {
    // Its turns take no time, and there are the more of them the longer the budget is.
    let protocol = Protocol {
        budget_ms: 60,
        ..protocol()
    };
    let measured = measure(&restless(), "tract/b1/t1/f32", &protocol, LIMITS).await;
    let measurement = measured.expect("the shell is there");
    assert_eq!(measurement.verdict.word(), "unstable");
    assert_eq!(measurement.environment.facts["tries"], "3");
    assert_eq!(measurement.compile_ms, Some(7.0));
    assert!(measurement.samples_ms.contains(&9.0));
}

#[tokio::test]
async fn networks_of_a_batch_are_answered_in_their_order() {
    let worker = vec![OsString::from(WORKER)];
    let bench = Bench::new(worker, LIMITS);
    let target: TargetSpec = "tract/b1/t1/f32".parse().expect("it is a target");
    let networks = [onnx(), b"no network".to_vec(), onnx()];
    let measured = bench.measure(&target, &networks, &protocol()).await;
    let measured = measured.expect("the child is there");
    assert!(
        measured[0].samples_ms.len() >= 10,
        "{:?}",
        measured[0].verdict
    );
    assert_eq!(measured[1].verdict.word(), "does_not_compile");
    assert!(measured[2].turns.iter().all(|turn| turn.slowdown.is_some()));
    assert!(!bench.timed().is_zero());
}

#[tokio::test]
async fn real_child_measures_with_every_runtime() {
    for runtime in bespoke_runtime::runtimes() {
        let target = format!("{}/b2/t1/f32", runtime.name());
        let measurement = measured(&[WORKER.into()], &target, LIMITS).await;
        let facts = &measurement.environment.facts;
        assert!(
            measurement.samples_ms.len() >= 10,
            "{target}: {:?}",
            measurement.verdict
        );
        assert!(measurement.compile_ms.unwrap() > 0.0);
        assert!(measurement.first_run_ms.unwrap() > 0.0);
        assert_eq!(facts["runtime.version"], runtime.version());
        assert!(facts.contains_key("tries"));
        assert_eq!(measurement.operators, []);
    }
}

#[tokio::test]
async fn real_child_tells_what_operators_take_where_the_protocol_asks() {
    let protocol = Protocol {
        operators: true,
        ..protocol()
    };
    let bench = Bench::new(vec![WORKER.into()], LIMITS);
    for runtime in bespoke_runtime::runtimes() {
        let target = format!("{}/b1/t1/f32", runtime.name());
        let target = target.parse().expect("it is a target");
        let measured = bench.measure(&target, &[onnx()], &protocol).await;
        let measurement = &measured.expect("the child is there")[0];
        assert!(!measurement.operators.is_empty(), "{measurement:?}");
    }
}

#[tokio::test]
async fn unknown_runtime_does_not_compile() {
    let measurement = measured(&[WORKER.into()], "abacus/b1/t1/f32", LIMITS).await;
    assert_eq!(
        measurement.verdict,
        Verdict::DoesNotCompile {
            reason: format!(
                "no runtime is named `abacus`; there are {}",
                bespoke_runtime::NAMES.join(", ")
            )
        }
    );
}

#[tokio::test]
async fn batch_beyond_the_memory_does_not_compile() {
    let target = format!("tract/b{}/t1/f32", u32::MAX);
    let measurement = measured(&[WORKER.into()], &target, LIMITS).await;
    assert!(
        matches!(measurement.verdict, Verdict::DoesNotCompile { .. }),
        "{:?}",
        measurement.verdict
    );
}

#[tokio::test]
async fn child_that_wants_more_memory_than_it_may_have_crashes_alone() {
    let limits = Limits {
        memory_bytes: 16 << 20,
        ..LIMITS
    };
    let worker = [WORKER.into()];
    let measurement = measured(&worker, "tract/b1/t1/f32", limits).await;
    assert!(
        matches!(measurement.verdict, Verdict::Crashed { .. }),
        "{:?}",
        measurement.verdict
    );
}
