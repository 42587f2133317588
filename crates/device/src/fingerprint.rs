//! Fingerprints: the short names by which machines and targets are told apart.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Machine, TargetSpec};

/// Tells machines apart by what decides their speed: CPU model, number of cores, architecture, operating system.
/// Two boards of the same make share it. Written as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MachineFingerprint(Digest);

/// Tells apart what latencies belong to: a machine, a target on it, and the version of the runtime. Written as 32
/// hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetFingerprint(Digest);

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 32 lower-case hexadecimal digits, got `{0}`")]
pub struct FingerprintError(String);

/// The first 16 bytes of a BLAKE3 hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Digest(u128);

// === impl MachineFingerprint ===

impl MachineFingerprint {
    pub(crate) fn of(machine: &Machine) -> Self {
        // Memory is left out: how much of it is free to see changes with the kernel.
        let Machine {
            architecture,
            os,
            cpu_model,
            logical_cores,
            memory_bytes: _,
        } = machine;
        Self(Digest::of(
            "machine",
            &[cpu_model, &logical_cores.to_string(), architecture, os],
        ))
    }
}

impl fmt::Display for MachineFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MachineFingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

// === impl TargetFingerprint ===

impl TargetFingerprint {
    /// The fingerprint of a target on a machine, with the version of its runtime.
    pub fn of(machine: &MachineFingerprint, target: &TargetSpec, runtime_version: &str) -> Self {
        Self(Digest::of(
            "target",
            &[&machine.to_string(), &target.to_string(), runtime_version],
        ))
    }
}

impl fmt::Display for TargetFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TargetFingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

// === impl Digest ===

impl Digest {
    /// Hash of a kind and its parts, each after its length, so that no two lists of parts run together.
    fn of(kind: &str, parts: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [kind].iter().chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Digest {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16)
            .map(Self)
            .ok()
            .filter(|digest| digest.to_string() == text)
            .ok_or_else(|| FingerprintError(text.to_owned()))
    }
}

impl TryFrom<String> for Digest {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        Machine {
            architecture: "aarch64".into(),
            os: "linux".into(),
            cpu_model: "Cortex-A76".into(),
            logical_cores: 4,
            memory_bytes: 8 << 30,
        }
    }

    fn target() -> TargetSpec {
        "tract/b1/t1/f32".parse().expect("a target")
    }

    #[test]
    fn fingerprints_do_not_change_between_releases() {
        let fingerprint = machine().fingerprint();
        assert_eq!(fingerprint.to_string(), "b80dc234da963c7dd7ea74a5fb08fe3f");
        assert_eq!(
            TargetFingerprint::of(&fingerprint, &target(), "0.23.9").to_string(),
            "df7662697ae5a4fa59e6ce261c50c879"
        );
    }

    #[test]
    fn machine_fingerprint_depends_on_all_but_memory() {
        let base = machine().fingerprint();
        assert_eq!(
            Machine {
                memory_bytes: 4 << 30,
                ..machine()
            }
            .fingerprint(),
            base
        );
        for other in [
            Machine {
                architecture: "x86_64".into(),
                ..machine()
            },
            Machine {
                os: "macos".into(),
                ..machine()
            },
            Machine {
                cpu_model: "Cortex-A72".into(),
                ..machine()
            },
            Machine {
                logical_cores: 8,
                ..machine()
            },
        ] {
            assert_ne!(other.fingerprint(), base, "{other:?}");
        }
    }

    #[test]
    fn target_fingerprint_depends_on_machine_target_and_version() {
        let here = machine().fingerprint();
        let there = Machine {
            logical_cores: 8,
            ..machine()
        }
        .fingerprint();
        let base = TargetFingerprint::of(&here, &target(), "0.23.9");
        assert_ne!(TargetFingerprint::of(&there, &target(), "0.23.9"), base);
        assert_ne!(
            TargetFingerprint::of(
                &here,
                &TargetSpec {
                    threads: 2,
                    ..target()
                },
                "0.23.9"
            ),
            base
        );
        assert_ne!(TargetFingerprint::of(&here, &target(), "0.23.10"), base);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(
            Digest::of("machine", &["ab", "c"]),
            Digest::of("machine", &["a", "bc"])
        );
    }

    #[test]
    fn text_round_trips_with_its_leading_zeros() {
        let text = "000123456789abcdef0123456789abcd";
        assert_eq!(
            text.parse::<MachineFingerprint>()
                .expect("32 digits")
                .to_string(),
            text
        );
        assert_eq!(
            text.parse::<TargetFingerprint>()
                .expect("32 digits")
                .to_string(),
            text
        );
        let json = serde_json::to_string(&text.parse::<MachineFingerprint>().expect("32 digits"))
            .expect("a string");
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(
            serde_json::from_str::<MachineFingerprint>(&json)
                .expect("just written")
                .to_string(),
            text
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "12",
            "+00123456789abcdef0123456789abcd",
            "000123456789ABCDEF0123456789abcd",
            "zz",
        ] {
            let error = text
                .parse::<TargetFingerprint>()
                .expect_err("not 32 digits");
            assert_eq!(
                error.to_string(),
                format!("a fingerprint is 32 lower-case hexadecimal digits, got `{text}`")
            );
        }
    }
}
