use bespoke_recipe::TrainingDevice;
use burn::module::{Param, ParamId, RunningState};
use burn::tensor::{Device, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::place::Place;

/// All devices that this program can train on.
fn devices() -> Vec<Device> {
    let places = [TrainingDevice::Flex, TrainingDevice::Libtorch].map(Place::open);
    let devices = places.into_iter().flatten();
    devices
        .map(|place| place.autodiff().device().clone())
        .collect()
}

fn noise<const D: usize>(dims: [usize; D], rng: &mut ChaCha8Rng, device: &Device) -> Tensor<D> {
    let elements = dims.iter().product::<usize>();
    let values: Vec<f32> = (0..elements).map(|_| rng.random_range(-1.0..1.0)).collect();
    Tensor::from_data(TensorData::new(values, dims), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn assert_near(name: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
    for (got, expected) in got.iter().zip(expected) {
        let error = (got - expected).abs() / scale;
        assert!(error < 1e-4, "{name}: {got} for {expected}");
    }
}

/// What a layer makes of values, and the gradients of the product with other values by each of the tensors.
fn trained<const D: usize, const N: usize>(
    tensors: &[Tensor<D>; N],
    by: &mut ChaCha8Rng,
    layer: impl FnOnce(&[Tensor<D>; N]) -> Tensor<4>,
) -> (Vec<f32>, [Vec<f32>; N]) {
    let leaves = tensors.clone().map(|tensor| tensor.detach().require_grad());
    let output = layer(&leaves);
    let weights = noise(output.dims(), by, &output.device());
    let gradients = (output.clone() * weights).sum().backward();
    let by_each = leaves.map(|leaf| values(leaf.grad(&gradients).unwrap()));
    (values(output), by_each)
}

#[test]
fn convolutions_and_their_gradients_are_those_of_burn() {
    // Channels, filters, groups, kernel, stride, padding, height and width.
    let cases = [
        (6, 6, 6, [3, 3], [1, 1], [1, 1], [7, 9]),
        (6, 6, 6, [5, 5], [2, 2], [2, 2], [8, 8]),
        (5, 5, 5, [3, 5], [2, 1], [0, 3], [9, 6]),
        (4, 4, 4, [5, 5], [1, 1], [2, 2], [2, 3]),
        (4, 4, 4, [5, 5], [1, 1], [2, 2], [2, 1]),
        (3, 3, 3, [1, 1], [2, 2], [0, 0], [5, 5]),
        (4, 8, 4, [3, 3], [1, 1], [1, 1], [6, 6]),
        (4, 6, 1, [3, 3], [2, 2], [1, 1], [7, 7]),
        (4, 6, 1, [3, 5], [1, 2], [1, 2], [6, 7]),
        (4, 6, 1, [1, 1], [1, 1], [0, 0], [4, 5]),
        (4, 6, 1, [1, 1], [2, 2], [0, 0], [5, 5]),
        (4, 6, 2, [1, 1], [1, 1], [0, 0], [4, 5]),
    ];
    for device in devices() {
        for (channels, filters, groups, kernel, stride, padding, [height, width]) in cases {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let maps = noise([19, channels, height, width], &mut rng, &device);
            let dims = [filters, channels / groups, kernel[0], kernel[1]];
            let weights = noise(dims, &mut rng, &device);
            let layer = |weights: &Tensor<4>| Conv2d {
                weight: Param::initialized(ParamId::new(), weights.clone()),
                bias: None,
                stride,
                kernel_size: kernel,
                dilation: [1, 1],
                groups,
                padding: PaddingConfig2d::Explicit(padding[0], padding[1], padding[0], padding[1]),
            };
            let tensors = [maps, weights];
            let (ours, by_ours) = trained(&tensors, &mut rng.clone(), |[maps, weights]| {
                convolve(&layer(weights), maps.clone())
            });
            let (burns, by_burns) = trained(&tensors, &mut rng, |[maps, weights]| {
                layer(weights).forward(maps.clone())
            });
            let name = format!("{device:?} {groups} {kernel:?} {stride:?}");
            assert_near(&name, &ours, &burns);
            assert_near(&format!("{name} by maps"), &by_ours[0], &by_burns[0]);
            assert_near(&format!("{name} by weights"), &by_ours[1], &by_burns[1]);
        }
    }
}

#[test]
fn averages_and_their_gradients_are_those_of_burn() {
    // Kernel, stride, padding, height and width.
    let cases = [
        ([3, 3], [1, 1], [1, 1], [7, 9]),
        ([2, 2], [2, 2], [0, 0], [8, 5]),
        ([3, 5], [2, 1], [1, 2], [9, 6]),
        ([5, 5], [1, 1], [2, 2], [2, 1]),
    ];
    for device in devices() {
        for (kernel, stride, [top, left], [height, width]) in cases {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let maps = noise([3, 4, height, width], &mut rng, &device);
            let layer = AvgPool2d {
                stride,
                kernel_size: kernel,
                padding: PaddingConfig2d::Explicit(top, left, top, left),
                count_include_pad: false,
                ceil_mode: false,
            };
            let tensors = [maps];
            let (ours, by_ours) = trained(&tensors, &mut rng.clone(), |[maps]| {
                average(&layer, maps.clone())
            });
            let (burns, by_burns) =
                trained(&tensors, &mut rng, |[maps]| layer.forward(maps.clone()));
            let name = format!("{device:?} {kernel:?} {stride:?}");
            assert_near(&name, &ours, &burns);
            assert_near(&format!("{name} by maps"), &by_ours[0], &by_burns[0]);
        }
    }
}

#[test]
fn normalisation_its_gradients_and_its_statistics_are_those_of_burn() {
    for device in devices() {
        for [images, channels, height, width] in [[4, 3, 5, 7], [2, 5, 1, 1], [3, 1, 6, 6]] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let input = noise([images, channels, height, width], &mut rng, &device).add_scalar(2.0);
            let scale: Tensor<1> = noise([channels], &mut rng, &device);
            let shift: Tensor<1> = noise([channels], &mut rng, &device);
            let tensors = [
                input,
                scale.reshape([1, channels, 1, 1]),
                shift.reshape([1, channels, 1, 1]),
            ];
            let parameter = |leaf: &Tensor<4>| {
                Param::initialized(ParamId::new(), leaf.clone().reshape([channels]))
            };
            let layer = |[_, scale, shift]: &[Tensor<4>; 3]| BatchNorm {
                gamma: parameter(scale),
                beta: parameter(shift),
                training: Param::from_bool(true),
                running_mean: RunningState::new(Tensor::zeros([channels], &device)),
                running_var: RunningState::new(Tensor::ones([channels], &device)),
                momentum: 0.3,
                epsilon: 1e-3,
            };
            let mut layers = Vec::new();
            let (ours, by_ours) = trained(&tensors, &mut rng.clone(), |leaves| {
                layers.push(layer(leaves));
                normalise(&layers[0], leaves[0].clone())
            });
            let (burns, by_burns) = trained(&tensors, &mut rng, |leaves| {
                layers.push(layer(leaves));
                layers[1].forward(leaves[0].clone())
            });
            let name = format!("{device:?} {images} {channels} {height} {width}");
            assert_near(&name, &ours, &burns);
            for (at, (ours, burns)) in by_ours.iter().zip(&by_burns).enumerate() {
                assert_near(&format!("{name} by {at}"), ours, burns);
            }
            let noted = |running: &RunningState<Tensor<1>>| values(running.value());
            let [ours, burns] = [&layers[0], &layers[1]];
            assert_near(
                &name,
                &noted(&ours.running_mean),
                &noted(&burns.running_mean),
            );
            assert_near(&name, &noted(&ours.running_var), &noted(&burns.running_var));
        }
    }
}
