//! Features as rows of a matrix.

use std::collections::{BTreeSet, HashMap};

use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

use crate::{
    Network,
    features::{Attribute, Class, Key, Level},
};

/// Below this share of the raw graph's totals, counting at another level changes nothing worth a column.
const LEAST_DIFFERENCE: f64 = 0.01;

/// What a column sums: an attribute at a level, of all operators, of one kind, or of one kind and size. What is known
/// of a kind holds for sizes that were never seen, and what is known of all operators holds for unknown kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Column {
    pub level: Level,
    pub attribute: Attribute,
    pub class: Option<Class>,
    pub size: Option<u8>,
}

/// The columns of a matrix of networks, the unit of each attribute and where the middle is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub(crate) struct Columns {
    list: Vec<Column>,
    /// For each attribute, its mean total in the raw graphs: a sum of 1 is a whole network's worth.
    units: [f64; Attribute::ALL.len()],
    centre: Array1<f64>,
    positions: HashMap<Column, usize>,
    /// For each sum that has a column of its own, that and the two that it counts in as well.
    sums: HashMap<(Level, Key), [usize; 3]>,
}

/// What must be kept to have the columns again.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    columns: Vec<Column>,
    units: [f64; Attribute::ALL.len()],
    centre: Vec<f64>,
}

// === impl Column ===

impl Column {
    /// How much a column tells apart: 0 for all operators, 1 for a kind, 2 for a kind and size.
    pub fn depth(&self) -> usize {
        usize::from(self.class.is_some()) + usize::from(self.size.is_some())
    }

    /// The sum that the column holds, where it is one of a kind and size.
    fn key(&self) -> Option<Key> {
        Some(Key {
            class: self.class?,
            size: self.size?,
            attribute: self.attribute,
        })
    }

    /// The columns that a sum counts in.
    pub fn of(level: Level, key: Key) -> [Self; 3] {
        let column = |class, size| Self {
            level,
            attribute: key.attribute,
            class,
            size,
        };
        [
            column(None, None),
            column(Some(key.class), None),
            column(Some(key.class), Some(key.size)),
        ]
    }
}

// === impl Columns ===

impl Columns {
    /// The columns in which the networks have anything, in units in which their mean is 1.
    pub fn of(networks: &[&Network]) -> Self {
        let levels: Vec<Level> = Level::ALL
            .into_iter()
            .filter(|level| *level == Level::Raw || differs(networks, *level))
            .collect();
        let mut list = BTreeSet::new();
        for network in networks {
            for level in &levels {
                let keys = network.features().at(*level).iter();
                list.extend(keys.flat_map(|(key, _)| Column::of(*level, *key)));
            }
        }
        let mean = |attribute| {
            let totals = networks
                .iter()
                .map(|network| network.features().total(Level::Raw, attribute));
            let mean = totals.sum::<f64>() / networks.len().max(1) as f64;
            if mean > 0.0 { mean } else { 1.0 }
        };
        let mut columns = Self::from(Stored {
            centre: vec![0.0; list.len()],
            columns: list.into_iter().collect(),
            units: Attribute::ALL.map(mean),
        });
        if let Some(mean) = columns.matrix(networks).mean_axis(ndarray::Axis(0)) {
            columns.centre = mean;
        }
        columns
    }

    pub fn list(&self) -> &[Column] {
        &self.list
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn centre(&self) -> &Array1<f64> {
        &self.centre
    }

    pub fn position(&self, column: &Column) -> Option<usize> {
        self.positions.get(column).copied()
    }

    pub fn unit(&self, attribute: Attribute) -> f64 {
        self.units[attribute as usize]
    }

    /// The levels that are counted at.
    pub fn levels(&self) -> impl Iterator<Item = Level> {
        let of_list = |level: &Level| self.list.iter().any(|column| column.level == *level);
        Level::ALL.into_iter().filter(of_list)
    }

    /// All sums of a level that have a column of their own, and the columns that each counts in.
    pub fn sums(&self, level: Level) -> impl Iterator<Item = (Key, [usize; 3])> {
        let of_level = self.list.iter().filter(move |column| column.level == level);
        of_level.filter_map(|column| {
            let key = column.key()?;
            Some((key, *self.sums.get(&(column.level, key))?))
        })
    }

    /// The columns that a sum counts in; those that were never seen are missing.
    fn of_sum(&self, level: Level, key: Key) -> impl Iterator<Item = usize> {
        let known = self.sums.get(&(level, key)).copied();
        let wider = if known.is_some() {
            None
        } else {
            Some(Column::of(level, key))
        };
        let wider = wider.into_iter().flatten();
        let wider = wider.filter_map(|column| self.position(&column));
        known.into_iter().flatten().chain(wider)
    }

    /// One row a network, the centre taken off.
    pub fn matrix(&self, networks: &[&Network]) -> Array2<f64> {
        let mut matrix = Array2::zeros((networks.len(), self.len()));
        for (mut row, network) in matrix.rows_mut().into_iter().zip(networks) {
            for level in self.levels() {
                for (key, sum) in network.features().at(level) {
                    let sum = sum / self.unit(key.attribute);
                    for position in self.of_sum(level, *key) {
                        row[position] += sum;
                    }
                }
            }
            row -= &self.centre;
        }
        matrix
    }
}

/// Whether counting at a level differs from counting the raw graph in any of the networks.
fn differs(networks: &[&Network], level: Level) -> bool {
    networks.iter().any(|network| {
        [Attribute::Macs, Attribute::Outputs]
            .into_iter()
            .any(|attribute| {
                let raw = network.features().total(Level::Raw, attribute);
                let other = network.features().total(level, attribute);
                (raw - other).abs() > LEAST_DIFFERENCE * raw
            })
    })
}

impl From<Stored> for Columns {
    fn from(stored: Stored) -> Self {
        let positions = stored.columns.iter().enumerate();
        let positions: HashMap<Column, usize> = positions
            .map(|(position, column)| (*column, position))
            .collect();
        let sum = |column: &Column| {
            let key = column.key()?;
            let columns = Column::of(column.level, key).map(|column| positions.get(&column));
            let [Some(all), Some(class), Some(own)] = columns else {
                return None;
            };
            Some(((column.level, key), [*all, *class, *own]))
        };
        Self {
            sums: stored.columns.iter().filter_map(sum).collect(),
            positions,
            list: stored.columns,
            units: stored.units,
            centre: stored.centre.into(),
        }
    }
}

impl From<Columns> for Stored {
    fn from(columns: Columns) -> Self {
        Self {
            columns: columns.list,
            units: columns.units,
            centre: columns.centre.to_vec(),
        }
    }
}
