//! What every runtime can do.

use std::{sync::Arc, time::Duration};

use bespoke_device::Precision;
use bespoke_graph::Model;
use bespoke_measure::OperatorTime;

use crate::RuntimeError;

/// Compiles networks and runs them.
pub trait Runtime: Send + Sync {
    /// Its name in a target, for example `tract`.
    fn name(&self) -> &'static str;

    /// Version of the library behind it. Latencies of two versions do not compare.
    fn version(&self) -> String;

    /// Number formats that it computes in.
    fn precisions(&self) -> &'static [Precision];

    /// Reads an ONNX file with one input and one output of 32-bit floats whose first axis is the batch.
    ///
    /// # Errors
    /// [`RuntimeError::Load`] when the bytes are no such file or use what the runtime does not have.
    fn load(&self, onnx: &[u8]) -> Result<Box<dyn Loaded>, RuntimeError>;
}

/// A network that was read and can be compiled, also more than once.
pub trait Loaded {
    /// Prepares the network for a batch and a number of threads.
    ///
    /// # Errors
    /// [`RuntimeError::DoesNotCompile`] when the runtime refuses the network or the options, [`RuntimeError::Memory`]
    /// when it is plain beforehand that the network cannot do with the memory it may have.
    fn compile(&self, options: &CompileOptions) -> Result<Arc<dyn Compiled>, RuntimeError>;
}

/// A network ready to run.
pub trait Compiled: Send + Sync {
    /// Axes of the input, the batch first.
    fn input_shape(&self) -> &[usize];

    /// Number of elements of the input: the whole batch.
    fn input_elements(&self) -> usize {
        self.input_shape().iter().product()
    }

    /// A session of its own, which shares the weights with the others.
    ///
    /// # Errors
    /// [`RuntimeError::Run`] when the runtime cannot make one.
    fn spawn(&self) -> Result<Box<dyn Session>, RuntimeError>;
}

/// Runs a network, one pass after the other.
pub trait Session {
    /// One forward pass of one batch, row-major in and out.
    ///
    /// # Errors
    /// [`RuntimeError::Input`] when the input has another number of elements than
    /// [`input_elements`](Compiled::input_elements), [`RuntimeError::Run`] when the pass fails.
    fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, RuntimeError>;

    /// What each operator of the compiled network takes, in the order run: the median of so many passes (at least 1),
    /// after one that is not counted. These passes are slower than others, as every operator is timed.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    fn profile(
        &mut self,
        input: &[f32],
        passes: u32,
        clock: Clock<'_>,
    ) -> Result<Vec<OperatorTime>, RuntimeError>;
}

/// A clock that never goes back: the time since some moment.
pub type Clock<'a> = &'a (dyn Fn() -> Duration + Sync);

/// What a network is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileOptions {
    /// Samples of one pass, at least 1.
    pub batch: u32,
    /// Threads that compute one pass, at least 1. Each compiled network has its own, so that it is neither helped nor
    /// held up by others in the same process.
    pub threads: u32,
    /// Number format of weights and values in between; input and output are 32-bit floats in any case.
    pub precision: Precision,
    /// Most memory the network may need, in bytes; none: not looked at. A network is refused only when its weights and
    /// values alone are more; a runtime's own needs come on top and are not known beforehand.
    pub memory_bytes: Option<u64>,
}

// === impl CompileOptions ===

impl CompileOptions {
    /// Refuses numbers that no runtime can do anything with, and a number format that this one does not compute in.
    pub(crate) fn check(&self, runtime: &dyn Runtime) -> Result<(), RuntimeError> {
        let precisions = runtime.precisions();
        let reason = match self {
            Self { batch: 0, .. } => "a batch of 0 samples cannot be run".to_owned(),
            Self { threads: 0, .. } => "0 threads cannot run anything".to_owned(),
            Self { precision, .. } if !precisions.contains(precision) => {
                let known: Vec<&str> = precisions.iter().map(|known| known.name()).collect();
                format!("it computes in {}, not in {precision}", known.join(", "))
            }
            _ => return Ok(()),
        };
        let runtime = runtime.name();
        Err(RuntimeError::DoesNotCompile { runtime, reason })
    }

    /// Refuses a network whose weights and values that are alive at the same time need more memory than there may be.
    pub(crate) fn check_model_memory(
        &self,
        runtime: &'static str,
        model: &Model,
    ) -> Result<(), RuntimeError> {
        let cost = model.graph().cost();
        let values = cost
            .peak_activation_bytes
            .saturating_mul(u64::from(self.batch));
        let weights = cost.parameters.saturating_mul(size_of::<f32>() as u64);
        self.check_memory(runtime, weights.saturating_add(values))
    }

    /// Refuses what needs more memory than there may be.
    pub(crate) fn check_memory(
        &self,
        runtime: &'static str,
        needed_bytes: u64,
    ) -> Result<(), RuntimeError> {
        match self.memory_bytes {
            Some(limit_bytes) if needed_bytes > limit_bytes => Err(RuntimeError::Memory {
                runtime,
                batch: self.batch,
                needed_bytes,
                limit_bytes,
            }),
            _ => Ok(()),
        }
    }
}
