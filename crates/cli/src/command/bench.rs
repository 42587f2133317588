//! `bespoke bench`: scores in tables that were published.

use std::process::ExitCode;

use anyhow::{Context, bail};
use bespoke_predict::{BadRows, Table};
use bespoke_space::Space;
use bespoke_tabular::{
    Accuracies, Benchmark, Figure, Latencies, Outcome, Related, Sampling, Search, Target, strategy,
    summary,
};
use serde_json::json;

use super::{predictor::progress_bar, print, print_json};
use crate::{
    arguments::{AccuracyFrom, Beforehand, Bench, BenchSearch, LatencyFrom},
    report::grid,
    sources,
};

/// Runs `bench search`.
pub fn run(arguments: &Bench) -> anyhow::Result<ExitCode> {
    match arguments {
        Bench::Search(arguments) => search(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn search(arguments: &BenchSearch) -> anyhow::Result<()> {
    let search = Search {
        strategy: strategy(arguments.strategy.as_deref(), &arguments.set)?,
        evaluations: arguments.evaluations as usize,
        in_flight: arguments.in_flight,
        confidence: arguments.beforehand.confidence,
        related: related(arguments)?,
    };
    let (benchmark, table) = tables(arguments)?;
    let accuracies_known = arguments.beforehand.accuracy_from == AccuracyFrom::Table;
    let latencies = latencies(&arguments.beforehand, &benchmark, &table)?;
    let bar = progress_bar("searches");
    bar.set_length(arguments.seeds.into());
    let mut outcomes: Vec<Outcome> = Vec::new();
    for seed in 0..u64::from(arguments.seeds) {
        let forecast = benchmark.forecast(accuracies_known, latencies()?);
        outcomes.push(search.run(&benchmark, seed, forecast)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if arguments.json {
        return print_json(&json!({ "strategy": search.strategy, "seeds": outcomes }));
    }
    print(&as_text(&outcomes))
}

/// The tables as one benchmark, and the table of latencies as it is.
fn tables(arguments: &BenchSearch) -> anyhow::Result<(Benchmark, Table)> {
    let targets = Target::all(&arguments.latency_column, &arguments.bound_ms.0)?;
    let space = sources::space(&arguments.space)?;
    let accuracies = accuracies(arguments, &space, &arguments.accuracy_column)?;
    let file = arguments.latency_table.display().to_string();
    let text = sources::bytes(&arguments.latency_table)?;
    let latencies = Table::parse(&space, &file, &text, BadRows::Refuse)?;
    let benchmark = Benchmark::new(space, accuracies, &latencies, targets);
    Ok((benchmark.context(file)?, latencies))
}

fn accuracies(arguments: &BenchSearch, space: &Space, column: &str) -> anyhow::Result<Accuracies> {
    let file = arguments.accuracy_table.display().to_string();
    let text = sources::bytes(&arguments.accuracy_table)?;
    Ok(Accuracies::parse(space, &file, &text, column)?)
}

/// The other task that is known beforehand, if any is.
fn related(arguments: &BenchSearch) -> anyhow::Result<Option<Related>> {
    let Beforehand {
        related_column,
        related_networks,
        ..
    } = &arguments.beforehand;
    let Some(column) = related_column else {
        return Ok(None);
    };
    let space = sources::space(&arguments.space)?;
    Ok(Some(Related {
        accuracies: accuracies(arguments, &space, column)?,
        networks: *related_networks as usize,
    }))
}

/// Makes for each search what it knows of latencies beforehand.
fn latencies<'a>(
    beforehand: &Beforehand,
    benchmark: &'a Benchmark,
    table: &Table,
) -> anyhow::Result<Box<dyn Fn() -> anyhow::Result<Latencies> + 'a>> {
    if beforehand.latency_from != LatencyFrom::Predictor && !beforehand.sources.0.is_empty() {
        bail!("--sources are what a predictor learns from: they need --latency-from predictor");
    }
    Ok(match beforehand.latency_from {
        LatencyFrom::Table => Box::new(|| Ok(Latencies::Table)),
        LatencyFrom::Trials => Box::new(|| Ok(Latencies::Trials)),
        LatencyFrom::Predictor => {
            let sampling = Sampling {
                sources: beforehand.sources.0.clone(),
                source_rows: beforehand.source_rows.clone(),
                samples: usize::from(beforehand.samples),
            };
            let sampled = sampling.measure(benchmark, table)?;
            Box::new(move || Ok(Latencies::Expected(sampled.forecast(benchmark)?)))
        }
    })
}

/// A figure on each line, over all seeds.
fn as_text(outcomes: &[Outcome]) -> String {
    let heading = ["median", "mean", "seeds", "figure"].map(str::to_owned);
    let row = |figure: Figure| {
        vec![
            format!("{:.4}", figure.median),
            format!("{:.4}", figure.mean),
            figure.seeds.to_string(),
            figure.name,
        ]
    };
    let rows = summary(outcomes).into_iter().map(row);
    grid(
        &std::iter::once(heading.to_vec())
            .chain(rows)
            .collect::<Vec<_>>(),
    )
}
