//! What published networks cost.

use bespoke_graph::Cost;
use bespoke_space::Space;

use crate::Check;

const SANDLER: &str = "Sandler et al., MobileNetV2, CVPR 2018; torchvision, mobilenet_v2";
pub const DONG: &str = "Dong and Yang, NAS-Bench-201, ICLR 2020; D-X-Y/NATS-Bench";
const WU: &str = "Wu et al., FBNet, CVPR 2019; facebookresearch/mobile-vision, fbnet_c; osmr/imgclsmob, fbnet_cb";

const TANG: &str =
    "Tang et al., ElasticViT, ICCV 2023; microsoft/Moonlit, final_3min_space_eval_400M.yaml";

/// Cells of NAS-Bench-201.
const CELLS: [&str; 6] = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_1x1~0|nor_conv_1x1~1|nor_conv_1x1~2|",
    "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|",
    "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
];

/// Cells with the parameters that the table has for them.
const PARAMETERS: [(&str, u64); 3] = [
    (CELLS[0], 1_531_546),
    (CELLS[4], 129_306),
    (CELLS[5], 802_426),
];

/// FBNet-C.
const FBNET_C: &str = "k3_e1|k3_e6|skip|k3_e1|k3_e1|k5_e6|k5_e3|k5_e6|k3_e6|k5_e6|k5_e3|k5_e6|k5_e6|\
    k5_e6|k5_e6|k5_e6|k5_e3|k5_e6|k5_e6|k5_e6|k5_e6|k3_e6";

/// ElasticViT's network of 400 million multiply-accumulates.
const ELASTICVIT_400M: &str = "input.resolution=224,stem=16,first.repeat=1,first.kernel=5,\
    stage1.repeat=3,stage1.channels=32,stage1.kernel=3,stage1.expand=3,\
    stage2.repeat=5,stage2.channels=48,stage2.kernel=3,stage2.expand=3,\
    reduce3.channels=64,stage3.repeat=2,stage3.value_ratio=2,stage3.mlp_ratio=2,\
    reduce4.channels=96,stage4.repeat=2,stage4.value_ratio=2,stage4.mlp_ratio=4,\
    reduce5.channels=192,stage5.repeat=2,stage5.value_ratio=2,stage5.mlp_ratio=4,\
    reduce6.channels=288,stage6.repeat=2,stage6.value_ratio=2,stage6.mlp_ratio=5";

/// All checks of networks.
pub fn checks() -> Vec<Check> {
    let mobilenet = only_network("mobilenet_v2.toml", include_str!("mobilenet_v2.toml"));
    let count = |count: fn(&Cost) -> u64| mobilenet.as_ref().map(count).map_err(Clone::clone);
    let mut checks = vec![
        Check::exact(
            "parameters of MobileNetV2",
            SANDLER,
            3_504_872,
            count(|cost| cost.parameters),
        ),
        Check::exact(
            "multiply-accumulates of MobileNetV2",
            SANDLER,
            300_774_272,
            count(|cost| cost.macs),
        ),
    ];
    checks.extend(CELLS.map(|cell| {
        let got = cost("nasbench201", cell).map(|cost| millions(cost.flops));
        Check::exact(format!("MFLOPs of {cell}"), DONG, cell_mflops(cell), got)
    }));
    checks.extend(PARAMETERS.map(|(cell, parameters)| {
        let got = cost("nasbench201", cell).map(|cost| cost.parameters);
        Check::exact(format!("parameters of {cell}"), DONG, parameters, got)
    }));
    let parameters = cost("fbnet_imagenet", FBNET_C).map(|cost| cost.parameters);
    checks.push(Check::exact(
        "parameters of FBNet-C",
        WU,
        5_572_200,
        parameters,
    ));
    // Its authors count 415.58, each softmax as one an element, and leave out eight ninths of the values' convolutions and
    // the squeeze, excitation and shortcuts before the transformers.
    let macs = cost("elasticvit", ELASTICVIT_400M).map(|cost| millions(cost.macs));
    checks.push(Check::near(
        "million multiply-accumulates of ElasticViT's 400M",
        TANG,
        (415.58, 2.0),
        macs,
    ));
    checks
}

/// Operations of a cell's network for 32-pixel images of ten classes, in millions: what is around the cells, and what
/// each operation on an edge adds.
fn cell_mflops(cell: &str) -> f64 {
    let count = |operation| cell.matches(operation).count() as u64;
    millions(
        7_943_872
            + 35_819_520 * count("nor_conv_3x3")
            + 4_362_240 * count("nor_conv_1x1")
            + 1_290_240 * count("avg_pool_3x3"),
    )
}

/// What an architecture of a shipped space costs.
fn cost(space: &str, architecture: &str) -> Result<Cost, String> {
    let space = Space::builtin(space).ok_or_else(|| format!("there is no space {space}"))?;
    let architecture = space.parse_architecture(architecture);
    let architecture = architecture.map_err(|error| error.to_string())?;
    let graph = space.lower(&architecture);
    Ok(graph.map_err(|error| error.to_string())?.cost())
}

/// What the only network of a space costs.
fn only_network(file: &str, text: &str) -> Result<Cost, String> {
    let space = Space::parse(file, text).map_err(|error| error.to_string())?;
    let network = space.architectures().next();
    let network = network.ok_or_else(|| format!("{file} has no network"))?;
    let graph = space.lower(&network);
    Ok(graph.map_err(|error| error.to_string())?.cost())
}

fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}
