//! The page `front.html`: self-contained, it loads nothing.

use std::fmt::Write;

use bespoke_measure::Estimate;
use bespoke_study::{StudyState, Trial};

use super::{
    Report, chart, numbers,
    outcome::Outcome,
    reason,
    table::{COST_HEADING, cost_cells, energy},
};

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2733;--faint:#5d6b7a;--line:#dde3e9;--paper:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--faint:#8d99a6;--line:#2a323c;--paper:#12171d}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{color:var(--faint);margin:.25rem 0}
svg{width:100%;height:auto}figure{margin:1rem 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{text-align:right;padding:.35rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
td:last-child,th:last-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:20rem;font-size:.85rem}
small{display:block;color:var(--faint)}
.wide{overflow-x:auto}[data-dot]{cursor:pointer}
#tip{position:fixed;display:none;max-width:32rem;padding:.5rem .7rem;border:1px solid var(--line);border-radius:6px;background:var(--paper);white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;pointer-events:none;box-shadow:0 4px 16px #0003}
";

const SCRIPT: &str = "
const tip=document.getElementById('tip');
for(const dot of document.querySelectorAll('[data-dot]')){
  const title=dot.querySelector('title');const text=title.textContent;title.remove();dot.setAttribute('aria-label',text);
  dot.addEventListener('mousemove',e=>{tip.textContent=text;tip.style.display='block';
    tip.style.left=Math.min(e.clientX+14,innerWidth-tip.offsetWidth-8)+'px';tip.style.top=Math.min(e.clientY+14,innerHeight-tip.offsetHeight-8)+'px'});
  dot.addEventListener('mouseleave',()=>{tip.style.display='none'});
}
";

/// The whole page.
pub fn html(report: &Report) -> String {
    let name = chart::escape(report.spec.name.as_str());
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>{name} – Bespoke</title><style>{STYLE}</style></head><body>\n<h1>{name}</h1>\n<p>{}</p>\n",
        chart::escape(&summary(report))
    );
    for objective in report.spec.objectives().into_iter().skip(1) {
        match chart::svg(report, objective) {
            Some(svg) => {
                let _ = writeln!(page, "<figure>{svg}</figure>");
            }
            None => page.push_str("<p>No network has been measured yet.</p>\n"),
        }
    }
    draw_front(&mut page, report);
    draw_others(&mut page, report);
    let _ = writeln!(
        page,
        "<div id=\"tip\"></div><script>{SCRIPT}</script></body></html>"
    );
    page
}

/// The study in a line.
fn summary(report: &Report) -> String {
    let count = |word: &str| {
        report
            .trials
            .iter()
            .filter(|trial| trial.state().word() == word)
            .count()
    };
    let priced_out = report
        .trials
        .iter()
        .filter(|trial| Outcome::of(trial, &report.front) == Some(Outcome::PricedOut))
        .count();
    let objectives = report.spec.objectives().into_iter();
    let objectives: Vec<String> = objectives.map(|o| report.spec.name_of(o)).collect();
    let state = match &report.study.state {
        StudyState::Running => "running".to_owned(),
        state => state.to_string(),
    };
    format!(
        "{} trials: {} trained to the end, {} given up early, {} break a bound ({} of them by prediction), {} failed; {} on the front. Trained on {}, space {}, strategy {}, seed {}. Minimised: {}. {:.0} s, {state}.",
        report.trials.len(),
        count("complete"),
        count("stopped"),
        count("infeasible"),
        priced_out,
        count("failed"),
        report.front.entries().len(),
        report.spec.data.set,
        report.spec.space,
        report.spec.strategy.name(),
        report.spec.seed,
        objectives.join(", "),
        report.study.elapsed.as_secs_f64(),
    )
}

fn draw_front(page: &mut String, report: &Report) {
    let confidence = report.spec.protocol.confidence * 100.0;
    let _ = write!(
        page,
        "<h2>The front</h2>\n<p>Accuracy on images that were not trained on, with the interval that follows from their number; latency as measured: median and interval. All intervals are of {confidence:.0} %. Networks are tied where the intervals of two overlap in everything that is minimised: nothing that was measured tells them apart.</p>\n<div class=\"wide\"><table><thead><tr><th>trial</th><th>accuracy</th>"
    );
    draw_target_headings(page, report);
    for heading in COST_HEADING {
        let _ = write!(page, "<th>{heading}</th>");
    }
    page.push_str("<th>tied with</th><th>architecture</th></tr></thead><tbody>\n");
    for entry in report.front.entries() {
        let [low, high] = report.accuracy_interval(&entry.accuracy);
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{:.2} %<small>{low:.2} … {high:.2}</small></td>",
            entry.trial, entry.accuracy.percent
        );
        for target in 0..report.spec.targets.len() {
            let energy_mj = entry.energies_mj.get(target).copied().flatten();
            draw_target(page, report, target, entry.latencies.get(target), energy_mj);
        }
        for cell in cost_cells(&entry.cost) {
            let _ = write!(page, "<td>{cell}</td>");
        }
        let _ = writeln!(
            page,
            "<td>{}</td><td>{}</td></tr>",
            numbers(&entry.tied_with),
            chart::escape(&entry.architecture)
        );
    }
    page.push_str("</tbody></table></div>\n");
}

/// All trials that have ended and are not on the front.
fn draw_others(page: &mut String, report: &Report) {
    let others: Vec<&Trial> = report
        .trials
        .iter()
        .filter(|trial| trial.is_finished() && !report.front.contains(trial.id()))
        .collect();
    if others.is_empty() {
        return;
    }
    page.push_str("<h2>The others</h2>\n<p>Latency as measured, or where a network was predicted to break a bound, as predicted with the interval that nine in ten measurements are expected in.</p>\n<div class=\"wide\"><table><thead><tr><th>trial</th><th>outcome</th><th>accuracy</th>");
    draw_target_headings(page, report);
    page.push_str("<th>latency is</th><th>architecture, and why not</th></tr></thead><tbody>\n");
    for trial in others {
        draw_other(page, report, trial);
    }
    page.push_str("</tbody></table></div>\n");
}

fn draw_other(page: &mut String, report: &Report, trial: &Trial) {
    let outcome = Outcome::of(trial, &report.front).map_or("failed", Outcome::words);
    let accuracy = trial.curve().last();
    let accuracy = accuracy.map(|percent| format!("{percent:.2} %"));
    let accuracy = accuracy.unwrap_or_default();
    let id = trial.id();
    let _ = write!(
        page,
        "<tr><td>{id}</td><td>{outcome}</td><td>{accuracy}</td>"
    );
    for target in 0..report.spec.targets.len() {
        let (latency, energy_mj) = (trial.latencies().get(target), trial.energy_mj(target));
        draw_target(page, report, target, latency, energy_mj);
    }
    let source = trial.price_source().map_or("", |source| source.word());
    let why = match reason(trial) {
        "" => String::new(),
        reason => format!("<br>{}", chart::escape(reason)),
    };
    let architecture = chart::escape(trial.architecture());
    let _ = writeln!(page, "<td>{source}</td><td>{architecture}{why}</td></tr>");
}

/// The headings of what is measured on each target.
fn draw_target_headings(page: &mut String, report: &Report) {
    for (index, bound) in report.spec.targets.iter().enumerate() {
        let target = chart::escape(&bound.target.to_string());
        let _ = write!(page, "<th>ms on<br>{target}</th>");
        if report.has_energy(index) {
            let _ = write!(page, "<th>mJ on<br>{target}</th>");
        }
    }
}

/// The cells under the headings of one target.
fn draw_target(
    page: &mut String,
    report: &Report,
    target: usize,
    latency: Option<&Estimate>,
    energy_mj: Option<f64>,
) {
    match latency {
        Some(latency) => {
            let [median, low, high] =
                [latency.median_ms, latency.low_ms, latency.high_ms].map(|latency| latency.ms());
            let _ = write!(
                page,
                "<td>{median:.4}<small>{low:.4} … {high:.4}</small></td>"
            );
        }
        None => page.push_str("<td></td>"),
    }
    if report.has_energy(target) {
        let _ = write!(page, "<td>{}</td>", energy(energy_mj));
    }
}
