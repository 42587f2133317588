//! Networks judged without training, as a user does it.

use serde_json::Value;

use crate::{
    program::{Room, number},
    search::study,
};

const ARCHITECTURES: [&str; 2] = [
    "stem.channels=2,stem.kernel=1,stem.activation=relu,body.channels=4",
    "stem.channels=8,stem.kernel=3,stem.activation=relu,body.channels=12",
];

#[test]
fn scores_of_networks_are_printed_as_csv_or_json_with_their_vote() {
    let room = Room::new();
    room.file("two.txt", ARCHITECTURES.join("\n"));
    let score = ["score", "--space", "tiny.toml", "--file", "two.txt"];
    let with = |more: &[&'static str]| [score.as_slice(), more].concat();
    let csv = room.text(&with(&["--scores", "parameters,synflow,entropy"]));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "architecture,parameters,synflow,entropy,vote");
    assert!(
        lines[1].ends_with(",0") && lines[2].ends_with(",1"),
        "{csv}"
    );
    let json = room.json(&with(&["--scores", "snip", "--data", "digits", "--json"]));
    let networks = json.as_array().expect("an array");
    for (network, text) in networks.iter().zip(ARCHITECTURES) {
        assert_eq!(network["architecture"], text);
        assert!(number(&network["scores"], "snip") > 0.0);
        assert_eq!(network["vote"], Value::Null);
    }
}

#[test]
fn a_score_that_looks_at_images_asks_for_them() {
    let room = Room::new();
    let score = |more: &[&'static str]| {
        let score = ["score", "--space", "tiny.toml", ARCHITECTURES[0]];
        room.error(&[score.as_slice(), more].concat())
    };
    let error = score(&["--scores", "synflow,grasp"]);
    assert!(
        error.contains("the score `grasp` looks at images: name a data set"),
        "{error}"
    );
    let error = score(&[
        "--scores",
        "grasp",
        "--data",
        "digits",
        "--batch-size",
        "1500",
    ]);
    assert!(
        error.contains("a batch takes 1500 images, digits has 1438"),
        "{error}"
    );
    let usage = room.run(&["score", "--space", "tiny.toml", "--scores", "synflo"]);
    assert_eq!(usage.status.code(), Some(2));
    let error = String::from_utf8_lossy(&usage.stderr);
    assert!(error.contains("there is no score `synflo`"), "{error}");
}

#[test]
fn a_study_by_scores_ends_in_trained_and_measured_networks() {
    let room = Room::new();
    let evaluator = "[evaluator]\nname = \"zero_cost\"\nscore = \"synflow\"\n";
    let text = study("scored", "regularized_evolution", 4, "") + evaluator;
    room.file("study.toml", text);
    let front = room.json(&["search", "study.toml", "--json"]);
    let front = front.as_array().expect("an array");
    assert!(!front.is_empty());
    for entry in front {
        let onnx = entry["onnx"].as_str().expect("a path");
        let cost = room.json(&["graph", "cost", onnx, "--json"]);
        assert_eq!(cost["output_shape"], serde_json::json!([10]));
        assert!(number(entry, "latency_ms") > 0.0 && number(entry, "accuracy_percent") > 0.0);
    }
    let shown = room.json(&["studies", "show", "scored", "--json"]);
    for trial in shown["trials"].as_array().expect("an array") {
        match trial["state"].as_str().expect("a word") {
            "complete" | "scored" => assert!(number(trial, "score") > 0.0, "{trial}"),
            // On a busy machine.
            state => assert_eq!(state, "failed", "{trial}"),
        }
        assert_eq!(
            trial["state"] == "complete",
            trial["accuracy_percent"].is_number()
        );
    }
    let replayed = room.text(&["studies", "replay", "scored"]);
    assert!(!replayed.is_empty());
}

#[test]
fn mae_nas_proposes_what_has_the_greatest_entropy_within_its_budgets() {
    let room = Room::new();
    let text = study("entropy", "mae_nas", 2, "").replace(
        "name = \"mae_nas\"\n",
        "name = \"mae_nas\"\npopulation = 8\nmutations = 100\nmax_layers = 3\n",
    );
    let evaluator = "[evaluator]\nname = \"zero_cost\"\nscore = \"entropy\"\n";
    room.file("study.toml", text + evaluator);
    room.json(&["search", "study.toml", "--json"]);
    let shown = room.json(&["studies", "show", "entropy", "--json"]);
    let trials = shown["trials"].as_array().expect("an array");
    let architecture = trials[0]["architecture"].as_str().expect("a string");
    assert!(
        architecture.contains("stem.channels=8,stem.kernel=3")
            && architecture.ends_with("body.channels=12"),
        "{architecture}"
    );
}
