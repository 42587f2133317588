//! What a template means.

use bespoke_space::Space;

use crate::space;

fn paths(space: &Space) -> Vec<&str> {
    space.decisions().iter().map(|d| d.path()).collect()
}

#[test]
fn settings_are_decided_for_each_layer_but_channels_once() {
    let space = space(
        "[[stage]]\nname = \"body\"\nblock = \"conv\"\nrepeat = 2\nchannels = { choose = [4, 8] }\nkernel = { choose = [1, 3] }\n",
    );
    assert_eq!(
        paths(&space),
        ["body.channels", "body.layer1.kernel", "body.layer2.kernel"]
    );
    assert_eq!(space.size(), "8");
}

#[test]
fn identical_stages_decide_once() {
    let stage = |identical: &str| {
        let stage = "[[stage]]\nblock = \"conv\"\nrepeat = { choose = [1, 2] }\nchannels = 4\n";
        let choices =
            "kernel = { choose = [1, 3] }\nactivation = { choose = [\"relu\", \"none\"] }\n";
        space(&format!("{stage}{choices}identical = {identical}\n"))
    };
    assert_eq!(stage("true").size(), "8");
    assert_eq!(stage("false").size(), "20");
    let listed = stage("[\"kernel\"]");
    assert_eq!(listed.size(), "12");
    assert_eq!(
        paths(&listed),
        [
            "stage1.repeat",
            "stage1.kernel",
            "stage1.layer1.activation",
            "stage1.layer2.activation"
        ]
    );
}

#[test]
fn every_use_of_a_define_decides_anew_and_of_a_shared_does_not() {
    let stages = |under: &str| {
        let stage = "[[stage]]\nblock = \"conv\"\nchannels = 4\nkernel = { use = \"size\" }\n";
        space(&format!(
            "[{under}]\nsize = {{ choose = [1, 3] }}\n{stage}{stage}"
        ))
    };
    assert_eq!(paths(&stages("define")), ["stage1.kernel", "stage2.kernel"]);
    assert_eq!(paths(&stages("shared")), ["size"]);
}

#[test]
fn choices_inside_an_option_count_only_under_it() {
    let space = space(
        "[[stage]]\nchannels = 3\nblock = { choose = [\"skip\", { name = \"wide\", kind = \"mbconv\", expand = { choose = [2, 3] } }] }\n",
    );
    assert_eq!(paths(&space), ["stage1.block", "stage1.block.wide.expand"]);
    assert_eq!(space.size(), "3");
}

#[test]
fn settings_count_only_under_blocks_that_take_them() {
    let space = space(
        "[[stage]]\nchannels = 3\nblock = { choose = [\"skip\", \"conv\", { name = \"five\", kind = \"conv\", kernel = 5 }] }\nkernel = { choose = [1, 3] }\n",
    );
    assert_eq!(paths(&space), ["stage1.block", "stage1.kernel"]);
    assert_eq!(space.size(), "4");
}

#[test]
fn stride_applies_to_the_first_layer() {
    let space = space("[[stage]]\nblock = \"conv\"\nchannels = 4\nrepeat = 3\nstride = 2\n");
    let architecture = space.architectures().next().expect("the only one");
    let graph = space.lower(&architecture).expect("a network");
    let strides = |name: &str| {
        let node = graph.nodes().iter().find(|node| node.name == name);
        node.map(|node| node.shape.dims().to_vec())
    };
    assert_eq!(strides("stage1.layer1.conv"), Some(vec![4, 4, 4]));
    assert_eq!(strides("stage1.layer3.conv"), Some(vec![4, 4, 4]));
}

#[test]
fn depth_zero_leaves_a_stage_out() {
    let space = space(
        "[[stage]]\nblock = \"conv\"\nrepeat = { choose = [0, 1] }\nchannels = { choose = [4, 8] }\n",
    );
    assert_eq!(space.size(), "3");
    let without = space.architectures().next().expect("the first");
    assert_eq!(space.format_architecture(&without), "stage1.repeat=0");
    let graph = space.lower(&without).expect("a network");
    assert!(
        !graph
            .nodes()
            .iter()
            .any(|node| node.name.starts_with("stage1"))
    );
}

#[test]
fn a_template_without_choices_is_a_space_of_one() {
    let space = space("");
    assert_eq!(space.size(), "1");
    let architecture = space.parse_architecture("").expect("nothing to choose");
    assert_eq!(space.encoding_width(), 0);
    assert_eq!(space.neighbours(&architecture), []);
    assert_eq!(
        space.mutate(&architecture, &mut crate::rng(1), 1.0),
        architecture
    );
}
