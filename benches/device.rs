//! What the benchmarks train on.

use bespoke_net::check_device;
use bespoke_recipe::TrainingDevice;

/// libtorch in a program that was built with it, Burn's own backend otherwise.
pub fn device() -> TrainingDevice {
    match check_device(TrainingDevice::Libtorch) {
        Ok(()) => TrainingDevice::Libtorch,
        Err(_) => TrainingDevice::Flex,
    }
}
