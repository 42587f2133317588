//! The target: what a latency belongs to, as far as a study chooses it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a network is run on a device. Written as `RUNTIME/bBATCH/tTHREADS/PRECISION`, for example `tract/b1/t1/f32`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetSpec {
    /// Name of the runtime.
    pub runtime: String,
    /// Inputs in one pass.
    pub batch: u32,
    /// Threads that the runtime may use.
    pub threads: u32,
    /// Number format of weights and activations.
    pub precision: Precision,
}

/// Number format of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floating point.
    F32,
    /// 16-bit floating point: half precision of IEEE 754.
    F16,
    /// 8-bit integers with static scales.
    Int8,
}

/// A text that is no target, and which part of it is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not four parts.
    #[error(
        "target `{target}`: expected RUNTIME/bBATCH/tTHREADS/PRECISION, for example `tract/b1/t1/f32`"
    )]
    Parts {
        /// The text.
        target: String,
    },
    /// A runtime's name with other characters than it may have.
    #[error("target `{target}`: runtime `{part}` must be lower-case letters, digits, `-` and `_`")]
    Runtime {
        /// The text.
        target: String,
        /// Its first part.
        part: String,
    },
    /// Not a batch size.
    #[error("target `{target}`: batch `{part}` must be `b` and a number from 1, for example `b1`")]
    Batch {
        /// The text.
        target: String,
        /// Its second part.
        part: String,
    },
    /// Not a number of threads.
    #[error(
        "target `{target}`: threads `{part}` must be `t` and a number from 1, for example `t1`"
    )]
    Threads {
        /// The text.
        target: String,
        /// Its third part.
        part: String,
    },
    /// Not a number format.
    #[error("target `{target}`: precision `{part}` is not known; there are `f32`, `f16`, `int8`")]
    Precision {
        /// The text.
        target: String,
        /// Its fourth part.
        part: String,
    },
}

// === impl TargetSpec ===

impl TargetSpec {
    /// A target of these parts.
    ///
    /// # Errors
    /// Names the first part that no target can have.
    pub fn new(
        runtime: impl Into<String>,
        batch: u32,
        threads: u32,
        precision: Precision,
    ) -> Result<Self, TargetError> {
        let target = Self {
            runtime: runtime.into(),
            batch,
            threads,
            precision,
        };
        target.to_string().parse()
    }
}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            runtime,
            batch,
            threads,
            precision,
        } = self;
        write!(f, "{runtime}/b{batch}/t{threads}/{precision}")
    }
}

impl FromStr for TargetSpec {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let target = text.to_owned();
        let [runtime, batch, threads, precision] = text.split('/').collect::<Vec<_>>()[..] else {
            return Err(TargetError::Parts { target });
        };
        if !is_name(runtime) {
            return Err(TargetError::Runtime {
                target,
                part: runtime.to_owned(),
            });
        }
        let Some(batch_size) = count('b', batch) else {
            return Err(TargetError::Batch {
                target,
                part: batch.to_owned(),
            });
        };
        let Some(thread_count) = count('t', threads) else {
            return Err(TargetError::Threads {
                target,
                part: threads.to_owned(),
            });
        };
        let Some(precision) = Precision::from_name(precision) else {
            return Err(TargetError::Precision {
                target,
                part: precision.to_owned(),
            });
        };
        Ok(Self {
            runtime: runtime.to_owned(),
            batch: batch_size,
            threads: thread_count,
            precision,
        })
    }
}

impl TryFrom<String> for TargetSpec {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TargetSpec> for String {
    fn from(target: TargetSpec) -> Self {
        target.to_string()
    }
}

// === impl Precision ===

impl Precision {
    /// Every precision there is.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// The name in files, for example `f32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes of one value.
    pub fn bytes(self) -> u32 {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
            Self::Int8 => 1,
        }
    }

    /// The precision of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == name)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a text can name a runtime or a device.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// The number from 1 behind a letter, in the one way that it is written back.
fn count(letter: char, part: &str) -> Option<u32> {
    let number = part.strip_prefix(letter)?.parse().ok()?;
    (number >= 1 && format!("{letter}{number}") == part).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        text.parse::<TargetSpec>()
            .expect_err("not a target")
            .to_string()
    }

    #[test]
    fn text_round_trips() {
        for text in [
            "tract/b1/t1/f32",
            "flex/b32/t4/f32",
            "onnx-runtime_2/b4294967295/t16/f32",
        ] {
            assert_eq!(
                text.parse::<TargetSpec>().expect("a target").to_string(),
                text
            );
        }
        let target: TargetSpec = "flex/b8/t2/f32".parse().expect("a target");
        let parts = TargetSpec {
            runtime: "flex".into(),
            batch: 8,
            threads: 2,
            precision: Precision::F32,
        };
        assert_eq!(target, parts);
        assert_eq!(TargetSpec::new("flex", 8, 2, Precision::F32), Ok(parts));
    }

    #[test]
    fn error_names_the_part_that_is_wrong() {
        assert_eq!(
            fault("tract/b1/t1"),
            "target `tract/b1/t1`: expected RUNTIME/bBATCH/tTHREADS/PRECISION, for example `tract/b1/t1/f32`"
        );
        assert_eq!(
            fault("Tract/b1/t1/f32"),
            "target `Tract/b1/t1/f32`: runtime `Tract` must be lower-case letters, digits, `-` and `_`"
        );
        for batch in ["1", "b0", "b", "b01", "b+1", "b1.5", "b4294967296"] {
            assert_eq!(
                fault(&format!("tract/{batch}/t1/f32")),
                format!(
                    "target `tract/{batch}/t1/f32`: batch `{batch}` must be `b` and a number from 1, for example `b1`"
                )
            );
        }
        assert_eq!(
            fault("tract/b1/b1/f32"),
            "target `tract/b1/b1/f32`: threads `b1` must be `t` and a number from 1, for example `t1`"
        );
        assert_eq!(
            fault("tract/b1/t1/f64"),
            "target `tract/b1/t1/f64`: precision `f64` is not known; there are `f32`, `f16`, `int8`"
        );
    }

    #[test]
    fn target_is_a_string_in_files() {
        let target: TargetSpec = "tract/b1/t1/f32".parse().expect("a target");
        let json = serde_json::to_string(&target).expect("a string");
        assert_eq!(json, "\"tract/b1/t1/f32\"");
        assert_eq!(
            serde_json::from_str::<TargetSpec>(&json).expect("just written"),
            target
        );
        for precision in Precision::ALL {
            let text = serde_json::to_string(&precision).expect("a string");
            assert_eq!(text, format!("\"{precision}\""));
            assert_eq!(Precision::from_name(precision.name()), Some(precision));
        }
        let error =
            serde_json::from_str::<TargetSpec>("\"tract/b0/t1/f32\"").expect_err("no such batch");
        assert!(error.to_string().contains("batch `b0`"), "{error}");
    }
}
