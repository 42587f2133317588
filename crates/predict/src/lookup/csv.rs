//! A plain table: `operator,mean_ms,std_ms,count`, the last two of which may be empty.

use std::fmt::Write;

use super::{
    LookupError, LookupTable,
    reader::{Figures, Reader},
};

const HEADER: &str = "operator,mean_ms,std_ms,count";

pub(super) fn read(file: &str, text: &str) -> Result<LookupTable, LookupError> {
    let mut reader = Reader::new(file);
    let mut lines = text.lines().map(str::trim).enumerate();
    if lines.next().is_none_or(|(_, header)| header != HEADER) {
        return Err(reader.line_error(1, "expected the header `operator,mean_ms,std_ms,count`"));
    }
    for (index, row) in lines.filter(|(_, row)| !row.is_empty()) {
        let line = index + 1;
        let cells: Vec<&str> = row.split(',').map(str::trim).collect();
        let [key, mean, std, count] = cells[..] else {
            return Err(reader.line_error(line, "expected four cells, divided by commas"));
        };
        let given = |cell| Some((line, cell)).filter(|(_, cell): &(usize, &str)| !cell.is_empty());
        let figures = Figures {
            mean: given(mean),
            std: given(std),
            variance: None,
            count: given(count),
        };
        reader.insert(line, key, &figures)?;
    }
    reader.finish()
}

pub(super) fn write(table: &LookupTable) -> String {
    let mut text = format!("{HEADER}\n");
    for (key, entry) in table.iter() {
        let std = entry
            .std_ms
            .map_or_else(String::new, |std| format!("{std:?}"));
        let count = entry
            .count
            .map_or_else(String::new, |count| count.to_string());
        let _ = writeln!(text, "{key},{:?},{std},{count}", entry.mean_ms);
    }
    text
}
