use bespoke_space::Space;

use super::*;
use crate::lookup::{Entry, Format};

const SPACE: &str = r#"
name = "small"
source = "none"
classes = 10
[input]
channels = 3
resolution = { choose = [16, 32] }
[[stage]]
name = "stem"
block = "conv"
channels = 8
stride = 2
[[stage]]
name = "body"
block = "mbconv"
repeat = { choose = [1, 2, 3] }
channels = 8
kernel = { choose = [3, 5] }
expand = { choose = [2, 3] }
[[stage]]
block = "global_pool"
[[stage]]
block = "classifier"
"#;

fn space() -> Space {
    Space::parse("small.toml", SPACE).unwrap_or_else(|error| panic!("{error}"))
}

/// Allows one resolution only.
fn at(resolution: u16) -> impl Fn(usize, u16) -> bool {
    // The resolution is the first decision, and 16 its first option.
    move |decision, option| decision != 0 || option == u16::from(resolution == 32)
}

/// A table whose operators take the times that `ms` gives to their places.
fn table(
    layout: Layout,
    chain: &Chain,
    expanded: &Expanded,
    ms: impl Fn(usize) -> f64,
) -> LookupTable {
    let operators = layout.operators(chain, expanded).expect("keys");
    let entry = |(index, operator): (usize, &crate::lookup::Operator)| {
        let entry = Entry {
            mean_ms: ms(index),
            std_ms: None,
            count: None,
        };
        (operator.key.clone(), entry)
    };
    LookupTable {
        entries: operators.all().iter().enumerate().map(entry).collect(),
    }
}

#[test]
fn the_fastest_and_the_slowest_are_those_of_all_networks() {
    let space = space();
    let mut chain = space.chain();
    let expanded = chain.expand().expect("a chain");
    // Times in no order, so that no layer's best option follows from another's.
    let scattered = |index: usize| 0.1 + ((index * 7919) % 101) as f64;
    for layout in [Layout::Content, Layout::OnceForAll, Layout::ProxylessNas] {
        let table = table(layout, &chain, &expanded, scattered);
        let prices = Prices::new(&table, layout, &chain, &expanded);
        let sizes: Vec<u16> = space
            .decisions()
            .iter()
            .map(|d| d.options().len() as u16)
            .collect();
        let mut all = std::collections::BTreeMap::new();
        let mut choices = vec![0; sizes.len()];
        loop {
            let architecture = space.architecture(&choices).expect("it is of the space");
            let mut pieces = Vec::new();
            chain.trace(&architecture, &mut pieces).expect("a network");
            let ms = prices.network_ms(&pieces).expect("every key is there");
            all.insert(space.format_architecture(&architecture), ms);
            let Some(place) = (0..sizes.len()).find(|i| choices[*i] + 1 < sizes[*i]) else {
                break;
            };
            choices[place] += 1;
            choices[..place].fill(0);
        }
        assert_eq!(all.len().to_string(), space.size());
        let (least, fastest) = prices.least(&expanded).expect("every key is there");
        let (greatest, slowest) = prices.greatest(&expanded).expect("every key is there");
        let of = |architecture: &Architecture| all[&space.format_architecture(architecture)];
        assert_eq!(least, all.values().copied().fold(f64::INFINITY, f64::min));
        assert_eq!(greatest, all.values().copied().fold(0.0, f64::max));
        assert_eq!((of(&fastest), of(&slowest)), (least, greatest));
    }
}

#[test]
fn a_network_takes_what_its_operators_take() {
    let space = space();
    let mut chain = space.chain();
    let expanded = chain.expand_where(at(16)).expect("a chain");
    let text = "operator,mean_ms,std_ms,count
Conv-input:16x16x3-output:8x8x8,1,,
expanded_conv-input:8x8x8-output:8x8x8-expand:16-kernel:3-stride:1-idskip:1-se:0-hs:0,20,,
expanded_conv-input:8x8x8-output:8x8x8-expand:24-kernel:5-stride:1-idskip:1-se:0-hs:0,300,,
AvgPool2D-input:8x8x8-output:1x1x8,4000,,
Logits-input:1x1x8-output:10,50000,,
";
    let table = LookupTable::parse(Format::Csv, "table.csv", text).expect("a table");
    let prices = Prices::new(&table, Layout::OnceForAll, &chain, &expanded);
    let mut ms = |text: &str| {
        let architecture = space.parse_architecture(text).expect("it is of the space");
        let mut pieces = Vec::new();
        chain.trace(&architecture, &mut pieces).expect("a network");
        prices.network_ms(&pieces)
    };
    let twice = "input.resolution=16,body.repeat=2,body.layer1.kernel=3,body.layer1.expand=2,body.layer2.kernel=5,body.layer2.expand=3";
    assert_eq!(ms(twice), Ok(54_321.0));
    let once = "input.resolution=16,body.repeat=1,body.layer1.kernel=3,body.layer1.expand=2";
    assert_eq!(ms(once), Ok(54_021.0));
    let missing = ms(&once.replace("kernel=3", "kernel=5")).expect_err("its key is missing");
    assert_eq!(
        missing.to_string(),
        "the table lacks 1 key: `expanded_conv-input:8x8x8-output:8x8x8-expand:16-kernel:5-stride:1-idskip:1-se:0-hs:0`"
    );
    // Only what was asked for is missing: nothing is known of networks for 32 pixels.
    assert_eq!(ms(&once.replace("16", "32")), Err(PriceError::Outside));
}

#[test]
fn a_table_of_one_resolution_prices_a_space_held_to_it() {
    let space = space();
    let mut chain = space.chain();
    let small = chain.expand_where(at(16)).expect("a chain");
    let table = table(Layout::OnceForAll, &chain, &small, |index| index as f64);
    let all = chain.expand().expect("a chain");
    let prices = Prices::new(&table, Layout::OnceForAll, &chain, &all);
    assert!(prices.check(&small).is_ok());
    let (least, fastest) = prices.least(&small).expect("every key is there");
    assert_eq!(fastest.choices()[0], 0);
    assert!(least > 0.0);
    // Stem, four bottlenecks and the pooling; the logits are the same at every resolution.
    let error = prices.least(&all).expect_err("keys are missing");
    let PriceError::Missing { keys } = &error else {
        panic!("{error}");
    };
    assert_eq!(keys.len(), 6);
    assert!(
        keys.iter()
            .all(|key| key.contains("32x32") || key.contains("16x16")),
        "{keys:?}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with("the table lacks 6 keys: `Conv-input:32x32x3-output:16x16x8`, `"),
        "{text}"
    );
    assert!(text.ends_with("` and 1 more"), "{text}");
    assert_eq!(prices.greatest(&all).expect_err("the same"), error);
}

#[test]
fn rows_of_equal_layers_are_averaged_and_the_rest_is_free_in_fbnets_layout() {
    let text = SPACE
        .replace("repeat = { choose = [1, 2, 3] }", "repeat = 3")
        .replace("resolution = { choose = [16, 32] }", "resolution = 16");
    let space = Space::parse("small.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let mut chain = space.chain();
    let expanded = chain.expand().expect("a chain");
    let rows = "ir_k3_e2 ir_k5_e2 ir_k3_e3 ir_k5_e3\n1000 2000 3000 40000\n2000 2000 3000 40000\n6000 2000 3000 40000\n";
    let table = LookupTable::parse(Format::Fbnet, "table.txt", rows).expect("a table");
    let prices = Prices::new(&table, Layout::Fbnet, &chain, &expanded);
    let (least, fastest) = prices.least(&expanded).expect("every row is there");
    assert!((least - 3.0 * 2.0).abs() < 1e-12, "{least}");
    assert!(space.format_architecture(&fastest).contains("kernel=5"));
    let (greatest, _) = prices.greatest(&expanded).expect("every row is there");
    assert!((greatest - 3.0 * 40.0).abs() < 1e-12, "{greatest}");
    let short = LookupTable::parse(
        Format::Fbnet,
        "table.txt",
        rows.rsplit_once("6000").expect("a row").0,
    );
    let prices = Prices::new(&short.expect("a table"), Layout::Fbnet, &chain, &expanded);
    assert_eq!(
        prices
            .least(&expanded)
            .expect_err("a row is missing")
            .to_string(),
        "the table lacks 4 keys: `layer3-ir_k3_e2`, `layer3-ir_k3_e3`, `layer3-ir_k5_e2`, `layer3-ir_k5_e3`"
    );
}

#[test]
fn a_piece_without_a_name_is_an_error_only_where_it_is_asked_for() {
    let text = SPACE.replace(
        "kernel = { choose",
        "activation = { choose = [\"relu\", \"gelu\"] }\nkernel = { choose",
    );
    let space = Space::parse("small.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    let activation = space
        .decisions()
        .iter()
        .position(|d| d.path() == "body.layer1.activation");
    let activation = activation.expect("it is decided for each layer");
    let mut chain = space.chain();
    let relu = chain.expand_where(|decision, option| {
        let is_activation = space.decisions()[decision].path().ends_with("activation");
        at(16)(decision, option) && (!is_activation || option == 0)
    });
    let relu = relu.expect("a chain");
    let table = table(Layout::OnceForAll, &chain, &relu, |_| 1.0);
    let all = chain.expand_where(at(16)).expect("a chain");
    let prices = Prices::new(&table, Layout::OnceForAll, &chain, &all);
    let (_, fastest) = prices.least(&relu).expect("every key is there");
    assert_eq!(fastest.choices()[activation], 0);
    let error = prices.check(&all).expect_err("there is no key for it");
    assert_eq!(
        error.to_string(),
        "`body.layer1`, of block `mbconv`, has no key in a table of this layout: there is none for the activation Gelu"
    );
}

#[test]
fn a_table_in_seconds_prices_nothing_and_one_in_milliseconds_of_a_fast_machine_does() {
    let space = space();
    let mut chain = space.chain();
    let expanded = chain.expand().expect("a chain");
    let operators = Layout::Content.operators(&chain, &expanded);
    let macs: Vec<f64> = operators
        .expect("keys")
        .all()
        .iter()
        .map(|operator| operator.graph.cost().macs as f64)
        .collect();
    let prices = |ms: &dyn Fn(f64) -> f64| {
        let table = table(Layout::Content, &chain, &expanded, |index| ms(macs[index]));
        Prices::new(&table, Layout::Content, &chain, &expanded).check(&expanded)
    };
    // A slow core of 1e6 multiply-accumulates a millisecond, a fast one of 1e8, and a graphics processor.
    for ms in [
        |macs: f64| 0.0002 + macs / 1e6,
        |macs: f64| 0.0002 + macs / 1e8,
        |macs: f64| 0.01 + macs / 3e10,
    ] {
        assert_eq!(prices(&ms), Ok(()));
    }
    for ms in [
        |macs: f64| (0.0002 + macs / 1e6) / 1e3,
        |macs: f64| (0.0002 + macs / 1e8) / 1e3,
    ] {
        let error = prices(&ms).expect_err("it is in seconds").to_string();
        assert!(
            error.starts_with("the table is not in milliseconds: ")
                && error.ends_with("; is it in seconds?"),
            "{error}"
        );
    }
}
