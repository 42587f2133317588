//! The command line of `bespoke table`.

use std::{path::PathBuf, str::FromStr};

use bespoke_device::TargetSpec;
use clap::{Args, Subcommand};

use super::Limits;

/// Arguments of `table`.
#[derive(Debug, Subcommand)]
pub enum Table {
    /// Measure networks of a space: a row for each network, a column for each target, in milliseconds.
    #[command(
        after_help = "Example:\n  bespoke table measure --space fbnet --target tract/b1/t1/f32,flex/b1/t1/f32 --networks 100 --out fbnet.csv\n\nStopped or killed, the same command goes on where it was. What `predictor evaluate` reads is what this writes."
    )]
    Measure(MeasureTable),
}

/// Arguments of `table measure`.
#[derive(Debug, Args)]
pub struct MeasureTable {
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// Targets to measure on, such as `tract/b1/t1/f32`, divided by commas.
    #[arg(long, value_delimiter = ',', required = true, value_name = "TARGETS")]
    pub target: Vec<TargetSpec>,
    /// Networks to draw, uniformly and without repetition.
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub networks: u32,
    /// Seed of the draw.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub on: On,
    /// File to write, or to go on with.
    #[arg(long, short, value_name = "CSV")]
    pub out: PathBuf,
}

/// Which networks are measured, and how.
#[derive(Debug, Args)]
pub struct On {
    /// Take those networks only that have this option, written PATH=OPTION; may be given more than once.
    #[arg(long, value_name = "PATH=OPTION")]
    pub fix: Vec<Fix>,
    /// Measure through a coordinator instead of on this machine.
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
    #[command(flatten)]
    pub limits: Limits,
}

/// An option of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The decision's path.
    pub path: String,
    /// The option's label.
    pub option: String,
}

// === impl Fix ===

impl FromStr for Fix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((path, option)) if !path.is_empty() && !option.is_empty() => Ok(Self {
                path: path.to_owned(),
                option: option.to_owned(),
            }),
            _ => Err(format!(
                "expected PATH=OPTION, such as input.resolution=160, got `{text}`"
            )),
        }
    }
}
