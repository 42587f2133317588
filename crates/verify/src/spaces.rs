//! What was published of search spaces: how many networks, which choices, which layers.

use std::collections::BTreeMap;

use bespoke_space::{Architecture, Decision, Space};

use crate::{Check, networks::DONG};

const WU: &str = "Wu et al., FBNet, CVPR 2019, table 1";
const LI: &str = "Li et al., HW-NAS-Bench, ICLR 2021";
const CAI_2019: &str = "Cai et al., ProxylessNAS, ICLR 2019; mit-han-lab/proxylessnas";
const CAI_2020: &str = "Cai et al., Once-for-All, ICLR 2020; mit-han-lab/once-for-all";
const TANG: &str = "Tang et al., ElasticViT, ICCV 2023; microsoft/Moonlit, final_3min_space.yaml";
const TAN: &str = "Tan et al., MnasNet, CVPR 2019, section 4.2";

/// What was published of one space.
struct Published {
    space: &'static str,
    source: &'static str,
    /// Decisions by how many options they have, as [`decisions`] writes them.
    decisions: &'static str,
    layers: Option<Layers>,
}

/// The layers of the deepest network: channels of each, how many, and the stride of the first.
struct Layers {
    resolution: usize,
    rows: &'static [(usize, usize, usize)],
}

const SPACES: [Published; 7] = [
    Published {
        space: "nasbench201",
        source: DONG,
        decisions: "6 of 5",
        layers: Some(Layers {
            resolution: 32,
            // A cell's place is a layer; the layers that halve the resolution, and the normalisation at the end, are too.
            rows: &[(16, 6, 1), (32, 6, 2), (64, 7, 2)],
        }),
    },
    Published {
        space: "fbnet_imagenet",
        source: WU,
        decisions: "22 of 9",
        layers: Some(Layers {
            resolution: 224,
            rows: &[
                (16, 1, 2),
                (16, 1, 1),
                (24, 4, 2),
                (32, 4, 2),
                (64, 4, 2),
                (112, 4, 1),
                (184, 4, 2),
                (352, 1, 1),
                (1984, 1, 1),
            ],
        }),
    },
    Published {
        space: "fbnet",
        source: LI,
        decisions: "22 of 9",
        layers: Some(Layers {
            resolution: 32,
            rows: &[
                (16, 1, 1),
                (16, 1, 1),
                (24, 4, 1),
                (32, 4, 2),
                (64, 4, 2),
                (112, 4, 1),
                (184, 4, 2),
                (352, 1, 1),
                (1504, 1, 1),
            ],
        }),
    },
    Published {
        space: "proxylessnas",
        source: CAI_2019,
        decisions: "6 of 6, 15 of 7",
        layers: Some(Layers {
            resolution: 224,
            rows: &[
                (32, 1, 2),
                (16, 1, 1),
                (24, 4, 2),
                (40, 4, 2),
                (80, 4, 2),
                (96, 4, 1),
                (192, 4, 2),
                (320, 1, 1),
                (1280, 1, 1),
            ],
        }),
    },
    Published {
        space: "ofa_mobilenetv3",
        source: CAI_2020,
        // The resolution; depths of five stages; kernels and expansions of twenty layers.
        decisions: "45 of 3, 1 of 25",
        layers: Some(Layers {
            resolution: 224,
            rows: &[
                (16, 1, 2),
                (16, 1, 1),
                (24, 4, 2),
                (40, 4, 2),
                (80, 4, 2),
                (112, 4, 1),
                (160, 4, 2),
                (960, 1, 1),
            ],
        }),
    },
    Published {
        space: "mnasnet",
        source: TAN,
        // Kernel and squeeze ratio of seven blocks and the depths of two; skip, width, and the depths of five; operator.
        decisions: "16 of 2, 19 of 3, 7 of 4",
        layers: None,
    },
    Published {
        space: "elasticvit",
        source: TANG,
        // The resolution; a stem's width, depth and kernel; widths and depths of six stages, kernels and expansions of two,
        // value and MLP ratios of four.
        decisions: "5 of 2, 5 of 3, 8 of 4, 3 of 5, 5 of 6, 1 of 10, 1 of 11",
        layers: None,
    },
];

/// Sizes, as published or by the published rule.
const SIZES: [(&str, &str, &str); 5] = [
    ("nasbench201", DONG, "15625"),
    // 9^22
    ("fbnet", WU, "984770902183611232881"),
    ("fbnet_imagenet", WU, "984770902183611232881"),
    // 6^6 x 7^15
    ("proxylessnas", CAI_2019, "221502229807900608"),
    // 432^5 x 288^2: of seven blocks, two have two depths to choose from.
    ("mnasnet", TAN, "1247968747541495808"),
];

/// All checks of spaces.
pub fn checks() -> Vec<Check> {
    let sizes = SIZES.map(|(name, source, size)| {
        let got = space(name).map(|space| space.size());
        Check::exact(format!("networks of {name}"), source, size.to_owned(), got)
    });
    let mut checks = Vec::from(sizes);
    checks.extend(["ofa_mobilenetv3", "ofa_mobilenetv3_w12"].map(once_for_all));
    checks.push(block_of_mnasnet());
    for published in SPACES {
        checks.extend(published.checks());
    }
    checks
}

// === impl Published ===

impl Published {
    fn checks(&self) -> Vec<Check> {
        let Self {
            space: name,
            source,
            decisions: expected,
            layers,
        } = self;
        let got = space(name).map(|space| decisions(space.decisions()));
        let name_of = |what: &str| format!("{what} of {name}");
        let mut checks = vec![Check::exact(
            name_of("decisions by options"),
            source,
            (*expected).to_owned(),
            got,
        )];
        if let Some(layers) = layers {
            let got = space(name).and_then(|space| deepest_layers(&space));
            let name = name_of("channels x size of the layers");
            checks.push(Check::exact(name, source, layers.listed(), got));
        }
        checks
    }
}

// === impl Layers ===

impl Layers {
    fn listed(&self) -> String {
        let mut size = self.resolution;
        let mut layers = Vec::new();
        for (channels, count, stride) in self.rows {
            size /= stride;
            layers.extend(vec![[*channels, size]; *count]);
        }
        listed(&layers)
    }
}

// === helpers ===

fn space(name: &str) -> Result<Space, String> {
    Space::builtin(name).ok_or_else(|| format!("there is no space {name}"))
}

/// At one resolution, five stages of `9^2 + 9^3 + 9^4` each: the 2 x 10^19 of the paper, rounded there.
fn once_for_all(name: &str) -> Check {
    let networks = || {
        let space = space(name)?;
        let resolution = space.decisions().iter();
        let resolution = resolution
            .clone()
            .position(|d| d.path() == "input.resolution");
        let resolution = resolution.ok_or("its resolution is fixed")?;
        let mut chain = space.chain();
        let expanded = chain.expand_where(|decision, option| decision != resolution || option == 0);
        Ok(expanded.map_err(|error| error.to_string())?.paths())
    };
    let expected = (9_u128.pow(2) + 9_u128.pow(3) + 9_u128.pow(4)).pow(5);
    let name = format!("networks of {name} at one resolution");
    Check::exact(name, CAI_2020, expected.to_string(), networks())
}

/// The search space of a block, where its depth has three values.
fn block_of_mnasnet() -> Check {
    let got = space("mnasnet").map(|space| {
        let decisions = space.decisions().iter();
        let decisions = decisions.filter(|decision| decision.path().starts_with("block3."));
        decisions
            .map(|decision| decision.options().len() as u64)
            .product()
    });
    Check::exact("choices of a block of mnasnet", TAN, 432, got)
}

/// `6 of 6, 15 of 7`: six decisions of six options and fifteen of seven.
fn decisions(decisions: &[Decision]) -> String {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for decision in decisions {
        *counts.entry(decision.options().len()).or_default() += 1;
    }
    let counts = counts
        .iter()
        .map(|(options, count)| format!("{count} of {options}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// What each layer of the deepest network gives on, up to the pooling at the end; blocks are the first that there are.
fn deepest_layers(space: &Space) -> Result<String, String> {
    let mut chain = space.chain();
    let mut pieces = Vec::new();
    chain
        .trace(&deepest(space)?, &mut pieces)
        .map_err(|error| error.to_string())?;
    let pieces = pieces.iter().map(|id| chain.piece(*id));
    let layers = pieces.take_while(|piece| piece.block != "global_pool");
    let layers = layers.map(|piece| match piece.graph.output_shape().dims() {
        [channels, height, width] if height == width => Ok([*channels, *height]),
        other => Err(format!("{} has the shape {other:?}", piece.layer)),
    });
    Ok(listed(&layers.collect::<Result<Vec<_>, _>>()?))
}

fn deepest(space: &Space) -> Result<Architecture, String> {
    let option = |decision: &Decision| {
        let is_greatest = ["repeat", "resolution"]
            .iter()
            .any(|key| decision.path().ends_with(key));
        let last = decision.options().len() - 1;
        u16::try_from(if is_greatest { last } else { 0 }).expect("the number of options is bounded")
    };
    let choices: Vec<u16> = space.decisions().iter().map(option).collect();
    let architecture = space.architecture(&choices);
    architecture.ok_or_else(|| format!("{} has no such network", space.name()))
}

/// `16x112 x2, 24x56`: two layers of 16 channels, 112 pixels high and wide, and one of 24 channels, 56 pixels.
fn listed(layers: &[[usize; 2]]) -> String {
    let equal = layers.chunk_by(|a, b| a == b);
    let runs = equal.map(|run| match (run[0], run.len()) {
        ([channels, size], 1) => format!("{channels}x{size}"),
        ([channels, size], count) => format!("{channels}x{size} x{count}"),
    });
    runs.collect::<Vec<_>>().join(", ")
}
