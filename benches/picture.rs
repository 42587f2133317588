//! Accuracy against latency as a picture (SVG).

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 52.0;
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1c2733}.grid{stroke:#e4e9ee}\
    .a{fill:#0b63ce;stroke:#0b63ce}.b{fill:#c2410c;stroke:#c2410c}.c{fill:#15803d;stroke:#15803d}\
    .random{fill:none;stroke-width:1.5;opacity:.7}";

/// A network.
pub struct Dot {
    /// Which of the groups it belongs to.
    pub group: usize,
    /// A search found it; otherwise it is random.
    pub is_found: bool,
    pub ms: f64,
    pub accuracy_percent: f64,
    /// What hovering over it tells.
    pub name: String,
}

/// Discs for what was found and circles for the rest, in the colour of their group, of which there are three at most; the
/// latency on a logarithmic axis.
pub fn svg(groups: &[&str], dots: &[Dot]) -> String {
    let ends = |of: fn(&Dot) -> f64| {
        let values = dots.iter().map(of);
        [
            values.clone().fold(f64::INFINITY, f64::min),
            values.fold(0.0, f64::max),
        ]
    };
    let ([fastest, slowest], [worst, best]) =
        (ends(|dot| dot.ms), ends(|dot| dot.accuracy_percent));
    let (low, high) = ((fastest / 1.1).ln(), (slowest * 1.1).ln());
    let x = |ms: f64| LEFT + (ms.ln() - low) / (high - low) * (WIDTH - LEFT - RIGHT);
    let (bottom, top) = ((worst - 1.0).floor(), (best + 1.0).ceil());
    let y = |percent: f64| TOP + (top - percent) / (top - bottom) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"accuracy against latency\"><style>{STYLE}</style>\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    let mut percent = (bottom / 4.0).ceil() * 4.0;
    while percent <= top {
        let at = y(percent);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{percent} %</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
        percent += 4.0;
    }
    let ticks = (-4..4).flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)));
    for ms in ticks.filter(|ms| (low..high).contains(&ms.ln())) {
        let (at, end) = (x(ms), HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{end}\"/>\
             <text text-anchor=\"middle\" x=\"{at:.1}\" y=\"{}\">{ms}</text>",
            end + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<text text-anchor=\"middle\" x=\"{}\" y=\"{}\">latency in ms, logarithmic</text>",
        WIDTH / 2.0,
        HEIGHT - 12.0
    );
    // What was found lies above.
    for is_found in [false, true] {
        for dot in dots.iter().filter(|dot| dot.is_found == is_found) {
            let (kind, radius) = if is_found {
                ("found", 7)
            } else {
                ("random", 4)
            };
            let _ = writeln!(
                svg,
                "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"><title>{kind}: {}, {:.4} ms, {:.2} %\
                 </title></circle>",
                class(dot.group, is_found),
                x(dot.ms),
                y(dot.accuracy_percent),
                dot.name,
                dot.ms,
                dot.accuracy_percent
            );
        }
    }
    for (group, name) in groups.iter().enumerate() {
        let at = LEFT + 215.0 * group as f64;
        let _ = writeln!(
            svg,
            "<circle class=\"{}\" cx=\"{at}\" cy=\"18\" r=\"7\"/><circle class=\"{}\" cx=\"{}\" cy=\"18\" r=\"4\"/>\
             <text x=\"{}\" y=\"22\">{name}: found, random</text>",
            class(group, true),
            class(group, false),
            at + 16.0,
            at + 28.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn class(group: usize, is_found: bool) -> String {
    let colour = ["a", "b", "c"][group];
    match is_found {
        true => colour.to_owned(),
        false => format!("{colour} random"),
    }
}
