//! `bespoke verify`: published figures, derived again.

use std::process::ExitCode;

use anyhow::bail;
use bespoke_verify::{Check, Figure};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::{arguments::Verify, report::grid};

/// Prints every check, and fails if one does not hold.
pub fn run(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let mut checks = bespoke_verify::published();
    if let Some(folder) = &arguments.data {
        checks.extend(bespoke_verify::published_data(folder));
    }
    if arguments.json {
        print_json(&checks.iter().map(check_json).collect::<Value>())?;
    } else {
        print(&table(&checks))?;
    }
    match checks.iter().filter(|check| !check.holds()).count() {
        0 => Ok(ExitCode::SUCCESS),
        failed => bail!("{failed} of {} checks do not hold", checks.len()),
    }
}

fn check_json(check: &Check) -> Value {
    json!({
        "name": check.name,
        "expected": check.expected,
        "got": check.got.as_ref().ok(),
        "tolerance": check.tolerance,
        "source": check.source,
        "holds": check.holds(),
        "error": check.got.as_ref().err(),
    })
}

fn table(checks: &[Check]) -> String {
    let heading = [
        "holds",
        "expected",
        "got",
        "tolerance",
        "what, and who published it",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(checks.iter().map(row));
    grid(&rows)
}

/// A number to the digit behind those that the tolerance lets count.
fn rounded(number: f64, tolerance: f64) -> Figure {
    let scale = match tolerance > 0.0 {
        true => 10f64.powf(1.0 - tolerance.log10().floor()),
        false => return Figure::Number(number),
    };
    Figure::Number((number * scale).round() / scale)
}

fn row(check: &Check) -> Vec<String> {
    let tolerance = match check.tolerance {
        0.0 => String::new(),
        tolerance => rounded(tolerance, tolerance).to_string(),
    };
    vec![
        if check.holds() { "yes" } else { "NO" }.to_owned(),
        check.expected.to_string(),
        match &check.got {
            // Lists are long.
            Ok(figure @ Figure::Text(_)) if *figure == check.expected => "the same".to_owned(),
            Ok(Figure::Number(number)) => rounded(*number, check.tolerance).to_string(),
            Ok(figure) => figure.to_string(),
            Err(reason) => reason.clone(),
        },
        tolerance,
        format!("{} ({})", check.name, check.source),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_behind_the_digits_that_count() {
        let rounded = |number, tolerance| rounded(number, tolerance).to_string();
        assert_eq!(rounded(17.769_055_648_085_843, 0.00005), "17.769056");
        assert_eq!(rounded(1.141_234e-6, 5e-9), "1.1412e-6");
        assert_eq!(rounded(2.805_493e-8, 2.805_493e-8), "2.8e-8");
        assert_eq!(rounded(0.1 + 0.2, 0.0), "0.30000000000000004");
    }
}
