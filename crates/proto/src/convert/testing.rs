//! What the tests of all packages share: examples, and the two questions asked of every conversion.

use std::fmt::Debug;

use bespoke_device::{Machine, TargetFingerprint};
use bespoke_measure::{Estimate, Latency};
use prost::Message;

use super::ConvertError;

/// Asserts that a domain value comes back from its message, and from the message's bytes.
#[track_caller]
pub fn round_trips<W, D>(domain: D)
where
    W: From<D> + Message + Default,
    D: TryFrom<W, Error = ConvertError> + Clone + PartialEq + Debug,
{
    let bytes = W::from(domain.clone()).encode_to_vec();
    let message = W::decode(bytes.as_slice()).expect("it was just encoded");
    assert_eq!(D::try_from(message), Ok(domain));
}

/// A function that asserts that the domain value's message, once spoiled, is refused for the field given.
pub fn refused<W, D>(domain: D) -> impl Fn(&str, fn(&mut W))
where
    W: From<D>,
    D: TryFrom<W, Error = ConvertError> + Clone + Debug,
{
    #[track_caller]
    fn check<W, D>(domain: D, field: &str, spoil: fn(&mut W))
    where
        W: From<D>,
        D: TryFrom<W, Error = ConvertError> + Debug,
    {
        let mut message = W::from(domain);
        spoil(&mut message);
        let error = D::try_from(message).expect_err("the message is spoiled");
        assert_eq!(error.field, field, "{error}");
    }
    move |field, spoil| check::<W, D>(domain.clone(), field, spoil)
}

pub fn estimate() -> Estimate {
    let latency = |ms| Latency::from_ms(ms).expect("it is positive");
    Estimate {
        median_ms: latency(0.125_000_000_1),
        low_ms: latency(0.1),
        high_ms: latency(0.2),
    }
}

pub fn machine() -> Machine {
    Machine {
        architecture: "aarch64".to_owned(),
        os: "linux".to_owned(),
        cpu_model: "Cortex-A72".to_owned(),
        logical_cores: 4,
        memory_bytes: 8 << 30,
    }
}

/// A target's fingerprint, another one for each number.
pub fn fingerprint(number: u32) -> TargetFingerprint {
    let target = "tract/b1/t1/f32".parse().expect("it is a target");
    TargetFingerprint::of(&machine().fingerprint(), &target, &number.to_string())
}
