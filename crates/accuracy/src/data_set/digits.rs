//! The digits that are part of the program.
//!
//! E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits (UCI Machine Learning Repository, 1998, CC BY 4.0).

use std::io::Read;

use bespoke_net::Images;
use bespoke_recipe::DataSetName;
use flate2::read::GzDecoder;

use super::{CLASSES, DataSet};

const FILE: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// Value of the brightest pixel.
const WHITE: u8 = 16;

/// Images at positions `HELD_OUT` past a multiple of `EVERY` are held out.
const EVERY: usize = 5;
const HELD_OUT: usize = 4;

/// All digits, every fifth held out.
pub(super) fn data_set() -> DataSet {
    let all = images();
    let (held_out, train): (Vec<usize>, Vec<usize>) =
        (0..all.count()).partition(|at| at % EVERY == HELD_OUT);
    let part = |positions: &[usize]| all.select(positions).expect("neither part is empty");
    DataSet {
        name: DataSetName::Digits,
        train: part(&train),
        held_out: part(&held_out),
    }
}

/// Each line holds 64 pixels and the class.
fn images() -> Images {
    let intact = "the file in the program is intact";
    let mut text = String::new();
    GzDecoder::new(FILE)
        .read_to_string(&mut text)
        .expect(intact);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for line in text.lines() {
        let mut numbers = line.split(',').map(|n| n.parse::<u8>().expect(intact));
        labels.push(numbers.next_back().expect(intact));
        pixels.extend(numbers);
    }
    let shape = DataSetName::Digits.shape();
    Images::new(shape, CLASSES, WHITE, pixels, labels).expect(intact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fifth_digit_is_held_out() {
        let digits = data_set();
        assert_eq!((digits.train.count(), digits.held_out.count()), (1438, 359));
        assert_eq!(digits.train.shape(), [1, 8, 8]);
        let all = images();
        assert_eq!(digits.held_out.pixels(1..2), all.pixels(9..10));
        assert_eq!(digits.train.pixels(4..5), all.pixels(5..6));
        assert_eq!(all.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    }

    #[test]
    fn pixels_run_from_zero_to_one() {
        let all = images();
        let pixels = all.pixels(0..all.count());
        let largest = pixels.iter().copied().fold(0.0, f32::max);
        assert_eq!(largest, 1.0);
        assert_eq!(
            pixels[..8],
            [
                0.0,
                0.0,
                5.0 / 16.0,
                13.0 / 16.0,
                9.0 / 16.0,
                1.0 / 16.0,
                0.0,
                0.0
            ]
        );
    }
}
