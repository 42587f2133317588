//! NVIDIA's management library (NVML), opened where it is installed.

use std::{ffi::OsStr, rc::Rc};

use bespoke_device::TargetSpec;
use nvml_wrapper::{
    Device, Nvml,
    enum_wrappers::device::{Clock, TemperatureSensor},
    error::NvmlError,
};

/// The name that a driver installs; the one without a number comes with development packages only.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// The first GPU of the machine, as its driver tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Gpu(Rc<Nvml>);

/// Whether a target's networks run on a GPU: its runtime's name says so.
pub(crate) fn runs_on_gpu(target: &TargetSpec) -> bool {
    target.runtime.ends_with("cuda")
}

// === impl Gpu ===

impl Gpu {
    /// Nothing where there is no driver or no GPU.
    pub(crate) fn open() -> Option<Self> {
        let nvml = Nvml::builder().lib_path(OsStr::new(LIBRARY)).init().ok()?;
        let gpu = Self(Rc::new(nvml));
        gpu.device().is_some().then_some(gpu)
    }

    /// Facts by name; what the driver does not tell is absent.
    pub(crate) fn facts(&self) -> Vec<(&'static str, Option<String>)> {
        let clock = |kind| self.ask(|gpu| gpu.clock_info(kind));
        let max_clock = |kind| self.ask(|gpu| gpu.max_clock_info(kind));
        let temperature = self.ask(|gpu| gpu.temperature(TemperatureSensor::Gpu));
        let memory_bytes = self.ask(|gpu| gpu.memory_info().map(|memory| memory.total));
        let slowed = self.ask(|gpu| gpu.current_throttle_reasons());
        vec![
            ("gpu.model", self.ask(|gpu| gpu.name())),
            ("gpu.driver", self.0.sys_driver_version().ok()),
            ("gpu.count", self.0.device_count().ok().map(text)),
            ("gpu.clock_mhz", clock(Clock::SM).map(text)),
            ("gpu.max_clock_mhz", max_clock(Clock::SM).map(text)),
            ("gpu.memory_clock_mhz", clock(Clock::Memory).map(text)),
            ("gpu.memory_bytes", memory_bytes.map(text)),
            ("gpu.temperature_c", temperature.map(text)),
            (
                "gpu.clock_limits",
                slowed.map(|reasons| reasons_text(reasons.iter_names().map(|(name, _)| name))),
            ),
            (
                "gpu.processes",
                self.ask(|gpu| gpu.running_compute_processes_count())
                    .map(text),
            ),
        ]
    }

    /// Energy since the driver was loaded, in millijoules.
    pub(crate) fn energy_mj(&self) -> Option<u64> {
        self.ask(|gpu| gpu.total_energy_consumption())
    }

    fn ask<T>(&self, question: impl FnOnce(&Device<'_>) -> Result<T, NvmlError>) -> Option<T> {
        question(&self.device()?).ok()
    }

    fn device(&self) -> Option<Device<'_>> {
        self.0.device_by_index(0).ok()
    }
}

// === helpers ===

fn text(value: impl ToString) -> String {
    value.to_string()
}

/// Why the clock is not at its greatest, in the driver's words; `none` when nothing holds it back.
fn reasons_text<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(str::to_lowercase).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_named_for_cuda_runs_on_the_gpu() {
        let on_gpu = |target: &str| runs_on_gpu(&target.parse().unwrap());
        assert!(on_gpu("onnxruntime-cuda/b1/t1/f32"));
        assert!(on_gpu("libtorch-cuda/b1/t1/f32"));
        assert!(!on_gpu("libtorch/b1/t1/f32"));
    }

    #[test]
    fn reasons_are_listed_or_there_are_none() {
        assert_eq!(
            reasons_text(["SW_POWER_CAP", "GPU_IDLE"].into_iter()),
            "sw_power_cap, gpu_idle"
        );
        assert_eq!(reasons_text([].into_iter()), "none");
    }
}
