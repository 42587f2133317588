//! The workspace keeps the layers of ARCHITECTURE.md and the bans of deny.toml.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("the package lies two folders down")
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--locked",
            "--no-deps",
        ])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("metadata is JSON")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

/// Floor of each crate, from the table in ARCHITECTURE.md.
fn floors() -> BTreeMap<String, u32> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        Some((
            format!("bespoke-{}", cells.get(2)?),
            cells.get(1)?.parse().ok()?,
        ))
    };
    text.lines().filter_map(row).collect()
}

#[test]
fn an_edge_only_ever_points_down() {
    let floors = floors();
    let metadata = metadata();
    let mut seen = 0;
    for package in array(&metadata["packages"]) {
        let name = package["name"].as_str().expect("a name");
        let floor = floors
            .get(name)
            .unwrap_or_else(|| panic!("{name} is missing in ARCHITECTURE.md"));
        seen += 1;
        let kept = array(&package["dependencies"])
            .iter()
            .filter(|dependency| dependency["kind"].is_null());
        for dependency in kept.filter_map(|dependency| dependency["name"].as_str()) {
            if let Some(below) = floors.get(dependency) {
                assert!(
                    below < floor,
                    "{name} (floor {floor}) uses {dependency} (floor {below})"
                );
            }
        }
    }
    assert_eq!(
        seen,
        floors.len(),
        "ARCHITECTURE.md names a crate that is not there"
    );
}

#[test]
fn only_the_crates_that_the_table_names_know_a_dependency() {
    let owners = [
        ("burn", vec!["bespoke-help", "bespoke-net"]),
        ("linfa", vec!["bespoke-predict"]),
        ("tract-onnx", vec!["bespoke-runtime"]),
        ("ort", vec!["bespoke-runtime"]),
        ("sled", vec!["bespoke-store"]),
        ("clap", vec!["bespoke-cli"]),
        ("anyhow", vec!["bespoke-cli"]),
    ];
    let metadata = metadata();
    for (dependency, owners) in owners {
        let mut users: Vec<&str> = array(&metadata["packages"])
            .iter()
            .filter(|package| {
                array(&package["dependencies"])
                    .iter()
                    .any(|d| d["name"] == dependency && d["kind"].is_null())
            })
            .filter_map(|package| package["name"].as_str())
            .collect();
        users.sort_unstable();
        assert_eq!(users, owners, "who uses {dependency}");
    }
}

#[test]
fn the_workspace_keeps_its_bans() {
    let text = std::fs::read_to_string(root().join("deny.toml")).expect("it is there");
    let deny: toml::Table = text.parse().expect("it is TOML");
    let list = |table: &str, key: &str| deny[table][key].as_array().expect("an array").clone();
    let banned: Vec<String> = list("bans", "deny")
        .iter()
        .map(|ban| ban["name"].as_str().expect("a name").to_owned())
        .collect();
    let allowed: Vec<String> = list("licenses", "allow")
        .iter()
        .map(|id| id.as_str().expect("a name").to_owned())
        .collect();
    for line in dependencies().lines().filter(|line| !line.is_empty()) {
        let (package, licence) = line.split_once('|').expect("a package and its licence");
        let name = package.split(' ').next().expect("a name");
        assert!(
            !banned.iter().any(|ban| ban == name),
            "{name} is banned by deny.toml"
        );
        assert!(
            accepts(&allowed, licence),
            "{name} has the licence {licence}"
        );
    }
}

/// Every package that the program is built from, with its licence, on a line.
fn dependencies() -> String {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "tree",
            "--workspace",
            "--offline",
            "--locked",
            "--edges",
            "normal,build",
        ])
        .args(["--prefix", "none", "--no-dedupe", "--format", "{p}|{l}"])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("output is text")
}

/// Whether some choice that a licence expression leaves is allowed: every part of an AND, one part of an OR.
fn accepts(allowed: &[String], expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|id| allowed.iter().any(|ok| ok == id.trim()))
    })
}

#[test]
fn shipped_studies_are_valid() {
    for file in std::fs::read_dir(root().join("examples")).expect("the folder is there") {
        let path = file.expect("a file").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let text = std::fs::read_to_string(&path).expect("text");
            let source = bespoke_study::Source {
                file: path.display().to_string(),
                text,
            };
            bespoke_study::StudySpec::parse(&source).expect("a valid study");
        }
    }
}
