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
