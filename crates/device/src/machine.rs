//! The machine that an agent runs on, as it describes itself.

use serde::{Deserialize, Serialize};

use crate::MachineFingerprint;

/// What a machine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Instruction set, as Rust names it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// Operating system, as Rust names it: `linux`.
    pub os: String,
    /// The CPU; on a board also the board. `unknown` when nothing says it.
    pub cpu_model: String,
    /// Cores that the operating system schedules on.
    pub logical_cores: u32,
    /// Main memory; zero when nothing says it.
    pub memory_bytes: u64,
}

/// Cores that Arm names by a part number in place of a text: `MIDR_EL1` of each core's technical reference manual.
const ARM_PARTS: [(&str, &str); 14] = [
    ("0xd03", "Cortex-A53"),
    ("0xd05", "Cortex-A55"),
    ("0xd07", "Cortex-A57"),
    ("0xd08", "Cortex-A72"),
    ("0xd09", "Cortex-A73"),
    ("0xd0a", "Cortex-A75"),
    ("0xd0b", "Cortex-A76"),
    ("0xd0c", "Neoverse-N1"),
    ("0xd0d", "Cortex-A77"),
    ("0xd40", "Neoverse-V1"),
    ("0xd41", "Cortex-A78"),
    ("0xd42", "Cortex-A78AE"),
    ("0xd49", "Neoverse-N2"),
    ("0xd4f", "Neoverse-V2"),
];

// === impl Machine ===

impl Machine {
    /// Reads the texts of `/proc/cpuinfo` and `/proc/meminfo`.
    pub fn from_proc(cpuinfo: &str, meminfo: &str, architecture: &str, os: &str) -> Self {
        let processors = values(cpuinfo, "processor")
            .filter(|value| value.parse::<u32>().is_ok())
            .count();
        Self {
            architecture: architecture.to_owned(),
            os: os.to_owned(),
            cpu_model: cpu_model(cpuinfo),
            logical_cores: u32::try_from(processors).unwrap_or(u32::MAX).max(1),
            memory_bytes: memory_bytes(meminfo).unwrap_or(0),
        }
    }

    /// What tells this machine from others.
    pub fn fingerprint(&self) -> MachineFingerprint {
        MachineFingerprint::of(self)
    }
}

/// The CPU's name, or on Arm the names of its kinds of core and, where it is given, the board.
fn cpu_model(cpuinfo: &str) -> String {
    if let Some(name) = values(cpuinfo, "model name").next() {
        return name.to_owned();
    }
    let mut cores: Vec<String> = Vec::new();
    for (implementer, part) in values(cpuinfo, "CPU implementer").zip(values(cpuinfo, "CPU part")) {
        let core = core_name(implementer, part);
        if !cores.contains(&core) {
            cores.push(core);
        }
    }
    let mut names = vec![cores.join(" + ")];
    names.extend(
        values(cpuinfo, "Model")
            .next()
            .map(|board| without_revision(board).to_owned()),
    );
    names.retain(|name| !name.is_empty());
    if names.is_empty() {
        "unknown".to_owned()
    } else {
        names.join(", ")
    }
}

fn core_name(implementer: &str, part: &str) -> String {
    const ARM: &str = "0x41";
    let known = ARM_PARTS
        .iter()
        .find(|(number, _)| implementer == ARM && *number == part);
    known.map_or_else(
        || format!("implementer {implementer} part {part}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// Revisions of a board are the same machine.
fn without_revision(board: &str) -> &str {
    board.split_once(" Rev ").map_or(board, |(model, _)| model)
}

fn memory_bytes(meminfo: &str) -> Option<u64> {
    let kibibytes = values(meminfo, "MemTotal").next()?.strip_suffix("kB")?;
    kibibytes.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The values of a key in lines of `key : value`.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(move |(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:        8131012 kB\nMemFree:         7012345 kB\n";

    #[test]
    fn x86_machine_is_read_from_its_model_name() {
        let cpuinfo = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 167\n\
                       model name\t: Intel(R) Xeon(R) Processor\ncpu cores\t: 2\n\n\
                       processor\t: 1\nmodel name\t: Intel(R) Xeon(R) Processor\n";
        let expected = Machine {
            architecture: "x86_64".into(),
            os: "linux".into(),
            cpu_model: "Intel(R) Xeon(R) Processor".into(),
            logical_cores: 2,
            memory_bytes: 8_131_012 * 1024,
        };
        assert_eq!(
            Machine::from_proc(cpuinfo, MEMINFO, "x86_64", "linux"),
            expected
        );
    }

    fn arm(parts: &[&str], board: &str) -> Machine {
        let core = |(index, part)| {
            format!(
                "processor\t: {index}\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU part\t: {part}\n\n"
            )
        };
        let cpuinfo: String = parts.iter().enumerate().map(core).collect();
        Machine::from_proc(&format!("{cpuinfo}{board}"), MEMINFO, "aarch64", "linux")
    }

    #[test]
    fn arm_machine_without_model_name_is_read_from_its_parts_and_board() {
        let board =
            "Revision\t: d04170\nSerial\t\t: 1f2e\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n";
        let machine = arm(&["0xd0b"; 4], board);
        assert_eq!(machine.cpu_model, "Cortex-A76, Raspberry Pi 5 Model B");
        assert_eq!(machine.logical_cores, 4);
    }

    #[test]
    fn kinds_of_core_are_named_once_each() {
        assert_eq!(
            arm(&["0xd03", "0xd03", "0xd08"], "").cpu_model,
            "Cortex-A53 + Cortex-A72"
        );
    }

    #[test]
    fn unknown_part_keeps_its_numbers() {
        assert_eq!(arm(&["0xfff"], "").cpu_model, "implementer 0x41 part 0xfff");
    }

    #[test]
    fn texts_that_say_nothing_give_an_unknown_machine() {
        let machine = Machine::from_proc("", "", "riscv64", "linux");
        assert_eq!(
            (
                machine.cpu_model.as_str(),
                machine.logical_cores,
                machine.memory_bytes
            ),
            ("unknown", 1, 0)
        );
    }

    #[test]
    fn machine_survives_a_round_trip_as_json() {
        let machine = arm(&["0xd08"; 4], "");
        let text = serde_json::to_string(&machine).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Machine>(&text).expect("just written"),
            machine
        );
    }
}
