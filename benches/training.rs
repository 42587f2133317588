//! What a training step takes, beside the same step in PyTorch.
//!
//!     cargo bench --bench training --features libtorch -- PYTHON [ROUNDS] [CHANNELS]
//!
//! `PYTHON` is an interpreter with the packages `torch` and `onnx`. Random networks of NAS-Bench-201, with one cell in each
//! of three stages and `CHANNELS` (16) in the first, take steps on 64 images of 3 x 32 x 32 from weights that all share, as
//! those of a supernet do: forward, cross-entropy, backward, momentum and weight decay. PyTorch computes the same network
//! with its own operators and optimiser. In each round every one takes a turn of steps, in an order that turns round from
//! round to round. A figure is the median over the rounds of a turn's median divided by PyTorch's.
//!
//! All use as many threads as there are cores for the process: `taskset -c 0` makes it one.

mod nasbench201;
#[path = "python/python.rs"]
mod python;
mod turns;

use std::{error::Error, path::PathBuf, process::Command, thread, time::Instant};

use bespoke_graph::{ExportOptions, Graph, Model, Weights};
use bespoke_measure::median;
use bespoke_net::{Batch, Batches, Images, SharedWeights};
use bespoke_recipe::{Augment, Recipe, TrainingDevice};
use bespoke_space::Space;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use python::Python;
use turns::by_turns;

const NETWORKS: usize = 8;
const BATCH: usize = 64;
/// Steps of a turn, and before them those that are not counted.
const STEPS: usize = 5;
const WARM_UP: usize = 2;

/// A network, and the same in a file.
struct Network {
    name: String,
    /// Named by paths, so that networks share.
    graph: Graph,
    file: PathBuf,
}

/// Weights that one device trains.
struct Contestant {
    device: TrainingDevice,
    weights: SharedWeights,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|text| !text.starts_with("--"));
    let interpreter = arguments
        .next()
        .ok_or("name a Python interpreter that has `torch` and `onnx`")?;
    let rounds: usize = arguments.next().map_or(Ok(9), |text| text.parse())?;
    let channels: usize = arguments.next().map_or(Ok(16), |text| text.parse())?;

    let room = tempfile::tempdir()?;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let networks = networks(channels, room.path().to_owned(), &mut rng)?;
    let images = noise(&mut rng)?;
    let mut batches = Batches::new(&images, BATCH, Augment::None, rng)?;
    let batch = batches.next().ok_or("there is one batch")?;
    let size = BATCH.to_string();
    let script = "pytorch_training.py";
    let mut python = Python::start(Command::new(interpreter), script, Some(&size))?;
    let threads = u32::try_from(thread::available_parallelism()?.get())?;

    let mut contestants = contestants();
    println!("PyTorch {}, {threads} threads", python.version());
    let names = contestants.iter().map(|one| format!(" {:?} |", one.device));
    println!(
        "| network | MMACs | PyTorch, ms |{}",
        names.collect::<String>()
    );
    println!("| --- | --- | --- |{}", " --- |".repeat(contestants.len()));
    let mut all = vec![Vec::new(); contestants.len()];
    for network in &networks {
        let (python_ms, ratios) = by_turns(contestants.len() + 1, rounds, |who| match who {
            0 => Ok(python.turn(&network.file, threads, STEPS)?.median_ms),
            _ => contestants[who - 1].turn(&network.graph, &batch),
        })?;
        println!(
            "| {} | {:.1} | {:.2} |{}",
            network.name.replace('|', " "),
            network.graph.cost().macs as f64 / 1e6,
            python_ms,
            cells(&ratios)
        );
        for (all, ratio) in all.iter_mut().zip(ratios) {
            all.push(ratio);
        }
    }
    let medians: Vec<f64> = all.iter().map(|of| median(of)).collect();
    println!("| median | | |{}", cells(&medians));
    Ok(())
}

/// Those that this program was built with.
fn contestants() -> Vec<Contestant> {
    let devices = [TrainingDevice::Flex, TrainingDevice::Libtorch];
    let contestant = |device| {
        let recipe = Recipe {
            device,
            ..Recipe::default()
        };
        let weights = SharedWeights::new(&recipe, 1).ok()?;
        Some(Contestant { device, weights })
    };
    devices.into_iter().filter_map(contestant).collect()
}

fn networks(
    channels: usize,
    room: PathBuf,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<Network>, Box<dyn Error>> {
    let text = nasbench201::source(channels).ok_or("the space is not shipped")?;
    let text = text.replace("repeat = 5", "repeat = 1");
    let space = Space::parse("nasbench201.toml", &text)?;
    let drawn = (0..NETWORKS).map(|at| {
        let architecture = space.sample(rng);
        let plain = space.lower(&architecture)?.live();
        let weights = Weights::initial(&plain, rng);
        let model = Model::new(plain, weights)?;
        let file = room.join(format!("{at}.onnx"));
        let options = ExportOptions {
            fold_batch_norm: false,
        };
        std::fs::write(&file, model.to_onnx(options))?;
        Ok(Network {
            name: space.format_architecture(&architecture),
            graph: space.lower_paths(&architecture)?.live(),
            file,
        })
    });
    drawn.collect()
}

fn noise(rng: &mut ChaCha8Rng) -> Result<Images, Box<dyn Error>> {
    let pixels = (0..BATCH * 3 * 32 * 32).map(|_| rng.random()).collect();
    let labels = (0..10).cycle().take(BATCH).collect();
    Ok(Images::new([3, 32, 32], 10, u8::MAX, pixels, labels)?)
}

// === impl Contestant ===

impl Contestant {
    /// The median of a turn's steps, in milliseconds.
    fn turn(&mut self, network: &Graph, batch: &Batch) -> Result<f64, Box<dyn Error>> {
        let mut samples = Vec::with_capacity(WARM_UP + STEPS);
        for _ in 0..WARM_UP + STEPS {
            let begun = Instant::now();
            self.weights
                .step(std::slice::from_ref(network), batch, 1e-3)?;
            samples.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(&samples[WARM_UP..]))
    }
}

// === helpers ===

fn cells(ratios: &[f64]) -> String {
    let cells = ratios.iter().map(|ratio| format!(" {ratio:.2} |"));
    cells.collect()
}
