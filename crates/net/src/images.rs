//! Labelled images.

use std::ops::Range;

/// Images of one shape, each with its class.
///
/// Pixels are kept as bytes, a quarter of what floating-point numbers take, and scaled to 0..1 when read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    shape: [usize; 3],
    classes: usize,
    white: u8,
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

/// Why numbers are not a set of labelled images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImagesError {
    /// There is no image, or an image without a pixel.
    #[error("a set of images needs at least one image of at least one pixel")]
    Empty,
    /// The number of pixels is not what shape and labels ask for.
    #[error("{labels} images of {shape:?} have {expected} pixels, got {got}")]
    PixelCount {
        /// Number of labels.
        labels: usize,
        /// Channels, height and width.
        shape: [usize; 3],
        /// Pixels that many images have.
        expected: usize,
        /// Pixels given.
        got: usize,
    },
    /// A pixel is brighter than the brightest value.
    #[error("image {index} has a pixel of value {value}, the brightest is {white}")]
    PixelRange {
        /// Position of the image.
        index: usize,
        /// Value of the pixel.
        value: u8,
        /// The brightest value allowed.
        white: u8,
    },
    /// A label names a class that is not there.
    #[error("image {index} has the label {label}, the classes are 0 to {last}", last = .classes.saturating_sub(1))]
    LabelRange {
        /// Position of the image.
        index: usize,
        /// The label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
}

// === impl Images ===

impl Images {
    /// Joins pixels and labels.
    ///
    /// `shape` is channels, height and width; `pixels` holds one image after the other in that order, from 0 to
    /// `white`, which becomes 1.
    ///
    /// # Errors
    /// When there is no image, the counts do not fit, or a pixel or a label is out of its range.
    pub fn new(
        shape: [usize; 3],
        classes: usize,
        white: u8,
        pixels: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self, ImagesError> {
        let each = shape.iter().product::<usize>();
        if labels.is_empty() || each == 0 || white == 0 {
            return Err(ImagesError::Empty);
        }
        if pixels.len() != each.saturating_mul(labels.len()) {
            return Err(ImagesError::PixelCount {
                labels: labels.len(),
                shape,
                expected: each.saturating_mul(labels.len()),
                got: pixels.len(),
            });
        }
        if let Some(at) = pixels.iter().position(|value| *value > white) {
            let (index, value) = (at / each, pixels[at]);
            return Err(ImagesError::PixelRange {
                index,
                value,
                white,
            });
        }
        if let Some(index) = labels.iter().position(|l| usize::from(*l) >= classes) {
            let label = labels[index];
            return Err(ImagesError::LabelRange {
                index,
                label,
                classes,
            });
        }
        Ok(Self {
            shape,
            classes,
            white,
            pixels,
            labels,
        })
    }

    /// Channels, height and width of each image.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of images, at least 1.
    pub fn count(&self) -> usize {
        self.labels.len()
    }

    /// The class of each image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// Pixels of the images in the range, scaled to 0..1: as many times channels, height and width.
    ///
    /// # Panics
    /// When the range goes past the last image.
    pub fn pixels(&self, images: Range<usize>) -> Vec<f32> {
        let each = self.image_len();
        self.scaled(&self.pixels[images.start * each..images.end * each])
    }

    /// The images at the positions given, in that order; a position may stand more than once.
    ///
    /// # Errors
    /// When there is no position.
    ///
    /// # Panics
    /// When a position is past the last image.
    pub fn select(&self, positions: &[usize]) -> Result<Self, ImagesError> {
        if positions.is_empty() {
            return Err(ImagesError::Empty);
        }
        Ok(Self {
            pixels: positions
                .iter()
                .flat_map(|at| self.image(*at))
                .copied()
                .collect(),
            labels: positions.iter().map(|at| self.labels[*at]).collect(),
            ..*self
        })
    }

    /// Bytes of one image.
    pub(crate) fn image(&self, index: usize) -> &[u8] {
        let each = self.image_len();
        &self.pixels[index * each..(index + 1) * each]
    }

    /// Bytes from 0 to the brightest as numbers from 0 to 1.
    pub(crate) fn scaled(&self, bytes: &[u8]) -> Vec<f32> {
        let white = f32::from(self.white);
        bytes.iter().map(|byte| f32::from(*byte) / white).collect()
    }

    fn image_len(&self) -> usize {
        self.shape.iter().product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_scaled_by_the_brightest_value() {
        let images = Images::new([1, 1, 2], 2, 16, vec![0, 16, 8, 4], vec![0, 1]).unwrap();
        assert_eq!(images.pixels(0..2), [0.0, 1.0, 0.5, 0.25]);
        assert_eq!(images.pixels(1..2), [0.5, 0.25]);
    }

    #[test]
    fn selection_keeps_order_and_labels() {
        let images = Images::new([1, 1, 1], 3, 10, vec![1, 2, 3], vec![0, 1, 2]).unwrap();
        let selected = images.select(&[2, 0]).unwrap();
        assert_eq!(selected.labels(), [2, 0]);
        assert_eq!(selected.pixels(0..2), [0.3, 0.1]);
        assert_eq!(images.select(&[]), Err(ImagesError::Empty));
    }

    #[test]
    fn faulty_numbers_are_refused_with_their_position() {
        let refused = |pixels, labels| {
            Images::new([1, 1, 2], 2, 16, pixels, labels)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(vec![0, 0, 0], vec![0, 1]),
            "2 images of [1, 1, 2] have 4 pixels, got 3"
        );
        assert_eq!(
            refused(vec![0, 0, 0, 17], vec![0, 1]),
            "image 1 has a pixel of value 17, the brightest is 16"
        );
        assert_eq!(
            refused(vec![0, 0, 0, 0], vec![0, 2]),
            "image 1 has the label 2, the classes are 0 to 1"
        );
        assert!(refused(vec![], vec![]).starts_with("a set of images needs"));
    }
}
