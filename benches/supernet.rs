//! How well shared weights rank networks, and what a search by binary paths keeps in memory.
//!
//!     cargo bench --bench supernet -- ranking FOLDER SAMPLING EPOCHS SEED [mnist|cifar10 DATA]
//!     cargo bench --bench supernet -- memory proxylessnas|fbnet CHOICES
//!
//! `ranking` trains 30 random cells of NAS-Bench-201 alone, one in each of three stages of half the channels, from three
//! seeds each; and all cells together for so many epochs, by `uniform` or `fair` draws or by a `sandwich` with two at
//! random, from weights and in an order of `SEED`; on the digits, or on the first 12,000 images of MNIST or CIFAR-10,
//! whose files are in the folder `DATA`. What is cut out is judged at once, and again after an epoch of its own. It tells
//! how well three seeds agree, for no judge of networks can be told to be better than that.
//! A call ends after nine minutes at the latest; the next one with the same arguments goes on. What was trained alone serves
//! other samplings, epochs and seeds in that folder.
//! `memory` searches for an epoch on six layers of so many blocks, all equally wide, and tells the most memory that was
//! resident (on Linux).
//!
//! Trains on libtorch in a program that was built with it, with Burn's own backend otherwise.

mod device;
mod nasbench201;

use std::{
    error::Error,
    fs,
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bespoke_accuracy::{DataSet, Decision, Evaluator, Training};
use bespoke_predict::{kendall_tau_b, spearman};
use bespoke_recipe::{
    Augment, DataSetName, Differentiable, FbnetSettings, ProxylessnasSettings, Recipe, Sampling,
};
use bespoke_space::{Architecture, Space};
use bespoke_supernet::{
    LatencyTable, Paths, Search, SearchConfig, Supernet, SupernetError, load, save,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const USAGE: &str = "say `ranking FOLDER uniform|fair|sandwich EPOCHS SEED [mnist|cifar10 DATA]` or \
                     `memory proxylessnas|fbnet CHOICES`";
const NETWORKS: usize = 30;
/// A network alone is worth the mean over these.
const ALONE_SEEDS: [u64; 3] = [1, 2, 3];
/// Epochs of a network alone on the digits; where there are eight times the images, an eighth of them.
const ALONE_EPOCHS: u32 = 20;
const DIGITS: u32 = 1438;
/// Images that are trained on, where there are more than the digits.
const IMAGES: usize = 12_000;
const A_CALL: Duration = Duration::from_secs(9 * 60);

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["ranking", folder, sampling, epochs, seed, ref images @ ..] => {
            let data = match images {
                [] => DataSet::digits(),
                [name, files] => {
                    let mut data = DataSet::open(name.parse::<DataSetName>()?, Path::new(files))?;
                    data.train = data.train.select(&(0..IMAGES).collect::<Vec<_>>())?;
                    data
                }
                _ => return Err(USAGE.into()),
            };
            let folder = Path::new(folder);
            ranking(folder, sampling, epochs.parse()?, seed.parse()?, data)
        }
        ["memory", method, choices] => memory(method, choices.parse()?),
        _ => Err(USAGE.into()),
    }
}

/// NAS-Bench-201 with one cell in each stage and half the channels, for the images given.
fn space(data: &DataSet) -> Result<Space, Box<dyn Error>> {
    let [channels, size, _] = data.train.shape();
    let text = nasbench201::source(8).ok_or("the space is not shipped")?;
    let text = text
        .replace("channels = 3\n", &format!("channels = {channels}\n"))
        .replace("resolution = 32", &format!("resolution = {size}"))
        .replace("repeat = 5", "repeat = 1");
    Ok(Space::parse("nasbench201.toml", &text)?)
}

fn recipe(epochs: u32) -> Recipe {
    Recipe {
        epochs,
        batch_size: 64,
        learning_rate: 0.1,
        augment: Augment::Shift { pixels: 1 },
        device: device::device(),
        ..Recipe::default()
    }
}

fn ranking(
    folder: &Path,
    sampling: &str,
    epochs: u32,
    seed: u64,
    data: DataSet,
) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + A_CALL;
    fs::create_dir_all(folder)?;
    let space = space(&data)?;
    let data = Arc::new(data);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let networks: Vec<Architecture> = (0..NETWORKS).map(|_| space.sample(&mut rng)).collect();

    let images = u32::try_from(data.train.count())?;
    let alone_epochs = (ALONE_EPOCHS * DIGITS).div_ceil(images);
    let training = Training::new(data.clone(), recipe(alone_epochs))?;
    let column = |name: &str, value: Value<'_>| {
        Column::open(&folder.join(name))?.fill(&networks, deadline, value)
    };
    let mut by_seed = Vec::new();
    for seed in ALONE_SEEDS {
        let alone = column(&format!("alone-{seed}.csv"), &mut |architecture| {
            let graph = space.lower(architecture)?.live();
            let trained = training.evaluate(&graph, seed, &mut |_| Decision::Continue)?;
            Ok(trained.accuracy_percent)
        })?;
        let Some(alone) = alone else {
            return Ok(());
        };
        by_seed.push(alone);
    }
    let alone: Vec<f64> = (0..NETWORKS)
        .map(|at| by_seed.iter().map(|one| one[at]).sum::<f64>() / by_seed.len() as f64)
        .collect();

    let name = format!("{sampling}-{epochs}-{seed}");
    let sampling = match sampling {
        "uniform" => Sampling::Uniform,
        "fair" => Sampling::Fair,
        "sandwich" => Sampling::Sandwich { random: 2 },
        _ => return Err(USAGE.into()),
    };
    let mut supernet = Supernet::new(space.clone(), data.clone(), &recipe(epochs), sampling, seed)?;
    let state = folder.join(&name);
    load(&mut supernet, &name, &state)?;
    while supernet.epochs_trained() < epochs {
        if Instant::now() > deadline {
            return Ok(());
        }
        let before = Instant::now();
        let report = supernet.epoch()?;
        save(&supernet, &name, &state)?;
        let seconds = before.elapsed().as_secs_f64();
        println!(
            "epoch {} of {epochs}: loss {:.3}, {seconds:.1} s",
            report.epoch, report.loss
        );
    }

    let shared = column(&format!("{name}.csv"), &mut |architecture| {
        Ok(supernet.subnet(architecture)?.evaluation.accuracy_percent)
    })?;
    let tuning = Training::new(data, recipe(1))?;
    let tuned = column(&format!("{name}-tuned.csv"), &mut |architecture| {
        let model = supernet.subnet(architecture)?.model;
        let trained = tuning.tune(&model, seed, &mut |_| Decision::Continue)?;
        Ok(trained.accuracy_percent)
    })?;
    let (Some(shared), Some(tuned)) = (shared, tuned) else {
        return Ok(());
    };

    let mut macs = Vec::new();
    for (at, architecture) in networks.iter().enumerate() {
        macs.push(space.lower(architecture)?.live().cost().macs as f64);
        println!(
            "{}: shared {:.2} %, tuned {:.2} %, alone {:.2} %",
            space.format_architecture(architecture),
            shared[at],
            tuned[at],
            alone[at]
        );
    }
    for (judge, values) in [
        ("shared", &shared),
        ("tuned", &tuned),
        ("multiply-accumulates", &macs),
    ] {
        println!(
            "{NETWORKS} networks, {name}, {judge}: Spearman {:.3}, Kendall {:.3}",
            spearman(values, &alone),
            kendall_tau_b(values, &alone),
        );
    }
    let agreement = [[0, 1], [0, 2], [1, 2]].map(|[a, b]| spearman(&by_seed[a], &by_seed[b]));
    println!("alone, each two of {ALONE_SEEDS:?}: Spearman {agreement:.3?}");
    Ok(())
}

/// What a network is worth.
type Value<'a> = &'a mut dyn FnMut(&Architecture) -> Result<f64, Box<dyn Error>>;

/// A number of each network, a line of a file each.
struct Column {
    values: Vec<f64>,
    file: fs::File,
}

impl Column {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?;
        let text = fs::read_to_string(path)?;
        let values = text.lines().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Self { values, file })
    }

    /// The numbers of all networks, unless the time is over before.
    fn fill(
        mut self,
        networks: &[Architecture],
        deadline: Instant,
        value: Value<'_>,
    ) -> Result<Option<Vec<f64>>, Box<dyn Error>> {
        for architecture in &networks[self.values.len()..] {
            if Instant::now() > deadline {
                return Ok(None);
            }
            self.push(value(architecture)?)?;
        }
        Ok(Some(self.values))
    }

    fn push(&mut self, value: f64) -> Result<(), Box<dyn Error>> {
        writeln!(self.file, "{value}")?;
        println!("network {}: {value:.2} %", self.values.len() + 1);
        self.values.push(value);
        Ok(())
    }
}

/// Six layers of mobile blocks that differ in their kernels alone, so that every path takes as much memory.
fn blocks(choices: usize) -> Result<Space, Box<dyn Error>> {
    let block = |at: usize| {
        let kernel = 2 * at + 3;
        format!("{{ name = 'k{kernel}', kind = 'mbconv', kernel = {kernel}, expand = 6 }}")
    };
    let blocks: Vec<String> = (0..choices).map(block).collect();
    let text = format!(
        "name = 'blocks'\nsource = 'made for a benchmark'\nclasses = 10\n\
         input = {{ channels = 1, resolution = 8 }}\n[define]\nblock = {{ choose = [{}] }}\n\
         [[stage]]\nname = 'stem'\nblock = 'conv'\nchannels = 32\n\
         [[stage]]\nname = 'body'\nblock = {{ use = 'block' }}\nrepeat = 6\nchannels = 32\n\
         [[stage]]\nblock = 'global_pool'\n[[stage]]\nblock = 'classifier'\n",
        blocks.join(", ")
    );
    Ok(Space::parse("blocks.toml", &text)?)
}

fn memory(method: &str, choices: usize) -> Result<(), Box<dyn Error>> {
    let paths = Paths::new(blocks(choices)?)?;
    let table = LatencyTable::new::<SupernetError>(&paths, |_| Ok(1.0))?;
    let images = DataSet::digits().train;
    let images = images.select(&(0..640).collect::<Vec<_>>())?;
    let settings = match method {
        "proxylessnas" => Differentiable::Proxylessnas(ProxylessnasSettings {
            epochs: 1,
            every: 1,
            warm_up: 0.0,
            ..ProxylessnasSettings::default()
        }),
        "fbnet" => Differentiable::Fbnet(FbnetSettings {
            epochs: 1,
            warm_up: 0.0,
            ..FbnetSettings::default()
        }),
        other => return Err(format!("there is no method `{other}`").into()),
    };
    let config = SearchConfig {
        paths,
        method: settings,
        recipe: Recipe {
            batch_size: 128,
            ..Recipe::default()
        },
        seed: 1,
    };
    Search::new(config, &images)?.epoch(&table)?;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!(
        "{method}, {choices} choices: {}",
        peak.unwrap_or("no peak is told")
    );
    Ok(())
}
