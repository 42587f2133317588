//! Device profiles: what is known of a device from its vendor and cannot be asked of the machine.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::target::is_name;

/// What a device's vendor says of it. Read from `devices/*.toml`; what is not known for sure is absent.
#[derive(Debug, Clone, PartialEq)]
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
    /// Main memory.
    pub memory_bytes: Option<u64>,
    /// Greatest rate of 32-bit floating-point operations, of all CPU cores together, in 10^9 a second.
    pub peak_gflops: Option<f64>,
    /// Greatest bandwidth of main memory, in 10^9 bytes a second.
    pub bandwidth_gb_s: Option<f64>,
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
    memory_bytes: Option<Spanned<u64>>,
    peak_gflops: Option<Spanned<f64>>,
    bandwidth_gb_s: Option<Spanned<f64>>,
}

/// A file under its name, for errors to point into.
struct File<'a> {
    name: &'a str,
    text: &'a str,
}

// === impl Profile ===

impl Profile {
    /// Reads a profile from the text of a file; the file's name is for errors.
    ///
    /// # Errors
    /// Names the file, the line and the key that is wrong.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ProfileError> {
        const NAME: &str = "must be lower-case letters, digits, `-` and `_`";
        const TEXT: &str = "must not be empty";
        const COUNT: &str = "must be at least 1";
        const RATE: &str = "must be a positive number";
        let filled = |text: &String| !text.trim().is_empty();
        let positive = |rate: &f64| rate.is_finite() && *rate > 0.0;
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
            memory_bytes: file.optional(
                "memory_bytes",
                raw.memory_bytes,
                |bytes| *bytes >= 1,
                COUNT,
            )?,
            peak_gflops: file.optional("peak_gflops", raw.peak_gflops, positive, RATE)?,
            bandwidth_gb_s: file.optional("bandwidth_gb_s", raw.bandwidth_gb_s, positive, RATE)?,
        })
    }
}

// === impl File ===

impl File<'_> {
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    const PROFILE: &str =
        "name = \"board\"\nsource = \"its data sheet\"\narchitecture = \"aarch64\"\n";

    fn fault(text: &str) -> String {
        Profile::parse("board.toml", text)
            .expect_err("not a profile")
            .to_string()
    }

    #[test]
    fn profile_needs_a_name_a_source_and_an_architecture_only() {
        let profile = Profile::parse("board.toml", PROFILE).expect("a profile");
        assert_eq!(
            (profile.name.as_str(), profile.source.as_str()),
            ("board", "its data sheet")
        );
        assert_eq!(profile.architecture, "aarch64");
        assert_eq!(
            (profile.cpu, profile.cores, profile.memory_bytes),
            (None, None, None)
        );
        assert_eq!((profile.peak_gflops, profile.bandwidth_gb_s), (None, None));
    }

    #[test]
    fn figures_are_read_where_they_are_given() {
        let text = "cpu = \"Cortex-A76\"\ncores = 4\nmemory_bytes = 8589934592\npeak_gflops = 76.8\nbandwidth_gb_s = 17.1";
        let profile = Profile::parse("board.toml", &format!("{PROFILE}{text}")).expect("a profile");
        assert_eq!(
            (profile.cores, profile.memory_bytes),
            (Some(4), Some(8 << 30))
        );
        assert_eq!(
            (profile.peak_gflops, profile.bandwidth_gb_s),
            (Some(76.8), Some(17.1))
        );
        assert_eq!(profile.cpu.as_deref(), Some("Cortex-A76"));
    }

    #[test]
    fn errors_name_file_line_and_key() {
        let with = |line: &str| fault(&format!("{PROFILE}{line}"));
        assert!(
            with("speed = 3").starts_with("board.toml:4: `speed`: unknown field `speed`"),
            "{}",
            with("speed = 3")
        );
        assert!(
            with("cores = \"four\"")
                .starts_with("board.toml:4: `cores`: invalid type: string \"four\"")
        );
        assert_eq!(
            with("cores = 0"),
            "board.toml:4: `cores`: must be at least 1"
        );
        assert_eq!(
            with("\npeak_gflops = -1.0"),
            "board.toml:5: `peak_gflops`: must be a positive number"
        );
        assert_eq!(
            with("cpu = \" \""),
            "board.toml:4: `cpu`: must not be empty"
        );
        assert!(
            with("cores 4").starts_with("board.toml:4: "),
            "{}",
            with("cores 4")
        );
        assert_eq!(
            fault("name = \"A board\""),
            "board.toml:1: `name`: must be lower-case letters, digits, `-` and `_`"
        );
        assert_eq!(
            fault("name = \"board\"\narchitecture = \"aarch64\""),
            "board.toml: `source` is missing"
        );
    }

    #[test]
    fn shipped_profiles_are_named_as_their_files() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../devices");
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).expect("the folder of profiles") {
            let path = entry.expect("an entry").path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let stem = path
                    .file_stem()
                    .expect("a file")
                    .to_string_lossy()
                    .into_owned();
                let text = fs::read_to_string(&path).expect("a text");
                let profile = Profile::parse(&path.to_string_lossy(), &text)
                    .unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(profile.name, stem);
                names.push(stem);
            }
        }
        names.sort();
        assert_eq!(
            names,
            [
                "generic-x86-64",
                "jetson-orin-nano",
                "raspberry-pi-4",
                "raspberry-pi-5"
            ]
        );
    }
}
