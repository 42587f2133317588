//! A device of one's own: what to measure, tables, a predictor and its prices.

use std::fs;

use serde_json::Value;

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

/// A few networks of the space, so that there is little to measure.
const FEW: [&str; 4] = ["--fix", "stem.channels=2", "--fix", "stem.activation=relu"];

/// `lookup build` of a tiny space.
fn build<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let start = [
        "lookup",
        "build",
        "--space",
        "tiny.toml",
        "--target",
        TARGET,
    ];
    [&start[..], &FEW, more].concat()
}

/// Runs a build until no operator is left out, for on a busy machine a measurement may be unstable.
fn built(room: &Room, arguments: &[&str]) -> String {
    for _ in 0..5 {
        let output = room.run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        if stderr.contains("; 0 left out") {
            return stderr;
        }
    }
    panic!("the machine is too busy to measure");
}

/// The names and latencies that a build or check told, as `1/12 NAME: 0.1234 ms`.
fn told(stderr: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (name, ms) = line.split_once(' ')?.1.rsplit_once(": ")?;
        ms.ends_with(" ms")
            .then(|| (name.to_owned(), ms.to_owned()))
    };
    stderr.lines().filter_map(line).collect()
}

#[test]
fn a_build_that_was_killed_goes_on_and_measures_nothing_twice() {
    let room = Room::new();
    let alone = build(&["--networks", "0", "--out", "tiny.csv"]);
    let mut killed = room.start(&alone);
    let first = [killed.wait_for("1/"), killed.wait_for("2/")];
    let first = first.map(|line| line.expect("it measures more than two operators"));
    killed.kill();
    assert!(!room.path().join("tiny.csv").exists());
    let stderr = built(&room, &alone);
    let all = told(&stderr);
    for known in told(&first.join("\n")) {
        assert!(all.contains(&known), "{known:?}: {stderr}");
    }
    // All is known by now, so that the same comes out to the last digit.
    let table = fs::read_to_string(room.path().join("tiny.csv")).expect("it was written");
    assert_eq!(room.text(&build(&["--networks", "0"])), table);
}

#[test]
fn a_table_of_ones_own_bounds_the_space_and_is_checked() {
    let room = Room::new();
    built(&room, &build(&["--networks", "2", "--out", "tiny.csv"]));
    let of_table = ["--table", "tiny.csv", "--space", "tiny.toml"];
    let bounds = [&["lookup", "bounds"][..], &of_table].concat();
    let ends = room.json(&[&bounds[..], &FEW, &["--json"]].concat());
    let ms = |end: &str| ends[end]["latency_ms"].as_f64().expect("a number");
    assert!(0.0 < ms("least") && ms("least") <= ms("greatest"), "{ends}");
    let error = room.error(&bounds);
    assert!(
        error.starts_with("bespoke: tiny.csv: the table lacks"),
        "{error}"
    );
    let error = room.error(&[&bounds[..], &["--fix", "stem.channels=3"]].concat());
    assert!(
        error.contains("`stem.channels` is not `3` but one of 2, 4, 6, 8"),
        "{error}"
    );
    let check = [&["lookup", "check"][..], &of_table, &["--target", TARGET]].concat();
    let both = [&check[..], &FEW, &["--networks", "2"]].concat();
    let as_json = [&both[..], &["--json"]].concat();
    // As above: both networks need a latency.
    let report = (0..5).find_map(|_| {
        let output = room.run(&as_json);
        let is_whole = output.status.success();
        is_whole.then(|| serde_json::from_slice::<Value>(&output.stdout).expect("JSON"))
    });
    let report = report.expect("the machine is not too busy to measure");
    let networks = report["networks"].as_array().expect("an array");
    assert_eq!(networks.len(), 2, "{report}");
    let errors: Vec<f64> = (networks.iter())
        .map(|network| {
            let ms = |key: &str| network[key].as_f64().expect("a number");
            (ms("table_ms") / ms("measured_ms") - 1.0).abs()
        })
        .collect();
    let median = f64::midpoint(errors[0], errors[1]);
    let reported = report["median_error"].as_f64().expect("a number");
    assert!((reported - median).abs() < 1e-9, "{report}");
    for key in ["p90_error", "bias", "spearman"] {
        assert!(report[key].is_f64(), "{report}");
    }
    assert!(report["line"]["factor"].is_f64() && report["line"]["offset_ms"].is_f64());
    let text = room.text(&both);
    assert!(
        text.contains("measured = ") && text.contains("bias"),
        "{text}"
    );
}

#[test]
fn tables_in_seconds_cut_short_or_of_another_space_are_refused() {
    let room = Room::new();
    let bounds = |file: &str| {
        let arguments = ["lookup", "bounds", "--table", file, "--space", "tiny.toml"];
        room.run(&[&arguments[..], &FEW].concat())
    };
    let error = |file: &str| {
        let output = bounds(file);
        assert!(!output.status.success(), "{file} was taken");
        String::from_utf8(output.stderr)
            .expect("text")
            .trim()
            .to_owned()
    };
    let table = |keys: &[String], ms: f64| {
        let rows = keys.iter().map(|key| format!("{key},{ms},,\n"));
        format!(
            "operator,mean_ms,std_ms,count\n{}",
            rows.collect::<String>()
        )
    };
    // Some of the keys that a table lacks are named, until it lacks none.
    let mut keys = vec!["other".to_owned()];
    room.file("whole.csv", table(&keys, 0.02));
    while !bounds("whole.csv").status.success() {
        let error = error("whole.csv");
        assert!(error.contains("whole.csv: the table lacks "), "{error}");
        keys.extend(error.split('`').skip(1).step_by(2).map(str::to_owned));
        room.file("whole.csv", table(&keys, 0.02));
    }
    // 20 µs each.
    room.file("seconds.csv", table(&keys, 0.00002));
    let of_seconds = error("seconds.csv");
    assert!(
        of_seconds.contains("seconds.csv: the table is not in milliseconds")
            && of_seconds.ends_with("; is it in seconds?"),
        "{of_seconds}"
    );
    let whole = table(&keys, 0.02);
    room.file("short.csv", &whole[..whole.len() - 3]);
    assert_eq!(
        error("short.csv"),
        format!(
            "bespoke: short.csv:{}: the line does not end: the table was cut short",
            keys.len() + 1
        )
    );
    let (last, rest) = keys.split_last().expect("several keys");
    room.file("less.csv", table(rest, 0.02));
    assert!(error("less.csv").ends_with(&format!("less.csv: the table lacks 1 key: `{last}`")));
}

#[test]
fn what_cannot_be_a_table_is_refused_before_anything_is_measured() {
    let room = Room::new();
    let error = room.error(&build(&["--out", "tiny.yaml"]));
    assert_eq!(
        error,
        "bespoke: tiny.yaml: a table of this --format ends in .csv"
    );
    let error = room.error(&build(&["--format", "ofa-yaml", "--out", "tiny.yaml"]));
    assert!(
        error.contains("has no key in a table of this layout"),
        "{error}"
    );
    let mut elsewhere = build(&["--networks", "0"]);
    elsewhere[5] = "abacus/b1/t1/f32";
    let error = room.error(&elsewhere);
    assert!(error.contains("abacus/b1/t1/f32"), "{error}");
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
