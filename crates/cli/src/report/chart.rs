//! Accuracy against latency as a picture (SVG).

use std::fmt::Write;

use bespoke_study::Trial;

use super::{Report, outcome::Outcome};

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 520.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 60.0;
/// Of the legend's text, about.
const WIDTH_OF_A_LETTER: f64 = 6.0;

/// Colours for light and dark surroundings, so that the picture is readable as a file of its own as well.
const STYLE: &str = "
svg{--ink:#1c2733;--faint:#8a97a5;--grid:#e4e9ee;--paper:#fff;--front:#0b63ce;--bound:#c2410c}
@media(prefers-color-scheme:dark){svg{--ink:#e6edf3;--faint:#7d8894;--grid:#2a323c;--paper:#12171d;--front:#58a6ff;--bound:#fb923c}}
svg{background:var(--paper)}
text{font:13px system-ui,sans-serif;fill:var(--ink)}
.small{font-size:12px;fill:var(--faint)}
.grid{stroke:var(--grid)}
.front,.staircase{stroke:var(--front)}
.front circle{fill:var(--front)}
.staircase{fill:none;stroke-width:1.5;stroke-opacity:.5}
.dominated,.stopped,.infeasible,.priced-out{stroke:var(--faint);opacity:.6}
.dominated circle{fill:var(--faint)}
.stopped circle,.infeasible circle,.priced-out path{fill:var(--paper)}
.priced-out line{stroke-dasharray:2 2}
.bound{stroke:var(--bound);stroke-dasharray:6 4}
.bound-label{fill:var(--bound)}
";

/// One trial as a dot.
struct Dot<'a> {
    trial: &'a Trial,
    accuracy: Option<f64>,
    median: f64,
    low: f64,
    high: f64,
    outcome: Outcome,
}

/// Where a value of an axis stands on the picture.
struct Scale {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    logarithmic: bool,
}

/// The picture for one target; nothing where no trial has a latency there.
pub fn svg(report: &Report, target: usize) -> Option<String> {
    let dots = dots(report, target);
    let bound = report.spec.targets[target]
        .max_latency
        .map(|bound| bound.ms());
    let (across, up) = scales(&dots, bound)?;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"accuracy against latency\"><style>{STYLE}</style>\n"
    );
    draw_axes(
        &mut svg,
        &across,
        &up,
        &report.spec.targets[target].target.to_string(),
    );
    if let Some(bound) = bound {
        draw_bound(&mut svg, across.at(bound), bound);
    }
    draw_staircase(&mut svg, &dots, &across, &up);
    for outcome in Outcome::ALL {
        for dot in dots.iter().filter(|dot| dot.outcome == outcome) {
            draw_dot(&mut svg, dot, &across, &up);
        }
    }
    draw_legend(&mut svg, &dots);
    svg.push_str("</svg>\n");
    Some(svg)
}

fn dots<'a>(report: &'a Report, target: usize) -> Vec<Dot<'a>> {
    let dot = |trial: &'a Trial| {
        let latency = trial.latencies().get(target)?;
        let outcome = Outcome::of(trial, &report.front)?;
        Some(Dot {
            trial,
            accuracy: trial.curve().last().copied(),
            median: latency.median_ms.ms(),
            low: latency.low_ms.ms(),
            high: latency.high_ms.ms(),
            outcome,
        })
    };
    report.trials.iter().filter_map(dot).collect()
}

/// Both axes. Stopped trials far below do not squeeze the rest: the axis begins a little under the lowest accuracy
/// of a network that was trained to the end.
fn scales(dots: &[Dot<'_>], bound: Option<f64>) -> Option<(Scale, Scale)> {
    let slowest = dots
        .iter()
        .map(|dot| dot.high)
        .chain(bound)
        .reduce(f64::max)?;
    let fastest = dots.iter().map(|dot| dot.low).reduce(f64::min)?;
    let trained = dots.iter().filter(|dot| dot.outcome.is_trained());
    let lowest = trained
        .filter_map(|dot| dot.accuracy)
        .reduce(f64::min)
        .unwrap_or(0.0);
    let highest = dots
        .iter()
        .filter_map(|dot| dot.accuracy)
        .reduce(f64::max)
        .unwrap_or(100.0);
    let room = ((highest - lowest) * 0.12).max(0.5);
    let logarithmic = slowest > 6.0 * fastest;
    let across = Scale {
        low: if logarithmic {
            fastest / 1.12
        } else {
            (fastest - (slowest - fastest) * 0.06).max(0.0)
        },
        high: if logarithmic {
            slowest * 1.12
        } else {
            slowest + (slowest - fastest).max(slowest * 0.02) * 0.06
        },
        start: LEFT,
        end: WIDTH - RIGHT,
        logarithmic,
    };
    let up = Scale {
        low: (lowest - room).max(0.0),
        high: (highest + room).min(100.0 + room),
        start: HEIGHT - BOTTOM,
        end: TOP,
        logarithmic: false,
    };
    Some((across, up))
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Round values inside the axis: about six.
    fn ticks(&self) -> Vec<f64> {
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

fn draw_axes(svg: &mut String, across: &Scale, up: &Scale, target: &str) {
    for tick in across.ticks() {
        let (x, top, bottom) = (across.at(tick), TOP, HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/><text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            bottom + 18.0,
            number(tick)
        );
    }
    for tick in up.ticks().into_iter().filter(|tick| *tick <= 100.0) {
        let y = up.at(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"small\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{} %</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            number(tick)
        );
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    let scale = if across.logarithmic {
        ", logarithmic"
    } else {
        ""
    };
    let _ = writeln!(
        svg,
        "<text text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">latency in ms on {}{scale}</text><text x=\"{}\" y=\"20\">held-out accuracy</text>",
        HEIGHT - 16.0,
        escape(target),
        LEFT - 58.0
    );
}

fn draw_bound(svg: &mut String, x: f64, bound: f64) {
    let _ = writeln!(
        svg,
        "<line class=\"bound\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"bound-label\" text-anchor=\"end\" x=\"{:.1}\" y=\"{}\">bound {} ms</text>",
        HEIGHT - BOTTOM,
        x - 6.0,
        TOP + 14.0,
        number(bound)
    );
}

/// The edge of what the front dominates.
fn draw_staircase(svg: &mut String, dots: &[Dot<'_>], across: &Scale, up: &Scale) {
    let mut front: Vec<(f64, f64)> = dots
        .iter()
        .filter(|dot| dot.outcome == Outcome::Front)
        .filter_map(|dot| Some((across.at(dot.median), up.at(dot.accuracy?))))
        .collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut best = f64::INFINITY;
    front.retain(|(_, y)| {
        let better = *y < best;
        best = best.min(*y);
        better
    });
    let Some(((x, y), rest)) = front.split_first() else {
        return;
    };
    let mut path = format!("M{x:.1} {y:.1}");
    for (x, y) in rest {
        let _ = write!(path, "H{x:.1}V{y:.1}");
    }
    let _ = writeln!(svg, "<path class=\"staircase\" d=\"{path}\"/>");
}

fn draw_dot(svg: &mut String, dot: &Dot<'_>, across: &Scale, up: &Scale) {
    let x = across.at(dot.median);
    let y = dot.accuracy.map_or(up.start, |accuracy| up.at(accuracy));
    let _ = writeln!(
        svg,
        "<g class=\"{}\" data-dot=\"\"><title>{}</title><line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>{}</g>",
        dot.outcome.class(),
        escape(&describe(dot)),
        across.at(dot.low),
        across.at(dot.high),
        marker(dot.outcome, x, y),
    );
}

/// A disc for what was measured, a diamond for what was predicted.
fn marker(outcome: Outcome, x: f64, y: f64) -> String {
    match outcome {
        Outcome::PricedOut => {
            format!("<path d=\"M{x:.1} {:.1}l5 5l-5 5l-5 -5z\"/>", y - 5.0)
        }
        Outcome::Front => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\"/>"),
        Outcome::Dominated | Outcome::Stopped | Outcome::Infeasible => {
            format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")
        }
    }
}

/// What hovering over a dot tells.
fn describe(dot: &Dot<'_>) -> String {
    let trial = dot.trial;
    let accuracy = match (dot.accuracy, dot.outcome) {
        (Some(accuracy), Outcome::Stopped) => {
            format!(
                "{accuracy:.2} % after {} epochs, then given up",
                trial.curve().len()
            )
        }
        (Some(accuracy), _) => format!("{accuracy:.2} %"),
        (None, Outcome::PricedOut) => "predicted to break a bound, not measured".to_owned(),
        (None, _) => "breaks a bound, not trained".to_owned(),
    };
    format!(
        "trial {}: {accuracy}\n{:.4} ms ({:.4} … {:.4})\n{} parameters, {:.3} MFLOPs\n{}",
        trial.id(),
        dot.median,
        dot.low,
        dot.high,
        trial.cost().parameters,
        trial.cost().flops as f64 / 1e6,
        trial.architecture()
    )
}

fn draw_legend(svg: &mut String, dots: &[Dot<'_>]) {
    let mut x = 150.0;
    for outcome in Outcome::ALL.into_iter().rev() {
        let count = dots.iter().filter(|dot| dot.outcome == outcome).count();
        if count > 0 {
            let text = format!("{} ({count})", outcome.words());
            let _ = writeln!(
                svg,
                "<g class=\"{}\">{}</g><text class=\"small\" x=\"{}\" y=\"20\">{text}</text>",
                outcome.class(),
                marker(outcome, x, 16.0),
                x + 10.0
            );
            x += 36.0 + WIDTH_OF_A_LETTER * text.len() as f64;
        }
    }
}

/// A tick's number without needless digits.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text that stands between tags or in an attribute.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
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
    fn markup_in_text_is_escaped() {
        assert_eq!(escape("<a href=\"&\">"), "&lt;a href=&quot;&amp;&quot;&gt;");
    }

    /// Markup that a web page forgives is an error in a file of its own: each attribute needs a value in quotes.
    #[test]
    fn a_dot_is_well_formed() {
        for outcome in Outcome::ALL {
            assert_well_formed(outcome);
        }
    }

    fn assert_well_formed(outcome: Outcome) {
        let (builder, input) = bespoke_graph::Graph::builder(&[1]);
        let graph = builder.finish(input).expect("the input is a graph");
        let id = bespoke_study::TrialId(0);
        let trial = Trial::proposed(id, "a<b&c".to_owned(), graph.hash(), graph.cost());
        let dot = Dot {
            trial: &trial,
            accuracy: None,
            median: 1.0,
            low: 0.9,
            high: 1.1,
            outcome,
        };
        let (across, up) = scales(std::slice::from_ref(&dot), None).expect("there is a dot");
        let mut svg = String::new();
        draw_dot(&mut svg, &dot, &across, &up);
        assert!(svg.contains("a&lt;b&amp;c"));
        for tag in svg.split('<').filter_map(|part| part.split('>').next()) {
            let outside: String = tag.split('"').step_by(2).collect();
            for attribute in outside.trim_end_matches('/').split_whitespace().skip(1) {
                assert!(attribute.ends_with('='), "{attribute} in <{tag}>");
            }
        }
    }
}
