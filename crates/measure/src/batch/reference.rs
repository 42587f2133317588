//! What the machine was like beside the turns: the reference networks.

use super::FASTEST;
use crate::{quantile, statistics::quantile_of_sorted};

/// Milliseconds of the reference networks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceMs {
    /// Of the one that mostly computes.
    pub compute: f64,
    /// Of the one that mostly reads its weights from memory, where there is one.
    pub memory: Option<f64>,
}

/// What the references' turns said.
#[derive(Debug)]
pub(super) struct Reference {
    compute: Gauge,
    memory: Gauge,
    pub(super) last_ms: Option<ReferenceMs>,
    /// Whether its last turn came after the last one of a network.
    pub(super) fresh: bool,
}

/// The turns of one reference.
#[derive(Debug)]
struct Gauge {
    /// Its quiet latency in an earlier batch.
    earlier_ms: Option<f64>,
    /// In ascending order.
    readings_ms: Vec<f64>,
}

// === impl Reference ===

impl Reference {
    pub(super) fn new(quiet: Option<ReferenceMs>) -> Self {
        Self {
            compute: Gauge::new(quiet.map(|quiet| quiet.compute)),
            memory: Gauge::new(quiet.and_then(|quiet| quiet.memory)),
            last_ms: None,
            fresh: false,
        }
    }

    pub(super) fn took(&mut self, compute_ms: &[f64], memory_ms: Option<&[f64]>) -> ReferenceMs {
        let last = ReferenceMs {
            compute: self.compute.took(compute_ms),
            memory: memory_ms.map(|samples_ms| self.memory.took(samples_ms)),
        };
        self.last_ms = Some(last);
        self.fresh = true;
        last
    }

    /// On the machine left alone, as far as it is known; none before the first turn.
    pub(super) fn quiet_ms(&self) -> Option<ReferenceMs> {
        Some(ReferenceMs {
            compute: self.compute.quiet_ms()?,
            memory: self.memory.quiet_ms(),
        })
    }
}

// === impl Gauge ===

impl Gauge {
    fn new(earlier_ms: Option<f64>) -> Self {
        Self {
            earlier_ms,
            readings_ms: Vec::new(),
        }
    }

    fn took(&mut self, samples_ms: &[f64]) -> f64 {
        let reading = quantile(samples_ms, FASTEST);
        let readings = &mut self.readings_ms;
        readings.insert(
            readings.partition_point(|earlier| *earlier < reading),
            reading,
        );
        reading
    }

    fn quiet_ms(&self) -> Option<f64> {
        let now = (!self.readings_ms.is_empty())
            .then(|| quantile_of_sorted(&self.readings_ms, FASTEST))?;
        Some(self.earlier_ms.map_or(now, |earlier| earlier.min(now)))
    }
}
