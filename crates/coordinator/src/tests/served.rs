//! The services over a loopback connection.

use std::{net::SocketAddr, sync::Arc};

use bespoke_graph::Model;
use bespoke_measure::{Price, PriceSource};
use bespoke_proto::{
    fleet::v1::{MeasureRequest, fleet_service_client::FleetServiceClient},
    predictor::v1::{PredictRequest, predictor_service_client::PredictorServiceClient},
    study::v1::{
        CreateStudyRequest, GetFrontRequest, GetNetworkRequest, GetStudyRequest, WatchStudyRequest,
        study_service_client::StudyServiceClient,
    },
};
use bespoke_study::{NetworkInput, PriceBatch, StudyState, TrialId};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::Code;

use super::{
    create,
    fixture::{FakeAgent, agent_info, latency, name, outcome, space, study, target},
    fresh,
};
use crate::{Coordinator, CoordinatorError};

/// A coordinator that is being served.
pub struct Served {
    pub coordinator: Arc<Coordinator>,
    pub url: String,
    pub shutdown: oneshot::Sender<()>,
    pub task: JoinHandle<Result<(), CoordinatorError>>,
}

pub async fn serve(coordinator: Coordinator) -> Served {
    let any: SocketAddr = ([127, 0, 0, 1], 0).into();
    let listener = TcpListener::bind(any)
        .await
        .expect("loopback has a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (shutdown, ended) = oneshot::channel();
    let coordinator = Arc::new(coordinator);
    let served = coordinator.clone();
    let shutdown_comes = async move {
        let _ = ended.await;
    };
    let task = tokio::spawn(async move { served.serve(listener, shutdown_comes).await });
    Served {
        coordinator,
        url,
        shutdown,
        task,
    }
}

#[tokio::test]
async fn study_is_created_watched_and_its_network_fetched() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::start(&coordinator, "a");
    let served = serve(coordinator).await;
    let mut client = StudyServiceClient::connect(served.url.clone())
        .await
        .expect("it listens");
    let source = study("tiny", "", "trials = 5").into();
    let space = space().map(Into::into);
    let request = CreateStudyRequest {
        study: Some(source),
        space,
    };
    client
        .create_study(request)
        .await
        .expect("the study is sound");
    let request = WatchStudyRequest {
        name: "tiny".to_owned(),
    };
    let mut events = client
        .watch_study(request)
        .await
        .expect("it runs")
        .into_inner();
    let mut count = 0;
    while let Some(event) = events.message().await.expect("the stream ends well") {
        count += usize::from(event.event.is_some());
    }
    assert!(count >= 6, "five trials and the study");
    let request = GetFrontRequest {
        name: "tiny".to_owned(),
    };
    let front = client
        .get_front(request)
        .await
        .expect("it exists")
        .into_inner()
        .entries;
    let trial = front[0].trial.clone().expect("an entry has a trial");
    let request = GetNetworkRequest {
        name: "tiny".to_owned(),
        trial_id: trial.id,
    };
    let onnx = client
        .get_network(request)
        .await
        .expect("it is on the front")
        .into_inner()
        .onnx;

    // The network that is shipped is the one that was measured, so its price is known.
    let target = served
        .coordinator
        .services
        .studies
        .get(&name("tiny"))
        .expect("it exists")
        .targets;
    let mut prices = PredictorServiceClient::connect(served.url.clone())
        .await
        .expect("it listens");
    let batch = PriceBatch {
        target: target[0],
        space: None,
        networks: vec![NetworkInput::Onnx(onnx.clone())],
    };
    let response = prices
        .predict(PredictRequest::from(batch))
        .await
        .expect("it was measured");
    let answers: Vec<Result<Price, String>> =
        response.into_inner().try_into().expect("it is sound");
    let [Ok(price)] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(price.source, PriceSource::Measured);
    assert_eq!(price.latency, latency(&onnx));
    assert_eq!(price.latency.median_ms.ms(), trial.latencies[0].median_ms);
}

#[tokio::test]
async fn absent_things_are_not_found() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::start(&coordinator, "a");
    create(
        &coordinator,
        study("tiny", "max_latency_ms = 0.001", "trials = 1"),
    )
    .await;
    outcome(&coordinator, "tiny").await;
    drop(agent);
    let served = serve(coordinator).await;
    let mut client = StudyServiceClient::connect(served.url.clone())
        .await
        .expect("it listens");
    let request = GetStudyRequest {
        name: "none".to_owned(),
    };
    let status = client.get_study(request).await.expect_err("there is none");
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "there is no study `none`")
    );
    let request = GetStudyRequest {
        name: "../tiny".to_owned(),
    };
    let status = client
        .get_study(request)
        .await
        .expect_err("that is no name");
    assert_eq!(status.code(), Code::InvalidArgument);
    let request = GetNetworkRequest {
        name: "tiny".to_owned(),
        trial_id: TrialId(0).0,
    };
    let status = client
        .get_network(request)
        .await
        .expect_err("the front is empty");
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn network_is_measured_for_whoever_asks_and_only_once() {
    let (coordinator, _store, _folder) = fresh();
    let served = serve(coordinator).await;
    let mut client = FleetServiceClient::connect(served.url.clone())
        .await
        .expect("it listens");
    let (builder, input) = bespoke_graph::Graph::builder(&[3]);
    let graph = builder.finish(input).expect("an input is a graph");
    let (onnx, _) = crate::deployed::deployed(&graph).expect("it can be written");
    let request = MeasureRequest {
        onnx,
        target: target().to_string(),
        protocol: None,
    };
    let status = client
        .measure(request.clone())
        .await
        .expect_err("nobody is there");
    assert_eq!(status.code(), Code::Unavailable);

    let agent = FakeAgent::start(&served.coordinator, "a");
    for _ in 0..2 {
        let measured = client
            .measure(request.clone())
            .await
            .expect("an agent is there");
        let measurement = measured
            .into_inner()
            .measurement
            .expect("a response has one");
        assert_eq!(
            measurement.median_ms,
            Some(latency(&request.onnx).median_ms.ms())
        );
    }
    assert_eq!(agent.count(), 1);
    assert!(Model::from_onnx(&request.onnx).is_ok());
    let broken = MeasureRequest {
        onnx: vec![1, 2, 3],
        ..request
    };
    let status = client
        .measure(broken)
        .await
        .expect_err("that is no network");
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn agent_of_another_version_is_refused() {
    let (coordinator, _store, _folder) = fresh();
    let served = serve(coordinator).await;
    let mut client = FleetServiceClient::connect(served.url.clone())
        .await
        .expect("it listens");
    let mut agent = agent_info("old");
    agent.version = "0.0.1".to_owned();
    let request: bespoke_proto::fleet::v1::RegisterRequest = agent.into();
    let status = client.register(request).await.expect_err("another version");
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        status
            .message()
            .starts_with("this agent runs bespoke 0.0.1"),
        "{status}"
    );
}

#[tokio::test]
async fn shutdown_lets_go_of_all_who_wait_and_keeps_studies_running() {
    let (coordinator, store, _folder) = fresh();
    coordinator
        .services
        .dispatch
        .register(agent_info("idle"))
        .expect("the same version");
    create(&coordinator, study("tiny", "", "trials = 3")).await;
    let served = serve(coordinator).await;
    let mut client = StudyServiceClient::connect(served.url.clone())
        .await
        .expect("it listens");
    let request = WatchStudyRequest {
        name: "tiny".to_owned(),
    };
    let mut events = client
        .watch_study(request)
        .await
        .expect("it runs")
        .into_inner();
    served.shutdown.send(()).expect("it is served");
    while events
        .message()
        .await
        .expect("the stream ends well")
        .is_some()
    {}
    drop((events, client));
    served.task.await.expect("no panic").expect("no error");
    let study = store
        .study(&name("tiny"))
        .expect("the store works")
        .expect("it is there");
    assert_eq!(study.state, StudyState::Running);
}
