//! What published tables hold, and what follows from them.

mod help;
mod once_for_all;
mod rows;

use std::{fs, path::Path};

use crate::Check;

/// NAS-Bench-201 on many devices.
const CELLS: &str = "nasbench201_latency_ms.csv";

/// Everything that can be checked with a folder of published tables. A file that is not there, or not as it was
/// published, is a check that does not hold and says so.
///
/// | file | published with |
/// | --- | --- |
/// | `nasbench201_latency_ms.csv`, `fbnet_latency_ms.csv`, `ofa_mobilenetv3_latency_ms.csv` | HELP |
/// | `nasbench201_optimised_runtimes_latency_ms.csv` | OneProxy |
/// | `nasbench201_accuracy_percent.csv` | NATS-Bench |
/// | `ofa_note10_lookup/{160,192,224}_lookup_table.yaml` | Once-for-All |
///
/// The CSV files have a column `architecture` with canonical strings, and a number or nothing in every other cell.
pub fn published_data(folder: &Path) -> Vec<Check> {
    let checks = [
        rows::checks(folder),
        help::checks(folder),
        once_for_all::checks(folder),
    ];
    checks.into_iter().flatten().collect()
}

/// A file of the folder.
struct File {
    path: String,
    bytes: Vec<u8>,
}

// === impl File ===

impl File {
    fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let path = folder.join(name);
        let bytes = fs::read(&path);
        let path = path.display().to_string();
        match bytes {
            Ok(bytes) => Ok(Self { path, bytes }),
            Err(error) => Err(format!("cannot read {path}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests;
