//! Conversions in pairs, one file for each package, and what they share: how a field is taken out of a message.

mod fleet;
mod predictor;
mod study;
#[cfg(test)]
mod testing;

use std::{fmt::Display, num::NonZeroU32, str::FromStr, time::Duration};

use bespoke_measure::Latency;
use prost::UnknownEnumValue;

/// A message that cannot be a domain type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {reason}")]
pub struct ConvertError {
    /// The field, as a path from the message that was converted: `measurement.samples_ms[3]`.
    pub field: String,
    /// What is wrong with it, to be read after the field's name.
    pub reason: String,
}

// === impl ConvertError ===

impl ConvertError {
    fn new(field: &str, reason: impl Display) -> Self {
        Self {
            field: field.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// The same error as seen from the message that holds the one converted in the field given.
    pub fn within(self, outer: &str) -> Self {
        Self {
            field: format!("{outer}.{}", self.field),
            ..self
        }
    }
}

impl From<ConvertError> for tonic::Status {
    fn from(error: ConvertError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

// === messages of one field ===

/// Conversions of a message whose one field is another message.
macro_rules! wraps_one {
    ($message:ty { $field:ident } with $domain:ty) => {
        impl From<$domain> for $message {
            fn from(value: $domain) -> Self {
                Self {
                    $field: Some(value.into()),
                }
            }
        }

        impl TryFrom<$message> for $domain {
            type Error = crate::ConvertError;

            fn try_from(message: $message) -> Result<Self, Self::Error> {
                crate::convert::required(stringify!($field), message.$field)
            }
        }
    };
}

/// Conversions of a message whose one field is a list of other messages.
macro_rules! wraps_list {
    ($message:ty { $field:ident } with $domain:ty) => {
        impl From<Vec<$domain>> for $message {
            fn from(values: Vec<$domain>) -> Self {
                Self {
                    $field: values.into_iter().map(Into::into).collect(),
                }
            }
        }

        impl TryFrom<$message> for Vec<$domain> {
            type Error = crate::ConvertError;

            fn try_from(message: $message) -> Result<Self, Self::Error> {
                crate::convert::each(stringify!($field), message.$field)
            }
        }
    };
}

use {wraps_list, wraps_one};

// === fields ===

/// A field that must be there.
fn present<W>(field: &str, value: Option<W>) -> Result<W, ConvertError> {
    value.ok_or_else(|| ConvertError::new(field, "is missing"))
}

/// A message that must be there, converted.
fn required<W, D>(field: &str, value: Option<W>) -> Result<D, ConvertError>
where
    D: TryFrom<W, Error = ConvertError>,
{
    nested(field, present(field, value)?)
}

/// A message inside another.
fn nested<W, D>(field: &str, value: W) -> Result<D, ConvertError>
where
    D: TryFrom<W, Error = ConvertError>,
{
    D::try_from(value).map_err(|error| error.within(field))
}

/// Every message of a list.
fn each<W, D>(field: &str, values: Vec<W>) -> Result<Vec<D>, ConvertError>
where
    D: TryFrom<W, Error = ConvertError>,
{
    let convert = |(index, value)| nested(&format!("{field}[{index}]"), value);
    values.into_iter().enumerate().map(convert).collect()
}

/// A text that must not be empty.
fn text(field: &str, value: String) -> Result<String, ConvertError> {
    if value.is_empty() {
        return Err(ConvertError::new(field, "is missing"));
    }
    Ok(value)
}

/// A text that must read as something.
fn parsed<T>(field: &str, value: &str) -> Result<T, ConvertError>
where
    T: FromStr,
    T::Err: Display,
{
    if value.is_empty() {
        return Err(ConvertError::new(field, "is missing"));
    }
    value
        .parse()
        .map_err(|error| invalid(field, &error as &dyn Display))
}

/// Bytes that must not be empty.
fn bytes(field: &str, value: Vec<u8>) -> Result<Vec<u8>, ConvertError> {
    if value.is_empty() {
        return Err(ConvertError::new(field, "is missing"));
    }
    Ok(value)
}

/// An enumeration's value; its zero, which is never sent, comes back to be refused by the caller with [`unspecified`].
fn enumeration<E>(field: &str, value: i32) -> Result<E, ConvertError>
where
    E: TryFrom<i32, Error = UnknownEnumValue>,
{
    let unknown = |UnknownEnumValue(number)| {
        ConvertError::new(field, format!("has the unknown value {number}"))
    };
    E::try_from(value).map_err(unknown)
}

fn unspecified(field: &str) -> ConvertError {
    ConvertError::new(field, "is not specified")
}

fn invalid(field: &str, reason: &dyn Display) -> ConvertError {
    ConvertError::new(field, format!("is not valid: {reason}"))
}

/// A latency, which is positive and finite.
fn latency(field: &str, ms: f64) -> Result<Latency, ConvertError> {
    Latency::from_ms(ms).map_err(|error| invalid(field, &error))
}

/// Milliseconds that may be zero.
fn milliseconds(field: &str, ms: f64) -> Result<f64, ConvertError> {
    if ms.is_finite() && ms >= 0.0 {
        return Ok(ms);
    }
    let reason = format!("must be a number of milliseconds that is not negative, got {ms}");
    Err(ConvertError::new(field, reason))
}

/// A number that is counted from 1.
fn positive(field: &str, value: u32) -> Result<NonZeroU32, ConvertError> {
    NonZeroU32::new(value).ok_or_else(|| ConvertError::new(field, "must be at least 1"))
}

/// A share of a whole.
fn percent(field: &str, value: f64) -> Result<f64, ConvertError> {
    if (0.0..=100.0).contains(&value) {
        return Ok(value);
    }
    let reason = format!("must be between 0 and 100 per cent, got {value}");
    Err(ConvertError::new(field, reason))
}

/// All values of a list, each checked under its own name.
fn all(
    field: &str,
    values: Vec<f64>,
    check: impl Fn(&str, f64) -> Result<f64, ConvertError>,
) -> Result<Vec<f64>, ConvertError> {
    let checked = |(index, value)| check(&format!("{field}[{index}]"), value);
    values.into_iter().enumerate().map(checked).collect()
}

/// A duration, which must be there.
fn duration(field: &str, value: Option<prost_types::Duration>) -> Result<Duration, ConvertError> {
    let prost_types::Duration { seconds, nanos } = present(field, value)?;
    let parts = (u64::try_from(seconds), u32::try_from(nanos));
    match parts {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => {
            let reason =
                format!("must be a duration that is not negative, got {seconds} s and {nanos} ns");
            Err(ConvertError::new(field, reason))
        }
    }
}

/// A duration for the wire; one longer than the wire can say becomes the longest.
fn to_duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).expect("there are fewer than 10^9"),
    }
}
