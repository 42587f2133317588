//! Requests and responses.

use bespoke_study::{Source, Study, StudyName, Submission, Trial, TrialId};

use crate::{
    convert::{ConvertError, nested, parsed, required, text, wraps_list, wraps_one},
    study::v1 as wire,
};

wraps_one!(wire::CreateStudyResponse { study } with Study);
wraps_one!(wire::GetStudyResponse { study } with Study);
wraps_one!(wire::CancelStudyResponse { study } with Study);
wraps_list!(wire::ListStudiesResponse { studies } with Study);
wraps_list!(wire::ListTrialsResponse { trials } with Trial);
wraps_list!(wire::GetFrontResponse { entries } with (Trial, String, Vec<TrialId>));

/// Conversions of a request that only names a study.
macro_rules! names_a_study {
    ($($request:ty),*) => {$(
        impl From<StudyName> for $request {
            fn from(name: StudyName) -> Self {
                Self { name: name.into() }
            }
        }

        impl TryFrom<$request> for StudyName {
            type Error = ConvertError;

            fn try_from(message: $request) -> Result<Self, Self::Error> {
                parsed("name", &message.name)
            }
        }
    )*};
}

names_a_study!(
    wire::GetStudyRequest,
    wire::WatchStudyRequest,
    wire::CancelStudyRequest,
    wire::ListTrialsRequest,
    wire::GetFrontRequest
);

// === CreateStudyRequest ===

impl From<Submission> for wire::CreateStudyRequest {
    fn from(submission: Submission) -> Self {
        Self {
            study: Some(submission.study.into()),
            space: Some(submission.space.into()),
        }
    }
}

/// The study file, and the space file unless the study names a shipped space.
impl TryFrom<wire::CreateStudyRequest> for (Source, Option<Source>) {
    type Error = ConvertError;

    fn try_from(message: wire::CreateStudyRequest) -> Result<Self, Self::Error> {
        let space = message.space.map(|space| nested("space", space));
        Ok((required("study", message.study)?, space.transpose()?))
    }
}

// === GetNetworkRequest ===

impl From<(StudyName, TrialId)> for wire::GetNetworkRequest {
    fn from((name, TrialId(trial_id)): (StudyName, TrialId)) -> Self {
        Self {
            name: name.into(),
            trial_id,
        }
    }
}

impl TryFrom<wire::GetNetworkRequest> for (StudyName, TrialId) {
    type Error = ConvertError;

    fn try_from(message: wire::GetNetworkRequest) -> Result<Self, Self::Error> {
        Ok((parsed("name", &message.name)?, TrialId(message.trial_id)))
    }
}

// === FrontEntry: a complete trial, where its ONNX file is, and the trials that it is tied with ===

impl From<(Trial, String, Vec<TrialId>)> for wire::FrontEntry {
    fn from((trial, onnx, tied_with): (Trial, String, Vec<TrialId>)) -> Self {
        Self {
            trial: Some(trial.into()),
            onnx,
            tied_with: tied_with.into_iter().map(|trial| trial.0).collect(),
        }
    }
}

impl TryFrom<wire::FrontEntry> for (Trial, String, Vec<TrialId>) {
    type Error = ConvertError;

    fn try_from(message: wire::FrontEntry) -> Result<Self, Self::Error> {
        let trial: Trial = required("trial", message.trial)?;
        if trial.accuracy().is_none() {
            let reason = format!("must be complete, is {}", trial.state().word());
            return Err(ConvertError::new("trial.state", reason));
        }
        let tied_with = message.tied_with.into_iter().map(TrialId);
        Ok((trial, text("onnx", message.onnx)?, tied_with.collect()))
    }
}
