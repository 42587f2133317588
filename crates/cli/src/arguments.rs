//! The command line as it is typed.

mod bench;
mod lookup;
mod predictor;
mod score;
mod table;

use std::{net::SocketAddr, path::PathBuf};

use bespoke_recipe::DataSetName;
use bespoke_study::{StudyName, TrialId};
use clap::{Args, Parser, Subcommand};

pub use bench::{AccuracyFrom, Beforehand, Bench, BenchSearch, LatencyFrom};
pub use lookup::{BoundsOfLookup, BuildLookup, CheckLookup, Lookup, TableFormat};
pub use predictor::{
    Adapt, DescribePredictor, Evaluate, Fit, MethodArguments, MethodName, Plan, PlanFrom,
    Predictor, PricePredicted, TargetName,
};
pub use score::Score;
pub use table::{Fix, MeasureTable, On, Table};

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Neural networks made to measure: searches a space of networks for those that nobody beats on your hardware.
#[derive(Debug, Parser)]
#[command(name = "bespoke", version, propagate_version = true)]
pub struct Arguments {
    /// Folder for measurements, studies and what they find.
    #[arg(
        long,
        global = true,
        default_value = "bespoke-data",
        value_name = "FOLDER",
        help_heading = EVERYWHERE
    )]
    pub data_dir: PathBuf,
    /// ONNX Runtime's library; default: what ORT_DYLIB_PATH names, else that of an installed Python package.
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    pub onnxruntime: Option<PathBuf>,
    /// Say on stderr what is going on.
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    pub verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One file in `command` for each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a study on this machine: coordinator and agent in one program.
    #[command(
        after_help = "Example:\n  bespoke search examples/quickstart.toml\n\nStopped or killed, the same command goes on where it was."
    )]
    Search(Search),
    /// Run the coordinator that agents and clients connect to.
    #[command(
        after_help = "Example:\n  bespoke serve --listen 0.0.0.0:7117\n  grpcurl -plaintext localhost:7117 list"
    )]
    Serve(Serve),
    /// Run a device agent: measures networks for a coordinator.
    #[command(
        after_help = "Example:\n  bespoke agent --coordinator http://farm.local:7117 --name pi-4"
    )]
    Agent(Agent),
    /// Measure the latency of ONNX files or of an architecture.
    #[command(
        after_help = "Examples:\n  bespoke measure network.onnx --threads 2\n  bespoke measure old.onnx new.onnx --compare\n  bespoke measure --space mobile_small --architecture \"$(bespoke space sample mobile_small)\" --json"
    )]
    Measure(Measure),
    /// Look at this machine as a device to measure on, or at what is known of others.
    #[command(subcommand)]
    Device(Device),
    /// Look into a search space.
    #[command(subcommand)]
    Space(Space),
    /// Look into a network.
    #[command(subcommand)]
    Graph(Graph),
    /// Score networks without training them.
    #[command(
        after_help = "Examples:\n  bespoke score --space mobile_small --scores synflow,entropy $(bespoke space sample mobile_small --count 5)\n  bespoke score --space mobile_small --scores snip --data digits $(bespoke space sample mobile_small) --json"
    )]
    Score(Score),
    /// Write a network as an ONNX file.
    #[command(
        after_help = "Examples:\n  bespoke export quickstart --trial 12 --out network.onnx\n  bespoke export --space fbnet --architecture \"$(bespoke space sample fbnet)\" --out random.onnx"
    )]
    Export(Export),
    /// Submit, watch, list, show, replay, cancel or remove studies.
    #[command(
        after_help = "Examples:\n  bespoke studies list\n  bespoke studies show quickstart --json"
    )]
    #[command(subcommand)]
    Studies(Studies),
    /// Print a study's front: the networks that no other beats.
    #[command(after_help = "Example:\n  bespoke front quickstart --json")]
    Front(Front),
    /// Data sets to train on.
    #[command(subcommand)]
    Data(Data),
    /// Prices of networks before they are measured.
    #[command(subcommand)]
    Predictor(Predictor),
    /// Look-up tables of operators: the table for your device.
    #[command(subcommand)]
    Lookup(Lookup),
    /// Tables of measured networks.
    #[command(subcommand)]
    Table(Table),
    /// Score strategies in tables that were published, without training or measuring anything.
    #[command(subcommand)]
    Bench(Bench),
    /// Derive published figures again and tell whether they come out.
    #[command(
        after_help = "Example:\n  bespoke verify\n  bespoke verify --data published --json\n\nEnds with an error if a figure does not come out."
    )]
    Verify(Verify),
    /// Measures one network given on stdin; agents run this as a child process.
    #[command(hide = true)]
    MeasureWorker,
}

/// Arguments of `search`.
#[derive(Debug, Args)]
pub struct Search {
    /// The study file.
    pub study: PathBuf,
    /// Forget an earlier study of this name and begin anew. Measurements are kept.
    #[arg(long)]
    pub fresh: bool,
    /// Print the front as JSON.
    #[arg(long)]
    pub json: bool,
    /// Networks trained side by side; default: one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub trainers: Option<u16>,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port to listen on.
    #[arg(long, default_value = "127.0.0.1:7117", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,
    /// Networks trained side by side; default: one for each core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub trainers: Option<u16>,
    /// Seconds without a sign of life after which an agent's work is given to another.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub lease_timeout: u64,
}

/// Arguments of `agent`.
#[derive(Debug, Args)]
pub struct Agent {
    /// URL of the coordinator.
    #[arg(long, value_name = "URL")]
    pub coordinator: String,
    /// Name of this agent, unique on the coordinator; default: the host's name.
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub limits: Limits,
}

/// What a child process that measures may use.
#[derive(Debug, Args)]
pub struct Limits {
    /// Most memory for measuring one network, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = Limits::default().memory_limit)]
    pub memory_limit: u64,
    /// Most time for measuring one network, compiling included, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().time_limit)]
    pub time_limit: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_limit: 4096,
            time_limit: 120,
        }
    }
}

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub struct Measure {
    /// ONNX files. Several take turns, so that all are measured under the same circumstances.
    #[arg(required_unless_present = "space", conflicts_with_all = ["space", "architecture"])]
    pub onnx: Vec<PathBuf>,
    #[command(flatten)]
    pub network: Network,
    /// Tell whether the others are really faster or slower than the first: each is measured in several processes, all
    /// side by side, and only a difference that chance does not explain counts.
    #[arg(long, conflicts_with_all = ["space", "coordinator"])]
    pub compare: bool,
    /// Processes that measure each network that is compared: the same network differs from one to the next.
    #[arg(long, value_name = "N", default_value_t = 5, requires = "compare", value_parser = clap::value_parser!(u32).range(4..=100))]
    pub processes: u32,
    /// What compiles and runs the network.
    #[arg(long, default_value = "tract")]
    pub runtime: String,
    /// Samples in one forward pass.
    #[arg(long, default_value_t = 1)]
    pub batch: u32,
    /// Threads that the runtime may use.
    #[arg(long, default_value_t = 1)]
    pub threads: u32,
    /// Number format that the runtime computes in: f32, f16 or int8.
    #[arg(long, default_value = "f32")]
    pub precision: String,
    /// Measure through a coordinator instead of on this machine.
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
    /// Most time spent timing, in seconds; slow networks need more than the default.
    #[arg(long, value_name = "SECONDS")]
    pub budget: Option<u64>,
    /// Tell what each operator takes, too: from passes of their own, which are slower than those that are timed whole.
    #[arg(long)]
    pub operators: bool,
    /// Begin every pass with caches that hold nothing of the network, as where passes are far between.
    #[arg(long)]
    pub cold: bool,
    /// Go on for so many minutes and tell the first and the last, for machines that grow hot; the latency is that of
    /// the last.
    #[arg(long, value_name = "MINUTES")]
    pub sustained: Option<u32>,
    /// Print the whole records as JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub limits: Limits,
}

/// Arguments of `device`.
#[derive(Debug, Subcommand)]
pub enum Device {
    /// Show what an agent sees of this machine, what will make its measurements noisy, and how to mend it.
    #[command(
        after_help = "Example:\n  bespoke device inspect\n\nWatches the machine for a second. Run it as the user that will run the agent."
    )]
    Inspect {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// List the devices whose vendors' figures are shipped.
    #[command(after_help = "Example:\n  bespoke device list")]
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show the vendor's figures of a device, and where they are from.
    #[command(after_help = "Example:\n  bespoke device show raspberry-pi-5 --json")]
    Show {
        /// A shipped device's name or a profile file.
        device: String,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// A network of a space.
#[derive(Debug, Args)]
pub struct Network {
    /// A shipped space's name or a space file.
    #[arg(long, requires = "architecture")]
    pub space: Option<String>,
    /// Canonical string of an architecture.
    #[arg(long, requires = "space")]
    pub architecture: Option<String>,
}

/// Arguments of `space`.
#[derive(Debug, Subcommand)]
pub enum Space {
    /// List the shipped spaces.
    #[command(after_help = "Example:\n  bespoke space list")]
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a space: its source, size and decisions.
    #[command(after_help = "Example:\n  bespoke space show search_spaces/nasbench201.toml --json")]
    Show {
        /// A shipped space's name or a space file.
        space: String,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Draw architectures uniformly: of all, of those with some options, or of those that run within a bound.
    #[command(
        after_help = "Examples:\n  bespoke space sample fbnet --count 10 --seed 7\n  bespoke space sample ofa_mobilenetv3_w12 --fix input.resolution=224 --table my_device.yaml --bound-ms 20 --count 10"
    )]
    Sample(Sample),
    /// Check a space file.
    #[command(after_help = "Example:\n  bespoke space validate my_space.toml")]
    Validate {
        /// A shipped space's name or a space file.
        space: String,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `space sample`.
#[derive(Debug, Args)]
pub struct Sample {
    /// A shipped space's name or a space file.
    pub space: String,
    /// How many.
    #[arg(long, short = 'n', default_value_t = 1)]
    pub count: u32,
    /// Seed of the draw.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Price what is drawn by a look-up table of operators: `.csv`, `.yaml` (once-for-all, ProxylessNAS), or `.txt`
    /// (FBNet); may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub table: Vec<PathBuf>,
    /// Draw of those networks only that take no longer by the table; one for each table, in the same order,
    /// divided by commas.
    #[arg(long, value_delimiter = ',', value_name = "MS", requires = "table")]
    pub bound_ms: Vec<f64>,
    /// Draw of those networks only that take this option, written PATH=OPTION; may be given more than once.
    #[arg(long, value_name = "PATH=OPTION")]
    pub fix: Vec<Fix>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `graph`.
#[derive(Debug, Subcommand)]
pub enum Graph {
    /// Count what a network costs.
    #[command(
        after_help = "Examples:\n  bespoke graph cost network.onnx\n  bespoke graph cost --space search_spaces/fbnet.toml --architecture \"$(bespoke space sample fbnet)\" --json"
    )]
    Cost {
        /// An ONNX file.
        #[arg(required_unless_present = "space", conflicts_with_all = ["space", "architecture"])]
        onnx: Option<PathBuf>,
        #[command(flatten)]
        network: Network,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// A study, to write a trained network of its front.
    #[arg(required_unless_present = "space", conflicts_with_all = ["space", "architecture"], requires = "trial")]
    pub study: Option<StudyName>,
    /// Number of the trial.
    #[arg(long, requires = "study")]
    pub trial: Option<TrialId>,
    #[command(flatten)]
    pub network: Network,
    /// Seed of the random weights of an architecture that no study has trained.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Keep batch normalisations as they are instead of folding them into convolutions.
    #[arg(long, conflicts_with = "study")]
    pub keep_batch_norm: bool,
    /// Where to write it.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
    /// Read from a coordinator instead of the data folder.
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
    /// Print what was written as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `studies`.
#[derive(Debug, Subcommand)]
pub enum Studies {
    /// List all studies.
    List(StudiesSource),
    /// Show a study and its trials.
    Show {
        /// The study.
        name: StudyName,
        #[command(flatten)]
        source: StudiesSource,
    },
    /// Stop a study that runs on a coordinator.
    Cancel {
        /// The study.
        name: StudyName,
        /// URL of the coordinator.
        #[arg(long, value_name = "URL")]
        coordinator: String,
    },
    /// Start a study on a coordinator and return at once.
    Submit {
        /// The study file.
        study: PathBuf,
        /// URL of the coordinator.
        #[arg(long, value_name = "URL")]
        coordinator: String,
    },
    /// Watch a study on a coordinator until it ends.
    Watch {
        /// The study.
        name: StudyName,
        /// URL of the coordinator.
        #[arg(long, value_name = "URL")]
        coordinator: String,
    },
    /// Derive every proposal of a study again from its journal, and tell whether each is the one that stands there.
    #[command(
        after_help = "Example:\n  bespoke studies replay quickstart\n\nEnds with an error and the first trial that differs."
    )]
    Replay {
        /// The study.
        name: StudyName,
        #[command(flatten)]
        source: StudiesSource,
    },
    /// Remove a study, its trials and its folder from the data folder. Measurements are kept.
    Remove {
        /// The study.
        name: StudyName,
    },
}

/// Where studies and predictors are read from.
#[derive(Debug, Args)]
pub struct StudiesSource {
    /// Read from a coordinator instead of the data folder.
    #[arg(long, value_name = "URL")]
    pub coordinator: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `front`.
#[derive(Debug, Args)]
pub struct Front {
    /// The study.
    pub study: StudyName,
    #[command(flatten)]
    pub source: StudiesSource,
}

/// Arguments of `data`.
#[derive(Debug, Subcommand)]
pub enum Data {
    /// List the data sets.
    #[command(after_help = "Example:\n  bespoke data list")]
    List {
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Download a data set and check it.
    #[command(after_help = "Example:\n  bespoke data fetch mnist --folder data/mnist")]
    Fetch {
        /// Which data set.
        set: DataSetName,
        /// Where to put its files.
        #[arg(long)]
        folder: PathBuf,
        /// Print as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// A folder of published tables, to check these too: the CSV files of HELP, OneProxy and NATS-Bench, and
    /// Once-for-All's look-up tables, each as `architecture` and a column for each device.
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}
