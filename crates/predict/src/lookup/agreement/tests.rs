use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::*;

/// Networks of FBNet's space with the prices that `price` makes of how many layers have a kernel of 5 and of the
/// network's number, and the same times as measurements.
fn networks(times: impl Fn(f64, f64) -> (f64, f64)) -> (Space, Vec<CheckedNetwork>) {
    let space = Space::builtin("fbnet").expect("it comes with the program");
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let networks = (0..50).map(|number| {
        let architecture = space.sample(&mut rng);
        let text = space.format_architecture(&architecture);
        let wide = text.split('|').filter(|layer| *layer == "k5_e6").count();
        let (table_ms, measured_ms) = times(wide as f64, f64::from(number));
        CheckedNetwork {
            architecture,
            table_ms,
            measured_ms,
        }
    });
    let networks = networks.collect();
    (space, networks)
}

#[test]
fn an_offset_is_told_from_a_factor() {
    let (space, shifted) = networks(|_, number| (10.0 + number, 12.0 + number));
    let agreement = Agreement::of(&space, &shifted).expect("fifty networks");
    assert!((agreement.line.offset_ms - 2.0).abs() < 1e-9);
    assert!((agreement.line.factor - 1.0).abs() < 1e-9);
    assert!(agreement.offset.median_error < 1e-9 && agreement.factor.median_error > 0.01);
    assert!(agreement.bias < -0.03 && agreement.spearman == 1.0);
    let (space, scaled) = networks(|_, number| (10.0 + number, 1.2 * (10.0 + number)));
    let agreement = Agreement::of(&space, &scaled).expect("fifty networks");
    assert!(agreement.line.offset_ms.abs() < 1e-9);
    assert!((agreement.factor.factor - 1.2).abs() < 1e-9);
    assert!(agreement.factor.median_error < 1e-9 && agreement.offset.median_error > 0.01);
    assert!((agreement.median_error - (1.0 - 1.0 / 1.2)).abs() < 1e-9);
    assert!((agreement.p90_error - agreement.median_error).abs() < 1e-9);
}

#[test]
fn what_the_table_gets_wrong_is_named() {
    let (space, wrong) = networks(|wide, number| (20.0, 20.0 + wide + 0.01 * (number % 7.0)));
    let agreement = Agreement::of(&space, &wrong).expect("fifty networks");
    let first = agreement.trends.first().expect("a trend");
    assert_eq!(first.what, "block=k5_e6");
    assert!(first.correlation < -0.9, "{first:?}");
    assert!(first.bias_of_most < first.bias_of_least - 0.05, "{first:?}");
    let (space, right) = networks(|_, number| (20.0, 20.0 + 0.01 * (number * 17.0 % 50.0)));
    let agreement = Agreement::of(&space, &right).expect("fifty networks");
    assert_eq!(agreement.trends, []);
}

#[test]
fn a_single_network_and_equal_prices_are_no_trouble() {
    let (space, same) = networks(|_, _| (20.0, 25.0));
    assert_eq!(Agreement::of(&space, &same[..1]), None);
    let agreement = Agreement::of(&space, &same).expect("fifty networks");
    assert_eq!(agreement.line.offset_ms, 0.0);
    assert!((agreement.line.factor - 1.25).abs() < 1e-9);
    assert!((agreement.bias + 0.2).abs() < 1e-12);
}
