//! The text of FBNet's public re-implementations: the names of the operators, then a row of microseconds for each layer
//! that is searched.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    LookupError, LookupTable, fbnet_key,
    reader::{Figures, Reader},
};

pub(super) fn read(file: &str, text: &str) -> Result<LookupTable, LookupError> {
    let mut reader = Reader::new(file);
    let mut lines = text.lines().enumerate();
    let operators: Vec<&str> = lines.next().map_or_else(Vec::new, |(_, line)| cells(line));
    let rows = lines.filter(|(_, line)| !line.trim().is_empty());
    for (layer, (index, row)) in rows.enumerate() {
        let line = index + 1;
        let cells = cells(row);
        if cells.len() != operators.len() {
            return Err(reader.line_error(
                line,
                "expected a number for each operator that the first line names",
            ));
        }
        for (operator, microseconds) in operators.iter().zip(cells) {
            let milliseconds = shifted(microseconds, -3);
            let figures = Figures {
                mean: Some((line, &milliseconds)),
                ..Figures::default()
            };
            reader.insert(line, &fbnet_key(layer + 1, operator), &figures)?;
        }
    }
    reader.finish()
}

pub(super) fn write(table: &LookupTable) -> Result<String, LookupError> {
    let mut layers: BTreeMap<usize, BTreeMap<&str, f64>> = BTreeMap::new();
    for (key, entry) in table.iter() {
        let place = place_of(key).filter(|_| entry.std_ms.is_none() && entry.count.is_none());
        let (layer, operator) = place.ok_or_else(|| LookupError::NotFbnet {
            key: key.to_owned(),
        })?;
        layers
            .entry(layer)
            .or_default()
            .insert(operator, entry.mean_ms);
    }
    let first = layers.values().next();
    let operators: Vec<&str> = first.map_or_else(Vec::new, |row| row.keys().copied().collect());
    let mut text = format!("{}\n", operators.join(" "));
    for (index, (layer, row)) in layers.iter().enumerate() {
        if *layer != index + 1 || !row.keys().eq(operators.iter()) {
            let operator = row.keys().next().copied().unwrap_or_default();
            return Err(LookupError::NotFbnet {
                key: fbnet_key(*layer, operator),
            });
        }
        let cells: Vec<String> = row
            .values()
            .map(|ms| shifted(&format!("{ms:e}"), 3))
            .collect();
        let _ = writeln!(text, "{}", cells.join(" "));
    }
    Ok(text)
}

/// A decimal number times a power of ten, as text: no digit is lost, whatever a float can hold.
fn shifted(number: &str, by: i32) -> String {
    match number.split_once(['e', 'E']) {
        Some((digits, exponent)) => match exponent.parse::<i32>() {
            Ok(exponent) => format!("{digits}e{}", exponent.saturating_add(by)),
            Err(_) => number.to_owned(),
        },
        None => format!("{number}e{by}"),
    }
}

fn place_of(key: &str) -> Option<(usize, &str)> {
    let (layer, operator) = key.strip_prefix("layer")?.split_once('-')?;
    Some((layer.parse().ok()?, operator))
}

fn cells(line: &str) -> Vec<&str> {
    let by = |at: char| at.is_whitespace() || at == ',';
    line.split(by).filter(|cell| !cell.is_empty()).collect()
}
