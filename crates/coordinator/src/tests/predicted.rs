//! The predictor service over a loopback connection.

use bespoke_device::TargetFingerprint;
use bespoke_measure::{Price, PriceSource, Protocol, Verdict};
use bespoke_proto::predictor::v1::{
    self as wire, predictor_service_client::PredictorServiceClient,
};
use bespoke_space::Space;
use bespoke_study::{
    AdaptEvent, AdaptRequest, NetworkInput, PlanRequest, PredictorInfo, PriceBatch, SampleCount,
    Source, SpaceSource,
};
use futures::stream;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tonic::{Code, Status, transport::Channel};

use super::{
    fixture::{FakeAgent, agent_info, in_proportion, space, target},
    fresh,
    served::{Served, serve},
};
use crate::{deployed::deployed, order, predictors::Pool, proposer::Candidate};

const SAMPLES: u32 = 12;

type Client = PredictorServiceClient<Channel>;

async fn client(served: &Served) -> Client {
    PredictorServiceClient::connect(served.url.clone())
        .await
        .expect("it listens")
}

fn file() -> Source {
    space().expect("there is one")
}

/// The same space but for its text.
fn other_file() -> Source {
    let Source { file, text } = file();
    let text = text.replace("'test'", "'other'");
    Source { file, text }
}

fn adaptation() -> AdaptRequest {
    AdaptRequest {
        space: SpaceSource::File(file()),
        target: target(),
        samples: SampleCount::try_from(SAMPLES).expect("it is allowed"),
        protocol: Protocol::default(),
    }
}

/// The target of all fake agents.
fn fingerprint() -> TargetFingerprint {
    let agent = agent_info("a");
    let target = target();
    let mut all = order::fingerprints(&agent, &target);
    all.next().expect("it has the runtime")
}

/// All networks of the space, which a pool of 600 holds.
fn candidates() -> Vec<Candidate> {
    let Source { file, text } = file();
    let space = Space::parse(&file, &text).expect("it is sound");
    let pool = Pool::draw(&space, 1, None).expect("it is sound");
    pool.plan(100)
}

fn true_ms(candidate: &Candidate) -> f64 {
    let (onnx, _) = deployed(&candidate.graph).expect("it can be written");
    in_proportion(&onnx).median_ms.ms()
}

fn batch(space: Option<Source>, networks: Vec<NetworkInput>) -> PriceBatch {
    PriceBatch {
        target: fingerprint(),
        space: space.map(SpaceSource::File),
        networks,
    }
}

fn architecture(candidate: &Candidate) -> NetworkInput {
    NetworkInput::Architecture(candidate.architecture.clone())
}

async fn adapt(client: &mut Client, request: AdaptRequest) -> Result<Vec<AdaptEvent>, Status> {
    let request = wire::AdaptRequest::from(request);
    let mut stream = client.adapt(request).await?.into_inner();
    let mut events = Vec::new();
    while let Some(message) = stream.message().await? {
        events.push(message.try_into().expect("it is sound"));
    }
    Ok(events)
}

async fn predict(
    client: &mut Client,
    batch: PriceBatch,
) -> Result<Vec<Result<Price, String>>, Status> {
    let response = client.predict(wire::PredictRequest::from(batch)).await?;
    Ok(response.into_inner().try_into().expect("it is sound"))
}

/// The last event, which must be the new predictor.
fn adapted(mut events: Vec<AdaptEvent>) -> PredictorInfo {
    match events.pop() {
        Some(AdaptEvent::Adapted(info)) => *info,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn adapted_predictor_prices_what_was_not_measured() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::proportional(&coordinator, "a", None);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let events = adapt(&mut client, adaptation()).await.expect("an agent");
    let measured = |event: &&AdaptEvent| matches!(event, AdaptEvent::Measured(_));
    assert_eq!(events.iter().filter(measured).count(), SAMPLES as usize);
    let info = adapted(events);
    assert_eq!((info.version.get(), agent.count()), (1, SAMPLES as usize));

    let candidates = candidates();
    let asked = candidates.iter().map(architecture).collect();
    let answers = predict(&mut client, batch(Some(file()), asked))
        .await
        .expect("there is a predictor");
    let mut inside = 0;
    let mut predicted = 0;
    for (candidate, answer) in candidates.iter().zip(answers) {
        let Price { latency, source } = answer.expect("it is a network");
        let is_sample =
            |sample: &&bespoke_study::LatencySample| sample.architecture == candidate.architecture;
        let ms = true_ms(candidate);
        match info.samples.iter().find(is_sample) {
            Some(sample) => {
                assert_eq!((latency, source), (sample.latency, PriceSource::Measured));
                assert_eq!(latency.median_ms.ms(), ms);
            }
            None => {
                assert_eq!(source, PriceSource::Predicted);
                predicted += 1;
                inside += usize::from((latency.low_ms.ms()..=latency.high_ms.ms()).contains(&ms));
            }
        }
    }
    assert_eq!(predicted, candidates.len() - SAMPLES as usize);
    assert!(inside * 10 >= predicted * 8, "{inside} of {predicted}");
    assert_eq!(agent.count(), SAMPLES as usize, "prices are not measured");
}

#[tokio::test]
async fn network_costs_the_same_as_a_file_and_faults_are_told_network_by_network() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let info = adapted(adapt(&mut client, adaptation()).await.expect("an agent"));
    let is_new = |candidate: &&Candidate| {
        let mut samples = info.samples.iter();
        samples.all(|sample| sample.architecture != candidate.architecture)
    };
    let all = candidates();
    let new = all.iter().find(is_new).expect("42 are more than 12");
    let (onnx, _) = deployed(&new.graph).expect("it can be written");
    let (builder, input) = bespoke_graph::Graph::builder(&[3]);
    let other = builder.finish(input).expect("an input is a graph");
    let (other, _) = deployed(&other).expect("it can be written");
    let networks = vec![
        architecture(new),
        NetworkInput::Onnx(onnx),
        NetworkInput::Onnx(vec![1, 2, 3]),
        NetworkInput::Architecture("nonsense".to_owned()),
        NetworkInput::Onnx(other),
    ];
    let answers = predict(&mut client, batch(None, networks)).await;
    let answers = answers.expect("there is a predictor");
    assert_eq!(answers[0], answers[1]);
    let price = answers[0].as_ref().expect("it is a network");
    assert_eq!(price.source, PriceSource::Predicted);
    let fault = |index: usize| answers[index].as_ref().expect_err("it is faulty").as_str();
    assert!(fault(2).starts_with("`onnx`: "), "{}", fault(2));
    assert!(fault(3).starts_with("`architecture`: "), "{}", fault(3));
    assert!(
        fault(4).contains("takes inputs of [3]") && fault(4).contains("take [1, 8, 8]"),
        "{}",
        fault(4)
    );
}

#[tokio::test]
async fn streamed_batches_are_answered_in_order_until_one_is_refused() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    adapt(&mut client, adaptation()).await.expect("an agent");
    let all = candidates();
    let batches = all.chunks(5).map(|some| {
        let networks = some.iter().map(architecture).collect();
        batch(None, networks)
    });
    let refused = batch(Some(other_file()), all.iter().map(architecture).collect());
    let batches: Vec<PriceBatch> = batches.chain([refused]).collect();
    let expected = predict(
        &mut client,
        batch(None, all.iter().map(architecture).collect()),
    );
    let expected = expected.await.expect("there is a predictor");
    let requests = batches.into_iter().map(wire::PredictStreamRequest::from);
    let mut responses = client
        .predict_stream(stream::iter(requests))
        .await
        .expect("it is served")
        .into_inner();
    let mut answers = Vec::new();
    let end = loop {
        match responses.message().await {
            Ok(Some(message)) => {
                let some: Vec<Result<Price, String>> = message.try_into().expect("it is sound");
                answers.extend(some);
            }
            other => break other,
        }
    };
    assert_eq!(answers, expected);
    let status = end.expect_err("the last batch is of another space");
    assert_eq!(status.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn predictor_has_versions_and_nothing_is_measured_twice() {
    let (coordinator, _store, _folder) = fresh();
    let agent = FakeAgent::proportional(&coordinator, "a", None);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let first = adapted(adapt(&mut client, adaptation()).await.expect("an agent"));
    let again = adapted(adapt(&mut client, adaptation()).await.expect("an agent"));
    assert_eq!(agent.count(), SAMPLES as usize);
    assert_eq!((first.version.get(), again.version.get()), (1, 2));
    assert_eq!(first.samples, again.samples);
    let few = AdaptRequest {
        samples: SampleCount::try_from(5).expect("it is allowed"),
        ..adaptation()
    };
    let few = adapted(adapt(&mut client, few).await.expect("an agent"));
    assert_eq!(few.samples, first.samples[..5]);
    assert_eq!(agent.count(), SAMPLES as usize);

    let request = wire::DescribeRequest::from(fingerprint());
    let described = client.describe(request).await.expect("there are three");
    let described: Vec<PredictorInfo> = described.into_inner().try_into().expect("it is sound");
    assert_eq!(described, [first, again, few]);
    let listed = client
        .list_predictors(wire::ListPredictorsRequest {})
        .await
        .expect("the store works");
    let listed: Vec<PredictorInfo> = listed.into_inner().try_into().expect("it is sound");
    assert_eq!(listed, described);
}

#[tokio::test]
async fn predictors_of_several_spaces_price_each_its_own() {
    let (coordinator, _store, _folder) = fresh();
    let _agent = FakeAgent::proportional(&coordinator, "a", None);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let mine = adapted(adapt(&mut client, adaptation()).await.expect("an agent"));
    let all = candidates();
    let network = |space| batch(Some(space), all.iter().map(architecture).collect());
    let status = predict(&mut client, network(other_file())).await;
    let status = status.expect_err("it is of another space");
    assert_eq!(status.code(), Code::FailedPrecondition);
    let message = status.message();
    assert!(message.contains(&mine.space.to_string()), "{message}");
    assert!(message.contains("not of `other` (file "), "{message}");

    let before = predict(&mut client, network(file())).await.expect("mine");
    let other = AdaptRequest {
        space: SpaceSource::File(other_file()),
        ..adaptation()
    };
    adapt(&mut client, other).await.expect("an agent");
    let after = predict(&mut client, network(file())).await.expect("mine");
    assert_eq!(before, after);
    assert!(predict(&mut client, network(other_file())).await.is_ok());
}

#[tokio::test]
async fn plan_is_repeatable_and_any_beginning_of_it_is_a_plan() {
    let (coordinator, _store, _folder) = fresh();
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let mut plan = async |samples: u32, seed| {
        let request = PlanRequest {
            space: SpaceSource::File(file()),
            samples: SampleCount::try_from(samples).expect("it is allowed"),
            seed,
        };
        let response = client.plan(wire::PlanRequest::from(request)).await;
        response
            .expect("the space is sound")
            .into_inner()
            .architectures
    };
    let ten = plan(10, 3).await;
    assert_eq!(ten.len(), 10);
    assert_eq!(plan(10, 3).await, ten);
    assert_eq!(plan(4, 3).await, ten[..4]);
    let all = plan(100, 3).await;
    assert!(all.len() < 100 && all.starts_with(&ten), "{}", all.len());
}

#[tokio::test]
async fn what_is_missing_is_said_with_its_code() {
    let (coordinator, _store, _folder) = fresh();
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let status = adapt(&mut client, adaptation()).await;
    assert_eq!(status.expect_err("no agent").code(), Code::Unavailable);
    let network = || vec![architecture(&candidates()[0])];
    for space in [None, Some(file())] {
        let status = predict(&mut client, batch(space, network())).await;
        let status = status.expect_err("no predictor");
        assert_eq!(status.code(), Code::NotFound);
        let message = status.message();
        assert!(
            message.contains("`bespoke predictor adapt --coordinator"),
            "{message}"
        );
    }
    let answers = predict(&mut client, batch(None, Vec::new())).await;
    assert_eq!(answers.expect("nothing is asked"), []);
    let request = wire::DescribeRequest::from(fingerprint());
    let status = client.describe(request).await.expect_err("no predictor");
    assert_eq!(status.code(), Code::NotFound);
    let unknown = PlanRequest {
        space: SpaceSource::Shipped("nowhere".to_owned()),
        samples: SampleCount::default(),
        seed: 0,
    };
    let status = client.plan(wire::PlanRequest::from(unknown)).await;
    let status = status.expect_err("no such space");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status.message().contains("no space `nowhere` is shipped"),
        "{status}"
    );
}

#[tokio::test]
async fn network_that_cannot_be_measured_is_replaced_by_the_next_of_the_plan() {
    let (coordinator, _store, _folder) = fresh();
    let slow = |work: &bespoke_device::Work| match in_proportion(&work.onnx) {
        estimate if estimate.median_ms.ms() < 6.0 => Verdict::Valid { estimate },
        _ => Verdict::TimedOut,
    };
    let _agent = FakeAgent::answering(&coordinator, "a", slow);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let events = adapt(&mut client, adaptation()).await.expect("an agent");
    let is_unmeasured = |event: &&AdaptEvent| matches!(event, AdaptEvent::Unmeasured { .. });
    assert!(events.iter().any(|event| is_unmeasured(&event)));
    let info = adapted(events);
    assert_eq!(info.samples.len(), SAMPLES as usize);
    assert!(info.samples.iter().all(|s| s.latency.median_ms.ms() < 6.0));
}

#[tokio::test]
async fn target_on_which_nothing_can_be_measured_is_not_learned() {
    let (coordinator, store, _folder) = fresh();
    let _agent = FakeAgent::answering(&coordinator, "a", |_: &_| Verdict::TimedOut);
    let served = serve(coordinator).await;
    let mut client = client(&served).await;
    let status = adapt(&mut client, adaptation()).await;
    let status = status.expect_err("nothing can be learned");
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.message(),
        "only 0 of 12 networks could be measured on tract/b1/t1/f32; the last said: the measurement timed out"
    );
    assert_eq!(store.predictors().expect("the store works"), []);
}

#[tokio::test]
async fn built_predictor_prices_as_before_after_a_restart() {
    let (coordinator, store, folder) = fresh();
    let agent = FakeAgent::proportional(&coordinator, "a", None);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let Source { file: path, text } = file();
    let space = Space::parse(&path, &text).expect("it is sound");
    let drawn = (0..20).map(|_| space.format_architecture(&space.sample(&mut rng)));
    let networks: Vec<NetworkInput> = drawn.map(NetworkInput::Architecture).collect();
    let served = serve(coordinator).await;
    let mut first = client(&served).await;
    adapt(&mut first, adaptation()).await.expect("an agent");
    let expected = predict(&mut first, batch(None, networks.clone())).await;
    drop((first, agent, served));
    let served = serve(super::open(&store, folder.path())).await;
    let mut second = client(&served).await;
    let answers = predict(&mut second, batch(None, networks)).await;
    assert_eq!(answers.expect("it was kept"), expected.expect("adapted"));
}
