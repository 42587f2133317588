//! `bespoke lookup`: look-up tables of operators.

mod build;
mod check;
mod fleet;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use bespoke_predict::lookup::{Format, Layout, LookupTable, Prices};
use bespoke_space::{Architecture, Chain, Expanded, PieceId, Space};
use serde_json::json;

use super::{block_on, print, print_json, table::Fixed};
use crate::{
    arguments::{self, BoundsOfLookup, Fix, TableFormat},
    sources,
};

/// Runs `lookup build|check|bounds`.
pub fn run(arguments: &arguments::Lookup, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let done = match arguments {
        arguments::Lookup::Build(arguments) => block_on(build::build(arguments, data_dir))?,
        arguments::Lookup::Check(arguments) => block_on(check::check(arguments, data_dir))?,
        arguments::Lookup::Bounds(arguments) => Some(bounds(arguments)?),
    };
    Ok(match done {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::from(130),
    })
}

fn bounds(arguments: &BoundsOfLookup) -> anyhow::Result<()> {
    let layers = Layers::new(&arguments.space, &arguments.fix)?;
    let (file, table) = read_table(&arguments.table)?;
    let prices = layers.prices(&table);
    let ends = [
        ("least", prices.least(&layers.expanded)),
        ("greatest", prices.greatest(&layers.expanded)),
    ];
    let mut printed = serde_json::Map::new();
    for (name, end) in ends {
        let (ms, architecture) = end.with_context(|| file.clone())?;
        let architecture = layers.space.format_architecture(&architecture);
        if !arguments.json {
            print(&format!("{name:<8}  {ms:.4} ms  {architecture}\n"))?;
        }
        printed.insert(
            name.to_owned(),
            json!({ "latency_ms": ms, "architecture": architecture }),
        );
    }
    if arguments.json {
        print_json(&printed.into())?;
    }
    Ok(())
}

/// A look-up table, and what its file is called.
pub fn read_table(path: &Path) -> anyhow::Result<(String, LookupTable)> {
    let file = path.display().to_string();
    let format = Format::of_file(&file);
    let format = format.with_context(|| format!("{file}: a table ends in .csv, .yaml or .txt"))?;
    let table = LookupTable::parse(format, &file, &sources::text(path)?)?;
    Ok((file, table))
}

/// A space, or some of its networks, layer by layer.
struct Layers {
    space: Space,
    fixed: Fixed,
    chain: Chain,
    expanded: Expanded,
}

// === impl Layers ===

impl Layers {
    fn new(space: &str, fix: &[Fix]) -> anyhow::Result<Self> {
        let space = sources::space(space)?;
        let fixed = Fixed::new(&space, fix)?;
        let mut chain = space.chain();
        let expanded = fixed.expand(&mut chain)?;
        Ok(Self {
            space,
            fixed,
            chain,
            expanded,
        })
    }

    /// What its layers take by a table; the table's keys tell what it calls them.
    fn prices(&self, table: &LookupTable) -> Prices {
        Prices::new(table, Layout::of(table), &self.chain, &self.expanded)
    }

    /// The layers of a network.
    fn pieces(&mut self, architecture: &Architecture) -> anyhow::Result<Vec<PieceId>> {
        let mut pieces = Vec::new();
        self.chain.trace(architecture, &mut pieces)?;
        Ok(pieces)
    }
}

// === impl TableFormat ===

impl TableFormat {
    /// What operators are called, and how the file is written.
    fn parts(self) -> (Layout, Format) {
        match self {
            Self::Bespoke => (Layout::Content, Format::Csv),
            Self::OfaYaml => (Layout::OnceForAll, Format::Yaml),
            Self::ProxylessnasYaml => (Layout::ProxylessNas, Format::Yaml),
            Self::FbnetTxt => (Layout::Fbnet, Format::Fbnet),
        }
    }

    /// Refuses a file that could not be read back, before anything is measured for it.
    fn check_file(self, out: Option<&PathBuf>) -> anyhow::Result<()> {
        let (_, format) = self.parts();
        match out.map(|path| path.display().to_string()) {
            Some(file) if Format::of_file(&file) != Some(format) => {
                bail!(
                    "{file}: a table of this --format ends in {}",
                    format.ending()
                )
            }
            _ => Ok(()),
        }
    }
}
