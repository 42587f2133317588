//! When to give up training a candidate.

use crate::{Objective, Trial};

/// Epochs that every candidate is given.
const FEWEST_EPOCHS: usize = 2;
/// How many earlier trials must be ahead.
const WITNESSES: usize = 2;

/// Whether training a trial on is hopeless: at least two earlier trials are no worse in any other objective and were
/// more accurate after as many epochs than this trial has ever been.
///
/// The median stopping rule (Golovin et al., Google Vizier, 2017) compares with all earlier trials. Unlike the paper,
/// only those count that the candidate would have to beat to stand on the front, so that a fast network is never
/// stopped for being less accurate than slow ones.
pub fn is_hopeless(
    objectives: &[Objective],
    trial: &Trial,
    curve: &[f64],
    earlier: &[Trial],
) -> bool {
    if curve.len() < FEWEST_EPOCHS {
        return false;
    }
    let best = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let others = || objectives.iter().filter(|o| **o != Objective::Error);
    let no_worse = |other: &Trial| {
        others().all(|objective| {
            let pair = objective.value_of(other).zip(objective.value_of(trial));
            pair.is_some_and(|(theirs, own)| theirs <= own)
        })
    };
    let ahead = |other: &&Trial| {
        let reached = other.curve().get(curve.len() - 1);
        reached.is_some_and(|accuracy| *accuracy > best) && no_worse(other)
    };
    earlier.iter().filter(ahead).count() >= WITNESSES
}

#[cfg(test)]
mod tests {
    use bespoke_graph::{Cost, Graph};
    use bespoke_measure::{Estimate, Latency};

    use super::*;
    use crate::{Accuracy, TrialId};

    const OBJECTIVES: [Objective; 2] = [Objective::Error, Objective::Latency(0)];

    /// A trial that is being trained.
    fn measured(ms: f64, parameters: u64) -> Trial {
        let (builder, input) = Graph::builder(&[1]);
        let graph = builder.finish(input).expect("the input is a graph");
        let cost = Cost {
            parameters,
            macs: 0,
            flops: 0,
            bytes_moved: 0,
            peak_activation_bytes: 0,
        };
        let mut trial = Trial::proposed(TrialId(0), String::new(), graph.hash(), cost);
        let ms = Latency::from_ms(ms).expect("positive");
        let estimate = Estimate {
            median_ms: ms,
            low_ms: ms,
            high_ms: ms,
        };
        trial.measured(vec![estimate]).expect("it was proposed");
        trial
    }

    fn trained(ms: f64, curve: &[f64]) -> Trial {
        let mut trial = measured(ms, 10);
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
        let is_hopeless =
            |curve: &[f64]| is_hopeless(&OBJECTIVES, &measured(2.0, 5), curve, &earlier);
        assert!(is_hopeless(&[30.0, 60.0]));
        assert!(!is_hopeless(&[30.0]), "one epoch says too little");
        assert!(!is_hopeless(&[30.0, 75.0]), "only one was ahead");
    }

    #[test]
    fn the_best_candidate_in_some_objective_is_never_given_up() {
        let earlier = [trained(1.0, &[50.0, 80.0]), trained(1.5, &[40.0, 70.0])];
        let poor = [1.0, 1.0];
        let with_parameters = [OBJECTIVES.as_slice(), &[Objective::Parameters]].concat();
        assert!(!is_hopeless(
            &OBJECTIVES,
            &measured(0.9, 50),
            &poor,
            &earlier
        ));
        assert!(is_hopeless(&OBJECTIVES, &measured(2.0, 5), &poor, &earlier));
        assert!(!is_hopeless(
            &with_parameters,
            &measured(2.0, 5),
            &poor,
            &earlier
        ));
        assert!(is_hopeless(
            &with_parameters,
            &measured(2.0, 10),
            &poor,
            &earlier
        ));
    }
}
