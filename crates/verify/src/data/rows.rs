//! Tables row by row: every architecture is one of the space and prints back, and costs what the table says.

use std::path::Path;

use bespoke_space::{Architecture, Chain, Piece, PieceId, Space};
use csv::{ReaderBuilder, StringRecord};

use super::{CELLS, File};
use crate::{Check, networks::DONG};

const LEE: &str = "Lee et al., HELP, NeurIPS 2021; HayeonLee/HELP";
const LU: &str = "Lu et al., OneProxy, SIGMETRICS 2022; Ren-Research/OneProxy";

/// Accuracies and costs of NAS-Bench-201.
const ACCURACIES: &str = "nasbench201_accuracy_percent.csv";

/// Tables, their spaces, and how many rows they have.
const TABLES: [(&str, &str, u64, &str); 5] = [
    (CELLS, "nasbench201", 15_625, LEE),
    (
        "nasbench201_optimised_runtimes_latency_ms.csv",
        "nasbench201",
        1_999,
        LU,
    ),
    ("fbnet_latency_ms.csv", "fbnet", 5_000, LEE),
    (
        "ofa_mobilenetv3_latency_ms.csv",
        "ofa_mobilenetv3",
        5_000,
        LEE,
    ),
    (ACCURACIES, "nasbench201", 15_625, DONG),
];

/// Columns of what networks cost, in millions: FLOPs and parameters.
const COSTS: [&str; 2] = ["flops_millions", "parameters_millions"];

/// A table as text.
struct Rows {
    path: String,
    heading: StringRecord,
    records: Vec<StringRecord>,
}

/// Counts the networks of a space by their pieces, each of which is counted once.
struct Counter {
    chain: Chain,
    pieces: Vec<PieceId>,
    /// By piece.
    costs: Vec<[u64; 2]>,
}

/// All checks of rows.
pub fn checks(folder: &Path) -> Vec<Check> {
    let tables = TABLES.map(|(file, space, rows, source)| {
        let name = format!("rows of {file} that are parsed and print back");
        let printed = Rows::read(folder, file).and_then(|table| table.printed_back(space));
        Check::exact(name, source, rows, printed)
    });
    let costs = Rows::read(folder, ACCURACIES).and_then(|table| table.counted_alike());
    let costs = [0, 1].map(|index| {
        let column = COSTS[index];
        let name = format!("rows of {ACCURACIES} whose `{column}` is counted alike");
        let rows = costs.as_ref().map(|counts| counts[index]);
        Check::exact(name, DONG, 15_625, rows.map_err(Clone::clone))
    });
    tables.into_iter().chain(costs).collect()
}

// === impl Rows ===

impl Rows {
    fn read(folder: &Path, name: &str) -> Result<Self, String> {
        let File { path, bytes } = File::read(folder, name)?;
        let mut reader = ReaderBuilder::new().from_reader(bytes.as_slice());
        let fault = |error: csv::Error| format!("{path}: {error}");
        let heading = reader.headers().map_err(fault)?.clone();
        if heading.get(0) != Some("architecture") {
            return Err(format!("{path}:1: the first column is not `architecture`"));
        }
        let records = reader.records().collect::<Result<_, _>>();
        Ok(Self {
            records: records.map_err(fault)?,
            heading,
            path,
        })
    }

    /// How many rows there are, all of which print back as they stand in the file and hold numbers.
    fn printed_back(&self, space: &str) -> Result<u64, String> {
        let space = space_named(space)?;
        for record in &self.records {
            let architecture = self.architecture(&space, record)?;
            let printed = space.format_architecture(&architecture);
            if printed != record[0] {
                let text = &record[0];
                return Err(self.fault(record, &format!("`{text}` prints back as `{printed}`")));
            }
            let mut cells = record.iter().skip(1).filter(|cell| !cell.is_empty());
            if let Some(cell) = cells.find(|cell| cell.parse::<f64>().is_err()) {
                return Err(self.fault(record, &format!("`{cell}` is not a number")));
            }
        }
        Ok(self.records.len() as u64)
    }

    /// How many networks of NAS-Bench-201 cost what each of the columns [`COSTS`] says.
    fn counted_alike(&self) -> Result<[u64; 2], String> {
        let columns = [self.column(COSTS[0])?, self.column(COSTS[1])?];
        let mut counter = Counter::new(space_named("nasbench201")?);
        let mut alike = [0; 2];
        for record in &self.records {
            let architecture = self.architecture(counter.chain.space(), record)?;
            for (index, counted) in counter.count(&architecture)?.into_iter().enumerate() {
                let published: f64 = record[columns[index]].parse().unwrap_or(f64::NAN);
                // The table has six digits after the point: single units.
                alike[index] += u64::from((counted as f64 / 1e6 - published).abs() < 5e-7);
            }
        }
        Ok(alike)
    }

    fn column(&self, name: &str) -> Result<usize, String> {
        let column = self.heading.iter().position(|column| column == name);
        column.ok_or_else(|| format!("{}:1: there is no column `{name}`", self.path))
    }

    fn architecture(&self, space: &Space, record: &StringRecord) -> Result<Architecture, String> {
        let parsed = space.parse_architecture(&record[0]);
        parsed.map_err(|error| self.fault(record, &error.to_string()))
    }

    fn fault(&self, record: &StringRecord, reason: &str) -> String {
        let line = record.position().map_or(0, csv::Position::line);
        format!("{}:{line}: {reason}", self.path)
    }
}

// === impl Counter ===

impl Counter {
    fn new(space: Space) -> Self {
        Self {
            chain: space.chain(),
            pieces: Vec::new(),
            costs: Vec::new(),
        }
    }

    /// FLOPs and parameters of a network.
    fn count(&mut self, architecture: &Architecture) -> Result<[u64; 2], String> {
        let traced = self.chain.trace(architecture, &mut self.pieces);
        traced.map_err(|error| error.to_string())?;
        let unseen = &self.chain.pieces()[self.costs.len()..];
        let costs = |piece: &Piece| {
            let cost = piece.graph.cost();
            [cost.flops, cost.parameters]
        };
        self.costs.extend(unseen.iter().map(costs));
        let pieces = self.pieces.iter().map(|id| self.costs[id.index()]);
        Ok(pieces.fold([0; 2], |[flops, parameters], [f, p]| {
            [flops + f, parameters + p]
        }))
    }
}

fn space_named(name: &str) -> Result<Space, String> {
    Space::builtin(name).ok_or_else(|| format!("there is no space {name}"))
}
