//! How well measurements repeat on this machine, beside the usual practice.
//!
//!     cargo bench --bench measure -- [RUNTIME] [NETWORKS] [LOADED] [PYTHON]
//!
//! Measures as many networks each of FBNet, Once-for-All at 160 pixels and NAS-Bench-201 twice, one thread, as an agent
//! does, and in between twice by the usual practice: the mean of 50 passes after 10. Then, while another process computes
//! or copies memory on the other core, or computes on the same, the first `LOADED` of each space again. With `PYTHON`, an interpreter that has the
//! package `onnxruntime`, its own timing of these files is taken in between, too: five networks are measured, and Python has
//! turns as long as Bespoke's before and after, on the same core.

#[path = "python/python.rs"]
mod python;

use std::{
    error::Error,
    hint::black_box,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bespoke_agent::{Bench, Limits};
use bespoke_device::TargetSpec;
use bespoke_graph::{ExportOptions, Model, Weights};
use bespoke_measure::{Measurement, Protocol, median, quantile};
use bespoke_predict::spearman;
use bespoke_runtime::{CompileOptions, runtime};
use bespoke_space::Space;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use python::{Python, Turn};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Spaces, and an option that is fixed.
const SPACES: [(&str, Option<(&str, &str)>); 3] = [
    ("fbnet", None),
    ("ofa_mobilenetv3", Some(("input.resolution", "160"))),
    ("nasbench201", None),
];

/// The argument by which this program is the load that copies memory, and the bytes that it copies.
const STREAMS: &str = "copy-memory";
const STREAMED: usize = 256 << 20;
/// Networks that are measured between two turns of Python.
const SOME: usize = 5;
/// Rounds of Python's turns before, and after.
const PYTHON_ROUNDS: usize = 12;
/// What one of its turns shall take, in milliseconds.
const PYTHON_TURN_MS: f64 = 30.0;

fn main() -> Outcome<()> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if arguments == [STREAMS] {
        stream();
    }
    let argument = |index: usize, default: &str| {
        let given = arguments.get(index).cloned();
        given.unwrap_or_else(|| default.to_owned())
    };
    let target: TargetSpec = format!("{}/b1/t1/f32", argument(0, "tract")).parse()?;
    let (count, loaded): (usize, usize) = (argument(1, "20").parse()?, argument(2, "5").parse()?);
    let limits = Limits {
        memory_bytes: 8 << 30,
        time: Duration::from_secs(120),
    };
    let program = env!("CARGO_BIN_EXE_bespoke");
    let bench = Bench::new(vec![program.into(), "measure-worker".into()], limits);
    let meter = Meter { bench, target };
    let networks = networks(count)?;
    let first = meter.pass(&networks)?;
    let usual = [(); 2].map(|()| meter.usual(&networks));
    let second = meter.pass(&networks)?;
    let quiet = agreement(&first, &second, usual)?;
    // The networks stand by space; of each the first few.
    let few: Vec<usize> = (0..networks.len())
        .filter(|index| index % count < loaded)
        .collect();
    let chosen: Vec<Vec<u8>> = few.iter().map(|index| networks[*index].clone()).collect();
    if let Some(interpreter) = arguments.get(3) {
        beside_python(&meter, &networks, &few, interpreter)?;
    }
    println!(
        "\n| another process | valid | within 5 % | off by more than 10 % | worst | not valid |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    let itself = std::env::current_exe()?;
    let itself = itself.to_str().ok_or("its path is text")?;
    let computes = ["sh", "-c", "while :; do :; done"];
    let streams = [itself, STREAMS];
    for (name, core, load) in [
        ("computes on the other core", 0, &computes[..]),
        ("copies memory on the other core", 0, &streams[..]),
        ("computes on the same core", last_core()?, &computes[..]),
    ] {
        let mut busy = busy(core, load)?;
        let measured = meter.pass(&chosen);
        busy.kill()?;
        busy.wait()?;
        let quiet = few.iter().map(|index| quiet[*index]);
        row(name, &measured?, quiet);
    }
    Ok(())
}

/// As many networks of each space, as ONNX files.
fn networks(count: usize) -> Outcome<Vec<Vec<u8>>> {
    let mut networks = Vec::new();
    for (name, fixed) in SPACES {
        let space = Space::builtin(name).ok_or("the space is shipped")?;
        let mut rng = ChaCha8Rng::seed_from_u64(60);
        for _ in 0..count {
            let mut choices = space.sample(&mut rng).choices().to_vec();
            if let Some((path, option)) = fixed {
                let decisions = space.decisions();
                let decision = decisions.iter().position(|one| one.path() == path);
                let decision = decision.ok_or("the space has the decision")?;
                let options = decisions[decision].options();
                let option = options.iter().position(|one| one == option);
                choices[decision] = u16::try_from(option.ok_or("it has the option")?)?;
            }
            let architecture = space.architecture(&choices).ok_or("it is one")?;
            let graph = space.lower(&architecture)?.live().with_probabilities()?;
            let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(0));
            networks.push(Model::new(graph, weights)?.to_onnx(ExportOptions {
                fold_batch_norm: true,
            }));
        }
    }
    Ok(networks)
}

/// Measures on one target.
struct Meter {
    bench: Bench,
    target: TargetSpec,
}

// === impl Meter ===

impl Meter {
    fn pass(&self, networks: &[impl AsRef<[u8]>]) -> Outcome<Vec<Measurement>> {
        let (begun, timed) = (Instant::now(), self.bench.timed());
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let protocol = Protocol::default();
        let measuring = self.bench.measure(&self.target, networks, &protocol);
        let measured = tokio.block_on(measuring)?;
        let (took, timed) = (begun.elapsed(), self.bench.timed() - timed);
        eprintln!(
            "{} networks in {:.0} s, {:.1} a minute, {:.0} % of it timing",
            networks.len(),
            took.as_secs_f64(),
            60.0 * networks.len() as f64 / took.as_secs_f64(),
            100.0 * timed.as_secs_f64() / took.as_secs_f64()
        );
        for unusable in measured
            .iter()
            .filter(|one| one.verdict.estimate().is_none())
        {
            eprintln!("{}", unusable.verdict);
        }
        Ok(measured)
    }

    /// Milliseconds of each network: the mean of 50 passes after 10.
    fn usual(&self, networks: &[Vec<u8>]) -> Outcome<Vec<f64>> {
        let runtime = runtime(&self.target.runtime)?;
        let options = CompileOptions {
            batch: self.target.batch,
            threads: self.target.threads,
            precision: self.target.precision,
            memory_bytes: None,
        };
        let mut means = Vec::with_capacity(networks.len());
        for network in networks {
            let compiled = runtime.load(network)?.compile(&options)?;
            let mut session = compiled.spawn()?;
            let input = vec![0.5; compiled.input_elements()];
            for _ in 0..10 {
                black_box(session.run(&input)?);
            }
            let begun = Instant::now();
            for _ in 0..50 {
                black_box(session.run(&input)?);
            }
            means.push(begun.elapsed().as_secs_f64() * 1e3 / 50.0);
        }
        Ok(means)
    }
}

/// Prints how well two passes agree, and yields what each network takes by both.
fn agreement(
    first: &[Measurement],
    second: &[Measurement],
    usual: [Outcome<Vec<f64>>; 2],
) -> Outcome<Vec<Option<f64>>> {
    let latencies = |all: &[Measurement]| -> Vec<Option<f64>> {
        let latency = |one: &Measurement| Some(one.verdict.estimate()?.median_ms.ms());
        all.iter().map(latency).collect()
    };
    let (a, b) = (latencies(first), latencies(second));
    let both: Vec<(f64, f64)> = a.iter().zip(&b).filter_map(|(a, b)| (*a).zip(*b)).collect();
    let [usual_a, usual_b] = usual;
    let usual: Vec<(f64, f64)> = usual_a?.into_iter().zip(usual_b?).collect();
    println!("| protocol | networks | Spearman | median difference | 90th percentile | greatest |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for (name, pairs) in [("Bespoke", &both), ("mean of 50 after 10", &usual)] {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let difference = |(a, b): &(f64, f64)| 100.0 * (b / a - 1.0).abs();
        let mut off: Vec<f64> = pairs.iter().map(difference).collect();
        off.sort_by(f64::total_cmp);
        println!(
            "| {name} | {} | {:.4} | {:.2} % | {:.2} % | {:.2} % |",
            pairs.len(),
            spearman(&a, &b),
            median(&off),
            quantile(&off, 0.9),
            off.last().copied().unwrap_or(f64::NAN)
        );
    }
    let mean =
        |(a, b): (&Option<f64>, &Option<f64>)| (*a).zip(*b).map(|(a, b)| f64::midpoint(a, b));
    Ok(a.iter().zip(&b).map(mean).collect())
}

/// Prints how valid latencies stand to what Python's package says of the same files before and after.
fn beside_python(
    meter: &Meter,
    networks: &[Vec<u8>],
    few: &[usize],
    interpreter: &str,
) -> Outcome<()> {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", &last_core()?.to_string(), interpreter]);
    let mut python = Python::start(pinned, "onnxruntime_turns.py", None)?;
    let room = tempfile::tempdir()?;
    let path = |index: usize| room.path().join(format!("{index}.onnx"));
    for index in few {
        std::fs::write(path(*index), &networks[*index])?;
    }
    let threads = meter.target.threads;
    let (mut quiet, mut fastest, mut middle) = (Vec::new(), Vec::new(), Vec::new());
    for some in few.chunks(SOME) {
        let chosen: Vec<&[u8]> = some.iter().map(|index| &networks[*index][..]).collect();
        let paths: Vec<PathBuf> = some.iter().map(|index| path(*index)).collect();
        let mut turns: Vec<Vec<Turn>> = some.iter().map(|_| Vec::new()).collect();
        python_turns(&mut python, threads, &paths, &mut turns)?;
        let measured = meter.pass(&chosen)?;
        python_turns(&mut python, threads, &paths, &mut turns)?;
        for (measured, turns) in measured.iter().zip(turns) {
            let Some(estimate) = measured.verdict.estimate() else {
                continue;
            };
            let ms = estimate.median_ms.ms();
            let of = |ms: fn(&Turn) -> f64| turns.iter().map(ms).collect::<Vec<_>>();
            let fastest_ms = of(|turn| turn.fastest_ms);
            quiet.push(ms / quantile(&fastest_ms, 0.1));
            fastest.push(ms / median(&fastest_ms));
            middle.push(ms / median(&of(|turn| turn.median_ms)));
        }
    }
    println!(
        "\n| by Python's onnxruntime {} | valid | ratio, median | within 5 % | furthest |",
        python.version()
    );
    println!("| --- | --- | --- | --- | --- |");
    for (name, ratios) in [
        ("its fastest turns' fastest passes", &quiet),
        ("its turns' fastest passes", &fastest),
        ("its turns' middle passes", &middle),
    ] {
        let off = |ratio: &f64| (ratio - 1.0).abs();
        println!(
            "| {name} | {} | {:.3} | {} | {:.1} % |",
            ratios.len(),
            median(ratios),
            ratios.iter().filter(|ratio| off(ratio) <= 0.05).count(),
            100.0 * ratios.iter().map(off).fold(0.0, f64::max)
        );
    }
    Ok(())
}

/// Python's turns of each file, in rounds, as long as those of the protocol.
fn python_turns(
    python: &mut Python,
    threads: u32,
    paths: &[PathBuf],
    turns: &mut [Vec<Turn>],
) -> Outcome<()> {
    let mut passes = Vec::new();
    for path in paths {
        let once = python.turn(path, threads, 5)?;
        passes.push((PYTHON_TURN_MS / once.median_ms).ceil() as usize);
    }
    for _ in 0..PYTHON_ROUNDS {
        for ((path, passes), turns) in paths.iter().zip(&passes).zip(&mut *turns) {
            turns.push(python.turn(path, threads, *passes)?);
        }
    }
    Ok(())
}

/// The core that one measuring thread is pinned to.
fn last_core() -> Outcome<usize> {
    Ok(std::thread::available_parallelism()?.get() - 1)
}

/// A process that keeps a core busy.
fn busy(core: usize, load: &[&str]) -> Outcome<Child> {
    Ok(Command::new("taskset")
        .args(["-c", &core.to_string()])
        .args(load)
        .stdout(Stdio::null())
        .spawn()?)
}

/// Copies what no cache holds, for ever.
fn stream() -> ! {
    let (from, mut to) = (vec![1_u8; STREAMED], vec![0_u8; STREAMED]);
    loop {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    }
}

/// Prints how far the valid latencies are off.
fn row(name: &str, measured: &[Measurement], quiet: impl Iterator<Item = Option<f64>>) {
    let off: Vec<f64> = measured
        .iter()
        .zip(quiet)
        .filter_map(|(one, quiet)| Some(one.verdict.estimate()?.median_ms.ms() / quiet? - 1.0))
        .map(|off| 100.0 * off.abs())
        .collect();
    let valid = measured
        .iter()
        .filter(|one| one.verdict.estimate().is_some());
    let valid = valid.count();
    println!(
        "| {name} | {valid} | {} of {} | {} | {:.1} % | {} |",
        off.iter().filter(|off| **off <= 5.0).count(),
        off.len(),
        off.iter().filter(|off| **off > 10.0).count(),
        off.iter().copied().fold(0.0, f64::max),
        measured.len() - valid
    );
}
