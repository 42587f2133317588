//! A graph's layers and the order they run in.

use std::collections::HashMap;

use bespoke_graph::{Graph, Model, Op, Tensor, Weights};
use burn::module::{Module, ModuleMapper, Param, ParamGroup};
use burn::tensor::{self, DType, Device, Gradients};

use crate::layer::{Layer, NodeWeights, Source};
use crate::value::Value;

/// A graph as layers: all that Burn trains, and the plan by which values go from one to the next.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    graph: Graph,
    steps: Vec<Step>,
    layers: Layers,
}

/// The layers, one for each node and in their order.
#[derive(Module, Debug)]
pub(crate) struct Layers {
    layers: Vec<Layer>,
}

/// One layer on its way through a forward pass, with the values that it reads.
pub(crate) struct Call<'a> {
    /// The layer.
    pub(crate) layer: &'a Layer,
    /// A batch of each input.
    pub(crate) inputs: Vec<Value>,
    /// Shape of one sample of each input.
    dims: &'a [Vec<usize>],
    /// Shape of one sample of the result.
    out: &'a [usize],
}

/// How one layer is run.
#[derive(Debug, Clone)]
struct Step {
    inputs: Vec<Read>,
    /// Shape of one sample of each input.
    dims: Vec<Vec<usize>>,
}

/// A value that a layer reads.
#[derive(Debug, Clone, Copy)]
struct Read {
    node: usize,
    /// Nobody reads it later: it is freed.
    last: bool,
}

// === impl Body ===

impl Body {
    /// The live part of a model on a device: one with autodiff trains, one without only runs.
    pub(crate) fn new(model: &Model, device: &Device) -> Self {
        let values = || Source::Values(model.weights());
        Self::from_source(model.graph().live(), values, device)
    }

    /// A live graph whose parameters are tensors that others hold, by name and padded to four axes; its running
    /// statistics are fresh.
    pub(crate) fn on_tensors(
        graph: Graph,
        tensors: &HashMap<String, tensor::Tensor<4>>,
        device: &Device,
    ) -> Self {
        Self::from_source(graph, || Source::Tensors(tensors), device)
    }

    fn from_source<'a>(graph: Graph, source: impl Fn() -> Source<'a>, device: &'a Device) -> Self {
        let parameters = graph.parameters();
        let layers = graph
            .ids()
            .map(|id| {
                let weights = NodeWeights {
                    parameters: parameters.iter().filter(|p| p.node == id).collect(),
                    source: source(),
                    device,
                };
                Layer::new(&graph, id, &weights)
            })
            .collect();
        Self {
            steps: steps(&graph),
            layers: Layers { layers },
            graph,
        }
    }

    /// The live graph.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The output for a batch: `[batch, input elements]` to `[batch, output elements]`.
    ///
    /// A value is freed as soon as its last reader has run, unless the tape keeps it.
    pub(crate) fn forward(&self, input: tensor::Tensor<2>) -> tensor::Tensor<2> {
        self.forward_by(input, |_, call| call.run())
    }

    /// The same with another hand on every layer: what `run` makes of the call of the node at an index is its value.
    pub(crate) fn forward_by(
        &self,
        input: tensor::Tensor<2>,
        mut run: impl FnMut(usize, Call<'_>) -> Value,
    ) -> tensor::Tensor<2> {
        let nodes = self.graph.nodes();
        let output = self.graph.output().index();
        let mut values: Vec<Option<Value>> = vec![None; nodes.len()];
        for (at, (layer, step)) in self.layers.layers.iter().zip(&self.steps).enumerate() {
            let value = match nodes[at].op {
                Op::Input { .. } => Value::Flat(input.clone()),
                ref op => {
                    let inputs = match op {
                        // Nothing is read, but the batch and the device are those of the input.
                        Op::Zeros { .. } => vec![Value::Flat(input.clone())],
                        _ => step.inputs.iter().map(|r| take(&mut values, *r)).collect(),
                    };
                    let dims: &[Vec<usize>] = match op {
                        Op::Zeros { .. } => &[Vec::new()],
                        _ => &step.dims,
                    };
                    let out = nodes[at].shape.dims();
                    let call = Call {
                        layer,
                        inputs,
                        dims,
                        out,
                    };
                    run(at, call)
                }
            };
            values[at] = Some(value);
        }
        let output = values[output].take();
        output.expect("the output is kept to the end").flat()
    }

    /// Gives the layers away to an optimiser and takes them back.
    pub(crate) fn update(&mut self, step: impl FnOnce(Layers) -> Layers) {
        let layers = std::mem::replace(&mut self.layers, Layers { layers: Vec::new() });
        self.layers = step(layers);
    }

    /// Gives the running statistics another memory: so much weight has the newest batch.
    pub(crate) fn set_momentum(&mut self, momentum: f64) {
        for layer in &mut self.layers.layers {
            layer.set_momentum(momentum);
        }
    }

    /// The same with every parameter in 64-bit floats.
    pub(crate) fn widened(mut self) -> Self {
        self.update(|layers| layers.map(&mut Widen));
        self
    }

    /// The same without gradients by its parameters: for their sake, nothing of a pass is kept.
    pub(crate) fn untrained(mut self) -> Self {
        self.update(Module::no_grad);
        self
    }

    /// The layers.
    pub(crate) fn layers(&self) -> &Layers {
        &self.layers
    }

    /// Makes the running statistics of the last step the ones that are read.
    ///
    /// Burn keeps the newest update of each thread apart until the next one arrives: without this, a model would be
    /// one step behind, and a trainer that changes its thread would average old statistics with new ones.
    pub(crate) fn settle(&self) {
        let _settled = self.layers.valid();
    }

    /// The weights as they are now.
    pub(crate) fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        for parameter in self.graph.parameters() {
            let layer = &self.layers.layers[parameter.node.index()];
            let tensor = Tensor {
                shape: parameter.shape.dims().to_vec(),
                data: layer.values(parameter.role),
            };
            weights.insert(parameter.name, tensor);
        }
        weights
    }
}

// === impl Call ===

impl Call<'_> {
    /// The layer's value.
    pub(crate) fn run(self) -> Value {
        self.layer.forward(self.inputs, self.dims, self.out)
    }
}

/// Turns parameters into 64-bit floats.
struct Widen;

impl ModuleMapper for Widen {
    fn map_float<const D: usize>(
        &mut self,
        parameter: Param<tensor::Tensor<D>>,
    ) -> Param<tensor::Tensor<D>> {
        parameter.map(|value| value.cast(DType::F64).detach().require_grad())
    }
}

// === impl Layers ===

impl Layers {
    /// Each layer that has a kernel or matrix: its weights and their gradients, one after the other. The gradients are
    /// zero where nothing of the weights came to the output.
    pub(crate) fn flows<'a>(
        &'a self,
        gradients: &'a Gradients,
    ) -> impl Iterator<Item = (tensor::Tensor<1>, tensor::Tensor<1>)> + 'a {
        self.layers
            .iter()
            .filter_map(move |layer| layer.flow(gradients))
    }

    /// The parameters that weight decay acts on.
    pub(crate) fn decayed(&self) -> ParamGroup {
        ParamGroup::from_ids(self.layers.iter().filter_map(Layer::decayed).collect())
    }
}

// === helpers ===

fn steps(graph: &Graph) -> Vec<Step> {
    let mut read_later = vec![false; graph.nodes().len()];
    read_later[graph.output().index()] = true;
    let mut steps: Vec<Step> = graph
        .nodes()
        .iter()
        .rev()
        .map(|node| {
            // Backwards, so that the last of several readings by one node is the one that frees.
            let mut inputs: Vec<Read> = node
                .inputs
                .iter()
                .rev()
                .map(|id| Read {
                    node: id.index(),
                    last: !std::mem::replace(&mut read_later[id.index()], true),
                })
                .collect();
            inputs.reverse();
            let dims = |id| graph.node(id).shape.dims().to_vec();
            Step {
                inputs,
                dims: node.inputs.iter().map(|id| dims(*id)).collect(),
            }
        })
        .collect();
    steps.reverse();
    steps
}

fn take(values: &mut [Option<Value>], read: Read) -> Value {
    let value = &mut values[read.node];
    let taken = if read.last {
        value.take()
    } else {
        value.clone()
    };
    taken.expect("a value is kept until its last reader has run")
}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
