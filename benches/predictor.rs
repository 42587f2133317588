//! What the predictors reach on published measurements, by the protocols of the literature.
//!
//!     cargo bench --bench predictor -- DATA_FOLDER [PROGRAM]
//!
//! Prints a Markdown table for each protocol, a row for each method: Spearman's correlation on each device that is new
//! to it, as a mean over the draws, then means over the devices. `DATA_FOLDER` holds `nasbench201_latency_ms.csv`,
//! `fbnet_latency_ms.csv`, `ofa_mobilenetv3_latency_ms.csv` (published with HELP, Lee et al., NeurIPS 2021) and
//! `nasbench201_optimised_runtimes_latency_ms.csv` (published with OneProxy, Lu et al., SIGMETRICS 2022), each with a
//! column `architecture` and a column of milliseconds for each device; a relative path begins at the workspace.
//! `PROGRAM` is another build of bespoke to run instead of this one.

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

const METHODS: [&str; 5] = ["bespoke", "flops", "ridge", "elastic_net", "svr"];
const DRAWS: &str = "20";

const CELLS: &str = "nasbench201_latency_ms.csv";
const CELLS_OPTIMISED: &str = "nasbench201_optimised_runtimes_latency_ms.csv";
const FBNET: &str = "fbnet_latency_ms.csv";
const OFA: &str = "ofa_mobilenetv3_latency_ms.csv";

const HELP_CELLS: [&str; 2] = [
    "1080ti_1,1080ti_32,1080ti_256,silver_4114,silver_4210r,samsung_a50,pixel3,essential_ph_1,samsung_s7",
    "titan_rtx_256,gold_6226,fpga,pixel2,raspi4,eyeriss",
];
const HELP_FBNET: [&str; 2] = [
    "1080ti_1,1080ti_32,1080ti_64,silver_4114,silver_4210r,samsung_a50,pixel3,essential_ph_1,samsung_s7",
    "raspi4,eyeriss,fpga",
];
const F1_FBNET: [&str; 2] = [
    "2080ti_1,essential_ph_1,silver_4114,titan_rtx_1,titan_rtx_32",
    "eyeriss,fpga,raspi4,samsung_a50,samsung_s7",
];
const GPUS_OFA: [&str; 2] = [
    "2080ti_1,2080ti_32,titan_xp_1,titan_xp_32,titan_xp_64,v100_1,titan_rtx_1",
    "v100_64,titan_rtx_32,2080ti_64",
];

/// A question that the literature asks of predictors.
struct Protocol {
    name: &'static str,
    space: &'static str,
    tables: Vec<&'static str>,
    /// Sources and targets; several where devices take turns.
    devices: Vec<[String; 2]>,
    /// What sources are known on, and what targets are scored on.
    rows: [&'static str; 2],
    trim: &'static str,
    samples: &'static [u32],
}

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|text| !text.starts_with("--"));
    let Some(folder) = arguments.next() else {
        println!(
            "predictor: needs the folder of the published measurements: cargo bench --bench predictor -- DATA_FOLDER [PROGRAM]"
        );
        return Ok(());
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = workspace.join(folder);
    let program = arguments.next();
    let program = program.unwrap_or_else(|| env!("CARGO_BIN_EXE_bespoke").to_owned());
    for protocol in protocols(&folder)? {
        for samples in protocol.samples {
            println!("\n{}, {samples} samples\n", protocol.name);
            for (index, method) in METHODS.iter().enumerate() {
                let runs = run(&program, &folder, &protocol, *samples, method)?;
                if index == 0 {
                    print_heading(&runs);
                }
                print_row(method, &runs);
            }
        }
    }
    Ok(())
}

fn protocols(folder: &Path) -> Result<Vec<Protocol>, Box<dyn Error>> {
    let cells = |name, rows, samples| Protocol {
        name,
        space: "nasbench201",
        tables: vec![CELLS],
        devices: vec![HELP_CELLS.map(str::to_owned)],
        rows,
        trim: "0",
        samples,
    };
    let fbnet = |name, devices: [&str; 2], rows, samples| Protocol {
        name,
        space: "fbnet",
        tables: vec![FBNET],
        devices: vec![devices.map(str::to_owned)],
        rows,
        trim: "0",
        samples,
    };
    Ok(vec![
        Protocol {
            trim: "0.1",
            ..cells(
                "NAS-Bench-201, HELP's protocol",
                ["0..900", "900..1900"],
                &[5, 10, 20],
            )
        },
        cells(
            "NAS-Bench-201, devices ND, all rows",
            ["0..900", "all"],
            &[20],
        ),
        Protocol {
            tables: vec![CELLS_OPTIMISED, CELLS],
            devices: in_turn(folder)?,
            ..cells(
                "NAS-Bench-201, optimising runtimes, each in turn new and all other devices known",
                ["0..6000", "0..1999"],
                &[20],
            )
        },
        Protocol {
            trim: "0.1",
            ..fbnet(
                "FBNet, HELP's protocol",
                HELP_FBNET,
                ["0..4000", "4000..5000"],
                &[10, 20],
            )
        },
        fbnet(
            "FBNet, devices FD, all rows",
            HELP_FBNET,
            ["0..4000", "all"],
            &[20],
        ),
        fbnet(
            "FBNet, devices F1, all rows",
            F1_FBNET,
            ["0..4000", "all"],
            &[20],
        ),
        Protocol {
            name: "Once-for-All, GPUs",
            space: "ofa_mobilenetv3",
            tables: vec![OFA],
            devices: vec![GPUS_OFA.map(str::to_owned)],
            rows: ["0..4000", "4000..5000"],
            trim: "0",
            samples: &[10],
        },
    ])
}

/// Each optimising runtime as the target of all other devices of both tables.
fn in_turn(folder: &Path) -> Result<Vec<[String; 2]>, Box<dyn Error>> {
    let optimised = devices(&folder.join(CELLS_OPTIMISED))?;
    let plain = devices(&folder.join(CELLS))?;
    let turn = |target: &String| {
        let all = optimised.iter().chain(&plain);
        let sources: Vec<&str> = all
            .filter(|device| *device != target)
            .map(String::as_str)
            .collect();
        [sources.join(","), target.clone()]
    };
    Ok(optimised.iter().map(turn).collect())
}

fn devices(table: &PathBuf) -> Result<Vec<String>, Box<dyn Error>> {
    let file = File::open(table).map_err(|error| format!("{}: {error}", table.display()))?;
    let mut heading = String::new();
    BufReader::new(file).read_line(&mut heading)?;
    Ok(heading
        .trim()
        .split(',')
        .skip(1)
        .map(str::to_owned)
        .collect())
}

/// Runs a method on all devices of a protocol and gives what it printed for each set of them.
fn run(
    program: &str,
    folder: &Path,
    protocol: &Protocol,
    samples: u32,
    method: &str,
) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut runs = Vec::new();
    for [sources, targets] in &protocol.devices {
        let mut command = Command::new(program);
        command.args(["predictor", "evaluate", "--space", protocol.space]);
        for table in &protocol.tables {
            command.arg("--table").arg(folder.join(table));
        }
        command.args(["--sources", sources, "--targets", targets]);
        let [source_rows, test_rows] = protocol.rows;
        command.args(["--source-rows", source_rows, "--test-rows", test_rows]);
        command.args(["--trim", protocol.trim]);
        command.args(["--samples", &samples.to_string(), "--draws", DRAWS]);
        let output = command.args(["--method", method, "--json"]).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        runs.push(serde_json::from_slice(&output.stdout)?);
    }
    Ok(runs)
}

fn targets(runs: &[Value]) -> impl Iterator<Item = &Value> {
    runs.iter()
        .flat_map(|run| run["targets"].as_array().into_iter().flatten())
}

fn print_heading(runs: &[Value]) {
    let names: Vec<&str> = targets(runs)
        .filter_map(|target| target["target"].as_str())
        .collect();
    println!(
        "| method | read | {} | mean | Kendall | within 5 % | within 10 % | in 90 % | train s | adapt ms | µs each |",
        names.join(" | ")
    );
    println!("|{}", " --- |".repeat(names.len() + 10));
}

fn print_row(method: &str, runs: &[Value]) {
    let over_targets = |key: &str| mean(targets(runs).filter_map(|target| target[key].as_f64()));
    let over_runs = |key: &str| mean(runs.iter().filter_map(|run| run[key].as_f64()));
    let percent = |key: &str| format!("{:.1} %", 100.0 * over_targets(key));
    let read = targets(runs)
        .filter_map(|target| target["samples_read"].as_u64())
        .max();
    let mut cells = vec![method.to_owned(), read.unwrap_or(0).to_string()];
    cells.extend(targets(runs).filter_map(|target| {
        let (mean, deviation) = (
            target["spearman"].as_f64()?,
            target["spearman_sd"].as_f64()?,
        );
        Some(format!("{mean:.3} ± {deviation:.3}"))
    }));
    cells.push(format!("{:.4}", over_targets("spearman")));
    cells.push(format!("{:.3}", over_targets("kendall")));
    cells.extend(["within_5_percent", "within_10_percent", "coverage_90"].map(percent));
    cells.push(format!("{:.2}", over_runs("train_seconds")));
    cells.push(format!("{:.2}", over_runs("adapt_ms")));
    cells.push(format!("{:.2}", over_runs("predict_us")));
    println!("| {} |", cells.join(" | "));
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}
