//! A whole search as a user runs it.

use serde_json::Value;

use crate::program::{Room, number};

/// A study of few and short trials; `more` is put before its tables.
pub fn study(name: &str, strategy: &str, trials: u32, more: &str) -> String {
    format!(
        "name = \"{name}\"\nspace = \"tiny.toml\"\nseed = 3\n{more}\n[data]\nset = \"digits\"\n\
         [strategy]\nname = \"{strategy}\"\n[training]\nepochs = 2\nbatch_size = 128\nlearning_rate = 0.05\n\
         [[targets]]\nruntime = \"tract\"\n[budget]\ntrials = {trials}\nin_flight = 2\n\
         [protocol]\nbudget_ms = 4000\nmax_warm_up_ms = 20\nmin_samples = 10\nmin_sampling_ms = 20\n\
         turn_ms = 5\nmax_slowdown = 0.99\ntarget_relative_width = 0.5\nmax_relative_width = 0.99\n"
    )
}

#[test]
fn a_search_ends_with_a_front_of_trained_and_measured_networks() {
    let room = Room::new();
    room.file("study.toml", study("small", "random", 4, ""));
    let front = room.json(&["search", "study.toml", "--json"]);
    let front = front.as_array().expect("an array");
    assert!(!front.is_empty());
    for entry in front {
        let onnx = entry["onnx"].as_str().expect("a path");
        let cost = room.json(&["graph", "cost", onnx, "--json"]);
        assert_eq!(cost["output_shape"], serde_json::json!([10]));
        assert!(entry["latency_ms"].as_f64().expect("a number") > 0.0);
        let held_out = read_probabilities(&room, onnx);
        let right = held_out
            .iter()
            .filter(|(label, guess)| label == guess)
            .count();
        let percent = 100.0 * right as f64 / held_out.len() as f64;
        assert!((percent - entry["accuracy_percent"].as_f64().expect("a number")).abs() < 1e-9);
    }
    let folder = room.path().join("bespoke-data/studies/small");
    let page = std::fs::read_to_string(folder.join("front.html")).expect("the page is there");
    assert!(page.contains("<svg") && !page.contains("http://") | page.contains("www.w3.org"));
    let mut csv = csv::Reader::from_path(folder.join("trials.csv")).expect("the trials are there");
    assert_eq!(csv.records().count(), 4);
    let study: Value = serde_json::from_slice(
        &std::fs::read(folder.join("study.json")).expect("the study is there"),
    )
    .expect("it is JSON");
    assert_eq!(study["front"].as_array().map(Vec::len), Some(front.len()));
    assert_eq!(
        room.json(&["front", "small", "--json"]),
        Value::from(front.clone())
    );
}

/// Label and most probable class of each held-out image, from the file beside a network.
fn read_probabilities(room: &Room, onnx: &str) -> Vec<(usize, usize)> {
    let path = room
        .path()
        .join(onnx.replace(".onnx", ".probabilities.csv"));
    let mut csv = csv::Reader::from_path(path).expect("probabilities lie beside the network");
    let row = |record: csv::StringRecord| {
        let probabilities: Vec<f64> = record
            .iter()
            .skip(2)
            .map(|p| p.parse().expect("a number"))
            .collect();
        let guess =
            (0..probabilities.len()).max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
        (
            record[1].parse().expect("a label"),
            guess.expect("ten classes"),
        )
    };
    csv.records()
        .map(|record| row(record.expect("a row")))
        .collect()
}

#[test]
fn a_finished_study_is_not_run_again() {
    let room = Room::new();
    room.file("study.toml", study("again", "random", 2, ""));
    let first = room.json(&["search", "study.toml", "--json"]);
    let before = room.json(&["studies", "show", "again", "--json"]);
    assert_eq!(room.json(&["search", "study.toml", "--json"]), first);
    assert_eq!(
        room.json(&["studies", "show", "again", "--json"])["trials"],
        before["trials"]
    );
}

#[test]
fn a_study_goes_on_with_a_greater_budget_and_is_refused_with_other_settings() {
    let room = Room::new();
    room.file("study.toml", study("longer", "random", 2, ""));
    room.json(&["search", "study.toml", "--json"]);
    let before = room.json(&["studies", "show", "longer", "--json"]);
    room.file("study.toml", study("longer", "random", 3, ""));
    room.json(&["search", "study.toml", "--json"]);
    let after = room.json(&["studies", "show", "longer", "--json"]);
    let (before, after) = (before["trials"].as_array(), after["trials"].as_array());
    let (before, after) = (before.expect("an array"), after.expect("an array"));
    assert_eq!((before.len(), after.len()), (2, 3));
    assert_eq!(before[0]["graph"], after[0]["graph"]);

    room.file("study.toml", study("longer", "nsga2", 3, ""));
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("longer") && error.contains("settings"),
        "{error}"
    );
}

#[test]
fn a_bound_that_no_network_meets_ends_in_a_sentence() {
    let room = Room::new();
    let text = study("hopeless", "random", 2, "");
    let bounded = text.replace(
        "runtime = \"tract\"",
        "runtime = \"tract\"\nmax_latency_ms = 0.000001",
    );
    room.file("study.toml", bounded);
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("met the bound of 0.0000 ms") || error.contains("met the bound"),
        "{error}"
    );
    assert!(error.contains("max_latency_ms"), "{error}");
}

#[test]
fn a_study_bounded_on_three_targets_ends_with_networks_that_meet_all_three() {
    let room = Room::new();
    let on_three = |name: &str, bounds_ms: [Option<f64>; 3]| {
        let targets = ["tract\"", "tract\"\nthreads = 2", "flex\""];
        let table = |(target, bound_ms): (&str, Option<f64>)| {
            let bound = bound_ms.map(|ms| format!("max_latency_ms = {ms:?}\n"));
            let bound = bound.unwrap_or_default();
            format!("[[targets]]\nruntime = \"{target}\n{bound}")
        };
        let tables: String = targets.into_iter().zip(bounds_ms).map(table).collect();
        let text = study(name, "random", 6, "");
        text.replacen("[[targets]]\nruntime = \"tract\"\n", &tables, 1)
    };
    room.file("study.toml", on_three("free", [None; 3]));
    room.json(&["search", "study.toml", "--json"]);
    let trials = room.json(&["studies", "show", "free", "--json"])["trials"].clone();
    let highs = |trial: &Value| -> Vec<f64> {
        let latencies = trial["latencies"].as_array().into_iter().flatten();
        latencies
            .map(|latency| latency["interval_ms"][1].as_f64().expect("a number"))
            .collect()
    };
    let mut measured: Vec<Vec<f64>> = trials.as_array().into_iter().flatten().map(highs).collect();
    measured.retain(|highs| highs.len() == 3);
    measured.sort_by(|a, b| a[0].total_cmp(&b[0]));
    // A little more than a network in the middle takes bounds the same networks: none of them is measured again.
    let middle = measured[(measured.len() - 1) / 2].iter();
    let bounds: Vec<f64> = middle.map(|high| high * 1.001).collect();
    let keeps = |highs: &[f64]| highs.iter().zip(&bounds).all(|(high, bound)| high <= bound);
    let keeping = measured.iter().filter(|highs| keeps(highs)).count();
    assert!((1..measured.len()).contains(&keeping), "{measured:?}");

    room.file(
        "study.toml",
        on_three("bounded", [0, 1, 2].map(|target| Some(bounds[target]))),
    );
    let front = room.json(&["search", "study.toml", "--json"]);
    let front = front.as_array().expect("an array");
    assert!(!front.is_empty());
    for entry in front {
        let highs = highs(entry);
        assert!(highs.len() == 3 && keeps(&highs), "{entry}, {bounds:?}");
    }
    let trials = room.json(&["studies", "show", "bounded", "--json"])["trials"].clone();
    for trial in trials.as_array().into_iter().flatten() {
        let highs = highs(trial);
        let is_infeasible = trial["state"] == "infeasible";
        assert_eq!(is_infeasible, highs.len() == 3 && !keeps(&highs), "{trial}");
    }
}

#[test]
fn a_further_objective_has_its_place_on_the_front_and_in_what_is_shown() {
    let room = Room::new();
    let objectives = "objectives = [\"parameters\", \"peak_activation_bytes\"]";
    room.file("study.toml", study("small", "nsga2", 5, objectives));
    let front = room.json(&["search", "study.toml", "--json"]);
    let shown = room.json(&["studies", "show", "small", "--json"]);
    assert_eq!(
        shown["objectives"],
        serde_json::json!([
            "error_percent",
            "latency_ms@tract/b1/t1/f32",
            "parameters",
            "peak_activation_bytes"
        ])
    );
    let trials = shown["trials"].as_array().expect("an array").iter();
    let evaluated = trials.filter(|trial| trial["state"] != "failed");
    let fewest = evaluated
        .map(|trial| number(trial, "parameters") as u64)
        .min();
    let entries = front.as_array().expect("an array");
    let mut on_front = entries
        .iter()
        .map(|entry| number(entry, "parameters") as u64);
    assert!(
        on_front.any(|parameters| Some(parameters) == fewest),
        "{front}"
    );
    for entry in entries {
        let interval = &entry["accuracy_interval_percent"];
        let (low, high) = (&interval[0], &interval[1]);
        let percent = number(entry, "accuracy_percent");
        assert!(
            low.as_f64() < Some(percent) && Some(percent) < high.as_f64(),
            "{entry}"
        );
        for other in entry["tied_with"].as_array().expect("an array") {
            let mut others = entries.iter();
            let other = others.find(|entry| entry["trial"] == *other);
            let back = &other.expect("it is on the front")["tied_with"];
            assert!(back.as_array().expect("an array").contains(&entry["trial"]));
        }
    }
    let folder = room.path().join("bespoke-data/studies/small");
    let page = std::fs::read_to_string(folder.join("front.html")).expect("the page is there");
    for words in [
        "accuracy against parameters",
        "peak activation memory in bytes",
        "tied with",
    ] {
        assert!(page.contains(words), "{words}");
    }
}
