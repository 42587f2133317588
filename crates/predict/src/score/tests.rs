use bespoke_measure::Latency;
use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;

fn estimate(low: f64, median: f64, high: f64) -> Estimate {
    let latency = |ms| Latency::from_ms(ms).expect("a latency");
    Estimate {
        median_ms: latency(median),
        low_ms: latency(low),
        high_ms: latency(high),
    }
}

fn assert_close(value: f64, expected: f64) {
    assert!((value - expected).abs() < 1e-12, "{value}, not {expected}");
}

/// Small integers, so that many are equal.
fn pairs_with_ties(rng: &mut ChaCha8Rng) -> (Vec<f64>, Vec<f64>) {
    let count = rng.random_range(2..40);
    let mut side = || {
        (0..count)
            .map(|_| f64::from(rng.random_range(0..7)))
            .collect()
    };
    (side(), side())
}

#[test]
fn spearman_of_equal_and_opposite_orders_is_one_and_minus_one() {
    assert_close(spearman(&[1.0, 5.0, 9.0], &[2.0, 3.0, 40.0]), 1.0);
    assert_close(spearman(&[1.0, 5.0, 9.0], &[3.0, 2.0, 1.0]), -1.0);
}

#[test]
fn spearman_shares_the_ranks_of_equal_values() {
    // Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: 4.5 over the root of 4.5 times 5.
    let value = spearman(&[1.0, 2.0, 2.0, 3.0], &[10.0, 30.0, 20.0, 40.0]);
    assert_close(value, 4.5 / (4.5_f64 * 5.0).sqrt());
}

#[test]
fn kendall_counts_pairs_that_are_not_tied() {
    // Five of six pairs are told apart on the left, all on the right; all five agree.
    let value = kendall_tau_b(&[1.0, 2.0, 2.0, 3.0], &[10.0, 30.0, 20.0, 40.0]);
    assert_close(value, 5.0 / (5.0_f64 * 6.0).sqrt());
    // Of three pairs two agree and one does not.
    assert_close(kendall_tau_b(&[1.0, 2.0, 3.0], &[1.0, 3.0, 2.0]), 1.0 / 3.0);
}

#[test]
fn values_that_are_all_equal_rank_nothing() {
    assert_close(spearman(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), 0.0);
    assert_close(kendall_tau_b(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0]), 0.0);
    assert_close(kendall_tau_b(&[1.0], &[1.0]), 0.0);
}

#[test]
fn kendall_agrees_with_counting_every_pair() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..200 {
        let (a, b) = pairs_with_ties(&mut rng);
        let (mut agreement, mut apart_a, mut apart_b) = (0.0, 0.0, 0.0);
        for i in 0..a.len() {
            for j in 0..i {
                let sign = |x: &[f64]| {
                    x[i].partial_cmp(&x[j])
                        .map_or(0.0, |order| f64::from(order as i8))
                };
                agreement += sign(&a) * sign(&b);
                apart_a += sign(&a).abs();
                apart_b += sign(&b).abs();
            }
        }
        if apart_a * apart_b > 0.0 {
            assert_close(
                kendall_tau_b(&a, &b),
                agreement / f64::sqrt(apart_a * apart_b),
            );
        }
    }
}

#[test]
fn spearman_agrees_with_counting_smaller_and_equal_values() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..200 {
        let (a, b) = pairs_with_ties(&mut rng);
        // Twice the distance of a rank from the mean rank: values below less values above.
        let centred = |x: &[f64]| -> Vec<f64> {
            let sides = |v: f64| {
                x.iter()
                    .map(move |w| f64::from(u8::from(*w < v)) - f64::from(u8::from(*w > v)))
            };
            x.iter().map(|v| sides(*v).sum()).collect()
        };
        let (ra, rb) = (centred(&a), centred(&b));
        let dot = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| x * y).sum() };
        let scale = (dot(&ra, &ra) * dot(&rb, &rb)).sqrt();
        if scale > 0.0 {
            assert_close(spearman(&a, &b), dot(&ra, &rb) / scale);
        }
    }
}

#[test]
fn errors_are_shares_of_the_measurement() {
    let estimates = [
        estimate(9.0, 10.0, 11.0),
        estimate(10.0, 10.5, 12.0),
        estimate(10.0, 20.0, 30.0),
        estimate(4.0, 4.0, 5.0),
    ];
    let scores = Scores::of(&estimates, &[10.0, 10.0, 25.0, 3.0]);
    assert_close(scores.within_5_percent, 0.5);
    assert_close(scores.within_10_percent, 0.5);
    assert_close(scores.mape, (0.0 + 0.05 + 0.2 + 1.0 / 3.0) / 4.0);
    assert_close(scores.coverage_90, 0.75);
    assert_close(
        scores.relative_width_90,
        (0.2 + 2.0 / 10.5 + 1.0 + 0.25) / 4.0,
    );
}

#[test]
fn trimming_drops_whole_rows_from_each_end() {
    let values: Vec<f64> = (0..29).rev().map(f64::from).collect();
    // 2.9 rows of each end are 2: those of 28 and 27, and of 1 and 0.
    assert_eq!(trimmed(&values, 0.1), (2..27).collect::<Vec<_>>());
    assert_eq!(trimmed(&values, 0.0).len(), 29);
    assert_eq!(trimmed(&[5.0; 100], 0.29).len(), 42);
    assert_eq!(trimmed(&[3.0, 1.0, 1.0, 2.0], 0.25), [2, 3]);
}
