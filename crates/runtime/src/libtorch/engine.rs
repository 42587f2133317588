//! The runtime's four verbs.

use std::sync::{Arc, Mutex, PoisonError};

use bespoke_device::Precision;
use bespoke_graph::Model;
use bespoke_measure::OperatorTime;
use bespoke_net::libtorch;

use super::{
    Processor,
    plan::{Plan, Step},
};
use crate::{
    Clock, CompileOptions, Compiled, Loaded, Runtime, RuntimeError, Session, contain::contained,
    profile::Profile,
};

/// The runtime `libtorch` or `libtorch-cuda`.
#[derive(Clone)]
pub(super) struct Libtorch {
    processor: Processor,
    version: String,
}

struct Read {
    model: Model,
    runtime: Libtorch,
}

/// A network and the threads that its passes take. Its tensors may be used by one thread at a time: one pass waits for
/// the other.
struct Prepared {
    plan: Mutex<Plan>,
    input_shape: Vec<usize>,
    threads: usize,
    runtime: &'static str,
}

struct Handle(Arc<Prepared>);

struct Pass(Arc<Prepared>);

// === impl Libtorch ===

impl Libtorch {
    pub(super) fn open(processor: Processor) -> Result<Self, String> {
        if processor == Processor::Cuda {
            libtorch::open_cuda()?;
        }
        Ok(Self {
            processor,
            version: libtorch::version()?,
        })
    }
}

impl Runtime for Libtorch {
    fn name(&self) -> &'static str {
        self.processor.name()
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn precisions(&self) -> &'static [Precision] {
        &[Precision::F32, Precision::F16]
    }

    fn load(&self, onnx: &[u8]) -> Result<Box<dyn Loaded>, RuntimeError> {
        let runtime = self.clone();
        contained(|| Model::from_onnx(onnx))
            .map(|model| Box::new(Read { model, runtime }) as Box<dyn Loaded>)
            .map_err(|reason| RuntimeError::Load {
                runtime: self.name(),
                reason,
            })
    }
}

// === impl Read ===

impl Loaded for Read {
    fn compile(&self, options: &CompileOptions) -> Result<Arc<dyn Compiled>, RuntimeError> {
        options.check(&self.runtime)?;
        let runtime = self.runtime.name();
        options.check_model_memory(runtime, &self.model)?;
        let refused = |reason| RuntimeError::DoesNotCompile { runtime, reason };
        let batch = options.batch as usize;
        let plan = || {
            Plan::new(
                &self.model.folded(),
                batch,
                self.runtime.processor,
                options.precision,
            )
        };
        let plan = contained(plan).map_err(first_line).map_err(refused)?;
        let sample = self.model.graph().input_shape().dims();
        Ok(Arc::new(Handle(Arc::new(Prepared {
            plan: Mutex::new(plan),
            input_shape: std::iter::once(batch)
                .chain(sample.iter().copied())
                .collect(),
            threads: options.threads as usize,
            runtime,
        }))))
    }
}

// === impl Handle ===

impl Compiled for Handle {
    fn input_shape(&self) -> &[usize] {
        &self.0.input_shape
    }

    fn spawn(&self) -> Result<Box<dyn Session>, RuntimeError> {
        Ok(Box::new(Pass(Arc::clone(&self.0))))
    }
}

// === impl Pass ===

impl Session for Pass {
    fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        self.0.run(input, |_| {})
    }

    fn profile(
        &mut self,
        input: &[f32],
        passes: u32,
        clock: Clock<'_>,
    ) -> Result<Vec<OperatorTime>, RuntimeError> {
        let mut profile = Profile::new(clock);
        for _ in 0..=passes {
            profile.begin();
            self.0.run(input, |step| {
                step.wait();
                profile.ran(step.kind, &step.name);
            })?;
        }
        Ok(profile.medians())
    }
}

// === impl Prepared ===

impl Prepared {
    fn run(&self, input: &[f32], ran: impl FnMut(&Step)) -> Result<Vec<f32>, RuntimeError> {
        let runtime = self.runtime;
        let expected = self.input_shape.iter().product();
        if input.len() != expected {
            let got = input.len();
            return Err(RuntimeError::Input {
                runtime,
                expected,
                got,
            });
        }
        libtorch::use_threads(self.threads);
        // A pass changes nothing: one that panicked does not matter to the next.
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        contained(|| plan.run(input, ran))
            .map_err(first_line)
            .map_err(|reason| RuntimeError::Run { runtime, reason })
    }
}

// === helpers ===

/// What libtorch says, without the stack of calls that it adds.
fn first_line(reason: String) -> String {
    reason.lines().next().unwrap_or_default().to_owned()
}
