//! The search spaces that come with the program.

use crate::Space;

/// Name and text of each file under `search_spaces`.
const FILES: [(&str, &str); 10] = [
    (
        "elasticvit",
        include_str!("../../../search_spaces/elasticvit.toml"),
    ),
    ("fbnet", include_str!("../../../search_spaces/fbnet.toml")),
    (
        "fbnet_imagenet",
        include_str!("../../../search_spaces/fbnet_imagenet.toml"),
    ),
    ("maenas", include_str!("../../../search_spaces/maenas.toml")),
    (
        "mnasnet",
        include_str!("../../../search_spaces/mnasnet.toml"),
    ),
    (
        "mobile_small",
        include_str!("../../../search_spaces/mobile_small.toml"),
    ),
    (
        "nasbench201",
        include_str!("../../../search_spaces/nasbench201.toml"),
    ),
    (
        "ofa_mobilenetv3",
        include_str!("../../../search_spaces/ofa_mobilenetv3.toml"),
    ),
    (
        "ofa_mobilenetv3_w12",
        include_str!("../../../search_spaces/ofa_mobilenetv3_w12.toml"),
    ),
    (
        "proxylessnas",
        include_str!("../../../search_spaces/proxylessnas.toml"),
    ),
];

impl Space {
    /// A space that comes with the program.
    pub fn builtin(name: &str) -> Option<Self> {
        let text = Self::builtin_source(name)?;
        let space = Self::parse(&format!("{name}.toml"), text);
        Some(space.expect("a test reads every file that comes with the program"))
    }

    /// The names that [`Space::builtin`] knows, in alphabetical order.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        FILES.iter().map(|(name, _)| *name)
    }

    /// The file of a space that comes with the program: what to start a space of one's own from.
    pub fn builtin_source(name: &str) -> Option<&'static str> {
        let file = FILES.iter().find(|(other, _)| *other == name);
        file.map(|(_, text)| *text)
    }
}
