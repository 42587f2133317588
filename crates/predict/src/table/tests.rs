use super::*;

const HEADING: &str = "architecture,phone,board\n";
const A: &str = "channels=1";
const B: &str = "channels=2";
const C: &str = "channels=3";

/// Three networks.
fn space() -> Space {
    let text = r#"
        name = "three"
        source = "a test"
        classes = 2
        [input]
        channels = 1
        resolution = 4
        [[stage]]
        name = "stem"
        block = "conv"
        channels = { choose = [1, 2, 3] }
        kernel = 1
        [[stage]]
        name = "pool"
        block = "global_pool"
        [[stage]]
        name = "head"
        block = "classifier"
    "#;
    Space::parse("three.toml", text).expect("a space")
}

/// The canonical string of the network with so many channels.
fn network(channels: &str) -> String {
    let option = match channels {
        A => 0,
        B => 1,
        _ => 2,
    };
    let space = space();
    let architecture = space.architecture(&[option]).expect("an architecture");
    space.format_architecture(&architecture)
}

fn row(channels: &str, cells: &str) -> String {
    format!("{},{cells}\n", network(channels))
}

fn read(text: &str) -> Result<Table, TableError> {
    Table::parse(&space(), "t.csv", text.as_bytes(), BadRows::Refuse)
}

fn refusal(text: &str) -> String {
    read(text).expect_err("a fault").to_string()
}

#[test]
fn an_empty_cell_was_not_measured() {
    let table = read(&format!("{HEADING}{}{}", row(A, "1.5,"), row(B, " 2 ,3e1"))).unwrap();
    assert_eq!(table.devices().collect::<Vec<_>>(), ["phone", "board"]);
    assert_eq!(table.latencies_ms("phone").unwrap(), [Some(1.5), Some(2.0)]);
    assert_eq!(table.latencies_ms("board").unwrap(), [None, Some(30.0)]);
    assert_eq!(table.rows_left_out(), 0);
}

#[test]
fn a_cell_that_is_no_latency_is_named_with_line_and_column() {
    for cell in ["0", "-3", "fast", "nan", "inf", "1e8", "1,5"] {
        let error = refusal(&format!(
            "{HEADING}{}{}",
            row(A, "1,2"),
            row(B, &format!("4,\"{cell}\""))
        ));
        assert!(error.starts_with("t.csv:3: column `board`: "), "{error}");
        assert!(error.contains(&format!("`{cell}`")), "{error}");
    }
}

#[test]
fn lines_count_blank_ones_and_carriage_returns() {
    let text = format!(
        "{HEADING}\n\r\n{}\n{}",
        row(A, "1,2").replace('\n', "\r\n"),
        row(B, "x,2")
    );
    assert!(
        refusal(&text).starts_with("t.csv:6: column `phone`"),
        "{}",
        refusal(&text)
    );
}

#[test]
fn a_network_that_stands_twice_is_named_with_both_lines() {
    let text = format!(
        "{HEADING}{}{}{}",
        row(A, "1,2"),
        row(B, "1,2"),
        row(A, "3,4")
    );
    let error = refusal(&text);
    assert!(
        error.starts_with("t.csv:4: column `architecture`"),
        "{error}"
    );
    assert!(
        error.contains("line 2") && error.contains(&network(A)),
        "{error}"
    );
}

#[test]
fn a_row_of_another_space_is_named() {
    let error = refusal(&format!("{HEADING}|none~0|,1,2\n"));
    assert!(
        error.starts_with("t.csv:2: column `architecture`: `|none~0|`"),
        "{error}"
    );
}

#[test]
fn a_row_with_too_few_cells_is_named() {
    let error = refusal(&format!("{HEADING}{}", row(A, "1")));
    assert_eq!(error, "t.csv:2: 2 cells, the heading has 3");
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut text = format!("{HEADING}{}", row(A, "1,2")).into_bytes();
    text.extend(b"\xff,1,2\n");
    let error = Table::parse(&space(), "t.csv", &text, BadRows::Refuse).unwrap_err();
    assert_eq!(error.to_string(), "t.csv:3: not UTF-8");
}

#[test]
fn a_heading_names_each_column_once() {
    for (heading, reason) in [
        ("", "empty"),
        ("channels,phone\n", "`channels`"),
        ("architecture,phone,phone\n", "`phone`"),
        ("architecture,,phone\n", "column 2"),
        ("architecture\n", "no column"),
    ] {
        let error = refusal(heading);
        assert!(
            error.starts_with("t.csv:1: ") && error.contains(reason),
            "{error}"
        );
    }
}

#[test]
fn rows_that_are_left_out_keep_their_numbers() {
    let text = format!(
        "{HEADING}{}nonsense,1,2\n{}{}",
        row(A, "1,2"),
        row(A, "1,2"),
        row(B, "3,4")
    );
    let table = Table::parse(&space(), "t.csv", text.as_bytes(), BadRows::LeaveOut).unwrap();
    assert_eq!(table.rows_left_out(), 2);
    assert_eq!(table.rows(&Rows::All).unwrap(), [0, 3]);
    assert_eq!(table.rows(&Rows::Range(1..4)).unwrap(), [3]);
    assert_eq!(table.latencies_ms("phone").unwrap()[3], Some(3.0));
}

#[test]
fn merged_tables_meet_by_architecture() {
    let first = read(&format!("{HEADING}{}{}", row(A, "1,2"), row(B, "3,4"))).unwrap();
    let second = read(&format!(
        "architecture,watch\n{}{}",
        row(C, "7"),
        row(A, "9")
    ))
    .unwrap();
    let merged = first.merged(second).unwrap();
    assert_eq!(
        merged.latencies_ms("watch").unwrap(),
        [Some(9.0), None, Some(7.0)]
    );
    assert_eq!(
        merged.latencies_ms("board").unwrap(),
        [Some(2.0), Some(4.0), None]
    );
    let names: Vec<String> = (merged.architectures().iter().flatten())
        .map(|architecture| space().format_architecture(architecture))
        .collect();
    assert_eq!(names, [A, B, C].map(network));
}

#[test]
fn merged_tables_share_no_device() {
    let table = read(&format!("{HEADING}{}", row(A, "1,2"))).unwrap();
    let error = table.clone().merged(table).unwrap_err().to_string();
    assert!(
        error.contains("`phone`") && error.contains("t.csv"),
        "{error}"
    );
}

#[test]
fn an_unknown_device_lists_the_known_ones() {
    let table = read(&format!("{HEADING}{}", row(A, "1,2"))).unwrap();
    let error = table.latencies_ms("watch").unwrap_err().to_string();
    assert!(
        error.contains("`watch`") && error.contains("phone, board"),
        "{error}"
    );
}

#[test]
fn rows_print_as_they_parse() {
    for text in ["all", "0..900", "3..4"] {
        assert_eq!(text.parse::<Rows>().unwrap().to_string(), text);
    }
    for text in ["", "900", "5..5", "9..3", "a..b", "-1..3", "0..=3", "All"] {
        let error = text.parse::<Rows>().unwrap_err().to_string();
        assert!(error.contains(&format!("`{text}`")), "{error}");
    }
}

#[test]
fn rows_beyond_the_table_are_refused() {
    let table = read(&format!("{HEADING}{}", row(A, "1,2"))).unwrap();
    let error = table.rows(&Rows::Range(0..5)).unwrap_err().to_string();
    assert_eq!(error, "rows 0..5 do not lie in a table of 1");
}
