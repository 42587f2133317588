//! The child process that times one network, turn by turn, and ends.
//!
//! It leaves the network, reads one request from its standard input, limits its own memory, binds itself to as many cores
//! as the target has threads, compiles the network and warms it up. Then it takes samples when it is told to, and writes
//! what it has found as lines of JSON to its standard output. A request that makes no sense ends it with status 2 and a
//! sentence on standard error.

use std::{
    fs::File,
    hint::black_box,
    io::{self, BufRead, Write},
    os::unix::fs::FileExt,
    panic,
    process::ExitCode,
    time::{Duration, Instant},
};

use bespoke_measure::{
    Cache, Clock, OperatorTime, ProtocolError, Sensed, Stop, Subject, Timer, Verdict,
};
use bespoke_runtime::{CompileOptions, RuntimeError, Session, runtime};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::setpriority_process;

use crate::{
    contain::{Containment, limit_memory},
    cores,
    energy::EnergyMeter,
    gpu::{Gpu, runs_on_gpu},
    host::Host,
    interference::Watch,
    request::{Command, Header, Ready, Reply, RequestError, Samples, Used},
    thermal::Thermometer,
};

/// The priority of what is timed, where the system allows it: the highest.
const NICE: i32 = -20;
/// Passes run for so long while their energy is counted: many steps of every counter.
const ENERGY_WINDOW: Duration = Duration::from_millis(500);
/// Written through the caches between cold passes, by what the last-level cache holds.
const DISPLACING: u64 = 2;
/// What a last-level cache is taken to hold where the system does not tell.
const UNKNOWN_CACHE_BYTES: u64 = 32 << 20;
/// A step that touches every line of a cache.
const LINE_BYTES: usize = 64;

/// Passes that an operator's time is the median of.
const PROFILED_PASSES: u32 = 11;

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

/// The system's monotonic clock, and how long this thread waited for a core.
struct SystemClock {
    origin: Instant,
    /// The kernel's account of this thread; none where it keeps none.
    account: Option<File>,
}

/// A network that was compiled, with an input.
struct Network {
    session: Box<dyn Session>,
    input: Vec<f32>,
    /// Larger than the caches; empty while they stay hot.
    displacing: Vec<u8>,
}

/// Why the child cannot do what it is for.
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
    #[error("the answer cannot be written: {0}")]
    Write(#[source] io::Error),
}

// === impl SystemClock ===

impl SystemClock {
    fn start() -> Self {
        Self {
            origin: Instant::now(),
            account: File::open("/proc/thread-self/schedstat").ok(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&mut self) -> Duration {
        self.origin.elapsed()
    }

    /// The second number of the account: nanoseconds for which the thread was runnable and did not run.
    fn waited(&mut self) -> Duration {
        let mut text = [0; 64];
        let read = |account: &File| account.read_at(&mut text, 0).ok();
        let length = self.account.as_ref().and_then(read).unwrap_or(0);
        let numbers = std::str::from_utf8(&text[..length]).unwrap_or("");
        let waited = numbers.split_whitespace().nth(1);
        Duration::from_nanos(waited.and_then(|text| text.parse().ok()).unwrap_or(0))
    }
}

// === impl Network ===

impl Network {
    fn compile(header: &Header, onnx: &[u8], ready: &mut Ready) -> Result<Self, RuntimeError> {
        let Header { target, seed, .. } = header;
        let runtime = runtime(&target.runtime)?;
        note(ready, "runtime.name", runtime.name().to_owned());
        note(ready, "runtime.version", runtime.version());
        let options = CompileOptions {
            batch: target.batch,
            threads: target.threads,
            precision: target.precision,
            memory_bytes: Some(header.memory_bytes),
        };
        let begun = Instant::now();
        let compiled = runtime.load(onnx)?.compile(&options)?;
        let session = compiled.spawn()?;
        ready.compile_ms = Some(begun.elapsed().as_secs_f64() * 1e3);
        Ok(Self {
            session,
            input: random_input(compiled.input_elements(), *seed),
            displacing: Vec::new(),
        })
    }

    fn profile(mut self) -> Result<Vec<OperatorTime>, RuntimeError> {
        let origin = Instant::now();
        let clock = || origin.elapsed();
        self.session.profile(&self.input, PROFILED_PASSES, &clock)
    }

    /// With what displaces it from the caches of these cores.
    fn cold(mut self, host: &Host, cores: &[usize], ready: &mut Ready) -> Self {
        let core = cores.first().copied().unwrap_or(0);
        let cache = host.last_level_cache_bytes(core);
        let bytes = DISPLACING * cache.unwrap_or(UNKNOWN_CACHE_BYTES);
        note(ready, "cache.displacing_bytes", bytes.to_string());
        self.displacing = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        self
    }
}

impl Subject for Network {
    type Error = RuntimeError;

    fn pass(&mut self) -> Result<(), RuntimeError> {
        let output = self.session.run(&self.input)?;
        drop(black_box(output));
        Ok(())
    }

    fn displace_caches(&mut self) {
        for byte in self.displacing.iter_mut().step_by(LINE_BYTES) {
            *byte = byte.wrapping_add(1);
        }
        black_box(&self.displacing);
    }
}

// === helpers ===

fn serve(
    containment: Containment,
    mut input: impl BufRead,
    mut output: impl Write,
) -> Result<(), WorkerError> {
    let (header, onnx) = Header::read(&mut input)?;
    header.protocol.check()?;
    let on_gpu = runs_on_gpu(&header.target);
    limit_memory(header.memory_bytes, on_gpu).map_err(WorkerError::Limit)?;
    let host = Host::here();
    let gpu = on_gpu.then(Gpu::open).flatten();
    let cores = cores::pin(&host, header.target.threads as usize);
    let mut watch = Watch::new(&host, &cores);
    let mut ready = Ready {
        environment: host.environment(&cores, gpu.as_ref()),
        ..Ready::default()
    };
    note(&mut ready, "child.network", containment.network());
    if setpriority_process(None, NICE).is_ok() {
        note(&mut ready, "cpu.nice", NICE.to_string());
    }
    let network = match Network::compile(&header, &onnx, &mut ready) {
        Ok(network) => network,
        Err(error) => return fail(&mut output, verdict(error), ready),
    };
    drop(onnx);
    let network = match header.protocol.cache {
        Cache::Hot => network,
        Cache::Cold => network.cold(&host, &cores, &mut ready),
    };
    let thermometer = host.thermometer();
    let mut clock = SystemClock::start();
    let mut timer = Timer::new(&header.protocol, SystemClock::start(), network);
    match timer.prepare() {
        Ok(prepared) => {
            ready.first_run_ms = Some(prepared.first_run_ms);
            let passes = prepared.inner_repetitions.to_string();
            note(&mut ready, "sample.passes", passes);
        }
        Err(stop) => return fail(&mut output, stopped(stop), ready),
    }
    write(&mut output, &Reply::Ready(ready))?;
    while let Some(Command::Turn { ms }) = Command::read(&mut input)? {
        watch.begin(clock.now());
        let taken = timer.turn(Duration::from_millis(ms));
        watch.end(clock.now());
        let reply = match taken {
            Ok(samples_ms) => Reply::Samples(Samples {
                samples_ms,
                sensed: sense(&host, &cores, &thermometer),
            }),
            Err(stop) => return fail(&mut output, stopped(stop), Ready::default()),
        };
        write(&mut output, &reply)?;
    }
    let energy = EnergyMeter::of(&host, gpu.as_ref());
    let counters = energy.counted();
    let mut energy_mj = None;
    if let Some(window) = energy.begin(clock.now()) {
        let before = timer.passes();
        if timer.turn(ENERGY_WINDOW).is_ok() {
            energy_mj = window.end(clock.now(), timer.passes() - before);
        }
    }
    let interference = watch.seen();
    let facts = interference.facts();
    let facts = facts.chain(counters.map(|counters| ("energy.counters", counters)));
    let mut used = Used {
        energy_mj,
        peak_memory_bytes: host.peak_memory_bytes(),
        operators: Vec::new(),
        interference,
        facts: facts.map(|(name, fact)| (name.to_owned(), fact)).collect(),
    };
    // Last, as a profile takes time and memory of its own.
    if header.protocol.operators {
        match timer.into_subject().profile() {
            Ok(operators) => used.operators = operators,
            // The latency stands without.
            Err(error) => drop(
                used.facts
                    .insert("operators.missing".to_owned(), error.to_string()),
            ),
        }
    }
    write(&mut output, &Reply::Used(used))
}

/// What the sensors say of the core that measures.
fn sense(host: &Host, cores: &[usize], thermometer: &Thermometer) -> Sensed {
    let core = cores.first().copied().unwrap_or(0);
    let kilohertz = host.frequency(core, "scaling_cur_freq");
    Sensed {
        megahertz: kilohertz.map(|khz| khz as f64 / 1e3),
        celsius: thermometer.celsius(),
    }
}

fn note(ready: &mut Ready, name: &str, fact: String) {
    ready.environment.facts.insert(name.to_owned(), fact);
}

fn fail(output: &mut impl Write, verdict: Verdict, known: Ready) -> Result<(), WorkerError> {
    write(output, &Reply::Failed { verdict, known })
}

fn write(output: &mut impl Write, reply: &Reply) -> Result<(), WorkerError> {
    let mut line = serde_json::to_string(reply).expect("a reply is plain data");
    line.push('\n');
    output
        .write_all(line.as_bytes())
        .and_then(|()| output.flush())
        .map_err(WorkerError::Write)
}

fn stopped(stop: Stop<RuntimeError>) -> Verdict {
    match stop {
        Stop::Pass(error) => verdict(error),
        Stop::Clock(reason) => Verdict::Unstable { reason },
    }
}

fn verdict(error: RuntimeError) -> Verdict {
    let reason = error.to_string();
    match error {
        RuntimeError::Unknown { .. }
        | RuntimeError::Missing { .. }
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
