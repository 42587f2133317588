//! Studies, trials and what happens to them.

mod event;
mod messages;
mod trial;

use std::num::NonZeroU32;

use bespoke_study::{Ending, Source, Study, StudyState, Submission};

use super::{
    ConvertError, duration, enumeration, parsed, positive, required, text, to_duration, unspecified,
};
use crate::study::v1 as wire;

pub(super) use trial::{estimate, price_source};

// === Source ===

impl From<Source> for wire::Source {
    fn from(source: Source) -> Self {
        let Source { file, text } = source;
        Self { file, text }
    }
}

impl TryFrom<wire::Source> for Source {
    type Error = ConvertError;

    fn try_from(message: wire::Source) -> Result<Self, Self::Error> {
        Ok(Self {
            file: text("file", message.file)?,
            // An empty file is a file; reading it will say what is missing.
            text: message.text,
        })
    }
}

// === Study ===

impl From<Study> for wire::Study {
    /// The name is that in the study file, and empty should the file no longer be readable.
    fn from(study: Study) -> Self {
        let name = study.spec().map(|spec| spec.name.into());
        let (state, ending, reason) = split(study.state);
        Self {
            name: name.unwrap_or_default(),
            study: Some(study.submission.study.into()),
            space: Some(study.submission.space.into()),
            state: state.into(),
            reason,
            ending: ending.into(),
            target_fingerprints: study.targets.iter().map(ToString::to_string).collect(),
            elapsed: Some(to_duration(study.elapsed)),
            predictor_versions: study.predictors.iter().map(|v| v.get()).collect(),
        }
    }
}

/// The state's name on the wire, why it ended, and the reason as a sentence.
fn split(state: StudyState) -> (wire::StudyState, wire::Ending, String) {
    let none = wire::Ending::Unspecified;
    match state {
        StudyState::Running => (wire::StudyState::Running, none, String::new()),
        StudyState::Complete { ending } => {
            let reason = ending.to_string();
            (wire::StudyState::Complete, ending.into(), reason)
        }
        StudyState::Failed { reason } => (wire::StudyState::Failed, none, reason),
    }
}

impl TryFrom<wire::Study> for Study {
    type Error = ConvertError;

    fn try_from(message: wire::Study) -> Result<Self, Self::Error> {
        let state = state(&message)?;
        let target = |(index, text): (usize, &String)| {
            parsed(&format!("target_fingerprints[{index}]"), text)
        };
        let targets = message.target_fingerprints.iter().enumerate().map(target);
        let study = Self {
            targets: targets.collect::<Result<_, _>>()?,
            submission: Submission {
                study: required("study", message.study)?,
                space: required("space", message.space)?,
            },
            state,
            predictors: versions(message.predictor_versions)?,
            elapsed: duration("elapsed", message.elapsed)?,
        };
        // A file that this version cannot read is the reader's to report; it does not make the message wrong.
        match study.spec() {
            Ok(spec) if spec.name.as_str() != message.name => {
                let reason = format!("is not the name in the study file, `{}`", spec.name);
                Err(ConvertError::new("name", reason))
            }
            _ => Ok(study),
        }
    }
}

fn versions(versions: Vec<u32>) -> Result<Vec<NonZeroU32>, ConvertError> {
    let versions = versions.into_iter().enumerate();
    versions
        .map(|(index, version)| positive(&format!("predictor_versions[{index}]"), version))
        .collect()
}

fn state(message: &wire::Study) -> Result<StudyState, ConvertError> {
    Ok(match enumeration("state", message.state)? {
        wire::StudyState::Running => StudyState::Running,
        wire::StudyState::Complete => {
            let ending: wire::Ending = enumeration("ending", message.ending)?;
            StudyState::Complete {
                ending: ending.try_into()?,
            }
        }
        wire::StudyState::Failed => {
            let reason = message.reason.clone();
            StudyState::Failed { reason }
        }
        wire::StudyState::Unspecified => return Err(unspecified("state")),
    })
}

// === Ending ===

impl From<Ending> for wire::Ending {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Trials => Self::Trials,
            Ending::Time => Self::Time,
            Ending::Exhausted => Self::Exhausted,
            Ending::Cancelled => Self::Cancelled,
        }
    }
}

impl TryFrom<wire::Ending> for Ending {
    type Error = ConvertError;

    fn try_from(ending: wire::Ending) -> Result<Self, Self::Error> {
        match ending {
            wire::Ending::Trials => Ok(Self::Trials),
            wire::Ending::Time => Ok(Self::Time),
            wire::Ending::Exhausted => Ok(Self::Exhausted),
            wire::Ending::Cancelled => Ok(Self::Cancelled),
            wire::Ending::Unspecified => Err(unspecified("ending")),
        }
    }
}

#[cfg(test)]
mod tests;
