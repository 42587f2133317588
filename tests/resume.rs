//! Killed anywhere, a search goes on where it was.

use serde_json::Value;

use crate::{program::Room, search::study};

fn trials(room: &Room, name: &str) -> Vec<Value> {
    let study = room.json(&["studies", "show", name, "--json"]);
    study["trials"].as_array().expect("an array").clone()
}

#[test]
fn killed_again_and_again_a_search_ends_as_if_it_had_not_been() {
    let room = Room::new();
    room.file("study.toml", study("killed", "nsga2", 6, ""));
    let whole = whole_study(&room);
    // The measurements stay, so that both runs see the same latencies.
    room.text(&["studies", "remove", "killed"]);

    let mut kept: Vec<Value> = Vec::new();
    for finished in ["1/6 trial", "2/6 trial", "4/6 trial", "5/6 trial"] {
        let mut search = room.start(&["search", "study.toml"]);
        search.wait_for(finished);
        search.kill();
        let now = trials(&room, "killed");
        for earlier in kept.iter().filter(|trial| trial["state"] == "complete") {
            assert_eq!(
                &without_front(&now[earlier["trial"].as_u64().expect("a number") as usize]),
                &without_front(earlier)
            );
        }
        assert!(now.len() >= kept.len());
        kept = now;
    }
    room.json(&["search", "study.toml", "--json"]);
    assert_eq!(trials(&room, "killed"), whole);
}

/// Runs the study until each of its networks has a latency: on a busy machine a measurement may be refused as unstable,
/// and would be taken again.
fn whole_study(room: &Room) -> Vec<Value> {
    for _ in 0..10 {
        room.json(&["search", "study.toml", "--fresh", "--json"]);
        let trials = trials(room, "killed");
        if trials.iter().all(|trial| trial["state"] != "failed") {
            return trials;
        }
    }
    panic!("no run of the study had a latency for each of its networks");
}

/// A trial without what depends on later trials.
fn without_front(trial: &Value) -> Value {
    let mut trial = trial.clone();
    trial.as_object_mut().expect("an object").remove("on_front");
    trial
}

#[test]
fn what_was_measured_is_not_measured_again() {
    let room = Room::new();
    room.file("study.toml", study("once", "random", 3, ""));
    room.json(&["search", "study.toml", "--json"]);
    let first = trials(&room, "once");
    room.json(&["search", "study.toml", "--fresh", "--json"]);
    let second = trials(&room, "once");
    for (first, second) in first.iter().zip(&second) {
        // A trial without a latency was not measured to the end.
        if first["state"] != "failed" {
            assert_eq!(first["latencies"], second["latencies"]);
        }
    }
}
