//! Draws of networks that keep a bound by a look-up table.

use crate::program::Room;

/// The operators of FBNet's space as it prints them, and their names in its tables.
const OPERATORS: [(&str, &str); 9] = [
    ("k3_e1", "ir_k3_e1"),
    ("k3_e1_g2", "ir_k3_s2"),
    ("k3_e3", "ir_k3_e3"),
    ("k3_e6", "ir_k3_e6"),
    ("k5_e1", "ir_k5_e1"),
    ("k5_e1_g2", "ir_k5_s2"),
    ("k5_e3", "ir_k5_e3"),
    ("k5_e6", "ir_k5_e6"),
    ("skip", "skip"),
];

/// A table in which the first operator takes a millisecond in each of the 22 layers, the second two, and so on; or the
/// first nine, the second eight.
fn table(is_reversed: bool) -> String {
    let names = OPERATORS.map(|(_, name)| name).join(" ");
    let ms = |index: usize| if is_reversed { 9 - index } else { index + 1 };
    let row = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|index| (1000 * ms(index)).to_string());
    format!("{names}\n{}", format!("{}\n", row.join(" ")).repeat(22))
}

/// What a network takes by the table that is not reversed.
fn ms(architecture: &str) -> usize {
    let layers = architecture.split('|').map(|layer| {
        let operator = OPERATORS.iter().position(|(label, _)| *label == layer);
        operator.expect("an operator of the space") + 1
    });
    layers.sum()
}

fn sample<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let start = ["space", "sample", "fbnet"];
    [start.as_slice(), more].concat()
}

#[test]
fn networks_are_drawn_within_a_bound_and_priced() {
    let room = Room::new();
    room.file("phone.txt", table(false));
    let bounded = ["--table", "phone.txt", "--bound-ms", "40", "--count", "50"];
    let drawn = room.text(&sample(&bounded));
    let mut times = Vec::new();
    for line in drawn.lines() {
        let (price, architecture) = line.split_once(" ms  ").expect("a price and a network");
        let price: f64 = price.parse().expect("a number");
        assert!((price - ms(architecture) as f64).abs() < 1e-9, "{line}");
        times.push(ms(architecture));
    }
    assert_eq!(times.len(), 50);
    // By chance, one network in 10^10 would be within.
    assert!(times.iter().all(|ms| (22..=40).contains(ms)), "{times:?}");
    assert!(times.contains(&40), "{times:?}");
    assert_eq!(drawn, room.text(&sample(&bounded)));
    let json = room.json(&sample(&[&bounded[..], &["--json"]].concat()));
    let first = &json["drawn"][0];
    assert!(drawn.contains(first["architecture"].as_str().expect("a text")));
    assert!(first["latencies_ms"][0].as_f64() <= Some(40.0));
    assert!(json["networks"]["at_least"].as_f64() <= json["networks"]["at_most"].as_f64());
}

#[test]
fn a_bound_that_no_network_keeps_is_told_with_the_least() {
    let room = Room::new();
    room.file("phone.txt", table(false));
    let error = room.error(&sample(&["--table", "phone.txt", "--bound-ms", "21.5"]));
    let fastest = ["k3_e1"; 22].join("|");
    let told =
        "no network of this space runs within 21.5 ms on this target: the fastest takes 22 ms";
    assert_eq!(error, format!("bespoke: phone.txt: {told}: {fastest}"));
    let least = room.text(&sample(&["--table", "phone.txt", "--bound-ms", "22"]));
    assert_eq!(least, format!("22.0000 ms  {fastest}\n"));
}

#[test]
fn options_are_held_with_and_without_a_table() {
    let room = Room::new();
    room.file("phone.txt", table(false));
    let fixed = ["--fix", "stage1.layer1.block=k5_e6", "--count", "20"];
    let drawn = room.text(&sample(&fixed));
    assert_eq!(drawn.lines().count(), 20);
    assert!(
        drawn.lines().all(|line| line.starts_with("k5_e6|")),
        "{drawn}"
    );
    let bounded = [&fixed[..], &["--table", "phone.txt", "--bound-ms", "29"]].concat();
    let fastest = format!("29.0000 ms  k5_e6|{}\n", ["k3_e1"; 21].join("|"));
    assert_eq!(room.text(&sample(&bounded)), fastest.repeat(20));
    let error = room.error(&sample(&["--fix", "stage1.layer1.block=k9_e9"]));
    assert!(
        error.contains("is not `k9_e9` but one of k3_e1, "),
        "{error}"
    );
    let error = room.error(&sample(&["--fix", "stage9.block=skip"]));
    assert!(
        error.contains("fbnet has no decision `stage9.block`"),
        "{error}"
    );
}

#[test]
fn several_bounds_are_kept_at_once_or_said_to_exclude_each_other() {
    let room = Room::new();
    room.file("phone.txt", table(false));
    room.file("board.txt", table(true));
    // What one takes is 220 ms less what the other does.
    let both = |bounds: &'static str| {
        let tables = ["--table", "phone.txt", "--table", "board.txt"];
        let bounds = ["--bound-ms", bounds, "--count", "5"];
        sample(&[tables.as_slice(), bounds.as_slice()].concat())
    };
    let drawn = room.text(&both("112,112"));
    assert_eq!(drawn.lines().count(), 5);
    for line in drawn.lines() {
        let (prices, architecture) = line.rsplit_once("  ").expect("prices and a network");
        let phone = ms(architecture);
        assert!((108..=112).contains(&phone), "{line}");
        assert_eq!(prices, format!("{phone}.0000 ms  {}.0000 ms", 220 - phone));
    }
    let error = room.error(&both("100,100"));
    assert!(error.contains("none keeps all bounds"), "{error}");
    let error = room.error(&sample(&[
        "--table",
        "phone.txt",
        "--table",
        "board.txt",
        "--bound-ms",
        "50",
    ]));
    assert!(
        error.contains("give one --bound-ms for each --table"),
        "{error}"
    );
}

#[test]
fn a_table_without_a_bound_prices_what_is_drawn() {
    let room = Room::new();
    room.file("phone.txt", table(false));
    let drawn = room.text(&sample(&["--table", "phone.txt", "--count", "20"]));
    for line in drawn.lines() {
        let (price, architecture) = line.split_once(" ms  ").expect("a price and a network");
        assert_eq!(price, format!("{}.0000", ms(architecture)));
    }
    assert_eq!(drawn.lines().count(), 20);
    room.file("short.txt", "ir_k3_e1 skip\n1000 0\n");
    let error = room.error(&sample(&["--table", "short.txt"]));
    assert!(error.contains("short.txt: the table lacks"), "{error}");
}
