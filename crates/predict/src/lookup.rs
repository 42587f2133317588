//! Operator look-up tables: what each operator of a space takes on a device, measured once, and a network's latency as
//! the sum over its operators.
//!
//! A [`LookupTable`] is read from a file of some [`Format`]. It knows nothing but keys; what the operators of a space
//! are called is a matter of its [`Layout`]. [`Prices`] hold the one against the other for all pieces of a
//! [`Chain`](bespoke_space::Chain). A key that is missing is named and never made up. To make a table for a device of
//! one's own, [`Layout::operators`] gives each operator as a network that can be measured, [`in_networks`] learns from
//! whole networks what the operators take inside of them, and [`LookupTable::from_entries`] makes the table.
//! [`Agreement`] tells how well a table's sums agree with measured networks.

mod agreement;
mod bottleneck;
mod csv;
mod fbnet;
mod in_networks;
mod keys;
mod layout;
mod operators;
mod prices;
mod reader;
mod yaml;

use std::collections::BTreeMap;

use bespoke_measure::Measurement;

use crate::score::mean;

pub use agreement::{Agreement, CheckedNetwork, Correction, Trend};
pub use in_networks::{WholeNetwork, in_networks};
pub use layout::{KeyError, Layout, Operator};
pub use operators::Operators;
pub use prices::{PriceError, Prices};

use reader::Reader;

/// The longest time that a table holds, in milliseconds: nearly three hours.
const MAX_MS: f64 = 1e7;

/// What the operators of a space take on a device, by key.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupTable {
    entries: BTreeMap<String, Entry>,
}

/// What one operator takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// What it takes, in milliseconds.
    pub mean_ms: f64,
    /// Standard deviation of the measurements, in milliseconds.
    pub std_ms: Option<f64>,
    /// How many there are.
    pub count: Option<u64>,
}

/// How a table is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// That of once-for-all (Cai et al., ICLR 2020) and ProxylessNAS (Cai et al., ICLR 2019), `*.yaml`: a key on a line
    /// of its own, below it `count`, `mean` and `std` (or the variance as `var`; `std` is written), in milliseconds.
    Yaml,
    /// A plain table, `*.csv`: `operator,mean_ms,std_ms,count`, the last two of which may be empty.
    Csv,
    /// That of the public re-implementations of FBNet (Wu et al., CVPR 2019), `*.txt`: the operators' names on the
    /// first line, then a line of microseconds for each layer that is searched, divided by blanks (or commas). The
    /// operator `ir_k3_e1` of the third layer has the key `layer3-ir_k3_e1`. Of the forms in use this is that of
    /// AnnaAraslanova/FBNet and its descendants; a table without the line of names is not read.
    Fbnet,
}

/// What is wrong with a table, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// A line that does not belong into the format.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// The file.
        file: String,
        /// Line in the file, from 1.
        line: usize,
        /// What belongs there.
        reason: &'static str,
    },
    /// A figure that is missing, unknown or out of range.
    #[error("{file}:{line}: `{key}`: `{figure}` {reason}")]
    Figure {
        /// The file.
        file: String,
        /// Line in the file, from 1.
        line: usize,
        /// The key that it belongs to.
        key: String,
        /// Name of the figure.
        figure: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that has been there before.
    #[error("{file}:{line}: `{key}` is there already, on line {first}")]
    Duplicate {
        /// The file.
        file: String,
        /// Line in the file, from 1.
        line: usize,
        /// The key.
        key: String,
        /// The line on which it was first.
        first: usize,
    },
    /// Nothing in it.
    #[error("{file}: the table is empty")]
    Empty {
        /// The file.
        file: String,
    },
    /// A table that FBNet's format cannot hold, because of this key.
    #[error(
        "`{key}` cannot be written in FBNet's format, which holds the mean of each operator of each layer"
    )]
    NotFbnet {
        /// The key.
        key: String,
    },
}

// === impl LookupTable ===

impl LookupTable {
    /// Reads a table from the text of a file; the file's name is for errors.
    ///
    /// # Errors
    /// Names file, line and key where a time is negative, no number or above 1e7 ms, where a figure is missing, and
    /// where a key is there twice. A last line without an end may have lost half of a number, and is refused too.
    pub fn parse(format: Format, file_name: &str, text: &str) -> Result<Self, LookupError> {
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(LookupError::Line {
                file: file_name.to_owned(),
                line: text.lines().count(),
                reason: "the line does not end: the table was cut short",
            });
        }
        match format {
            Format::Yaml => yaml::read(file_name, text),
            Format::Csv => csv::read(file_name, text),
            Format::Fbnet => fbnet::read(file_name, text),
        }
    }

    /// A table of these entries.
    ///
    /// # Errors
    /// When there is none, and when a key comes twice or is none that a file can hold.
    pub fn from_entries<'a>(
        entries: impl IntoIterator<Item = (&'a str, Entry)>,
    ) -> Result<Self, LookupError> {
        let mut reader = Reader::new("operators");
        for (index, (key, entry)) in entries.into_iter().enumerate() {
            reader.insert_entry(index + 1, key, entry)?;
        }
        reader.finish()
    }

    /// The text of a file that reads back as the same table, to the last bit.
    ///
    /// # Errors
    /// When FBNet's format is asked for and cannot hold the table.
    pub fn write(&self, format: Format) -> Result<String, LookupError> {
        match format {
            Format::Yaml => Ok(yaml::write(self)),
            Format::Csv => Ok(csv::write(self)),
            Format::Fbnet => fbnet::write(self),
        }
    }

    /// What an operator takes.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Keys and entries, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .map(|(key, entry)| (key.as_str(), entry))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

// === impl Entry ===

impl Entry {
    /// An operator that takes so long inside of networks and was measured alone: the deviation of its samples, from two
    /// on, and their number are told with it.
    pub fn new(ms: f64, alone: &Measurement) -> Self {
        let samples = &alone.samples_ms;
        let center = mean(samples.iter().copied());
        let squares: f64 = samples.iter().map(|ms| (ms - center).powi(2)).sum();
        let std_ms = (squares / (samples.len() as f64 - 1.0)).sqrt();
        Self {
            mean_ms: ms,
            std_ms: Some(std_ms).filter(|ms| Self::is_time(*ms)),
            count: Some(samples.len() as u64).filter(|count| *count > 0),
        }
    }

    /// Whether a table can hold the time.
    fn is_time(ms: f64) -> bool {
        (0.0..=MAX_MS).contains(&ms)
    }
}

// === impl Format ===

impl Format {
    /// The end of a file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Yaml => ".yaml",
            Self::Csv => ".csv",
            Self::Fbnet => ".txt",
        }
    }

    /// The format of a file by the end of its name: `.yaml` or `.yml`, `.csv`, `.txt`.
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "yaml" | "yml" => Some(Self::Yaml),
            "csv" => Some(Self::Csv),
            "txt" => Some(Self::Fbnet),
            _ => None,
        }
    }
}

// === helpers ===

/// Whether all formats can hold a key as it is: no blank, no comma, no quote.
fn is_key(key: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+|".contains(&byte);
    key.bytes().all(allowed) && key.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Key of an operator in a layer of FBNet's format, counted from 1.
fn fbnet_key(layer: usize, operator: &str) -> String {
    format!("layer{layer}-{operator}")
}

#[cfg(test)]
mod tests;
