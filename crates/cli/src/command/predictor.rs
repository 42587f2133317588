//! `bespoke predictor`: prices of networks before they are measured.

mod adapt;
mod device;
mod help;
mod kept;
mod price;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use bespoke_device::{Precision, Profile, TargetSpec};
use bespoke_predict::{
    BadRows, Bespoke, Evaluation, Flops, Lookup, Method, Regression, Scorecard, Table,
    analytical::Analytical,
};
use bespoke_space::Space;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{lookup::read_table, print, print_json};
use crate::{
    arguments::{self, Evaluate, MethodArguments, MethodName},
    report::grid,
    sources,
};

/// Runs `predictor evaluate|plan|adapt|price|list|describe|fit`.
pub fn run(arguments: &arguments::Predictor, data_dir: &Path) -> anyhow::Result<ExitCode> {
    match arguments {
        arguments::Predictor::Evaluate(arguments) => show_evaluation(arguments)?,
        arguments::Predictor::Plan(arguments) => device::plan(arguments)?,
        arguments::Predictor::Adapt(arguments) => adapt::adapt(arguments)?,
        arguments::Predictor::Price(arguments) => price::price(arguments)?,
        arguments::Predictor::List(source) => kept::list(source, data_dir)?,
        arguments::Predictor::Describe(arguments) => kept::describe(arguments, data_dir)?,
        arguments::Predictor::Fit(arguments) => device::fit(arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_evaluation(arguments: &Evaluate) -> anyhow::Result<()> {
    let scorecard = evaluate(arguments)?;
    if arguments.json {
        print_json(&serde_json::to_value(scorecard)?)
    } else {
        print(&as_text(&scorecard))
    }
}

fn evaluate(arguments: &Evaluate) -> anyhow::Result<Scorecard> {
    let space = sources::space(&arguments.space)?;
    let bad_rows = match arguments.skip_bad_rows {
        true => BadRows::LeaveOut,
        false => BadRows::Refuse,
    };
    let table = tables(&space, &arguments.table, bad_rows)?;
    let method = method(&arguments.method)?;
    let evaluation = Evaluation {
        sources: arguments.sources.0.clone(),
        source_rows: arguments.source_rows.clone(),
        targets: arguments.targets.clone(),
        pool_rows: arguments.pool_rows.clone(),
        test_rows: arguments.test_rows.clone(),
        trim: arguments.trim,
        samples: arguments.samples,
        draws: arguments.draws,
        seed: arguments.seed,
    };
    let bar = progress_bar("draws");
    let mut told = |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let began = Instant::now();
    let clock = move || -> Duration { began.elapsed() };
    let scorecard = evaluation.run(&space, &table, method.as_ref(), &clock, &mut told);
    bar.finish_and_clear();
    Ok(scorecard?)
}

/// All tables as one.
fn tables(space: &Space, paths: &[PathBuf], bad_rows: BadRows) -> anyhow::Result<Table> {
    let read = |path: &PathBuf| -> anyhow::Result<Table> {
        let text = sources::bytes(path)?;
        Ok(Table::parse(
            space,
            &path.display().to_string(),
            &text,
            bad_rows,
        )?)
    };
    let mut tables = paths.iter().map(read);
    let first = tables
        .next()
        .context("a table of measurements is needed: --table")??;
    tables.try_fold(first, |merged, table| Ok(merged.merged(table?)?))
}

fn method(arguments: &MethodArguments) -> anyhow::Result<Box<dyn Method>> {
    Ok(match arguments.method {
        MethodName::Bespoke => Box::new(Bespoke),
        MethodName::Help => Box::new(help::Help),
        MethodName::Flops => Box::new(Flops),
        MethodName::Ridge => Box::new(Regression::Ridge),
        MethodName::ElasticNet => Box::new(Regression::ElasticNet),
        MethodName::Svr => Box::new(Regression::Svr),
        MethodName::Lookup => Box::new(lookup(arguments.lookup_table.as_deref())?),
        MethodName::Analytical => Box::new(analytical(arguments.device.as_deref())?),
    })
}

fn lookup(table: Option<&Path>) -> anyhow::Result<Lookup> {
    let path = table.context("the look-up method reads a table of operators: --lookup-table")?;
    Ok(Lookup::new(read_table(path)?.1))
}

/// The roofline of a device profile, with one sample in a pass and all cores at work.
fn analytical(profile: Option<&Path>) -> anyhow::Result<Analytical> {
    let path = profile.context("the analytical method reads a device profile: --device")?;
    let text = sources::text(path)?;
    let profile = Profile::parse(&path.display().to_string(), &text)?;
    let threads = profile.cores.unwrap_or(1);
    let target = TargetSpec::new("any", 1, threads, Precision::F32)?;
    Ok(Analytical::new(&profile, &target)?)
}

/// How many are done and to do, on stderr where that is a terminal.
pub fn progress_bar(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template("{bar:28} {pos}/{len} {msg}");
    bar.set_message(what);
    bar.with_style(
        style
            .expect("the template is a literal")
            .progress_chars("━╸─"),
    )
}

fn as_text(scorecard: &Scorecard) -> String {
    let heading = [
        "Spearman", "sd", "Kendall", "±5 %", "±10 %", "error", "in 90 %", "width", "samples",
        "rows", "target",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(scorecard.targets.iter().map(|target| {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        vec![
            format!("{:.4}", target.spearman),
            format!("{:.4}", target.spearman_sd),
            format!("{:.4}", target.kendall),
            percent(target.within_5_percent),
            percent(target.within_10_percent),
            percent(target.mape),
            percent(target.coverage_90),
            percent(target.relative_width_90),
            target.samples_read.to_string(),
            target.rows_scored.to_string(),
            target.target.clone(),
        ]
    }));
    format!(
        "{}\n{}: mean Spearman {:.4}; trained in {:.3} s, planned in {:.1} ms, adapted in {:.1} ms, {:.2} µs a network; {} rows left out\n",
        grid(&rows),
        scorecard.method,
        scorecard.mean_spearman,
        scorecard.train_seconds,
        scorecard.plan_ms,
        scorecard.adapt_ms,
        scorecard.predict_us,
        scorecard.rows_left_out,
    )
}
