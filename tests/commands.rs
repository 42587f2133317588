//! The commands that others script against.

use crate::program::Room;

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
fn every_command_has_help_with_an_example() {
    let room = Room::new();
    for command in [
        "search", "serve", "agent", "measure", "export", "studies", "front",
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
