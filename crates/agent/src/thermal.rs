//! Temperatures, as the kernel's thermal zones and hardware monitors tell them.

use std::path::{Path, PathBuf};

use crate::host::Host;

/// How drivers name the thermal zones of a CPU: those of x86 packages, and `cpu-thermal`, `CPU-therm`, `soc-thermal` and
/// the like of boards.
const CPU_ZONES: [&str; 3] = ["x86_pkg_temp", "cpu", "soc"];
/// How drivers name the hardware monitors of a CPU.
const CPU_MONITORS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

/// The sensors of a machine's CPU, found once.
#[derive(Debug)]
pub(crate) struct Thermometer {
    host: Host,
    /// Files of its thermal zones.
    zones: Vec<PathBuf>,
    /// Files of its hardware monitors.
    monitors: Vec<PathBuf>,
}

// === impl Thermometer ===

impl Thermometer {
    /// The hottest reading in degrees Celsius: of the thermal zones, else of the hardware monitors.
    pub(crate) fn celsius(&self) -> Option<f64> {
        let hottest = |files: &[PathBuf]| {
            let readings = files.iter();
            readings
                .filter_map(|file| self.host.millidegrees(file))
                .max()
        };
        let hottest = hottest(&self.zones).or_else(|| hottest(&self.monitors))?;
        Some(hottest as f64 / 1e3)
    }
}

// === impl Host ===

impl Host {
    /// What tells how hot the CPU is.
    pub(crate) fn thermometer(&self) -> Thermometer {
        let zones = self.cpu_zones().into_iter();
        Thermometer {
            host: self.clone(),
            zones: zones.map(|zone| zone.join("temp")).collect(),
            monitors: self.cpu_monitors(),
        }
    }

    /// How hot the CPU is at this moment, in degrees Celsius.
    pub(crate) fn cpu_temperature_c(&self) -> Option<f64> {
        self.thermometer().celsius()
    }

    /// The least temperature in degrees Celsius at which the CPU is slowed down, of its thermal zones.
    pub(crate) fn thermal_limit_c(&self) -> Option<f64> {
        let zones = self.cpu_zones();
        let limits = zones.iter().flat_map(|zone| {
            (0..32).filter_map(|n| {
                let kind = self.read(zone.join(format!("trip_point_{n}_type")))?;
                let slows = ["passive", "hot"].contains(&kind.as_str());
                slows.then(|| self.millidegrees(&zone.join(format!("trip_point_{n}_temp"))))?
            })
        });
        Some(limits.min()? as f64 / 1e3)
    }

    fn cpu_zones(&self) -> Vec<PathBuf> {
        let mut zones = self.folders("sys/class/thermal", "thermal_zone");
        zones.retain(|path| {
            let kind = self
                .read(path.join("type"))
                .unwrap_or_default()
                .to_lowercase();
            CPU_ZONES.iter().any(|name| kind.starts_with(name))
        });
        zones
    }

    fn cpu_monitors(&self) -> Vec<PathBuf> {
        let monitors = self.folders("sys/class/hwmon", "hwmon");
        let of_cpu = monitors.iter().filter(|path| {
            let name = self.read(path.join("name"));
            name.is_some_and(|name| CPU_MONITORS.contains(&name.as_str()))
        });
        let files = of_cpu.flat_map(|path| {
            let files = (1..=32).map(|n| path.join(format!("temp{n}_input")));
            files.take_while(|file| self.has(file))
        });
        files.collect()
    }

    /// A thermal zone that is switched off reads zero, or as cold as nothing can be.
    fn millidegrees(&self, path: &Path) -> Option<i64> {
        let reading: i64 = self.read(path)?.parse().ok()?;
        (1..200_000).contains(&reading).then_some(reading)
    }

    /// The entries of a folder whose names begin so, relative to the root and in order.
    pub(crate) fn folders(&self, folder: &str, prefix: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = self
            .names(folder)
            .into_iter()
            .filter(|name| name.starts_with(prefix))
            .map(|name| Path::new(folder).join(name))
            .collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use crate::host::fake;

    #[test]
    fn the_hottest_zone_of_the_cpu_counts() {
        let (_root, host) = fake::host(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone0/temp", "51200\n"),
            ("sys/class/thermal/thermal_zone1/type", "CPU-therm\n"),
            ("sys/class/thermal/thermal_zone1/temp", "53500\n"),
            ("sys/class/thermal/thermal_zone2/type", "iwlwifi_1\n"),
            ("sys/class/thermal/thermal_zone2/temp", "70000\n"),
        ]);
        assert_eq!(host.cpu_temperature_c(), Some(53.5));
    }

    #[test]
    fn without_a_zone_the_hardware_monitor_is_asked() {
        let (_root, host) = fake::host(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone0/temp", "-256000\n"),
            ("sys/class/hwmon/hwmon0/name", "nvme\n"),
            ("sys/class/hwmon/hwmon0/temp1_input", "80000\n"),
            ("sys/class/hwmon/hwmon1/name", "k10temp\n"),
            ("sys/class/hwmon/hwmon1/temp1_input", "44125\n"),
            ("sys/class/hwmon/hwmon1/temp2_input", "46000\n"),
        ]);
        assert_eq!(host.cpu_temperature_c(), Some(46.0));
    }

    #[test]
    fn a_thermometer_reads_the_sensors_that_were_found_anew() {
        let zone = "sys/class/thermal/thermal_zone0";
        let (root, host) = fake::host(&[(&format!("{zone}/type"), "cpu-thermal\n")]);
        let thermometer = host.thermometer();
        for (reading, celsius) in [
            ("51200\n", Some(51.2)),
            ("-1\n", None),
            ("60000\n", Some(60.0)),
        ] {
            fake::write(&root, &format!("{zone}/temp"), reading);
            assert_eq!(thermometer.celsius(), celsius);
        }
    }

    #[test]
    fn a_machine_without_sensors_has_no_temperature() {
        let (_root, host) = fake::host(&[]);
        assert_eq!(host.cpu_temperature_c(), None);
    }
}
