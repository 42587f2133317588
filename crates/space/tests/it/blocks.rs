//! Blocks by what they lower to.

use bespoke_graph::Graph;

use crate::space;

fn lowered(stage: &str) -> Graph {
    let space = space(&format!("[[stage]]\n{stage}\n"));
    let architecture = space.architectures().next().expect("the first");
    space.lower(&architecture).expect("a network")
}

fn names(graph: &Graph) -> Vec<&str> {
    let names = graph.nodes().iter().map(|node| node.name.as_str());
    names.filter(|name| name.starts_with("stage1")).collect()
}

#[test]
fn skip_is_nothing_where_the_shape_is_kept() {
    assert_eq!(names(&lowered("block = \"skip\"\nchannels = 3")), [""; 0]);
    let changed = lowered("block = \"skip\"\nchannels = 6\nstride = 2");
    assert_eq!(
        names(&changed),
        ["stage1.skip", "stage1.skip_norm", "stage1.skip_act"]
    );
}

#[test]
fn grouped_bottlenecks_shuffle_after_the_first_convolution() {
    let grouped =
        lowered("block = \"mbconv\"\nchannels = 6\nexpand = 2\ngroups = 3\nactivation = \"none\"");
    assert_eq!(
        names(&grouped),
        [
            "stage1.expand",
            "stage1.expand_norm",
            "stage1.expand_split",
            "stage1.expand_swap",
            "stage1.expand_join",
            "stage1.depthwise",
            "stage1.depthwise_norm",
            "stage1.project",
            "stage1.project_norm",
        ]
    );
}

#[test]
fn bottlenecks_without_expansion_drop_the_first_convolution_unless_it_is_kept() {
    let plain = lowered("block = \"mbconv\"\nchannels = 6\nexpand = 1");
    assert!(!names(&plain).contains(&"stage1.expand"));
    let kept = lowered("block = \"mbconv\"\nchannels = 6\nexpand = 1\nkeep_expand = true");
    assert!(names(&kept).contains(&"stage1.expand"));
}

#[test]
fn skip_paths_are_added_where_they_fit() {
    let sums = |settings: &str| {
        let graph = lowered(&format!("block = \"mbconv\"\n{settings}"));
        let is_sum = |name: &&str| ["stage1.sum", "stage1.skip_pool"].contains(name);
        names(&graph).into_iter().filter(is_sum).count()
    };
    assert_eq!(sums("channels = 3"), 1);
    assert_eq!(sums("channels = 3\nskip = \"none\""), 0);
    assert_eq!(sums("channels = 3\nstride = 2"), 0);
    assert_eq!(sums("channels = 3\nstride = 2\nskip = \"pool\""), 2);
    assert_eq!(sums("channels = 4\nskip = \"pool\""), 0);
}

#[test]
fn projected_skip_paths_are_added_whatever_the_shape() {
    let shortcut = |settings: &str| {
        let graph = lowered(&format!(
            "block = \"mbconv\"\nskip = \"project\"\n{settings}"
        ));
        let part = |name: &&str| name.contains("shortcut") || name.ends_with("sum");
        let parts = names(&graph).into_iter().filter(part);
        parts.map(str::to_owned).collect::<Vec<_>>()
    };
    let (pool, conv) = ("stage1.shortcut_pool", "stage1.shortcut");
    let (norm, sum) = ("stage1.shortcut_norm", "stage1.sum");
    assert_eq!(shortcut("channels = 3"), [sum]);
    assert_eq!(shortcut("channels = 4"), [conv, norm, sum]);
    assert_eq!(shortcut("channels = 3\nstride = 2"), [pool, sum]);
    assert_eq!(
        shortcut("channels = 4\nstride = 2"),
        [pool, conv, norm, sum]
    );
}

#[test]
fn shortcuts_meet_strided_convolutions_at_any_resolution() {
    for (resolution, stride) in (1..12).flat_map(|size| [2, 3, 4, 5].map(|by| (size, by))) {
        let text = format!(
            "name = \"t\"\nsource = \"s\"\nclasses = 4\n\
             input = {{ channels = 3, resolution = {resolution} }}\n\
             [[stage]]\nblock = \"mbconv\"\nchannels = 4\nskip = \"project\"\nstride = {stride}\n\
             [[stage]]\nblock = \"classifier\"\n"
        );
        // The sum of both is part of every network that is read.
        bespoke_space::Space::parse("t.toml", &text).expect("they fit each other");
    }
}

#[test]
fn convolutions_may_widen_by_a_factor_in_place_of_a_number() {
    let graph = lowered("block = \"conv\"\nkernel = 1\nwiden = 4");
    let widened = graph.nodes().iter().find(|n| n.name == "stage1.conv");
    assert_eq!(widened.map(|n| n.shape.dims()[0]), Some(12));
}

#[test]
fn transformers_keep_the_shape_and_cost_what_their_ratios_say() {
    let stages = "[[stage]]\nblock = \"transformer\"\nhead_channels = 4\nvalue_ratio = 3\nmlp_ratio = 2\n\
                  [[stage]]\nblock = \"classifier\"\n";
    let head =
        "name = \"t\"\nsource = \"s\"\nclasses = 2\ninput = { channels = 8, resolution = 5 }\n";
    let space = bespoke_space::Space::parse("t.toml", &format!("{head}{stages}")).expect("valid");
    let architecture = space.architectures().next().expect("the only one");
    let graph = space.lower(&architecture).expect("a network");
    let shape = |name: &str| {
        let node = graph.nodes().iter().find(|node| node.name == name);
        node.map(|node| node.shape.dims().to_vec())
    };
    // Two heads of four channels, 25 positions; values of 24 channels, twelve in each head.
    assert_eq!(shape("stage1.scores_softmax"), Some(vec![2, 25, 25]));
    assert_eq!(shape("stage1.attention"), Some(vec![2, 25, 12]));
    assert_eq!(shape("stage1.map"), Some(vec![8, 5, 5]));
    let (positions, channels, values) = (25, 8, 24);
    let linear = 2 * channels * channels + 2 * channels * values + 2 * channels * 2 * channels;
    let macs = positions * (linear + 9 * values)
        + positions * positions * (channels + values)
        + 2 * positions * channels;
    assert_eq!(graph.cost().macs, macs);
    let biases = channels + 2 * channels + channels;
    let norms = 2 * 2 * channels;
    let classifier = positions * channels * 2 + 2;
    assert_eq!(
        graph.cost().parameters,
        linear + 9 * values + biases + norms + classifier
    );
}

#[test]
fn squeeze_and_excitation_scales_the_channels() {
    let graph = lowered("block = \"conv\"\nchannels = 8\nse = 0.25\nse_gate = \"hard_sigmoid\"");
    let squeezed = graph.nodes().iter().find(|n| n.name == "stage1.se_squeeze");
    assert_eq!(squeezed.map(|n| n.shape.dims()), Some([2, 1, 1].as_slice()));
    assert_eq!(names(&graph).last(), Some(&"stage1.se"));
}

#[test]
fn classifiers_may_have_a_hidden_layer() {
    let stages = "[[stage]]\nblock = \"classifier\"\nhidden = 5\nhidden_bias = false\n";
    let head =
        "name = \"t\"\nsource = \"s\"\nclasses = 4\ninput = { channels = 3, resolution = 2 }\n";
    let space = bespoke_space::Space::parse("t.toml", &format!("{head}{stages}")).expect("valid");
    let architecture = space.architectures().next().expect("the only one");
    let graph = space.lower(&architecture).expect("a network");
    assert_eq!(graph.cost().parameters, 12 * 5 + 5 * 4 + 4);
}
