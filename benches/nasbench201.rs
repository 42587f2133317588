//! NAS-Bench-201 with other widths than the published ones.

use bespoke_space::Space;

/// The space file with so many channels in the first stage, where the published one has 16, twice and four times as many
/// behind.
pub fn source(channels: usize) -> Option<String> {
    let line = |line: &str| match line {
        "channels = 16" => format!("channels = {channels}\n"),
        "channels = 32" => format!("channels = {}\n", 2 * channels),
        "channels = 64" => format!("channels = {}\n", 4 * channels),
        other => format!("{other}\n"),
    };
    Some(
        Space::builtin_source("nasbench201")?
            .lines()
            .map(line)
            .collect(),
    )
}
