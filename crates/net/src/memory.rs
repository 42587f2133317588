//! Whether a pass over a batch and back fits into memory: to be told so is better than to be killed.

use bespoke_graph::{Graph, Op};
use bespoke_recipe::TrainingDevice;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::NetworkError;

const BYTES_PER_VALUE: u64 = 4;
/// A parameter, its gradient, and what the step before changed.
const OF_A_PARAMETER: u64 = 3;

/// Bytes that a pass over a batch and back keeps at the same time, at least: what each operator yields for each image, which the way
/// back needs, and the parameters. What lies beside them depends on the device and is left out, so that nothing counts as
/// too large that would fit.
pub fn pass_bytes(network: &Graph, batch_size: usize) -> u64 {
    let nodes = network.nodes().iter();
    // A reshape yields its input.
    let own = nodes.filter(|node| !matches!(node.op, Op::Reshape { .. }));
    let elements = own.fold(0u64, |sum, node| {
        sum.saturating_add(count(node.shape.elements()))
    });
    let values = elements.saturating_mul(count(batch_size));
    let parameters = network.cost().parameters.saturating_mul(OF_A_PARAMETER);
    values
        .saturating_add(parameters)
        .saturating_mul(BYTES_PER_VALUE)
}

/// Says whether a pass that keeps so many bytes fits into this machine's memory, as much of it as is free, swap included.
/// What a GPU has is not asked.
///
/// # Errors
/// When it does not.
pub fn check_memory(
    needed: u64,
    batch_size: usize,
    device: TrainingDevice,
) -> Result<(), NetworkError> {
    if device == TrainingDevice::LibtorchCuda {
        return Ok(());
    }
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(memory);
    let of_machine = system.available_memory();
    let limits = system.cgroup_limits();
    let of_container = limits.map(|limits| limits.total_memory.saturating_sub(limits.rss));
    let free = of_machine.min(of_container.unwrap_or(u64::MAX)) + system.free_swap();
    match needed > free {
        // Nobody tells what is free on this system.
        _ if of_machine == 0 => Ok(()),
        true => Err(NetworkError::Memory {
            batch_size,
            needed,
            free,
        }),
        false => Ok(()),
    }
}

fn count(elements: usize) -> u64 {
    u64::try_from(elements).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bespoke_graph::Convolution;

    use super::*;

    #[test]
    fn pass_keeps_what_operators_yield_and_each_parameter_three_times() {
        let (mut builder, input) = Graph::builder(&[1, 4, 4]);
        let op = Op::Conv(Convolution::same(2, 3, 1, 1));
        let conv = builder.push("conv", op, &[input]).unwrap();
        let flat = Op::Reshape { shape: vec![32] };
        let flat = builder.push("flat", flat, &[conv]).unwrap();
        let graph = builder.finish(flat).unwrap();
        // 16 values of an input, 32 of an output, and 18 weights.
        assert_eq!(pass_bytes(&graph, 10), ((16 + 32) * 10 + 3 * 18) * 4);
    }

    #[test]
    fn what_no_machine_has_is_refused_in_a_sentence() {
        assert!(check_memory(1 << 20, 64, TrainingDevice::Flex).is_ok());
        let error = check_memory(1 << 60, 64, TrainingDevice::Flex).unwrap_err();
        let told = error.to_string();
        assert!(
            told.starts_with("a pass over 64 images keeps at least 1073741824.0 GiB, and"),
            "{told}"
        );
        assert!(check_memory(1 << 60, 64, TrainingDevice::LibtorchCuda).is_ok());
    }
}
