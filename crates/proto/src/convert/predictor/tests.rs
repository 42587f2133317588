use std::{
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use bespoke_measure::{PriceSource, Protocol};
use bespoke_study::{
    AdaptEvent, AdaptRequest, LatencySample, PlanRequest, PredictorInfo, SampleCount, Source,
    SpaceId,
};

use super::{
    super::testing::{estimate, fingerprint, refused, round_trips},
    *,
};

fn price() -> Price {
    Price {
        latency: estimate(),
        source: PriceSource::Predicted,
    }
}

fn file() -> SpaceSource {
    SpaceSource::File(Source {
        file: "s.toml".to_owned(),
        text: "name = 's'".to_owned(),
    })
}

fn batch() -> PriceBatch {
    PriceBatch {
        target: fingerprint(1),
        space: Some(file()),
        networks: vec![
            NetworkInput::Onnx(vec![1, 2]),
            NetworkInput::Architecture("a".to_owned()),
        ],
    }
}

fn sample() -> LatencySample {
    LatencySample {
        architecture: "a".to_owned(),
        latency: estimate(),
    }
}

fn info() -> PredictorInfo {
    PredictorInfo {
        fingerprint: fingerprint(1),
        version: NonZeroU32::MIN,
        target: "tract/b1/t1/f32".parse().expect("it is a target"),
        space: SpaceId::of("s", "name = 's'"),
        sources: vec!["pixel3".to_owned()],
        protocol: Protocol::default(),
        samples: vec![sample(), sample()],
        adapted_at: SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123),
    }
}

fn plan() -> PlanRequest {
    PlanRequest {
        space: SpaceSource::Shipped("nasbench201".to_owned()),
        samples: SampleCount::default(),
        seed: u64::MAX,
    }
}

fn adapt() -> AdaptRequest {
    AdaptRequest {
        space: file(),
        target: "tract/b1/t1/f32".parse().expect("it is a target"),
        samples: SampleCount::default(),
        protocol: Protocol {
            min_samples: 31,
            ..Protocol::default()
        },
    }
}

#[test]
fn prices_of_every_source_round_trip() {
    for source in [
        PriceSource::Measured,
        PriceSource::LookedUp,
        PriceSource::Predicted,
        PriceSource::Analytical,
    ] {
        round_trips::<wire::Price, _>(Price { source, ..price() });
    }
}

#[test]
fn requests_and_responses_round_trip() {
    round_trips::<wire::PredictRequest, _>(batch());
    round_trips::<wire::PredictStreamRequest, _>(PriceBatch {
        space: None,
        networks: Vec::new(),
        ..batch()
    });
    let answers = vec![Ok(price()), Err("no network".to_owned())];
    round_trips::<wire::PredictResponse, Vec<Result<Price, String>>>(answers.clone());
    round_trips::<wire::PredictStreamResponse, Vec<Result<Price, String>>>(answers);
    round_trips::<wire::PlanRequest, _>(plan());
    round_trips::<wire::PlanResponse, _>(vec!["a".to_owned(), "b".to_owned()]);
    round_trips::<wire::AdaptRequest, _>(adapt());
    round_trips::<wire::DescribeRequest, _>(fingerprint(1));
    round_trips::<wire::DescribeResponse, _>(vec![info()]);
    round_trips::<wire::ListPredictorsResponse, _>(vec![info(), info()]);
}

#[test]
fn everything_that_happens_in_an_adaptation_round_trips() {
    let architecture = || "a".to_owned();
    for event in [
        AdaptEvent::Waiting {
            architecture: architecture(),
        },
        AdaptEvent::Measuring {
            architecture: architecture(),
            agent: "pi".to_owned(),
        },
        AdaptEvent::Measured(sample()),
        AdaptEvent::Unmeasured {
            architecture: architecture(),
            reason: "it crashed".to_owned(),
        },
        AdaptEvent::Adapted(Box::new(info())),
    ] {
        round_trips::<wire::AdaptResponse, _>(event);
    }
}

#[test]
fn what_is_not_said_has_its_default() {
    let mut message = wire::PlanRequest::from(plan());
    message.samples = None;
    assert_eq!(PlanRequest::try_from(message), Ok(plan()));
    let mut message = wire::AdaptRequest::from(adapt());
    message.protocol = None;
    let request = AdaptRequest::try_from(message).expect("it is sound");
    assert_eq!(request.protocol, Protocol::default());
}

#[test]
fn a_price_that_makes_no_sense_is_refused_by_field() {
    let refuses = refused::<wire::Price, Price>(price());
    refuses("latency_ms", |wire| wire.latency_ms = f64::NAN);
    refuses("low_ms", |wire| wire.low_ms = -1.0);
    refuses("high_ms", |wire| wire.high_ms = f64::INFINITY);
    refuses("high_ms", |wire| wire.high_ms = wire.low_ms / 2.0);
    refuses("source", |wire| wire.source = 0);
    refuses("source", |wire| wire.source = 99);
    let refuses = refused::<wire::Answer, Result<Price, String>>(Ok(price()));
    refuses("answer", |wire| wire.answer = None);
    refuses("error", |wire| {
        wire.answer = Some(WireAnswer::Error(String::new()));
    });
    refuses("price.source", |wire| {
        let price = wire::Price {
            source: 0,
            ..price().into()
        };
        wire.answer = Some(WireAnswer::Price(price));
    });
}

#[test]
fn a_request_without_its_parts_is_refused_by_field() {
    let refuses = refused::<wire::Batch, PriceBatch>(batch());
    refuses("target_fingerprint", |wire| wire.target_fingerprint.clear());
    refuses("target_fingerprint", |wire| {
        wire.target_fingerprint = "zz".to_owned();
    });
    refuses("space.space", |wire| {
        wire.space = Some(wire::Space::default());
    });
    refuses("networks[1].network", |wire| {
        wire.networks[1].network = None;
    });
    refuses("networks[0].onnx", |wire| {
        wire.networks[0].network = Some(WireNetwork::Onnx(Vec::new()));
    });
    refuses("networks[0].architecture", |wire| {
        wire.networks[0].network = Some(WireNetwork::Architecture(String::new()));
    });
    let refuses = refused::<wire::PredictRequest, PriceBatch>(batch());
    refuses("batch", |wire| wire.batch = None);
    let refuses = refused::<wire::PlanRequest, PlanRequest>(plan());
    refuses("space", |wire| wire.space = None);
    refuses("space.shipped", |wire| {
        let shipped = wire::space::Space::Shipped(String::new());
        wire.space = Some(wire::Space {
            space: Some(shipped),
        });
    });
    refuses("samples", |wire| wire.samples = Some(1));
    let refuses = refused::<wire::AdaptRequest, AdaptRequest>(adapt());
    refuses("space.file.file", |wire| {
        let file = wire::space::Space::File(crate::study::v1::Source::default());
        wire.space = Some(wire::Space { space: Some(file) });
    });
    refuses("target", |wire| wire.target = "tract".to_owned());
    refuses("samples", |wire| wire.samples = Some(101));
    refuses("protocol.min_sample", |wire| {
        wire.protocol.as_mut().expect("there is one").min_sample = None;
    });
}

#[test]
fn a_predictor_that_makes_no_sense_is_refused_by_field() {
    let refuses = refused::<wire::Predictor, PredictorInfo>(info());
    refuses("target_fingerprint", |wire| wire.target_fingerprint.clear());
    refuses("version", |wire| wire.version = 0);
    refuses("target", |wire| wire.target.clear());
    refuses("space", |wire| wire.space = None);
    refuses("space.file_hash", |wire| {
        wire.space.as_mut().expect("there is one").file_hash.clear();
    });
    refuses("protocol", |wire| wire.protocol = None);
    refuses("samples", |wire| wire.samples.clear());
    refuses("samples[1].latency", |wire| wire.samples[1].latency = None);
    refuses("adapted_at", |wire| wire.adapted_at = None);
    refuses("adapted_at", |wire| {
        wire.adapted_at.as_mut().expect("there is one").seconds = i64::MIN;
    });
    let refuses = refused::<wire::AdaptResponse, AdaptEvent>(AdaptEvent::Adapted(info().into()));
    refuses("event", |wire| wire.event = None);
    refuses("adapted.version", |wire| {
        let adapted = wire::Predictor {
            version: 0,
            ..info().into()
        };
        wire.event = Some(wire::adapt_response::Event::Adapted(adapted));
    });
}
