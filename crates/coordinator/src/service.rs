//! The gRPC services: each function converts on its first and last line, and everything between speaks the domain.

mod fleet;
mod predictor;
mod study;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{CoordinatorError, dispatch::Dispatch, predictors::Predictors, studies::Studies};

/// What the services work on.
#[derive(Clone)]
pub(crate) struct Services {
    pub studies: Arc<Studies>,
    pub dispatch: Arc<Dispatch>,
    pub predictors: Arc<Predictors>,
    pub heartbeat_interval: Duration,
    /// True when the server is about to end: nobody may wait any longer.
    pub closing: watch::Receiver<bool>,
}

// === impl Services ===

impl Services {
    /// Waits for the work, but not past the end of the server.
    async fn while_open<T>(
        &self,
        work: impl Future<Output = Result<T, CoordinatorError>>,
    ) -> Result<T, CoordinatorError> {
        let mut closing = self.closing.clone();
        tokio::select! {
            outcome = work => outcome,
            _ = closing.wait_for(|closing| *closing) => Err(CoordinatorError::Closing),
        }
    }
}
