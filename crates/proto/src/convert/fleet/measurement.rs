//! Protocols and measurements.

use std::time::Duration;

use bespoke_measure::{Environment, Measurement, Protocol, Verdict};

use crate::{
    convert::{
        ConvertError, all, duration, enumeration, milliseconds, present, required, study,
        to_duration, unspecified,
    },
    fleet::v1 as wire,
};

// === Protocol ===

impl From<Protocol> for wire::Protocol {
    fn from(protocol: Protocol) -> Self {
        Self {
            min_sample: Some(to_duration(Duration::from_micros(protocol.min_sample_us))),
            min_samples: protocol.min_samples,
            min_sampling: Some(to_duration(Duration::from_millis(protocol.min_sampling_ms))),
            budget: Some(to_duration(Duration::from_millis(protocol.budget_ms))),
            max_warm_up: Some(to_duration(Duration::from_millis(protocol.max_warm_up_ms))),
            target_relative_width: protocol.target_relative_width,
            max_relative_width: protocol.max_relative_width,
            confidence: protocol.confidence,
        }
    }
}

impl TryFrom<wire::Protocol> for Protocol {
    type Error = ConvertError;

    fn try_from(message: wire::Protocol) -> Result<Self, Self::Error> {
        let millisecond = Duration::from_millis(1);
        let protocol = Self {
            min_sample_us: whole("min_sample", message.min_sample, Duration::from_micros(1))?,
            min_samples: message.min_samples,
            min_sampling_ms: whole("min_sampling", message.min_sampling, millisecond)?,
            budget_ms: whole("budget", message.budget, millisecond)?,
            max_warm_up_ms: whole("max_warm_up", message.max_warm_up, millisecond)?,
            target_relative_width: message.target_relative_width,
            max_relative_width: message.max_relative_width,
            confidence: message.confidence,
        };
        protocol.check().map_err(|error| {
            // On the wire the durations have no unit in their name.
            let field = error.key.trim_end_matches("_us").trim_end_matches("_ms");
            ConvertError::new(field, error.reason)
        })?;
        Ok(protocol)
    }
}

/// A duration as a number of units, which must come out even.
fn whole(
    field: &str,
    value: Option<prost_types::Duration>,
    unit: Duration,
) -> Result<u64, ConvertError> {
    let nanos = duration(field, value)?.as_nanos();
    let count = u64::try_from(nanos / unit.as_nanos());
    match count {
        Ok(count) if nanos % unit.as_nanos() == 0 => Ok(count),
        _ => {
            let reason = format!("must be a whole multiple of {unit:?} that fits in 64 bits");
            Err(ConvertError::new(field, reason))
        }
    }
}

// === Measurement ===

impl From<Measurement> for wire::Measurement {
    fn from(measurement: Measurement) -> Self {
        let estimate = measurement.verdict.estimate().copied();
        let (verdict, reason) = split(measurement.verdict);
        Self {
            protocol: Some(measurement.protocol.into()),
            environment: measurement.environment.facts,
            verdict: verdict.into(),
            reason,
            median_ms: estimate.map(|estimate| estimate.median_ms.ms()),
            low_ms: estimate.map(|estimate| estimate.low_ms.ms()),
            high_ms: estimate.map(|estimate| estimate.high_ms.ms()),
            samples_ms: measurement.samples_ms,
            compile_ms: measurement.compile_ms,
            first_run_ms: measurement.first_run_ms,
        }
    }
}

/// The verdict's name on the wire and its reason.
fn split(verdict: Verdict) -> (wire::Verdict, String) {
    match verdict {
        Verdict::Valid { .. } => (wire::Verdict::Valid, String::new()),
        Verdict::Unstable { reason } => (wire::Verdict::Unstable, reason),
        Verdict::Throttled { reason } => (wire::Verdict::Throttled, reason),
        Verdict::TimedOut => (wire::Verdict::TimedOut, String::new()),
        Verdict::Crashed { reason } => (wire::Verdict::Crashed, reason),
        Verdict::DoesNotCompile { reason } => (wire::Verdict::DoesNotCompile, reason),
    }
}

impl TryFrom<wire::Measurement> for Measurement {
    type Error = ConvertError;

    fn try_from(message: wire::Measurement) -> Result<Self, Self::Error> {
        let verdict = verdict(&message)?;
        let time = |field: &str, ms: Option<f64>| ms.map(|ms| milliseconds(field, ms)).transpose();
        Ok(Self {
            protocol: required("protocol", message.protocol)?,
            environment: Environment {
                facts: message.environment,
            },
            verdict,
            samples_ms: all("samples_ms", message.samples_ms, milliseconds)?,
            compile_ms: time("compile_ms", message.compile_ms)?,
            first_run_ms: time("first_run_ms", message.first_run_ms)?,
        })
    }
}

fn verdict(message: &wire::Measurement) -> Result<Verdict, ConvertError> {
    let reason = message.reason.clone();
    let verdict = match enumeration("verdict", message.verdict)? {
        wire::Verdict::Valid => {
            let median = present("median_ms", message.median_ms)?;
            let low = present("low_ms", message.low_ms)?;
            let high = present("high_ms", message.high_ms)?;
            let estimate = study::estimate("median_ms", median, low, high)?;
            return Ok(Verdict::Valid { estimate });
        }
        wire::Verdict::Unstable => Verdict::Unstable { reason },
        wire::Verdict::Throttled => Verdict::Throttled { reason },
        wire::Verdict::TimedOut => Verdict::TimedOut,
        wire::Verdict::Crashed => Verdict::Crashed { reason },
        wire::Verdict::DoesNotCompile => Verdict::DoesNotCompile { reason },
        wire::Verdict::Unspecified => return Err(unspecified("verdict")),
    };
    let latencies = [
        ("median_ms", message.median_ms),
        ("low_ms", message.low_ms),
        ("high_ms", message.high_ms),
    ];
    match latencies.iter().find(|(_, ms)| ms.is_some()) {
        Some((field, _)) => {
            let reason = "is set, but only a valid measurement has a latency";
            Err(ConvertError::new(field, reason))
        }
        None => Ok(verdict),
    }
}
