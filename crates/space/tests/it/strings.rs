//! Architectures as text.

use crate::{builtin, space};

#[test]
fn strings_in_the_published_forms_print_back_as_they_came() {
    let strings = [
        (
            "nasbench201",
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
        ),
        (
            "nasbench201",
            "|none~0|+|nor_conv_1x1~0|none~1|+|nor_conv_3x3~0|avg_pool_3x3~1|nor_conv_3x3~2|",
        ),
        (
            "fbnet",
            "k5_e6|skip|k3_e1_g2|skip|k5_e1|skip|skip|skip|k5_e6|k5_e1|k3_e1_g2|k5_e1|k5_e6|k3_e6|k3_e3|k5_e6|k3_e6|k3_e3|k5_e1|k3_e3|k5_e1|k5_e1_g2",
        ),
        (
            "fbnet_imagenet",
            "k3_e1|k3_e6|k5_e6|k3_e1|k3_e1|k5_e6|k5_e3|k3_e6|k5_e6|k5_e6|k5_e1|skip|k5_e6|k5_e3|k5_e6|k5_e6|k5_e6|k5_e3|k5_e6|skip|k5_e6|k3_e6",
        ),
        (
            "ofa_mobilenetv3",
            "r204|d2-2-2-2-3|k7-5-5-5-7-7-5-7-5-7-3-7-5-3-7-3-5-3-5-3|e6-4-4-6-6-3-4-3-3-6-3-3-3-6-3-4-6-4-3-6",
        ),
        (
            "ofa_mobilenetv3",
            "r136|d2-3-4-3-4|k7-3-5-3-3-7-3-7-3-7-3-7-3-7-7-3-5-5-7-3|e4-6-3-4-4-4-4-6-3-6-6-4-4-6-6-4-3-6-6-4",
        ),
        (
            "proxylessnas",
            "5x5_MBConv3|3x3_MBConv3|Zero|Zero|7x7_MBConv3|3x3_MBConv3|5x5_MBConv3|5x5_MBConv3|7x7_MBConv6|5x5_MBConv3|5x5_MBConv3|5x5_MBConv3|5x5_MBConv6|5x5_MBConv3|5x5_MBConv3|5x5_MBConv3|7x7_MBConv6|7x7_MBConv6|7x7_MBConv3|7x7_MBConv3|7x7_MBConv6",
        ),
        (
            "mnasnet",
            "block1.repeat=1,block1.block=sepconv,block1.channels=16,block1.kernel=3,block1.se=0,block1.skip=none,block2.repeat=2,block2.block=mbconv6,block2.channels=24,block2.kernel=3,block2.se=0,block2.skip=identity,block3.repeat=3,block3.block=mbconv3,block3.channels=40,block3.kernel=5,block3.se=0.25,block3.skip=identity,block4.repeat=4,block4.block=mbconv6,block4.channels=80,block4.kernel=3,block4.se=0,block4.skip=identity,block5.repeat=2,block5.block=mbconv6,block5.channels=120,block5.kernel=3,block5.se=0.25,block5.skip=identity,block6.repeat=3,block6.block=mbconv6,block6.channels=160,block6.kernel=5,block6.se=0.25,block6.skip=identity,block7.repeat=1,block7.block=mbconv6,block7.channels=320,block7.kernel=3,block7.se=0,block7.skip=pool",
        ),
        (
            "mobile_small",
            "high.repeat=1,high.block=mbconv,high.channels=8,high.kernel=3,high.expand=4,high.activation=relu,middle.repeat=1,middle.channels=16,middle.se=0,middle.activation=relu,middle.layer1.kernel=3,middle.layer1.expand=1,low.repeat=1,low.channels=48,low.se=0.25,low.activation=relu,low.layer1.kernel=5,low.layer1.expand=1",
        ),
    ];
    for (name, text) in strings {
        let space = builtin(name);
        let architecture = space.parse_architecture(text).expect(text);
        assert_eq!(space.format_architecture(&architecture), text);
    }
}

#[test]
fn strings_that_differ_in_inactive_decisions_are_one_architecture() {
    let space = builtin("ofa_mobilenetv3");
    let text = |kernel: &str| {
        let rest = "-3-3-3-3-3-3-3-3-3-3-3-3-3-3-3-3";
        format!("r128|d2-2-2-2-2|k3-3-3-{kernel}{rest}|e3-3-3-3{rest}")
    };
    let one = space.parse_architecture(&text("3")).expect("valid");
    let other = space.parse_architecture(&text("7")).expect("valid");
    assert_eq!(one, other);
    assert_eq!(space.format_architecture(&other), text("7"));
    let canonical = space.canonical(&other);
    assert_eq!(space.format_architecture(&canonical), text("3"));
}

#[test]
fn texts_of_another_form_are_refused_with_what_is_allowed() {
    let space = builtin("nasbench201");
    let error = space.parse_architecture("|none~0|+|none~0|pool~1|+|none~0|none~1|none~2|");
    assert_eq!(
        error.expect_err("not an operation").to_string(),
        "`|none~0|+|none~0|pool~1|+|none~0|none~1|none~2|` is not an architecture of nasbench201: `pool` is not an \
         option of `cell.edges.1-2`: there is none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3"
    );
    for text in [
        "",
        "|none~0|",
        "none",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|x",
    ] {
        assert!(space.parse_architecture(text).is_err(), "{text}");
    }
}

#[test]
fn paths_must_be_given_once_and_only_where_they_count() {
    let space = space(
        "[[stage]]\nblock = \"conv\"\nrepeat = { choose = [1, 2] }\nchannels = 4\nkernel = { choose = [1, 3] }\n",
    );
    let reason = |text: &str| space.parse_architecture(text).expect_err(text).reason;
    let shallow = "stage1.repeat=1,stage1.layer1.kernel=3";
    assert!(space.parse_architecture(shallow).is_ok());
    assert_eq!(
        reason("stage1.repeat=2,stage1.layer1.kernel=3"),
        "`stage1.layer2.kernel` is missing"
    );
    assert_eq!(
        reason(&format!("{shallow},stage1.layer2.kernel=3")),
        "`stage1.layer2.kernel` has no part in this architecture"
    );
    assert_eq!(
        reason(&format!("{shallow},stage1.repeat=1")),
        "`stage1.repeat` is given twice"
    );
    assert_eq!(reason("depth=1"), "there is no decision `depth`");
    assert_eq!(reason("depth"), "expected `path=option`, got `depth`");
}
