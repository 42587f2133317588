//! Zero-cost scores: what tells good networks from bad ones without training them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::RecipeError;

/// A score of a network that was not trained. Of all of them more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ScoreName {
    /// Number of trainable parameters.
    Parameters,
    /// Multiply-accumulates for one sample.
    Flops,
    /// Sum of the norms of the loss's gradients (Abdelfattah et al. 2021).
    GradNorm,
    /// Sum of |weight · gradient| (Lee et al. 2019).
    Snip,
    /// How much of the gradient's flow the weights keep (Wang et al. 2020).
    Grasp,
    /// Sum of squared activation · gradient by channel (Theis et al. 2018, Turner et al. 2020).
    Fisher,
    /// Sum of |weight · gradient| of the output for an input of ones (Tanaka et al. 2020).
    Synflow,
    /// How little the inputs' gradients of different images are correlated (Mellor et al. 2020).
    JacobCov,
    /// Log-determinant of how differently rectifiers see different images (Mellor et al. 2021).
    Naswot,
    /// Sensitivity to Gaussian inputs (Lin et al. 2021).
    Zen,
    /// Maximum-entropy score of MAE-NAS (Sun et al. 2022).
    Entropy,
}

/// How candidates are judged that are not trained: by a score, or by the vote of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroCost {
    /// The score, or those that vote.
    pub score: Scores,
    /// Training images that a score looks at, where it looks at any.
    #[serde(default = "usual_batch_size")]
    pub batch_size: usize,
}

/// One score's name, or a list of several names, each at most once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "OneOrMore", into = "OneOrMore")]
pub struct Scores(Vec<ScoreName>);

/// A name that is no score's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no score `{0}`; there are {names}", names = ScoreName::ALL.map(ScoreName::name).join(", "))]
pub struct UnknownScore(String);

/// Names that are no list of scores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoresError {
    /// There is none.
    #[error("the list of scores is empty")]
    Empty,
    /// A name stands twice.
    #[error("the score `{0}` stands twice")]
    Twice(ScoreName),
}

/// How scores stand in files.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "a score's name, or a list of names")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Images that Abdelfattah et al. look at.
fn usual_batch_size() -> usize {
    64
}

// === impl ScoreName ===

impl ScoreName {
    /// Every score.
    pub const ALL: [Self; 11] = [
        Self::Parameters,
        Self::Flops,
        Self::GradNorm,
        Self::Snip,
        Self::Grasp,
        Self::Fisher,
        Self::Synflow,
        Self::JacobCov,
        Self::Naswot,
        Self::Zen,
        Self::Entropy,
    ];

    /// The name as it stands in study files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Flops => "flops",
            Self::GradNorm => "grad_norm",
            Self::Snip => "snip",
            Self::Grasp => "grasp",
            Self::Fisher => "fisher",
            Self::Synflow => "synflow",
            Self::JacobCov => "jacob_cov",
            Self::Naswot => "naswot",
            Self::Zen => "zen",
            Self::Entropy => "entropy",
        }
    }

    /// Whether it looks at images.
    pub fn needs_data(self) -> bool {
        match self {
            Self::GradNorm
            | Self::Snip
            | Self::Grasp
            | Self::Fisher
            | Self::JacobCov
            | Self::Naswot => true,
            Self::Parameters | Self::Flops | Self::Synflow | Self::Zen | Self::Entropy => false,
        }
    }
}

impl fmt::Display for ScoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ScoreName {
    type Err = UnknownScore;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|score| score.name() == text);
        found.ok_or_else(|| UnknownScore(text.to_owned()))
    }
}

impl TryFrom<String> for ScoreName {
    type Error = UnknownScore;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ScoreName> for String {
    fn from(score: ScoreName) -> Self {
        score.name().to_owned()
    }
}

// === impl Scores ===

impl Scores {
    /// A list of scores.
    ///
    /// # Errors
    /// When it is empty or one stands twice.
    pub fn new(names: Vec<ScoreName>) -> Result<Self, ScoresError> {
        if names.is_empty() {
            return Err(ScoresError::Empty);
        }
        let is_second = |(at, name): &(usize, &ScoreName)| names[..*at].contains(name);
        match names.iter().enumerate().find(is_second) {
            Some((_, name)) => Err(ScoresError::Twice(*name)),
            None => Ok(Self(names)),
        }
    }

    /// The scores, at least one, in the order of the file.
    pub fn names(&self) -> &[ScoreName] {
        &self.0
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => one.fmt(f),
            more => {
                let names: Vec<&str> = more.iter().map(|name| name.name()).collect();
                write!(f, "vote of {}", names.join(", "))
            }
        }
    }
}

impl TryFrom<OneOrMore> for Scores {
    type Error = String;

    fn try_from(raw: OneOrMore) -> Result<Self, Self::Error> {
        let names = match raw {
            OneOrMore::One(name) => vec![name],
            OneOrMore::More(names) => names,
        };
        let names: Result<Vec<ScoreName>, UnknownScore> =
            names.iter().map(|name| name.parse()).collect();
        let names = names.map_err(|error| error.to_string())?;
        Self::new(names).map_err(|error| error.to_string())
    }
}

impl From<Scores> for OneOrMore {
    fn from(scores: Scores) -> Self {
        match scores.0.as_slice() {
            [one] => Self::One(one.name().to_owned()),
            more => Self::More(more.iter().map(|name| name.name().to_owned()).collect()),
        }
    }
}

// === impl ZeroCost ===

impl ZeroCost {
    /// These scores on as many images as is usual.
    pub fn new(score: Scores) -> Self {
        Self {
            score,
            batch_size: usual_batch_size(),
        }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// Names the first setting that is out of range.
    pub fn check(&self) -> Result<(), RecipeError> {
        crate::in_range("batch_size", self.batch_size as f64, 2.0, 4096.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ZeroCost, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_score_or_a_list_of_scores_is_read() {
        let one = read("score = \"synflow\"").expect("it is a score");
        assert_eq!(one.score.names(), [ScoreName::Synflow]);
        assert_eq!(one.batch_size, 64);
        let more = read("score = [\"synflow\", \"naswot\"]\nbatch_size = 8").expect("they are");
        assert_eq!(more.score.to_string(), "vote of synflow, naswot");
        let text = toml::to_string(&more).expect("it can be written");
        assert_eq!(read(&text), Ok(more));
    }

    #[test]
    fn what_is_no_list_of_scores_is_refused_with_the_reason() {
        let refused = |text: &str| read(text).expect_err("it is faulty");
        assert!(refused("score = \"synflo\"").starts_with("there is no score `synflo`; there are"));
        assert_eq!(refused("score = []"), "the list of scores is empty");
        assert_eq!(
            refused("score = [\"zen\", \"zen\"]"),
            "the score `zen` stands twice"
        );
        assert!(refused("score = \"zen\"\nbatch = 3").contains("batch"));
    }

    #[test]
    fn names_round_trip() {
        for score in ScoreName::ALL {
            assert_eq!(score.to_string().parse(), Ok(score));
        }
    }

    #[test]
    fn one_image_cannot_be_told_from_another() {
        let single = read("score = \"naswot\"\nbatch_size = 1").expect("it can be read");
        assert_eq!(
            single.check().expect_err("one image").to_string(),
            "`batch_size` must be between 2 and 4096, got 1"
        );
    }
}
