//! The commands that others script against.

use crate::program::{Background, Room};

#[test]
fn a_space_tells_its_name_decisions_and_size() {
    let shown = Room::new().json(&["space", "show", "nasbench201", "--json"]);
    assert_eq!(shown["name"], "nasbench201");
    assert_eq!(shown["size"], "15625");
    assert_eq!(shown["decisions"].as_array().map(Vec::len), Some(6));
}

#[test]
fn a_network_tells_what_it_costs() {
    let cell = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|";
    let cost = Room::new().json(&[
        "graph",
        "cost",
        "--space",
        "nasbench201",
        "--architecture",
        cell,
        "--json",
    ]);
    let expected = 7.943872 + 6.0 * 35.81952;
    assert!(
        (cost["flops_millions"].as_f64().expect("a number") - expected).abs() < 1e-9,
        "{cost}"
    );
    assert!(cost["parameters"].as_u64() > Some(1_000_000), "{cost}");
    assert!(
        cost["macs"].is_u64() && cost["peak_activation_bytes"].is_u64(),
        "{cost}"
    );
}

#[test]
fn a_seed_draws_the_same_architectures_again() {
    let room = Room::new();
    let draw =
        |seed: &str| room.text(&["space", "sample", "fbnet", "--count", "3", "--seed", seed]);
    assert_eq!(draw("5"), draw("5"));
    assert_ne!(draw("5"), draw("6"));
    assert_eq!(draw("5").lines().count(), 3);
}

#[test]
fn a_measurement_that_waits_for_another_says_for_whose() {
    let room = Room::new();
    let architecture = "stem.channels=2,stem.kernel=1,stem.activation=relu,body.channels=4";
    let export = ["export", "--space", "tiny.toml", "--out", "net.onnx"];
    room.text(&[export.as_slice(), &["--architecture", architecture]].concat());
    let path = room.file("bespoke-measuring.lock", "4711");
    let lock = std::fs::File::open(path).expect("it was written");
    lock.lock().expect("nobody else has it");
    let mut measure = room.command(&["measure", "net.onnx", "--json"]);
    measure.env("TMPDIR", room.path());
    let mut measure = Background::start(measure);
    let told = "waiting for another measurement on this machine, by process 4711";
    assert!(measure.wait_for(told).is_some());
    drop(lock);
    assert!(measure.status().is_some(), "it goes on and ends by itself");
}

#[test]
fn an_exported_network_is_measured() {
    let room = Room::new();
    let architecture = room.text(&["space", "sample", "mobile_small"]);
    room.text(&[
        "export",
        "--space",
        "mobile_small",
        "--architecture",
        architecture.trim(),
        "--out",
        "net.onnx",
    ]);
    for runtime in ["tract", "flex"] {
        let output = room.run(&["measure", "net.onnx", "--runtime", runtime, "--json"]);
        let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let verdict = record["verdict"].as_str().expect("a verdict");
        assert_eq!(output.status.success(), verdict == "valid", "{record}");
        assert!(
            record["samples"]
                .as_array()
                .is_some_and(|samples| !samples.is_empty()),
            "{record}"
        );
        if verdict == "valid" {
            let interval = record["interval_ms"].as_array().expect("two numbers");
            let median = record["median_ms"].as_f64().expect("a number");
            assert!(interval[0].as_f64() <= Some(median) && Some(median) <= interval[1].as_f64());
        }
    }
}

#[test]
fn networks_are_compared_in_several_processes_each() {
    let room = Room::new();
    for (architecture, file) in [("first", "a.onnx"), ("second", "b.onnx")] {
        let seed = if architecture == "first" { "1" } else { "2" };
        let drawn = room.text(&["space", "sample", "tiny.toml", "--seed", seed]);
        let network = ["--space", "tiny.toml", "--architecture", drawn.trim()];
        room.text(&[&["export", "--out", file][..], &network].concat());
    }
    let output = room.run(&["measure", "a.onnx", "b.onnx", "--compare", "--json"]);
    let compared: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let comparison = &compared["comparisons"][0];
    assert_eq!(comparison["first"], "a.onnx");
    assert_eq!(comparison["second"], "b.onnx");
    // A busy machine may leave too few processes with a latency; then there is no comparison, and it says so.
    let processes = |network: usize| {
        let all = compared["networks"][network]["processes_ms"].as_array();
        all.expect("a list").len()
    };
    assert_eq!(
        comparison["real"].is_boolean(),
        processes(0) >= 4 && processes(1) >= 4,
        "{compared}"
    );
    assert_eq!(output.status.success(), comparison["real"].is_boolean());
    let error = room.error(&["measure", "a.onnx", "--compare"]);
    assert!(error.contains("two networks or more"), "{error}");
}

#[test]
fn every_command_has_help_with_an_example() {
    let room = Room::new();
    for command in [
        "search", "serve", "agent", "measure", "score", "export", "studies", "front",
    ] {
        let help = room.text(&[command, "--help"]);
        assert!(help.contains("Example"), "{command}: {help}");
    }
    for (command, inner) in [
        ("space", "show"),
        ("space", "sample"),
        ("space", "validate"),
        ("graph", "cost"),
        ("data", "fetch"),
    ] {
        let help = room.text(&[command, inner, "--help"]);
        assert!(help.contains("Example"), "{command} {inner}: {help}");
    }
}

#[test]
fn an_inspection_shows_the_machine_and_a_remedy_for_each_finding() {
    let room = Room::new();
    let seen = room.json(&["device", "inspect", "--json"]);
    assert!(
        seen["machine"]["logical_cores"].as_u64() >= Some(1),
        "{seen}"
    );
    assert_eq!(
        seen["facts"]["cpu.cores"].as_str(),
        Some(seen["machine"]["logical_cores"].to_string().as_str())
    );
    let runtimes = seen["runtimes"].as_array().expect("an array");
    let tract = runtimes.iter().find(|runtime| runtime["name"] == "tract");
    assert!(
        tract.expect("it is built in")["version"].is_string(),
        "{seen}"
    );
    for finding in seen["findings"].as_array().expect("an array") {
        for part in ["finding", "effect", "remedy"] {
            assert!(
                finding[part].as_str().is_some_and(|text| !text.is_empty()),
                "{finding}"
            );
        }
    }
    let page = room.text(&["device", "inspect"]);
    assert!(page.contains("\nRuntimes\n  tract "), "{page}");
}

#[test]
fn a_shipped_device_tells_its_figures_and_their_source() {
    let room = Room::new();
    let listed = room.json(&["device", "list", "--json"]);
    let names: Vec<&str> = listed
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|device| device["name"].as_str())
        .collect();
    assert!(
        names.contains(&"jetson-orin-nano") && names.contains(&"h200-server"),
        "{names:?}"
    );
    let shown = room.json(&["device", "show", "raspberry-pi-5", "--json"]);
    assert_eq!(shown["peak_gflops"], 153.6);
    assert!(
        shown["source"]
            .as_str()
            .is_some_and(|source| source.contains("product brief"))
    );
    let error = room.error(&["device", "show", "raspberry-pi-9"]);
    assert!(
        error.contains("`raspberry-pi-9`") && error.contains("raspberry-pi-5"),
        "{error}"
    );
}
