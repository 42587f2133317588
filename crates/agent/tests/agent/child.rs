//! What becomes of a child is a verdict.

use std::{ffi::OsString, time::Duration};

use bespoke_agent::{AgentError, Limits, measure_local};
use bespoke_device::TargetSpec;
use bespoke_measure::{Environment, Measurement, Verdict};

use crate::{LIMITS, WORKER, onnx, protocol, shell};

async fn measure(worker: &[OsString], target: &str, limits: &Limits) -> Measurement {
    let target: TargetSpec = target.parse().expect("it is a target");
    let measured = measure_local(worker, &target, &onnx(), &protocol(), limits).await;
    measured.unwrap_or_else(|error| panic!("{error}"))
}

async fn verdict(worker: &[OsString]) -> Verdict {
    measure(worker, "tract/b1/t1/f32", &LIMITS).await.verdict
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
    let measurement = measure(&shell("exec sleep 60"), "tract/b1/t1/f32", &limits).await;
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
    let target = "tract/b1/t1/f32".parse().unwrap();
    let worker = ["/no/such/program".into()];
    let outcome = measure_local(&worker, &target, &onnx(), &protocol(), &LIMITS).await;
    assert!(
        matches!(outcome, Err(AgentError::Worker { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn unstable_measurement_is_taken_three_times() {
    let folder = tempfile::tempdir().unwrap();
    let unstable = Measurement {
        protocol: protocol(),
        environment: Environment::default(),
        verdict: Verdict::Unstable {
            reason: "noise".to_owned(),
        },
        samples_ms: vec![1.0, 9.0],
        compile_ms: None,
        first_run_ms: None,
    };
    let answer = folder.path().join("answer");
    std::fs::write(&answer, serde_json::to_string(&unstable).unwrap()).unwrap();
    let count = folder.path().join("count");
    let script = format!(
        "cat >/dev/null; echo >>{}; cat {}",
        count.display(),
        answer.display()
    );
    let measurement = measure(&shell(&script), "tract/b1/t1/f32", &LIMITS).await;
    assert_eq!(measurement.verdict, unstable.verdict);
    assert_eq!(measurement.environment.facts["tries"], "3");
    assert_eq!(std::fs::read_to_string(count).unwrap(), "\n\n\n");
}

#[tokio::test]
async fn real_child_measures_with_every_runtime() {
    for runtime in bespoke_runtime::runtimes() {
        let target = format!("{}/b2/t1/f32", runtime.name());
        let measurement = measure(&[WORKER.into()], &target, &LIMITS).await;
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
    }
}

#[tokio::test]
async fn unknown_runtime_does_not_compile() {
    let measurement = measure(&[WORKER.into()], "abacus/b1/t1/f32", &LIMITS).await;
    assert_eq!(
        measurement.verdict,
        Verdict::DoesNotCompile {
            reason: "no runtime is named `abacus`; there are tract, flex".to_owned()
        }
    );
}

#[tokio::test]
async fn batch_beyond_the_memory_does_not_compile() {
    let target = format!("tract/b{}/t1/f32", u32::MAX);
    let measurement = measure(&[WORKER.into()], &target, &LIMITS).await;
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
    let measurement = measure(&worker, "tract/b1/t1/f32", &limits).await;
    assert!(
        matches!(measurement.verdict, Verdict::Crashed { .. }),
        "{:?}",
        measurement.verdict
    );
}
