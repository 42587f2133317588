//! Figures that follow from published formulas.

use bespoke_measure::least_queries_under;
use bespoke_search::pareto::hypervolume;

use crate::Check;

const MLPERF: &str = "MLPerf Inference rules, appendix Early Stopping; mlcommons/inference, loadgen/early_stopping.cc";
const ZITZLER: &str = "Zitzler and Thiele, PPSN 1998; the volume of these points in closed form";

/// All checks of formulas.
pub fn checks() -> Vec<Check> {
    let stopping = [
        (0.9, 0, 44),
        (0.9, 1, 63),
        (0.9, 2, 79),
        (0.99, 0, 459),
        (0.99, 1, 661),
    ];
    let stopping = stopping.map(|(percentile, over, expected)| {
        let name = format!(
            "queries under the bound that MLPerf asks for, {over} over it, percentile {percentile}"
        );
        Check::exact(
            name,
            MLPERF,
            expected,
            Ok(least_queries_under(percentile, 0.99, over)),
        )
    });
    let lines = [1, 2, 7, 100].map(|n: u32| {
        let name = format!("hypervolume of the {n} points (i, {n} - 1 - i), reference ({n}, {n})");
        let expected = n * n - n * (n - 1) / 2;
        Check::exact(name, ZITZLER, f64::from(expected), Ok(line(n)))
    });
    let simplices = [1, 2, 7, 30].map(|n: u32| {
        let name =
            format!("hypervolume of the points i + j + k = {n} - 1, reference ({n}, {n}, {n})");
        let expected = n * n * n - (n - 1) * n * (n + 1) / 6;
        Check::exact(name, ZITZLER, f64::from(expected), Ok(simplex(n)))
    });
    stopping.into_iter().chain(lines).chain(simplices).collect()
}

fn line(n: u32) -> f64 {
    let points: Vec<[f64; 2]> = (0..n).map(|i| [i, n - 1 - i].map(f64::from)).collect();
    hypervolume(&points, &[f64::from(n); 2])
}

fn simplex(n: u32) -> f64 {
    let pairs = (0..n).flat_map(|i| (0..n - i).map(move |j| (i, j)));
    let points: Vec<[f64; 3]> = pairs
        .map(|(i, j)| [i, j, n - 1 - i - j].map(f64::from))
        .collect();
    hypervolume(&points, &[f64::from(n); 3])
}
