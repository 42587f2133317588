//! Batches of training images.

use bespoke_recipe::{Augment, RecipeError};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::augment::varied;
use crate::{Images, TrainError};

/// Images of one step, varied, with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pixels: Vec<f32>,
    labels: Vec<i64>,
}

/// All images once, in random order, batch after batch; those left over at the end are not seen.
#[derive(Debug)]
pub struct Batches<'a> {
    images: &'a Images,
    batch_size: usize,
    augment: Augment,
    order: Vec<usize>,
    at: usize,
    rng: ChaCha8Rng,
}

// === impl Batch ===

impl Batch {
    /// Images as `[batch, elements]`, and the class of each.
    pub(crate) fn tensors(&self, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
        let batch = self.labels.len();
        let pixels = TensorData::new(self.pixels.clone(), [batch, self.pixels.len() / batch]);
        let labels = TensorData::new(self.labels.clone(), [batch]);
        let input = Tensor::from_data(pixels, device);
        (input, Tensor::from_data(labels, device))
    }
}

// === impl Batches ===

impl<'a> Batches<'a> {
    /// Whether there can be such batches of the images.
    ///
    /// # Errors
    /// When a batch takes more images than there are, or they may be moved out of sight.
    pub fn check(images: &Images, batch_size: usize, augment: Augment) -> Result<(), TrainError> {
        let (count, [_, height, width]) = (images.count(), images.shape());
        if batch_size > count {
            let images = count;
            return Err(TrainError::BatchTooLarge { batch_size, images });
        }
        let side = height.min(width);
        match augment {
            Augment::Shift { pixels } | Augment::ShiftAndFlip { pixels }
                if usize::from(pixels) >= side =>
            {
                let reason = format!("moves images of {height}x{width} by up to {pixels} pixels");
                let key = "augment";
                Err(RecipeError { key, reason }.into())
            }
            _ => Ok(()),
        }
    }

    /// Order and variations are drawn from the generator given.
    ///
    /// # Errors
    /// As [`Batches::check`] does.
    pub fn new(
        images: &'a Images,
        batch_size: usize,
        augment: Augment,
        mut rng: ChaCha8Rng,
    ) -> Result<Self, TrainError> {
        Self::check(images, batch_size, augment)?;
        let mut order: Vec<usize> = (0..images.count()).collect();
        order.shuffle(&mut rng);
        Ok(Self {
            images,
            batch_size,
            augment,
            order,
            at: 0,
            rng,
        })
    }
}

impl Iterator for Batches<'_> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let positions = self.order.get(self.at..self.at + self.batch_size)?;
        self.at += self.batch_size;
        let pixels = varied(self.augment, self.images, positions, &mut self.rng);
        let labels = positions
            .iter()
            .map(|p| i64::from(self.images.labels()[*p]));
        let labels = labels.collect();
        Some(Batch { pixels, labels })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.at) / self.batch_size;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches<'_> {}
