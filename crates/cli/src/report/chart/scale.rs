//! The axes of a picture.

/// Where a value of an axis stands on the picture.
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub start: f64,
    pub end: f64,
    pub logarithmic: bool,
}

// === impl Scale ===

impl Scale {
    /// The place of a value; at an end of the axis where it lies beyond.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Round values inside the axis: about six.
    pub fn ticks(&self) -> Vec<f64> {
        let inside = |tick: &f64| (self.low..=self.high).contains(tick);
        if self.logarithmic {
            let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
            return decades
                .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
                .filter(inside)
                .collect();
        }
        let rough = (self.high - self.low) / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|digit| digit * power)
            .into_iter()
            .find(|s| *s >= rough);
        let step = step.unwrap_or(rough);
        let first = (self.low / step).ceil();
        (0..20)
            .map(|index| (first + f64::from(index)) * step)
            .filter(inside)
            .collect()
    }
}

/// A tick's number without needless digits: `0.05`, `20`, `15k`, `2.5M`.
pub fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.4}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale {
            low: 0.03,
            high: 0.31,
            start: 0.0,
            end: 1.0,
            logarithmic: false,
        };
        let ticks: Vec<String> = scale.ticks().into_iter().map(number).collect();
        assert_eq!(ticks, ["0.05", "0.1", "0.15", "0.2", "0.25", "0.3"]);
    }

    #[test]
    fn a_logarithmic_axis_keeps_ratios() {
        let scale = Scale {
            low: 1.0,
            high: 100.0,
            start: 0.0,
            end: 2.0,
            logarithmic: true,
        };
        assert!((scale.at(10.0) - 1.0).abs() < 1e-12);
        assert_eq!(scale.ticks().len(), 7);
    }

    #[test]
    fn numbers_have_no_needless_digits() {
        let texts = [0.05, 20.0, 15_000.0, 2_500_000.0, 3e9].map(number);
        assert_eq!(texts, ["0.05", "20", "15k", "2.5M", "3G"]);
    }
}
