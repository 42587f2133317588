//! Tables of published measurements: the same networks on several devices.
//!
//! A table is a CSV file. Its first column, `architecture`, holds a space's canonical strings; every other column is a
//! device and holds milliseconds, or nothing where the device was not measured.

mod sheet;

use std::{collections::BTreeMap, fmt, num::ParseIntError, ops::Range, str::FromStr};

use bespoke_space::{Architecture, ArchitectureError, Space};
use serde::{Serialize, Serializer};

pub use sheet::Sheet;

/// Almost three hours: a cell above is in another unit.
const GREATEST_MS: f64 = 1e7;

/// What many networks of one space take on several devices.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Row by row; nothing where the row was left out.
    architectures: Vec<Option<Architecture>>,
    columns: Vec<Column>,
}

/// One device of a table.
#[derive(Debug, Clone, PartialEq)]
struct Column {
    device: String,
    file: String,
    latencies_ms: Vec<Option<f64>>,
}

/// What becomes of rows that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadRows {
    /// The first one ends the reading.
    Refuse,
    /// They keep their numbers, so that ranges of rows stay what they were, but nothing is in them.
    LeaveOut,
}

/// Rows of a table, counted from 0: `0..900` are the first 900, `all` is every row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Every row.
    All,
    /// From the first number up to but without the second.
    Range(Range<usize>),
}

/// A fault of a table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// The first line is no heading.
    #[error("{file}:1: {reason}")]
    Heading {
        /// Name of the file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A row that cannot be read.
    #[error("{file}:{line}: {fault}")]
    Row {
        /// Name of the file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong with it.
        fault: RowFault,
    },
    /// Two tables know the same device.
    #[error("device `{device}` is a column of {first} and of {second}")]
    SameDevice {
        /// Name of the device.
        device: String,
        /// The table that had it first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A device that no table knows.
    #[error("unknown device `{device}`: the table has {}", known.join(", "))]
    UnknownDevice {
        /// What was asked for.
        device: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Rows that the table does not have.
    #[error("rows {rows} do not lie in a table of {count}")]
    NoSuchRows {
        /// What was asked for.
        rows: Rows,
        /// Rows that there are.
        count: usize,
    },
}

/// Why a row cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowFault {
    /// Bytes that are no text.
    #[error("not UTF-8")]
    Encoding,
    /// More or fewer cells than the heading.
    #[error("{cells} cells, the heading has {columns}")]
    Ragged {
        /// Cells of the row.
        cells: usize,
        /// Cells of the heading.
        columns: usize,
    },
    /// No network of the space.
    #[error("column `architecture`: {0}")]
    Architecture(#[from] ArchitectureError),
    /// A network that an earlier row has.
    #[error("column `architecture`: `{architecture}` is the network of line {first} again")]
    Duplicate {
        /// Its string.
        architecture: String,
        /// Line of the earlier row, counted from 1.
        first: usize,
    },
    /// Not what the column holds.
    #[error("column `{column}`: `{cell}` is not {expected}")]
    Cell {
        /// The column.
        column: String,
        /// What stands there.
        cell: String,
        /// What the column holds.
        expected: &'static str,
    },
}

/// A text that names no rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no rows: write `all`, or a range such as `0..900`")]
pub struct RowsError {
    text: String,
}

// === impl Table ===

impl Table {
    /// Reads a table; `file` is what errors call it. Rows are numbered as they stand in the file, from 0.
    ///
    /// # Errors
    /// When the heading is missing or names a column twice or not at all. When a row is bad, unless such rows are left
    /// out: it has too many or too few cells, an architecture that the space does not have or that an earlier row has,
    /// or a cell that is not a number of milliseconds above 0 and at most 1e7.
    pub fn parse(
        space: &Space,
        file: &str,
        text: &[u8],
        bad_rows: BadRows,
    ) -> Result<Self, TableError> {
        let sheet = Sheet::open(space, file, text)?;
        let devices = sheet.columns().to_vec();
        let rows = sheet.rows(bad_rows, |cells| {
            let cells = devices.iter().zip(cells);
            let latencies_ms = cells.map(|(device, cell)| latency_ms(device, cell));
            latencies_ms.collect::<Result<Vec<Option<f64>>, _>>()
        })?;
        let column = |(index, device)| Column {
            device,
            file: file.to_owned(),
            latencies_ms: (rows.iter())
                .map(|row| {
                    row.as_ref()
                        .and_then(|(_, latencies_ms)| latencies_ms[index])
                })
                .collect(),
        };
        Ok(Self {
            columns: devices.iter().cloned().enumerate().map(column).collect(),
            architectures: rows.into_iter().map(|row| Some(row?.0)).collect(),
        })
    }

    /// This table with the columns of another of the same space, matched by architecture. Rows keep their numbers;
    /// architectures that only the other table has follow, in its order.
    ///
    /// # Errors
    /// When both have a column of the same name.
    pub fn merged(mut self, other: Self) -> Result<Self, TableError> {
        for column in &other.columns {
            if let Some(own) = self.columns.iter().find(|own| own.device == column.device) {
                return Err(TableError::SameDevice {
                    device: own.device.clone(),
                    first: own.file.clone(),
                    second: column.file.clone(),
                });
            }
        }
        let places = self.take_rows_of(&other);
        let count = self.architectures.len();
        for column in &mut self.columns {
            column.latencies_ms.resize(count, None);
        }
        for mut column in other.columns {
            let mut latencies_ms = vec![None; count];
            for (latency, place) in column.latencies_ms.iter().zip(&places) {
                latencies_ms[*place] = *latency;
            }
            column.latencies_ms = latencies_ms;
            self.columns.push(column);
        }
        Ok(self)
    }

    /// Makes room for the other table's rows and tells where each of them lies in this one. Its left-out rows get a
    /// row each, so that they stay counted.
    fn take_rows_of(&mut self, other: &Self) -> Vec<usize> {
        let own: BTreeMap<Architecture, usize> = (self.architectures.iter().enumerate())
            .filter_map(|(row, architecture)| Some((architecture.clone()?, row)))
            .collect();
        let place = |architecture: &Option<Architecture>| {
            let known = architecture.as_ref().and_then(|network| own.get(network));
            known.copied().unwrap_or_else(|| {
                self.architectures.push(architecture.clone());
                self.architectures.len() - 1
            })
        };
        other.architectures.iter().map(place).collect()
    }

    /// Names of the devices, in the order of the columns.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.device.as_str())
    }

    /// Latencies of a device, row by row, in milliseconds; nothing where it was not measured.
    ///
    /// # Errors
    /// When the table has no such device.
    pub fn latencies_ms(&self, device: &str) -> Result<&[Option<f64>], TableError> {
        let column = self.columns.iter().find(|column| column.device == device);
        let column = column.ok_or_else(|| TableError::UnknownDevice {
            device: device.to_owned(),
            known: self.devices().map(str::to_owned).collect(),
        })?;
        Ok(&column.latencies_ms)
    }

    /// The architecture of each row; nothing where the row was left out.
    pub fn architectures(&self) -> &[Option<Architecture>] {
        &self.architectures
    }

    /// How many rows were left out.
    pub fn rows_left_out(&self) -> usize {
        self.architectures
            .iter()
            .filter(|row| row.is_none())
            .count()
    }

    /// The numbers of those of the rows that were not left out.
    ///
    /// # Errors
    /// When the table has fewer rows.
    pub fn rows(&self, rows: &Rows) -> Result<Vec<usize>, TableError> {
        let count = self.architectures.len();
        let range = match rows {
            Rows::All => 0..count,
            Rows::Range(range) if range.end <= count => range.clone(),
            Rows::Range(_) => {
                let rows = rows.clone();
                return Err(TableError::NoSuchRows { rows, count });
            }
        };
        Ok(range
            .filter(|row| self.architectures[*row].is_some())
            .collect())
    }
}

// === impl Rows ===

impl FromStr for Rows {
    type Err = RowsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || RowsError {
            text: text.to_owned(),
        };
        if text == "all" {
            return Ok(Self::All);
        }
        let (start, end) = text.split_once("..").ok_or_else(error)?;
        let number = |text: &str| text.parse().map_err(|_: ParseIntError| error());
        let range: Range<usize> = number(start)?..number(end)?;
        match range.is_empty() {
            true => Err(error()),
            false => Ok(Self::Range(range)),
        }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Range(range) => write!(f, "{}..{}", range.start, range.end),
        }
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn latency_ms(column: &str, cell: &str) -> Result<Option<f64>, RowFault> {
    if cell.is_empty() {
        return Ok(None);
    }
    let latency = cell.parse().ok();
    let latency = latency.filter(|ms: &f64| *ms > 0.0 && *ms <= GREATEST_MS);
    let fault = || RowFault::Cell {
        column: column.to_owned(),
        cell: cell.to_owned(),
        expected: "a latency: milliseconds above 0, at most 1e7, or nothing",
    };
    latency.map(Some).ok_or_else(fault)
}

#[cfg(test)]
mod tests;
