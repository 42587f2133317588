//! Predictors as they are kept: what they were learned from, from which they are built again.

use bespoke_predict::Prior;
use bespoke_study::{PredictorInfo, Source};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The format of predictors that this version writes, and the only one that it reads. What a prior's numbers mean, and
/// which networks a space's strings stand for, is part of it.
pub(crate) const FORMAT: u32 = 1;

/// One version of a target's predictor. Adaptation is quick and has one outcome, so that what it learns from is kept
/// and not what it learns.
///
/// It is the same in a store and in a file of its own: see [`StoredPredictor::to_json`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPredictor {
    /// What is told of it, its samples among others.
    pub info: PredictorInfo,
    /// The file of the space that its samples are of.
    pub space: Source,
    /// What was believed of the target before it was measured.
    pub prior: Prior,
}

/// Why a text is no predictor.
#[derive(Debug, thiserror::Error)]
pub enum PredictorTextError {
    /// It was written by another version of Bespoke.
    #[error(
        "a predictor of format {found}, where this version of bespoke reads format {supported}: adapt the predictor \
         anew"
    )]
    Format {
        /// Its format.
        found: u32,
        /// The format that this version reads.
        supported: u32,
    },
    /// It is something else.
    #[error("not a predictor that `bespoke predictor adapt` wrote: {0}")]
    Content(#[from] serde_json::Error),
}

/// A predictor behind the number of its format.
#[derive(Serialize, Deserialize)]
pub(crate) struct Formatted<P> {
    pub format: u32,
    pub predictor: P,
}

/// The number alone, whatever follows.
#[derive(Deserialize)]
pub(crate) struct Format {
    pub format: u32,
}

// === impl StoredPredictor ===

impl StoredPredictor {
    /// The predictor as a text, which [`StoredPredictor::from_json`] reads.
    ///
    /// # Errors
    /// When a number in it is not finite.
    pub fn to_json(&self) -> Result<String, PredictorTextError> {
        let formatted = Formatted {
            format: FORMAT,
            predictor: self,
        };
        let text = serde_json::to_string(&formatted)?;
        // JSON writes a number that is not finite as `null`; better to fail now than when it is needed.
        Self::from_json(&text)?;
        Ok(text)
    }

    /// The predictor of a text.
    ///
    /// # Errors
    /// When it is none, or one of another format.
    pub fn from_json(text: &str) -> Result<Self, PredictorTextError> {
        let Format { format } = read(text)?;
        if format != FORMAT {
            return Err(PredictorTextError::Format {
                found: format,
                supported: FORMAT,
            });
        }
        let Formatted { predictor, .. } = read(text)?;
        Ok(predictor)
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, PredictorTextError> {
    Ok(serde_json::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::predictor;

    #[test]
    fn a_predictor_comes_back_from_its_text_to_the_last_bit() {
        let known = predictor(1, 1);
        let text = known.to_json().expect("finite numbers");
        assert_eq!(StoredPredictor::from_json(&text).expect("it is one"), known);
    }

    #[test]
    fn a_text_that_is_no_predictor_is_refused() {
        for text in ["", "{}", "{\"format\":1,\"predictor\":{}}"] {
            let error = StoredPredictor::from_json(text).expect_err("it is none");
            assert!(matches!(error, PredictorTextError::Content(_)), "{error}");
        }
        let later = "{\"format\":2,\"predictor\":{}}";
        let error = StoredPredictor::from_json(later).expect_err("it is of another format");
        let (found, supported) = (2, FORMAT);
        assert_eq!(
            error.to_string(),
            PredictorTextError::Format { found, supported }.to_string()
        );
    }
}
