//! Wall time spent on a study.

use std::time::Duration;

use tokio::time::Instant;

/// What earlier runs of a study took, and this run.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    before: Duration,
    started: Instant,
}

impl Clock {
    /// A run that starts now.
    pub fn start(before: Duration) -> Self {
        Self {
            before,
            started: Instant::now(),
        }
    }

    /// Time spent over all runs.
    pub fn elapsed(self) -> Duration {
        self.before + self.started.elapsed()
    }

    /// Waits until the minutes of the budget are spent; forever if there is no such budget.
    pub async fn spent(self, minutes: Option<f64>) {
        match self.deadline(minutes) {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    }

    fn deadline(self, minutes: Option<f64>) -> Option<Instant> {
        let budget = Duration::try_from_secs_f64(minutes? * 60.0).ok()?;
        self.started.checked_add(budget.saturating_sub(self.before))
    }
}
