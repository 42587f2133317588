//! Settings of a coordinator.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::sync::RwLock;

/// Settings of a coordinator.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the studies' files; made when the first is written.
    pub data_dir: PathBuf,
    /// Whether the studies are taken up that were running when the last coordinator on the store ended.
    pub resume: bool,
    /// How many networks are trained at the same time.
    pub trainers: usize,
    /// Read-locked by each training for the time of an epoch. An agent in the same program that write-locks it while
    /// it measures has the machine to itself.
    pub quiet: Arc<RwLock<()>>,
    /// A lease without heartbeat for this long ends.
    pub lease_timeout: Duration,
    /// How often agents are told to send one.
    pub heartbeat_interval: Duration,
}

impl Config {
    /// Settings with a folder and defaults: studies are taken up, a training on each core, leases of 30 seconds, a heartbeat every 5.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            resume: true,
            trainers: std::thread::available_parallelism().map_or(1, usize::from),
            quiet: Arc::default(),
            lease_timeout: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(5),
        }
    }
}
