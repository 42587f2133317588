use std::collections::BTreeSet;

use bespoke_space::Space;

use super::*;
use crate::lookup::Format;

/// The operators of a space whose input has the resolution given, where it has a choice.
fn operators(space: &Space, layout: Layout, resolution: &str) -> Result<Vec<Operator>, KeyError> {
    let decisions = space.decisions();
    let mut chain = space.chain();
    let expanded = chain.expand_where(|decision, option| {
        let decision = &decisions[decision];
        decision.path() != "input.resolution"
            || decision.options()[usize::from(option)] == resolution
    });
    let operators = layout.operators(&chain, &expanded.expect("a chain"))?;
    Ok(operators.all().to_vec())
}

fn builtin(name: &str) -> Space {
    Space::builtin(name).expect("it comes with the program")
}

/// A space with one stage of its own, `body`.
fn small(stage: &str) -> Space {
    let text = format!(
        "
name = 'small'
source = 'none'
classes = 10
[input]
channels = 3
resolution = 16
[[stage]]
name = 'body'
{stage}
[[stage]]
block = 'global_pool'
[[stage]]
block = 'classifier'
"
    );
    Space::parse("small.toml", &text).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn assert_has(operators: &[Operator], keys: &[&str]) {
    for key in keys {
        assert!(
            operators.iter().any(|operator| operator.key == *key),
            "{key}"
        );
    }
}

#[test]
fn once_for_all_of_width_1_2_has_the_96_operators_of_its_published_tables() {
    let space = builtin("ofa_mobilenetv3_w12");
    let operators = operators(&space, Layout::OnceForAll, "224").expect("keys");
    assert_eq!(operators.len(), 96);
    assert_has(
        &operators,
        &[
            "Conv-input:224x224x3-output:112x112x24",
            "expanded_conv-input:112x112x24-output:112x112x24-expand:24-kernel:3-stride:1-idskip:1-se:0-hs:0",
            "expanded_conv-input:112x112x24-output:56x56x32-expand:72-kernel:3-stride:2-idskip:0-se:0-hs:0",
            "expanded_conv-input:28x28x48-output:28x28x48-expand:192-kernel:7-stride:1-idskip:1-se:1-hs:0",
            "expanded_conv-input:14x14x96-output:14x14x136-expand:288-kernel:5-stride:1-idskip:0-se:1-hs:1",
            "expanded_conv-input:7x7x192-output:7x7x192-expand:1152-kernel:7-stride:1-idskip:1-se:1-hs:1",
            "Conv_1-input:7x7x192-output:7x7x1152",
            "AvgPool2D-input:7x7x1152-output:1x1x1152",
            "Conv_2-input:1x1x1152-output:1x1x1536",
            "Logits-input:1x1x1536-output:1000",
        ],
    );
}

#[test]
fn proxylessnas_has_the_operators_of_its_published_tables() {
    let operators = operators(&builtin("proxylessnas"), Layout::ProxylessNas, "").expect("keys");
    assert_has(
        &operators,
        &[
            "Conv-input:224x224x3-output:112x112x32",
            "expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0",
            "expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0",
            "expanded_conv-input:14x14x80-output:14x14x96-expand:6-kernel:7-stride:1-idskip:0",
            "expanded_conv-input:7x7x192-output:7x7x192-expand:6-kernel:5-stride:1-idskip:1",
            "Conv_1-input:7x7x320-output:7x7x1280",
            "Logits-input:7x7x1280-output:1000",
        ],
    );
    // Stem, first bottleneck, last convolution and logits; six operators where a stage begins, six where it goes on.
    assert_eq!(operators.len(), 4 + 6 * 6 + 5 * 6);
}

#[test]
fn fbnet_has_nine_operators_in_each_of_22_rows() {
    let operators = operators(&builtin("fbnet_imagenet"), Layout::Fbnet, "").expect("keys");
    assert_eq!(operators.len(), 22 * 9);
    assert_has(
        &operators,
        &[
            "layer1-ir_k3_e1",
            "layer1-ir_k3_s2",
            "layer2-skip",
            "layer3-skip",
            "layer22-ir_k5_e6",
        ],
    );
}

#[test]
fn any_space_has_operators_by_content_each_of_them_once() {
    for name in ["mobile_small", "fbnet", "mnasnet"] {
        let operators = operators(&builtin(name), Layout::Content, "").expect("keys");
        let hashes: BTreeSet<String> = operators
            .iter()
            .map(|operator| operator.graph.hash().to_string())
            .collect();
        assert!(operators.len() > 20, "{name} has {}", operators.len());
        for operator in &operators {
            assert!(super::super::is_key(&operator.key), "{}", operator.key);
            let hash = operator
                .key
                .rsplit_once('-')
                .expect("the hash ends the key");
            assert!(hashes.contains(hash.1));
            assert!(
                operator.graph.nodes().len() > 1,
                "{} does nothing",
                operator.key
            );
        }
    }
}

#[test]
fn operators_by_themselves_do_the_work_of_the_network_together() {
    let cases = [
        ("ofa_mobilenetv3_w12", Layout::OnceForAll),
        ("ofa_mobilenetv3_w12", Layout::Content),
        ("proxylessnas", Layout::ProxylessNas),
    ];
    for (name, layout) in cases {
        let space = builtin(name);
        // The first option everywhere: depth 2, kernel 3, expansion 3, where there are such choices.
        let first = space.architecture(&vec![0; space.decisions().len()]);
        let first = first.expect("every decision has an option");
        let whole = space.lower(&first).expect("a network").live();
        let mut chain = space.chain();
        let only_first = chain.expand_where(|_, option| option == 0);
        let only_first = only_first.expect("a chain of one architecture");
        let naming = Naming::new(layout, &chain, &only_first);
        let pieces = only_first.transitions().iter().filter_map(|t| t.piece);
        let graphs: Vec<Graph> = pieces
            .flat_map(|id| {
                naming
                    .parts(id.index(), chain.piece(id))
                    .expect("keys")
                    .operators
            })
            .map(|operator| operator.graph)
            .collect();
        let macs: u64 = graphs.iter().map(|graph| graph.cost().macs).sum();
        let parameters: u64 = graphs.iter().map(|graph| graph.cost().parameters).sum();
        let cost = whole.cost();
        assert_eq!(
            (macs, parameters),
            (cost.macs, cost.parameters),
            "{name} as {layout:?}"
        );
    }
}

#[test]
fn cells_are_taken_apart_and_come_together_again() {
    let space = builtin("nasbench201");
    let mut chain = space.chain();
    let expanded = chain.expand().expect("a chain");
    let operators = Layout::Content.operators(&chain, &expanded).expect("keys");
    // In each of three stages two convolutions, the pooling and the sum; six layers that are no cells.
    assert_eq!(operators.all().len(), 3 * 4 + 6);
    let cell =
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_3x3~2|";
    let architecture = space.parse_architecture(cell).expect("it is of the space");
    let mut pieces = Vec::new();
    chain.trace(&architecture, &mut pieces).expect("a network");
    let counts = operators.counts(&pieces).expect("all was expanded");
    let macs = |operator: &Operator| operator.graph.cost().macs as f64;
    let sum: f64 = operators
        .all()
        .iter()
        .map(macs)
        .zip(&counts)
        .map(|(m, c)| m * c)
        .sum();
    let whole = space
        .lower(&architecture)
        .expect("a network")
        .live()
        .cost()
        .macs;
    assert_eq!(sum, whole as f64);
    let of_cells = operators
        .all()
        .iter()
        .zip(&counts)
        .filter(|(o, _)| o.key.starts_with("cell-"));
    // Two convolutions of 3x3, one of 1x1, a pooling and two sums in each of fifteen cells.
    let mut of_cells: Vec<f64> = of_cells.map(|(_, count)| *count).collect();
    of_cells.sort_by(f64::total_cmp);
    assert_eq!(
        of_cells,
        [
            5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0
        ]
    );
}

#[test]
fn what_a_layout_cannot_name_is_an_error_with_layer_and_reason() {
    const PLAIN: &str = "block = 'conv'\nchannels = 8";
    const RESIDUAL: &str = "block = 'residual'\nchannels = 8\nstride = 2";
    const GROUPED: &str = "block = { kind = 'mbconv', groups = 3, expand = 3 }\nchannels = 9";
    const SILU: &str = "block = 'mbconv'\nchannels = 8\nactivation = 'silu'";
    const SQUEEZED: &str = "block = 'mbconv'\nchannels = 8\nse = 0.25";
    const HALVES: &str = "block = 'mbconv'\nchannels = 8\nexpand = 2.5";
    const CHOICE: &str = "block = 'conv'\nchannels = { choose = [8, 16] }";
    let of_convolutions = "of convolutions there are only 3x3 with stride 2 and 1x1 ones";
    let of_groups = "there is none for bottlenecks with groups or with a pooled skip path";
    let cases = [
        (PLAIN, Layout::OnceForAll, "conv", of_convolutions),
        (
            RESIDUAL,
            Layout::OnceForAll,
            "residual",
            "there is none for the block `residual`",
        ),
        (GROUPED, Layout::OnceForAll, "mbconv", of_groups),
        (GROUPED, Layout::ProxylessNas, "mbconv", of_groups),
        (
            SILU,
            Layout::OnceForAll,
            "mbconv",
            "there is none for the activation Silu",
        ),
        (
            SQUEEZED,
            Layout::ProxylessNas,
            "mbconv",
            "there is none with squeeze and excitation",
        ),
        (
            HALVES,
            Layout::ProxylessNas,
            "mbconv",
            "there is one only where the expansion is a whole number",
        ),
        (
            CHOICE,
            Layout::Fbnet,
            "conv",
            "there is none for the block `conv`",
        ),
    ];
    for (stage, layout, block, reason) in cases {
        let error = operators(&small(stage), layout, "").expect_err("no key");
        let wanted = KeyError {
            layer: "body".to_owned(),
            block,
            reason: reason.to_owned(),
        };
        assert_eq!(error, wanted, "{layout:?}");
    }
    let error = operators(&small(PLAIN), Layout::OnceForAll, "").expect_err("no key");
    assert_eq!(
        error.to_string(),
        format!("`body`, of block `conv`, has no key in a table of this layout: {of_convolutions}")
    );
}

#[test]
fn the_layout_of_a_table_is_told_by_its_keys() {
    let layout = |keys: &[&str]| {
        let rows: String = keys.iter().map(|key| format!("{key},1,,\n")).collect();
        let text = format!("operator,mean_ms,std_ms,count\n{rows}");
        let table = LookupTable::parse(Format::Csv, "table.csv", &text).expect("a table");
        Layout::of(&table)
    };
    let proxyless = "expanded_conv-input:8x8x3-output:8x8x4-expand:3-kernel:3-stride:1-idskip:0";
    let once_for_all = format!("{proxyless}-se:0-hs:1");
    assert_eq!(
        layout(&["Conv-input:8x8x3-output:8x8x3", proxyless]),
        Layout::ProxylessNas
    );
    assert_eq!(
        layout(&["Logits-input:8-output:3", &once_for_all]),
        Layout::OnceForAll
    );
    assert_eq!(layout(&["layer1-ir_k3_e1"]), Layout::Fbnet);
    assert_eq!(
        layout(&["layer_norm-input:8x8x3-00", "mbconv-input:8x8x3-00"]),
        Layout::Content
    );
}
