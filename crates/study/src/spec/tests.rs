//! Study files, good and bad.

use bespoke_graph::Cost;
use bespoke_measure::Estimate;

use super::*;

const GOOD: &str = r#"name = "pi"
space = "fbnet"

[data]
set = "digits"

[[targets]]
runtime = "tract"
threads = 2
max_latency_ms = 5

[budget]
trials = 10
"#;

fn parse(text: &str) -> Result<StudySpec, SpecError> {
    StudySpec::parse(&Source {
        file: "s.toml".to_owned(),
        text: text.to_owned(),
    })
}

fn refusal(old: &str, new: &str) -> String {
    parse(&GOOD.replacen(old, new, 1))
        .expect_err("it is faulty")
        .to_string()
}

fn estimate(median: f64, high: f64) -> Estimate {
    let ms = |ms| Latency::from_ms(ms).expect("positive");
    Estimate {
        median_ms: ms(median),
        low_ms: ms(median),
        high_ms: ms(high),
    }
}

#[test]
fn a_short_study_file_is_completed_with_defaults() {
    let spec = parse(GOOD).expect("it is valid");
    assert_eq!(spec.targets[0].target.to_string(), "tract/b1/t2/f32");
    assert_eq!(spec.budget.in_flight.get(), 4);
    assert_eq!(spec.recipe, Recipe::default());
}

#[test]
fn faults_are_told_with_file_line_and_key() {
    let cases = [
        ("set = \"digits\"", "set = \"digit\"", "s.toml:5", "digit"),
        ("set = \"digits\"", "set = \"mnist\"", "s.toml:4", "folder"),
        ("trials = 10", "trials = 0", "s.toml:13", "zero"),
        (
            "trials = 10",
            "trials = 10\nminutes = -1",
            "s.toml:12",
            "minutes",
        ),
        ("threads = 2", "thread = 2", "s.toml:9", "thread"),
        (
            "max_latency_ms = 5",
            "max_latency_ms = -5",
            "s.toml:7",
            "max_latency_ms",
        ),
        (
            "max_latency_ms = 5",
            "max_energy_mj = nan",
            "s.toml:7",
            "max_energy_mj",
        ),
        (
            "name = \"pi\"",
            "name = \"../pi\"",
            "s.toml:1",
            "cannot name a study",
        ),
        (
            "[data]",
            "[strategy]\nname = \"random\"\nx = 1\n[data]",
            "s.toml:4",
            "x",
        ),
        (
            "[data]",
            "[predictor]\nsamples = 1\n[data]",
            "s.toml:4",
            "`samples`",
        ),
        (
            "[data]",
            "[predictor]\nsamples = 101\n[data]",
            "s.toml:4",
            "from 2 to 100",
        ),
        (
            "[data]",
            "[predictor]\nsamples = -1\n[data]",
            "s.toml:5",
            "-1",
        ),
        (
            "[data]",
            "[predictor]\nsample = 10\n[data]",
            "s.toml:5",
            "sample",
        ),
        (
            "[data]",
            "warm_start = [\"a\",\n\"pi\"]\n[data]",
            "s.toml:5",
            "`warm_start`: `pi` is this study itself",
        ),
        (
            "[data]",
            "warm_start = [\"a\", \"b\", \"a\"]\n[data]",
            "s.toml:4",
            "`warm_start`: `a` stands twice",
        ),
        (
            "[data]",
            "warm_start = [\"a/b\"]\n[data]",
            "s.toml:4",
            "cannot name a study",
        ),
        (
            "[data]",
            "[predictor]\nconfidence = 1\n[data]",
            "s.toml:4",
            "`confidence` must be above 0 and below 1, got 1",
        ),
        (
            "max_latency_ms = 5",
            "[strategy]\nname = \"mnasnet\"",
            "s.toml:10",
            "[strategy]: strategy `mnasnet`: `w` ",
        ),
        (
            "[data]",
            "[evaluator]\nname = \"zero_cost\"\nscore = \"synflo\"\n[data]",
            "s.toml:4",
            "there is no score `synflo`",
        ),
        (
            "[data]",
            "[evaluator]\nname = \"zero_cost\"\nscore = \"zen\"\nbatch_size = 1\n[data]",
            "s.toml:4",
            "`batch_size` must be between 2 and 4096",
        ),
        (
            "[data]",
            "[evaluator]\nname = \"supernet\"\nsubnets = \"tuned\"\nfront = \"scratch\"\n[data]",
            "s.toml:4",
            "`front` is for candidates that are not trained: leave out `subnets = \"tuned\"`",
        ),
        (
            "[data]",
            "[evaluator]\nname = \"supernet\"\n[strategy]\nname = \"fbnet\"\ntrials = \"tuned\"\n[data]",
            "s.toml:6",
            "leave out [evaluator]",
        ),
        (
            "[data]",
            "[evaluator]\nname = \"training\"\nscore = \"zen\"\n[data]",
            "s.toml:4",
            "score",
        ),
        (
            "[data]",
            "[training]\nepochs = 0\n[data]",
            "s.toml:4",
            "epochs",
        ),
    ];
    for (old, new, place, word) in cases {
        let told = refusal(old, new);
        assert!(
            told.starts_with(place) && told.contains(word) && !told.contains('\n'),
            "{told}"
        );
    }
}

#[test]
fn a_target_cannot_stand_twice() {
    let again = "[[targets]]\nruntime = \"tract\"\nthreads = 2\n\n[[targets]]";
    assert!(refusal("[[targets]]", again).contains("twice"));
}

#[test]
fn a_bound_is_kept_when_the_whole_interval_keeps_it() {
    let spec = parse(GOOD).expect("it is valid");
    assert_eq!(spec.measured_violation(&[estimate(4.0, 5.0)], &[]), None);
    let (reason, excess) = spec
        .measured_violation(&[estimate(4.0, 6.0)], &[])
        .expect("6 ms are too many");
    assert!(
        (excess - 0.2).abs() < 1e-12 && reason.contains("tract/b1/t2/f32"),
        "{reason}"
    );
}

#[test]
fn an_energy_is_as_uncertain_as_the_latency_of_the_same_passes() {
    let text = GOOD.replacen("max_latency_ms = 5", "max_energy_mj = 6", 1);
    let spec = parse(&text).expect("it is valid");
    let violation = |high, mj| spec.measured_violation(&[estimate(4.0, high)], &[mj]);
    assert_eq!(violation(4.8, Some(5.0)), None);
    let (reason, excess) = violation(6.0, Some(5.0)).expect("up to 7.5 mJ are too many");
    assert!((excess - 0.25).abs() < 1e-12, "{excess}");
    assert_eq!(
        reason,
        "up to 7.5000 mJ on tract/b1/t2/f32, the bound is 6.0000 mJ"
    );
    assert_eq!(violation(4.0, None), None);
    assert!(spec.needs_energy(0));
}

#[test]
fn objectives_are_the_error_the_latencies_and_what_the_file_names() {
    use Objective::{Energy, Error, Latency, Macs, Parameters, PeakActivationBytes};
    let two = GOOD.replacen("[budget]", "[[targets]]\nruntime = \"flex\"\n[budget]", 1);
    let objectives = |list: &str| {
        let spec = parse(&format!("objectives = {list}\n{two}"));
        spec.expect("it is valid").objectives()
    };
    let always = [Error, Latency(0), Latency(1)];
    let with = |more: &[Objective]| [always.as_slice(), more].concat();
    assert_eq!(objectives("[]"), always);
    assert_eq!(
        objectives("['energy', 'peak_activation_bytes', 'macs', 'parameters']"),
        with(&[Parameters, Macs, PeakActivationBytes, Energy(0), Energy(1)]),
    );
    assert_eq!(objectives("['energy@flex/b1/t1/f32']"), with(&[Energy(1)]));
}

#[test]
fn objectives_carry_the_bounds_of_the_file() {
    let text = GOOD.replacen("max_latency_ms = 5", "max_energy_mj = 6", 1);
    let text = format!("objectives = ['macs']\n{text}[bounds]\nmax_parameters = 100\n");
    let spec = parse(&text).expect("it is valid");
    let bounds = [
        Objective::Latency(0),
        Objective::Parameters,
        Objective::Macs,
        Objective::Energy(0),
    ];
    assert_eq!(
        bounds.map(|objective| spec.bound(objective)),
        [None, Some(100.0), None, Some(6.0)]
    );
    assert_eq!(
        spec.name_of(Objective::Energy(0)),
        "energy_mj@tract/b1/t2/f32"
    );
}

#[test]
fn objectives_that_mean_nothing_are_refused_with_their_line() {
    let cases = [
        (
            "['macs',\n'macs']",
            "s.toml:2: `objectives`: `macs` stands twice",
        ),
        (
            "['energy', 'energy@tract/b1/t2/f32']",
            "s.toml:1: `objectives`: `energy@tract/b1/t2/f32` stands twice",
        ),
        (
            "['speed']",
            "s.toml:1: `objectives`: `speed` is not known; there are parameters,",
        ),
        (
            "['latency']",
            "s.toml:1: `objectives`: `latency` is always one;",
        ),
        (
            "['energy@flex/b1/t1/f32']",
            "s.toml:1: `objectives`: the study has no target flex/b1/t1/f32; it has tract/b1/t2/f32",
        ),
        (
            "['energy@flex']",
            "s.toml:1: `objectives`: target `flex`: expected RUNTIME/",
        ),
    ];
    for (list, start) in cases {
        let told = refusal("name =", &format!("objectives = {list}\nname ="));
        assert!(told.starts_with(start) && !told.contains('\n'), "{told}");
    }
}

#[test]
fn bounds_on_cost_add_up() {
    let text = format!("{GOOD}\n[bounds]\nmax_parameters = 100\nmax_macs = 100\n");
    let spec = parse(&text).expect("it is valid");
    let cost = |parameters, macs| Cost {
        parameters,
        macs,
        flops: 0,
        bytes_moved: 0,
        peak_activation_bytes: 0,
    };
    assert_eq!(spec.cost_violation(&cost(100, 100)), None);
    let (_, excess) = spec
        .cost_violation(&cost(150, 200))
        .expect("both are broken");
    assert!((excess - 1.5).abs() < 1e-12);
}

#[test]
fn only_the_size_of_the_budget_may_change_when_a_study_goes_on() {
    let spec = parse(GOOD).expect("it is valid");
    let changed = |old: &str, new: &str| parse(&GOOD.replacen(old, new, 1)).expect("it is valid");
    assert!(changed("trials = 10", "trials = 99\nminutes = 3.0").continues(&spec));
    assert!(!changed("trials = 10", "trials = 10\nin_flight = 9").continues(&spec));
    assert!(!changed("threads = 2", "threads = 1").continues(&spec));
    assert!(!changed("name =", "objectives = ['macs']\nname =").continues(&spec));
}

#[test]
fn a_study_asks_for_predictors_only_if_it_says_so() {
    let with = |table: &str| {
        let text = GOOD.replacen("[data]", &format!("{table}\n[data]"), 1);
        let predictor = parse(&text).expect("it is valid").predictor;
        predictor.map(|predictor| (u32::from(predictor.samples), predictor.confidence))
    };
    assert_eq!(with(""), None);
    assert_eq!(with("[predictor]\nsamples = 0"), None);
    assert_eq!(with("[predictor]"), Some((10, 0.5)));
    let both = "[predictor]\nsamples = 25\nconfidence = 0.9";
    assert_eq!(with(both), Some((25, 0.9)));
}

#[test]
fn a_prediction_breaks_a_bound_when_its_whole_interval_does() {
    let spec = parse(GOOD).expect("it is valid");
    let predicted = |low: f64, median: f64| Estimate {
        low_ms: Latency::from_ms(low).expect("positive"),
        ..estimate(median, 20.0)
    };
    assert_eq!(spec.predicted_violation(&[predicted(5.0, 10.0)]), None);
    let (reason, excess) = spec
        .predicted_violation(&[predicted(6.0, 10.0)])
        .expect("6 ms are too many");
    assert!((excess - 1.0).abs() < 1e-12, "{excess}");
    assert!(
        reason.contains("at least 6.0000 ms on tract/b1/t2/f32"),
        "{reason}"
    );
}
