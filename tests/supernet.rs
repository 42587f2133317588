//! Searches by weights that candidates share.

use crate::{
    program::{Room, number},
    search::study,
};

const EVALUATOR: &str =
    "[evaluator]\nname = \"supernet\"\nepochs = 40\nsampling = { sandwich = { random = 1 } }\n";

#[test]
fn killed_while_it_trains_shared_weights_a_search_goes_on_with_their_next_epoch() {
    let room = Room::new();
    room.file("study.toml", study("shared", "random", 3, "") + EVALUATOR);
    let mut search = room.start(&["search", "study.toml"]);
    assert!(search.wait_for("shared weights: epoch 2/40").is_some());
    search.kill();
    let mut search = room.start(&["search", "study.toml"]);
    let first = search
        .wait_for("shared weights: epoch ")
        .expect("it trains on");
    assert!(
        !first.contains("epoch 1/40") && !first.contains("epoch 2/40"),
        "{first}"
    );
    drop(search);

    let front = room.json(&["search", "study.toml", "--json"]);
    let front = front.as_array().expect("an array");
    assert!(!front.is_empty());
    for entry in front {
        let percent = entry["accuracy_percent"].as_f64().expect("a number");
        // One class in ten is right by chance.
        assert!(percent > 15.0, "{percent}");
        let onnx = entry["onnx"].as_str().expect("a path");
        let cost = room.json(&["graph", "cost", onnx, "--json"]);
        assert_eq!(cost["output_shape"], serde_json::json!([10]));
    }
}

#[test]
fn the_front_of_shared_weights_is_trained_when_the_search_is_over() {
    let room = Room::new();
    for front in ["tuned", "scratch"] {
        let table = format!("[evaluator]\nname = \"supernet\"\nepochs = 2\nfront = \"{front}\"\n");
        room.file("study.toml", study(front, "random", 4, "") + &table);
        let entries = room.json(&["search", "study.toml", "--json"]);
        assert!(!entries.as_array().expect("an array").is_empty());
        let shown = room.json(&["studies", "show", front, "--json"]);
        for trial in shown["trials"].as_array().expect("an array") {
            match trial["state"].as_str().expect("a word") {
                "complete" => assert!(number(trial, "score") > 0.0, "{trial}"),
                "scored" => assert!(trial["accuracy_percent"].is_null(), "{trial}"),
                // On a busy machine.
                state => assert_eq!(state, "failed", "{trial}"),
            }
        }
        room.text(&["studies", "replay", front]);
    }
}

#[test]
fn settings_of_shared_weights_are_checked_by_name() {
    let room = Room::new();
    let refused = |table: &str, says: &str| {
        room.file("study.toml", study("shared", "random", 3, "") + table);
        let error = room.error(&["search", "study.toml"]);
        assert!(error.contains(says), "{error}");
    };
    refused(
        "[evaluator]\nname = \"supernet\"\nepoch = 4\n",
        "unknown field `epoch`",
    );
    refused(
        "[evaluator]\nname = \"supernet\"\nepochs = 0\n",
        "`epochs` must be between 1 and",
    );
    refused(
        "[evaluator]\nname = \"supernet\"\nsampling = { complexity_aware = { levels = 0, networks = 1 } }\n",
        "`sampling.complexity_aware.levels` must be between 1 and",
    );
}
