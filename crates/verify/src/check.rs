//! A published figure and what became of it.

use std::fmt;

use serde::Serialize;

/// A published figure, held against what is derived here.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is counted or computed.
    pub name: String,
    /// Who published the figure: a paper or a repository.
    pub source: &'static str,
    /// The figure.
    pub expected: Figure,
    /// How far a number may be away from it, for instance by half of the last digit that was published. 0 for all that
    /// is exact.
    pub tolerance: f64,
    /// What came out, or why nothing did.
    pub got: Result<Figure, String>,
}

/// What a check is about.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// A count.
    Whole(u64),
    /// A number that has fractions.
    Number(f64),
    /// A list, or a count of more than 64 bits in decimal.
    Text(String),
}

// === impl Check ===

impl Check {
    /// A figure that has to come out exactly.
    pub(crate) fn exact<F: Into<Figure>>(
        name: impl Into<String>,
        source: &'static str,
        expected: F,
        got: Result<F, String>,
    ) -> Self {
        Self {
            name: name.into(),
            source,
            expected: expected.into(),
            tolerance: 0.0,
            got: got.map(Into::into),
        }
    }

    /// A number that was published to so many digits.
    pub(crate) fn near(
        name: impl Into<String>,
        source: &'static str,
        (expected, tolerance): (f64, f64),
        got: Result<f64, String>,
    ) -> Self {
        Self {
            tolerance,
            ..Self::exact(name, source, expected, got)
        }
    }

    /// Whether what came out is what was published.
    pub fn holds(&self) -> bool {
        match (&self.expected, &self.got) {
            (Figure::Number(expected), Ok(Figure::Number(got))) => {
                (expected - got).abs() <= self.tolerance
            }
            (expected, Ok(got)) => expected == got,
            (_, Err(_)) => false,
        }
    }
}

// === impl Figure ===

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(count) => count.fmt(f),
            // Small numbers with an exponent.
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<u64> for Figure {
    fn from(count: u64) -> Self {
        Self::Whole(count)
    }
}

impl From<f64> for Figure {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Figure {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hold_within_the_tolerance_and_nothing_else_does() {
        let near = |got| Check::near("a", "b", (1.0, 0.25), got).holds();
        assert!(near(Ok(1.25)) && near(Ok(0.75)));
        assert!(!near(Ok(1.3)) && !near(Ok(f64::NAN)) && !near(Err("gone".to_owned())));
        let exact = |got| Check::exact("a", "b", 7, Ok(got)).holds();
        assert!(exact(7) && !exact(8));
        let listed = Check::exact("a", "b", "1, 2".to_owned(), Ok("1, 3".to_owned()));
        assert!(!listed.holds());
    }
}
