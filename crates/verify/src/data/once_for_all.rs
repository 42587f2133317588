//! Once-for-All's look-up tables of a Samsung Note 10: the fastest and slowest of all networks, and how many are fast.

use std::path::Path;

use bespoke_predict::lookup::{Format, Layout, LookupTable, Prices};
use bespoke_space::{Chain, Expanded, Space, Within};

use super::File;
use crate::Check;

const CAI: &str = "Cai et al., Once-for-All, ICLR 2020; han-cai/files, ofa/latency_tools";
/// The tables were published, and with them all that follows exactly.
const FOLLOWS: &str = "han-cai/files, ofa/latency_tools: the sums over the published operators";

/// Least and greatest latency of the space's networks at a resolution, in milliseconds, to four digits.
const EXTREMES: [(&str, [f64; 2]); 2] = [("160", [9.8903, 47.7733]), ("224", [17.7691, 92.398])];
const RESOLUTIONS: [&str; 3] = ["160", "192", "224"];
const DIGIT: f64 = 0.00005;

/// Share of the networks at 224 pixels that take 30 ms or less.
const FAST: (f64, f64) = (1.14e-6, 0.005e-6);
const BOUND_MS: f64 = 30.0;

/// The space at one resolution, priced by its table.
struct Priced {
    expanded: Expanded,
    prices: Prices,
}

/// All checks of the tables.
pub fn checks(folder: &Path) -> Vec<Check> {
    let mut checks = Vec::from(RESOLUTIONS.map(|resolution| {
        let name = format!("operators of {} that print back", file(resolution));
        Check::exact(name, CAI, 96, printed_back(folder, resolution))
    }));
    for (resolution, [least, greatest]) in EXTREMES {
        let priced = Priced::read(folder, resolution);
        let end = |end: fn(&Priced) -> Result<f64, String>| {
            priced.as_ref().map_err(Clone::clone).and_then(end)
        };
        let name = |end| {
            format!("ms of the {end} network at {resolution} pixels, Once-for-All on a Note 10")
        };
        let (fastest, slowest) = (end(Priced::least_ms), end(Priced::greatest_ms));
        checks.push(Check::near(
            name("fastest"),
            FOLLOWS,
            (least, DIGIT),
            fastest,
        ));
        checks.push(Check::near(
            name("slowest"),
            FOLLOWS,
            (greatest, DIGIT),
            slowest,
        ));
    }
    let share = Priced::read(folder, "224").and_then(Priced::fast);
    let (expected, mut tolerance) = FAST;
    if let Ok((_, uncertainty)) = share {
        tolerance += uncertainty;
    }
    let name =
        "share of the networks at 224 pixels that take 30 ms or less, Once-for-All on a Note 10";
    let share = share.map(|(share, _)| share);
    checks.push(Check::near(name, FOLLOWS, (expected, tolerance), share));
    checks
}

fn file(resolution: &str) -> String {
    format!("ofa_note10_lookup/{resolution}_lookup_table.yaml")
}

fn table(folder: &Path, resolution: &str) -> Result<LookupTable, String> {
    let File { path, bytes } = File::read(folder, &file(resolution))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{path}: not UTF-8"))?;
    LookupTable::parse(Format::Yaml, &path, &text).map_err(|error| error.to_string())
}

/// How many operators a table has, all of which are the same when they were written and read again.
fn printed_back(folder: &Path, resolution: &str) -> Result<u64, String> {
    let read = table(folder, resolution)?;
    let again = read.write(Format::Yaml);
    let again = again.and_then(|text| LookupTable::parse(Format::Yaml, &file(resolution), &text));
    match again.map_err(|error| error.to_string())? == read {
        true => Ok(read.len() as u64),
        false => Err(format!("{} does not print back", file(resolution))),
    }
}

// === impl Priced ===

impl Priced {
    fn read(folder: &Path, resolution: &str) -> Result<Self, String> {
        let table = table(folder, resolution)?;
        let (chain, expanded) = at(resolution)?;
        let prices = Prices::new(&table, Layout::OnceForAll, &chain, &expanded);
        prices.check(&expanded).map_err(|error| error.to_string())?;
        Ok(Self { expanded, prices })
    }

    fn least_ms(&self) -> Result<f64, String> {
        let least = self.prices.least(&self.expanded);
        Ok(least.map_err(|error| error.to_string())?.0)
    }

    fn greatest_ms(&self) -> Result<f64, String> {
        let greatest = self.prices.greatest(&self.expanded);
        Ok(greatest.map_err(|error| error.to_string())?.0)
    }

    /// Share of the networks that keep [`BOUND_MS`], and how far it may be off: it is counted with costs rounded up and
    /// rounded down.
    fn fast(self) -> Result<(f64, f64), String> {
        let all: f64 = self.expanded.paths().parse().expect("a number in decimal");
        let cost = |piece| self.prices.piece_ms(piece).expect("all were checked");
        let within = Within::new(self.expanded, cost, BOUND_MS);
        let count = within.map_err(|error| error.to_string())?.count();
        let [least, most] = [*count.start() / all, *count.end() / all];
        Ok((f64::midpoint(least, most), (most - least) / 2.0))
    }
}

/// The space of width 1.2, which the tables are of, at one resolution.
fn at(resolution: &str) -> Result<(Chain, Expanded), String> {
    let space =
        Space::builtin("ofa_mobilenetv3_w12").ok_or("there is no space ofa_mobilenetv3_w12")?;
    let mut decisions = space.decisions().iter();
    let index = decisions.position(|decision| decision.path() == "input.resolution");
    let index = index.ok_or("its resolution is fixed")?;
    let labels = space.decisions()[index].options().to_vec();
    let mut chain = space.chain();
    let expanded = chain.expand_where(|decision, option| {
        decision != index || labels[usize::from(option)] == resolution
    });
    Ok((chain, expanded.map_err(|error| error.to_string())?))
}
