//! The spaces that come with the program.

use bespoke_space::Space;

use crate::{builtin, rng};

#[test]
fn sizes_are_the_published_ones() {
    let sizes = [
        ("nasbench201", "15625"),
        // 9^22
        ("fbnet", "984770902183611232881"),
        ("fbnet_imagenet", "984770902183611232881"),
        // 6^6 x 7^15
        ("proxylessnas", "221502229807900608"),
        // 288^2 x 432^5
        ("mnasnet", "1247968747541495808"),
        // 25 x 7371^5, where 7371 = 9^2 + 9^3 + 9^4
        ("ofa_mobilenetv3", "543966387314312146275"),
        ("ofa_mobilenetv3_w12", "543966387314312146275"),
        // 2 x 3 x 2 x 2 x (1 + 3) in the first stage, (6 + 6^2 + 6^3) x 3 x 2 x 2 in each of the others
        ("mobile_small", "920180736"),
        // 3 x (2 x 4 x 4 x 2) x (6 x 5 x 5 x 2) x (6 x 4 x 5 x 2) x (6 x 5 x 5 x 2)^2
        ("maenas", "1244160000000"),
        // 6 x 2 x (2 x 2) x (4 x 3 x 2 x 4) x (5 x 5 x 2 x 4), then (widths x depths x 3 x 4) of four stages
        ("elasticvit", "54487280517120000"),
    ];
    for (name, size) in sizes {
        assert_eq!(builtin(name).size(), size, "{name}");
    }
    assert_eq!(Space::builtin_names().count(), sizes.len());
}

#[test]
fn names_are_those_of_the_files() {
    for name in Space::builtin_names() {
        assert_eq!(builtin(name).name(), name);
        assert!(Space::builtin_source(name).is_some());
    }
    assert!(Space::builtin("unheard-of").is_none());
}

#[test]
fn random_architectures_lower_to_one_logit_for_each_class() {
    for name in Space::builtin_names() {
        let space = builtin(name);
        let mut rng = rng(1);
        for _ in 0..25 {
            let architecture = space.sample(&mut rng);
            let graph = space.lower(&architecture).expect("every draw is a network");
            assert_eq!(graph.output_shape().dims(), [space.classes()], "{name}");
        }
    }
}

#[test]
fn random_architectures_survive_printing_and_encoding() {
    for name in Space::builtin_names() {
        let space = builtin(name);
        let mut rng = rng(2);
        for _ in 0..50 {
            let architecture = space.sample(&mut rng);
            let text = space.format_architecture(&architecture);
            assert_eq!(space.parse_architecture(&text), Ok(architecture.clone()));
            let encoding = space.encode(&architecture);
            let active = space.active(&architecture);
            assert_eq!(encoding.len(), space.encoding_width());
            assert_eq!(
                encoding.iter().filter(|x| **x == 1.0).count(),
                active.iter().filter(|active| **active).count()
            );
            assert_eq!(
                space.architecture(architecture.choices()),
                Some(architecture)
            );
        }
    }
}

#[test]
fn mobile_small_spans_two_orders_of_magnitude_of_parameters() {
    let space = builtin("mobile_small");
    let least = space.architectures().next().expect("the first");
    let last: Vec<u16> = space
        .decisions()
        .iter()
        .map(|decision| u16::try_from(decision.options().len() - 1).expect("few options"))
        .collect();
    let most = space.architecture(&last).expect("the last options");
    let parameters = |architecture| {
        let graph = space.lower(architecture).expect("a network");
        graph.cost().parameters
    };
    assert_eq!([parameters(&least), parameters(&most)], [1_586, 263_362]);
}

#[test]
fn once_for_all_rounds_and_squeezes_as_published() {
    // Depth 2 everywhere, kernel 3, expansion 3, at 224 pixels: counted by hand from the published widths.
    let space = builtin("ofa_mobilenetv3");
    let ones = |option: &str| vec![option; 20].join("-");
    let text = format!("r224|d2-2-2-2-2|k{}|e{}", ones("3"), ones("3"));
    let architecture = space.parse_architecture(&text).expect("an architecture");
    let graph = space.lower(&architecture).expect("a network");
    let node = |name: &str| {
        let node = graph.nodes().iter().find(|node| node.name == name);
        node.map(|node| node.shape.dims().to_vec())
    };
    assert_eq!(node("stem.conv_act"), Some(vec![16, 112, 112]));
    assert_eq!(node("first.sum"), Some(vec![16, 112, 112]));
    assert_eq!(node("stage1.layer1.expand"), Some(vec![48, 112, 112]));
    assert_eq!(node("stage1.layer1.se"), None);
    // 72 / 4 = 18 becomes 24: 16 would be less than nine tenths of it.
    assert_eq!(node("stage2.layer1.se_squeeze"), Some(vec![24, 1, 1]));
    assert_eq!(node("stage5.layer2.sum"), Some(vec![160, 7, 7]));
    assert_eq!(node("stage5.layer3.sum"), None);
    assert_eq!(node("head.hidden_act"), Some(vec![1280]));
}

#[test]
fn once_for_all_of_width_1_2_has_the_channels_that_its_tables_are_for() {
    let space = builtin("ofa_mobilenetv3_w12");
    let largest = space.architecture(&vec![2; space.decisions().len()]);
    let largest = largest.expect("every decision has three options or more");
    let graph = space.lower(&largest).expect("a network");
    let channels = |name: &str| {
        let node = graph.nodes().iter().find(|node| node.name == name);
        node.map(|node| node.shape.dims()[0])
    };
    // Keys of the published tables: 24, then 32, 48, 96, 136 and 192, expanded 6 times; 1152 and 1536 at the end.
    let ends = ["stage1", "stage2", "stage3", "stage4", "stage5"].map(|stage| {
        let layer = |part| channels(&format!("{stage}.layer4.{part}"));
        (layer("expand"), layer("sum"))
    });
    let wanted = [(192, 32), (288, 48), (576, 96), (816, 136), (1152, 192)];
    assert_eq!(
        ends,
        wanted.map(|(wide, narrow)| (Some(wide), Some(narrow)))
    );
    assert_eq!(channels("first.sum"), Some(24));
    assert_eq!(channels("last.conv"), Some(1152));
    assert_eq!(channels("head.hidden"), Some(1536));
}

#[test]
fn elasticvit_counts_the_published_network_almost_as_its_authors_do() {
    // The network of final_3min_space_eval_400M.yaml. The published count, 415,580,824, leaves out eight of the nine
    // weights of the values' convolutions and the squeeze, excitation and 1x1 shortcuts before the transformers, and
    // counts each softmax as one multiply-accumulate an element.
    let space = builtin("elasticvit");
    let stages = "stage1.repeat=3,stage1.channels=32,stage1.kernel=3,stage1.expand=3,\
        stage2.repeat=5,stage2.channels=48,stage2.kernel=3,stage2.expand=3,\
        reduce3.channels=64,stage3.repeat=2,stage3.value_ratio=2,stage3.mlp_ratio=2,\
        reduce4.channels=96,stage4.repeat=2,stage4.value_ratio=2,stage4.mlp_ratio=4,\
        reduce5.channels=192,stage5.repeat=2,stage5.value_ratio=2,stage5.mlp_ratio=4,\
        reduce6.channels=288,stage6.repeat=2,stage6.value_ratio=2,stage6.mlp_ratio=5";
    let text = format!(
        "input.resolution=224,stem=16,first.repeat=1,first.kernel=5,{}",
        stages
    );
    let architecture = space.parse_architecture(&text).expect("an architecture");
    let graph = space.lower(&architecture).expect("a network");
    assert_eq!(graph.cost().macs, 417_418_816);
}
