//! How well shared weights rank networks, and what a search by binary paths keeps in memory.
//!
//!     cargo bench --bench supernet -- ranking FOLDER [mnist|cifar10 DATA]
//!     cargo bench --bench supernet -- memory proxylessnas|fbnet CHOICES
//!
//! `ranking` trains the cells of NAS-Bench-201, one in each of three stages of half the channels, together on the digits, or on the first
//! 12,000 images of MNIST or CIFAR-10, whose files are in the folder `DATA`, and then 30 random cells each alone. A call ends after
//! nine minutes at the latest; the next one with the same FOLDER goes on. `memory` searches for an epoch on six layers of
//! so many blocks, all equally wide, and tells the most memory that was resident (on Linux).
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

const NETWORKS: usize = 30;
const SUPERNET_EPOCHS: u32 = 120;
const ALONE_EPOCHS: u32 = 20;
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
        ["ranking", folder] => ranking(Path::new(folder), DataSet::digits()),
        ["ranking", folder, name, files] => {
            let mut data = DataSet::open(name.parse::<DataSetName>()?, Path::new(files))?;
            data.train = data.train.select(&(0..IMAGES).collect::<Vec<_>>())?;
            ranking(Path::new(folder), data)
        }
        ["memory", method, choices] => memory(method, choices.parse()?),
        _ => Err(
            "say `ranking FOLDER [mnist|cifar10 DATA]` or `memory proxylessnas|fbnet CHOICES`"
                .into(),
        ),
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

fn recipe(data: &DataSet, epochs: u32) -> Recipe {
    Recipe {
        // Where there are eight times the images, an eighth of the epochs.
        epochs: (epochs * 1438).div_ceil(u32::try_from(data.train.count()).unwrap_or(u32::MAX)),
        batch_size: 64,
        learning_rate: 0.1,
        augment: Augment::Shift { pixels: 1 },
        device: device::device(),
        ..Recipe::default()
    }
}

fn ranking(folder: &Path, data: DataSet) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    fs::create_dir_all(folder)?;
    let (space, data) = (space(&data)?, Arc::new(data));
    let whole = recipe(&data, SUPERNET_EPOCHS);
    let mut supernet = Supernet::new(space.clone(), data.clone(), &whole, Sampling::Uniform, 1)?;
    let state = folder.join("supernet");
    load(&mut supernet, "ranking", &state)?;
    while supernet.epochs_trained() < supernet.epochs() {
        let before = Instant::now();
        let report = supernet.epoch()?;
        save(&supernet, "ranking", &state)?;
        let seconds = before.elapsed().as_secs_f64();
        println!(
            "epoch {} of {}: loss {:.3}, {seconds:.1} s",
            report.epoch, whole.epochs, report.loss
        );
        if started.elapsed() > A_CALL {
            return Ok(());
        }
    }
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let networks: Vec<Architecture> = (0..NETWORKS).map(|_| space.sample(&mut rng)).collect();
    let training = Training::new(data.clone(), recipe(&data, ALONE_EPOCHS))?;
    let table = folder.join("networks.csv");
    let known = fs::read_to_string(&table)
        .unwrap_or_default()
        .lines()
        .count();
    let mut table = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&table)?;
    for architecture in &networks[known..] {
        let shared = supernet.subnet(architecture)?.evaluation.accuracy_percent;
        let graph = space.lower(architecture)?.live();
        let alone = training
            .evaluate(&graph, 1, &mut |_| Decision::Continue)?
            .accuracy_percent;
        let text = space.format_architecture(architecture);
        writeln!(table, "{text},{shared},{alone},{}", graph.cost().macs)?;
        println!("{text}: shared {shared:.2} %, alone {alone:.2} %");
        if started.elapsed() > A_CALL {
            return Ok(());
        }
    }
    report(&fs::read_to_string(folder.join("networks.csv"))?)
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

/// Correlations of the finished table.
fn report(table: &str) -> Result<(), Box<dyn Error>> {
    let column = |at: usize| -> Result<Vec<f64>, Box<dyn Error>> {
        let cell = |line: &str| line.split(',').nth(at).unwrap_or_default().parse::<f64>();
        Ok(table.lines().map(cell).collect::<Result<_, _>>()?)
    };
    let (shared, alone, macs) = (column(1)?, column(2)?, column(3)?);
    println!(
        "{} networks: Spearman {:.3}, Kendall {:.3}; multiply-accumulates {:.3}",
        shared.len(),
        spearman(&shared, &alone),
        kendall_tau_b(&shared, &alone),
        spearman(&macs, &alone),
    );
    Ok(())
}
