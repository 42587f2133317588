//! Searches by FBNet and ProxylessNAS.

use serde_json::Value;

use crate::{program::Room, search::study};

/// 27 networks: three layers, each of one of three blocks.
const BLOCKS: &str = "name = 'blocks'\nsource = 'the tests of Bespoke'\nclasses = 10\n\
    input = { channels = 1, resolution = 8 }\n[define]\nblock = { choose = [\n\
      { name = 'e1', kind = 'mbconv', expand = 1 },\n\
      { name = 'e4', kind = 'mbconv', expand = 4 },\n  'skip',\n] }\n\
    [[stage]]\nname = 'stem'\nblock = 'conv'\nchannels = 4\nstride = 2\n\
    [[stage]]\nname = 'body'\nblock = { use = 'block' }\nrepeat = 3\nchannels = 4\n\
    [[stage]]\nblock = 'global_pool'\n[[stage]]\nblock = 'classifier'\n";

const FBNET: &str = "name = \"fbnet\"\nepochs = 4\nwarm_up = 0.0\nlearning_rate = 0.2";
const PROXYLESSNAS: &str =
    "name = \"proxylessnas\"\nepochs = 4\nwarm_up = 0.0\nlearning_rate = 0.2\nevery = 1";

/// With trials that begin with the weights of the search.
const TUNED: &str =
    "name = \"fbnet\"\nepochs = 4\nwarm_up = 0.0\nlearning_rate = 0.2\ntrials = \"tuned\"";

/// A study of four trials by a strategy.
fn studied(strategy: &str) -> String {
    study("learned", "STRATEGY", 4, "").replace("name = \"STRATEGY\"", strategy)
}

/// A room with such a study.
fn room(strategy: &str) -> Room {
    let room = Room::new();
    room.file("tiny.toml", BLOCKS);
    room.file("study.toml", studied(strategy));
    room
}

fn trials(room: &Room) -> Vec<Value> {
    let study = room.json(&["studies", "show", "learned", "--json"]);
    study["trials"].as_array().expect("an array").clone()
}

/// Expected latency and entropy of each epoch, as the program tells them.
fn epochs(stderr: &str) -> Vec<[f64; 2]> {
    let number = |line: &str, before: &str, behind: &str| -> f64 {
        let rest = line.split_once(before).expect("it is told").1;
        let text = rest.split_once(behind).expect("it is told").0;
        text.trim().parse().expect("a number")
    };
    let lines = stderr
        .lines()
        .filter(|line| line.starts_with("shared weights: epoch"));
    lines
        .map(|line| {
            let bits = line.split_once(" ms, ").expect("it is told").1;
            [
                number(line, "expected ", " ms"),
                number(&format!("={bits}"), "=", " bits a choice"),
            ]
        })
        .collect()
}

#[test]
fn each_method_learns_a_distribution_and_ends_with_networks_that_were_measured() {
    let by_rewards = PROXYLESSNAS.replace("every = 1", "every = 4\nupdate = \"reinforce\"");
    let room = room(FBNET);
    for strategy in [FBNET, PROXYLESSNAS, &by_rewards] {
        room.file("study.toml", studied(strategy));
        let output = room.run(&["search", "study.toml", "--fresh", "--json"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{strategy}: {stderr}");
        let epochs = epochs(&stderr);
        assert_eq!(epochs.len(), 4, "{strategy}: {stderr}");
        assert!(epochs[3][1] < epochs[0][1], "{strategy}: {epochs:?}");
        assert!(epochs.iter().all(|[ms, _]| *ms > 0.0), "{epochs:?}");

        let front: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let front = front.as_array().expect("an array");
        assert!(!front.is_empty());
        for entry in front {
            let cost = room.json(&[
                "graph",
                "cost",
                entry["onnx"].as_str().expect("a path"),
                "--json",
            ]);
            assert_eq!(cost["output_shape"], serde_json::json!([10]));
            assert!(entry["latency_ms"].as_f64().expect("a number") > 0.0);
        }
        assert_eq!(trials(&room).len(), 4);
        let replayed = room.json(&["studies", "replay", "learned", "--json"]);
        assert_eq!(replayed["identical"], true);
    }
}

#[test]
fn killed_while_it_learns_or_measures_a_search_ends_with_the_same_trials() {
    let room = room(TUNED);
    let whole = whole_study(&room);
    // The measurements stay, so that both runs see the same latencies.
    room.text(&["studies", "remove", "learned"]);
    let mut after = Vec::new();
    for until in ["epoch 1/4", "1/4 trial", "epoch 4/4", "3/4 trial"] {
        let mut search = room.start(&["search", "study.toml"]);
        after.push(search.wait_for(until).is_some());
        search.kill();
    }
    assert_eq!(after[..2], [true; 2]);
    room.json(&["search", "study.toml", "--json"]);
    assert_eq!(trials(&room), whole);
    let replayed = room.json(&["studies", "replay", "learned", "--json"]);
    assert_eq!(replayed["identical"], true);
}

/// Runs the study until each of its networks has a latency: on a busy machine a measurement may be refused as unstable,
/// and would be taken again.
fn whole_study(room: &Room) -> Vec<Value> {
    for _ in 0..10 {
        room.json(&["search", "study.toml", "--fresh", "--json"]);
        let trials = trials(room);
        if trials.iter().all(|trial| trial["state"] != "failed") {
            return trials;
        }
    }
    panic!("no run of the study had a latency for each of its networks");
}

#[test]
fn study_goes_on_with_more_trials_by_what_it_learned() {
    let room = room(PROXYLESSNAS);
    room.json(&["search", "study.toml", "--json"]);
    let before = trials(&room);
    let longer = studied(PROXYLESSNAS).replace("trials = 4", "trials = 5");
    room.file("study.toml", longer);
    room.json(&["search", "study.toml", "--json"]);
    let after = trials(&room);
    assert_eq!(after.len(), 5);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before["architecture"], after["architecture"]);
    }
    let replayed = room.json(&["studies", "replay", "learned", "--json"]);
    assert_eq!(replayed["identical"], true);
}

#[test]
fn what_cannot_be_searched_so_is_refused_in_a_sentence() {
    let refused = |strategy: &str, (from, to): (&str, &str), says: &str| {
        let room = room(strategy);
        room.file("study.toml", studied(strategy).replacen(from, to, 1));
        let error = room.error(&["search", "study.toml"]);
        assert!(error.contains(says), "{error}");
    };
    let as_it_is = ("", "");
    refused(
        "name = \"fbnet\"\nalfa = 1",
        as_it_is,
        "unknown field `alfa`",
    );
    refused(
        "name = \"proxylessnas\"\nevery = 0",
        as_it_is,
        "strategy `proxylessnas`: `every` must be between 1 and",
    );
    refused(
        FBNET,
        ("[budget]", "[[targets]]\nruntime = \"flex\"\n[budget]"),
        "`fbnet` weighs the latency on one target; the study has 2 [[targets]]",
    );
    refused(
        FBNET,
        ("batch_size = 128", "batch_size = 300"),
        "`batch_size` is 300, and the distribution learns a fifth of the 1438 images",
    );

    let room = room(FBNET);
    room.file(
        "tiny.toml",
        BLOCKS.replace("repeat = 3", "repeat = { choose = [1, 3] }"),
    );
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("cannot be searched by its blocks: `body.layer2.block` lies inside"),
        "{error}"
    );
}
