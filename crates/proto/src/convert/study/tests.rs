use std::time::Duration;

use bespoke_graph::Cost;
use bespoke_measure::{Estimate, PriceSource};
use bespoke_study::{
    Accuracy, Activity, Event, LearnedDistribution, StudyName, Trial, TrialId, TrialState,
};
use prost_types::Duration as WireDuration;

use super::{
    super::testing::{estimate, fingerprint, refused, round_trips},
    *,
};

fn source(file: &str, text: &str) -> Source {
    Source {
        file: file.to_owned(),
        text: text.to_owned(),
    }
}

fn study(state: StudyState) -> Study {
    let text = "name = \"digits\"\nspace = \"s\"\n[data]\nset = \"digits\"\n[[targets]]\nruntime = \"tract\"\n\
                [budget]\ntrials = 3\n";
    Study {
        submission: Submission {
            study: source("digits.toml", text),
            space: source("s.toml", "name = \"s\""),
        },
        state,
        targets: vec![fingerprint(1), fingerprint(2)],
        predictors: vec![NonZeroU32::MIN, NonZeroU32::MAX],
        elapsed: Duration::new(61, 5),
    }
}

fn ended() -> Study {
    let ending = Ending::Exhausted;
    study(StudyState::Complete { ending })
}

fn trial(state: TrialState) -> Trial {
    let cost = Cost {
        parameters: 1,
        macs: 2,
        flops: 3,
        bytes_moved: 4,
        peak_activation_bytes: u64::MAX,
    };
    let graph = "00112233445566778899aabbccddeeff".parse();
    Trial::restore(
        TrialId(70_000),
        "a|b".to_owned(),
        graph.expect("it is a hash"),
        cost,
        state,
    )
}

fn complete() -> Trial {
    trial(TrialState::Complete {
        latencies: vec![estimate(), estimate()],
        accuracy: Accuracy {
            percent: 97.5,
            images: 360,
            curve: vec![50.0, 97.5],
        },
    })
    .with_energies(vec![Some(2.5), None])
}

fn infeasible() -> Trial {
    trial(TrialState::Infeasible {
        latencies: Vec::new(),
        source: PriceSource::Measured,
        reason: "2 parameters, the bound is 1".to_owned(),
        violation: 1.0,
    })
}

fn predicted() -> Trial {
    trial(TrialState::Infeasible {
        latencies: vec![estimate()],
        source: PriceSource::Predicted,
        reason: "too slow".to_owned(),
        violation: 1.0,
    })
}

fn training() -> Event {
    Event::Activity(Activity::Training {
        trial: TrialId(3),
        epoch: 2,
        epochs: 20,
        loss: 0.5,
        accuracy_percent: 90.0,
    })
}

#[test]
fn studies_in_every_state_round_trip() {
    let reason = "why".to_owned();
    round_trips::<wire::Study, _>(study(StudyState::Running));
    round_trips::<wire::Study, _>(study(StudyState::Failed { reason }));
    for ending in [
        Ending::Trials,
        Ending::Time,
        Ending::Exhausted,
        Ending::Cancelled,
    ] {
        round_trips::<wire::Study, _>(study(StudyState::Complete { ending }));
    }
}

#[test]
fn study_whose_file_cannot_be_read_round_trips() {
    let mut study = ended();
    study.submission.study.text = "of another version".to_owned();
    round_trips::<wire::Study, _>(study);
}

#[test]
fn trials_in_every_state_round_trip() {
    let latencies = vec![estimate()];
    let curve = vec![10.0];
    let reason = "why".to_owned();
    for state in [
        TrialState::Proposed,
        TrialState::Measured {
            latencies: latencies.clone(),
        },
        TrialState::Stopped { latencies, curve },
        TrialState::Failed { reason },
    ] {
        round_trips::<wire::Trial, _>(trial(state));
    }
    round_trips::<wire::Trial, _>(complete());
    round_trips::<wire::Trial, _>(infeasible());
    round_trips::<wire::Trial, _>(predicted());
    round_trips::<wire::Cost, _>(*complete().cost());
    round_trips::<wire::Estimate, _>(estimate());
}

#[test]
fn events_of_every_kind_round_trip() {
    let target = "tract/b1/t1/f32".to_owned();
    for activity in [
        Activity::WaitingForAgent {
            target: target.clone(),
        },
        Activity::Measuring {
            trial: TrialId(0),
            agent: "pi-4".to_owned(),
            target: target.clone(),
        },
        Activity::Sampling {
            architecture: "a|b".to_owned(),
            agent: "pi-4".to_owned(),
            target,
        },
        Activity::SharedTraining {
            epoch: 1,
            epochs: 2,
            loss: 0.5,
            distribution: None,
        },
        Activity::SharedTraining {
            epoch: 2,
            epochs: 2,
            loss: 0.25,
            distribution: Some(LearnedDistribution {
                expected_latency_ms: 1.5,
                entropy_bits: 2.0,
            }),
        },
    ] {
        round_trips::<wire::WatchStudyResponse, _>(Event::Activity(activity));
    }
    round_trips::<wire::WatchStudyResponse, _>(training());
    round_trips::<wire::WatchStudyResponse, _>(Event::Trial(complete()));
    round_trips::<wire::WatchStudyResponse, _>(Event::Study(ended()));
}

#[test]
fn requests_and_responses_round_trip() {
    let name: StudyName = "digits".parse().expect("it is a name");
    round_trips::<wire::CreateStudyResponse, _>(ended());
    round_trips::<wire::GetStudyResponse, _>(ended());
    round_trips::<wire::CancelStudyResponse, _>(ended());
    round_trips::<wire::ListStudiesResponse, _>(vec![ended()]);
    round_trips::<wire::ListTrialsResponse, _>(vec![infeasible(), complete()]);
    round_trips::<wire::GetFrontResponse, _>(vec![(
        complete(),
        "3.onnx".to_owned(),
        vec![TrialId(4), TrialId(7)],
    )]);
    round_trips::<wire::GetStudyRequest, _>(name.clone());
    round_trips::<wire::WatchStudyRequest, _>(name.clone());
    round_trips::<wire::CancelStudyRequest, _>(name.clone());
    round_trips::<wire::ListTrialsRequest, _>(name.clone());
    round_trips::<wire::GetFrontRequest, _>(name.clone());
    round_trips::<wire::GetNetworkRequest, _>((name, TrialId(9)));
}

#[test]
fn submission_arrives_as_its_two_files() {
    let submission = ended().submission;
    let mut request = wire::CreateStudyRequest::from(submission.clone());
    let files = (submission.study.clone(), Some(submission.space));
    assert_eq!(request.clone().try_into(), Ok(files));
    request.space = None;
    assert_eq!(
        request.clone().try_into(),
        Ok((submission.study, None::<Source>))
    );
    request.study = None;
    let error = <(Source, Option<Source>)>::try_from(request).expect_err("there is no study");
    assert_eq!(error.field, "study");
}

#[test]
fn study_that_makes_no_sense_is_refused_by_field() {
    let refuses = refused::<wire::Study, Study>(ended());
    refuses("name", |wire| wire.name = "other".to_owned());
    refuses("study", |wire| wire.study = None);
    refuses("study.file", |wire| {
        wire.study.as_mut().expect("it is set").file.clear();
    });
    refuses("space", |wire| wire.space = None);
    refuses("state", |wire| wire.state = 0);
    refuses("state", |wire| wire.state = 17);
    refuses("ending", |wire| wire.ending = 0);
    refuses("ending", |wire| wire.ending = i32::MIN);
    refuses("target_fingerprints[1]", |wire| {
        wire.target_fingerprints[1] = "x".to_owned();
    });
    refuses("predictor_versions[1]", |wire| {
        wire.predictor_versions[1] = 0
    });
    refuses("elapsed", |wire| wire.elapsed = None);
    refuses("elapsed", |wire| {
        let (seconds, nanos) = (i64::MIN, i32::MIN);
        wire.elapsed = Some(WireDuration { seconds, nanos });
    });
}

#[test]
fn trial_of_a_space_of_one_network_has_an_empty_architecture() {
    let mut wire = wire::Trial::from(complete());
    wire.architecture.clear();
    let trial = Trial::try_from(wire).expect("it makes sense");
    assert_eq!(trial.architecture(), "");
}

#[test]
fn trial_that_makes_no_sense_is_refused_by_field() {
    let refuses = refused::<wire::Trial, Trial>(complete());
    refuses("energies[0].mj", |wire| wire.energies[0].mj = Some(0.0));
    refuses("graph_hash", |wire| wire.graph_hash.clear());
    refuses("graph_hash", |wire| wire.graph_hash = "zz".to_owned());
    refuses("cost", |wire| wire.cost = None);
    refuses("state", |wire| wire.state = 0);
    refuses("state", |wire| wire.state = 99);
    refuses("score", |wire| wire.state = wire::TrialState::Scored.into());
    refuses("score", |wire| wire.score = Some(f64::NAN));
    refuses("latencies", |wire| wire.latencies.clear());
    refuses("latencies[1].median_ms", |wire| {
        wire.latencies[1].median_ms = f64::NAN;
    });
    refuses("latencies[0].high_ms", |wire| {
        wire.latencies[0].high_ms = 0.05
    });
    refuses("curve_percent[0]", |wire| {
        wire.curve_percent[0] = f64::INFINITY
    });
    refuses("accuracy_percent", |wire| wire.accuracy_percent = None);
    refuses("accuracy_percent", |wire| {
        wire.accuracy_percent = Some(100.1)
    });
    refuses("held_out_images", |wire| wire.held_out_images = 0);
    refuses("price_source", |wire| wire.price_source = 0);
    refuses("price_source", |wire| wire.price_source = 3);
    refuses("price_source", |wire| wire.price_source = 99);
    let refuses = refused::<wire::Trial, Trial>(infeasible());
    refuses("violation", |wire| wire.violation = f64::NAN);
    refuses("violation", |wire| wire.violation = -0.5);
}

#[test]
fn estimate_that_is_no_latency_is_refused_by_field() {
    let refuses = refused::<wire::Estimate, Estimate>(estimate());
    refuses("median_ms", |wire| wire.median_ms = 0.0);
    refuses("low_ms", |wire| wire.low_ms = f64::NEG_INFINITY);
    refuses("high_ms", |wire| wire.high_ms = -0.0);
}

#[test]
fn event_that_makes_no_sense_is_refused_by_field() {
    use wire::watch_study_response::Event as WireEvent;
    let refuses = refused::<wire::WatchStudyResponse, Event>(training());
    refuses("event", |wire| wire.event = None);
    refuses("trial.cost", |wire| {
        let mut trial = wire::Trial::from(complete());
        trial.cost = None;
        wire.event = Some(WireEvent::Trial(trial));
    });
    refuses("study.study", |wire| {
        wire.event = Some(WireEvent::Study(wire::Study {
            state: 1,
            ..Default::default()
        }));
    });
    refuses("waiting_for_agent.target", |wire| {
        wire.event = Some(WireEvent::WaitingForAgent(wire::WaitingForAgent::default()));
    });
    refuses("measuring.agent", |wire| {
        wire.event = Some(WireEvent::Measuring(wire::Measuring::default()));
    });
    refuses("sampling.architecture", |wire| {
        wire.event = Some(WireEvent::Sampling(wire::Sampling::default()));
    });
    refuses("training.loss", |wire| {
        let loss = f64::NAN;
        wire.event = Some(WireEvent::Training(wire::Training {
            loss,
            ..Default::default()
        }));
    });
    refuses("training.epoch", |wire| {
        let epoch = 1;
        wire.event = Some(WireEvent::Training(wire::Training {
            epoch,
            ..Default::default()
        }));
    });
}

#[test]
fn front_holds_complete_trials_only() {
    let refuses = refused::<wire::GetFrontResponse, Vec<(Trial, String, Vec<TrialId>)>>(vec![(
        complete(),
        "3.onnx".to_owned(),
        Vec::new(),
    )]);
    refuses("entries[0].trial", |wire| wire.entries[0].trial = None);
    refuses("entries[0].trial.state", |wire| {
        wire.entries[0].trial = Some(infeasible().into());
    });
    refuses("entries[0].onnx", |wire| wire.entries[0].onnx.clear());
}

#[test]
fn name_that_could_leave_its_folder_is_refused() {
    let name: StudyName = "digits".parse().expect("it is a name");
    let refuses = refused::<wire::GetFrontRequest, StudyName>(name);
    refuses("name", |wire| wire.name.clear());
    refuses("name", |wire| wire.name = "../digits".to_owned());
}
