//! HELP's protocol on NAS-Bench-201: its rows, and how well networks are ranked without a predictor.
//!
//! The published correlations of FLOPs do not come out to the last digit on the test rows of HELP's public code. They do
//! as far as another draw of 800 rows can tell, if only multiply-accumulates count; with all of NAS-Bench-201's FLOPs,
//! poolings among them, they are greater, 0.816 on average.

use std::{ops::Range, path::Path};

use bespoke_predict::{
    Attribute, BadRows, Level, PredictError, Reader, Rows, Table, spearman, trimmed,
};
use bespoke_space::Space;

use super::{CELLS, File};
use crate::Check;

const LEE: &str = "Lee et al., HELP, NeurIPS 2021, row FLOPs; HayeonLee/HELP";

/// New devices, and Spearman's correlation of FLOPs with the latencies there.
const NEW: [(&str, f64); 6] = [
    ("titan_rtx_256", 0.950),
    ("gold_6226", 0.826),
    ("pixel2", 0.765),
    ("raspi4", 0.846),
    ("eyeriss", 0.437),
    ("fpga", 0.900),
];
const MEAN: f64 = 0.787;

/// Devices that are known.
const KNOWN: [&str; 9] = [
    "1080ti_1",
    "1080ti_32",
    "1080ti_256",
    "silver_4114",
    "silver_4210r",
    "samsung_a50",
    "pixel3",
    "essential_ph_1",
    "samsung_s7",
];

/// Rows whose latencies describe a device.
const REFERENCES: [usize; 10] = [11982, 431, 55, 9, 14451, 8636, 9881, 13479, 6196, 1462];

/// Test rows.
const TESTED: Range<usize> = 900..1900;
/// Of these, the fastest and the slowest tenth of each device are left out.
const TRIM: f64 = 0.1;
/// What remains.
const SCORED: u64 = 800;

/// All checks of the protocol.
pub fn checks(folder: &Path) -> Vec<Check> {
    let table = Published::read(folder);
    let table = || table.as_ref().map_err(Clone::clone);
    let latencies = (REFERENCES.len() * (KNOWN.len() + NEW.len())) as u64;
    let mut checks = vec![
        Check::exact(
            "latencies of HELP's reference architectures",
            LEE,
            latencies,
            table().and_then(Published::references),
        ),
        Check::exact(
            "rows of six new devices that HELP scores",
            LEE,
            SCORED * NEW.len() as u64,
            table().and_then(Published::scored),
        ),
    ];
    checks.extend(NEW.map(|(device, expected)| {
        let name = format!("Spearman of multiply-accumulates and {device}, HELP's rows");
        let spearman = table().and_then(|table| table.spearman(device));
        Check::near(name, LEE, (expected, 2.0 * error(expected)), spearman)
    }));
    let errors = NEW.map(|(_, spearman)| error(spearman).powi(2));
    let tolerance = 2.0 * errors.iter().sum::<f64>().sqrt() / NEW.len() as f64;
    let name = "Spearman of multiply-accumulates and a new device, mean of six, HELP's rows";
    let mean = table().and_then(Published::mean_spearman);
    checks.push(Check::near(name, LEE, (MEAN, tolerance), mean));
    checks
}

/// Standard error of the difference between two correlations, each of [`SCORED`] rows.
fn error(spearman: f64) -> f64 {
    (1.0 - spearman * spearman) * (2.0 / SCORED as f64).sqrt()
}

/// The published table, and the multiply-accumulates of the networks of its test rows.
struct Published {
    table: Table,
    macs: Vec<f64>,
}

// === impl Published ===

impl Published {
    fn read(folder: &Path) -> Result<Self, String> {
        let File { path, bytes } = File::read(folder, CELLS)?;
        let space = Space::builtin("nasbench201").ok_or("there is no space nasbench201")?;
        let table = Table::parse(&space, &path, &bytes, BadRows::Refuse);
        let table = table.map_err(|error| error.to_string())?;
        let rows = table.rows(&Rows::Range(TESTED));
        let rows = rows.map_err(|error| format!("{path}: {error}"))?;
        let mut reader = Reader::new(&space);
        let architectures = rows
            .iter()
            .filter_map(|row| table.architectures()[*row].as_ref());
        let networks = architectures.map(|architecture| reader.network(architecture));
        let macs =
            networks.map(|network| Ok(network?.features().total(Level::Raw, Attribute::Macs)));
        let macs = macs.collect::<Result<_, PredictError>>();
        Ok(Self {
            macs: macs.map_err(|error| error.to_string())?,
            table,
        })
    }

    /// Multiply-accumulates and latencies of the rows that are scored on a device.
    fn test(&self, device: &str) -> Result<[Vec<f64>; 2], String> {
        let column = self.column(device)?;
        let latencies = column[TESTED].iter().copied();
        let latencies: Option<Vec<f64>> = latencies.collect();
        let latencies = latencies.ok_or_else(|| format!("a test row lacks {device}"))?;
        let kept = trimmed(&latencies, TRIM);
        let of = |values: &[f64]| kept.iter().map(|row| values[*row]).collect();
        Ok([of(&self.macs), of(&latencies)])
    }

    fn scored(&self) -> Result<u64, String> {
        let rows = NEW.map(|(device, _)| Ok(self.test(device)?[0].len() as u64));
        rows.into_iter().sum()
    }

    fn spearman(&self, device: &str) -> Result<f64, String> {
        let [macs, latencies] = self.test(device)?;
        Ok(spearman(&macs, &latencies))
    }

    fn mean_spearman(&self) -> Result<f64, String> {
        let sum: f64 = (NEW.iter())
            .map(|(device, _)| self.spearman(device))
            .sum::<Result<_, _>>()?;
        Ok(sum / NEW.len() as f64)
    }

    /// How many latencies there are of the reference architectures, over all devices of the protocol.
    fn references(&self) -> Result<u64, String> {
        let devices = KNOWN.into_iter().chain(NEW.map(|(device, _)| device));
        let of_device = |device| {
            let column = self.column(device)?;
            let measured = |row: &&usize| column.get(**row).copied().flatten().is_some();
            Ok(REFERENCES.iter().filter(measured).count() as u64)
        };
        devices.map(of_device).sum()
    }

    fn column(&self, device: &str) -> Result<&[Option<f64>], String> {
        let column = self.table.latencies_ms(device);
        column.map_err(|error| error.to_string())
    }
}
