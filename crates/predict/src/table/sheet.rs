//! Tables as they stand in their files.

use std::collections::{BTreeMap, BTreeSet};

use bespoke_space::{Architecture, Space};
use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord, Trim};

use super::{BadRows, RowFault, TableError};

/// A CSV file of architectures: its first column, `architecture`, holds a space's canonical strings. What the other
/// columns mean is for others to say.
pub struct Sheet<'a> {
    space: &'a Space,
    file: &'a str,
    text: &'a [u8],
    reader: Reader<&'a [u8]>,
    columns: Vec<String>,
    /// Where in the text the row of an architecture begins.
    begins: BTreeMap<Architecture, usize>,
}

// === impl Sheet ===

impl<'a> Sheet<'a> {
    /// Reads the heading; `file` is what errors call the file.
    ///
    /// # Errors
    /// When the heading is missing, its first column is not `architecture`, or it names a column twice or not at all.
    pub fn open(space: &'a Space, file: &'a str, text: &'a [u8]) -> Result<Self, TableError> {
        let reader = ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .trim(Trim::All)
            .from_reader(text);
        let mut sheet = Self {
            space,
            file,
            text,
            reader,
            columns: Vec::new(),
            begins: BTreeMap::new(),
        };
        let columns = match sheet.next() {
            Some(record) => columns(record),
            None => {
                Err("the file is empty: it begins with `architecture` and other columns".into())
            }
        };
        sheet.columns = columns.map_err(|reason| sheet.heading_fault(reason))?;
        Ok(sheet)
    }

    /// Names of the columns after `architecture`.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Something that is wrong with the heading.
    pub fn heading_fault(&self, reason: String) -> TableError {
        TableError::Heading {
            file: self.file.to_owned(),
            reason,
        }
    }

    /// Every row in the order of the file: its architecture and what `cells` makes of its other cells, which are as
    /// many as there are columns; nothing where the row was left out.
    ///
    /// # Errors
    /// When a row is bad, unless such rows are left out: it has too many or too few cells, an architecture that the
    /// space does not have or that an earlier row has, or cells that are refused.
    pub fn rows<T>(
        mut self,
        bad_rows: BadRows,
        cells: impl Fn(&[&str]) -> Result<T, RowFault>,
    ) -> Result<Vec<Option<(Architecture, T)>>, TableError> {
        let mut rows = Vec::new();
        while let Some(record) = self.next() {
            let begin = self.begin(&record);
            rows.push(match (self.row(record, &cells), bad_rows) {
                (Ok((architecture, row)), _) => {
                    self.begins.insert(architecture.clone(), begin);
                    Some((architecture, row))
                }
                (Err(_), BadRows::LeaveOut) => None,
                (Err(fault), BadRows::Refuse) => {
                    return Err(TableError::Row {
                        file: self.file.to_owned(),
                        line: self.line(begin),
                        fault,
                    });
                }
            });
        }
        Ok(rows)
    }

    fn next(&mut self) -> Option<ByteRecord> {
        let mut record = ByteRecord::new();
        let is_row = self.reader.read_byte_record(&mut record);
        let is_row = is_row.expect("bytes in memory can be read, and any of them form cells");
        is_row.then_some(record)
    }

    fn row<T>(
        &self,
        record: ByteRecord,
        cells: impl Fn(&[&str]) -> Result<T, RowFault>,
    ) -> Result<(Architecture, T), RowFault> {
        let record = StringRecord::from_byte_record(record).map_err(|_| RowFault::Encoding)?;
        let columns = self.columns.len() + 1;
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
        let others: Vec<&str> = record.iter().skip(1).collect();
        Ok((architecture, cells(&others)?))
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

/// The columns after `architecture` that a heading names.
fn columns(heading: ByteRecord) -> Result<Vec<String>, String> {
    let names = StringRecord::from_byte_record(heading).map_err(|_| "not UTF-8")?;
    let first = names.get(0).unwrap_or_default();
    if first != "architecture" {
        return Err(format!(
            "the first column is `{first}`: it must be `architecture`"
        ));
    }
    let mut seen = BTreeSet::from([first]);
    for (index, name) in names.iter().enumerate().skip(1) {
        if name.is_empty() {
            return Err(format!("column {} has no name", index + 1));
        }
        if !seen.insert(name) {
            return Err(format!("two columns are named `{name}`"));
        }
    }
    match names.len() {
        1 => Err("there is no column beside `architecture`".to_owned()),
        _ => Ok(names.iter().skip(1).map(str::to_owned).collect()),
    }
}
