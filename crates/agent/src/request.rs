//! What the measuring child is told: one line of JSON, then the network.

use std::io::{self, BufRead, Read, Write};

use bespoke_device::TargetSpec;
use bespoke_measure::Protocol;
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
    #[error("the request's network is longer than the {expected} bytes of its header")]
    Trailing { expected: u64 },
}

// === impl Header ===

impl Header {
    pub(crate) fn write(&self, onnx: &[u8], mut output: impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut output, self)?;
        output.write_all(b"\n")?;
        output.write_all(onnx)
    }

    /// Reads a request to its end. Nothing is allocated because a header says so.
    pub(crate) fn read(mut input: impl BufRead) -> Result<(Self, Vec<u8>), RequestError> {
        let mut line = Vec::new();
        let mut start = input.by_ref().take(MAX_HEADER_BYTES);
        start.read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Err(RequestError::HeaderLength);
        }
        let header: Self = serde_json::from_slice(&line)?;
        let expected = header.onnx_bytes;
        let mut onnx = Vec::new();
        let got = input.by_ref().take(expected).read_to_end(&mut onnx)? as u64;
        if got < expected {
            return Err(RequestError::Length { expected, got });
        }
        match input.read(&mut [0])? {
            0 => Ok((header, onnx)),
            _ => Err(RequestError::Trailing { expected }),
        }
    }
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
    fn network_that_is_shorter_or_longer_than_its_header_says_is_refused() {
        assert_eq!(
            refusal(&header(u64::MAX), b"net"),
            "the request's network has 18446744073709551615 bytes by its header, got 3"
        );
        assert_eq!(
            refusal(&header(2), b"net"),
            "the request's network is longer than the 2 bytes of its header"
        );
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
