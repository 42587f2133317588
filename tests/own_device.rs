//! A device of one's own: what to measure, tables, a predictor and its prices.

use std::fs;

use crate::program::Room;

const TARGET: &str = "flex/b1/t1/f32";

#[test]
fn a_device_is_learned_and_then_prices_networks() {
    let room = Room::new();
    let plan = room.text(&[
        "predictor",
        "plan",
        "--space",
        "tiny.toml",
        "--samples",
        "3",
    ]);
    let planned: Vec<&str> = plan.lines().collect();
    assert_eq!(planned.len(), 3);
    room.text(&[
        "predictor",
        "adapt",
        "--space",
        "tiny.toml",
        "--samples",
        "3",
        "--target",
        TARGET,
        "--out",
        "tiny.json",
    ]);
    let prices = room.json(&[
        "predictor",
        "price",
        "--predictor",
        "tiny.json",
        "--json",
        planned[0],
        planned[1],
    ]);
    let prices = prices.as_array().expect("an array");
    assert_eq!(prices.len(), 2);
    for (price, name) in prices.iter().zip(planned) {
        assert_eq!(price["network"], name);
        assert_eq!(price["source"], "predicted");
        let ms = price["latency_ms"].as_f64().expect("a number");
        let interval = |end: usize| price["interval_ms"][end].as_f64().expect("a number");
        assert!(
            0.0 < interval(0) && interval(0) <= ms && ms <= interval(1),
            "{price}"
        );
    }
    let error = room.error(&["predictor", "price", "--predictor", "tiny.json", "x"]);
    assert!(
        error.starts_with("bespoke: x: `architecture`: ") && error.contains("tiny"),
        "{error}"
    );
}

#[test]
fn a_file_tells_what_its_predictor_was_learned_from() {
    let room = Room::new();
    let mut adapt = vec!["predictor", "adapt", "--space", "tiny.toml"];
    adapt.extend(["--samples", "2", "--target", TARGET, "--out", "tiny.json"]);
    room.text(&adapt);
    let describe = ["predictor", "describe", "--predictor", "tiny.json"];
    let known = room.json(&[&describe[..], &["--json"]].concat());
    assert_eq!(
        (&known[0]["target"], &known[0]["version"]),
        (&TARGET.into(), &1.into())
    );
    let samples = known[0]["samples"].as_array().expect("an array");
    assert_eq!(samples.len(), 2);
    let text = room.text(&describe);
    for sample in samples {
        let architecture = sample["architecture"].as_str().expect("a string");
        assert!(text.contains(architecture), "{text}");
        assert!(sample["latency_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    }
    // It needs the space file no more: it has it.
    let first = samples[0]["architecture"].as_str().expect("a string");
    fs::remove_file(room.path().join("tiny.toml")).expect("it is there");
    room.text(&["predictor", "price", "--predictor", "tiny.json", first]);
    room.file("tiny.json", "{\"format\": 7}");
    let error = room.error(&describe);
    assert!(
        error.contains("tiny.json: a predictor of format 7"),
        "{error}"
    );
    assert_eq!(room.text(&["predictor", "list"]).lines().count(), 1);
}

#[test]
fn a_table_goes_on_where_it_was_stopped() {
    let room = Room::new();
    let mut arguments = vec![
        "table",
        "measure",
        "--space",
        "tiny.toml",
        "--target",
        TARGET,
        "--out",
        "tiny.csv",
        "--networks",
        "2",
    ];
    room.text(&arguments);
    let path = room.path().join("tiny.csv");
    let two = fs::read_to_string(&path).expect("it was written");
    assert_eq!(two.lines().count(), 3);
    // As a kill in the middle of a row leaves it.
    fs::write(&path, format!("{two}stem.channels=2,stem.ker")).expect("a writable file");
    arguments[9] = "3";
    room.text(&arguments);
    let three = fs::read_to_string(&path).expect("it was written");
    assert!(three.starts_with(&two), "{three}");
    assert_eq!(three.lines().count(), 4);
    arguments[5] = "flex/b2/t1/f32";
    let error = room.error(&arguments);
    assert!(
        error.contains("its columns are architecture,flex/b1/t1/f32"),
        "{error}"
    );
}

#[test]
fn operators_that_were_measured_bound_the_space() {
    let room = Room::new();
    let fix = ["--fix", "stem.channels=2", "--fix", "stem.activation=relu"];
    let operators = [
        "table",
        "operators",
        "--space",
        "tiny.toml",
        "--target",
        TARGET,
        "--out",
        "tiny.yaml",
    ];
    room.text(&[&operators[..], &fix[..]].concat());
    let bounds = [
        "table",
        "bounds",
        "--space",
        "tiny.toml",
        "--lookup-table",
        "tiny.yaml",
    ];
    let ends = room.json(&[&bounds[..], &fix[..], &["--json"]].concat());
    let ms = |end: &str| ends[end]["latency_ms"].as_f64().expect("a number");
    assert!(0.0 < ms("least") && ms("least") <= ms("greatest"), "{ends}");
    let error = room.error(&bounds);
    assert!(
        error.starts_with("bespoke: tiny.yaml: the table lacks"),
        "{error}"
    );
    let error = room.error(&[&bounds[..], &["--fix", "stem.channels=3"]].concat());
    assert!(
        error.contains("`stem.channels` is not `3` but one of 2, 4, 6, 8"),
        "{error}"
    );
}

#[test]
fn tables_of_devices_make_a_prior() {
    let room = Room::new();
    let mut table = "architecture,fast,slow\n".to_owned();
    let drawn = room.text(&["space", "sample", "tiny.toml", "--count", "200"]);
    let mut names: Vec<&str> = drawn.lines().collect();
    names.sort_unstable();
    names.dedup();
    for (index, name) in names.iter().enumerate() {
        table += &format!(
            "\"{name}\",{},{}\n",
            1.0 + index as f64 / 9.0,
            3.0 + index as f64
        );
    }
    room.file("devices.csv", &table);
    room.text(&[
        "predictor",
        "fit",
        "--table",
        "tiny.toml=devices.csv",
        "--out",
        "prior.json",
    ]);
    let plan = [
        "predictor",
        "plan",
        "--space",
        "tiny.toml",
        "--prior",
        "prior.json",
        "--samples",
        "4",
    ];
    assert_eq!(room.text(&plan).lines().count(), 4);
    room.file("prior.json", "{}");
    let error = room.error(&plan);
    assert!(
        error.starts_with("bespoke: prior.json: missing field `version`"),
        "{error}"
    );
}
