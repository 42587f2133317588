//! Random changes to training images that keep their class.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::Images;

/// How training images are varied each time they are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Augment {
    /// Not at all.
    #[default]
    None,
    /// Moved up or down and left or right; what comes in from outside is black.
    Shift {
        /// The furthest, in pixels.
        pixels: u8,
    },
    /// Moved, and mirrored left to right half of the time: not for digits and letters.
    ShiftAndFlip {
        /// The furthest, in pixels.
        pixels: u8,
    },
}

/// Where one image goes: its pixels are read `down` and `right` of where they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placement {
    down: isize,
    right: isize,
    mirrored: bool,
}

// === impl Augment ===

impl Augment {
    /// The images at the positions given, varied, as one batch of numbers from 0 to 1.
    pub(crate) fn batch(
        self,
        images: &Images,
        positions: &[usize],
        rng: &mut impl Rng,
    ) -> Vec<f32> {
        let mut bytes = Vec::with_capacity(positions.len() * images.image(0).len());
        for position in positions {
            match self.placement(rng) {
                Some(placement) => {
                    placement.copy(images.image(*position), images.shape(), &mut bytes);
                }
                None => bytes.extend_from_slice(images.image(*position)),
            }
        }
        images.scaled(&bytes)
    }

    fn placement(self, rng: &mut impl Rng) -> Option<Placement> {
        let (pixels, flip) = match self {
            Self::None => return None,
            Self::Shift { pixels } => (pixels, false),
            Self::ShiftAndFlip { pixels } => (pixels, true),
        };
        // Drawn as 32-bit numbers, so that the same seed gives the same images on 32-bit machines.
        let furthest = i32::from(pixels);
        let mut shift = || rng.random_range(-furthest..=furthest) as isize;
        let (down, right) = (shift(), shift());
        Some(Placement {
            down,
            right,
            mirrored: flip && rng.random_bool(0.5),
        })
    }
}

// === impl Placement ===

impl Placement {
    fn copy(self, image: &[u8], [channels, height, width]: [usize; 3], out: &mut Vec<u8>) {
        for channel in 0..channels {
            let plane = &image[channel * height * width..(channel + 1) * height * width];
            for y in 0..height {
                let Some(row) = moved(y, self.down, height) else {
                    out.extend(std::iter::repeat_n(0, width));
                    continue;
                };
                out.extend((0..width).map(|x| {
                    let x = if self.mirrored { width - 1 - x } else { x };
                    moved(x, self.right, width).map_or(0, |x| plane[row * width + x])
                }));
            }
        }
    }
}

/// `at + by` where that is inside `0..length`.
fn moved(at: usize, by: isize, length: usize) -> Option<usize> {
    at.checked_add_signed(by).filter(|moved| *moved < length)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const SHAPE: [usize; 3] = [1, 2, 3];
    const IMAGE: [u8; 6] = [1, 2, 3, 4, 5, 6];

    fn placed(down: isize, right: isize, mirrored: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let placement = Placement {
            down,
            right,
            mirrored,
        };
        placement.copy(&IMAGE, SHAPE, &mut out);
        out
    }

    #[test]
    fn shifted_image_is_black_where_nothing_was() {
        assert_eq!(placed(0, 0, false), IMAGE);
        assert_eq!(placed(1, 0, false), [4, 5, 6, 0, 0, 0]);
        assert_eq!(placed(0, -1, false), [0, 1, 2, 0, 4, 5]);
        assert_eq!(placed(-5, 0, false), [0; 6]);
    }

    #[test]
    fn mirrored_image_runs_from_right_to_left() {
        assert_eq!(placed(0, 0, true), [3, 2, 1, 6, 5, 4]);
    }

    #[test]
    fn every_shift_within_the_limit_occurs() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let augment = Augment::ShiftAndFlip { pixels: 1 };
        let seen: std::collections::BTreeSet<_> = (0..500)
            .filter_map(|_| augment.placement(&mut rng))
            .map(|p| (p.down, p.right, p.mirrored))
            .collect();
        assert_eq!(seen.len(), 3 * 3 * 2);
    }

    #[test]
    fn settings_are_written_by_name() {
        let text = serde_json::to_string(&Augment::Shift { pixels: 2 }).unwrap();
        assert_eq!(text, r#"{"shift":{"pixels":2}}"#);
        let none: Augment = serde_json::from_str(r#""none""#).unwrap();
        assert_eq!(none, Augment::None);
        let unknown = serde_json::from_str::<Augment>(r#"{"shift":{"pixel":2}}"#);
        assert!(unknown.is_err());
    }
}
