//! Protocols and measurements.

use std::time::Duration;

use bespoke_measure::{
    Cache, Correction, Environment, Measurement, OperatorTime, Protocol, Sustained, Turn, Verdict,
};

use crate::{
    convert::{
        ConvertError, all, duration, each, enumeration, latency, milliseconds, nested, present,
        required, study, text, to_duration, unspecified,
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
            turn: Some(to_duration(Duration::from_millis(protocol.turn_ms))),
            min_turns: protocol.min_turns,
            max_slowdown: protocol.max_slowdown,
            cache: match protocol.cache {
                Cache::Hot => wire::Cache::Hot,
                Cache::Cold => wire::Cache::Cold,
            }
            .into(),
            sustained_minutes: protocol.sustained_minutes,
            operators: protocol.operators,
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
            turn_ms: whole("turn", message.turn, millisecond)?,
            min_turns: message.min_turns,
            max_slowdown: message.max_slowdown,
            cache: match enumeration("cache", message.cache)? {
                wire::Cache::Hot => Cache::Hot,
                wire::Cache::Cold => Cache::Cold,
                wire::Cache::Unspecified => return Err(unspecified("cache")),
            },
            sustained_minutes: message.sustained_minutes,
            operators: message.operators,
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
            correction: measurement.correction.map(Into::into),
            energy_mj: measurement.energy_mj,
            peak_memory_bytes: measurement.peak_memory_bytes,
            operators: measurement.operators.into_iter().map(Into::into).collect(),
            turns: measurement.turns.into_iter().map(Into::into).collect(),
            sustained: measurement.sustained.map(Into::into),
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
            correction: message
                .correction
                .map(|correction| nested("correction", correction))
                .transpose()?,
            energy_mj: message.energy_mj.map(energy).transpose()?,
            peak_memory_bytes: message.peak_memory_bytes,
            operators: each("operators", message.operators)?,
            turns: each("turns", message.turns)?,
            sustained: message
                .sustained
                .map(|sustained| nested("sustained", sustained))
                .transpose()?,
        })
    }
}

fn energy(mj: f64) -> Result<f64, ConvertError> {
    if mj.is_finite() && mj >= 0.0 {
        return Ok(mj);
    }
    let reason = format!("must be a number of millijoules that is not negative, got {mj}");
    Err(ConvertError::new("energy_mj", reason))
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

// === Correction ===

impl From<Correction> for wire::Correction {
    fn from(correction: Correction) -> Self {
        let Correction {
            factor,
            low,
            high,
            reference_ms,
            memory_share,
            memory_reference_ms,
        } = correction;
        Self {
            factor,
            low,
            high,
            reference_ms,
            memory_share,
            memory_reference_ms,
        }
    }
}

impl TryFrom<wire::Correction> for Correction {
    type Error = ConvertError;

    fn try_from(message: wire::Correction) -> Result<Self, Self::Error> {
        Ok(Self {
            factor: positive_number("factor", message.factor)?,
            low: positive_number("low", message.low)?,
            high: positive_number("high", message.high)?,
            reference_ms: latency("reference_ms", message.reference_ms)?.ms(),
            memory_share: message
                .memory_share
                .map(|share| fraction("memory_share", share))
                .transpose()?,
            memory_reference_ms: message
                .memory_reference_ms
                .map(|ms| Ok(latency("memory_reference_ms", ms)?.ms()))
                .transpose()?,
        })
    }
}

// === OperatorTime ===

impl From<OperatorTime> for wire::OperatorTime {
    fn from(operator: OperatorTime) -> Self {
        let OperatorTime { kind, name, ms } = operator;
        Self { name, ms, kind }
    }
}

impl TryFrom<wire::OperatorTime> for OperatorTime {
    type Error = ConvertError;

    fn try_from(message: wire::OperatorTime) -> Result<Self, Self::Error> {
        Ok(Self {
            kind: message.kind,
            name: text("name", message.name)?,
            ms: milliseconds("ms", message.ms)?,
        })
    }
}

// === Turn ===

impl From<Turn> for wire::Turn {
    fn from(turn: Turn) -> Self {
        let Turn { samples, slowdown } = turn;
        Self { samples, slowdown }
    }
}

impl TryFrom<wire::Turn> for Turn {
    type Error = ConvertError;

    fn try_from(message: wire::Turn) -> Result<Self, Self::Error> {
        let wire::Turn { samples, slowdown } = message;
        Ok(Self {
            samples,
            slowdown: slowdown
                .map(|slowdown| positive_number("slowdown", slowdown))
                .transpose()?,
        })
    }
}

// === Sustained ===

impl From<Sustained> for wire::Sustained {
    fn from(sustained: Sustained) -> Self {
        let Sustained { first_ms, last_ms } = sustained;
        Self { first_ms, last_ms }
    }
}

impl TryFrom<wire::Sustained> for Sustained {
    type Error = ConvertError;

    fn try_from(message: wire::Sustained) -> Result<Self, Self::Error> {
        Ok(Self {
            first_ms: latency("first_ms", message.first_ms)?.ms(),
            last_ms: latency("last_ms", message.last_ms)?.ms(),
        })
    }
}

fn fraction(field: &str, value: f64) -> Result<f64, ConvertError> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => Err(ConvertError::new(
            field,
            format!("must lie from 0 to 1, got {value}"),
        )),
    }
}

fn positive_number(field: &str, value: f64) -> Result<f64, ConvertError> {
    if value.is_finite() && value > 0.0 {
        return Ok(value);
    }
    let reason = format!("must be a positive number, got {value}");
    Err(ConvertError::new(field, reason))
}
