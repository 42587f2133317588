//! The coordinator as a whole: opened from its settings and a store, then served on a listener.

use std::{
    future::Future,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bespoke_proto::{
    FILE_DESCRIPTOR_SET, MAX_MESSAGE_BYTES, fleet::v1::fleet_service_server::FleetServiceServer,
    predictor::v1::predictor_service_server::PredictorServiceServer,
    study::v1::study_service_server::StudyServiceServer,
};
use bespoke_store::Store;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::AbortHandle,
};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_web::GrpcWebLayer;

use crate::{
    Config, CoordinatorError, DataSets, Evaluators, dispatch::Dispatch, fleet::Fleet,
    predictors::Predictors, runner::Resources, service::Services, studies::Studies,
};

/// Version of Bespoke that agents must have.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs studies and the fleet.
pub struct Coordinator {
    pub(crate) services: Services,
    closing: watch::Sender<bool>,
    time: AbortHandle,
}

// === impl Coordinator ===

impl Coordinator {
    /// Opens a coordinator that trains candidates on the data sets that Bespoke reads: see [`Self::open_with`].
    ///
    /// # Errors
    /// When the store fails.
    pub fn open(config: Config, store: Arc<dyn Store>) -> Result<Self, CoordinatorError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let evaluators = DataSets::new(&config.data_dir, cores / config.trainers.max(1));
        Self::open_with(config, store, Arc::new(evaluators))
    }

    /// Opens a coordinator, and takes up the studies that were running if the settings say so. No port is opened. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the store fails.
    pub fn open_with(
        config: Config,
        store: Arc<dyn Store>,
        evaluators: Arc<dyn Evaluators>,
    ) -> Result<Self, CoordinatorError> {
        let fleet = Fleet::new(VERSION, config.lease_timeout, last_lease());
        let dispatch = Arc::new(Dispatch::new(fleet, config.lease_timeout, store.clone()));
        let predictors = Arc::new(Predictors::new(store.clone(), dispatch.clone()));
        let resources = Resources {
            dispatch: dispatch.clone(),
            store: store.clone(),
            predictors: predictors.clone(),
            evaluators,
            trainers: Arc::new(Semaphore::new(config.trainers.max(1))),
            quiet: config.quiet,
        };
        let studies = Studies::new(store, config.data_dir, Arc::new(resources));
        let studies = Arc::new(studies);
        if config.resume {
            studies.resume()?;
        }
        let (closing, closes) = watch::channel(false);
        let time = tokio::spawn({
            let dispatch = dispatch.clone();
            async move { dispatch.keep_time().await }
        });
        let heartbeat_interval = config.heartbeat_interval;
        let services = Services {
            studies,
            dispatch,
            predictors,
            heartbeat_interval,
            closing: closes,
        };
        Ok(Self {
            services,
            closing,
            time: time.abort_handle(),
        })
    }

    /// Serves until the shutdown comes; then pauses the studies, which a later coordinator takes up, and answers what
    /// is still open.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), CoordinatorError> {
        let (health, health_service) = tonic_health::server::health_reporter();
        health.set_serving::<StudyServiceServer<Services>>().await;
        health.set_serving::<FleetServiceServer<Services>>().await;
        health
            .set_serving::<PredictorServiceServer<Services>>()
            .await;
        let served = Server::builder()
            .accept_http1(true)
            .layer(GrpcWebLayer::new())
            .add_service(health_service)
            .add_service(reflection().build_v1().map_err(broken)?)
            .add_service(reflection().build_v1alpha().map_err(broken)?)
            .add_service(
                StudyServiceServer::new(self.services.clone())
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            )
            .add_service(
                FleetServiceServer::new(self.services.clone())
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            )
            .add_service(
                PredictorServiceServer::new(self.services.clone())
                    .max_decoding_message_size(MAX_MESSAGE_BYTES)
                    .max_encoding_message_size(MAX_MESSAGE_BYTES),
            )
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                shutdown.await;
                self.close().await;
            });
        served.await.map_err(broken)
    }

    /// Lets go of all who wait, and pauses the studies.
    async fn close(&self) {
        self.closing.send_replace(true);
        self.services.studies.pause_all().await;
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.time.abort();
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
}

fn broken(error: impl std::error::Error) -> CoordinatorError {
    let mut sentence = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        sentence = format!("{sentence}: {cause}");
        source = cause.source();
    }
    CoordinatorError::Broken(sentence)
}

/// Microseconds since 1970: lease ids that begin here grow from one coordinator on a machine to the next.
#[expect(
    clippy::disallowed_methods,
    reason = "an origin that survives a restart, not a duration"
)]
fn last_lease() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or_default()
}
