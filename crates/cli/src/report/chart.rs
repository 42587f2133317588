//! Accuracy against another objective as a picture (SVG).

mod scale;

use std::fmt::Write;

use bespoke_study::{Interval, Objective, Trial};

use self::scale::{Scale, number};
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
    value: f64,
    interval: Interval,
    outcome: Outcome,
}

/// The picture of the accuracy against one of the other objectives; nothing where that is known of no trial.
pub fn svg(report: &Report, objective: Objective) -> Option<String> {
    let dots = dots(report, objective);
    let bound = report.spec.bound(objective);
    let (across, up) = scales(&dots, bound)?;
    let words = in_words(report, objective);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"accuracy against {}\"><style>{STYLE}</style>\n",
        escape(&words)
    );
    draw_axes(&mut svg, &across, &up, &words);
    if let Some(bound) = bound {
        draw_bound(&mut svg, across.at(bound), bound, unit(objective));
    }
    draw_staircase(&mut svg, &dots, &across, &up);
    for outcome in Outcome::ALL {
        for dot in dots.iter().filter(|dot| dot.outcome == outcome) {
            draw_dot(&mut svg, dot, &across, &up, unit(objective));
        }
    }
    draw_legend(&mut svg, &dots);
    svg.push_str("</svg>\n");
    Some(svg)
}

/// An objective as the axis is labelled.
fn in_words(report: &Report, objective: Objective) -> String {
    let target = |index: usize| &report.spec.targets[index].target;
    match objective {
        Objective::Error => "error in %".to_owned(),
        Objective::Score => "score, its sign turned".to_owned(),
        Objective::Latency(index) => format!("latency in ms on {}", target(index)),
        Objective::Parameters => "parameters".to_owned(),
        Objective::Macs => "multiply-accumulates".to_owned(),
        Objective::PeakActivationBytes => "peak activation memory in bytes".to_owned(),
        Objective::Energy(index) => format!("energy of a pass in mJ on {}", target(index)),
    }
}

/// What stands behind a value, a blank before it.
fn unit(objective: Objective) -> &'static str {
    match objective {
        Objective::Error => " %",
        Objective::Score => "",
        Objective::Latency(_) => " ms",
        Objective::Parameters => " parameters",
        Objective::Macs => " multiply-accumulates",
        Objective::PeakActivationBytes => " bytes",
        Objective::Energy(_) => " mJ",
    }
}

fn dots(report: &Report, objective: Objective) -> Vec<Dot<'_>> {
    let confidence = report.spec.protocol.confidence;
    let dot = |trial| {
        let (value, interval) = match objective {
            // As predicted, too.
            Objective::Latency(target) => {
                let latency = Trial::latencies(trial).get(target)?;
                let (low, high) = (latency.low_ms.ms(), latency.high_ms.ms());
                (latency.median_ms.ms(), Interval { low, high })
            }
            _ => (
                objective.value_of(trial)?,
                objective.interval_of(trial, confidence)?,
            ),
        };
        Some(Dot {
            trial,
            accuracy: trial.curve().last().copied(),
            value,
            interval,
            outcome: Outcome::of(trial, &report.front)?,
        })
    };
    report.trials.iter().filter_map(dot).collect()
}

/// Both axes. Stopped trials far below do not squeeze the rest: the axis begins a little under the lowest accuracy
/// of a network that was trained to the end.
fn scales(dots: &[Dot<'_>], bound: Option<f64>) -> Option<(Scale, Scale)> {
    let slowest = dots
        .iter()
        .map(|dot| dot.interval.high)
        .chain(bound)
        .reduce(f64::max)?;
    let fastest = dots.iter().map(|dot| dot.interval.low).reduce(f64::min)?;
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

fn draw_axes(svg: &mut String, across: &Scale, up: &Scale, words: &str) {
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
        "<text text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}{scale}</text><text x=\"{}\" y=\"20\">held-out accuracy</text>",
        HEIGHT - 16.0,
        escape(words),
        LEFT - 58.0
    );
}

fn draw_bound(svg: &mut String, x: f64, bound: f64, unit: &str) {
    let _ = writeln!(
        svg,
        "<line class=\"bound\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"bound-label\" text-anchor=\"end\" x=\"{:.1}\" y=\"{}\">bound {}{unit}</text>",
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
        .filter_map(|dot| Some((across.at(dot.value), up.at(dot.accuracy?))))
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

fn draw_dot(svg: &mut String, dot: &Dot<'_>, across: &Scale, up: &Scale, unit: &str) {
    let x = across.at(dot.value);
    let y = dot.accuracy.map_or(up.start, |accuracy| up.at(accuracy));
    let _ = writeln!(
        svg,
        "<g class=\"{}\" data-dot=\"\"><title>{}</title><line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>{}</g>",
        dot.outcome.class(),
        escape(&describe(dot, unit)),
        across.at(dot.interval.low),
        across.at(dot.interval.high),
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
        Outcome::Scored | Outcome::Dominated | Outcome::Stopped | Outcome::Infeasible => {
            format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")
        }
    }
}

/// What hovering over a dot tells.
fn describe(dot: &Dot<'_>, unit: &str) -> String {
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
        (None, Outcome::Scored) => "scored, not trained".to_owned(),
        (None, _) => "breaks a bound, not trained".to_owned(),
    };
    let (value, Interval { low, high }) = (dot.value, dot.interval);
    let value = match low < high {
        true => format!("{value:.4}{unit} ({low:.4} … {high:.4})"),
        false => format!("{value}{unit}"),
    };
    format!(
        "trial {}: {accuracy}\n{value}\n{} parameters, {:.3} MFLOPs\n{}",
        trial.id(),
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
            value: 1.0,
            interval: Interval {
                low: 0.9,
                high: 1.1,
            },
            outcome,
        };
        let (across, up) = scales(std::slice::from_ref(&dot), None).expect("there is a dot");
        let mut svg = String::new();
        draw_dot(&mut svg, &dot, &across, &up, " ms");
        assert!(svg.contains("a&lt;b&amp;c"));
        for tag in svg.split('<').filter_map(|part| part.split('>').next()) {
            let outside: String = tag.split('"').step_by(2).collect();
            for attribute in outside.trim_end_matches('/').split_whitespace().skip(1) {
                assert!(attribute.ends_with('='), "{attribute} in <{tag}>");
            }
        }
    }
}
