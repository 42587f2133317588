use std::{fs, path::Path};

use super::*;

const PROFILE: &str = "name = \"board\"\nsource = \"its data sheet\"\narchitecture = \"aarch64\"\n";

fn fault(text: &str) -> String {
    Profile::parse("board.toml", text)
        .expect_err("not a profile")
        .to_string()
}

#[test]
fn profile_needs_a_name_a_source_and_an_architecture_only() {
    let profile = Profile::parse("board.toml", PROFILE).expect("a profile");
    assert_eq!(
        (profile.name.as_str(), profile.source.as_str()),
        ("board", "its data sheet")
    );
    assert_eq!(profile.architecture, "aarch64");
    assert_eq!(
        (profile.cpu, profile.cores, profile.memory_bytes),
        (None, None, None)
    );
    assert_eq!(profile.accelerator, None);
    assert_eq!((profile.peak_gflops, profile.bandwidth_gb_s), (None, None));
    assert_eq!((profile.launch_us, profile.systolic), (None, None));
}

#[test]
fn figures_are_read_where_they_are_given() {
    let text = "cpu = \"Cortex-A76\"\ncores = 4\naccelerator = \"NPU\"\nmemory_bytes = 8589934592\npeak_gflops = 76.8\nbandwidth_gb_s = 17.1";
    let profile = Profile::parse("board.toml", &format!("{PROFILE}{text}")).expect("a profile");
    assert_eq!(
        (profile.cores, profile.memory_bytes),
        (Some(4), Some(8 << 30))
    );
    assert_eq!(
        (profile.peak_gflops, profile.bandwidth_gb_s),
        (Some(76.8), Some(17.1))
    );
    assert_eq!(profile.cpu.as_deref(), Some("Cortex-A76"));
    assert_eq!(profile.accelerator.as_deref(), Some("NPU"));
}

#[test]
fn a_systolic_array_is_read_whole_or_not_at_all() {
    let table =
        "launch_us = 0.0\n[systolic]\nrows = 64\ncolumns = 32\ndataflow = \"output_stationary\"\n";
    let text = format!("{PROFILE}{table}clock_ghz = 0.7");
    let profile = Profile::parse("board.toml", &text).expect("a profile");
    assert_eq!(profile.launch_us, Some(0.0));
    assert_eq!(
        profile.systolic,
        Some(Systolic {
            rows: 64,
            columns: 32,
            dataflow: Dataflow::OutputStationary,
            clock_ghz: 0.7
        })
    );
    let with = |line: &str| fault(&format!("{PROFILE}{table}{line}"));
    assert_eq!(with(""), "board.toml: `systolic.clock_ghz` is missing");
    assert_eq!(
        with("clock_ghz = 0"),
        "board.toml:9: `systolic.clock_ghz`: must be a positive number"
    );
    assert!(
        with("depth = 3").starts_with("board.toml:9: `depth`: unknown field `depth`"),
        "{}",
        with("depth = 3")
    );
    let unknown = fault(&format!(
        "{PROFILE}[systolic]\ndataflow = \"row_stationary\""
    ));
    assert!(
        unknown.starts_with("board.toml:5: `dataflow`: unknown variant `row_stationary`, expected one of `weight_stationary`"),
        "{unknown}"
    );
    assert_eq!(
        fault(&format!("{PROFILE}launch_us = -1.0")),
        "board.toml:4: `launch_us`: must be a number from 0"
    );
}

#[test]
fn errors_name_file_line_and_key() {
    let with = |line: &str| fault(&format!("{PROFILE}{line}"));
    assert!(
        with("speed = 3").starts_with("board.toml:4: `speed`: unknown field `speed`"),
        "{}",
        with("speed = 3")
    );
    assert!(
        with("cores = \"four\"")
            .starts_with("board.toml:4: `cores`: invalid type: string \"four\"")
    );
    assert_eq!(
        with("cores = 0"),
        "board.toml:4: `cores`: must be at least 1"
    );
    assert_eq!(
        with("\npeak_gflops = -1.0"),
        "board.toml:5: `peak_gflops`: must be a positive number"
    );
    assert_eq!(
        with("cpu = \" \""),
        "board.toml:4: `cpu`: must not be empty"
    );
    assert!(
        with("cores 4").starts_with("board.toml:4: "),
        "{}",
        with("cores 4")
    );
    assert_eq!(
        fault("name = \"A board\""),
        "board.toml:1: `name`: must be lower-case letters, digits, `-` and `_`"
    );
    assert_eq!(
        fault("name = \"board\"\narchitecture = \"aarch64\""),
        "board.toml: `source` is missing"
    );
}

#[test]
fn shipped_profiles_are_named_as_their_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../devices");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder of profiles") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let stem = path
                .file_stem()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("a text");
            let profile = Profile::parse(&path.to_string_lossy(), &text)
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(profile.name, stem);
            names.push(stem);
        }
    }
    names.sort();
    let shipped = Profile::shipped();
    let shipped: Vec<&str> = shipped.iter().map(|profile| &*profile.name).collect();
    assert_eq!(names, shipped);
}
