//! Random changes to training images that keep their class.

use bespoke_recipe::Augment;
use rand::Rng;

use crate::Images;

/// Where one image goes: its pixels are read `down` and `right` of where they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Placement {
    down: isize,
    right: isize,
    mirrored: bool,
}

/// The images at the positions given, varied, as one batch of numbers from 0 to 1.
pub(crate) fn varied(
    augment: Augment,
    images: &Images,
    positions: &[usize],
    rng: &mut impl Rng,
) -> Vec<f32> {
    let mut bytes = Vec::with_capacity(positions.len() * images.image(0).len());
    for position in positions {
        match Placement::draw(augment, rng) {
            Some(placement) => {
                placement.copy(images.image(*position), images.shape(), &mut bytes);
            }
            None => bytes.extend_from_slice(images.image(*position)),
        }
    }
    images.scaled(&bytes)
}

// === impl Placement ===

impl Placement {
    /// Where an image goes this time; nothing where it stays as it is.
    fn draw(augment: Augment, rng: &mut impl Rng) -> Option<Self> {
        let (pixels, flip) = match augment {
            Augment::None => return None,
            Augment::Shift { pixels } => (pixels, false),
            Augment::ShiftAndFlip { pixels } => (pixels, true),
        };
        // Drawn as 32-bit numbers, so that the same seed gives the same images on 32-bit machines.
        let furthest = i32::from(pixels);
        let mut shift = || rng.random_range(-furthest..=furthest) as isize;
        let (down, right) = (shift(), shift());
        Some(Self {
            down,
            right,
            mirrored: flip && rng.random_bool(0.5),
        })
    }

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
            .filter_map(|_| Placement::draw(augment, &mut rng))
            .map(|p| (p.down, p.right, p.mirrored))
            .collect();
        assert_eq!(seen.len(), 3 * 3 * 2);
    }
}
