//! Scoring strategies in tables of accuracies and latencies.

use serde_json::json;

use crate::program::{Room, number, tiny};

/// The canonical strings of the tiny space.
fn networks() -> Vec<String> {
    let space = tiny();
    let networks = space.architectures();
    networks
        .map(|network| space.format_architecture(&network))
        .collect()
}

/// Accuracy in per cent of the network with this number; it grows and falls again.
fn accuracy(index: usize) -> f64 {
    90.0 - (index as f64 - 30.0).powi(2) / 20.0
}

/// Milliseconds on the slow target; the fast one takes a third.
fn slow_ms(index: usize) -> f64 {
    3.0 + 0.3 * index as f64
}

/// A room with the tables of the tiny space, the last network first.
fn room_with_tables() -> Room {
    let room = Room::new();
    let mut accuracies = "architecture,top1,note\n".to_owned();
    let mut latencies = "architecture,fast,slow,old\n".to_owned();
    for (index, name) in networks().iter().enumerate().rev() {
        let slow = slow_ms(index);
        accuracies += &format!("\"{name}\",{},any\n", accuracy(index));
        latencies += &format!("\"{name}\",{},{slow},{}\n", slow / 3.0, slow * 2.0);
    }
    room.file("accuracy.csv", accuracies);
    room.file("latency.csv", latencies);
    room
}

/// `bench search` in the tables, with more arguments.
fn search<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let all = [
        "bench",
        "search",
        "--space",
        "tiny.toml",
        "--accuracy-table",
        "accuracy.csv",
        "--accuracy-column",
        "top1",
        "--latency-table",
        "latency.csv",
    ];
    [&all, more].concat()
}

#[test]
fn a_search_of_every_network_finds_the_whole_front_and_the_best_within_the_bound() {
    let room = room_with_tables();
    let arguments = search(&[
        "--latency-column",
        "slow",
        "--bound-ms",
        "9",
        "--strategy",
        "nsga2",
        "--set",
        "population=8",
        "--evaluations",
        "60",
        "--seeds",
        "3",
        "--json",
    ]);
    let found = room.json(&arguments);
    assert_eq!(found["strategy"]["name"], "nsga2");
    assert_eq!(found["strategy"]["population"], 8);
    let seeds = found["seeds"].as_array().expect("an array");
    // Networks 0 to 20 take 9 ms at most, and the last of them is the most accurate.
    let best = json!({
        "architecture": networks()[20],
        "accuracy": accuracy(20),
        "latency_ms": slow_ms(20),
        "oracle_accuracy": accuracy(20),
    });
    for (seed, found) in seeds.iter().enumerate() {
        assert_eq!(found["seed"], seed);
        assert_eq!(found["evaluations"], 48);
        assert_eq!(
            found["hypervolume_fraction"].as_object().map(|f| f.len()),
            Some(1)
        );
        assert!(
            number(&found["hypervolume_fraction"], "50") > 1.0 - 1e-9,
            "{found}"
        );
        assert_eq!(found["best"], best);
    }
    assert_eq!(seeds.len(), 3);
    assert_eq!(room.json(&arguments), found, "the seeds decide");
}

#[test]
fn every_target_has_its_bound_and_is_judged_by_the_table() {
    let room = room_with_tables();
    for from in ["table", "trials", "predictor"] {
        let found = room.json(&search(&[
            "--latency-column",
            "fast,slow,old",
            "--bound-ms",
            "5,,12",
            "--latency-from",
            from,
            "--samples",
            "6",
            "--strategy",
            "nsga2",
            "--evaluations",
            "30",
            "--seeds",
            "2",
            "--json",
        ]));
        for found in found["seeds"].as_array().expect("an array") {
            assert_eq!(found["evaluations"], 30);
            let best = &found["best"];
            let index = networks()
                .iter()
                .position(|name| best["architecture"] == **name);
            let index = index.unwrap_or_else(|| panic!("{from}: {found}"));
            let slow = slow_ms(index);
            assert_eq!(
                best["latency_ms"],
                json!({ "fast": slow / 3.0, "slow": slow, "old": slow * 2.0 })
            );
            assert!(slow / 3.0 <= 5.0 && slow * 2.0 <= 12.0, "{from}: {best}");
            assert_eq!(best["accuracy"], accuracy(index));
            assert_eq!(best["oracle_accuracy"], accuracy(10));
            let front = found["front"].as_array().expect("an array");
            assert!(
                front
                    .iter()
                    .any(|entry| entry["architecture"] == best["architecture"])
            );
            for entry in front {
                assert!(
                    number(&entry["latency_ms"], "fast") <= 5.0,
                    "{from}: {entry}"
                );
                assert!(
                    number(&entry["latency_ms"], "old") <= 12.0,
                    "{from}: {entry}"
                );
            }
        }
    }
}

#[test]
fn what_is_known_beforehand_is_not_looked_for() {
    let room = room_with_tables();
    let found = room.json(&search(&[
        "--latency-column",
        "slow",
        "--bound-ms",
        "3.2",
        "--strategy",
        "random",
        "--evaluations",
        "1",
        "--seeds",
        "5",
        "--json",
    ]));
    for found in found["seeds"].as_array().expect("an array") {
        assert_eq!(found["best"]["architecture"], networks()[0]);
        assert_eq!(found["hypervolume_fraction"], json!({}));
    }
}

#[test]
fn figures_are_summed_up_over_the_seeds() {
    let room = room_with_tables();
    let text = room.text(&search(&[
        "--latency-column",
        "slow",
        "--bound-ms",
        "9",
        "--strategy",
        "random",
        "--evaluations",
        "50",
        "--seeds",
        "4",
    ]));
    let lines: Vec<&str> = text.lines().collect();
    let words = |line: usize| lines[line].split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(0), "median mean seeds figure");
    assert_eq!(words(1), "1.0000 1.0000 4 hypervolume fraction after 50");
    assert_eq!(words(2), "85.0000 85.0000 4 accuracy of the best, %");
}

#[test]
fn what_the_tables_lack_is_named_with_its_place() {
    let room = room_with_tables();
    let networks = networks();
    let good = std::fs::read_to_string(room.path().join("accuracy.csv")).expect("it is there");
    let refused = |text: String| {
        room.file("accuracy.csv", text);
        room.error(&search(&["--latency-column", "slow"]))
    };
    let last = format!("{},", accuracy(47));
    for cell in ["NaN", "-1", "100.5", "high"] {
        let error = refused(good.replacen(&last, &format!("{cell},"), 1));
        let place = format!("bespoke: accuracy.csv:2: column `top1`: `{cell}` is not an accuracy");
        assert!(error.starts_with(&place), "{error}");
    }
    let without: String = good
        .lines()
        .filter(|line| !line.contains(&format!("\"{}\"", networks[7])))
        .map(|line| format!("{line}\n"))
        .collect();
    let error = refused(without);
    assert!(error.starts_with("bespoke: accuracy.csv: "), "{error}");
    assert!(error.contains(&networks[7]), "{error}");
    let error = refused(good.replace("top1", "top5"));
    assert!(
        error.contains("accuracy.csv:1: there is no column `top1`"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_asked_is_said_in_one_sentence() {
    let room = room_with_tables();
    for (arguments, reason) in [
        (vec!["--latency-column", "phone"], "unknown device `phone`"),
        (
            vec!["--latency-column", "slow", "--bound-ms", "2.5"],
            "no network of this space runs under 2.5 ms on slow: the fastest takes 3 ms",
        ),
        (
            vec!["--latency-column", "slow,fast", "--bound-ms", "9"],
            "1 bounds for 2 latency columns",
        ),
        (
            vec!["--latency-column", "slow", "--bound-ms", "9,9"],
            "2 bounds for 1 latency columns",
        ),
        (
            vec!["--latency-column", "slow,slow"],
            "latency column `slow` is named twice",
        ),
        (
            vec!["--latency-column", "slow", "--strategy", "magic"],
            "unknown variant `magic`",
        ),
        (
            vec!["--latency-column", "slow", "--set", "magic=1"],
            "unknown field `magic`",
        ),
        (
            vec!["--latency-column", "slow", "--confidence", "1"],
            "`confidence` is 1",
        ),
        (
            vec!["--latency-column", "slow", "--sources", "fast"],
            "need --latency-from predictor",
        ),
    ] {
        let error = room.error(&search(&arguments));
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn what_is_known_of_another_task_changes_what_is_proposed() {
    let room = room_with_tables();
    let with = |more: &[&'static str]| {
        let plain = ["--latency-column", "slow", "--evaluations", "20", "--json"];
        search(&[&plain, ["--seeds", "1"].as_slice(), more].concat())
    };
    let known = ["--related-column", "top1", "--related-networks", "20"];
    let (alone, taught) = (room.json(&with(&[])), room.json(&with(&known)));
    assert_ne!(alone["seeds"][0]["front"], taught["seeds"][0]["front"]);
    let error = room.error(&with(&["--related-column", "top5"]));
    assert!(error.contains("there is no column `top5`"), "{error}");
    let usage = room.run(&with(&["--related-networks", "20"]));
    assert_eq!(usage.status.code(), Some(2));
}
