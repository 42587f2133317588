//! Names of studies.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A study's name: 1 to 63 letters, digits, `-`, `_` and `.`, beginning with a letter or digit. It is also the name
/// of the study's folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StudyName(String);

/// A text that cannot name a study.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` cannot name a study: a name is 1 to 63 letters, digits, `-`, `_` and `.`, beginning with a letter or digit"
)]
pub struct NameError(String);

// === impl StudyName ===

impl StudyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StudyName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.len() <= 63 && text.chars().all(inner) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(text.to_owned()))
        }
    }
}

impl fmt::Display for StudyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for StudyName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StudyName> for String {
    fn from(name: StudyName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_folder_are_refused() {
        for bad in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a b",
            "-a",
            "é",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<StudyName>().is_err(), "{bad}");
        }
        assert_eq!(
            "pi-4_v1.2".parse::<StudyName>().map(String::from),
            Ok("pi-4_v1.2".to_owned())
        );
    }
}
