//! What the strategies reach with the same budget: real training, real latencies, several seeds.
//!
//!     cargo bench --bench search -- [SEEDS] [TRIALS] [PROGRAM]
//!
//! Runs the quickstart's study with each strategy and each seed, interleaved, all on one store, so that a network that
//! several runs propose has one and the same latency. Prints, for each strategy, the hypervolume that its first trials
//! dominate (error in per cent up to 40, latency up to the bound; as a percentage of that box): mean and standard
//! deviation over the seeds. `PROGRAM` is another build of bespoke to run instead of this one.

use std::{error::Error, fs, path::Path, process::Command};

use bespoke_search::pareto::hypervolume;
use serde_json::Value;

const STRATEGIES: [&str; 3] = ["random", "regularized_evolution", "nsga2"];
const WORST_ERROR: f64 = 40.0;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let number = |index: usize| arguments.get(index).map(|text| text.parse()).transpose();
    let seeds = number(0)?.unwrap_or(3);
    let trials = number(1)?.unwrap_or(40);
    let shipped = env!("CARGO_BIN_EXE_bespoke").to_owned();
    let program = arguments.get(2).unwrap_or(&shipped);
    let room = tempfile::tempdir()?;
    let mut shares: Vec<Vec<Vec<f64>>> = vec![Vec::new(); STRATEGIES.len()];
    for seed in 0..seeds {
        for (index, strategy) in STRATEGIES.iter().enumerate() {
            let curve = run(program, room.path(), strategy, seed, trials)?;
            eprintln!(
                "{strategy}, seed {seed}: {:.2}",
                curve.last().copied().unwrap_or(0.0)
            );
            shares[index].push(curve);
        }
    }
    print_table(&shares, trials);
    Ok(())
}

/// Runs a study and gives the share of the box that its first 1, 2, … trials dominate, in per cent.
fn run(
    program: &str,
    room: &Path,
    strategy: &str,
    seed: u32,
    trials: u32,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/quickstart.toml");
    let mut study: toml::Table = fs::read_to_string(quickstart)?.parse()?;
    let name = format!("{strategy}-{seed}");
    let mut settings = toml::Table::new();
    settings.insert("name".to_owned(), strategy.into());
    study.insert("name".to_owned(), name.as_str().into());
    study.insert("seed".to_owned(), i64::from(seed).into());
    let population = study["strategy"]["population"].clone();
    if strategy != "random" {
        settings.insert("population".to_owned(), population);
    }
    study.insert("strategy".to_owned(), settings.into());
    let budget = study["budget"]
        .as_table_mut()
        .ok_or("the study has a budget")?;
    budget.insert("trials".to_owned(), i64::from(trials).into());
    budget.remove("minutes");
    let file = room.join(format!("{name}.toml"));
    fs::write(&file, toml::to_string(&study)?)?;
    let status = Command::new(program)
        .current_dir(room)
        .args(["search", &file.display().to_string(), "--json"])
        .output()?;
    if !status.status.success() {
        return Err(String::from_utf8_lossy(&status.stderr).into_owned().into());
    }
    let bound = study["targets"][0]["max_latency_ms"]
        .as_float()
        .ok_or("the quickstart has a bound")?;
    let report = fs::read(
        room.join("bespoke-data/studies")
            .join(&name)
            .join("study.json"),
    )?;
    Ok(curve(&serde_json::from_slice(&report)?, bound))
}

fn curve(study: &Value, bound: f64) -> Vec<f64> {
    let mut points: Vec<Vec<f64>> = Vec::new();
    let mut curve = Vec::new();
    for trial in study["trials"].as_array().into_iter().flatten() {
        let latency = trial["latencies"][0]["median_ms"].as_f64();
        if let (Some(accuracy), Some(latency)) = (trial["accuracy_percent"].as_f64(), latency) {
            points.push(vec![100.0 - accuracy, latency]);
        }
        let volume = hypervolume(&points, &[WORST_ERROR, bound]);
        curve.push(100.0 * volume / (WORST_ERROR * bound));
    }
    curve
}

fn print_table(shares: &[Vec<Vec<f64>>], trials: u32) {
    let after: Vec<usize> = [4, 2, 1].map(|part| (trials / part) as usize).into();
    let heading: Vec<String> = after.iter().map(|count| format!("after {count}")).collect();
    println!(
        "| strategy | {} |\n| --- |{}",
        heading.join(" | "),
        " --- |".repeat(after.len())
    );
    for (strategy, curves) in STRATEGIES.iter().zip(shares) {
        let cells: Vec<String> = after
            .iter()
            .map(|count| {
                mean_and_deviation(
                    curves
                        .iter()
                        .filter_map(|curve| curve.get(count - 1).copied()),
                )
            })
            .collect();
        println!("| {strategy} | {} |", cells.join(" | "));
    }
}

fn mean_and_deviation(values: impl Iterator<Item = f64>) -> String {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (count - 1.0).max(1.0);
    format!("{mean:.2} ± {:.2}", variance.sqrt())
}
