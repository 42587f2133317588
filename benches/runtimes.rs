//! Whether a runtime is timed at its full speed: each beside Python's `onnxruntime` or PyTorch, on the same ONNX files.
//!
//!     cargo bench --bench runtimes -- PYTHON [ROUNDS] [PACKAGE]
//!
//! `PYTHON` is an interpreter with the package: `onnxruntime`, or for `pytorch` and `pytorch-channels-last` the packages
//! `torch` and `onnx`; for the same library on both sides, name its environment in VIRTUAL_ENV. Three random networks of
//! each of four spaces, one and two threads. In each round every runtime and Python take a turn of passes, in an order
//! that turns round from round to round, so that a machine that drifts does so for all. A runtime's figure is the median
//! over the rounds of its turn's median divided by Python's.

#[path = "python/python.rs"]
mod python;
mod turns;

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use bespoke_device::Precision;
use bespoke_graph::{ExportOptions, Graph, Model, Weights};
use bespoke_measure::median;
use bespoke_runtime::{CompileOptions, Session, runtimes};
use bespoke_space::Space;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use python::Python;
use turns::by_turns;

/// Spaces, and the pixels that their networks shall take.
const SPACES: [(&str, usize); 4] = [
    ("fbnet_imagenet", 224),
    ("ofa_mobilenetv3", 160),
    ("nasbench201", 32),
    ("proxylessnas", 224),
];
const OF_EACH: usize = 3;
/// Passes of a turn that are not counted.
const WARM_UP: usize = 3;
/// What a turn shall take, in milliseconds.
const TURN_MS: f64 = 60.0;

/// A network in a file.
struct Network {
    label: String,
    path: PathBuf,
    onnx: Vec<u8>,
}

/// One that takes turns.
struct Contestant {
    name: &'static str,
    session: Box<dyn Session>,
    input: Vec<f32>,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|text| !text.starts_with("--"));
    let interpreter = arguments
        .next()
        .ok_or("name a Python interpreter that has the package to compare with")?;
    let rounds: usize = arguments.next().map_or(Ok(15), |text| text.parse())?;
    let package = arguments.next().unwrap_or("onnxruntime".to_owned());
    let room = tempfile::tempdir()?;
    let networks = networks(room.path())?;
    let (script, layout) = match package.as_str() {
        "onnxruntime" => ("onnxruntime_turns.py", None),
        "pytorch" => ("pytorch_turns.py", Some("contiguous")),
        "pytorch-channels-last" => ("pytorch_turns.py", Some("channels_last")),
        other => return Err(format!("there is no script for `{other}`").into()),
    };
    let mut python = Python::start(Command::new(interpreter), script, layout)?;
    println!("Python's {package} {}", python.version());
    let known: Vec<(&str, String)> = runtimes()
        .iter()
        .map(|runtime| (runtime.name(), runtime.version()))
        .collect();
    let columns: String = known
        .iter()
        .map(|(name, version)| format!(" {name} {version} |"))
        .collect();
    println!("| network | threads | Python, ms |{columns}");
    println!("| --- | --- | --- |{}", " --- |".repeat(known.len()));
    for threads in [1, 2] {
        let mut of_runtime = vec![Vec::new(); known.len()];
        for network in &networks {
            let (python_ms, ratios) = compare(network, threads, rounds, &mut python)?;
            println!(
                "| {} | {threads} | {python_ms:.3} |{}",
                network.label,
                cells(&ratios)
            );
            for (all, ratio) in of_runtime.iter_mut().zip(ratios) {
                all.push(ratio);
            }
        }
        let medians: Vec<f64> = of_runtime.iter().map(|of| median(of)).collect();
        println!("| median | {threads} | |{}", cells(&medians));
    }
    Ok(())
}

/// Python's median in milliseconds, and each runtime's ratio to it.
fn compare(
    network: &Network,
    threads: u32,
    rounds: usize,
    python: &mut Python,
) -> Result<(f64, Vec<f64>), Box<dyn Error>> {
    let mut contestants = contestants(network, threads)?;
    let mut expected = vec![python.turn(&network.path, threads, 5)?.median_ms];
    for contestant in &mut contestants {
        expected.push(contestant.turn(5)?);
    }
    let passes: Vec<usize> = expected
        .iter()
        .map(|ms| (TURN_MS / ms).clamp(5.0, 500.0) as usize)
        .collect();
    by_turns(passes.len(), rounds, |who| match who {
        0 => Ok(python.turn(&network.path, threads, passes[0])?.median_ms),
        _ => contestants[who - 1].turn(passes[who]),
    })
}

fn contestants(network: &Network, threads: u32) -> Result<Vec<Contestant>, Box<dyn Error>> {
    let options = CompileOptions {
        batch: 1,
        threads,
        precision: Precision::F32,
        memory_bytes: None,
    };
    let mut contestants = Vec::new();
    for runtime in runtimes() {
        let compiled = runtime.load(&network.onnx)?.compile(&options)?;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        contestants.push(Contestant {
            name: runtime.name(),
            session: compiled.spawn()?,
            input: (0..compiled.input_elements())
                .map(|_| rng.random())
                .collect(),
        });
    }
    Ok(contestants)
}

/// Random networks, written to files.
fn networks(room: &Path) -> Result<Vec<Network>, Box<dyn Error>> {
    let mut networks = Vec::new();
    for (name, pixels) in SPACES {
        let source = Space::builtin_source(name).ok_or(name)?;
        let space = Space::parse(name, source)?;
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for index in 0..OF_EACH {
            let graph = draw(&space, pixels, &mut rng)?;
            let weights = Weights::initial(&graph, &mut rng);
            let onnx = Model::new(graph, weights)?.to_onnx(ExportOptions {
                fold_batch_norm: true,
            });
            let label = format!("{name} {}", index + 1);
            let path = room.join(format!("{label}.onnx"));
            std::fs::write(&path, &onnx)?;
            networks.push(Network { label, path, onnx });
        }
    }
    Ok(networks)
}

fn draw(space: &Space, pixels: usize, rng: &mut ChaCha8Rng) -> Result<Graph, Box<dyn Error>> {
    loop {
        let graph = space.lower(&space.sample(rng))?.live();
        if graph.input_shape().dims().last() == Some(&pixels) {
            return Ok(graph);
        }
    }
}

// === impl Contestant ===

impl Contestant {
    /// The median of so many passes, in milliseconds.
    fn turn(&mut self, passes: usize) -> Result<f64, Box<dyn Error>> {
        let mut samples = Vec::with_capacity(WARM_UP + passes);
        for _ in 0..WARM_UP + passes {
            let begun = Instant::now();
            let output = self.session.run(&self.input);
            samples.push(begun.elapsed().as_secs_f64() * 1e3);
            output.map_err(|error| format!("{}: {error}", self.name))?;
        }
        Ok(median(&samples[WARM_UP..]))
    }
}

// === helpers ===

fn cells(ratios: &[f64]) -> String {
    ratios
        .iter()
        .map(|ratio| format!(" {ratio:.3} |"))
        .collect()
}
