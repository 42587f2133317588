//! The command line of `bespoke bench`.

use std::{num::NonZeroUsize, path::PathBuf, str::FromStr};

use bespoke_predict::Rows;
use clap::{Args, Subcommand, ValueEnum};

use super::predictor::Sources;

/// Arguments of `bench`.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Score a strategy in a space of which every network's accuracy and latency stand in tables.
    #[command(
        after_help = "Examples:\n  bespoke bench search --space nasbench201 --accuracy-table accuracy.csv --accuracy-column cifar100 --latency-table latency.csv --latency-column raspi4 --strategy nsga2 --set population=20\n  bespoke bench search --space nasbench201 --accuracy-table accuracy.csv --accuracy-column cifar100 --latency-table latency.csv --latency-column eyeriss,fpga --bound-ms 5,4 --latency-from predictor --samples 10 --json\n\nFor each seed: which share of the true front's hypervolume the first 50, 100, 200, 400 and 800 networks enclose, accuracy from 10 % and latencies from the slowest on, and, with a bound, the most accurate network that was found to meet it. Latencies and accuracies are judged by the tables, wherever the search has them from."
    )]
    Search(BenchSearch),
}

/// Arguments of `bench search`.
#[derive(Debug, Args)]
pub struct BenchSearch {
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// A CSV file with the accuracy of every network of the space in per cent; its first column is `architecture`.
    #[arg(long, value_name = "CSV")]
    pub accuracy_table: PathBuf,
    /// The column of the accuracy.
    #[arg(long, value_name = "COLUMN")]
    pub accuracy_column: String,
    /// A CSV file with the latency of every network of the space in milliseconds; its first column is `architecture`.
    #[arg(long, value_name = "CSV")]
    pub latency_table: PathBuf,
    /// The columns of the targets, divided by commas.
    #[arg(long, value_delimiter = ',', required = true, value_name = "COLUMNS")]
    pub latency_column: Vec<String>,
    /// Most milliseconds that a network may take on each target, divided by commas, with nothing between them where it
    /// may take any time: `5,,20`.
    #[arg(long, default_value = "", hide_default_value = true, value_name = "MS")]
    pub bound_ms: BoundsMs,
    /// Name of the strategy, as in a study file; default: that of a study that names none.
    #[arg(long, value_name = "NAME")]
    pub strategy: Option<String>,
    /// A setting of the strategy, as in a study file; may be given more than once.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub set: Vec<(String, String)>,
    /// Networks to evaluate, all different.
    #[arg(long, default_value_t = 400, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub evaluations: u32,
    /// Networks that are evaluated side by side.
    #[arg(long, default_value = "1", value_name = "N")]
    pub in_flight: NonZeroUsize,
    /// Searches, with the seeds from 0 on.
    #[arg(long, default_value_t = 10, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub seeds: u32,
    #[command(flatten)]
    pub beforehand: Beforehand,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a search knows of networks before it evaluates them.
#[derive(Debug, Args)]
pub struct Beforehand {
    /// Where it knows latencies from.
    #[arg(long, default_value = "table", value_name = "SOURCE")]
    pub latency_from: LatencyFrom,
    /// Where it knows accuracies from.
    #[arg(long, default_value = "trials", value_name = "SOURCE")]
    pub accuracy_from: AccuracyFrom,
    /// Networks that the predictor measures on each target before the search.
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub samples: u16,
    /// Columns of the latency table that the predictor knows beforehand, divided by commas, or `none`.
    #[arg(long, default_value = "none", value_name = "COLUMNS")]
    pub sources: Sources,
    /// Rows of the latency table that the predictor may learn from and measure, counted from 0: a range or `all`.
    #[arg(long, default_value = "all", value_name = "ROWS")]
    pub source_rows: Rows,
    /// With which probability a network is to meet each bound before it is evaluated, above 0 and below 1.
    #[arg(long, default_value_t = 0.5, value_name = "P")]
    pub confidence: f64,
    /// A column of the accuracy table for another task, of which some networks are known; the default strategy learns
    /// how far its own task is like that.
    #[arg(long, value_name = "COLUMN")]
    pub related_column: Option<String>,
    /// How many networks of the other task are known, drawn at random.
    #[arg(
        long,
        default_value_t = 200,
        requires = "related_column",
        value_name = "N"
    )]
    pub related_networks: u32,
}

/// Where latencies are known from before a network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LatencyFrom {
    /// From the table, exactly.
    Table,
    /// From nowhere: only those of evaluated networks are seen.
    Trials,
    /// From a predictor that measures a few networks beforehand.
    Predictor,
}

/// Where accuracies are known from before a network is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AccuracyFrom {
    /// From the table: a search looks for latencies alone.
    Table,
    /// From nowhere: only those of evaluated networks are seen.
    Trials,
}

/// A bound for each of several targets, or none at all.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundsMs(pub Vec<Option<f64>>);

// === impl BoundsMs ===

impl FromStr for BoundsMs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let bound = |text: &str| match text.trim() {
            "" => Ok(None),
            text => {
                let ms = text.parse().map(Some);
                ms.map_err(|_| format!("`{text}` is no number of milliseconds"))
            }
        };
        text.split(',')
            .map(bound)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!(
            "expected KEY=VALUE, such as population=20, got `{text}`"
        )),
    }
}
