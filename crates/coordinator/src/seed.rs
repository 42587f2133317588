//! Seeds: everything random in a study follows from the study's seed and from what it is about.

use bespoke_graph::GraphHash;

/// A seed that belongs to a network wherever it turns up.
pub(crate) fn of_graph(graph: GraphHash) -> u64 {
    let digits = graph.to_string();
    u64::from_str_radix(&digits[..16], 16).expect("a graph hash is 32 hexadecimal digits")
}

/// The seed of a network's training in a study: independent of the trial's number, so that a resumed study repeats it.
pub(crate) fn of_training(study: u64, graph: GraphHash) -> u64 {
    mix(study) ^ of_graph(graph)
}

/// The finaliser of SplitMix64 (Steele et al., 2014): neighbouring seeds become unlike ones.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
