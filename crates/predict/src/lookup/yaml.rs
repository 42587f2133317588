//! The YAML of once-for-all and ProxylessNAS: a key on a line of its own, its figures indented below.

use std::fmt::Write;

use super::{
    Entry, LookupError, LookupTable,
    reader::{Figures, Reader},
};

/// A key whose figures are being read.
struct Open<'a> {
    line: usize,
    key: &'a str,
    figures: Figures<'a>,
}

pub(super) fn read(file: &str, text: &str) -> Result<LookupTable, LookupError> {
    let mut reader = Reader::new(file);
    let mut open: Option<Open<'_>> = None;
    for (index, raw) in text.lines().enumerate() {
        let (line, content) = (index + 1, without_comment(raw));
        if content.is_empty() || content == "---" {
            continue;
        }
        if content.starts_with([' ', '\t']) {
            let open = open
                .as_mut()
                .ok_or_else(|| reader.line_error(line, "figures without a key above them"))?;
            let (name, value) = content.trim().split_once(':').ok_or_else(|| {
                reader.line_error(line, "expected a figure, such as `mean: 1.25`")
            })?;
            let figures = &mut open.figures;
            reader.figure(line, open.key, figures, name.trim(), value.trim())?;
        } else {
            let key = content
                .strip_suffix(':')
                .ok_or_else(|| reader.line_error(line, "expected a key and `:` alone on a line"))?;
            close(&mut reader, open.take())?;
            open = Some(Open {
                line,
                key: unquoted(key),
                figures: Figures::default(),
            });
        }
    }
    close(&mut reader, open)?;
    reader.finish()
}

pub(super) fn write(table: &LookupTable) -> String {
    let mut text = String::new();
    for (key, entry) in table.iter() {
        let Entry {
            mean_ms,
            std_ms,
            count,
        } = entry;
        let _ = writeln!(text, "{key}:");
        if let Some(count) = count {
            let _ = writeln!(text, "  count: {count}");
        }
        let _ = writeln!(text, "  mean: {mean_ms:?}");
        if let Some(std_ms) = std_ms {
            let _ = writeln!(text, "  std: {std_ms:?}");
        }
    }
    text
}

// === helpers ===

fn close(reader: &mut Reader<'_>, open: Option<Open<'_>>) -> Result<(), LookupError> {
    open.map_or(Ok(()), |open| {
        reader.insert(open.line, open.key, &open.figures)
    })
}

/// A comment begins with `#` at the start of the line or after a blank.
fn without_comment(line: &str) -> &str {
    let begins = |(at, _): &(usize, &str)| *at == 0 || line[..*at].ends_with([' ', '\t']);
    let comment = line.match_indices('#').find(begins);
    line[..comment.map_or(line.len(), |(at, _)| at)].trim_end()
}

fn unquoted(key: &str) -> &str {
    let within = |quote| key.strip_prefix(quote)?.strip_suffix(quote);
    within('"').or_else(|| within('\'')).unwrap_or(key)
}
