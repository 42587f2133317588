//! Prices from a coordinator whose answers are fixed.

use bespoke_measure::{Price, PriceSource, Protocol};
use bespoke_proto::predictor::v1::{
    self as wire,
    predictor_service_server::{PredictorService, PredictorServiceServer},
};
use bespoke_study::{
    AdaptEvent, AdaptRequest, NetworkInput, PlanRequest, PriceBatch, SampleCount, SpaceSource,
};
use tonic::Streaming;

use super::*;
use crate::PredictorClient;

fn price() -> Price {
    Price {
        latency: trial().latencies()[0],
        source: PriceSource::Predicted,
    }
}

fn waiting() -> AdaptEvent {
    let architecture = "a".to_owned();
    AdaptEvent::Waiting { architecture }
}

/// Answers every batch with one price, whatever was asked for.
#[tonic::async_trait]
impl PredictorService for Scripted {
    type PredictStreamStream = BoxStream<'static, Result<wire::PredictStreamResponse, Status>>;
    type AdaptStream = BoxStream<'static, Result<wire::AdaptResponse, Status>>;

    async fn predict(
        &self,
        _: Request<wire::PredictRequest>,
    ) -> Result<Response<wire::PredictResponse>, Status> {
        Ok(Response::new(vec![Ok(price())].into()))
    }

    async fn predict_stream(
        &self,
        requests: Request<Streaming<wire::PredictStreamRequest>>,
    ) -> Result<Response<Self::PredictStreamStream>, Status> {
        let answers = requests.into_inner().map(|_| Ok(vec![Ok(price())].into()));
        let end = stream::iter([Err(Status::failed_precondition("of another space"))]);
        Ok(Response::new(answers.chain(end).boxed()))
    }

    async fn plan(
        &self,
        _: Request<wire::PlanRequest>,
    ) -> Result<Response<wire::PlanResponse>, Status> {
        Ok(Response::new(vec!["a".to_owned(), "b".to_owned()].into()))
    }

    async fn adapt(
        &self,
        _: Request<wire::AdaptRequest>,
    ) -> Result<Response<Self::AdaptStream>, Status> {
        let events = [
            Ok(waiting().into()),
            Ok(wire::AdaptResponse { event: None }),
            Err(Status::unavailable("nothing could be measured")),
        ];
        Ok(Response::new(stream::iter(events).boxed()))
    }

    async fn describe(
        &self,
        _: Request<wire::DescribeRequest>,
    ) -> Result<Response<wire::DescribeResponse>, Status> {
        Err(Status::not_found("there is none"))
    }

    async fn list_predictors(
        &self,
        _: Request<wire::ListPredictorsRequest>,
    ) -> Result<Response<wire::ListPredictorsResponse>, Status> {
        Ok(Response::new(Vec::new().into()))
    }
}

async fn client() -> PredictorClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = url(listener.local_addr().expect("it is bound"));
    let server = Server::builder().add_service(PredictorServiceServer::new(Scripted));
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    PredictorClient::connect(&url).await.expect("it listens")
}

fn batch(networks: usize) -> PriceBatch {
    PriceBatch {
        target: "0".repeat(32).parse().expect("it is a fingerprint"),
        space: None,
        networks: vec![NetworkInput::Architecture("a".to_owned()); networks],
    }
}

#[tokio::test]
async fn as_many_answers_come_as_networks_were_asked_for() {
    let client = client().await;
    assert_eq!(client.predict(&batch(1)).await.expect("one"), [Ok(price())]);
    match client.predict(&batch(2)).await.expect_err("one is missing") {
        ClientError::Malformed { reason, .. } => {
            assert_eq!(
                reason.to_string(),
                "`answers` must be 2, one for each network, are 1"
            );
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn streamed_batches_have_their_answers_until_the_refusal() {
    let client = client().await;
    let batches = stream::iter([batch(1), batch(1)]);
    let answers = client.predict_stream(batches).await.expect("it is served");
    let answers: Vec<_> = answers.collect().await;
    assert_eq!(answers.len(), 3);
    for answer in &answers[..2] {
        assert_eq!(answer.as_ref().expect("a price"), &[Ok(price())]);
    }
    let refusal = answers[2].as_ref().expect_err("the end is a refusal");
    assert_eq!(refusal.code(), Some(Code::FailedPrecondition));
}

#[tokio::test]
async fn adaptation_is_told_event_by_event() {
    let wish = AdaptRequest {
        space: SpaceSource::Shipped("fbnet".to_owned()),
        target: "tract/b1/t1/f32".parse().expect("it is a target"),
        samples: SampleCount::default(),
        protocol: Protocol::default(),
    };
    let events = client().await.adapt(&wish).await.expect("it is served");
    let events: Vec<_> = events.collect().await;
    assert_eq!(events[0].as_ref().expect("sound"), &waiting());
    let malformed = events[1].as_ref().expect_err("it is empty");
    assert!(matches!(malformed, ClientError::Malformed { .. }));
    let refusal = events[2].as_ref().expect_err("it failed");
    assert_eq!(refusal.to_string(), "nothing could be measured");
}

#[tokio::test]
async fn plans_and_descriptions_arrive_in_domain_types() {
    let client = client().await;
    let wish = PlanRequest {
        space: SpaceSource::Shipped("fbnet".to_owned()),
        samples: SampleCount::default(),
        seed: 0,
    };
    assert_eq!(client.plan(&wish).await.expect("a plan"), ["a", "b"]);
    let refusal = client.describe(&batch(0).target).await;
    let refusal = refusal.expect_err("there is none");
    assert_eq!(refusal.code(), Some(Code::NotFound));
    assert_eq!(client.list().await.expect("an answer"), []);
}
