//! Batch normalisations merged into the layers before them.

use std::collections::HashMap;

use crate::{Graph, Model, NodeId, Op, Tensor, Weights};

/// The same function of its input without the batch normalisations that follow a convolution or linear layer which
/// nothing else reads. The layer keeps its name and gets a bias.
///
/// For scale γ, shift β, mean μ and variance σ², weight w of a feature becomes w · γ / √(σ² + ε), and its bias b
/// becomes (b − μ) · γ / √(σ² + ε) + β.
pub fn fold_batch_norm(model: &Model) -> Model {
    let graph = model.graph();
    let norms = norms_to_fold(graph);
    let (mut builder, input) = Graph::builder(graph.input_shape().dims());
    let mut weights = Weights::default();
    let mut new_ids = vec![input];
    for id in graph.ids().skip(1) {
        let node = graph.node(id);
        let inputs: Vec<NodeId> = node.inputs.iter().map(|i| new_ids[i.index()]).collect();
        if inputs.len() == 1 && norms.get(&node.inputs[0]) == Some(&id) {
            new_ids.push(inputs[0]);
            continue;
        }
        let mut op = node.op.clone();
        if let Some(norm) = norms.get(&id) {
            add_bias(&mut op);
            fold(model, id, *norm, &mut weights);
        } else {
            for parameter in graph.parameters_of(id) {
                let tensor = model.tensor(&parameter.name).clone();
                weights.insert(parameter.name, tensor);
            }
        }
        let new = builder.push(&node.name, op, &inputs);
        new_ids.push(new.expect("a bias changes no shape"));
    }
    let output = builder.finish(new_ids[graph.output().index()]);
    Model::new(output.expect("the output was added"), weights)
        .expect("each layer got the weights that it has")
}

/// The batch normalisation to fold into each layer that has one.
fn norms_to_fold(graph: &Graph) -> HashMap<NodeId, NodeId> {
    let mut readers = vec![0; graph.nodes().len()];
    readers[graph.output().index()] += 1;
    for input in graph.nodes().iter().flat_map(|node| &node.inputs) {
        readers[input.index()] += 1;
    }
    let mut norms = HashMap::new();
    for id in graph.ids() {
        let node = graph.node(id);
        if let Op::BatchNorm { .. } = node.op {
            let layer = node.inputs[0];
            // A linear layer maps the last axis and a batch normalisation scales the first.
            let foldable = match graph.node(layer).op {
                Op::Conv(_) => true,
                Op::Linear { .. } => node.shape.dims().len() == 1,
                _ => false,
            };
            if foldable && readers[layer.index()] == 1 {
                norms.insert(layer, id);
            }
        }
    }
    norms
}

fn add_bias(op: &mut Op) {
    match op {
        Op::Conv(conv) => conv.bias = true,
        Op::Linear { bias, .. } => *bias = true,
        _ => {}
    }
}

fn fold(model: &Model, layer: NodeId, norm: NodeId, weights: &mut Weights) {
    let (layer, norm) = (model.graph().node(layer), model.graph().node(norm));
    let of_norm = |role: &str| &model.tensor(&format!("{}.{role}", norm.name)).data;
    let Op::BatchNorm { epsilon } = norm.op else {
        return;
    };
    let scale: Vec<f64> = of_norm("weight")
        .iter()
        .zip(of_norm("variance"))
        .map(|(scale, variance)| {
            f64::from(*scale) / (f64::from(*variance) + f64::from(epsilon)).sqrt()
        })
        .collect();

    let features = scale.len();
    let weight_name = format!("{}.weight", layer.name);
    let mut weight = model.tensor(&weight_name).clone();
    let elements = weight.data.len();
    for (position, value) in weight.data.iter_mut().enumerate() {
        // Features are the first axis of a convolution's weight and the last of a linear layer's.
        let feature = match layer.op {
            Op::Conv(_) => position / (elements / features),
            _ => position % features,
        };
        *value = (f64::from(*value) * scale[feature]) as f32;
    }
    weights.insert(weight_name, weight);

    let bias_name = format!("{}.bias", layer.name);
    let old_bias = model.weights().get(&bias_name);
    let bias = |feature: usize| {
        let bias = old_bias.map_or(0.0, |bias| f64::from(bias.data[feature]));
        let centred = bias - f64::from(of_norm("mean")[feature]);
        (centred * scale[feature] + f64::from(of_norm("bias")[feature])) as f32
    };
    let bias = Tensor {
        shape: vec![features],
        data: (0..features).map(bias).collect(),
    };
    weights.insert(bias_name, bias);
}
