//! What the readers of all formats have in common: figures are checked, keys are told apart, errors say where.

use std::collections::BTreeMap;

use super::{Entry, LookupError, LookupTable, is_key};

/// The entries read so far.
pub(super) struct Reader<'a> {
    file: &'a str,
    entries: BTreeMap<String, Entry>,
    /// Line of each key.
    lines: BTreeMap<String, usize>,
}

/// The figures of one key as they are written.
#[derive(Default)]
pub(super) struct Figures<'a> {
    pub mean: Option<(usize, &'a str)>,
    pub std: Option<(usize, &'a str)>,
    pub variance: Option<(usize, &'a str)>,
    pub count: Option<(usize, &'a str)>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub fn new(file: &'a str) -> Self {
        Self {
            file,
            entries: BTreeMap::new(),
            lines: BTreeMap::new(),
        }
    }

    pub fn line_error(&self, line: usize, reason: &'static str) -> LookupError {
        LookupError::Line {
            file: self.file.to_owned(),
            line,
            reason,
        }
    }

    /// Sets one figure by its name.
    pub fn figure<'t>(
        &self,
        line: usize,
        key: &str,
        figures: &mut Figures<'t>,
        name: &str,
        value: &'t str,
    ) -> Result<(), LookupError> {
        let slot = match name {
            "mean" => &mut figures.mean,
            "std" => &mut figures.std,
            "var" => &mut figures.variance,
            "count" => &mut figures.count,
            _ => {
                let allowed = "is no figure of a table: there is `mean`, `std`, `var`, `count`";
                return Err(self.figure_error(line, key, name, allowed));
            }
        };
        match slot.replace((line, value)) {
            Some(_) => Err(self.figure_error(line, key, name, "is given twice")),
            None => Ok(()),
        }
    }

    /// Adds an entry.
    pub fn insert(
        &mut self,
        line: usize,
        key: &str,
        figures: &Figures<'_>,
    ) -> Result<(), LookupError> {
        let mean = figures
            .mean
            .ok_or_else(|| self.figure_error(line, key, "mean", "is missing"))?;
        let entry = Entry {
            mean_ms: self.milliseconds(key, "mean", mean)?,
            std_ms: self.deviation(key, figures)?,
            count: figures.count.map(|at| self.count(key, at)).transpose()?,
        };
        self.insert_entry(line, key, entry)
    }

    /// Adds an entry whose figures are known to be good.
    pub fn insert_entry(
        &mut self,
        line: usize,
        key: &str,
        entry: Entry,
    ) -> Result<(), LookupError> {
        if !is_key(key) {
            return Err(self.line_error(
                line,
                "a key must be of letters, digits and `-_.:+|`, and begin with a letter or digit",
            ));
        }
        self.entries.insert(key.to_owned(), entry);
        match self.lines.insert(key.to_owned(), line) {
            Some(first) => Err(LookupError::Duplicate {
                file: self.file.to_owned(),
                line,
                key: key.to_owned(),
                first,
            }),
            None => Ok(()),
        }
    }

    /// The table, if there is anything in it.
    pub fn finish(self) -> Result<LookupTable, LookupError> {
        match self.entries.is_empty() {
            true => Err(LookupError::Empty {
                file: self.file.to_owned(),
            }),
            false => Ok(LookupTable {
                entries: self.entries,
            }),
        }
    }

    /// A time as it is written.
    pub fn milliseconds(
        &self,
        key: &str,
        name: &str,
        (line, text): (usize, &str),
    ) -> Result<f64, LookupError> {
        let number = text.parse().ok().filter(|ms| Entry::is_time(*ms));
        number.ok_or_else(|| {
            let reason = format!("is `{text}`: expected a number from 0 to 1e7");
            self.figure_error(line, key, name, reason)
        })
    }

    fn deviation(&self, key: &str, figures: &Figures<'_>) -> Result<Option<f64>, LookupError> {
        match (figures.std, figures.variance) {
            (Some((line, _)), Some(_)) => {
                let reason = "and `var` are two names of one thing: give one of them";
                Err(self.figure_error(line, key, "std", reason))
            }
            (Some(at), None) => self.milliseconds(key, "std", at).map(Some),
            (None, Some(at)) => {
                let variance = self.milliseconds(key, "var", at)?;
                Ok(Some(variance.sqrt()))
            }
            (None, None) => Ok(None),
        }
    }

    fn count(&self, key: &str, (line, text): (usize, &str)) -> Result<u64, LookupError> {
        let count = text.parse().ok().filter(|count| *count >= 1);
        count.ok_or_else(|| {
            let reason = format!("is `{text}`: expected a whole number from 1");
            self.figure_error(line, key, "count", reason)
        })
    }

    fn figure_error(
        &self,
        line: usize,
        key: &str,
        figure: &str,
        reason: impl Into<String>,
    ) -> LookupError {
        LookupError::Figure {
            file: self.file.to_owned(),
            line,
            key: key.to_owned(),
            figure: figure.to_owned(),
            reason: reason.into(),
        }
    }
}
