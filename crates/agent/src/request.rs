//! What the measuring child is told and what it answers.
//!
//! It is told one line of JSON, the [`Header`], and the network. When it is ready to time the network it says so and
//! waits. Then each line that it reads is a [`Command`] and each that it writes a [`Reply`], until its input ends.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read, Write},
};

use bespoke_device::TargetSpec;
use bespoke_measure::{Environment, Interference, OperatorTime, Protocol, Sensed, Verdict};
use serde::{Deserialize, Serialize};

/// Longest header; a real one has some hundred bytes.
const MAX_HEADER_BYTES: u64 = 64 << 10;

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// What to measure on.
    pub(crate) target: TargetSpec,
    /// How to measure.
    pub(crate) protocol: Protocol,
    /// Seed of the input's values and of the statistics.
    pub(crate) seed: u64,
    /// Most address space of the child.
    pub(crate) memory_bytes: u64,
    /// Length of the network's file, which follows the header.
    pub(crate) onnx_bytes: u64,
}

/// What the child is told once it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// Take samples for so many milliseconds.
    Turn {
        /// Milliseconds.
        ms: u64,
    },
    /// Tell what it took, and end.
    End,
}

/// What the child answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reply {
    /// The network is warm.
    Ready(Ready),
    /// A turn's samples.
    Samples(Samples),
    /// There will be no more samples.
    Failed {
        /// Why.
        verdict: Verdict,
        /// What is known of the measurement nevertheless.
        known: Ready,
    },
    /// What the measurement took, at its end.
    Used(Used),
}

/// What is known of a network before its first sample.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) environment: Environment,
    pub(crate) compile_ms: Option<f64>,
    pub(crate) first_run_ms: Option<f64>,
}

/// Samples of a turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Samples {
    /// Milliseconds of one pass, in the order taken.
    pub(crate) samples_ms: Vec<f64>,
    /// What the sensors said afterwards.
    pub(crate) sensed: Sensed,
}

/// What the measurement took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Used {
    pub(crate) energy_mj: Option<f64>,
    pub(crate) peak_memory_bytes: Option<u64>,
    pub(crate) operators: Vec<OperatorTime>,
    /// What others did on its cores during its turns.
    pub(crate) interference: Interference,
    /// More of what was seen, by name.
    pub(crate) facts: BTreeMap<String, String>,
}

/// Why a request cannot be made sense of.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("the request cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("the request's header is longer than {MAX_HEADER_BYTES} bytes or has no end")]
    HeaderLength,
    #[error("the request's header: {0}")]
    Header(#[from] serde_json::Error),
    #[error("the request's network has {expected} bytes by its header, got {got}")]
    Length { expected: u64, got: u64 },
    #[error("a command: {0}")]
    Command(#[source] serde_json::Error),
    #[error("a command is longer than {MAX_HEADER_BYTES} bytes or has no end")]
    CommandLength,
}

// === impl Header ===

impl Header {
    pub(crate) fn write(&self, onnx: &[u8], mut output: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut output, self)?;
        output.write_all(b"\n")?;
        output.write_all(onnx)
    }

    /// Reads a request. Nothing is allocated because a header says so.
    pub(crate) fn read(mut input: impl BufRead) -> Result<(Self, Vec<u8>), RequestError> {
        let line = line(&mut input)?.filter(|line| !line.is_empty());
        let header: Self = serde_json::from_slice(&line.ok_or(RequestError::HeaderLength)?)?;
        let expected = header.onnx_bytes;
        let mut onnx = Vec::new();
        let got = input.by_ref().take(expected).read_to_end(&mut onnx)? as u64;
        match got < expected {
            true => Err(RequestError::Length { expected, got }),
            false => Ok((header, onnx)),
        }
    }
}

// === impl Command ===

impl Command {
    /// The next command; none when there are no more.
    pub(crate) fn read(mut input: impl BufRead) -> Result<Option<Self>, RequestError> {
        if input.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let line = line(&mut input)?.ok_or(RequestError::CommandLength)?;
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(RequestError::Command)
    }
}

// === helpers ===

/// A line without its end; none when it is too long or has no end.
fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut start = input.by_ref().take(MAX_HEADER_BYTES);
    start.read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(onnx_bytes: u64) -> Header {
        Header {
            target: "tract/b1/t1/f32".parse().unwrap(),
            protocol: Protocol::default(),
            seed: 3,
            memory_bytes: 1 << 30,
            onnx_bytes,
        }
    }

    fn refusal(header: &Header, onnx: &[u8]) -> String {
        let mut bytes = Vec::new();
        header.write(onnx, &mut bytes).unwrap();
        Header::read(&bytes[..]).unwrap_err().to_string()
    }

    #[test]
    fn request_survives_a_round_trip() {
        let mut bytes = Vec::new();
        header(4).write(b"\nnet", &mut bytes).unwrap();
        let (read, onnx) = Header::read(&bytes[..]).unwrap();
        assert_eq!((read, &onnx[..]), (header(4), &b"\nnet"[..]));
    }

    #[test]
    fn network_that_is_shorter_than_its_header_says_is_refused() {
        assert_eq!(
            refusal(&header(u64::MAX), b"net"),
            "the request's network has 18446744073709551615 bytes by its header, got 3"
        );
    }

    #[test]
    fn commands_follow_the_network_until_the_input_ends() {
        let mut bytes = Vec::new();
        header(3).write(b"net", &mut bytes).unwrap();
        bytes.extend_from_slice(b"{\"turn\":{\"ms\":80}}\n\"end\"\n{\"turn\":{}}\nno end");
        let mut input = &bytes[..];
        Header::read(&mut input).unwrap();
        let mut next = || Command::read(&mut input);
        assert_eq!(next().unwrap(), Some(Command::Turn { ms: 80 }));
        assert_eq!(next().unwrap(), Some(Command::End));
        assert!(matches!(next(), Err(RequestError::Command(_))));
        assert!(matches!(next(), Err(RequestError::CommandLength)));
        assert_eq!(next().unwrap(), None);
    }

    #[test]
    fn header_without_an_end_is_refused() {
        for bytes in [Vec::new(), b"{}".to_vec(), vec![b' '; 1 << 20]] {
            let error = Header::read(&bytes[..]).unwrap_err();
            assert!(matches!(error, RequestError::HeaderLength), "{error}");
        }
    }

    #[test]
    fn header_with_an_unknown_field_is_refused() {
        let error = Header::read(&b"{\"run\": \"rm\"}\n"[..]).unwrap_err();
        assert!(matches!(error, RequestError::Header(_)), "{error}");
    }
}
