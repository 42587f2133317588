//! ONNX Runtime: a library that is loaded at run time, on the CPU or, where it was built with CUDA, on a GPU.
//!
//! A session is built with what Python's `onnxruntime` does by default (all graph optimisations, one operator after the
//! other, threads that spin while they wait for each other), so that latencies compare with what everybody measures.
//! Spinning threads are idle only between sessions: keep no second network in a process that measures.

mod find;
mod int8;
mod library;

use std::sync::{Arc, Mutex};

use bespoke_device::Precision;
use ort::{
    ep,
    logging::LogLevel,
    session::{Session as OrtSession, builder::GraphOptimizationLevel},
    value::{TensorElementType, TensorRef, ValueType},
};

use crate::{
    CompileOptions, Compiled, Loaded, Runtime, RuntimeError, Session, contain::contained,
    half::in_half,
};
use library::Library;

use find::VARIABLE;

/// Name of the runtime on the CPU.
pub(crate) const CPU: &str = "onnxruntime";
/// Name of the runtime on a GPU.
pub(crate) const CUDA: &str = "onnxruntime-cuda";

const FLOAT_BYTES: u64 = size_of::<f32>() as u64;

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Cpu,
    /// The first GPU. Input and output are in the machine's memory: a pass copies them there and back, and ends when
    /// the output is there.
    Cuda,
}

/// The runtime `onnxruntime` or `onnxruntime-cuda`.
#[derive(Clone, Copy)]
pub(crate) struct OnnxRuntime {
    library: &'static Library,
    provider: Provider,
}

struct File {
    onnx: Vec<u8>,
    runtime: OnnxRuntime,
}

/// A session and the shape of its input. ONNX Runtime may be run from several threads at once, but the binding has one
/// pass wait for the other.
struct Prepared {
    session: Mutex<OrtSession>,
    input_shape: Vec<usize>,
    provider: Provider,
}

struct Handle(Arc<Prepared>);

struct Pass(Arc<Prepared>);

// === impl Provider ===

impl Provider {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => CPU,
            Self::Cuda => CUDA,
        }
    }
}

// === impl OnnxRuntime ===

impl OnnxRuntime {
    /// Opens the library that the environment names or an installed Python package has.
    pub(crate) fn open(provider: Provider) -> Result<Self, RuntimeError> {
        let missing = |reason| RuntimeError::Missing {
            runtime: provider.name(),
            reason,
        };
        let library = library::open().map_err(missing)?;
        if provider == Provider::Cuda {
            library.check_cuda().map_err(missing)?;
        }
        Ok(Self { library, provider })
    }
}

impl Runtime for OnnxRuntime {
    fn name(&self) -> &'static str {
        self.provider.name()
    }

    fn version(&self) -> String {
        self.library.version.clone()
    }

    fn precisions(&self) -> &'static [Precision] {
        match self.provider {
            // Elsewhere it takes files of 16-bit floats too, but computes them in 32.
            Provider::Cpu if cfg!(target_arch = "aarch64") => &Precision::ALL,
            Provider::Cpu => &[Precision::F32, Precision::Int8],
            Provider::Cuda => &[Precision::F32, Precision::F16],
        }
    }

    fn load(&self, onnx: &[u8]) -> Result<Box<dyn Loaded>, RuntimeError> {
        Ok(Box::new(File {
            onnx: onnx.to_vec(),
            runtime: *self,
        }))
    }
}

// === impl File ===

impl File {
    fn refused(&self, reason: String) -> RuntimeError {
        RuntimeError::DoesNotCompile {
            runtime: self.runtime.name(),
            reason,
        }
    }

    fn prepare(&self, onnx: &[u8], options: &CompileOptions) -> Result<Prepared, RuntimeError> {
        let session = contained(|| self.session(onnx, options.threads));
        let session = session.map_err(|reason| self.refused(reason))?;
        let input_shape = input_shape(&session, options.batch);
        let input_shape = input_shape.map_err(|reason| self.refused(reason))?;
        let input_bytes = input_shape.iter().fold(FLOAT_BYTES, |product, length| {
            product.saturating_mul(*length as u64)
        });
        let needed_bytes = input_bytes.saturating_add(onnx.len() as u64);
        options.check_memory(self.runtime.name(), needed_bytes)?;
        Ok(Prepared {
            session: Mutex::new(session),
            input_shape,
            provider: self.runtime.provider,
        })
    }

    fn in_half(&self) -> Result<Vec<u8>, RuntimeError> {
        contained(|| in_half(&self.onnx)).map_err(|reason| self.refused(reason))
    }

    fn session(&self, onnx: &[u8], threads: u32) -> ort::Result<OrtSession> {
        let mut builder = OrtSession::builder(&self.runtime.library.environment)?
            .with_log_level(LogLevel::Error)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_parallel_execution(false)?
            .with_intra_threads(threads as usize)?
            .with_inter_threads(1)?;
        if self.runtime.provider == Provider::Cuda {
            let cuda = ep::CUDA::default().build().error_on_failure();
            builder = builder.with_execution_providers([cuda])?;
        }
        builder.commit_from_memory(onnx)
    }
}

impl Loaded for File {
    fn compile(&self, options: &CompileOptions) -> Result<Arc<dyn Compiled>, RuntimeError> {
        options.check(&self.runtime)?;
        let prepared = match options.precision {
            Precision::F32 => self.prepare(&self.onnx, options)?,
            Precision::F16 => self.prepare(&self.in_half()?, options)?,
            Precision::Int8 => self.prepare(&self.quantized(options)?, options)?,
        };
        Ok(Arc::new(Handle(Arc::new(prepared))))
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
        self.0.pass(input)
    }
}

// === impl Prepared ===

impl Prepared {
    fn pass(&self, input: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        let Self {
            session,
            input_shape,
            provider,
        } = self;
        let runtime = provider.name();
        let expected = input_shape.iter().product();
        if input.len() != expected {
            return Err(RuntimeError::Input {
                runtime,
                expected,
                got: input.len(),
            });
        }
        let pass = || -> ort::Result<Vec<f32>> {
            // The session reads the input where it is.
            let input = TensorRef::from_array_view((&input_shape[..], input))?;
            let mut session = session
                .lock()
                .map_err(|error| ort::Error::new(error.to_string()))?;
            let outputs = session.run(ort::inputs![input])?;
            Ok(outputs[0].try_extract_tensor::<f32>()?.1.to_vec())
        };
        contained(pass).map_err(|reason| RuntimeError::Run { runtime, reason })
    }
}

// === helpers ===

/// The input's axes with the batch in front, of a session with one input and one output of 32-bit floats.
fn input_shape(session: &OrtSession, batch: u32) -> Result<Vec<usize>, String> {
    let [input] = session.inputs() else {
        let inputs = session.inputs().len();
        return Err(format!("it has {inputs} inputs, one is needed"));
    };
    let outputs = session.outputs().len();
    if outputs != 1 {
        return Err(format!("it has {outputs} outputs, one is needed"));
    }
    let ValueType::Tensor {
        ty: TensorElementType::Float32,
        shape,
        ..
    } = input.dtype()
    else {
        return Err("its input is not of 32-bit floats".to_owned());
    };
    let (first, sample) = shape.split_first().ok_or("its input has no axis")?;
    if *first >= 0 && *first != i64::from(batch) {
        return Err(format!(
            "the file fixes the batch at {first}, {batch} is asked for"
        ));
    }
    let sample = sample.iter().enumerate().map(|(index, axis)| {
        usize::try_from(*axis).map_err(|_| format!("axis {} of its input is not fixed", index + 1))
    });
    std::iter::once(Ok(batch as usize)).chain(sample).collect()
}
