//! The child process that measures one network and ends.
//!
//! It leaves the network, reads one request from its standard input, limits its own memory, binds itself to as many cores
//! as the target has threads, and writes one measurement as JSON to its standard output. A request that makes no sense ends it with
//! status 2 and a sentence on standard error.

use std::{
    hint::black_box,
    io::{self, BufRead, Write},
    panic,
    process::ExitCode,
    time::{Duration, Instant},
};

use bespoke_measure::{Clock, Environment, Measurement, Protocol, ProtocolError, Verdict, time};
use bespoke_runtime::{CompileOptions, RuntimeError, runtime};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    contain::{Containment, limit_memory},
    cores,
    gpu::{Gpu, runs_on_gpu},
    host::Host,
    request::{Header, RequestError},
    witness::Witness,
};

/// Answers the request on standard input: what the program does that an agent starts to measure in.
pub fn main() -> ExitCode {
    // The parent keeps the last line, so a panic has to fit into one.
    panic::set_hook(Box::new(|panic| {
        eprintln!("{}", panic.to_string().replace('\n', " "));
    }));
    let containment = Containment::enter().map_err(WorkerError::Contain);
    let served = containment
        .and_then(|containment| serve(containment, io::stdin().lock(), io::stdout().lock()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Time since it was started, from the system's monotonic clock.
struct Stopwatch(Instant);

/// What is known of a measurement so far; it is kept when the rest fails.
struct Attempt {
    environment: Environment,
    witness: Witness,
    samples_ms: Vec<f64>,
    compile_ms: Option<f64>,
    first_run_ms: Option<f64>,
}

/// Why there is no measurement, not even of a failure.
#[derive(Debug, thiserror::Error)]
enum WorkerError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("this process cannot be contained: {0}")]
    Contain(#[source] io::Error),
    #[error("the memory cannot be limited: {0}")]
    Limit(#[source] io::Error),
    #[error("the measurement cannot be written: {0}")]
    Write(#[source] io::Error),
}

// === impl Stopwatch ===

impl Clock for Stopwatch {
    fn now(&mut self) -> Duration {
        self.0.elapsed()
    }
}

// === impl Attempt ===

impl Attempt {
    fn measure(&mut self, header: &Header, onnx: &[u8]) -> Result<Verdict, RuntimeError> {
        let Header { target, seed, .. } = header;
        let mut clock = Stopwatch(Instant::now());
        let runtime = runtime(&target.runtime)?;
        self.note("runtime.name", runtime.name());
        self.note("runtime.version", runtime.version());
        let options = CompileOptions {
            batch: target.batch,
            threads: target.threads,
            memory_bytes: Some(header.memory_bytes),
        };
        let begun = clock.now();
        let compiled = runtime.load(onnx)?.compile(&options)?;
        let mut session = compiled.spawn()?;
        self.compile_ms = Some((clock.now() - begun).as_secs_f64() * 1e3);
        let input = random_input(compiled.input_elements(), *seed);
        let mut passes = 0;
        let mut pass = || {
            passes += 1;
            session.run(&input).map(|output| drop(black_box(output)))
        };
        self.witness.begin(clock.now());
        let timed = time(&header.protocol, &mut clock, *seed, &mut pass);
        self.witness.end(clock.now(), passes);
        let timings = timed?;
        self.note("sample.passes", timings.inner_repetitions.to_string());
        for (name, fact) in self.witness.facts() {
            self.note(name, fact);
        }
        let energy_mj = self.witness.energy_mj();
        if let Some(energy_mj) = energy_mj {
            self.note("energy.pass_mj", energy_mj.to_string());
        }
        if let Some(bytes) = Host::here().peak_memory_bytes() {
            self.note("memory.peak_bytes", bytes.to_string());
        }
        let verdict = timings.verdict;
        let verdict = self
            .witness
            .interference()
            .weigh(verdict, &timings.samples_ms);
        self.samples_ms = timings.samples_ms;
        self.first_run_ms = Some(timings.first_run_ms);
        Ok(verdict)
    }

    fn note(&mut self, name: &str, fact: impl Into<String>) {
        let facts = &mut self.environment.facts;
        facts.insert(name.to_owned(), fact.into());
    }

    fn end(self, protocol: Protocol, verdict: Verdict) -> Measurement {
        Measurement {
            protocol,
            environment: self.environment,
            verdict,
            samples_ms: self.samples_ms,
            compile_ms: self.compile_ms,
            first_run_ms: self.first_run_ms,
        }
    }
}

// === helpers ===

fn serve(
    containment: Containment,
    input: impl BufRead,
    mut output: impl Write,
) -> Result<(), WorkerError> {
    let (header, onnx) = Header::read(input)?;
    header.protocol.check()?;
    let on_gpu = runs_on_gpu(&header.target);
    limit_memory(header.memory_bytes, on_gpu).map_err(WorkerError::Limit)?;
    let host = Host::here();
    let gpu = on_gpu.then(Gpu::open).flatten();
    let cores = cores::pin(&host, header.target.threads as usize);
    let mut attempt = Attempt {
        environment: host.environment(&cores, gpu.as_ref()),
        witness: Witness::new(&host, &cores, gpu.as_ref()),
        samples_ms: Vec::new(),
        compile_ms: None,
        first_run_ms: None,
    };
    attempt.note("child.network", containment.network());
    let verdict = attempt.measure(&header, &onnx).unwrap_or_else(verdict);
    let measurement = attempt.end(header.protocol, verdict);
    let text = serde_json::to_string(&measurement).expect("a measurement is plain data");
    output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
        .map_err(WorkerError::Write)
}

fn verdict(error: RuntimeError) -> Verdict {
    let reason = error.to_string();
    match error {
        RuntimeError::Unknown { .. }
        | RuntimeError::Load { .. }
        | RuntimeError::DoesNotCompile { .. }
        | RuntimeError::Memory { .. } => Verdict::DoesNotCompile { reason },
        RuntimeError::Input { .. } | RuntimeError::Run { .. } => Verdict::Crashed { reason },
    }
}

/// Values between 0 and 1, as of pixels.
fn random_input(elements: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..elements).map(|_| rng.random()).collect()
}
