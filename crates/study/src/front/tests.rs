//! Which trials stand on a front, and which of them are tied.

use bespoke_graph::Graph;
use bespoke_measure::Latency;

use super::*;
use crate::Source;

/// A study on two targets, bounded by 5 ms on the first; `more` is put before its tables.
fn spec(more: &str) -> StudySpec {
    let text = format!(
        "name = 'a'\nspace = 's'\n{more}\n[data]\nset = 'digits'\n[budget]\ntrials = 9\n\
         [[targets]]\nruntime = 'tract'\nmax_latency_ms = 5\n[[targets]]\nruntime = 'flex'\n"
    );
    let file = "s.toml".to_owned();
    StudySpec::parse(&Source { file, text }).expect("it is valid")
}

/// A trial that was trained to the end on a thousand held-out images; its latencies are known to a hundredth.
fn trial(id: u32, percent: f64, latencies_ms: [f64; 2], parameters: u64) -> Trial {
    let (builder, input) = Graph::builder(&[1]);
    let graph = builder.finish(input).expect("the input is a graph");
    let cost = Cost {
        parameters,
        ..graph.cost()
    };
    let mut trial = Trial::proposed(TrialId(id), id.to_string(), graph.hash(), cost);
    let ms = |ms| Latency::from_ms(ms).expect("positive");
    let estimates = latencies_ms.map(|median| Estimate {
        median_ms: ms(median),
        low_ms: ms(median * 0.99),
        high_ms: ms(median * 1.01),
    });
    let accuracy = Accuracy {
        percent,
        images: 1000,
        curve: vec![percent],
    };
    let measured = trial.measured(estimates.to_vec());
    let trained = measured.and_then(|()| trial.complete(accuracy));
    trained.expect("it was proposed");
    trial
}

fn ids(front: &Front) -> Vec<u32> {
    front.entries().iter().map(|entry| entry.trial.0).collect()
}

#[test]
fn what_no_other_beats_on_any_target_stands_on_the_front_fastest_first() {
    let trials = [
        trial(0, 90.0, [3.0, 1.0], 5),
        trial(1, 80.0, [2.0, 2.0], 5),
        trial(2, 80.0, [2.0, 3.0], 1),
        trial(3, 90.0, [4.0, 0.5], 9),
    ];
    assert_eq!(ids(&Front::of(&spec(""), &trials)), [1, 0, 3]);
}

#[test]
fn a_further_objective_brings_those_that_are_best_in_it() {
    let trials = [
        trial(0, 90.0, [2.0, 1.0], 5),
        trial(1, 80.0, [3.0, 2.0], 4),
        trial(2, 80.0, [3.0, 2.0], 6),
    ];
    assert_eq!(ids(&Front::of(&spec(""), &trials)), [0]);
    let spec = spec("objectives = ['parameters']");
    assert_eq!(ids(&Front::of(&spec, &trials)), [0, 1]);
}

#[test]
fn what_breaks_a_bound_stands_on_no_front() {
    let small = "[bounds]\nmax_parameters = 8";
    // The median of 4.99 ms keeps the bound, the upper end of its interval does not.
    let trials = [
        trial(0, 99.0, [4.99, 1.0], 5),
        trial(1, 98.0, [1.0, 1.0], 9),
        trial(2, 50.0, [2.0, 2.0], 5),
    ];
    assert_eq!(ids(&Front::of(&spec(small), &trials)), [2]);
}

#[test]
fn a_front_in_energy_holds_no_network_whose_energy_is_not_known() {
    let known = |id, mj| trial(id, 90.0, [1.0, 1.0], 5).with_energies(vec![None, mj]);
    let trials = [
        trial(0, 99.0, [1.0, 1.0], 5),
        known(1, Some(3.0)),
        known(2, Some(2.0)),
        known(3, None),
    ];
    let spec = spec("objectives = ['energy@flex/b1/t1/f32']");
    assert_eq!(ids(&Front::of(&spec, &trials)), [2]);
}

#[test]
fn networks_that_nothing_measured_tells_apart_are_tied() {
    // Of a thousand images at 90 %, the interval of 95 % spans 88.0 to 91.7 %.
    let trials = [
        trial(0, 90.0, [2.0, 2.0], 5),
        trial(1, 91.0, [2.03, 2.03], 4),
        trial(2, 96.0, [2.035, 2.035], 5),
        trial(3, 91.5, [2.06, 2.06], 4),
    ];
    let tied = |spec: &StudySpec| -> Vec<(u32, Vec<TrialId>)> {
        let front = Front::of(spec, &trials);
        let entries = front.entries().iter();
        entries.map(|e| (e.trial.0, e.tied_with.clone())).collect()
    };
    let free = Vec::new;
    let expected = [(0, vec![TrialId(1)]), (1, vec![TrialId(0)]), (2, free())];
    assert_eq!(tied(&spec("")), expected);
    let counted = spec("objectives = ['parameters']");
    let expected = [
        (0, free()),
        (1, vec![TrialId(3)]),
        (2, free()),
        (3, vec![TrialId(1)]),
    ];
    assert_eq!(tied(&counted), expected);
}
