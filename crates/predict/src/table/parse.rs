//! Reading a table from a CSV file.

use std::collections::{BTreeMap, BTreeSet};

use bespoke_space::{Architecture, Space};
use csv::{ByteRecord, ReaderBuilder, StringRecord, Trim};

use super::{BadRows, Column, RowFault, Table, TableError};

/// Almost three hours: a cell above is in another unit.
const GREATEST_MS: f64 = 1e7;

/// What was read so far.
struct Reading<'a> {
    space: &'a Space,
    file: &'a str,
    text: &'a [u8],
    table: Table,
    /// Where in the text the row of an architecture begins.
    begins: BTreeMap<Architecture, usize>,
}

/// A row that can be read.
struct Row {
    architecture: Architecture,
    latencies_ms: Vec<Option<f64>>,
}

/// Reads the whole table.
pub fn table(
    space: &Space,
    file: &str,
    text: &[u8],
    bad_rows: BadRows,
) -> Result<Table, TableError> {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .trim(Trim::All)
        .from_reader(text);
    let mut reading = Reading {
        space,
        file,
        text,
        table: Table {
            architectures: Vec::new(),
            columns: Vec::new(),
        },
        begins: BTreeMap::new(),
    };
    let mut record = ByteRecord::new();
    let mut next = |record: &mut ByteRecord| {
        let is_row = reader.read_byte_record(record);
        is_row.expect("bytes in memory can be read, and any of them form cells")
    };
    match next(&mut record) {
        true => reading.heading(&record)?,
        false => {
            let reason = "the file is empty: it begins with `architecture` and the devices";
            return Err(reading.heading_fault(reason));
        }
    }
    while next(&mut record) {
        reading.next(&record, bad_rows)?;
    }
    Ok(reading.table)
}

// === impl Reading ===

impl Reading<'_> {
    fn heading(&mut self, record: &ByteRecord) -> Result<(), TableError> {
        let names = StringRecord::from_byte_record(record.clone());
        let names = names.map_err(|_| self.heading_fault("not UTF-8"))?;
        let first = names.get(0).unwrap_or_default();
        if first != "architecture" {
            let reason = format!("the first column is `{first}`: it must be `architecture`");
            return Err(self.heading_fault(&reason));
        }
        let mut seen = BTreeSet::from([first]);
        for (index, name) in names.iter().enumerate().skip(1) {
            if name.is_empty() {
                let reason = format!("column {} has no name", index + 1);
                return Err(self.heading_fault(&reason));
            }
            if !seen.insert(name) {
                return Err(self.heading_fault(&format!("two columns are named `{name}`")));
            }
            self.table.columns.push(Column {
                device: name.to_owned(),
                file: self.file.to_owned(),
                latencies_ms: Vec::new(),
            });
        }
        match self.table.columns.is_empty() {
            true => Err(self.heading_fault("there is no column of a device")),
            false => Ok(()),
        }
    }

    fn heading_fault(&self, reason: &str) -> TableError {
        TableError::Heading {
            file: self.file.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn next(&mut self, record: &ByteRecord, bad_rows: BadRows) -> Result<(), TableError> {
        let begin = self.begin(record);
        match (self.row(record), bad_rows) {
            (Ok(row), _) => self.keep(row, begin),
            (Err(_), BadRows::LeaveOut) => self.leave_out(),
            (Err(fault), BadRows::Refuse) => {
                return Err(TableError::Row {
                    file: self.file.to_owned(),
                    line: self.line(begin),
                    fault,
                });
            }
        }
        Ok(())
    }

    fn row(&self, record: &ByteRecord) -> Result<Row, RowFault> {
        let record = StringRecord::from_byte_record(record.clone());
        let record = record.map_err(|_| RowFault::Encoding)?;
        let columns = self.table.columns.len() + 1;
        if record.len() != columns {
            let cells = record.len();
            return Err(RowFault::Ragged { cells, columns });
        }
        let architecture = self.space.parse_architecture(&record[0])?;
        if let Some(begin) = self.begins.get(&architecture) {
            return Err(RowFault::Duplicate {
                architecture: record[0].to_owned(),
                first: self.line(*begin),
            });
        }
        let cells = self.table.columns.iter().zip(record.iter().skip(1));
        let latencies_ms = cells.map(|(column, cell)| latency_ms(&column.device, cell));
        Ok(Row {
            architecture,
            latencies_ms: latencies_ms.collect::<Result<_, _>>()?,
        })
    }

    fn keep(&mut self, row: Row, begin: usize) {
        self.begins.insert(row.architecture.clone(), begin);
        self.table.architectures.push(Some(row.architecture));
        for (column, latency) in self.table.columns.iter_mut().zip(row.latencies_ms) {
            column.latencies_ms.push(latency);
        }
    }

    fn leave_out(&mut self) {
        self.table.architectures.push(None);
        for column in &mut self.table.columns {
            column.latencies_ms.push(None);
        }
    }

    /// Where a row begins. The reader's own position may lie before blank lines that it skips.
    fn begin(&self, record: &ByteRecord) -> usize {
        let position = record.position().expect("a record that was read has one");
        let after = usize::try_from(position.byte()).expect("it lies within memory");
        let blank = self.text[after..].iter();
        after
            + blank
                .take_while(|byte| matches!(byte, b'\r' | b'\n'))
                .count()
    }

    fn line(&self, begin: usize) -> usize {
        1 + self.text[..begin]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    }
}

fn latency_ms(column: &str, cell: &str) -> Result<Option<f64>, RowFault> {
    if cell.is_empty() {
        return Ok(None);
    }
    let latency = cell.parse().ok();
    let latency = latency.filter(|ms: &f64| *ms > 0.0 && *ms <= GREATEST_MS);
    let fault = || RowFault::Latency {
        column: column.to_owned(),
        cell: cell.to_owned(),
    };
    latency.map(Some).ok_or_else(fault)
}
