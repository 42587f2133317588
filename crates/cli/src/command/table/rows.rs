//! A CSV file that grows by a row at a time.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

/// The rows of a table of measurements. Each is on the disk before the next is begun.
pub struct Rows {
    path: PathBuf,
    file: File,
    known: HashSet<String>,
}

// === impl Rows ===

impl Rows {
    /// Begins a table, or goes on with one of the same columns. A last row that was cut short is dropped.
    pub fn open(path: &Path, columns: &[String]) -> anyhow::Result<Self> {
        let heading: Vec<&str> = std::iter::once("architecture")
            .chain(columns.iter().map(String::as_str))
            .collect();
        let named = || path.display().to_string();
        let mut file = OpenOptions::new();
        let file = file.read(true).append(true).create(true).open(path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        let text = std::fs::read_to_string(path).with_context(named)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).with_context(named)?;
        let mut rows = Self {
            path: path.to_owned(),
            file,
            known: HashSet::new(),
        };
        if whole == 0 {
            rows.write(&heading)?;
            return Ok(rows);
        }
        let mut reader = csv::Reader::from_reader(&text.as_bytes()[..whole]);
        let found: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        if found != heading {
            bail!(
                "{}: its columns are {}, not {}; pass another --out",
                path.display(),
                found.join(","),
                heading.join(",")
            );
        }
        for record in reader.records() {
            let record = record.with_context(named)?;
            rows.known.extend(record.get(0).map(str::to_owned));
        }
        Ok(rows)
    }

    /// Whether the table has the network already.
    pub fn contains(&self, architecture: &str) -> bool {
        self.known.contains(architecture)
    }

    /// Adds a row; a cell without a latency stays empty.
    pub fn append(
        &mut self,
        architecture: &str,
        latencies_ms: &[Option<f64>],
    ) -> anyhow::Result<()> {
        let cells = latencies_ms
            .iter()
            .map(|ms| ms.map_or_else(String::new, |ms| ms.to_string()));
        let row: Vec<String> = std::iter::once(architecture.to_owned())
            .chain(cells)
            .collect();
        self.write(&row)?;
        self.known.insert(architecture.to_owned());
        Ok(())
    }

    fn write(&mut self, cells: &[impl AsRef<[u8]>]) -> anyhow::Result<()> {
        let mut row = csv::Writer::from_writer(Vec::new());
        row.write_record(cells)?;
        let row = row.into_inner()?;
        let written = self
            .file
            .write_all(&row)
            .and_then(|()| self.file.sync_data());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
