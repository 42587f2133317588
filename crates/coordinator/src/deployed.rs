//! Networks as they are measured and shipped.

use std::collections::HashMap;

use bespoke_graph::{ExportOptions, Graph, GraphError, GraphHash, Model, NodeId, Op, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{CoordinatorError, seed};

/// The file that is measured, and the hash of the network in it: with class probabilities, fresh weights and batch
/// normalisation folded away, as the trained network will be shipped. Its weights follow from the graph alone.
pub(crate) fn deployed(graph: &Graph) -> Result<(Vec<u8>, GraphHash), CoordinatorError> {
    exported(&graph.with_probabilities()?)
}

/// The same of a part of a network: as it is, without class probabilities behind it.
pub(crate) fn exported(graph: &Graph) -> Result<(Vec<u8>, GraphHash), CoordinatorError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed::of_graph(graph.hash()));
    let weights = Weights::initial(graph, &mut rng);
    let onnx = Model::new(graph.clone(), weights)?.to_onnx(ExportOptions {
        fold_batch_norm: true,
    });
    let hash = Model::from_onnx(&onnx)?.graph().hash();
    Ok((onnx, hash))
}

/// The hash that [`deployed`] gives, without writing the file: what was measured of many networks can be looked up.
pub(crate) fn deployed_hash(graph: &Graph) -> Result<GraphHash, GraphError> {
    let graph = graph.live().with_probabilities()?;
    let folded = folded_into(&graph);
    let (mut builder, input) = Graph::builder(graph.input_shape().dims());
    let mut new_ids = vec![input];
    for id in graph.ids().skip(1) {
        let node = graph.node(id);
        if folded.contains_key(&id) {
            new_ids.push(new_ids[node.inputs[0].index()]);
            continue;
        }
        let mut op = node.op.clone();
        if folded.values().any(|layer| *layer == id) {
            match &mut op {
                Op::Conv(conv) => conv.bias = true,
                Op::Linear { bias, .. } => *bias = true,
                _ => {}
            }
        }
        let inputs: Vec<NodeId> = node.inputs.iter().map(|i| new_ids[i.index()]).collect();
        new_ids.push(builder.push(&node.name, op, &inputs)?);
    }
    Ok(builder.finish(new_ids[graph.output().index()])?.hash())
}

/// The layer that each batch normalisation is folded into, for those that are.
fn folded_into(graph: &Graph) -> HashMap<NodeId, NodeId> {
    let mut readers = vec![0; graph.nodes().len()];
    readers[graph.output().index()] += 1;
    for input in graph.nodes().iter().flat_map(|node| &node.inputs) {
        readers[input.index()] += 1;
    }
    let folded = graph.ids().filter_map(|id| {
        let node = graph.node(id);
        let layer = *node.inputs.first()?;
        let folds = match graph.node(layer).op {
            Op::Conv(_) => true,
            Op::Linear { .. } => node.shape.dims().len() == 1,
            _ => false,
        };
        let is_norm = matches!(node.op, Op::BatchNorm { .. });
        (is_norm && folds && readers[layer.index()] == 1).then_some((id, layer))
    });
    folded.collect()
}

#[cfg(test)]
mod tests {
    use bespoke_predict::Network;
    use bespoke_space::Space;

    use super::*;

    /// Networks with all that a batch normalisation may stand behind; the files of more would take their time.
    fn networks() -> impl Iterator<Item = Graph> {
        let names = ["nasbench201", "mobile_small", "ofa_mobilenetv3"];
        names.into_iter().map(|name| {
            let space = Space::builtin(name).expect("it is shipped");
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let network = space.lower(&space.sample(&mut rng));
            network.expect("every sample is a network").live()
        })
    }

    #[test]
    fn hash_without_a_file_is_that_of_the_file() {
        for graph in networks() {
            let (_, expected) = deployed(&graph).expect("it can be written");
            assert_eq!(deployed_hash(&graph).expect("it is sound"), expected);
        }
    }

    #[test]
    fn network_is_priced_alike_as_a_file_and_as_an_architecture() {
        let graph = networks().next().expect("a space is shipped");
        let (onnx, _) = deployed(&graph).expect("it can be written");
        let read = Model::from_onnx(&onnx).expect("just written");
        let graph = graph.with_probabilities().expect("it has logits");
        let (file, architecture) = (Network::from(read.graph()), Network::from(&graph));
        assert_eq!(file.features(), architecture.features());
    }
}
