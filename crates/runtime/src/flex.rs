//! flex: the CPU backend of Burn, which also trains.

use std::{convert::Infallible, sync::Arc};

use bespoke_device::Precision;
use bespoke_graph::{Model, Node};
use bespoke_measure::OperatorTime;
use bespoke_net::{Network, Threads};

use crate::{
    Clock, CompileOptions, Compiled, Loaded, Runtime, RuntimeError, Session, contain::contained,
    profile::Profile,
};

pub(crate) const NAME: &str = "flex";

/// The version that the lock file has; the library does not tell.
const VERSION: &str = "0.22.1";

/// The runtime `flex`.
pub(crate) struct Flex;

struct Read {
    model: Model,
}

/// A network and the threads it runs on: a pool of its own, because Burn otherwise computes on one thread for each
/// core.
struct Prepared {
    network: Network,
    threads: Threads,
    batch: usize,
    input_shape: Vec<usize>,
}

/// Burn's tensors are allocated anew in every pass: there is nothing to own.
struct Pass(Arc<Prepared>);

struct Handle(Arc<Prepared>);

// === impl Flex ===

impl Runtime for Flex {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> String {
        VERSION.to_owned()
    }

    fn precisions(&self) -> &'static [Precision] {
        &[Precision::F32]
    }

    fn load(&self, onnx: &[u8]) -> Result<Box<dyn Loaded>, RuntimeError> {
        contained(|| Model::from_onnx(onnx))
            .map(|model| Box::new(Read { model }) as Box<dyn Loaded>)
            .map_err(|reason| RuntimeError::Load {
                runtime: NAME,
                reason,
            })
    }
}

// === impl Read ===

impl Loaded for Read {
    fn compile(&self, options: &CompileOptions) -> Result<Arc<dyn Compiled>, RuntimeError> {
        options.check(&Flex)?;
        options.check_model_memory(NAME, &self.model)?;
        let refused = |reason| RuntimeError::DoesNotCompile {
            runtime: NAME,
            reason,
        };
        let network =
            contained(|| Ok::<_, Infallible>(Network::new(&self.model))).map_err(refused)?;
        let threads = contained(|| Threads::new(options.threads as usize)).map_err(refused)?;
        let batch = options.batch as usize;
        let sample = self.model.graph().input_shape().dims();
        Ok(Arc::new(Handle(Arc::new(Prepared {
            network,
            threads,
            batch,
            input_shape: std::iter::once(batch)
                .chain(sample.iter().copied())
                .collect(),
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
        self.0.pass(input, |_| {})
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
            self.0
                .pass(input, |node| profile.ran(node.op.kind(), &node.name))?;
        }
        Ok(profile.medians())
    }
}

// === impl Prepared ===

impl Prepared {
    fn pass(&self, input: &[f32], ran: impl FnMut(&Node) + Send) -> Result<Vec<f32>, RuntimeError> {
        let expected = self.input_shape.iter().product();
        if input.len() != expected {
            return Err(RuntimeError::Input {
                runtime: NAME,
                expected,
                got: input.len(),
            });
        }
        let pass = || self.network.forward_observed(input, self.batch, ran);
        contained(|| self.threads.run(pass)).map_err(|reason| RuntimeError::Run {
            runtime: NAME,
            reason,
        })
    }
}
