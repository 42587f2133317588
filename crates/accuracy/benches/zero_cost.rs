//! How zero-cost scores rank the cells of NAS-Bench-201, and what they take.
//!
//!     cargo bench -p bespoke-accuracy --bench zero_cost -- TABLES DATA [CELLS] [CHANNELS] [BATCH] [SCORES]
//!
//! `TABLES` holds `nasbench201_accuracy_percent.csv`: a canonical string and the published accuracy on CIFAR-10 in each
//! row. `DATA` holds CIFAR-10's binary files. `CELLS` random cells (1,000) are scored with fresh weights on the first
//! `BATCH` (64) training images, on one thread; `CHANNELS` (16) are those of the first stage, the published network
//! having 16. `SCORES` are names with commas between them; without them, all.
//!
//! Prints the rank correlations with the accuracy, a cell without a score being ranked last, how many those are, and the
//! milliseconds that a cell takes: lowering apart, drawing its weights included.

#[path = "../../../benches/nasbench201.rs"]
mod nasbench201;

use std::{error::Error, fs, path::Path, time::Instant};

use bespoke_accuracy::{DataSet, majority_vote};
use bespoke_graph::Graph;
use bespoke_net::{Images, Threads, score};
use bespoke_predict::{kendall_tau_b, spearman};
use bespoke_recipe::{DataSetName, ScoreName};
use bespoke_space::Space;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

const SEED: u64 = 1;
/// The scores whose majority ranks two networks in Abdelfattah et al. (ICLR 2021).
const VOTERS: [ScoreName; 3] = [ScoreName::Synflow, ScoreName::JacobCov, ScoreName::Snip];

/// A cell's published accuracy, and its network.
struct Cell {
    accuracy: f64,
    graph: Graph,
}

/// A score of each cell, and the milliseconds that it took in the middle and at most.
struct Column {
    name: ScoreName,
    values: Vec<f64>,
    median_ms: f64,
    most_ms: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let [tables, data, further @ ..] = arguments.as_slice() else {
        return Err("give the tables' folder and CIFAR-10's".into());
    };
    let number = |index: usize, usual: usize| further.get(index).map_or(Ok(usual), |n| n.parse());
    let (count, channels, batch) = (number(0, 1000)?, number(1, 16)?, number(2, 64)?);
    let names: Vec<ScoreName> = match further.get(3) {
        None => ScoreName::ALL.to_vec(),
        Some(list) => list.split(',').map(str::parse).collect::<Result<_, _>>()?,
    };
    let cells = cells(Path::new(tables), count, channels)?;
    let set = DataSet::open(DataSetName::Cifar10, Path::new(data))?;
    let first: Vec<usize> = (0..batch).collect();
    let images = set.train.select(&first)?;
    println!("{} cells, {channels} channels, batch {batch}", cells.len());
    println!(
        "{:12} {:>8} {:>8} {:>6} {:>10} {:>10}",
        "score", "spearman", "kendall", "none", "median ms", "most ms"
    );
    let threads = Threads::new(1)?;
    let mut columns = Vec::new();
    for name in names {
        let column = threads.run(|| Column::of(name, &cells, &images));
        column.print(&cells);
        columns.push(column);
    }
    print_vote(&columns, &cells);
    Ok(())
}

/// Random rows of the table, lowered with that many channels in the first stage, twice and four times as many behind.
fn cells(tables: &Path, count: usize, channels: usize) -> Result<Vec<Cell>, Box<dyn Error>> {
    let text = nasbench201::source(channels).ok_or("the space is not shipped")?;
    let space = Space::parse("nasbench201.toml", &text)?;
    let table = fs::read_to_string(tables.join("nasbench201_accuracy_percent.csv"))?;
    let mut rows = table.lines();
    let heading = rows.next().ok_or("the table is empty")?;
    let column = heading
        .split(',')
        .position(|name| name.starts_with("cifar10") && !name.starts_with("cifar100"));
    let column = column.ok_or("the table has no column of CIFAR-10")?;
    let mut rows: Vec<&str> = rows.collect();
    rows.shuffle(&mut ChaCha8Rng::seed_from_u64(SEED));
    rows.truncate(count);
    rows.into_iter()
        .map(|row| {
            let fields: Vec<&str> = row.split(',').collect();
            let architecture = space.parse_architecture(fields[0])?;
            Ok(Cell {
                accuracy: fields[column].parse()?,
                graph: space.lower(&architecture)?.live(),
            })
        })
        .collect()
}

fn print_vote(columns: &[Column], cells: &[Cell]) {
    let voters = VOTERS.map(|voter| columns.iter().find(|column| column.name == voter));
    let Some(voters) = voters.into_iter().collect::<Option<Vec<&Column>>>() else {
        return;
    };
    let scores: Vec<&[f64]> = voters.iter().map(|voter| voter.values.as_slice()).collect();
    let values: Vec<f64> = majority_vote(&scores)
        .into_iter()
        .map(|won| won as f64)
        .collect();
    let accuracies: Vec<f64> = cells.iter().map(|cell| cell.accuracy).collect();
    println!(
        "{:12} {:8.3} {:8.3}",
        "vote",
        spearman(&values, &accuracies),
        kendall_tau_b(&values, &accuracies)
    );
}

// === impl Column ===

impl Column {
    fn of(name: ScoreName, cells: &[Cell], images: &Images) -> Self {
        let mut times_ms = Vec::with_capacity(cells.len());
        let values = cells.iter().map(|cell| {
            let start = Instant::now();
            let value = score(name, &cell.graph, Some(images), SEED);
            times_ms.push(1e3 * start.elapsed().as_secs_f64());
            value.unwrap_or(f64::NEG_INFINITY)
        });
        let values = values.collect();
        times_ms.sort_by(f64::total_cmp);
        Self {
            name,
            values,
            median_ms: times_ms[times_ms.len() / 2],
            most_ms: times_ms[times_ms.len() - 1],
        }
    }

    fn print(&self, cells: &[Cell]) {
        let accuracies: Vec<f64> = cells.iter().map(|cell| cell.accuracy).collect();
        // Ranks alone count: what has no score comes below all that have one.
        let least = self
            .values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
            .fold(f64::INFINITY, f64::min);
        let ranked: Vec<f64> = (self.values.iter())
            .map(|value| {
                if value.is_finite() {
                    *value
                } else {
                    least - 1.0 - least.abs()
                }
            })
            .collect();
        let none = self
            .values
            .iter()
            .filter(|value| !value.is_finite())
            .count();
        println!(
            "{:12} {:8.3} {:8.3} {none:6} {:10.4} {:10.4}",
            self.name,
            spearman(&ranked, &accuracies),
            kendall_tau_b(&ranked, &accuracies),
            self.median_ms,
            self.most_ms
        );
    }
}
