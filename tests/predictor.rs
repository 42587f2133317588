//! Scoring predictors on tables of measurements.

use serde_json::Value;

use crate::program::{Room, number, tiny};

/// Networks of the tiny space in a table of three devices, of which `slow` takes three times as long as `fast` and
/// `rare` has measured each second row.
fn room_with_table() -> Room {
    let room = Room::new();
    room.file("table.csv", table());
    room
}

fn table() -> String {
    let space = tiny();
    let mut text = "architecture,fast,slow,rare\n".to_owned();
    for (row, architecture) in space.architectures().enumerate() {
        let name = space.format_architecture(&architecture);
        let graph = space.lower(&architecture).expect("a network");
        let fast = 0.5 + graph.cost().flops as f64 / 4e4;
        let rare = if row % 2 == 0 {
            String::new()
        } else {
            (fast * 2.0).to_string()
        };
        text += &format!("\"{name}\",{fast},{},{rare}\n", 3.0 * fast);
    }
    text
}

/// `predictor evaluate` on the table, with more arguments.
fn evaluate<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let all = [
        "predictor",
        "evaluate",
        "--space",
        "tiny.toml",
        "--table",
        "table.csv",
    ];
    [&all, more].concat()
}

#[test]
fn a_scorecard_has_the_scores_of_each_target() {
    let room = room_with_table();
    let scorecard = room.json(&evaluate(&[
        "--sources",
        "fast",
        "--source-rows",
        "0..24",
        "--targets",
        "slow,rare",
        "--test-rows",
        "24..48",
        "--trim",
        "0.1",
        "--samples",
        "6",
        "--draws",
        "3",
        "--method",
        "flops",
        "--json",
    ]));
    assert_eq!(scorecard["method"], "flops");
    assert_eq!(scorecard["sources"], serde_json::json!(["fast"]));
    assert_eq!(scorecard["source_rows"], "0..24");
    assert_eq!(scorecard["test_rows"], "24..48");
    assert_eq!(scorecard["rows_left_out"], 0);
    assert_eq!(scorecard["draws"], 3);
    for key in ["train_seconds", "adapt_ms", "predict_us"] {
        assert!(number(&scorecard, key) >= 0.0);
    }
    let targets = scorecard["targets"].as_array().expect("an array");
    let names: Vec<&Value> = targets.iter().map(|target| &target["target"]).collect();
    assert_eq!(names, ["slow", "rare"]);
    for target in targets {
        assert_eq!(target["samples_read"], 6);
        // The table's latencies grow with the operations.
        assert!(number(target, "spearman") > 0.999 && number(target, "kendall") > 0.999);
        assert!(number(target, "within_5_percent") <= number(target, "within_10_percent"));
        assert!(number(target, "mape") > 0.0 && number(target, "relative_width_90") > 0.0);
        assert!((0.0..=1.0).contains(&number(target, "coverage_90")));
        assert!(number(target, "spearman_sd") < 0.01);
    }
    // Two of 24 rows are trimmed from each end, one of the 12 that were measured.
    assert_eq!(targets[0]["rows_scored"], 20);
    assert_eq!(targets[1]["rows_scored"], 10);
    assert!((number(&scorecard, "mean_spearman") - 1.0).abs() < 1e-3);
}

#[test]
fn every_method_prices_a_device_that_is_new_to_it() {
    let room = room_with_table();
    for method in ["bespoke", "flops", "ridge", "elastic_net", "svr"] {
        let arguments = evaluate(&[
            "--sources",
            "fast",
            "--targets",
            "slow",
            "--samples",
            "12",
            "--method",
            method,
            "--json",
        ]);
        let scorecard = room.json(&arguments);
        let target = &scorecard["targets"][0];
        assert_eq!(target["samples_read"], 12, "{method}");
        assert!(number(target, "spearman") > 0.9, "{method}: {target}");
        assert_eq!(
            scorecard["targets"],
            room.json(&arguments)["targets"],
            "{method}: the seed decides"
        );
    }
}

#[test]
fn tables_meet_by_architecture() {
    let room = room_with_table();
    let space = tiny();
    let mut text = "architecture,watch\n".to_owned();
    // The other way round, and without the first two rows.
    let networks: Vec<_> = space.architectures().skip(2).collect();
    for architecture in networks.iter().rev() {
        let flops = space.lower(architecture).expect("a network").cost().flops;
        text += &format!("\"{}\",{flops}\n", space.format_architecture(architecture));
    }
    room.file("watch.csv", text);
    let scorecard = room.json(&evaluate(&[
        "--table",
        "watch.csv",
        "--sources",
        "slow",
        "--targets",
        "watch",
        "--test-rows",
        "0..10",
        "--samples",
        "3",
        "--method",
        "flops",
        "--json",
    ]));
    let target = &scorecard["targets"][0];
    assert_eq!(target["rows_scored"], 8);
    // Milliseconds that are as many as operations: one factor says it all.
    assert!(
        number(target, "mape") < 1e-9 && number(target, "coverage_90") == 1.0,
        "{target}"
    );
    let error = room.error(&evaluate(&["--table", "table.csv"]));
    assert!(
        error.contains("`fast`") && error.contains("table.csv"),
        "{error}"
    );
}

#[test]
fn without_json_the_scores_are_a_table() {
    let text = room_with_table().text(&evaluate(&["--samples", "5", "--method", "flops"]));
    for word in ["Spearman", "fast", "slow", "rare", "flops"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn a_bad_cell_is_named_with_file_line_and_column() {
    let room = room_with_table();
    let bad = |line: usize, change: fn(&str) -> String| {
        let mut lines: Vec<String> = table().lines().map(str::to_owned).collect();
        lines[line - 1] = change(&lines[line - 1]);
        room.file("table.csv", lines.join("\n"));
        room.error(&evaluate(&[]))
    };
    let error = bad(7, |line| {
        line.rsplit_once(',').expect("cells").0.to_owned() + ",quick"
    });
    assert!(
        error.contains("table.csv:7") && error.contains("`rare`") && error.contains("quick"),
        "{error}"
    );
    let error = bad(3, |line| line.rsplit_once(',').expect("cells").0.to_owned());
    assert!(
        error.contains("table.csv:3") && error.contains("cells"),
        "{error}"
    );
    let error = bad(5, |_| "no such network,1,2,3".to_owned());
    assert!(
        error.contains("table.csv:5") && error.contains("no such network"),
        "{error}"
    );
    let error = bad(1, |_| "architecture,fast,fast,rare".to_owned());
    assert!(
        error.contains("table.csv:1") && error.contains("`fast`"),
        "{error}"
    );
}

#[test]
fn bad_rows_are_left_out_and_counted_if_asked_for() {
    let room = room_with_table();
    let mut lines: Vec<String> = table().lines().map(str::to_owned).collect();
    lines[30] = lines[3].clone();
    lines[40] = "no such network,1,2,3".to_owned();
    room.file("table.csv", lines.join("\n"));
    let error = room.error(&evaluate(&[]));
    assert!(
        error.contains("table.csv:31") && error.contains("line 4"),
        "{error}"
    );
    let scorecard = room.json(&evaluate(&[
        "--targets",
        "slow",
        "--source-rows",
        "0..24",
        "--test-rows",
        "24..48",
        "--samples",
        "5",
        "--method",
        "flops",
        "--skip-bad-rows",
        "--json",
    ]));
    assert_eq!(scorecard["rows_left_out"], 2);
    assert_eq!(scorecard["targets"][0]["rows_scored"], 22);
}

#[test]
fn a_device_that_no_table_has_lists_those_that_there_are() {
    let room = room_with_table();
    for arguments in [["--targets", "watch"], ["--sources", "watch"]] {
        let error = room.error(&evaluate(&arguments));
        assert!(
            error.contains("`watch`") && error.contains("fast, slow, rare"),
            "{error}"
        );
    }
}

#[test]
fn more_samples_than_there_are_latencies_are_refused() {
    let room = room_with_table();
    let error = room.error(&evaluate(&[
        "--targets",
        "rare",
        "--source-rows",
        "0..10",
        "--samples",
        "6",
        "--method",
        "flops",
    ]));
    assert!(
        error.contains("6 samples of `rare`") && error.contains(" 5 "),
        "{error}"
    );
    let error = room.error(&evaluate(&["--source-rows", "0..1000"]));
    assert!(error.contains("0..1000") && error.contains("48"), "{error}");
}

#[test]
fn the_roofline_needs_a_profile_that_says_enough() {
    let room = room_with_table();
    let roofline = [
        "--targets",
        "slow",
        "--method",
        "analytical",
        "--device",
        "board.toml",
        "--json",
    ];
    let head = "name = \"board\"\nsource = \"a test\"\narchitecture = \"aarch64\"\n";
    room.file("board.toml", head);
    let error = room.error(&evaluate(&roofline));
    assert!(
        error.contains("board") && error.contains("peak_gflops"),
        "{error}"
    );
    room.file(
        "board.toml",
        format!("{head}peak_gflops = 10.0\nbandwidth_gb_s = 4.0\n"),
    );
    let scorecard = room.json(&evaluate(&roofline));
    assert!(number(&scorecard, "mean_spearman") > 0.5, "{scorecard}");
    let usage = room.run(&evaluate(&["--method", "analytical"]));
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn a_look_up_table_without_the_operators_of_the_space_is_refused() {
    let room = room_with_table();
    let lookup = |file| evaluate(&["--method", "lookup", "--lookup-table", file]);
    room.file(
        "table.yaml",
        "Conv-input:8x8x1-output:4x4x2:\n  count: 1\n  mean: 1.0\n  std: 0.1\n",
    );
    let error = room.error(&lookup("table.yaml"));
    assert!(
        error.contains("lookup") && error.contains("keys"),
        "{error}"
    );
    room.file(
        "table.yaml",
        "Conv-input:8x8x1-output:4x4x2:\n  count: 1\n  mean: fast\n",
    );
    let error = room.error(&lookup("table.yaml"));
    assert!(
        error.contains("table.yaml:3") && error.contains("fast"),
        "{error}"
    );
    let error = room.error(&lookup("table.csv.gz"));
    assert!(
        error.contains("table.csv.gz") && error.contains(".yaml"),
        "{error}"
    );
    let usage = room.run(&evaluate(&["--method", "lookup"]));
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn the_help_has_an_example() {
    let help = Room::new().text(&["predictor", "evaluate", "--help"]);
    assert!(
        help.contains("Example") && help.contains("--source-rows"),
        "{help}"
    );
}
