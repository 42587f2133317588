//! Studies that minimise or bound energy.

use bespoke_study::{Front, Source, StudyState, Trial, TrialState};

use super::{
    create,
    fixture::{FakeAgent, WATTS, outcome, study},
    fresh,
};

/// A study that minimises the energy on tract, and takes the latency on another target as well.
fn minimising(trials: usize) -> Source {
    let more = "[[targets]]\nruntime = 'flex'";
    let Source { file, text } = study("tiny", more, &format!("trials = {trials}"));
    let text = format!("objectives = ['energy@tract/b1/t1/f32']\n{text}");
    Source { file, text }
}

fn has_energy(trial: &Trial) -> bool {
    let expected = trial
        .latencies()
        .first()
        .map(|ms| WATTS * ms.median_ms.ms());
    trial.energy_mj(0) == expected && trial.energy_mj(1).is_none()
}

#[tokio::test]
async fn study_in_energy_stops_where_none_is_reported_and_goes_on_where_it_is() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    create(&coordinator, minimising(6)).await;
    let (stopped, trials) = outcome(&coordinator, "tiny").await;
    let StudyState::Failed { reason } = &stopped.state else {
        panic!("{:?}", stopped.state)
    };
    let told = "tract/b1/t1/f32 reports no energy, which the study minimises or bounds: ";
    assert!(reason.starts_with(told), "{reason}");
    let spec = stopped.spec().expect("it was read before");
    assert!(Front::of(&spec, &trials).entries().is_empty());
    assert!(trials.iter().all(|trial| !trial.is_finished()));

    drop(agent);
    coordinator.services.dispatch.deregister("a");
    let _agent = FakeAgent::metering(&coordinator, "a");
    create(&coordinator, minimising(6)).await;
    let (study, trials) = outcome(&coordinator, "tiny").await;
    assert!(matches!(study.state, StudyState::Complete { .. }));
    assert_eq!(trials.len(), 6);
    assert!(trials.iter().all(has_energy));
    assert!(!Front::of(&spec, &trials).entries().is_empty());
}

#[tokio::test]
async fn bound_on_energy_is_kept_by_measurement() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::metering(&coordinator, "a");
    create(
        &coordinator,
        study("tiny", "max_energy_mj = 100", "trials = 12"),
    )
    .await;
    let (_, trials) = outcome(&coordinator, "tiny").await;
    let is_over = |trial: &&Trial| WATTS * trial.latencies()[0].high_ms.ms() > 100.0;
    let over = trials.iter().filter(is_over).count();
    assert!((1..12).contains(&over), "{over}");
    for trial in &trials {
        assert!(has_energy(trial));
        match trial.state() {
            TrialState::Infeasible { reason, .. } => {
                assert!(is_over(&trial));
                let told = "mJ on tract/b1/t1/f32, the bound is 100.0000 mJ";
                assert!(reason.contains(told), "{reason}");
            }
            _ => assert!(!is_over(&trial)),
        }
    }
}
