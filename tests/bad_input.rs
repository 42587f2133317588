//! Bad input ends in one sentence that says what is wrong, where, and what to do.

use crate::{program::Room, search::study};

#[test]
fn an_unknown_key_in_a_study_is_named_with_its_line() {
    let room = Room::new();
    room.file("study.toml", study("x", "random", 2, "colour = \"red\""));
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("study.toml:4") && error.contains("colour"),
        "{error}"
    );
}

#[test]
fn a_study_file_that_is_not_there_is_named() {
    let error = Room::new().error(&["search", "nowhere.toml"]);
    assert!(error.contains("nowhere.toml"), "{error}");
}

#[test]
fn an_unknown_space_lists_the_shipped_ones() {
    let room = Room::new();
    room.file(
        "study.toml",
        study("x", "random", 2, "").replace("tiny.toml", "tinny.toml"),
    );
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("tinny.toml") && error.contains("fbnet"),
        "{error}"
    );
}

#[test]
fn an_unknown_runtime_lists_the_known_ones() {
    let room = Room::new();
    room.file(
        "study.toml",
        study("x", "random", 2, "").replace("\"tract\"", "\"tensorrt\""),
    );
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("tensorrt") && error.contains("tract"),
        "{error}"
    );
    let error = room.error(&[
        "measure",
        "--runtime",
        "tensorrt",
        "--space",
        "mobile_small",
        "--architecture",
        "x",
    ]);
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn a_data_folder_that_is_not_there_is_named() {
    let room = Room::new();
    let text = study("x", "random", 2, "").replace(
        "set = \"digits\"",
        "set = \"mnist\"\nfolder = \"no/such/folder\"",
    );
    room.file("study.toml", text);
    let error = room.error(&["search", "study.toml"]);
    assert!(error.contains("no/such/folder"), "{error}");
}

#[test]
fn a_truncated_data_file_is_named() {
    let room = Room::new();
    let text =
        study("x", "random", 2, "").replace("set = \"digits\"", "set = \"mnist\"\nfolder = \".\"");
    room.file("study.toml", text);
    let header = [0, 0, 8, 3, 0, 0, 234, 96, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2, 3];
    for name in [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ] {
        room.file(name, header);
    }
    let error = room.error(&["search", "study.toml"]);
    assert!(
        error.contains("train-") && error.contains("bytes"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_onnx_is_named() {
    let room = Room::new();
    room.file("not.onnx", "certainly not a network");
    for arguments in [
        ["measure", "not.onnx"].as_slice(),
        &["graph", "cost", "not.onnx"],
    ] {
        let error = room.error(arguments);
        assert!(error.to_lowercase().contains("onnx"), "{error}");
    }
}

#[test]
fn a_coordinator_that_does_not_answer_is_named() {
    let room = Room::new();
    let error = room.error(&["studies", "list", "--coordinator", "http://127.0.0.1:9"]);
    assert!(
        error.contains("http://127.0.0.1:9") && error.contains("bespoke serve"),
        "{error}"
    );
}

#[test]
fn a_space_with_a_fault_is_refused_with_file_line_and_key() {
    let room = Room::new();
    let good = include_str!("../search_spaces/mobile_small.toml");
    room.file("faulty.toml", format!("{good}\n[nonsense]\nx = 1\n"));
    let error = room.error(&["space", "validate", "faulty.toml"]);
    let line = good.lines().count() + 2;
    assert!(
        error.contains(&format!("faulty.toml:{line}")) && error.contains("nonsense"),
        "{error}"
    );
}

#[test]
fn an_architecture_of_another_space_is_refused() {
    let error = Room::new().error(&[
        "graph",
        "cost",
        "--space",
        "fbnet",
        "--architecture",
        "k3_e1|skip",
    ]);
    assert!(
        error.contains("k3_e1|skip") || error.contains("fbnet"),
        "{error}"
    );
}

#[test]
fn a_study_that_is_not_there_is_named() {
    let room = Room::new();
    let error = room.error(&["front", "nothing"]);
    assert!(
        error.contains("bespoke search") || error.contains("nothing"),
        "{error}"
    );
}

#[test]
fn what_a_study_cannot_minimise_or_bound_is_named_with_its_line() {
    let second = |more: &str| format!("[[targets]]\nruntime = \"tract\"\n{more}\n[budget]");
    for (old, new, line, words) in [
        (
            "seed = 3",
            "objectives = [\"macs\", \"macs\"]".to_owned(),
            3,
            "`objectives`: `macs` stands twice",
        ),
        (
            "seed = 3",
            "objectives = [\"energy@flex/b1/t1/f32\"]".to_owned(),
            3,
            "`objectives`: the study has no target flex/b1/t1/f32; it has tract/b1/t1/f32",
        ),
        (
            "seed = 3",
            "objectives = [\"beauty\"]".to_owned(),
            3,
            "`objectives`: `beauty` is not known; there are parameters, macs,",
        ),
        (
            "[budget]",
            second(""),
            15,
            "[[targets]]: the target tract/b1/t1/f32 stands twice",
        ),
        (
            "[budget]",
            second("threads = 2\nmax_energy_mj = 0"),
            15,
            "`max_energy_mj`: an energy must be a positive number of millijoules, got 0",
        ),
        (
            "[budget]",
            "[bounds]\nmax_latency_ms = 3\n[budget]".to_owned(),
            16,
            "unknown field `max_latency_ms`",
        ),
        (
            "name = \"random\"",
            "name = \"nsga2\"\nmagic = 1".to_owned(),
            7,
            "unknown field `magic`",
        ),
        (
            "name = \"random\"",
            "name = \"magic\"".to_owned(),
            8,
            "unknown variant `magic`",
        ),
    ] {
        let room = Room::new();
        room.file(
            "study.toml",
            study("x", "random", 2, "").replacen(old, &new, 1),
        );
        let error = room.error(&["search", "study.toml"]);
        let place = format!("bespoke: study.toml:{line}: ");
        assert!(
            error.starts_with(&place) && error.contains(words),
            "{error}"
        );
        assert!(!room.path().join("bespoke-data/studies").exists());
    }
}
