//! `bespoke score`: zero-cost scores of a space's networks.

use std::{path::Path, process::ExitCode};

use anyhow::bail;
use bespoke_accuracy::{DataSet, majority_vote};
use bespoke_net::{Images, score};
use bespoke_recipe::Scores;
use serde_json::{Map, Value, json};

use super::{print, print_json};
use crate::{arguments, sources};

/// One network's scores, in the order asked for, or why it lacks one.
type Row = Vec<Result<f64, String>>;

/// Runs `score`.
pub fn run(arguments: &arguments::Score) -> anyhow::Result<ExitCode> {
    let scores = Scores::new(arguments.scores.clone())?;
    let architectures = architectures(arguments)?;
    let space = sources::space(&arguments.space)?;
    let images = images(arguments, &scores)?;
    let mut rows: Vec<Row> = Vec::with_capacity(architectures.len());
    for text in &architectures {
        let graph = space.lower(&space.parse_architecture(text)?)?;
        let of = |name| score(name, &graph, images.as_ref(), arguments.seed);
        let of = |name: &_| of(*name).map_err(|error| error.to_string());
        rows.push(scores.names().iter().map(of).collect());
    }
    let votes = votes(&rows, scores.names().len());
    let heading: Vec<&str> = scores.names().iter().map(|name| name.name()).collect();
    match arguments.json {
        true => print_json(&as_json(&heading, &architectures, &rows, votes.as_deref()))?,
        false => print(&as_csv(&heading, &architectures, &rows, votes.as_deref())?)?,
    }
    for (text, row) in architectures.iter().zip(&rows) {
        for reason in row.iter().filter_map(|score| score.as_ref().err()) {
            eprintln!("{text}: {reason}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn architectures(arguments: &arguments::Score) -> anyhow::Result<Vec<String>> {
    let mut architectures = arguments.architectures.clone();
    if let Some(file) = &arguments.file {
        let text = sources::text(file)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        architectures.extend(lines.map(str::to_owned));
    }
    if architectures.is_empty() {
        bail!("there is no architecture to score");
    }
    Ok(architectures)
}

/// The batch that the scores look at, if any of them does.
fn images(arguments: &arguments::Score, scores: &Scores) -> anyhow::Result<Option<Images>> {
    let needing = scores.names().iter().find(|name| name.needs_data());
    let (Some(name), set) = (needing, arguments.data) else {
        return Ok(None);
    };
    let Some(set) = set else {
        bail!("the score `{name}` looks at images: name a data set with --data");
    };
    let folder = arguments.folder.as_deref().unwrap_or(Path::new(""));
    let train = DataSet::open(set, folder)?.train;
    let wanted = usize::from(arguments.batch_size);
    if wanted > train.count() {
        bail!("a batch takes {wanted} images, {set} has {}", train.count());
    }
    let first: Vec<usize> = (0..wanted).collect();
    Ok(Some(train.select(&first)?))
}

/// Of how many of the others most scores say that a network is better; nothing where there is one score.
fn votes(rows: &[Row], scores: usize) -> Option<Vec<usize>> {
    let value = |score: &Result<f64, String>| *score.as_ref().unwrap_or(&f64::NEG_INFINITY);
    let column = |at: usize| -> Vec<f64> { rows.iter().map(|row| value(&row[at])).collect() };
    let columns: Vec<Vec<f64>> = (0..scores).map(column).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    (scores > 1).then(|| majority_vote(&columns))
}

fn as_json(
    heading: &[&str],
    architectures: &[String],
    rows: &[Row],
    votes: Option<&[usize]>,
) -> Value {
    let network = |(at, (text, row)): (usize, (&String, &Row))| {
        let scores: Map<String, Value> = (heading.iter().zip(row))
            .map(|(name, score)| ((*name).to_owned(), json!(score.as_ref().ok())))
            .collect();
        let mut value = json!({ "architecture": text, "scores": scores });
        if let Some(votes) = votes {
            value["vote"] = json!(votes[at]);
        }
        value
    };
    architectures
        .iter()
        .zip(rows)
        .enumerate()
        .map(network)
        .collect()
}

fn as_csv(
    heading: &[&str],
    architectures: &[String],
    rows: &[Row],
    votes: Option<&[usize]>,
) -> anyhow::Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let vote = votes.map(|_| "vote");
    csv.write_record(["architecture"].iter().chain(heading).copied().chain(vote))?;
    for (at, (text, row)) in architectures.iter().zip(rows).enumerate() {
        let mut cells = vec![text.clone()];
        let cell = |score: &Result<f64, String>| {
            let text = score.as_ref().map(f64::to_string);
            text.unwrap_or_default()
        };
        cells.extend(row.iter().map(cell));
        cells.extend(votes.map(|votes| votes[at].to_string()));
        csv.write_record(cells)?;
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}
