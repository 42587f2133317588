//! What FBNet and ProxylessNAS find, beside random networks of equal cost.
//!
//!     cargo bench --bench differentiable -- fbnet|proxylessnas FOLDER EPOCHS NETWORKS [CIFAR10]
//!
//! Searches the blocks of `examples/spaces/fbnet_blocks.toml`, on the digits, or on the first 4,000 images of CIFAR-10 where
//! the folder of its files is given, for so many epochs at each of three weights of the latency: a study each, whose trials
//! are trained from scratch and measured with tract. The network of a search is the first that is proposed: the likeliest
//! in the end. Then as many random networks whose multiply-accumulates are within 5 % of its are trained by the same
//! recipe, and all are measured by turns. Prints a table in Markdown and draws `FOLDER/METHOD.svg`; every network's accuracy is
//! kept in `FOLDER/METHOD.csv`. A random network is dominated that is slower and less accurate, and dominates that is neither.
//!
//! Trains on libtorch in a program that was built with it, with Burn's own backend otherwise. A call ends after nine
//! minutes; the next one with the same arguments goes on.

mod device;
mod picture;

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    ops::Range,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use bespoke_accuracy::{DataSet, Decision, Evaluator, Training};
use bespoke_graph::{ExportOptions, Model, Weights};
use bespoke_net::Images;
use bespoke_recipe::{Augment, DataSetName, Recipe};
use bespoke_space::Space;
use picture::Dot;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;

const BLOCKS: &str = include_str!("../examples/spaces/fbnet_blocks.toml");
/// Weights of the latency, from light to heavy.
const WEIGHTS: [&str; 3] = ["light", "middle", "heavy"];
/// Images of CIFAR-10 that are trained on, and tested with.
const OF_CIFAR10: [usize; 2] = [4_000, 5_000];
const A_CALL: Duration = Duration::from_secs(9 * 60);
/// Multiply-accumulates of a random network differ by no more from those of the one that was found, as a share.
const EQUAL: f64 = 0.05;
const DRAWS: usize = 1_000_000;

fn main() -> Outcome<()> {
    // Cargo passes `--bench`; what remains are this benchmark's own arguments.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (method, folder, epochs, networks, cifar10) = match arguments[..] {
        [method, folder, epochs, networks] => (method, folder, epochs, networks, None),
        [method, folder, epochs, networks, cifar10] => {
            (method, folder, epochs, networks, Some(Path::new(cifar10)))
        }
        _ => return Err("say `fbnet|proxylessnas FOLDER EPOCHS NETWORKS [CIFAR10]`".into()),
    };
    fs::create_dir_all(folder)?;
    let bench = Bench {
        deadline: Instant::now() + A_CALL,
        method: method.to_owned(),
        epochs: epochs.parse()?,
        networks: networks.parse()?,
        folder: fs::canonicalize(folder)?,
        is_cifar10: cifar10.is_some(),
    };
    bench.run(cifar10)
}

struct Bench {
    deadline: Instant,
    method: String,
    epochs: u32,
    networks: usize,
    folder: PathBuf,
    is_cifar10: bool,
}

/// A network that was trained.
#[derive(Debug, Clone)]
struct Row {
    weight: String,
    /// `found` or `random`.
    kind: String,
    architecture: String,
    macs: f64,
    accuracy_percent: f64,
}

// === impl Bench ===

impl Bench {
    fn run(&self, cifar10: Option<&Path>) -> Outcome<()> {
        let (space, data) = self.prepare(cifar10)?;
        let mut rows = self.rows()?;
        for weight in WEIGHTS {
            let found = match rows.iter().find(|row| row.is(weight, "found")) {
                Some(found) => found.clone(),
                None => {
                    let Some(found) = self.search(weight)? else {
                        return Ok(());
                    };
                    self.append(&found)?;
                    rows.push(found.clone());
                    found
                }
            };
            for architecture in self.equals(&space, &found)? {
                let is_this = |row: &Row| row.architecture == architecture;
                if rows
                    .iter()
                    .any(|row| row.is(weight, "random") && is_this(row))
                {
                    continue;
                }
                let Some(row) = self.alone(&space, &data, weight, &architecture)? else {
                    return Ok(());
                };
                self.append(&row)?;
                rows.push(row);
            }
        }
        let latencies_ms = self.measured(&space, &rows)?;
        print(&self.method, &rows, &latencies_ms);
        let picture = self.folder.join(format!("{}.svg", self.method));
        Ok(fs::write(picture, draw(&rows, &latencies_ms))?)
    }

    /// The space for the images, in a file too, and the images, for the program in a folder.
    fn prepare(&self, cifar10: Option<&Path>) -> Outcome<(Space, Arc<DataSet>)> {
        let data = match cifar10 {
            None => DataSet::digits(),
            Some(cifar10) => {
                let mut data = DataSet::open(DataSetName::Cifar10, cifar10)?;
                for (images, most) in [&mut data.train, &mut data.held_out]
                    .into_iter()
                    .zip(OF_CIFAR10)
                {
                    let count = most.min(images.count());
                    *images = images.select(&(0..count).collect::<Vec<_>>())?;
                }
                write(&data, &self.folder.join("cifar10"))?;
                data
            }
        };
        let [channels, size, _] = data.train.shape();
        let text = BLOCKS
            .replace("channels = 1\n", &format!("channels = {channels}\n"))
            .replace("resolution = 28", &format!("resolution = {size}"));
        fs::write(self.folder.join("blocks.toml"), &text)?;
        Ok((Space::parse("blocks.toml", &text)?, Arc::new(data)))
    }

    /// How a trial is trained, and a random network.
    fn recipe(&self) -> Recipe {
        Recipe {
            epochs: if self.is_cifar10 { 4 } else { 20 },
            batch_size: 32,
            learning_rate: 0.05,
            augment: Augment::Shift { pixels: 1 },
            device: device::device(),
            ..Recipe::default()
        }
    }

    /// The study of a search. The learning rates are such that a hundred steps or two decide.
    fn study(&self, weight: &str) -> String {
        let at = WEIGHTS.iter().position(|other| *other == weight);
        let at = at.unwrap_or_default();
        let settings = match self.method.as_str() {
            "fbnet" => {
                let beta = [0.2, 0.6, 0.75][at];
                // About the same factor of the cross-entropy, whatever β, at 200 µs; and masks as cold in the end as
                // after the paper's 90 epochs.
                let alpha = 0.2 * 5.3f64.powf(0.6 - beta);
                let annealing = 4.05 / f64::from(self.epochs);
                format!(
                    "alpha = {alpha}\nbeta = {beta}\nannealing = {annealing}\nlearning_rate = 0.1"
                )
            }
            _ => {
                let lambda = [0.06, 0.6, 2.0][at];
                format!("loss = {{ sum = {{ lambda = {lambda} }} }}\nlearning_rate = 0.1")
            }
        };
        let data = match self.is_cifar10 {
            true => format!(
                "set = 'cifar10'\nfolder = '{}'",
                self.folder.join("cifar10").display()
            ),
            false => "set = 'digits'".to_owned(),
        };
        let Recipe {
            epochs,
            batch_size,
            learning_rate,
            device,
            ..
        } = self.recipe();
        format!(
            "name = '{method}-{weight}'\nspace = 'blocks.toml'\nseed = 1\n[data]\n{data}\n\
             [strategy]\nname = '{method}'\nepochs = {}\n{settings}\n\
             [training]\nepochs = {epochs}\nbatch_size = {batch_size}\nlearning_rate = {learning_rate}\n\
             augment = {{ shift = {{ pixels = 1 }} }}\ndevice = {device}\n\
             [[targets]]\nruntime = 'tract'\n[budget]\ntrials = 2\nin_flight = 2\n\
             [protocol]\nbudget_ms = 3000\nmax_slowdown = 0.2\n",
            self.epochs,
            method = self.method,
            device = serde_json::json!(device),
        )
    }

    /// Runs a study and gives the first network that was proposed in the end; none where the time is over.
    fn search(&self, weight: &str) -> Outcome<Option<Row>> {
        let name = format!("{}-{weight}", self.method);
        let file = self.folder.join(format!("{name}.toml"));
        fs::write(&file, self.study(weight))?;
        let file = file.display().to_string();
        if !self.bespoke_until_deadline(&["search", &file])? {
            return Ok(None);
        }
        let study: Value =
            serde_json::from_slice(&self.bespoke(&["studies", "show", &name, "--json"])?)?;
        let trials = study["trials"].as_array().ok_or("a study has trials")?;
        let found = trials.iter().find_map(|trial| {
            Some(Row {
                weight: weight.to_owned(),
                kind: "found".to_owned(),
                architecture: trial["architecture"].as_str()?.to_owned(),
                macs: trial["macs"].as_f64()?,
                accuracy_percent: trial["accuracy_percent"].as_f64()?,
            })
        });
        Ok(Some(found.ok_or(
            "no network of the search was trained to the end",
        )?))
    }

    /// Random networks that cost as much as the one that was found: the same ones in every call.
    fn equals(&self, space: &Space, found: &Row) -> Outcome<Vec<String>> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut equals: Vec<String> = Vec::new();
        for _ in 0..DRAWS {
            if equals.len() == self.networks {
                break;
            }
            let architecture = space.sample(&mut rng);
            let name = space.format_architecture(&architecture);
            let macs = space.lower(&architecture)?.live().cost().macs as f64;
            let is_equal = (macs / found.macs - 1.0).abs() <= EQUAL;
            if is_equal && name != found.architecture && !equals.contains(&name) {
                equals.push(name);
            }
        }
        Ok(equals)
    }

    /// Trains a network; none where the time is over.
    fn alone(
        &self,
        space: &Space,
        data: &Arc<DataSet>,
        weight: &str,
        name: &str,
    ) -> Outcome<Option<Row>> {
        let graph = space.lower(&space.parse_architecture(name)?)?.live();
        let training = Training::new(data.clone(), self.recipe())?;
        let trained =
            training.evaluate(&graph, 1, &mut |_| match Instant::now() < self.deadline {
                true => Decision::Continue,
                false => Decision::Stop,
            })?;
        if trained.stopped_early {
            return Ok(None);
        }
        let row = Row {
            weight: weight.to_owned(),
            kind: "random".to_owned(),
            architecture: name.to_owned(),
            macs: graph.cost().macs as f64,
            accuracy_percent: trained.accuracy_percent,
        };
        println!("{}", row.line());
        Ok(Some(row))
    }

    /// The latency of each network, in milliseconds: those of one weight take turns.
    fn measured(&self, space: &Space, rows: &[Row]) -> Outcome<Vec<f64>> {
        let mut latencies_ms = vec![f64::NAN; rows.len()];
        for weight in WEIGHTS {
            let (mut places, mut arguments) = (Vec::new(), vec!["measure".to_owned()]);
            for (at, row) in rows
                .iter()
                .enumerate()
                .filter(|(_, row)| row.weight == weight)
            {
                let graph = space
                    .lower(&space.parse_architecture(&row.architecture)?)?
                    .live();
                let weights = Weights::initial(&graph, &mut ChaCha8Rng::seed_from_u64(1));
                let onnx = Model::new(graph, weights)?.to_onnx(ExportOptions {
                    fold_batch_norm: true,
                });
                let file = self.folder.join(format!("{at}.onnx"));
                fs::write(&file, onnx)?;
                places.push(at);
                arguments.push(file.display().to_string());
            }
            arguments.extend(["--budget".to_owned(), "3".to_owned(), "--json".to_owned()]);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let records: Value = serde_json::from_slice(&self.bespoke(&arguments)?)?;
            for (at, record) in places.iter().zip(records.as_array().ok_or("one for each")?) {
                latencies_ms[*at] = record["median_ms"].as_f64().unwrap_or(f64::NAN);
            }
        }
        Ok(latencies_ms)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bespoke"));
        command.current_dir(&self.folder).args(arguments);
        command
    }

    fn bespoke(&self, arguments: &[&str]) -> Outcome<Vec<u8>> {
        let output = self.command(arguments).output()?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        }
    }

    /// Runs the program and hands its progress on. Whether it came to its end in time; otherwise it is killed.
    fn bespoke_until_deadline(&self, arguments: &[&str]) -> Outcome<bool> {
        let mut command = self.command(arguments);
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("stderr is piped")?;
        let (ended, end) = mpsc::channel();
        let told = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                println!("{line}");
            }
            // Nobody waits where the time is over.
            let _ = ended.send(());
        });
        let left = self.deadline.saturating_duration_since(Instant::now());
        let is_over = end.recv_timeout(left).is_err();
        if is_over {
            child.kill()?;
        }
        let status = child.wait()?;
        told.join().map_err(|_| "its progress cannot be read")?;
        match is_over || status.success() {
            true => Ok(!is_over),
            false => Err("the search failed, see above".into()),
        }
    }

    fn table(&self) -> PathBuf {
        self.folder.join(format!("{}.csv", self.method))
    }

    fn rows(&self) -> Outcome<Vec<Row>> {
        let text = fs::read_to_string(self.table()).unwrap_or_default();
        let rows = text.lines().skip(1).map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let [weight, kind, architecture, macs, accuracy_percent] = cells[..] else {
                return Err(format!("`{line}` is no line of the table").into());
            };
            Ok(Row {
                weight: weight.to_owned(),
                kind: kind.to_owned(),
                architecture: architecture.to_owned(),
                macs: macs.parse()?,
                accuracy_percent: accuracy_percent.parse()?,
            })
        });
        rows.collect()
    }

    fn append(&self, row: &Row) -> Outcome<()> {
        let is_new = !self.table().exists();
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.table())?;
        if is_new {
            writeln!(file, "weight,kind,architecture,macs,accuracy_percent")?;
        }
        Ok(writeln!(file, "{}", row.line())?)
    }
}

// === impl Row ===

impl Row {
    fn is(&self, weight: &str, kind: &str) -> bool {
        self.weight == weight && self.kind == kind
    }

    fn line(&self) -> String {
        let Self {
            weight,
            kind,
            architecture,
            macs,
            accuracy_percent,
        } = self;
        format!("{weight},{kind},{architecture},{macs},{accuracy_percent}")
    }
}

// === helpers ===

/// Writes images in CIFAR-10's own format.
fn write(data: &DataSet, folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    let part = |images: &Images, name: &str, part: Range<usize>| {
        let mut records = Vec::new();
        for at in part {
            records.push(images.labels()[at]);
            let pixels = images.pixels(at..at + 1);
            records.extend(pixels.iter().map(|pixel| (pixel * 255.0).round() as u8));
        }
        fs::write(folder.join(name), records)
    };
    let fifth = data.train.count() / 5;
    for at in 0..5 {
        let name = format!("data_batch_{}.bin", at + 1);
        part(&data.train, &name, at * fifth..(at + 1) * fifth)?;
    }
    let count = data.held_out.count();
    Ok(part(&data.held_out, "test_batch.bin", 0..count)?)
}

fn draw(rows: &[Row], latencies_ms: &[f64]) -> String {
    let dots = rows.iter().zip(latencies_ms).filter_map(|(row, ms)| {
        Some(Dot {
            group: WEIGHTS.iter().position(|weight| row.weight == *weight)?,
            is_found: row.kind == "found",
            ms: *ms,
            accuracy_percent: row.accuracy_percent,
            name: row.architecture.clone(),
        })
    });
    picture::svg(&WEIGHTS, &dots.collect::<Vec<_>>())
}

fn print(method: &str, rows: &[Row], latencies_ms: &[f64]) {
    println!(
        "| {method} | found | MMACs | ms | accuracy | random of equal cost | ms | accuracy | best | less accurate | dominated | dominating |\n\
         |{}",
        " --- |".repeat(12)
    );
    for weight in WEIGHTS {
        let measured = rows.iter().zip(latencies_ms.iter().copied());
        let Some((found, found_ms)) = measured.clone().find(|(row, _)| row.is(weight, "found"))
        else {
            continue;
        };
        let random: Vec<(&Row, f64)> = measured
            .filter(|(row, _)| row.is(weight, "random"))
            .collect();
        let count = random.len();
        let mean = |of: fn(&(&Row, f64)) -> f64| random.iter().map(of).sum::<f64>() / count as f64;
        let accuracy = mean(|(row, _)| row.accuracy_percent);
        let squares = random
            .iter()
            .map(|(row, _)| (row.accuracy_percent - accuracy).powi(2));
        let deviation = (squares.sum::<f64>() / (count as f64 - 1.0)).sqrt();
        let best = random.iter().map(|(row, _)| row.accuracy_percent);
        let worse = |row: &Row| row.accuracy_percent < found.accuracy_percent;
        let better = |row: &Row| row.accuracy_percent > found.accuracy_percent;
        let less = random.iter().filter(|(row, _)| worse(row));
        let dominated = less.clone().filter(|(_, ms)| *ms > found_ms);
        let dominating = random
            .iter()
            .filter(|(row, ms)| better(row) && *ms <= found_ms);
        println!(
            "| {weight} | {} | {:.3} | {:.4} | {:.2} % | {count} | {:.4} | {accuracy:.2} ± {deviation:.2} % | {:.2} % | {} | {} | {} |",
            found.architecture.replace('|', " "),
            found.macs / 1e6,
            found_ms,
            found.accuracy_percent,
            mean(|(_, ms)| *ms),
            best.fold(f64::NAN, f64::max),
            less.count(),
            dominated.count(),
            dominating.count(),
        );
    }
}
