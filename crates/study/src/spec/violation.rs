//! Whether a network keeps the bounds of a study.

use bespoke_graph::Cost;
use bespoke_measure::Estimate;

use super::{StudySpec, TargetBound};
use crate::objective::energy_interval;

/// Which bounds are broken, in words, and the sum of the relative excesses.
type Violation = (String, f64);

// === impl StudySpec ===

impl StudySpec {
    /// Why a network of this cost cannot be accepted, if it breaks a bound, with the relative excess.
    pub fn cost_violation(&self, cost: &Cost) -> Option<Violation> {
        let bounds = [
            ("parameters", cost.parameters, self.bounds.max_parameters),
            ("multiply-accumulates", cost.macs, self.bounds.max_macs),
            (
                "bytes of peak activation memory",
                cost.peak_activation_bytes,
                self.bounds.max_peak_activation_bytes,
            ),
        ];
        joined(bounds.into_iter().filter_map(|(what, got, most)| {
            let most = most.filter(|most| got > *most)?;
            let excess = (got - most) as f64 / most.max(1) as f64;
            Some((format!("{got} {what}, the bound is {most}"), excess))
        }))
    }

    /// Why a network that was measured, with one latency and one energy for each target, cannot be accepted, with the
    /// relative excess. A network keeps a bound when the upper end of its interval does. An energy that is not known
    /// breaks none.
    pub fn measured_violation(
        &self,
        latencies: &[Estimate],
        energies_mj: &[Option<f64>],
    ) -> Option<Violation> {
        let energies_mj = energies_mj.iter().copied().chain(std::iter::repeat(None));
        let targets = self.targets.iter().zip(latencies).zip(energies_mj);
        joined(targets.flat_map(|((bound, latency), mj)| {
            [bound.slowness(latency), bound.excess_energy(latency, mj)]
                .into_iter()
                .flatten()
        }))
    }

    /// Why a network of these predicted latencies, one for each target, need not be measured, with the relative excess:
    /// on some target, the whole interval lies over the bound. The excess is that of the median.
    pub fn predicted_violation(&self, latencies: &[Estimate]) -> Option<Violation> {
        let targets = self.targets.iter().zip(latencies);
        joined(targets.filter_map(|(bound, got)| {
            let most = bound.max_latency.filter(|most| got.low_ms > *most)?;
            let excess = (got.median_ms.ms() - most.ms()) / most.ms();
            let (target, least) = (&bound.target, got.low_ms);
            let reason =
                format!("predicted to take at least {least} on {target}, the bound is {most}");
            Some((reason, excess.max(0.0)))
        }))
    }
}

// === impl TargetBound ===

impl TargetBound {
    fn slowness(&self, got: &Estimate) -> Option<Violation> {
        let most = self.max_latency.filter(|most| got.high_ms > *most)?;
        let excess = (got.high_ms.ms() - most.ms()) / most.ms();
        let reason = format!(
            "up to {} on {}, the bound is {most}",
            got.high_ms, self.target
        );
        Some((reason, excess))
    }

    fn excess_energy(&self, latency: &Estimate, mj: Option<f64>) -> Option<Violation> {
        let high = energy_interval(mj?, latency).high;
        let most = self.max_energy_mj.filter(|most| high > *most)?;
        let reason = format!(
            "up to {high:.4} mJ on {}, the bound is {most:.4} mJ",
            self.target
        );
        Some((reason, (high - most) / most))
    }
}

/// All reasons joined, with the sum of the excesses, if there are any.
fn joined(violations: impl Iterator<Item = Violation>) -> Option<Violation> {
    violations
        .reduce(|(reasons, sum), (reason, excess)| (format!("{reasons}; {reason}"), sum + excess))
}
