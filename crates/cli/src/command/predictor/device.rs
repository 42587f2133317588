//! A device of one's own: what to measure on it, and what tables of others tell.

use std::path::Path;

use anyhow::Context;
use bespoke_coordinator::{Candidate, Pool};
use bespoke_predict::{BadRows, Network, Prior, Reader, Source as Device, Table};
use bespoke_space::Space;
use bespoke_study::Source;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    arguments::{Fit, Plan, PlanFrom},
    command::{print, print_json},
    sources,
};

/// Prints the networks to measure.
pub fn plan(arguments: &Plan) -> anyhow::Result<()> {
    let planned = Planned::new(&arguments.from)?.candidates();
    let names = planned.into_iter().map(|candidate| candidate.architecture);
    if arguments.json {
        return print_json(&names.map(Value::from).collect());
    }
    names
        .map(|name| format!("{name}\n"))
        .try_for_each(|line| print(&line))
}

/// Learns a prior from tables and writes it.
pub fn fit(arguments: &Fit) -> anyhow::Result<()> {
    let bad_rows = match arguments.skip_bad_rows {
        true => BadRows::LeaveOut,
        false => BadRows::Refuse,
    };
    let mut networks: Vec<Network> = Vec::new();
    let mut devices: Vec<Device> = Vec::new();
    for (space, path) in &arguments.table {
        let space = sources::space(space)?;
        let table = Table::parse(
            &space,
            &path.display().to_string(),
            &sources::bytes(path)?,
            bad_rows,
        )?;
        let mut reader = Reader::new(&space);
        for (row, architecture) in table.architectures().iter().enumerate() {
            let Some(architecture) = architecture else {
                continue;
            };
            let place = networks.len();
            networks.push(reader.network(architecture)?);
            for name in table.devices() {
                let ms = table.latencies_ms(name)?[row];
                let known = devices.iter_mut().find(|device| device.name == name);
                let device = match known {
                    Some(device) => device,
                    None => {
                        devices.push(Device {
                            name: name.to_owned(),
                            latencies_ms: Vec::new(),
                        });
                        devices.last_mut().expect("just pushed")
                    }
                };
                device.latencies_ms.resize(place, None);
                device.latencies_ms.push(ms);
            }
        }
    }
    for device in &mut devices {
        device.latencies_ms.resize(networks.len(), None);
    }
    let all: Vec<&Network> = networks.iter().collect();
    let prior = Prior::fit(&all, &devices)?;
    write(&arguments.out, &serde_json::to_string(&prior)?)?;
    eprintln!(
        "bespoke: learned from {} networks on {}",
        networks.len(),
        prior.sources().join(", ")
    );
    Ok(())
}

/// Networks to choose those to measure from, and what they are of.
pub struct Planned {
    /// The space as it is written.
    pub source: Source,
    /// The space.
    pub space: Space,
    /// The networks.
    pub pool: Pool,
    samples: usize,
}

// === impl Planned ===

impl Planned {
    /// Draws networks of the space that is asked for.
    pub fn new(from: &PlanFrom) -> anyhow::Result<Self> {
        let source = sources::space_source(&from.space)?;
        let space = Space::parse(&source.file, &source.text)?;
        let prior: Option<Prior> = from.prior.as_deref().map(read).transpose()?;
        Ok(Self {
            pool: Pool::draw(&space, from.seed, prior)?,
            source,
            space,
            samples: usize::from(from.samples),
        })
    }

    /// The networks to measure.
    pub fn candidates(&self) -> Vec<Candidate> {
        self.pool.plan(self.samples)
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_str(&sources::text(path)?).with_context(|| path.display().to_string())
}

/// Writes a file.
pub fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
