//! Accuracies that were published, of every network of a space.

use std::collections::HashSet;

use bespoke_predict::{BadRows, RowFault, Sheet};
use bespoke_space::{Architecture, Space};

use crate::TabularError;

/// How accurate each network of a space is.
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracies {
    rows: Vec<(Architecture, f64)>,
}

// === impl Accuracies ===

impl Accuracies {
    /// Reads one column of a CSV file whose first column, `architecture`, holds the space's canonical strings; `file` is
    /// what errors call it. Other columns may hold anything.
    ///
    /// # Errors
    /// When there is no such column, a row is bad, an accuracy is not a number from 0 to 100, or a network of the space
    /// is missing.
    pub fn parse(
        space: &Space,
        file: &str,
        text: &[u8],
        column: &str,
    ) -> Result<Self, TabularError> {
        let sheet = Sheet::open(space, file, text)?;
        let place = sheet.columns().iter().position(|name| name == column);
        let Some(place) = place else {
            let known = sheet.columns().join(", ");
            let reason = format!("there is no column `{column}`: the table has {known}");
            return Err(sheet.heading_fault(reason).into());
        };
        let rows = sheet.rows(BadRows::Refuse, |cells| percent(column, cells[place]))?;
        let rows: Vec<(Architecture, f64)> = rows.into_iter().flatten().collect();
        let known: HashSet<&Architecture> = rows.iter().map(|(network, _)| network).collect();
        let missing = (space.architectures()).find(|network| !known.contains(network));
        match missing {
            Some(network) => Err(TabularError::NoAccuracy {
                file: file.to_owned(),
                architecture: space.format_architecture(&network),
                space: space.name().to_owned(),
            }),
            None => Ok(Self { rows }),
        }
    }

    /// Each network once, with its accuracy in per cent, in the order of the table.
    pub(crate) fn rows(&self) -> &[(Architecture, f64)] {
        &self.rows
    }

    /// The same, to keep.
    pub(crate) fn into_rows(self) -> Vec<(Architecture, f64)> {
        self.rows
    }
}

fn percent(column: &str, cell: &str) -> Result<f64, RowFault> {
    let percent = cell.parse().ok();
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| RowFault::Cell {
        column: column.to_owned(),
        cell: cell.to_owned(),
        expected: "an accuracy: a percentage from 0 to 100",
    })
}
