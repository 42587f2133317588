//! Searches by weights that candidates share.

use crate::{program::Room, search::study};

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
