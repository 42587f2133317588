//! `bespoke space`: look into a search space.

use std::{ops::RangeInclusive, path::PathBuf, process::ExitCode};

use anyhow::{Context, anyhow, bail};
use bespoke_predict::lookup::{Layout, Prices};
use bespoke_space::{Architecture, Chain, Expanded, PieceId, Space, Within, WithinError};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::{Value, json};

use super::{lookup::read_table, print, print_json, table::Fixed};
use crate::{
    arguments::{self, Sample},
    report::grid,
    sources,
};

/// Runs `space list|show|sample|validate`.
pub fn run(arguments: &arguments::Space) -> anyhow::Result<ExitCode> {
    match arguments {
        arguments::Space::List { json } => list(*json)?,
        arguments::Space::Show { space, json } => show(&sources::space(space)?, *json)?,
        arguments::Space::Sample(arguments) => sample(arguments)?,
        arguments::Space::Validate { space, json } => validate(&sources::space(space)?, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(json: bool) -> anyhow::Result<()> {
    let spaces: Vec<Space> = Space::builtin_names().filter_map(Space::builtin).collect();
    if json {
        return print_json(
            &spaces
                .iter()
                .map(|space| json!({ "name": space.name(), "size": space.size() }))
                .collect(),
        );
    }
    let rows = spaces.iter().map(|space| {
        vec![
            space.name().to_owned(),
            space.size(),
            space.source().to_owned(),
        ]
    });
    print(&grid(
        &std::iter::once(["space", "networks", "source"].map(str::to_owned).to_vec())
            .chain(rows)
            .collect::<Vec<_>>(),
    ))
}

fn show(space: &Space, json: bool) -> anyhow::Result<()> {
    if json {
        let decisions: Value = space
            .decisions()
            .iter()
            .map(|decision| json!({ "path": decision.path(), "options": decision.options() }))
            .collect();
        return print_json(&json!({
            "name": space.name(),
            "source": space.source(),
            "size": space.size(),
            "classes": space.classes(),
            "encoding_width": space.encoding_width(),
            "decisions": decisions,
        }));
    }
    print(&format!(
        "{}: {} networks, {} decisions\n{}\n\n",
        space.name(),
        space.size(),
        space.decisions().len(),
        space.source()
    ))?;
    let rows = space
        .decisions()
        .iter()
        .map(|decision| vec![decision.path().to_owned(), decision.options().join(" ")]);
    print(&grid(
        &std::iter::once(["decision", "options"].map(str::to_owned).to_vec())
            .chain(rows)
            .collect::<Vec<_>>(),
    ))
}

fn sample(arguments: &Sample) -> anyhow::Result<()> {
    let space = sources::space(&arguments.space)?;
    let mut rng = ChaCha8Rng::seed_from_u64(arguments.seed);
    let Sample {
        count, table, fix, ..
    } = arguments;
    if !table.is_empty() {
        return sample_priced(&space, arguments, &mut rng);
    }
    let within = match fix.is_empty() {
        true => None,
        false => Some(Within::new(
            Fixed::new(&space, fix)?.expand(&mut space.chain())?,
            |_| 0.0,
            0.0,
        )?),
    };
    let mut draw = || {
        let architecture = match &within {
            None => space.sample(&mut rng),
            Some(within) => draw_within(within, &mut rng)?,
        };
        Ok(space.format_architecture(&architecture))
    };
    if arguments.json {
        let drawn = (0..*count).map(|_| draw().map(Value::from));
        return print_json(&drawn.collect::<anyhow::Result<_>>()?);
    }
    (0..*count).try_for_each(|_| print(&format!("{}\n", draw()?)))
}

fn sample_priced(space: &Space, arguments: &Sample, rng: &mut ChaCha8Rng) -> anyhow::Result<()> {
    let mut chain = space.chain();
    let expanded = Fixed::new(space, &arguments.fix)?.expand(&mut chain)?;
    let tables = priced_tables(arguments, &chain, &expanded)?;
    let within = within(space, expanded, &tables)?;
    if !arguments.json && !arguments.bound_ms.is_empty() {
        eprintln!("bespoke: {}", in_words(within.count(), tables.len()));
    }
    let mut drawn = Vec::new();
    let mut pieces = Vec::new();
    for _ in 0..arguments.count {
        let architecture = draw_within(&within, rng)?;
        chain.trace(&architecture, &mut pieces)?;
        let prices = tables.iter().map(|table| table.prices.network_ms(&pieces));
        let prices = prices.collect::<Result<Vec<f64>, _>>()?;
        let architecture = space.format_architecture(&architecture);
        if arguments.json {
            drawn.push(json!({ "architecture": architecture, "latencies_ms": prices }));
        } else {
            let prices: String = prices.iter().map(|ms| format!("{ms:.4} ms  ")).collect();
            print(&format!("{prices}{architecture}\n"))?;
        }
    }
    if arguments.json {
        let count = within.count();
        // Of those that keep the tightest bound, the other bounds leave any number.
        let at_least = (tables.len() == 1).then_some(count.start());
        let networks = json!({ "at_least": at_least, "at_most": count.end() });
        print_json(&json!({ "networks": networks, "drawn": drawn }))?;
    }
    Ok(())
}

/// What the space's layers take by a table, and what a network may.
struct PricedTable {
    file: String,
    prices: Prices,
    bound_ms: f64,
}

// === impl PricedTable ===

impl PricedTable {
    fn piece_ms(&self, piece: PieceId) -> f64 {
        let ms = self.prices.piece_ms(piece);
        ms.expect("every piece was found to have a price")
    }
}

fn priced_tables(
    arguments: &Sample,
    chain: &Chain,
    expanded: &Expanded,
) -> anyhow::Result<Vec<PricedTable>> {
    let (paths, bounds) = (&arguments.table, &arguments.bound_ms);
    if !bounds.is_empty() && bounds.len() != paths.len() {
        bail!(
            "give one --bound-ms for each --table, in the same order: there are {} for {}",
            bounds.len(),
            paths.len()
        );
    }
    let table = |(index, path): (usize, &PathBuf)| {
        let (file, table) = read_table(path)?;
        let prices = Prices::new(&table, Layout::of(&table), chain, expanded);
        prices.check(expanded).with_context(|| file.clone())?;
        Ok(PricedTable {
            file,
            prices,
            bound_ms: bounds.get(index).copied().unwrap_or(f64::MAX),
        })
    };
    paths.iter().enumerate().map(table).collect()
}

/// Those of the expanded networks that keep the bounds of all tables.
fn within(space: &Space, expanded: Expanded, tables: &[PricedTable]) -> anyhow::Result<Within> {
    let all = Within::new(expanded, |_| 0.0, 0.0)?;
    tables.iter().try_fold(all, |within, table| {
        let narrower = within.and(|piece| table.piece_ms(piece), table.bound_ms);
        narrower.map_err(|error| refusal(space, table, error))
    })
}

fn refusal(space: &Space, table: &PricedTable, error: WithinError) -> anyhow::Error {
    match error {
        WithinError::Impossible {
            bound,
            least,
            architecture,
        } => anyhow!(
            "{}: no network of this space runs within {bound} ms on this target: the fastest takes {} ms: {}",
            table.file,
            // Rounded up: it is a bound that can be kept.
            (least * 1e4).ceil() / 1e4,
            space.format_architecture(&architecture)
        ),
        other => anyhow!(other).context(table.file.clone()),
    }
}

fn draw_within(within: &Within, rng: &mut ChaCha8Rng) -> anyhow::Result<Architecture> {
    within.draw(rng).with_context(|| {
        format!(
            "of {} networks drawn within the tightest bound, none keeps all bounds",
            Within::MAX_TRIES
        )
    })
}

/// How many networks keep the bounds of so many tables.
fn in_words(count: RangeInclusive<f64>, tables: usize) -> String {
    let (least, most) = count.into_inner();
    match tables {
        1 if least == most => format!("{most} networks keep the bound"),
        1 => format!("{least:.3e} to {most:.3e} networks keep the bound"),
        _ => format!("at most {most:.3e} networks keep the bounds"),
    }
}

fn validate(space: &Space, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(&json!({ "name": space.name(), "valid": true, "size": space.size() }));
    }
    print(&format!(
        "{} is valid: {} networks, {} decisions\n",
        space.name(),
        space.size(),
        space.decisions().len()
    ))
}
