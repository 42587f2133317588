//! What each operator takes, from the profile that ONNX Runtime writes to a file.

use std::{collections::HashMap, fs};

use bespoke_measure::{OperatorTime, median};
use serde::Deserialize;

use super::Prepared;

/// An entry of the profile, which has the format of Chrome's traces.
#[derive(Deserialize)]
struct Entry {
    /// `Node` for what an operator did.
    #[serde(default)]
    cat: String,
    /// The node's name and what of it was timed.
    name: String,
    /// Microseconds.
    #[serde(default)]
    dur: f64,
    #[serde(default)]
    args: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    op_name: String,
}

/// What an operator's entry is named after its node's name; older versions also time what comes before and after.
const KERNEL: &str = "_kernel_time";

// === impl Prepared ===

impl Prepared {
    /// The median of so many passes after one that is not counted.
    pub(super) fn profile(&self, input: &[f32], passes: u32) -> Result<Vec<OperatorTime>, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let run = || -> ort::Result<String> {
            let builder = self.runtime.builder(self.threads)?;
            let mut builder = builder.with_profiling(folder.path().join("profile"))?;
            let mut session = builder.commit_from_memory(&self.onnx)?;
            for _ in 0..=passes {
                self.run(&mut session, input)?;
            }
            session.end_profiling()
        };
        let path = run().map_err(|error| error.to_string())?;
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        operators(&text)
    }
}

// === helpers ===

/// The operators of a profile in the order run, each with the median of its times but the first.
fn operators(profile: &str) -> Result<Vec<OperatorTime>, String> {
    let entries: Vec<Entry> = serde_json::from_str(profile)
        .map_err(|error| format!("its profile cannot be read: {error}"))?;
    let mut order: Vec<(OperatorTime, Vec<f64>)> = Vec::new();
    let mut places = HashMap::new();
    for entry in entries.iter().filter(|entry| entry.cat == "Node") {
        let Some(name) = entry.name.strip_suffix(KERNEL) else {
            continue;
        };
        let place = *places.entry(name).or_insert(order.len());
        if place == order.len() {
            let operator = OperatorTime {
                kind: entry.args.op_name.clone(),
                name: name.to_owned(),
                ms: 0.0,
            };
            order.push((operator, Vec::new()));
        }
        order[place].1.push(entry.dur / 1e3);
    }
    let counted = order.into_iter().filter(|(_, times)| times.len() > 1);
    Ok(counted
        .map(|(operator, times)| OperatorTime {
            ms: median(&times[1..]),
            ..operator
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_read_from_a_profile_with_the_median_of_their_passes() {
        let node = |name: &str, kind: &str, dur| {
            format!(r#"{{"cat":"Node","name":"{name}","dur":{dur},"args":{{"op_name":"{kind}"}}}}"#)
        };
        let mut entries = vec![r#"{"cat":"Session","name":"model_run","dur":9000}"#.to_owned()];
        for dur in [500, 30, 50, 40] {
            entries.push(node("stem_fence_before", "Conv", 1));
            entries.push(node("stem_kernel_time", "Conv", dur));
            entries.push(node("sum_kernel_time", "Add", 2));
        }
        let operator = |kind: &str, name: &str, ms| OperatorTime {
            kind: kind.to_owned(),
            name: name.to_owned(),
            ms,
        };
        let expected = vec![
            operator("Conv", "stem", 0.04),
            operator("Add", "sum", 0.002),
        ];
        assert_eq!(operators(&format!("[{}]", entries.join(","))), Ok(expected));
        assert!(operators("[{").is_err());
    }
}
