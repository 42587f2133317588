use bespoke_measure::{Environment, Measurement, Protocol, Verdict};

use super::*;

fn parse(format: Format, text: &str) -> LookupTable {
    LookupTable::parse(format, "table", text).unwrap_or_else(|error| panic!("{error}"))
}

fn fault(format: Format, text: &str) -> String {
    let table = LookupTable::parse(format, "table", text);
    table.expect_err("not a table").to_string()
}

/// Times that end in every way a float's decimals can.
fn awkward() -> LookupTable {
    let times = [
        0.0,
        0.1,
        1.0 / 3.0,
        2.1711666166166165,
        1e-9,
        9_999_999.999_999_998,
        5e-324,
    ];
    let entry = |(index, mean_ms): (usize, f64)| {
        let entry = Entry {
            mean_ms,
            std_ms: (index % 2 == 0).then_some(mean_ms / 7.0),
            count: (index % 3 == 0).then_some(index as u64 + 1),
        };
        (format!("conv-input:{index}x{index}-expand:{index}"), entry)
    };
    LookupTable {
        entries: times.into_iter().enumerate().map(entry).collect(),
    }
}

#[test]
fn the_yaml_of_once_for_all_is_read_with_its_figures() {
    let text = "# of a board
Conv-input:8x8x3-output:4x4x16:
  count: 12
  mean: 0.25
  std: 0.5

'Logits-input:1x1x8-output:10':  # quoted
  mean: 1e-1
";
    let table = parse(Format::Yaml, text);
    let conv = table.get("Conv-input:8x8x3-output:4x4x16");
    assert_eq!(
        conv,
        Some(&Entry {
            mean_ms: 0.25,
            std_ms: Some(0.5),
            count: Some(12)
        })
    );
    let logits = table.get("Logits-input:1x1x8-output:10").expect("an entry");
    assert_eq!(
        (logits.mean_ms, logits.std_ms, logits.count),
        (0.1, None, None)
    );
    assert_eq!(table.len(), 2);
    assert_eq!(table.get("Conv"), None);
}

#[test]
fn a_variance_is_read_as_the_deviation_that_it_is() {
    let table = parse(Format::Yaml, "Conv:\n  mean: 4.0\n  var: 0.25\n");
    assert_eq!(table.get("Conv").and_then(|entry| entry.std_ms), Some(0.5));
}

#[test]
fn tables_read_back_as_they_were_to_the_last_bit() {
    let table = awkward();
    for format in [Format::Yaml, Format::Csv] {
        let text = table.write(format).expect("any table can be written");
        assert_eq!(parse(format, &text), table, "{text}");
    }
    let layers = "ir_k3_e1 ir_k5_s2 skip\n5129.798054695129 0.1 1.613609492778778\n3028.797898441553 1e-3 0\n";
    let table = parse(Format::Fbnet, layers);
    let text = table.write(Format::Fbnet).expect("it came from there");
    assert_eq!(parse(Format::Fbnet, &text), table, "{text}");
}

#[test]
fn the_rows_of_fbnet_are_layers_in_microseconds() {
    let table = parse(
        Format::Fbnet,
        "ir_k3_e1 skip\n5129.798 1.5\n\n2449,847.887\n",
    );
    let ms = |key: &str| table.get(key).expect("an entry").mean_ms;
    assert_eq!(ms("layer1-ir_k3_e1"), 5.129798);
    assert_eq!(ms("layer1-skip"), 0.0015);
    assert_eq!(ms("layer2-skip"), 0.847887);
    assert_eq!(table.len(), 4);
}

#[test]
fn fbnets_format_refuses_what_it_cannot_hold() {
    let refusal = |table: &LookupTable| {
        let error = table.write(Format::Fbnet).expect_err("it does not fit");
        error.to_string()
    };
    let rest =
        "cannot be written in FBNet's format, which holds the mean of each operator of each layer";
    let other = parse(Format::Csv, "operator,mean_ms,std_ms,count\nConv,1,,\n");
    assert_eq!(refusal(&other), format!("`Conv` {rest}"));
    let spread = "operator,mean_ms,std_ms,count\nlayer1-skip,1,0.5,\n";
    assert_eq!(
        refusal(&parse(Format::Csv, spread)),
        format!("`layer1-skip` {rest}")
    );
    let ragged = "operator,mean_ms,std_ms,count\nlayer1-skip,1,,\nlayer2-ir_k3_e1,1,,\n";
    assert_eq!(
        refusal(&parse(Format::Csv, ragged)),
        format!("`layer2-ir_k3_e1` {rest}")
    );
    let gap = "operator,mean_ms,std_ms,count\nlayer1-skip,1,,\nlayer3-skip,1,,\n";
    assert_eq!(
        refusal(&parse(Format::Csv, gap)),
        format!("`layer3-skip` {rest}")
    );
}

#[test]
fn times_that_cannot_be_are_refused_with_file_line_and_key() {
    for (text, shown) in [
        ("-0.5", "-0.5"),
        ("NaN", "NaN"),
        ("inf", "inf"),
        ("1.1e7", "1.1e7"),
        ("fast", "fast"),
    ] {
        assert_eq!(
            fault(
                Format::Yaml,
                &format!("Conv:\n  count: 3\n  mean: {text}\n")
            ),
            format!("table:3: `Conv`: `mean` is `{shown}`: expected a number from 0 to 1e7")
        );
        assert_eq!(
            fault(
                Format::Csv,
                &format!("operator,mean_ms,std_ms,count\nConv,1,{text},\n")
            ),
            format!("table:2: `Conv`: `std` is `{shown}`: expected a number from 0 to 1e7")
        );
    }
    assert_eq!(
        fault(Format::Fbnet, "skip\n1.0\n-2.0\n"),
        "table:3: `layer2-skip`: `mean` is `-2.0e-3`: expected a number from 0 to 1e7"
    );
}

#[test]
fn a_key_that_is_there_twice_is_refused() {
    assert_eq!(
        fault(Format::Yaml, "Conv:\n  mean: 1\nConv:\n  mean: 2\n"),
        "table:3: `Conv` is there already, on line 1"
    );
    assert_eq!(
        fault(
            Format::Csv,
            "operator,mean_ms,std_ms,count\nConv,1,,\nConv,1,,\n"
        ),
        "table:3: `Conv` is there already, on line 2"
    );
    assert_eq!(
        fault(Format::Fbnet, "skip skip\n1.0 2.0\n"),
        "table:2: `layer1-skip` is there already, on line 2"
    );
}

#[test]
fn what_does_not_belong_into_a_format_is_refused_with_its_line() {
    let cases = [
        (
            Format::Yaml,
            "  mean: 1\n",
            "table:1: figures without a key above them",
        ),
        (
            Format::Yaml,
            "Conv: {mean: 1}\n",
            "table:1: expected a key and `:` alone on a line",
        ),
        (
            Format::Yaml,
            "Conv:\n  mean 1\n",
            "table:2: expected a figure, such as `mean: 1.25`",
        ),
        (
            Format::Yaml,
            "Conv:\n  count: 1\nPool:\n",
            "table:1: `Conv`: `mean` is missing",
        ),
        (
            Format::Yaml,
            "Conv:\n  mean: 1\n  count: 0\n",
            "table:3: `Conv`: `count` is `0`: expected a whole number from 1",
        ),
        (
            Format::Yaml,
            "Conv:\n  mean: 1\n  mean: 2\n",
            "table:3: `Conv`: `mean` is given twice",
        ),
        (
            Format::Yaml,
            "Conv:\n  median: 1\n",
            "table:2: `Conv`: `median` is no figure of a table: there is `mean`, `std`, `var`, `count`",
        ),
        (
            Format::Yaml,
            "Conv:\n  mean: 1\n  var: 1\n  std: 1\n",
            "table:4: `Conv`: `std` and `var` are two names of one thing: give one of them",
        ),
        (
            Format::Yaml,
            "a conv:\n  mean: 1\n",
            "table:1: a key must be of letters, digits and `-_.:+|`, and begin with a letter or digit",
        ),
        (Format::Yaml, "\n# nothing\n", "table: the table is empty"),
        (
            Format::Csv,
            "key,ms\n",
            "table:1: expected the header `operator,mean_ms,std_ms,count`",
        ),
        (
            Format::Csv,
            "",
            "table:1: expected the header `operator,mean_ms,std_ms,count`",
        ),
        (
            Format::Csv,
            "operator,mean_ms,std_ms,count\nConv,1\n",
            "table:2: expected four cells, divided by commas",
        ),
        (
            Format::Csv,
            "operator,mean_ms,std_ms,count\nConv,,,\n",
            "table:2: `Conv`: `mean` is missing",
        ),
        (
            Format::Fbnet,
            "ir_k3_e1 skip\n1.0\n",
            "table:2: expected a number for each operator that the first line names",
        ),
        (
            Format::Fbnet,
            "ir_k3_e1 skip\n",
            "table: the table is empty",
        ),
    ];
    for (format, text, message) in cases {
        assert_eq!(fault(format, text), message, "{text}");
    }
}

#[test]
fn a_format_is_known_by_the_end_of_the_files_name() {
    assert_eq!(Format::of_file("224_lookup_table.yaml"), Some(Format::Yaml));
    assert_eq!(Format::of_file("tables/board.yml"), Some(Format::Yaml));
    assert_eq!(Format::of_file("board.csv"), Some(Format::Csv));
    assert_eq!(Format::of_file("lookup_table.txt"), Some(Format::Fbnet));
    assert_eq!(Format::of_file("lookup_table"), None);
}

#[test]
fn a_table_of_ones_own_holds_time_deviation_and_number_of_the_samples() {
    let alone = |samples_ms: &[f64]| Measurement {
        samples_ms: samples_ms.to_vec(),
        ..Measurement::new(
            Protocol::default(),
            Environment::default(),
            Verdict::TimedOut,
        )
    };
    let conv = Entry::new(2.5, &alone(&[1.0, 2.0, 6.0]));
    let pool = Entry::new(0.25, &alone(&[0.5]));
    let table = LookupTable::from_entries([("Conv", conv), ("Pool", pool)]).expect("a table");
    // The squares of -2, -1 and 3 sum up to 14, over one less than there are.
    let wanted = Entry {
        mean_ms: 2.5,
        std_ms: Some(7.0_f64.sqrt()),
        count: Some(3),
    };
    assert_eq!(table.get("Conv"), Some(&wanted));
    let pool = table.get("Pool").expect("an entry");
    assert_eq!(
        (pool.mean_ms, pool.std_ms, pool.count),
        (0.25, None, Some(1))
    );
    let text = table.write(Format::Csv).expect("any table can be written");
    assert_eq!(parse(Format::Csv, &text), table);
    let refusal = |entries: &[(&str, Entry)]| {
        let table = LookupTable::from_entries(entries.iter().copied());
        table.expect_err("no table").to_string()
    };
    assert_eq!(
        refusal(&[("Conv", conv), ("Conv", conv)]),
        "operators:2: `Conv` is there already, on line 1"
    );
    assert_eq!(refusal(&[]), "operators: the table is empty");
}

#[test]
fn a_table_that_was_cut_short_is_refused() {
    let whole = "operator,mean_ms,std_ms,count\nConv,1.25,,\nPool,0.125,,\n";
    for end in whole.len() - 5..whole.len() {
        assert_eq!(
            fault(Format::Csv, &whole[..end]),
            "table:3: the line does not end: the table was cut short"
        );
    }
    assert_eq!(
        fault(Format::Yaml, "Conv:\n  mean: 1.25\nPool:\n  mean: 0.1"),
        "table:4: the line does not end: the table was cut short"
    );
    assert_eq!(
        fault(Format::Yaml, "Conv:\n  mean: 1.25\nPool:\n"),
        "table:3: `Pool`: `mean` is missing"
    );
}
