//! TOML values that know the line they stand on, in the order of the file.

use std::fmt;

use toml::de::{DeTable, DeValue};

use crate::error::{Fault, SpaceError};

/// Tables and lists inside each other; deeper files are refused.
const MAX_NESTING: usize = 16;

/// A value and its line.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub line: u32,
    pub kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Value>),
    Table(Table),
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    entries: Vec<(String, Value)>,
}

/// A value without parts. Its `Display` is its label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar {
    Text(String),
    Integer(i64),
    Number(f64),
    Flag(bool),
}

/// Reads a whole file.
pub(crate) fn read(file: &str, text: &str) -> Result<Table, SpaceError> {
    let lines = Lines::of(text);
    let document = DeTable::parse(text).map_err(|error| SpaceError::Syntax {
        file: file.to_owned(),
        line: error.span().map_or(1, |span| lines.line(span.start)),
        reason: error.message().to_owned(),
    })?;
    table(document.get_ref(), &lines, 0).map_err(|fault| fault.in_file(file))
}

// === impl Value ===

impl Value {
    /// The word for what the value is, with its article.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) => scalar.type_name(),
            Kind::List(_) => "a list",
            Kind::Table(_) => "a table",
        }
    }

    pub fn as_table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            Kind::Scalar(_) | Kind::List(_) => None,
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(Scalar::Text(text)) => Some(text),
            Kind::Scalar(_) | Kind::List(_) | Kind::Table(_) => None,
        }
    }

    pub fn expect_table(&self, key: &str) -> Result<&Table, Fault> {
        self.as_table()
            .ok_or_else(|| self.wrong_type(key, "a table"))
    }

    pub fn expect_text(&self, key: &str) -> Result<&str, Fault> {
        self.as_text().ok_or_else(|| self.wrong_type(key, "a text"))
    }

    pub fn wrong_type(&self, key: &str, expected: &str) -> Fault {
        let reason = format!("expected {expected}, got {}", self.type_name());
        Fault::new(self.line, key, reason)
    }
}

// === impl Table ===

impl Table {
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter().find(|(k, _)| *k == key).map(|(_, value)| value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(k, value)| (k.as_str(), value))
    }

    /// Refuses keys that are not among those allowed.
    pub fn check_keys(&self, allowed: &[&str]) -> Result<(), Fault> {
        match self.iter().find(|(key, _)| !allowed.contains(key)) {
            None => Ok(()),
            Some((key, value)) => {
                let reason = format!("unknown key; allowed are {}", allowed.join(", "));
                Err(Fault::new(value.line, key, reason))
            }
        }
    }
}

// === impl Scalar ===

impl Scalar {
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Flag(_) => "true or false",
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Integer(integer) => integer.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

fn table(raw: &DeTable<'_>, lines: &Lines, depth: usize) -> Result<Table, Fault> {
    let mut keys: Vec<_> = raw.iter().collect();
    keys.sort_by_key(|(key, _)| key.span().start);
    let mut entries = Vec::with_capacity(keys.len());
    for (key, raw) in keys {
        let name = key.get_ref().to_string();
        let line = lines.line(key.span().start);
        let kind = kind(&name, raw.get_ref(), line, lines, depth)?;
        entries.push((name, Value { line, kind }));
    }
    Ok(Table { entries })
}

fn kind(
    key: &str,
    raw: &DeValue<'_>,
    line: u32,
    lines: &Lines,
    depth: usize,
) -> Result<Kind, Fault> {
    if depth >= MAX_NESTING {
        let reason = format!("nested more than {MAX_NESTING} deep");
        return Err(Fault::new(line, key, reason));
    }
    Ok(match raw {
        DeValue::String(text) => Kind::Scalar(Scalar::Text(text.to_string())),
        DeValue::Boolean(flag) => Kind::Scalar(Scalar::Flag(*flag)),
        DeValue::Integer(integer) => {
            let value = i64::from_str_radix(integer.as_str(), integer.radix());
            let value = value.map_err(|_| Fault::new(line, key, "the number is too large"))?;
            Kind::Scalar(Scalar::Integer(value))
        }
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => Kind::Scalar(Scalar::Number(value)),
            _ => return Err(Fault::new(line, key, "expected a finite number")),
        },
        DeValue::Datetime(_) => {
            return Err(Fault::new(line, key, "a date has no meaning here"));
        }
        DeValue::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items.iter() {
                let line = lines.line(item.span().start);
                let kind = kind(key, item.get_ref(), line, lines, depth + 1)?;
                list.push(Value { line, kind });
            }
            Kind::List(list)
        }
        DeValue::Table(raw) => Kind::Table(table(raw, lines, depth + 1)?),
    })
}

/// Offsets at which the lines of a text start.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(starts).collect())
    }

    fn line(&self, offset: usize) -> u32 {
        let line = self.0.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }
}
