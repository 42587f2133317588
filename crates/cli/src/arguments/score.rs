//! Arguments of `score`.

use std::path::PathBuf;

use bespoke_recipe::{DataSetName, ScoreName};
use clap::Args;

/// Arguments of `score`.
#[derive(Debug, Args)]
pub struct Score {
    /// A shipped space's name or a space file.
    #[arg(long)]
    pub space: String,
    /// Canonical strings of architectures.
    #[arg(required_unless_present = "file")]
    pub architectures: Vec<String>,
    /// A file with an architecture in each line.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The scores: several are divided by commas, and vote. There are parameters, flops, grad_norm, snip, grasp, fisher,
    /// synflow, jacob_cov, naswot, zen and entropy.
    #[arg(long, value_delimiter = ',', default_value = "synflow")]
    pub scores: Vec<ScoreName>,
    /// The data set that images are taken of, where a score looks at any.
    #[arg(long)]
    pub data: Option<DataSetName>,
    /// Where its files are; not needed for the digits.
    #[arg(long, value_name = "FOLDER", requires = "data")]
    pub folder: Option<PathBuf>,
    /// How many of its training images, the first, are the batch.
    #[arg(long, value_name = "IMAGES", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub batch_size: u16,
    /// Seed of the weights.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Print as JSON instead of CSV.
    #[arg(long)]
    pub json: bool,
}
