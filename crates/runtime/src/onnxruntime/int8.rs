//! Files in 8-bit integers, for targets that ask for them.

use bespoke_device::Precision;
use bespoke_graph::{Calibration, Model};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::File;
use crate::{CompileOptions, RuntimeError};

/// Images that the ranges of values are taken from.
const IMAGES: u32 = 4;

// === impl File ===

impl File {
    /// The network in 8-bit integers. The ranges of its values are those that it has for a few random images: what a
    /// latency needs, not what an accuracy would.
    pub(super) fn quantized(&self, options: &CompileOptions) -> Result<Vec<u8>, RuntimeError> {
        let model = Model::from_onnx(&self.onnx);
        let model = model.map_err(|error| self.refused(error.to_string()))?;
        let calibration = Calibration::of(&model);
        let options = CompileOptions {
            batch: IMAGES,
            precision: Precision::F32,
            ..*options
        };
        let observer = self.prepare(calibration.observer(), &options)?;
        let ranges = observer.pass(&random(observer.input_shape.iter().product()))?;
        let quantized = calibration.to_onnx(&ranges);
        quantized.map_err(|error| self.refused(error.to_string()))
    }
}

/// Numbers between 0 and 1, as of pixels; the same ones each time.
fn random(elements: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    (0..elements).map(|_| rng.random()).collect()
}
