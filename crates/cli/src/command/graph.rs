//! `bespoke graph`: look into a network.

use std::process::ExitCode;

use bespoke_graph::{Graph, Model};
use serde_json::json;

use super::{print, print_json};
use crate::{
    arguments,
    report::{cost_json, cost_rows, extend, grid},
    sources,
};

/// Runs `graph cost`.
pub fn run(arguments: &arguments::Graph) -> anyhow::Result<ExitCode> {
    let arguments::Graph::Cost {
        onnx,
        network,
        json,
    } = arguments;
    let graph = match onnx {
        Some(path) => Model::from_onnx(&sources::bytes(path)?)
            .map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?
            .graph()
            .clone(),
        None => sources::lowered(network)?,
    };
    if *json {
        print_as_json(&graph)?
    } else {
        print_as_text(&graph)?
    }
    Ok(ExitCode::SUCCESS)
}

fn print_as_json(graph: &Graph) -> anyhow::Result<()> {
    let mut value = cost_json(&graph.cost());
    extend(
        &mut value,
        json!({
            "hash": graph.hash(),
            "input_shape": graph.input_shape().dims(),
            "output_shape": graph.output_shape().dims(),
            "live": cost_json(&graph.live().cost()),
        }),
    );
    print_json(&value)
}

fn print_as_text(graph: &Graph) -> anyhow::Result<()> {
    let mut rows = vec![vec!["hash".to_owned(), graph.hash().to_string()]];
    rows.push(vec!["input".to_owned(), graph.input_shape().to_string()]);
    rows.push(vec!["output".to_owned(), graph.output_shape().to_string()]);
    rows.extend(cost_rows(&graph.cost()));
    let live = graph.live();
    if live.nodes().len() < graph.nodes().len() {
        rows.push(vec!["without dead code:".to_owned()]);
        rows.extend(cost_rows(&live.cost()));
    }
    print(&grid(&rows))
}
