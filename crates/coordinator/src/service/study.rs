//! The study service.

use bespoke_proto::study::v1::{
    CancelStudyRequest, CancelStudyResponse, CreateStudyRequest, CreateStudyResponse,
    GetFrontRequest, GetFrontResponse, GetNetworkRequest, GetNetworkResponse, GetStudyRequest,
    GetStudyResponse, ListStudiesRequest, ListStudiesResponse, ListTrialsRequest,
    ListTrialsResponse, WatchStudyRequest, WatchStudyResponse, study_service_server::StudyService,
};
use bespoke_study::{Source, StudyName, TrialId};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use tonic::{Request, Response, Status};

use super::Services;
use crate::watcher;

#[tonic::async_trait]
impl StudyService for Services {
    type WatchStudyStream = BoxStream<'static, Result<WatchStudyResponse, Status>>;

    async fn create_study(
        &self,
        request: Request<CreateStudyRequest>,
    ) -> Result<Response<CreateStudyResponse>, Status> {
        let (study, space): (Source, Option<Source>) = request.into_inner().try_into()?;
        let study = self.studies.create(study, space).await?;
        Ok(Response::new(study.into()))
    }

    async fn get_study(
        &self,
        request: Request<GetStudyRequest>,
    ) -> Result<Response<GetStudyResponse>, Status> {
        let name: StudyName = request.into_inner().try_into()?;
        Ok(Response::new(self.studies.get(&name)?.into()))
    }

    async fn list_studies(
        &self,
        _request: Request<ListStudiesRequest>,
    ) -> Result<Response<ListStudiesResponse>, Status> {
        Ok(Response::new(self.studies.list()?.into()))
    }

    async fn watch_study(
        &self,
        request: Request<WatchStudyRequest>,
    ) -> Result<Response<Self::WatchStudyStream>, Status> {
        let name: StudyName = request.into_inner().try_into()?;
        let events = watcher::watch(self.studies.clone(), name)?;
        Ok(Response::new(
            events.map_ok(Into::into).map_err(Into::into).boxed(),
        ))
    }

    async fn cancel_study(
        &self,
        request: Request<CancelStudyRequest>,
    ) -> Result<Response<CancelStudyResponse>, Status> {
        let name: StudyName = request.into_inner().try_into()?;
        Ok(Response::new(self.studies.cancel(&name).await?.into()))
    }

    async fn list_trials(
        &self,
        request: Request<ListTrialsRequest>,
    ) -> Result<Response<ListTrialsResponse>, Status> {
        let name: StudyName = request.into_inner().try_into()?;
        Ok(Response::new(self.studies.trials(&name)?.into()))
    }

    async fn get_front(
        &self,
        request: Request<GetFrontRequest>,
    ) -> Result<Response<GetFrontResponse>, Status> {
        let name: StudyName = request.into_inner().try_into()?;
        Ok(Response::new(self.studies.front(&name)?.into()))
    }

    async fn get_network(
        &self,
        request: Request<GetNetworkRequest>,
    ) -> Result<Response<GetNetworkResponse>, Status> {
        let (name, trial): (StudyName, TrialId) = request.into_inner().try_into()?;
        let onnx = self.studies.network(&name, trial).await?;
        Ok(Response::new(GetNetworkResponse { onnx }))
    }
}
