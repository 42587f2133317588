//! When to give up training a candidate.

use bespoke_measure::Estimate;

use crate::Trial;

/// Epochs that every candidate is given.
const FEWEST_EPOCHS: usize = 2;
/// How many earlier trials must be ahead.
const WITNESSES: usize = 2;

/// Whether training on is hopeless: at least two earlier trials are no slower on any target and were more accurate
/// after as many epochs than this candidate has ever been.
///
/// The median stopping rule (Golovin et al., Google Vizier, 2017) compares with all earlier trials. Unlike the paper,
/// only those count that the candidate would have to beat to stand on the front, so that a fast network is never
/// stopped for being less accurate than slow ones.
pub fn is_hopeless(latencies: &[Estimate], curve: &[f64], earlier: &[Trial]) -> bool {
    if curve.len() < FEWEST_EPOCHS {
        return false;
    }
    let best = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let ahead = |trial: &&Trial| {
        let reached = trial.curve().get(curve.len() - 1);
        reached.is_some_and(|accuracy| *accuracy > best) && no_slower(trial.latencies(), latencies)
    };
    earlier.iter().filter(ahead).count() >= WITNESSES
}

/// Whether every latency is at most its counterpart.
fn no_slower(these: &[Estimate], those: &[Estimate]) -> bool {
    these.len() == those.len()
        && these
            .iter()
            .zip(those)
            .all(|(a, b)| a.median_ms <= b.median_ms)
}

#[cfg(test)]
mod tests {
    use bespoke_graph::{Cost, Graph};
    use bespoke_measure::Latency;

    use super::*;
    use crate::{Accuracy, TrialId};

    fn at(ms: f64) -> Vec<Estimate> {
        let ms = Latency::from_ms(ms).expect("positive");
        vec![Estimate {
            median_ms: ms,
            low_ms: ms,
            high_ms: ms,
        }]
    }

    fn trained(ms: f64, curve: &[f64]) -> Trial {
        let (builder, input) = Graph::builder(&[1]);
        let graph = builder.finish(input).expect("the input is a graph");
        let cost = Cost {
            parameters: 0,
            macs: 0,
            flops: 0,
            bytes_moved: 0,
            peak_activation_bytes: 0,
        };
        let mut trial = Trial::proposed(TrialId(0), String::new(), graph.hash(), cost);
        trial.measured(at(ms)).expect("it was proposed");
        let percent = curve.last().copied().expect("a curve");
        let accuracy = Accuracy {
            percent,
            images: 1,
            curve: curve.to_vec(),
        };
        trial.complete(accuracy).expect("it was measured");
        trial
    }

    #[test]
    fn a_slow_and_poor_candidate_is_given_up() {
        let earlier = [
            trained(1.0, &[50.0, 80.0, 90.0]),
            trained(1.5, &[40.0, 70.0, 95.0]),
        ];
        assert!(is_hopeless(&at(2.0), &[30.0, 60.0], &earlier));
        assert!(
            !is_hopeless(&at(2.0), &[30.0], &earlier),
            "one epoch says too little"
        );
        assert!(
            !is_hopeless(&at(2.0), &[30.0, 75.0], &earlier),
            "only one was ahead"
        );
    }

    #[test]
    fn the_fastest_candidate_is_never_given_up() {
        let earlier = [trained(1.0, &[50.0, 80.0]), trained(1.5, &[40.0, 70.0])];
        assert!(!is_hopeless(&at(0.9), &[1.0, 1.0], &earlier));
    }
}
