//! Where tensors are.

use bespoke_recipe::TrainingDevice;
use burn::tensor::{Device, Tensor};

use crate::NetworkError;

/// A device of Burn's, chosen by value.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    device: Device,
    /// libtorch has threads of its own, whose number each thread that uses it sets for itself.
    #[cfg_attr(
        not(feature = "libtorch"),
        expect(dead_code, reason = "flex alone has none")
    )]
    is_libtorch: bool,
}

/// Says whether a device can be trained on here.
///
/// # Errors
/// When this program was built without it or the machine lacks it, with what would bring it.
pub fn check_device(device: TrainingDevice) -> Result<(), NetworkError> {
    Place::open(device).map(|_| ())
}

/// Frees what passes on a differentiating device have left behind, when nothing has gone or will go back through them.
///
/// Burn notes down every operation there, also of tensors that need no gradient, with the values it reads, and looks what
/// of it is out of use only after it has gone back through something: without this, memory would grow with each pass.
pub(crate) fn forget(device: &Device) {
    Tensor::<1>::zeros([1], device).require_grad().backward();
}

// === impl Place ===

impl Place {
    /// Burn's own CPU backend, which is always there.
    pub(crate) fn flex() -> Self {
        Self {
            device: Device::flex(),
            is_libtorch: false,
        }
    }

    pub(crate) fn open(device: TrainingDevice) -> Result<Self, NetworkError> {
        match device {
            TrainingDevice::Flex => Ok(Self::flex()),
            other => libtorch(other).map_err(|reason| NetworkError::Device { device, reason }),
        }
    }

    /// The same place for tensors that learn.
    pub(crate) fn autodiff(self) -> Self {
        Self {
            device: self.device.autodiff(),
            ..self
        }
    }

    pub(crate) fn device(&self) -> &Device {
        &self.device
    }

    /// Before tensors are computed with: has them computed on the threads of the pool that this is called in.
    pub(crate) fn enter(&self) {
        #[cfg(feature = "libtorch")]
        if self.is_libtorch {
            crate::libtorch::use_threads(rayon::current_num_threads());
        }
    }
}

// === helpers ===

#[cfg(feature = "libtorch")]
#[expect(
    deprecated,
    reason = "Burn leaves libtorch to others from its next version on; this is the only place that minds"
)]
fn libtorch(device: TrainingDevice) -> Result<Place, String> {
    let device = match device {
        TrainingDevice::LibtorchCuda => {
            crate::libtorch::open_cuda()?;
            Device::libtorch_cuda(0_usize)
        }
        TrainingDevice::Flex | TrainingDevice::Libtorch => Device::libtorch(),
    };
    Ok(Place {
        device,
        is_libtorch: true,
    })
}

#[cfg(not(feature = "libtorch"))]
fn libtorch(_: TrainingDevice) -> Result<Place, String> {
    Err(
        "this program was built without it: building with `--features libtorch` brings it"
            .to_owned(),
    )
}
