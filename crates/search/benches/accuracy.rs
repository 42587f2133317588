//! How well accuracies are expected that were not seen, alone and from another data set.
//!
//!     cargo bench -p bespoke-search --bench accuracy -- TABLES
//!
//! `TABLES` holds `nasbench201_accuracy_percent.csv`. Of NAS-Bench-201, so many random networks' accuracies on CIFAR-100
//! teach a predictor, without and with those of 200 others on CIFAR-10; 1,000 more networks judge it. Means over five
//! draws: Spearman's correlation, the mean error in points, and the share of the accuracies within their intervals of
//! 90 %.

use std::{error::Error, fs, path::Path};

use bespoke_predict::spearman;
use bespoke_search::{AccuracyPredictor, TrainedNetwork};
use bespoke_space::{Architecture, Space};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

const DRAWS: u64 = 5;
const EARLIER: usize = 200;
const OTHERS: usize = 1000;

/// A network, and its accuracies on CIFAR-10 and CIFAR-100.
type Row = (Architecture, [f64; 2]);

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|one| !one.starts_with("--"));
    let tables = arguments.next().ok_or("give the tables' folder")?;
    let space = Space::builtin("nasbench201").ok_or("the space is not shipped")?;
    let rows = rows(&space, Path::new(&tables))?;
    println!("networks  earlier  spearman  error  within");
    for count in [10, 30, 100, 300] {
        for earlier in [0, EARLIER] {
            let mut sums = [0.0; 3];
            for draw in 0..DRAWS {
                let quality = quality(&space, &rows, count, earlier, draw)?;
                for (sum, value) in sums.iter_mut().zip(quality) {
                    *sum += value / DRAWS as f64;
                }
            }
            let [correlation, error, within] = sums;
            println!("{count:8}  {earlier:7}  {correlation:8.3}  {error:5.2}  {within:6.3}");
        }
    }
    Ok(())
}

fn rows(space: &Space, tables: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    let text = fs::read_to_string(tables.join("nasbench201_accuracy_percent.csv"))?;
    let row = |line: &str| -> Result<Row, Box<dyn Error>> {
        let fields: Vec<&str> = line.split(',').collect();
        let architecture = space.parse_architecture(fields[0])?;
        Ok((architecture, [fields[1].parse()?, fields[2].parse()?]))
    };
    text.lines().skip(1).map(row).collect()
}

fn quality(
    space: &Space,
    rows: &[Row],
    count: usize,
    earlier: usize,
    draw: u64,
) -> Result<[f64; 3], Box<dyn Error>> {
    let mut order: Vec<&Row> = rows.iter().collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(draw));
    let trained = |rows: &[&Row], set: usize| -> Vec<TrainedNetwork> {
        let network = |(architecture, accuracies): &&Row| TrainedNetwork {
            architecture: architecture.clone(),
            accuracy_percent: accuracies[set],
            scores: Vec::new(),
        };
        rows.iter().map(network).collect()
    };
    let (others, rest) = order.split_at(OTHERS);
    let (first, rest) = rest.split_at(count);
    let own = trained(first, 1);
    let earlier = trained(&rest[..earlier], 0);
    let mut predictor = AccuracyPredictor::learn(space, &own, &earlier, draw)?;
    let expected = others.iter().map(|(one, _)| predictor.predict(one, &[]));
    let expected: Vec<_> = expected.collect();
    let accuracies: Vec<f64> = others.iter().map(|(_, accuracies)| accuracies[1]).collect();
    let values: Vec<f64> = expected.iter().map(|one| one.percent).collect();
    let pairs = || expected.iter().zip(&accuracies);
    let errors = pairs().map(|(one, accuracy)| (one.percent - accuracy).abs());
    let mean = errors.sum::<f64>() / OTHERS as f64;
    let within = pairs().filter(|(one, accuracy)| {
        let interval = one.low_percent..=one.high_percent;
        interval.contains(*accuracy)
    });
    let share = within.count() as f64 / OTHERS as f64;
    Ok([spearman(&values, &accuracies), mean, share])
}
