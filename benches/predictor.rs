//! What the predictors reach on published measurements, by the protocols of the literature.
//!
//!     cargo bench --bench predictor -- DATA_FOLDER [PROGRAM]
//!
//! Prints a Markdown table for each protocol, a row for each method that applies: Spearman's correlation on each device
//! that is new to it, as a mean over the draws, then means over the devices; a method that says nothing of some devices
//! has no means.
//!
//! - `help` reads ten reference networks and ten more, as published, and is run on its own protocols.
//! - `analytical` prices the devices that there is a profile for: see [`ROOFLINES`].
//! - `lookup` is run on spaces of which the folder has a table of operators, `SPACE_operators.yaml` as `bespoke table
//!   operators` writes it, of whatever device: one factor takes it to others.
//!
//! `DATA_FOLDER` holds `nasbench201_latency_ms.csv`,
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

/// Methods that apply to everything.
const METHODS: [&str; 5] = ["bespoke", "flops", "ridge", "elastic_net", "svr"];
/// Latencies that HELP reads of a new device.
const HELP_SAMPLES: u32 = 20;
/// Devices with a profile that says enough for a roofline, its own or that of its next of kin.
const ROOFLINES: [(&str, &str); 1] = [("raspi4", "devices/raspberry-pi-5.toml")];
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
    /// Whether it is one that HELP was published with.
    is_helps: bool,
}

/// A method that applies to a protocol.
struct Contender {
    name: &'static str,
    /// What it needs beside its name.
    arguments: Vec<String>,
    /// The devices that it prices, if not all.
    targets: Option<String>,
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
            let mut names = Vec::new();
            for contender in contenders(&protocol, *samples, &folder, &workspace) {
                let runs = run(&program, &folder, &protocol, *samples, &contender)?;
                if names.is_empty() {
                    names = targets(&runs).map(name).collect();
                    print_heading(&names);
                }
                print_row(contender.name, &names, &runs);
            }
        }
    }
    Ok(())
}

/// The methods that apply; the first applies to all devices.
fn contenders(
    protocol: &Protocol,
    samples: u32,
    folder: &Path,
    workspace: &Path,
) -> Vec<Contender> {
    let contender = |name, arguments: &[String]| Contender {
        name,
        arguments: arguments.to_vec(),
        targets: None,
    };
    let mut contenders: Vec<Contender> = METHODS.map(|name| contender(name, &[])).into();
    if protocol.is_helps && samples == HELP_SAMPLES {
        contenders.push(contender("help", &[]));
    }
    let table = folder.join(format!("{}_operators.yaml", protocol.space));
    if table.is_file() {
        let table = table.display().to_string();
        contenders.push(contender("lookup", &["--lookup-table".to_owned(), table]));
    }
    for (device, profile) in ROOFLINES {
        let is_target = |[_, targets]: &[String; 2]| targets.split(',').any(|one| one == device);
        if protocol.devices.iter().any(is_target) {
            let profile = workspace.join(profile).display().to_string();
            contenders.push(Contender {
                targets: Some(device.to_owned()),
                ..contender("analytical", &["--device".to_owned(), profile])
            });
        }
    }
    contenders
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
        is_helps: false,
    };
    let fbnet = |name, devices: [&str; 2], rows, samples| Protocol {
        name,
        space: "fbnet",
        tables: vec![FBNET],
        devices: vec![devices.map(str::to_owned)],
        rows,
        trim: "0",
        samples,
        is_helps: false,
    };
    Ok(vec![
        Protocol {
            trim: "0.1",
            is_helps: true,
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
            is_helps: true,
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
            is_helps: false,
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
    contender: &Contender,
) -> Result<Vec<Value>, Box<dyn Error>> {
    let mut runs = Vec::new();
    for [sources, targets] in &protocol.devices {
        let mut command = Command::new(program);
        command.args(["predictor", "evaluate", "--space", protocol.space]);
        for table in &protocol.tables {
            command.arg("--table").arg(folder.join(table));
        }
        let targets = contender.targets.as_ref().unwrap_or(targets);
        command.args(["--sources", sources, "--targets", targets]);
        let [source_rows, test_rows] = protocol.rows;
        command.args(["--source-rows", source_rows, "--test-rows", test_rows]);
        command.args(["--trim", protocol.trim]);
        command.args(["--samples", &samples.to_string(), "--draws", DRAWS]);
        command.args(["--method", contender.name, "--json"]);
        let output = command.args(&contender.arguments).output()?;
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

fn name(target: &Value) -> String {
    target["target"].as_str().unwrap_or_default().to_owned()
}

fn print_heading(names: &[String]) {
    println!(
        "| method | read | {} | mean | Kendall | within 5 % | within 10 % | in 90 % | train s | adapt ms | µs each |",
        names.join(" | ")
    );
    println!("|{}", " --- |".repeat(names.len() + 10));
}

fn print_row(method: &str, names: &[String], runs: &[Value]) {
    let has_all = targets(runs).count() == names.len();
    let over_targets = |key: &str| mean(targets(runs).filter_map(|target| target[key].as_f64()));
    let over_runs = |key: &str| mean(runs.iter().filter_map(|run| run[key].as_f64()));
    let of_all = |text: String| if has_all { text } else { "—".to_owned() };
    let percent = |key: &str| of_all(format!("{:.1} %", 100.0 * over_targets(key)));
    let read = targets(runs)
        .filter_map(|target| target["samples_read"].as_u64())
        .max();
    let mut cells = vec![method.to_owned(), read.unwrap_or(0).to_string()];
    cells.extend(names.iter().map(|known| {
        let target = targets(runs).find(|target| name(target) == *known);
        let score = target.and_then(|target| {
            let (mean, deviation) = (
                target["spearman"].as_f64()?,
                target["spearman_sd"].as_f64()?,
            );
            Some(format!("{mean:.3} ± {deviation:.3}"))
        });
        score.unwrap_or_else(|| "—".to_owned())
    }));
    cells.push(of_all(format!("{:.4}", over_targets("spearman"))));
    cells.push(of_all(format!("{:.3}", over_targets("kendall"))));
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
