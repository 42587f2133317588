//! Faults name the file, the line, the key, what is wrong and what is allowed.

use bespoke_space::Space;
use rand::Rng;

use crate::{file, rng};

/// The message for a file with these stages, which start on line 8.
fn fault(stages: &str) -> String {
    message(&file(stages))
}

fn message(text: &str) -> String {
    Space::parse("test.toml", text).expect_err(text).to_string()
}

#[test]
fn text_that_is_not_toml() {
    let message = message("name = \"a\"\nsource = \n");
    assert!(
        message.starts_with("test.toml:2: not valid TOML: "),
        "{message}"
    );
}

#[test]
fn keys_of_the_file() {
    assert_eq!(
        message("name = \"a\"\nsources = \"b\"\n"),
        "test.toml:2: `sources`: unknown key; allowed are name, source, classes, format, input, define, shared, stage"
    );
    assert_eq!(
        message("name = \"a\"\nsource = \"b\"\n"),
        "test.toml:1: `classes`: missing"
    );
    assert_eq!(
        message("name = 3\nsource = \"b\"\nclasses = 2\n"),
        "test.toml:1: `name`: expected a text, got a whole number"
    );
    assert_eq!(
        message("name = \"a\"\nsource = \"b\"\nclasses = 0\n"),
        "test.toml:3: `classes`: expected a whole number from 1 to 100000"
    );
}

#[test]
fn keys_of_a_stage() {
    assert_eq!(
        fault("[[stage]]\nblock = \"skip\"\nchannels = 3\nkernal = 3\n"),
        "test.toml:11: `kernal`: no block of this stage takes it; allowed are activation, block, channels, identical, \
         name, repeat, stride"
    );
    assert_eq!(
        fault("[[stage]]\nblock = { kind = \"skip\", kernel = 3 }\nchannels = 3\n"),
        "test.toml:9: `kernel`: unknown key; skip takes channels, stride, activation"
    );
    let once = fault("[[stage]]\nblock = \"norm_act\"\nchannels = 3\n");
    assert!(once.starts_with("test.toml:10: `channels`: no block of this stage takes it"));
    assert_eq!(
        fault("\n[[stage]]\nblock = \"conv\"\n"),
        "test.toml:9: `channels`: missing; conv needs it"
    );
    assert_eq!(
        fault("[[stage]]\nchannels = 3\n"),
        "test.toml:8: `block`: missing; it is one of conv, depthwise_separable, mbconv, skip, zero, cell, residual, \
         bottleneck, transformer, norm_act, global_pool, classifier"
    );
}

#[test]
fn unknown_blocks() {
    assert_eq!(
        fault("[[stage]]\nchannels = 3\nblock = { choose = [\"conv\", \"convolution\"] }\n"),
        "test.toml:10: `block`: `convolution` is not a block: there is conv, depthwise_separable, mbconv, skip, zero, \
         cell, residual, bottleneck, transformer, norm_act, global_pool, classifier"
    );
}

#[test]
fn settings_that_do_not_go_together() {
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = 3\nwiden = 2\n"),
        "test.toml:11: `widen`: stands in place of `channels`, not beside it"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"transformer\"\nhead_channels = 2\n"),
        "test.toml:10: `head_channels`: 3 channels do not divide into heads of 2"
    );
}

#[test]
fn choices() {
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = { choose = [] }\n"),
        "test.toml:10: `choose`: expected 1 to 256 options, got 0"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = { choose = [\n  4,\n  4,\n] }\n"),
        "test.toml:12: `choose`: two options are labelled `4`; `name` in a table gives another label"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = { choose = 4 }\n"),
        "test.toml:10: `choose`: expected a list of options, got a whole number"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = { choose = [4], or = [5] }\n"),
        "test.toml:10: `or`: unknown key; allowed are choose"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = { choose = [\"a b\"] }\n"),
        "test.toml:10: `choose`: `a b` is no label: it must not be empty nor have spaces, `,`, `=` or braces"
    );
}

#[test]
fn fragments() {
    let stage = "[[stage]]\nblock = \"conv\"\nchannels = { use = \"width\" }\n";
    assert_eq!(
        fault(stage),
        "test.toml:10: `use`: no fragment `width` under `define` or (above) `shared`: there is none"
    );
    assert_eq!(
        fault(&format!(
            "[define]\nwidth = {{ choose = [{{ use = \"wide\" }}] }}\nwide = {{ use = \"width\" }}\n{stage}"
        )),
        "test.toml:10: `use`: the fragment `width` uses itself"
    );
    assert_eq!(
        fault("[define]\nwidth = 4\n"),
        "test.toml:9: `width`: this fragment is used nowhere"
    );
}

#[test]
fn settings_of_any_option_are_tried() {
    assert_eq!(
        fault(
            "[[stage]]\nblock = \"conv\"\nrepeat = { choose = [1, 3] }\nchannels = 4\nkernel = { choose = [3, 4] }\n"
        ),
        "test.toml:12: `kernel`: expected an odd number, got 4"
    );
    assert_eq!(
        fault(
            "[[stage]]\nblock = \"mbconv\"\nchannels = 6\nexpand = 2\ngroups = { choose = [1, 3, 2] }\n"
        ),
        "test.toml:12: `groups`: 3 channels do not divide into 2 groups"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = 4\nactivation = \"swish\"\n"),
        "test.toml:11: `activation`: expected one of relu, relu6, sigmoid, silu, hard_sigmoid, hard_swish, gelu, tanh, \
         none, got `swish`"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = 100000\n"),
        "test.toml:10: `channels`: expected a whole number from 1 to 8192, got `100000`"
    );
    assert_eq!(
        fault("[[stage]]\nblock = \"zero\"\nchannels = 4\n"),
        "test.toml:8: `block`: zero leaves the layer out, which cannot change channels or resolution"
    );
}

#[test]
fn cells() {
    assert_eq!(
        fault("[[stage]]\nblock = { kind = \"cell\", edges = { 1-0 = \"none\" } }\n"),
        "test.toml:9: `edges`: `1-0` is not an edge: expected FROM-TO, such as 0-2, with FROM before TO and TO at most 16"
    );
    assert_eq!(
        fault("[[stage]]\nblock = { kind = \"cell\", edges = { 0-1 = \"nothing\" } }\n"),
        "test.toml:9: `edges`: `nothing` is not an operation: there is none, skip_connect, nor_conv_1x1, nor_conv_3x3, \
         avg_pool_3x3"
    );
    assert_eq!(
        fault("[[stage]]\nblock = { kind = \"cell\", edges = { 0-2 = \"none\" } }\n"),
        "test.toml:9: `edges`: no edge leads to node 1"
    );
}

#[test]
fn formats() {
    let stage =
        "[[stage]]\nblock = \"conv\"\nrepeat = 2\nchannels = 4\nkernel = { choose = [1, 3] }\n";
    let format = |format: &str| message(&format!("format = \"{format}\"\n{}", file(stage)));
    assert_eq!(
        format("{*.size:-}"),
        "test.toml:1: `format`: `{*.size:-}` matches no decision"
    );
    assert_eq!(
        format("{*.kernel}"),
        "test.toml:1: `format`: `{*.kernel}` matches 2 decisions and has no separator"
    );
    assert_eq!(
        format("{*.layer1.kernel}"),
        "test.toml:1: `format`: `stage1.layer2.kernel` is not printed"
    );
    assert_eq!(
        format("{*.kernel:}"),
        "test.toml:1: `format`: no text after `stage1.layer1.kernel` to tell where it ends"
    );
    assert_eq!(
        format("{*.kernel:3}"),
        "test.toml:1: `format`: the text `3` after `stage1.layer1.kernel` occurs in `3`"
    );
    assert_eq!(
        format("{*.kernel:-"),
        "test.toml:1: `format`: a brace without its partner"
    );
}

#[test]
fn networks_that_do_not_end_in_logits() {
    let text = "name = \"a\"\nsource = \"b\"\nclasses = 2\ninput = { channels = 1, resolution = 4 }\n[[stage]]\nblock = \"global_pool\"\n";
    assert_eq!(
        message(text),
        "test.toml:5: `stage`: the network ends in a value of shape [1, 1, 1], not [2]: let it end in a classifier"
    );
}

#[test]
fn damaged_files_are_refused_or_read_but_never_panic() {
    let mut rng = rng(1);
    for name in Space::builtin_names() {
        let text = Space::builtin_source(name).expect("its text");
        let lines: Vec<&str> = text.lines().collect();
        for _ in 0..40 {
            let mut damaged = lines.clone();
            let at = rng.random_range(0..lines.len());
            let other = lines[rng.random_range(0..lines.len())];
            match rng.random_range(0..3) {
                0 => damaged.insert(at, other),
                1 => damaged[at] = other,
                _ => drop(damaged.remove(at)),
            }
            match Space::parse(name, &damaged.join("\n")) {
                Ok(space) => assert!(space.lower(&space.sample(&mut rng)).is_ok()),
                Err(error) => assert!(error.to_string().starts_with(&format!("{name}:"))),
            }
        }
    }
}

#[test]
fn nonsense_is_bounded() {
    assert_eq!(
        fault("[[stage]]\nblock = \"conv\"\nchannels = 4\nrepeat = 1000000\n"),
        "test.toml:11: `repeat`: expected a whole number of layers or a choice of them, the greatest from 1 to 64"
    );
    let mut doubling = "[define]\na0 = 3\n".to_owned();
    for level in 1..16 {
        let below = level - 1;
        let option =
            |name: &str| format!("{{ name = \"{name}\", kernel = {{ use = \"a{below}\" }} }}");
        doubling += &format!(
            "a{level} = {{ choose = [{}, {}] }}\n",
            option("x"),
            option("y")
        );
    }
    let stage = "[[stage]]\nblock = \"conv\"\nchannels = 4\nkernel = { use = \"a15\" }\n";
    let message = fault(&format!("{doubling}{stage}"));
    assert!(message.ends_with("more than 4096 decisions"), "{message}");
}
