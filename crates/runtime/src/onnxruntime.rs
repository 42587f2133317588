//! ONNX Runtime: a library that is loaded at run time, on the CPU or, where it was built with CUDA, on a GPU.
//!
//! A session is built with what Python's `onnxruntime` does by default (all graph optimisations, one operator after the
//! other, threads that spin while they wait for each other), so that latencies compare with what everybody measures.
//! Spinning threads are idle only between sessions: keep no second network in a process that measures.

mod find;
mod int8;
mod library;
mod profile;

use std::sync::{Arc, Mutex};

use bespoke_device::Precision;
use bespoke_measure::OperatorTime;
use ort::{
    ep,
    logging::LogLevel,
    session::{
        Session as OrtSession,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
    value::{TensorElementType, TensorRef, ValueType},
};

use crate::{
    Clock, CompileOptions, Compiled, Loaded, Runtime, RuntimeError, Session, contain::contained,
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
    /// What the session was made of: a profile needs one of its own.
    onnx: Vec<u8>,
    runtime: OnnxRuntime,
    threads: u32,
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

    /// A session without a network.
    fn builder(&self, threads: u32) -> ort::Result<SessionBuilder> {
        let mut builder = OrtSession::builder(&self.library.environment)?
            .with_log_level(LogLevel::Error)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_parallel_execution(false)?
            .with_intra_threads(threads as usize)?
            .with_inter_threads(1)?;
        if self.provider == Provider::Cuda {
            let cuda = ep::CUDA::default().build().error_on_failure();
            builder = builder.with_execution_providers([cuda])?;
        }
        Ok(builder)
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

    fn prepare(&self, onnx: Vec<u8>, options: &CompileOptions) -> Result<Prepared, RuntimeError> {
        let runtime = self.runtime;
        let session = || runtime.builder(options.threads)?.commit_from_memory(&onnx);
        let session = contained(session).map_err(|reason| self.refused(reason))?;
        let input_shape = input_shape(&session, options.batch);
        let input_shape = input_shape.map_err(|reason| self.refused(reason))?;
        let input_bytes = input_shape.iter().fold(FLOAT_BYTES, |product, length| {
            product.saturating_mul(*length as u64)
        });
        let needed_bytes = input_bytes.saturating_add(onnx.len() as u64);
        options.check_memory(runtime.name(), needed_bytes)?;
        Ok(Prepared {
            session: Mutex::new(session),
            input_shape,
            onnx,
            runtime,
            threads: options.threads,
        })
    }

    fn in_half(&self) -> Result<Vec<u8>, RuntimeError> {
        contained(|| in_half(&self.onnx)).map_err(|reason| self.refused(reason))
    }
}

impl Loaded for File {
    fn compile(&self, options: &CompileOptions) -> Result<Arc<dyn Compiled>, RuntimeError> {
        options.check(&self.runtime)?;
        let prepared = match options.precision {
            Precision::F32 => self.prepare(self.onnx.clone(), options)?,
            Precision::F16 => self.prepare(self.in_half()?, options)?,
            Precision::Int8 => self.prepare(self.quantized(options)?, options)?,
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

    /// By ONNX Runtime's own clock.
    fn profile(
        &mut self,
        input: &[f32],
        passes: u32,
        _: Clock<'_>,
    ) -> Result<Vec<OperatorTime>, RuntimeError> {
        self.0.check(input)?;
        contained(|| self.0.profile(input, passes)).map_err(|reason| self.0.failed(reason))
    }
}

// === impl Prepared ===

impl Prepared {
    fn check(&self, input: &[f32]) -> Result<(), RuntimeError> {
        let expected = self.input_shape.iter().product();
        match input.len() {
            got if got == expected => Ok(()),
            got => Err(RuntimeError::Input {
                runtime: self.runtime.name(),
                expected,
                got,
            }),
        }
    }

    fn failed(&self, reason: String) -> RuntimeError {
        RuntimeError::Run {
            runtime: self.runtime.name(),
            reason,
        }
    }

    fn pass(&self, input: &[f32]) -> Result<Vec<f32>, RuntimeError> {
        self.check(input)?;
        let pass = || {
            let session = self.session.lock();
            let mut session = session.map_err(|error| ort::Error::new(error.to_string()))?;
            self.run(&mut session, input)
        };
        contained(pass).map_err(|reason| self.failed(reason))
    }

    fn run(&self, session: &mut OrtSession, input: &[f32]) -> ort::Result<Vec<f32>> {
        // The session reads the input where it is.
        let input = TensorRef::from_array_view((&self.input_shape[..], input))?;
        let outputs = session.run(ort::inputs![input])?;
        Ok(outputs[0].try_extract_tensor::<f32>()?.1.to_vec())
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

#[cfg(test)]
mod tests {
    use bespoke_graph::{ExportOptions, Model, Weights};
    use bespoke_space::Space;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Where 16-bit floats are no precision of the runtime's, since it computes such files in 32, they still show what
    /// is in the files. Nothing is shown where the library is not installed.
    #[test]
    fn a_file_in_16_bit_floats_comes_close_to_the_one_in_32() {
        let runtime = match OnnxRuntime::open(Provider::Cpu) {
            Ok(runtime) => runtime,
            Err(error) => return eprintln!("not tested: {error}"),
        };
        let options = CompileOptions {
            batch: 1,
            threads: 1,
            precision: Precision::F32,
            memory_bytes: None,
        };
        for name in ["mobile_small", "fbnet", "nasbench201"] {
            let source = Space::builtin_source(name).expect("it is shipped");
            let space = Space::parse(name, source).expect("it is sound");
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let graph = space
                .lower(&space.sample(&mut rng))
                .expect("it is of the space")
                .live();
            let weights = Weights::initial(&graph, &mut rng);
            let onnx = Model::new(graph, weights)
                .expect("they fit")
                .to_onnx(ExportOptions::default());
            let file = File { onnx, runtime };
            let output = |onnx| {
                let prepared = file.prepare(onnx, &options).expect("it compiles");
                let elements = prepared.input_shape.iter().product::<usize>();
                let input: Vec<f32> = (0..elements).map(|at| (at % 17) as f32 / 17.0).collect();
                prepared.pass(&input).expect("it runs")
            };
            let (exact, half) = (
                output(file.onnx.clone()),
                output(file.in_half().expect("it is ours")),
            );
            let magnitude = exact.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            let errors = exact
                .iter()
                .zip(&half)
                .map(|(a, b)| (a - b).abs() / magnitude);
            let error = errors.fold(0.0, f32::max);
            eprintln!("{name}: {error}");
            assert_ne!(exact, half, "{name}: nothing was rounded");
            assert!(error < 0.02, "{name}: {error}");
        }
    }
}
