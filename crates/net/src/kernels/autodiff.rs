//! The operations on Burn's tape.

use burn::backend::autodiff::{
    Autodiff, NodeId,
    checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
    grads,
    ops::{Backward, Ops, OpsKind},
};
use burn::backend::{AutodiffBackend, ops::ConvOptions, tensor::FloatTensor};

use super::{Gradients, Kernels, Windows};

#[derive(Debug)]
struct Convolve;

#[derive(Debug)]
struct Average;

#[derive(Debug)]
struct Normalise;

/// Maps and weights, as the tape keeps them.
#[derive(Debug, Clone)]
struct Convolved {
    maps: NodeId,
    weights: NodeId,
    options: ConvOptions<2>,
}

/// Values and scale, as the tape keeps them, and the mean and the variance of each channel.
#[derive(Debug, Clone)]
struct Normalised<T> {
    values: NodeId,
    scale: NodeId,
    statistics: [T; 2],
    epsilon: f64,
}

impl<B: Kernels + Gradients> Backward<B, 2> for Convolve {
    type State = Convolved;

    fn backward(
        self,
        ops: Ops<Convolved, 2>,
        gradients: &mut grads::Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = gradients.consume::<B>(&ops.node);
        let Convolved {
            maps,
            weights,
            options,
        } = ops.state;
        let maps = checkpointer.retrieve_node_output::<FloatTensor<B>>(maps);
        let weights = checkpointer.retrieve_node_output::<FloatTensor<B>>(weights);
        let asked = ops.parents.each_ref().map(Option::is_some);
        let told = B::convolved(maps, weights, gradient, options, asked);
        for (parent, gradient) in ops.parents.into_iter().zip(told) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: Kernels + Gradients> Backward<B, 1> for Average {
    type State = (NodeId, Windows);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut grads::Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = gradients.consume::<B>(&ops.node);
        let ([parent], (maps, windows)) = (ops.parents, ops.state);
        let maps = checkpointer.retrieve_node_output::<FloatTensor<B>>(maps);
        if let Some(parent) = parent {
            gradients.register::<B>(parent.id, B::averaged(maps, gradient, windows));
        }
    }
}

impl<B: Kernels + Gradients> Backward<B, 3> for Normalise {
    type State = Normalised<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut grads::Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let gradient = gradients.consume::<B>(&ops.node);
        let Normalised {
            values,
            scale,
            statistics,
            epsilon,
        } = ops.state;
        let values = checkpointer.retrieve_node_output::<FloatTensor<B>>(values);
        let scale = checkpointer.retrieve_node_output::<FloatTensor<B>>(scale);
        let told = B::normalised(values, scale, statistics, gradient, epsilon);
        for (parent, gradient) in ops.parents.into_iter().zip(told) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: Kernels + Gradients, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn convolve(
        maps: FloatTensor<Self>,
        weights: FloatTensor<Self>,
        options: ConvOptions<2>,
    ) -> FloatTensor<Self> {
        let nodes = [maps.node(), weights.node()];
        match Convolve.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut prepared) => {
                let state = Convolved {
                    maps: prepared.checkpoint(&maps),
                    weights: prepared.checkpoint(&weights),
                    options: options.clone(),
                };
                let (maps, weights) = (maps.into_primitive(), weights.into_primitive());
                prepared.finish(state, B::convolve(maps, weights, options))
            }
            OpsKind::UnTracked(prepared) => {
                let (maps, weights) = (maps.into_primitive(), weights.into_primitive());
                prepared.finish(B::convolve(maps, weights, options))
            }
        }
    }

    fn average(maps: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        match Average
            .prepare::<C>([maps.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prepared) => {
                let state = (prepared.checkpoint(&maps), windows);
                prepared.finish(state, B::average(maps.into_primitive(), windows))
            }
            OpsKind::UnTracked(prepared) => {
                prepared.finish(B::average(maps.into_primitive(), windows))
            }
        }
    }

    fn normalise(
        values: FloatTensor<Self>,
        scale: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [values.node(), scale.node(), shift.node()];
        let normalise = |[values, scale, shift]: [FloatTensor<Self>; 3]| {
            B::normalise(
                values.into_primitive(),
                scale.into_primitive(),
                shift.into_primitive(),
                epsilon,
            )
        };
        let (normal, mean, variance) =
            match Normalise.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(mut prepared) => {
                    let kept = [&values, &scale].map(|tensor| prepared.checkpoint(tensor));
                    let (normal, mean, variance) = normalise([values, scale, shift]);
                    let state = Normalised {
                        values: kept[0],
                        scale: kept[1],
                        statistics: [mean.clone(), variance.clone()],
                        epsilon,
                    };
                    (prepared.finish(state, normal), mean, variance)
                }
                OpsKind::UnTracked(prepared) => {
                    let (normal, mean, variance) = normalise([values, scale, shift]);
                    (prepared.finish(normal), mean, variance)
                }
            };
        (normal, Self::from_inner(mean), Self::from_inner(variance))
    }
}
