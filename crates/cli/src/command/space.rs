//! `bespoke space`: look into a search space.

use std::process::ExitCode;

use bespoke_space::Space;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::{arguments, report::grid, sources};

/// Runs `space list|show|sample|validate`.
pub fn run(arguments: &arguments::Space) -> anyhow::Result<ExitCode> {
    match arguments {
        arguments::Space::List { json } => list(*json)?,
        arguments::Space::Show { space, json } => show(&sources::space(space)?, *json)?,
        arguments::Space::Sample {
            space,
            count,
            seed,
            json,
        } => {
            sample(&sources::space(space)?, *count, *seed, *json)?;
        }
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

fn sample(space: &Space, count: u32, seed: u64, json: bool) -> anyhow::Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || space.format_architecture(&space.sample(&mut rng));
    if json {
        return print_json(&(0..count).map(|_| Value::from(draw())).collect());
    }
    (0..count).try_for_each(|_| print(&format!("{}\n", draw())))
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
