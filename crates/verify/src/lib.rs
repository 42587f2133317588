//! Published figures, derived again.
//!
//! A [`Check`] holds a figure that somebody published against what Bespoke makes of the same question. [`published`]
//! needs nothing but the program; [`published_data`] reads the tables that were published with the papers.

mod check;
mod data;
mod formulas;
mod networks;
mod spaces;

pub use check::{Check, Figure};
pub use data::published_data;

/// Everything that can be checked without a file.
pub fn published() -> Vec<Check> {
    let checks = [networks::checks(), spaces::checks(), formulas::checks()];
    checks.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_figure_comes_out() {
        let checks = published();
        let failed: Vec<&Check> = checks.iter().filter(|check| !check.holds()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn checks_have_names_of_their_own() {
        let checks = published();
        let mut names: Vec<&str> = checks.iter().map(|check| check.name.as_str()).collect();
        names.sort_unstable();
        assert!(names.len() > 30);
        assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:#?}");
    }
}
