//! The keys of records: their bytes order as the domain does.

use std::{fmt, num::NonZeroU32};

use bespoke_device::TargetFingerprint;
use bespoke_graph::GraphHash;
use bespoke_measure::Protocol;
use bespoke_study::{StudyName, TrialId};

/// A key: a kind, `/`, and what tells records of the kind apart. Names of studies contain no `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(Vec<u8>);

/// What the keys of all studies begin with.
pub(crate) const STUDIES: &str = "study/";

/// What the keys of all studies' earlier studies begin with.
const EARLIER: &str = "earlier/";

/// What the keys of all predictors begin with.
pub(crate) const PREDICTORS: &str = "predictor/";

// === impl Key ===

impl Key {
    pub(crate) fn study(name: &StudyName) -> Self {
        Self(format!("{STUDIES}{name}").into())
    }

    /// Of the earlier studies that a study starts from.
    pub(crate) fn earlier(study: &StudyName) -> Self {
        Self(format!("{EARLIER}{study}").into())
    }

    /// What the keys of a study's trials begin with.
    pub(crate) fn trials(study: &StudyName) -> Self {
        Self(format!("trial/{study}/").into())
    }

    /// The number is big-endian, so that trial 256 comes after trial 255.
    pub(crate) fn trial(study: &StudyName, TrialId(number): TrialId) -> Self {
        let Self(mut bytes) = Self::trials(study);
        bytes.extend(number.to_be_bytes());
        Self(bytes)
    }

    /// What the keys of a study's rounds begin with.
    pub(crate) fn rounds(study: &StudyName) -> Self {
        Self(format!("round/{study}/").into())
    }

    /// Of the round with that first trial.
    pub(crate) fn round(study: &StudyName, TrialId(first): TrialId) -> Self {
        let Self(mut bytes) = Self::rounds(study);
        bytes.extend(first.to_be_bytes());
        Self(bytes)
    }

    pub(crate) fn measurement(
        graph: GraphHash,
        target: &TargetFingerprint,
        protocol: &Protocol,
    ) -> Self {
        Self(format!("measurement/{graph}/{target}/{}", protocol.key()).into())
    }

    /// The version is big-endian, so that the latest comes last.
    pub(crate) fn predictor(target: &TargetFingerprint, version: NonZeroU32) -> Self {
        let mut bytes = format!("{PREDICTORS}{target}/").into_bytes();
        bytes.extend(version.get().to_be_bytes());
        Self(bytes)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What follows a beginning.
    pub(crate) fn after(&self, beginning: &str) -> Option<&str> {
        let rest = self.0.strip_prefix(beginning.as_bytes())?;
        std::str::from_utf8(rest).ok()
    }

    /// The study and number of the key of a trial, or of a round.
    fn as_numbered(&self, kind: &[u8]) -> Option<(&str, u32)> {
        let (rest, number) = self.0.strip_prefix(kind)?.split_last_chunk()?;
        let study = std::str::from_utf8(rest.strip_suffix(b"/")?).ok()?;
        Some((study, u32::from_be_bytes(*number)))
    }

    /// The target and version of a predictor's key.
    pub(crate) fn as_predictor(&self) -> Option<(TargetFingerprint, NonZeroU32)> {
        let rest = self.0.strip_prefix(PREDICTORS.as_bytes())?;
        let (target, version) = rest.split_last_chunk()?;
        let target = std::str::from_utf8(target.strip_suffix(b"/")?).ok()?;
        let version = NonZeroU32::new(u32::from_be_bytes(*version))?;
        Some((target.parse().ok()?, version))
    }
}

/// What the record is of, for error messages.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.after(STUDIES) {
            return write!(f, "study `{name}`");
        }
        if let Some(name) = self.after(EARLIER) {
            return write!(f, "what study `{name}` starts from");
        }
        if let Some((study, number)) = self.as_numbered(b"trial/") {
            return write!(f, "trial {number} of study `{study}`");
        }
        if let Some((study, first)) = self.as_numbered(b"round/") {
            return write!(f, "the round of study `{study}` from trial {first} on");
        }
        if let Some((target, version)) = self.as_predictor() {
            return write!(f, "version {version} of the predictor of target {target}");
        }
        let parts = self.after("measurement/").map(|rest| rest.splitn(3, '/'));
        match parts.map(Iterator::collect::<Vec<_>>).as_deref() {
            Some([graph, target, _]) => {
                write!(f, "measurement of network {graph} on target {target}")
            }
            _ => write!(f, "record {}", self.0.escape_ascii()),
        }
    }
}
