//! A latency from what a device's vendor says, with nothing measured: the roofline (Williams, Waterman and Patterson,
//! 2009), and on devices with a systolic array the cycles of SCALE-Sim's closed form (Samajdar et al., 2018,
//! arXiv:1811.02883).
//!
//! # Equation
//! The operators of the live graph run one after the other:
//!
//! ```text
//! latency = Σ max(compute, memory) + launch
//! compute = operations / (P · threads / cores)      or, for a matrix product on a systolic array,
//!         = G · (2R + C + T − 2) · ⌈S_R / R⌉ · ⌈S_C / C⌉ / f
//! memory  = bytes / M
//! ```
//!
//! | symbol | meaning | from |
//! | --- | --- | --- |
//! | `operations` | 2 for each multiply-accumulate of a convolution, linear layer or matrix product; 1 for each position of each window of a pooling; none to join and to transpose; 1 for each element read of all else | graph, batch |
//! | `bytes` | what the operator reads and writes: its inputs and its value for each sample, its parameters once | graph, batch, precision |
//! | `P` | operations a second of all cores | `peak_gflops` |
//! | `threads / cores` | the share of the cores that the target may use, at most 1; 1 if the profile does not know the cores | target, `cores` |
//! | `M` | bytes a second between chip and memory | `bandwidth_gb_s` |
//! | `launch` | what an operator costs beside its work | `launch_us`, 0 if not given |
//! | `R`, `C`, `f` | rows, columns and clock of the array | `[systolic]` |
//! | `S_R`, `S_C`, `T` | lengths of the product that lie along the rows, along the columns, and in time | graph, batch, `dataflow` |
//! | `G` | groups of a convolution, or products that a batched one consists of | graph |
//!
//! A convolution is the product of `[pixels, window]` and `[window, filters]`, where a window is `channels / groups ·
//! height · width` long, there are as many pixels as the output has for the whole batch, and `filters` are those of
//! one group:
//!
//! | dataflow | `S_R` | `S_C` | `T` |
//! | --- | --- | --- | --- |
//! | weight stationary | window | filters | pixels |
//! | output stationary | pixels | filters | window |
//! | input stationary | window | pixels | filters |
//!
//! # Why each term exists
//! - The larger of compute and memory, as a processor fetches the next operands while it works on the last ones.
//! - The launch, as small operators take longer than either would say: it is what makes deep and narrow networks slow.
//! - The two ceilings, as a product is cut into pieces of the array's size and the last piece leaves units idle.
//! - `2R + C − 2`, as operands walk in, and sums out, along the array's edges while most units wait.
//! - `G`, as groups share nothing and so run after each other: the one filter of a depthwise convolution's group uses
//!   one column (or, input stationary, one step of time) and leaves all others idle. This is what DRACO (Jha et al.,
//!   2020, arXiv:2006.15103) trades channels against.
//!
//! # What it does not know
//! Caches, and operators that a runtime merges: of these only a batch normalisation behind a convolution or linear
//! layer counts as merged, since networks are measured with it folded away. Peaks are rarely reached, so its
//! milliseconds are a rank of networks rather than what a clock will show.

mod systolic;
mod work;

use bespoke_device::{Profile, Systolic, TargetSpec};
use bespoke_graph::{Graph, NodeId};

use work::Work;

/// The analytical model of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Analytical {
    batch: f64,
    bytes_per_value: f64,
    /// Operations a millisecond; absent if only the array's are known.
    peak: Option<f64>,
    bytes_per_ms: f64,
    launch_ms: f64,
    systolic: Option<Systolic>,
}

/// Where the latency of a network comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Breakdown {
    /// The operators of the live graph that do something, in the order in which they run.
    pub operators: Vec<OperatorTime>,
}

/// The time of one operator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OperatorTime {
    /// Which one, in the live graph.
    pub node: NodeId,
    /// Milliseconds to compute.
    pub compute_ms: f64,
    /// Milliseconds to read and write.
    pub memory_ms: f64,
    /// Milliseconds beside the work.
    pub launch_ms: f64,
    /// Share of the array's units and steps that multiply something, of an operator that runs on an array.
    pub utilisation: Option<f64>,
}

/// A profile that says too little to price anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the profile of {device} lacks `{key}`, which the analytical model needs")]
pub struct ProfileLacks {
    /// Name of the profile.
    pub device: String,
    /// What is missing.
    pub key: &'static str,
}

// === impl Analytical ===

impl Analytical {
    /// The model of a target on a device.
    ///
    /// # Errors
    /// When the profile has no `bandwidth_gb_s`, or neither `peak_gflops` nor `[systolic]`.
    pub fn new(profile: &Profile, target: &TargetSpec) -> Result<Self, ProfileLacks> {
        let lacks = |key| ProfileLacks {
            device: profile.name.clone(),
            key,
        };
        if profile.peak_gflops.is_none() && profile.systolic.is_none() {
            return Err(lacks("peak_gflops"));
        }
        let bandwidth = profile.bandwidth_gb_s;
        let bandwidth = bandwidth.ok_or_else(|| lacks("bandwidth_gb_s"))?;
        let share = profile.cores.map_or(1.0, |cores| {
            f64::from(target.threads.min(cores)) / f64::from(cores)
        });
        Ok(Self {
            batch: f64::from(target.batch),
            bytes_per_value: f64::from(target.precision.bytes()),
            peak: profile.peak_gflops.map(|peak| peak * share * 1e6),
            bytes_per_ms: bandwidth * 1e6,
            launch_ms: profile.launch_us.unwrap_or(0.0) * 1e-3,
            systolic: profile.systolic,
        })
    }

    /// Milliseconds of one forward pass of a batch.
    pub fn latency_ms(&self, graph: &Graph) -> f64 {
        self.breakdown(graph).ms()
    }

    /// The times that make up [`Analytical::latency_ms`].
    pub fn breakdown(&self, graph: &Graph) -> Breakdown {
        let live = graph.live();
        let operators = work::of(&live, self.batch)
            .into_iter()
            .map(|work| self.time(&work))
            .collect();
        Breakdown { operators }
    }

    fn time(&self, work: &Work) -> OperatorTime {
        let mut time = OperatorTime {
            node: work.node,
            compute_ms: self.peak.map_or(0.0, |peak| work.operations / peak),
            memory_ms: work.values * self.bytes_per_value / self.bytes_per_ms,
            launch_ms: self.launch_ms,
            utilisation: None,
        };
        if let (Some(array), Some(product)) = (&self.systolic, &work.product) {
            let cycles = systolic::cycles(array, product);
            let units = f64::from(array.rows) * f64::from(array.columns);
            time.compute_ms = cycles / (array.clock_ghz * 1e6);
            time.utilisation = Some(product.macs() / (cycles * units));
        }
        time
    }
}

// === impl Breakdown ===

impl Breakdown {
    /// Milliseconds of all operators together.
    pub fn ms(&self) -> f64 {
        self.operators.iter().map(OperatorTime::ms).sum()
    }

    /// Share of the units and steps of a systolic array that multiply something, over all that runs on it. `None`
    /// without an array, or if nothing runs on it.
    pub fn utilisation(&self) -> Option<f64> {
        let on_array = || {
            let times = self.operators.iter();
            times.filter_map(|time| Some((time.utilisation?, time.compute_ms)))
        };
        let whole: f64 = on_array().map(|(_, ms)| ms).sum();
        let used: f64 = on_array().map(|(share, ms)| share * ms).sum();
        (whole > 0.0).then(|| used / whole)
    }
}

// === impl OperatorTime ===

impl OperatorTime {
    /// Milliseconds from the operator's call to its value.
    pub fn ms(&self) -> f64 {
        self.compute_ms.max(self.memory_ms) + self.launch_ms
    }
}

#[cfg(test)]
mod tests;
