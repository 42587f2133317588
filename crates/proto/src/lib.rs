//! The services as protobuf, and nothing else: generated code, and conversions between messages and domain types.
//!
//! No other crate knows protobuf's types by more than their names: a service or client converts on its first and last
//! line. A domain type becomes a message by `From`; a message becomes a domain type by `TryFrom`, whose error is a
//! [`ConvertError`] that names the field, because whoever sent the message may be anyone.

mod convert;

pub use convert::ConvertError;

/// Greatest message, both ways: a network's ONNX file with its weights has to fit. Servers and clients set it.
pub const MAX_MESSAGE_BYTES: usize = 256 << 20;

/// All files and what they import, encoded, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("gen/descriptors.bin");

/// Studies.
pub mod study {
    /// Version 1 of the package `bespoke.study`.
    #[allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        reason = "the code is generated"
    )]
    pub mod v1 {
        include!("gen/bespoke.study.v1.rs");
    }
}

/// The fleet of agents.
pub mod fleet {
    /// Version 1 of the package `bespoke.fleet`.
    #[allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        reason = "the code is generated"
    )]
    pub mod v1 {
        include!("gen/bespoke.fleet.v1.rs");
    }
}

/// Prices.
pub mod predictor {
    /// Version 1 of the package `bespoke.predictor`.
    #[allow(
        missing_docs,
        unused_qualifications,
        clippy::all,
        reason = "the code is generated"
    )]
    pub mod v1 {
        include!("gen/bespoke.predictor.v1.rs");
    }
}
