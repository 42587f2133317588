//! What can go wrong.

/// Why the predictor cannot be trained, adapted or asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HelpError {
    /// A setting is out of its range.
    #[error("`{key}` {reason}")]
    Setting {
        /// The setting.
        key: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A network is not encoded as it should be.
    #[error("network {network} {reason}")]
    Encoding {
        /// Place of the network among those given.
        network: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The reference networks are too few, or not among the networks.
    #[error("reference networks {reason}")]
    References {
        /// What is wrong with them.
        reason: String,
    },
    /// There are fewer source devices than an episode takes.
    #[error("an episode takes {needed} source devices, there are {got}")]
    TooFewDevices {
        /// Devices of an episode.
        needed: usize,
        /// Devices given.
        got: usize,
    },
    /// A source device has fewer latencies than an episode takes.
    #[error("an episode takes {needed} latencies of source device {device}, there are {got}")]
    TooFewLatencies {
        /// Place of the device among those given.
        device: usize,
        /// Latencies of an episode.
        needed: usize,
        /// Latencies of the device, without those that are trimmed.
        got: usize,
    },
    /// The latencies of a device cannot be learned from.
    #[error("{device}: {reason}")]
    Latencies {
        /// The device.
        device: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The loss is no longer a number.
    #[error("the loss became {loss} in episode {episode}")]
    Diverged {
        /// The episode, counted from 1.
        episode: usize,
        /// The loss: not a number, or infinite.
        loss: f64,
    },
    /// A prediction is no number.
    #[error("the latency of network {network} was predicted to be {latency_ms} ms")]
    NotFinite {
        /// Place of the network among those given.
        network: usize,
        /// The prediction: not a number, or infinite.
        latency_ms: f64,
    },
}
