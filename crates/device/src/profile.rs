//! Device profiles: what is known of a device from its vendor and cannot be asked of the machine.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::target::is_name;

/// What a device's vendor says of it. Read from `devices/*.toml`; what is not known for sure is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// Name, that of the file.
    pub name: String,
    /// The vendor's document that the figures are from.
    pub source: String,
    /// Instruction set, as Rust names it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// The kind of CPU core.
    pub cpu: Option<String>,
    /// CPU cores.
    pub cores: Option<u32>,
    /// What computes in place of the CPU, if anything does: the memory and the rates below are then its own.
    pub accelerator: Option<String>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Greatest rate of 32-bit floating-point operations, of all CPU cores together, in 10^9 a second.
    pub peak_gflops: Option<f64>,
    /// Greatest bandwidth of the memory, in 10^9 bytes a second.
    pub bandwidth_gb_s: Option<f64>,
    /// Time that each operator takes beside its work, in 10^-6 seconds: to be called, to wake threads, to reach an
    /// accelerator.
    pub launch_us: Option<f64>,
    /// The grid of multipliers that matrix products run on, if the device has one.
    pub systolic: Option<Systolic>,
}

/// A systolic array: a grid of multiply-accumulate units, each of which hands its operands on to its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Systolic {
    /// Units from top to bottom.
    pub rows: u32,
    /// Units from left to right.
    pub columns: u32,
    /// What stays in a unit while the rest passes through it.
    pub dataflow: Dataflow,
    /// Steps of the array in 10^9 a second; each unit multiplies and adds once a step.
    pub clock_ghz: f64,
}

/// What stays in the units of a systolic array while the rest passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dataflow {
    /// The weights.
    WeightStationary,
    /// The sums.
    OutputStationary,
    /// The inputs.
    InputStationary,
}

/// What is wrong with a profile, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not TOML, an unknown key, or a value of another kind than its key takes.
    #[error("{file}:{line}: {}{reason}", key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default())]
    Toml {
        /// The file.
        file: String,
        /// Line in the file, from 1.
        line: usize,
        /// The key on that line, if there is one.
        key: Option<String>,
        /// What the parser says.
        reason: String,
    },
    /// A key that every profile has.
    #[error("{file}: `{key}` is missing")]
    Missing {
        /// The file.
        file: String,
        /// The key.
        key: &'static str,
    },
    /// A value that its key cannot have.
    #[error("{file}:{line}: `{key}`: {reason}")]
    Value {
        /// The file.
        file: String,
        /// Line in the file, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    name: Option<Spanned<String>>,
    source: Option<Spanned<String>>,
    architecture: Option<Spanned<String>>,
    cpu: Option<Spanned<String>>,
    cores: Option<Spanned<u32>>,
    accelerator: Option<Spanned<String>>,
    memory_bytes: Option<Spanned<u64>>,
    peak_gflops: Option<Spanned<f64>>,
    bandwidth_gb_s: Option<Spanned<f64>>,
    launch_us: Option<Spanned<f64>>,
    systolic: Option<RawSystolic>,
}

/// Its table `[systolic]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSystolic {
    rows: Option<Spanned<u32>>,
    columns: Option<Spanned<u32>>,
    dataflow: Option<Spanned<Dataflow>>,
    clock_ghz: Option<Spanned<f64>>,
}

/// A file under its name, for errors to point into.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

/// The shipped files under their names.
const SHIPPED: [(&str, &str); 5] = [
    (
        "generic-x86-64.toml",
        include_str!("../../../devices/generic-x86-64.toml"),
    ),
    (
        "h200-server.toml",
        include_str!("../../../devices/h200-server.toml"),
    ),
    (
        "jetson-orin-nano.toml",
        include_str!("../../../devices/jetson-orin-nano.toml"),
    ),
    (
        "raspberry-pi-4.toml",
        include_str!("../../../devices/raspberry-pi-4.toml"),
    ),
    (
        "raspberry-pi-5.toml",
        include_str!("../../../devices/raspberry-pi-5.toml"),
    ),
];

const NAME: &str = "must be lower-case letters, digits, `-` and `_`";
const TEXT: &str = "must not be empty";
const COUNT: &str = "must be at least 1";
const RATE: &str = "must be a positive number";
const TIME: &str = "must be a number from 0";

// === impl Profile ===

impl Profile {
    /// The profiles of `devices/*.toml`, in the order of their names.
    pub fn shipped() -> Vec<Self> {
        let parse = |(file, text): &(&str, &str)| {
            Self::parse(file, text).expect("a test reads every shipped profile")
        };
        SHIPPED.iter().map(parse).collect()
    }

    /// Reads a profile from the text of a file; the file's name is for errors.
    ///
    /// # Errors
    /// Names the file, the line and the key that is wrong.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ProfileError> {
        let filled = |text: &String| !text.trim().is_empty();
        let file = File {
            name: file_name,
            text,
        };
        let raw: RawProfile = toml::from_str(text).map_err(|error| file.toml_error(&error))?;
        Ok(Self {
            name: file.required("name", raw.name, |name| is_name(name), NAME)?,
            source: file.required("source", raw.source, filled, TEXT)?,
            architecture: file.required(
                "architecture",
                raw.architecture,
                |name| is_name(name),
                NAME,
            )?,
            cpu: file.optional("cpu", raw.cpu, filled, TEXT)?,
            cores: file.optional("cores", raw.cores, |count| *count >= 1, COUNT)?,
            accelerator: file.optional("accelerator", raw.accelerator, filled, TEXT)?,
            memory_bytes: file.optional(
                "memory_bytes",
                raw.memory_bytes,
                |bytes| *bytes >= 1,
                COUNT,
            )?,
            peak_gflops: file.optional("peak_gflops", raw.peak_gflops, positive, RATE)?,
            bandwidth_gb_s: file.optional("bandwidth_gb_s", raw.bandwidth_gb_s, positive, RATE)?,
            launch_us: file.optional(
                "launch_us",
                raw.launch_us,
                |time| time.is_finite() && *time >= 0.0,
                TIME,
            )?,
            systolic: raw
                .systolic
                .map(|systolic| file.systolic(systolic))
                .transpose()?,
        })
    }
}

// === impl File ===

impl File<'_> {
    fn systolic(&self, raw: RawSystolic) -> Result<Systolic, ProfileError> {
        let count = |count: &u32| *count >= 1;
        Ok(Systolic {
            rows: self.required("systolic.rows", raw.rows, count, COUNT)?,
            columns: self.required("systolic.columns", raw.columns, count, COUNT)?,
            dataflow: self.required("systolic.dataflow", raw.dataflow, |_| true, "")?,
            clock_ghz: self.required("systolic.clock_ghz", raw.clock_ghz, positive, RATE)?,
        })
    }

    fn required<T>(
        &self,
        key: &'static str,
        value: Option<Spanned<T>>,
        holds: impl FnOnce(&T) -> bool,
        reason: &'static str,
    ) -> Result<T, ProfileError> {
        self.optional(key, value, holds, reason)?
            .ok_or_else(|| ProfileError::Missing {
                file: self.name.to_owned(),
                key,
            })
    }

    fn optional<T>(
        &self,
        key: &'static str,
        value: Option<Spanned<T>>,
        holds: impl FnOnce(&T) -> bool,
        reason: &'static str,
    ) -> Result<Option<T>, ProfileError> {
        match value {
            Some(value) if !holds(value.get_ref()) => Err(ProfileError::Value {
                file: self.name.to_owned(),
                line: self.line(&value.span()),
                key,
                reason,
            }),
            value => Ok(value.map(Spanned::into_inner)),
        }
    }

    fn toml_error(&self, error: &toml::de::Error) -> ProfileError {
        let line = self.line(&error.span().unwrap_or(0..0));
        let key = self
            .text
            .lines()
            .nth(line - 1)
            .and_then(|line| line.split_once('='));
        ProfileError::Toml {
            file: self.name.to_owned(),
            line,
            key: key.map(|(key, _)| key.trim().to_owned()),
            reason: error.message().to_owned(),
        }
    }

    /// Line, from 1, on which a span begins.
    fn line(&self, span: &Range<usize>) -> usize {
        self.text
            .bytes()
            .take(span.start)
            .filter(|byte| *byte == b'\n')
            .count()
            + 1
    }
}

fn positive(rate: &f64) -> bool {
    rate.is_finite() && *rate > 0.0
}

#[cfg(test)]
mod tests;
