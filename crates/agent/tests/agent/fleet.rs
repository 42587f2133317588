//! What an agent does with what a coordinator says.

use std::{ffi::OsString, path::Path, sync::Arc};

use bespoke_agent::{Agent, AgentConfig, AgentError, machine};
use bespoke_device::{LeaseId, Machine};
use bespoke_measure::Verdict;
use tokio::{
    sync::{RwLock, oneshot},
    task::JoinHandle,
};
use tonic::Status;

use crate::{
    LIMITS, WORKER,
    coordinator::{Coordinator, Event, Script, work},
    shell,
};

/// An agent at work, and how to ask it to stop.
struct Running {
    task: JoinHandle<Result<(), AgentError>>,
    stop: oneshot::Sender<()>,
}

impl Running {
    async fn stop(self) -> Result<(), AgentError> {
        self.stop.send(()).ok();
        self.task.await.expect("it does not panic")
    }
}

fn config(coordinator: &Coordinator, worker: Vec<OsString>) -> AgentConfig {
    AgentConfig {
        name: "board".to_owned(),
        coordinator: format!("http://{}", coordinator.address),
        worker,
        quiet: None,
        limits: LIMITS,
    }
}

fn run(config: AgentConfig) -> Running {
    let agent = Agent::new(config).expect("nothing is empty");
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let stopped = async { stopped.await.unwrap_or(()) };
        agent.run(stopped).await
    });
    Running { task, stop }
}

fn start(coordinator: &Coordinator, worker: Vec<OsString>) -> Running {
    run(config(coordinator, worker))
}

/// A child that crashes at once, except over work with the seed 1, which it never finishes.
fn stuck_over_the_first(pid: &Path) -> Vec<OsString> {
    shell(&format!(
        "read -r header; case \"$header\" in *'\"seed\":1,'*) echo $$ >{}; exec sleep 600;; esac; kill -9 $$",
        pid.display()
    ))
}

fn waiting(numbers: impl IntoIterator<Item = u64>) -> Script {
    Script {
        work: numbers.into_iter().map(work).collect(),
        ..Script::default()
    }
}

#[tokio::test]
async fn agent_presents_its_machine_version_and_runtimes() {
    let mut coordinator = Coordinator::start(Script::default());
    let agent = start(&coordinator, shell("true"));
    let presented = coordinator.registration().await;
    assert_eq!(presented.name, "board");
    assert_eq!(presented.version, env!("CARGO_PKG_VERSION"));
    let shown: Machine = presented.machine.unwrap().try_into().unwrap();
    assert_eq!(shown.fingerprint(), machine().fingerprint());
    let shown = presented.runtimes.iter().map(|runtime| &*runtime.name);
    let here = bespoke_runtime::runtimes();
    assert!(shown.eq(here.iter().map(|runtime| runtime.name())));
    agent.stop().await.unwrap();
    coordinator.farewell().await;
}

#[tokio::test]
async fn work_is_measured_and_reported_under_its_lease() {
    let mut coordinator = Coordinator::start(waiting([7]));
    let agent = start(&coordinator, vec![WORKER.into()]);
    let (lease, measurement) = coordinator.report().await;
    assert_eq!(lease, LeaseId(7));
    assert!(
        measurement.samples_ms.len() >= 10,
        "{:?}",
        measurement.verdict
    );
    assert_eq!(measurement.protocol, work(7).protocol);
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn agent_lives_on_after_a_network_that_crashes() {
    let mut coordinator = Coordinator::start(waiting([2, 3]));
    let agent = start(&coordinator, shell("kill -9 $$"));
    for number in [2, 3] {
        let (lease, measurement) = coordinator.report().await;
        assert_eq!(lease, LeaseId(number));
        assert!(matches!(measurement.verdict, Verdict::Crashed { .. }));
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn lost_lease_kills_the_child_and_drops_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let mut coordinator = Coordinator::start(waiting([1]));
    let agent = start(&coordinator, stuck_over_the_first(&pid));
    assert_eq!(coordinator.heartbeat().await, LeaseId(1));
    let child = loop {
        match std::fs::read_to_string(&pid) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => assert_eq!(coordinator.heartbeat().await, LeaseId(1)),
        }
    };
    coordinator.change(|script| {
        script.ended.push(LeaseId(1));
        script.work.push_back(work(2));
    });
    let (lease, _) = coordinator.report().await;
    assert_eq!(
        lease,
        LeaseId(2),
        "the work of the lost lease is not reported"
    );
    let status = Path::new("/proc").join(child).join("status");
    while std::fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ")) {
        tokio::task::yield_now().await;
    }
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn report_that_comes_too_late_is_not_fatal() {
    let script = Script {
        ended: vec![LeaseId(2)],
        ..waiting([2, 3])
    };
    let mut coordinator = Coordinator::start(script);
    let agent = start(&coordinator, shell("kill -9 $$"));
    while coordinator.report().await.0 != LeaseId(3) {}
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn agent_registers_anew_with_a_coordinator_that_forgot_it() {
    let mut coordinator = Coordinator::start(Script::default());
    let agent = start(&coordinator, shell("kill -9 $$"));
    coordinator.registration().await;
    coordinator.change(|script| script.registered = false);
    coordinator.registration().await;
    coordinator.change(|script| script.work.push_back(work(5)));
    assert_eq!(coordinator.report().await.0, LeaseId(5));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn agent_comes_back_to_a_coordinator_that_was_away() {
    let mut coordinator = Coordinator::start(Script::default());
    let agent = start(&coordinator, shell("kill -9 $$"));
    coordinator.registration().await;
    let address = coordinator.address;
    coordinator.vanish();
    let mut coordinator = Coordinator::start_at(address, waiting([4]));
    assert_eq!(coordinator.report().await.0, LeaseId(4));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn agent_survives_a_lease_that_is_cut_short() {
    let script = Script {
        cut_short: 1,
        ..waiting([4])
    };
    let mut coordinator = Coordinator::start(script);
    let agent = start(&coordinator, shell("kill -9 $$"));
    coordinator.registration().await;
    coordinator.registration().await;
    assert_eq!(coordinator.report().await.0, LeaseId(4));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn coordinator_of_another_version_is_not_asked_twice() {
    let refusal = "this coordinator runs version 9.9.9: install the same version on the agent";
    let script = Script {
        refusal: Some(Status::failed_precondition(refusal)),
        ..Script::default()
    };
    let mut coordinator = Coordinator::start(script);
    let agent = start(&coordinator, shell("true"));
    let error = agent.task.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), refusal);
    coordinator.registration().await;
    coordinator.change(|script| script.refusal = None);
    let other = start(&coordinator, shell("true"));
    coordinator.registration().await;
    other.stop().await.unwrap();
    let last = coordinator.event().await;
    assert!(matches!(last, Event::Deregistered), "{last:?}");
}

#[tokio::test]
async fn agent_stops_while_its_coordinator_is_away() {
    let mut coordinator = Coordinator::start(Script::default());
    let agent = start(&coordinator, shell("true"));
    coordinator.registration().await;
    coordinator.vanish();
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn what_trains_in_the_same_program_is_waited_for() {
    let mut coordinator = Coordinator::start(waiting([6]));
    let quiet = Arc::new(RwLock::new(()));
    let training = Arc::clone(&quiet).read_owned().await;
    let agent = run(AgentConfig {
        quiet: Some(quiet),
        ..config(&coordinator, shell("kill -9 $$"))
    });
    coordinator.registration().await;
    for _ in 0..3 {
        let event = coordinator.event().await;
        assert!(matches!(event, Event::Heartbeat(LeaseId(6))), "{event:?}");
    }
    drop(training);
    assert_eq!(coordinator.report().await.0, LeaseId(6));
    agent.stop().await.unwrap();
}

#[tokio::test]
async fn present_work_is_finished_before_the_agent_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("gate");
    let made = std::process::Command::new("mkfifo").arg(&gate).status();
    assert!(made.unwrap().success());
    let mut coordinator = Coordinator::start(waiting([8]));
    let script = format!("read -r line <{}; kill -9 $$", gate.display());
    let agent = start(&coordinator, shell(&script));
    coordinator.heartbeat().await;
    let leaving = tokio::spawn(agent.stop());
    coordinator.heartbeat().await;
    coordinator.change(|script| script.work.push_back(work(9)));
    tokio::task::spawn_blocking(move || std::fs::write(gate, "go\n"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(coordinator.report().await.0, LeaseId(8));
    coordinator.farewell().await;
    leaving.await.unwrap().unwrap();
    assert_eq!(coordinator.script.lock().unwrap().work.len(), 1);
}

#[tokio::test]
async fn agent_without_a_name_or_a_child_is_refused() {
    let coordinator = Coordinator::start(Script::default());
    let nameless = AgentConfig {
        name: String::new(),
        ..config(&coordinator, shell("true"))
    };
    for config in [nameless, config(&coordinator, Vec::new())] {
        let outcome = Agent::new(config);
        assert!(matches!(outcome, Err(AgentError::Empty { .. })));
    }
}
