//! The command line of `bespoke lookup`.

use std::path::PathBuf;

use bespoke_device::TargetSpec;
use clap::{Args, Subcommand, ValueEnum};

use super::{Fix, On};

/// Arguments of `lookup`.
#[derive(Debug, Subcommand)]
pub enum Lookup {
    /// Build the table for your device: measure every operator that the networks of a space can contain.
    ///
    /// Each operator or fused block is measured once, by itself; some whole networks tell what it takes inside of a
    /// network, where it is called otherwise and its weights have to be fetched. What the data folder or the coordinator
    /// knows already is not measured again.
    #[command(
        after_help = "Examples:\n  bespoke lookup build --space ofa_mobilenetv3 --fix input.resolution=160 --target tract/b1/t1/f32 --format ofa-yaml --out my_device.yaml\n  bespoke lookup build --space fbnet --target tract/b1/t1/f32 --coordinator http://farm.local:7117 --out board.csv\n\nStopped or killed, the same command goes on where it was."
    )]
    Build(BuildLookup),
    /// Check a table: price random networks with it, measure them, and tell how far off it is.
    #[command(
        after_help = "Example:\n  bespoke lookup check --table my_device.yaml --space ofa_mobilenetv3 --fix input.resolution=160 --target tract/b1/t1/f32"
    )]
    Check(CheckLookup),
    /// Find the fastest and the slowest network of a space under a table, exactly.
    #[command(
        after_help = "Example:\n  bespoke lookup bounds --table my_device.yaml --space ofa_mobilenetv3 --fix input.resolution=160"
    )]
    Bounds(BoundsOfLookup),
}

/// Arguments of `lookup build`.
#[derive(Debug, Args)]
pub struct BuildLookup {
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// The target to measure on, such as `tract/b1/t1/f32`.
    #[arg(long)]
    pub target: TargetSpec,
    /// Whose tables to write.
    #[arg(long, default_value = "bespoke")]
    pub format: TableFormat,
    /// Whole networks to measure as well; with 0, the table says what operators take alone.
    #[arg(long, default_value_t = 30, value_name = "N")]
    pub networks: u32,
    /// Seed of the draw of the whole networks.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub on: On,
    /// File to write; default: the table is printed.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `lookup check`.
#[derive(Debug, Args)]
pub struct CheckLookup {
    /// The look-up table: `.csv`, `.yaml` (once-for-all, ProxylessNAS), or `.txt` (FBNet).
    #[arg(long, value_name = "FILE")]
    pub table: PathBuf,
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// The target that the table is of, such as `tract/b1/t1/f32`.
    #[arg(long)]
    pub target: TargetSpec,
    /// Networks to draw, uniformly and without repetition.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub networks: u32,
    /// Seed of the draw; another one than that of `lookup build`, so that the table is checked on other networks than
    /// it was made from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    #[command(flatten)]
    pub on: On,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `lookup bounds`.
#[derive(Debug, Args)]
pub struct BoundsOfLookup {
    /// The look-up table: `.csv`, `.yaml` (once-for-all, ProxylessNAS), or `.txt` (FBNet).
    #[arg(long, value_name = "FILE")]
    pub table: PathBuf,
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// Look at those networks only that take this option, written PATH=OPTION; may be given more than once.
    #[arg(long, value_name = "PATH=OPTION")]
    pub fix: Vec<Fix>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What operators are called in a table, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For any space: operators are called after what they compute; `.csv`.
    Bespoke,
    /// Once-for-all's, for networks like MobileNetV3; `.yaml`.
    OfaYaml,
    /// ProxylessNAS', for networks like MobileNetV2; `.yaml`.
    ProxylessnasYaml,
    /// That of public FBNet code: a row for each layer, in microseconds; `.txt`.
    FbnetTxt,
}
