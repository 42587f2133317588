//! The command line of `bespoke predictor`.

use std::{convert::Infallible, fmt, num::NonZeroUsize, path::PathBuf, str::FromStr};

use bespoke_device::{FingerprintError, TargetFingerprint, TargetSpec};
use bespoke_predict::{Rows, Targets};
use bespoke_study::PredictorInfo;
use clap::{Args, Subcommand, ValueEnum};

use super::{Limits, StudiesSource};

/// Arguments of `predictor`.
#[derive(Debug, Subcommand)]
pub enum Predictor {
    /// Score a method on devices that it has not met, on published measurements.
    #[command(
        after_help = "Example, the protocol that HELP scores itself by:\n  bespoke predictor evaluate --space nasbench201 --table latency.csv --sources 1080ti_1,pixel3 --source-rows 0..900 --targets fpga,raspi4 --test-rows 900..1900 --trim 0.1 --samples 10\n\nA table's first column is `architecture`; every other column is a device and holds milliseconds, or nothing where it was not measured."
    )]
    Evaluate(Evaluate),
    /// Say which networks of a space to measure on a new device: those that tell most of it.
    #[command(after_help = "Example:\n  bespoke predictor plan --space fbnet --samples 10")]
    Plan(Plan),
    /// Learn a device: measure the planned networks on it, and keep what they tell.
    ///
    /// This machine's predictor goes to a file. That of a coordinator's boards is kept by the coordinator, in versions.
    #[command(
        after_help = "Examples:\n  bespoke predictor adapt --space fbnet --target tract/b1/t1/f32 --out tract.json\n  bespoke predictor adapt --space fbnet --target tract/b1/t1/f32 --coordinator http://farm.local:7117"
    )]
    Adapt(Adapt),
    /// Price networks on a device that was learned.
    ///
    /// A coordinator answers with what was measured where it was, and else by the latest version of its predictor.
    #[command(
        after_help = "Examples:\n  bespoke predictor price --predictor tract.json $(bespoke space sample fbnet --count 5)\n  bespoke predictor price --coordinator http://farm.local:7117 --target tract/b1/t1/f32 --onnx network.onnx --json"
    )]
    Price(PricePredicted),
    /// List the predictors of a coordinator, or those that studies on this machine have left in the data folder.
    #[command(
        after_help = "Example:\n  bespoke predictor list --coordinator http://farm.local:7117"
    )]
    List(StudiesSource),
    /// Show what a predictor was learned from: its space, other devices, and each measurement.
    #[command(
        after_help = "Examples:\n  bespoke predictor describe --predictor tract.json\n  bespoke predictor describe --coordinator http://farm.local:7117 --target tract/b1/t1/f32 --json"
    )]
    Describe(DescribePredictor),
    /// Learn from tables of devices what to expect of others: a prior for `plan` and `adapt`.
    #[command(
        after_help = "Example:\n  bespoke predictor fit --table fbnet=fbnet.csv --table nasbench201=cells.csv --out prior.json"
    )]
    Fit(Fit),
}

/// Arguments of `predictor plan`.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub from: PlanFrom,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a plan is made from.
#[derive(Debug, Args)]
pub struct PlanFrom {
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// Networks to measure.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub samples: u16,
    /// A prior that `predictor fit` wrote; default: nothing is known of other devices.
    #[arg(long, value_name = "FILE")]
    pub prior: Option<PathBuf>,
    /// Seed of the draw of the 600 networks that are chosen from.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// Arguments of `predictor adapt`.
#[derive(Debug, Args)]
pub struct Adapt {
    #[command(flatten)]
    pub from: PlanFrom,
    /// The target to learn, such as `tract/b1/t1/f32`.
    #[arg(long)]
    pub target: TargetSpec,
    /// Have a coordinator plan, measure and keep the predictor; it goes by what it knows beforehand.
    #[arg(long, value_name = "URL", conflicts_with_all = ["out", "prior", "seed"])]
    pub coordinator: Option<String>,
    #[command(flatten)]
    pub limits: Limits,
    /// File to write the predictor to, measured on this machine.
    #[arg(
        long,
        short,
        value_name = "FILE",
        required_unless_present = "coordinator"
    )]
    pub out: Option<PathBuf>,
}

/// Arguments of `predictor price`.
#[derive(Debug, Args)]
pub struct PricePredicted {
    /// What `predictor adapt` wrote.
    #[arg(long, value_name = "FILE", required_unless_present = "coordinator")]
    pub predictor: Option<PathBuf>,
    /// Ask a coordinator instead of a file.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "predictor",
        requires = "target"
    )]
    pub coordinator: Option<String>,
    /// The coordinator's target: as `tract/b1/t1/f32`, or a fingerprint.
    #[arg(long, requires = "coordinator")]
    pub target: Option<TargetName>,
    /// A shipped space's name or a space file: the space of the architectures, where the target has predictors of
    /// several. Default: that of the latest.
    #[arg(long, requires = "coordinator")]
    pub space: Option<String>,
    /// Canonical strings of architectures.
    #[arg(required_unless_present = "onnx")]
    pub architectures: Vec<String>,
    /// ONNX files.
    #[arg(long, value_name = "FILE")]
    pub onnx: Vec<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `predictor describe`.
#[derive(Debug, Args)]
pub struct DescribePredictor {
    /// The target: as `tract/b1/t1/f32`, or a fingerprint.
    #[arg(long, required_unless_present = "predictor")]
    pub target: Option<TargetName>,
    /// A file that `predictor adapt` wrote.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "coordinator"])]
    pub predictor: Option<PathBuf>,
    #[command(flatten)]
    pub source: StudiesSource,
}

/// A target as it is written, which machines of several kinds may have, or down to the machine.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetName {
    /// As `tract/b1/t1/f32`.
    Spec(TargetSpec),
    /// 32 hexadecimal digits.
    Fingerprint(TargetFingerprint),
}

/// Arguments of `predictor fit`.
#[derive(Debug, Args)]
pub struct Fit {
    /// A space, by name or file, and a table of its networks, written SPACE=CSV; may be given more than once. A device
    /// is one column; columns of the same name in several tables are one device.
    #[arg(long, required = true, value_name = "SPACE=CSV", value_parser = space_and_table)]
    pub table: Vec<(String, PathBuf)>,
    /// Leave rows out that cannot be read.
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// File to write.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// Arguments of `predictor evaluate`.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// A CSV file of measurements. Given more than once, the tables meet by architecture: rows are counted in the order
    /// of the first, then come those that only later ones have.
    #[arg(long, required = true, value_name = "CSV")]
    pub table: Vec<PathBuf>,
    /// Devices that the method may learn from beforehand, divided by commas, or `none`.
    #[arg(long, default_value = "none", value_name = "DEVICES")]
    pub sources: Sources,
    /// Rows that it may learn from, counted from 0, and those that it may measure on a target: a range or `all`.
    #[arg(long, default_value = "all", value_name = "ROWS")]
    pub source_rows: Rows,
    /// Rows that it may measure on a target, if not the source rows.
    #[arg(long, value_name = "ROWS")]
    pub pool_rows: Option<Rows>,
    /// Devices that are new to the method, divided by commas; `all` are those that are no sources.
    #[arg(long, default_value = "all", value_name = "DEVICES", value_parser = targets)]
    pub targets: Targets,
    /// Rows to score on.
    #[arg(long, default_value = "all", value_name = "ROWS")]
    pub test_rows: Rows,
    /// Share of the test rows to drop from each end: the fastest and the slowest of each target.
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub trim: f64,
    /// Latencies of each target that the method may read.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub samples: usize,
    /// How often each target is met anew, each time with another seed.
    #[arg(long, default_value = "1", value_name = "N")]
    pub draws: NonZeroUsize,
    #[command(flatten)]
    pub method: MethodArguments,
    /// Seed of all that is drawn.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Leave rows out that cannot be read, and count them. The others keep their numbers.
    #[arg(long)]
    pub skip_bad_rows: bool,
    /// Print the scores as JSON.
    #[arg(long)]
    pub json: bool,
}

/// A method and what it needs.
#[derive(Debug, Args)]
pub struct MethodArguments {
    /// How to predict.
    #[arg(long, default_value = "bespoke")]
    pub method: MethodName,
    /// Table of operators that the look-up method adds up: .yaml, .csv or .txt.
    #[arg(long, value_name = "FILE", required_if_eq("method", "lookup"))]
    pub lookup_table: Option<PathBuf>,
    /// Device profile that the analytical method reads.
    #[arg(long, value_name = "FILE", required_if_eq("method", "analytical"))]
    pub device: Option<PathBuf>,
}

/// Methods by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum MethodName {
    /// Our own: a Bayesian linear model of operators, with the source devices as its prior.
    Bespoke,
    /// HELP, meta-learned on the source devices; ten of the samples are of its reference networks.
    Help,
    /// Proportional to the number of operations.
    Flops,
    /// Ridge regression on the one-hot encoded architecture.
    Ridge,
    /// The elastic net on the same.
    ElasticNet,
    /// Support vector regression on the same.
    Svr,
    /// The sum of a look-up table's operators.
    Lookup,
    /// The roofline of a device profile.
    Analytical,
}

/// Names of source devices, maybe none.
#[derive(Debug, Clone)]
pub struct Sources(pub Vec<String>);

// === impl TargetName ===

impl TargetName {
    /// Whether a predictor is of this target.
    pub fn is_of(&self, info: &PredictorInfo) -> bool {
        match self {
            Self::Spec(target) => info.target == *target,
            Self::Fingerprint(fingerprint) => info.fingerprint == *fingerprint,
        }
    }
}

impl FromStr for TargetName {
    type Err = <TargetSpec as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(fingerprint) => Ok(Self::Fingerprint(fingerprint)),
            Err(FingerprintError { .. }) => text.parse().map(Self::Spec),
        }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spec(target) => target.fmt(f),
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
        }
    }
}

// === impl Sources ===

impl FromStr for Sources {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "none" => Vec::new(),
            names => listed(names),
        }))
    }
}

fn space_and_table(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((space, table)) if !space.is_empty() && !table.is_empty() => {
            Ok((space.to_owned(), PathBuf::from(table)))
        }
        _ => Err(format!(
            "expected SPACE=CSV, such as fbnet=fbnet.csv, got `{text}`"
        )),
    }
}

fn targets(text: &str) -> Result<Targets, Infallible> {
    Ok(match text {
        "all" => Targets::All,
        names => Targets::Named(listed(names)),
    })
}

fn listed(names: &str) -> Vec<String> {
    names
        .split(',')
        .map(|name| name.trim().to_owned())
        .collect()
}
