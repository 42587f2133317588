//! Studies.

use bespoke_proto::{
    ConvertError, MAX_MESSAGE_BYTES,
    study::v1::{ListStudiesRequest, study_service_client::StudyServiceClient},
};
use bespoke_study::{Event, FrontEntry, Study, StudyName, Submission, Trial, TrialId};
use futures::{Stream, StreamExt};
use tonic::transport::Channel;

use crate::{
    ClientError,
    connection::{Connection, request},
};

/// Starts studies, tells how they go and what they found.
#[derive(Debug, Clone)]
pub struct StudyClient {
    connection: Connection,
    service: StudyServiceClient<Channel>,
}

/// One network of a front, and where the coordinator keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontNetwork {
    /// What it is and how good.
    pub entry: FrontEntry,
    /// Path of its ONNX file on the coordinator's machine; [`StudyClient::network`] gives the file itself.
    pub onnx: String,
}

// === impl StudyClient ===

/// All fail when the coordinator cannot be reached, refuses, or answers nonsense.
impl StudyClient {
    /// Connects to a coordinator at `http://HOST:PORT`.
    pub async fn connect(url: &str) -> Result<Self, ClientError> {
        let connection = Connection::open(url).await?;
        let service = StudyServiceClient::new(connection.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(Self {
            connection,
            service,
        })
    }

    /// Hands in a study and starts it, or goes on with it.
    pub async fn create(&self, submission: &Submission) -> Result<Study, ClientError> {
        let mut service = self.service.clone();
        let response = service.create_study(request(submission.clone())).await;
        self.connection.answer(response)
    }

    /// One study.
    pub async fn get(&self, name: &StudyName) -> Result<Study, ClientError> {
        let mut service = self.service.clone();
        self.connection
            .answer(service.get_study(request(name.clone())).await)
    }

    /// All studies, by name.
    pub async fn list(&self) -> Result<Vec<Study>, ClientError> {
        let mut service = self.service.clone();
        self.connection
            .answer(service.list_studies(ListStudiesRequest {}).await)
    }

    /// Everything that happens in a study: first each of its trials as it stands, then the study, then every change.
    /// Ends when the study no longer runs.
    pub async fn watch(
        &self,
        name: &StudyName,
    ) -> Result<impl Stream<Item = Result<Event, ClientError>> + Send + Unpin + use<>, ClientError>
    {
        let mut service = self.service.clone();
        let response = service.watch_study(request(name.clone())).await;
        let events = self.connection.received(response)?;
        let connection = self.connection.clone();
        Ok(events.map(move |event| match event {
            Ok(message) => connection.convert(message),
            Err(status) => Err(connection.failed(status)),
        }))
    }

    /// Stops a study for good and gives it as it ended.
    pub async fn cancel(&self, name: &StudyName) -> Result<Study, ClientError> {
        let mut service = self.service.clone();
        self.connection
            .answer(service.cancel_study(request(name.clone())).await)
    }

    /// All trials of a study, by number.
    pub async fn trials(&self, name: &StudyName) -> Result<Vec<Trial>, ClientError> {
        let mut service = self.service.clone();
        self.connection
            .answer(service.list_trials(request(name.clone())).await)
    }

    /// The networks that no other beats, fastest first on the first target.
    pub async fn front(&self, name: &StudyName) -> Result<Vec<FrontNetwork>, ClientError> {
        let mut service = self.service.clone();
        let response = service.get_front(request(name.clone())).await;
        let entries: Vec<(Trial, String, Vec<TrialId>)> = self.connection.answer(response)?;
        let networks = entries.into_iter().map(|entry| self.front_network(entry));
        networks.collect()
    }

    fn front_network(
        &self,
        (trial, onnx, tied_with): (Trial, String, Vec<TrialId>),
    ) -> Result<FrontNetwork, ClientError> {
        let incomplete = || {
            self.connection.malformed(ConvertError {
                field: "entries.trial.state".to_owned(),
                reason: format!("must be complete, is {}", trial.state().word()),
            })
        };
        let entry = FrontEntry::of(&trial, tied_with).ok_or_else(incomplete)?;
        Ok(FrontNetwork { entry, onnx })
    }

    /// A trained network that stands on the front, as an ONNX file.
    pub async fn network(&self, name: &StudyName, trial: TrialId) -> Result<Vec<u8>, ClientError> {
        let mut service = self.service.clone();
        let response = service.get_network(request((name.clone(), trial))).await;
        Ok(self.connection.received(response)?.onnx)
    }
}
