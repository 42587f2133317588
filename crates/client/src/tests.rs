//! The clients against a coordinator that answers as each test says.

mod prices;

use std::net::SocketAddr;

use bespoke_graph::Cost;
use bespoke_measure::{Estimate, Latency};
use bespoke_proto::{
    MAX_MESSAGE_BYTES,
    study::v1::{
        self as wire,
        study_service_server::{StudyService, StudyServiceServer},
    },
};
use bespoke_study::{Accuracy, Activity, Event, StudyName, Trial, TrialId, TrialState};
use futures::{StreamExt, stream, stream::BoxStream};
use tokio::net::TcpListener;
use tonic::{
    Request, Response, Status,
    transport::{Server, server::TcpIncoming},
};

use crate::{ClientError, Code, FleetClient, StudyClient};

/// A coordinator whose answers are fixed.
struct Scripted;

/// More than tonic lets through unless told.
const NETWORK_BYTES: usize = 8 << 20;

fn name(text: &str) -> StudyName {
    text.parse().expect("it is a name")
}

fn trial() -> Trial {
    let ms = |ms| Latency::from_ms(ms).expect("it is positive");
    let estimate = Estimate {
        median_ms: ms(1.0),
        low_ms: ms(0.9),
        high_ms: ms(1.1),
    };
    let cost = Cost {
        parameters: 1,
        macs: 2,
        flops: 3,
        bytes_moved: 4,
        peak_activation_bytes: 5,
    };
    let accuracy = Accuracy {
        percent: 99.0,
        images: 360,
        curve: vec![99.0],
    };
    let graph = "0".repeat(32).parse().expect("it is a hash");
    let state = TrialState::Complete {
        latencies: vec![estimate],
        accuracy,
    };
    Trial::restore(TrialId(7), "a".to_owned(), graph, cost, state)
}

fn waiting() -> Event {
    let target = "tract/b1/t1/f32".to_owned();
    Event::Activity(Activity::WaitingForAgent { target })
}

#[tonic::async_trait]
impl StudyService for Scripted {
    type WatchStudyStream = BoxStream<'static, Result<wire::WatchStudyResponse, Status>>;

    async fn create_study(
        &self,
        _: Request<wire::CreateStudyRequest>,
    ) -> Result<Response<wire::CreateStudyResponse>, Status> {
        Err(Status::invalid_argument("digits.toml:3: no such key"))
    }

    async fn get_study(
        &self,
        _: Request<wire::GetStudyRequest>,
    ) -> Result<Response<wire::GetStudyResponse>, Status> {
        Ok(Response::new(wire::GetStudyResponse { study: None }))
    }

    async fn list_studies(
        &self,
        _: Request<wire::ListStudiesRequest>,
    ) -> Result<Response<wire::ListStudiesResponse>, Status> {
        Ok(Response::new(Vec::new().into()))
    }

    async fn watch_study(
        &self,
        _: Request<wire::WatchStudyRequest>,
    ) -> Result<Response<Self::WatchStudyStream>, Status> {
        let events = [
            Ok(Event::Trial(trial()).into()),
            Ok(waiting().into()),
            Ok(wire::WatchStudyResponse { event: None }),
            Err(Status::aborted("the coordinator ends")),
        ];
        Ok(Response::new(stream::iter(events).boxed()))
    }

    async fn cancel_study(
        &self,
        _: Request<wire::CancelStudyRequest>,
    ) -> Result<Response<wire::CancelStudyResponse>, Status> {
        Err(Status::unavailable("not now"))
    }

    async fn list_trials(
        &self,
        _: Request<wire::ListTrialsRequest>,
    ) -> Result<Response<wire::ListTrialsResponse>, Status> {
        Ok(Response::new(vec![trial()].into()))
    }

    async fn get_front(
        &self,
        _: Request<wire::GetFrontRequest>,
    ) -> Result<Response<wire::GetFrontResponse>, Status> {
        Ok(Response::new(
            vec![(trial(), "7.onnx".to_owned(), vec![TrialId(9)])].into(),
        ))
    }

    async fn get_network(
        &self,
        _: Request<wire::GetNetworkRequest>,
    ) -> Result<Response<wire::GetNetworkResponse>, Status> {
        let onnx = vec![7; NETWORK_BYTES];
        Ok(Response::new(wire::GetNetworkResponse { onnx }))
    }
}

/// Starts the coordinator on a free port.
async fn coordinator() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = url(listener.local_addr().expect("it is bound"));
    let service = StudyServiceServer::new(Scripted).max_encoding_message_size(MAX_MESSAGE_BYTES);
    let server = Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    url
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

async fn client() -> StudyClient {
    StudyClient::connect(&coordinator().await)
        .await
        .expect("the coordinator listens")
}

#[tokio::test]
async fn address_where_nothing_listens_is_said_to_be_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = url(listener.local_addr().expect("it is bound"));
    drop(listener);
    let error = FleetClient::connect(&url)
        .await
        .expect_err("nothing listens");
    assert!(matches!(error, ClientError::Unreachable { .. }));
    let expected = format!(
        "no coordinator answers at {url}: start one with `bespoke serve` or check the address"
    );
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn text_that_is_no_address_is_refused_before_anything_is_sent() {
    for bad in [
        "",
        "localhost:7878",
        "https://localhost:7878",
        "http://a b",
        "/tmp",
    ] {
        let error = StudyClient::connect(bad).await.expect_err("no address");
        assert!(matches!(error, ClientError::Address { .. }), "{bad}");
    }
}

#[tokio::test]
async fn refusal_keeps_the_coordinators_sentence_and_code() {
    let client = client().await;
    let error = client.cancel(&name("digits")).await.expect_err("refused");
    assert_eq!(error.to_string(), "not now");
    assert_eq!(error.code(), Some(Code::Unavailable));
}

#[tokio::test]
async fn service_that_is_not_there_refuses() {
    let fleet = FleetClient::connect(&coordinator().await).await;
    let error = fleet
        .expect("it listens")
        .agents()
        .await
        .expect_err("no fleet");
    assert_eq!(error.code(), Some(Code::Unimplemented));
}

#[tokio::test]
async fn answer_that_makes_no_sense_names_its_field() {
    let error = client()
        .await
        .get(&name("digits"))
        .await
        .expect_err("no study");
    match error {
        ClientError::Malformed { reason, .. } => assert_eq!(reason.field, "study"),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn watched_events_come_in_order_and_failures_among_them() {
    let client = client().await;
    let mut events = client
        .watch(&name("digits"))
        .await
        .expect("it can be watched");
    let mut next = async || events.next().await;
    assert_eq!(
        next().await.expect("a trial").expect("sound"),
        Event::Trial(trial())
    );
    assert_eq!(
        next().await.expect("an activity").expect("sound"),
        waiting()
    );
    let malformed = next().await.expect("an event").expect_err("it is empty");
    assert!(matches!(malformed, ClientError::Malformed { .. }));
    let aborted = next().await.expect("the end").expect_err("it is an error");
    assert_eq!(aborted.code(), Some(Code::Aborted));
    assert!(next().await.is_none());
}

#[tokio::test]
async fn trials_front_and_lists_arrive_in_domain_types() {
    let client = client().await;
    assert_eq!(client.list().await.expect("an answer"), []);
    let trials = client.trials(&name("digits")).await.expect("an answer");
    assert_eq!(trials, [trial()]);
    let front = client.front(&name("digits")).await.expect("an answer");
    assert_eq!((front[0].entry.trial, front.len()), (TrialId(7), 1));
    assert_eq!(front[0].onnx, "7.onnx");
    assert_eq!(front[0].entry.tied_with, [TrialId(9)]);
}

#[tokio::test]
async fn network_larger_than_the_usual_limit_arrives_whole() {
    let client = client().await;
    let onnx = client.network(&name("digits"), TrialId(7)).await;
    assert_eq!(onnx.expect("an answer"), vec![7; NETWORK_BYTES]);
}
