//! How a study goes, on stderr: a bar on a terminal, plain lines elsewhere.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use bespoke_study::{Activity, Event, Study, StudySpec, Trial, TrialId};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report;

/// Follows a study's events.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    spec: StudySpec,
    trials: BTreeMap<TrialId, Trial>,
    study: Option<Study>,
    training: BTreeMap<TrialId, (u32, u32)>,
    measuring: Option<String>,
    /// Networks and blocks that were measured for no trial.
    sampled: usize,
    earlier: Duration,
    started: Instant,
    /// From when on the pace of the trials is counted, and how many were finished by then.
    pace: Option<(Instant, usize)>,
}

impl Progress {
    /// Begins to follow a study that has taken some time already.
    pub fn new(spec: StudySpec, earlier: Duration) -> Self {
        let bar = ProgressBar::with_draw_target(
            Some(u64::from(spec.budget.trials.get())),
            ProgressDrawTarget::stderr_with_hz(5),
        );
        let style = ProgressStyle::with_template("{bar:28} {pos}/{len} trials  {wide_msg}");
        bar.set_style(
            style
                .expect("the template is a literal")
                .progress_chars("━╸─"),
        );
        Self {
            bar,
            is_terminal: std::io::stderr().is_terminal(),
            spec,
            trials: BTreeMap::new(),
            study: None,
            training: BTreeMap::new(),
            measuring: None,
            sampled: 0,
            earlier,
            started: Instant::now(),
            pace: None,
        }
    }

    /// Takes an event in and shows what changed.
    pub fn show(&mut self, event: Event) {
        match event {
            Event::Trial(trial) => self.trial(trial),
            Event::Activity(activity) => self.activity(activity),
            Event::Study(study) => {
                // The trials of earlier runs come before it.
                self.pace.get_or_insert((Instant::now(), self.finished()));
                self.study = Some(study);
            }
        }
        self.bar.set_position(self.finished() as u64);
        self.bar.set_message(self.message());
    }

    /// The study and its trials as last seen.
    pub fn finish(self) -> (Option<Study>, Vec<Trial>) {
        self.bar.finish_and_clear();
        (self.study, self.trials.into_values().collect())
    }

    fn trial(&mut self, trial: Trial) {
        self.measuring = None;
        let id = trial.id();
        let known = self
            .trials
            .get(&id)
            .is_some_and(|earlier| earlier.state() == trial.state());
        if trial.is_finished() {
            self.training.remove(&id);
            if !self.is_terminal && !known {
                let line = self.line(&trial);
                self.trials.insert(id, trial);
                let _ = writeln!(std::io::stderr(), "{line}, {}", self.message());
                return;
            }
        }
        self.trials.insert(id, trial);
    }

    fn activity(&mut self, activity: Activity) {
        match activity {
            Activity::WaitingForAgent { target } => {
                self.announce(format!("waiting for an agent that offers {target}"));
            }
            Activity::Measuring {
                trial,
                agent,
                target,
            } => {
                self.measuring = Some(format!("{agent} measures trial {trial} on {target}"));
            }
            Activity::Sampling { agent, target, .. } => {
                self.sampled += 1;
                self.pace = Some((Instant::now(), self.finished()));
                let number = self.sampled;
                let what = format!(
                    "{agent} measures what {target} takes for parts and samples of the space: {number}"
                );
                match self.is_terminal || number % 10 == 1 {
                    true => self.announce(what),
                    false => self.measuring = Some(what),
                }
            }
            Activity::Training {
                trial,
                epoch,
                epochs,
                ..
            } => {
                self.training.insert(trial, (epoch, epochs));
            }
            Activity::SharedTraining {
                epoch,
                epochs,
                loss,
                distribution,
            } => {
                let learned = distribution.map_or(String::new(), |learned| {
                    format!(
                        ", expected {:.3} ms, {:.2} bits a choice",
                        learned.expected_latency_ms, learned.entropy_bits
                    )
                });
                let line =
                    format!("shared weights: epoch {epoch}/{epochs}, loss {loss:.3}{learned}");
                if !self.is_terminal {
                    let _ = writeln!(std::io::stderr(), "{line}");
                }
                self.measuring = Some(line);
            }
        }
    }

    /// Tells what the study is about for a while; where nothing is drawn, in a line when it begins.
    fn announce(&mut self, what: String) {
        if !self.is_terminal && self.measuring.as_ref() != Some(&what) {
            let _ = writeln!(std::io::stderr(), "{what}");
        }
        self.measuring = Some(what);
    }

    /// One finished trial in a line.
    fn line(&self, trial: &Trial) -> String {
        let latency = trial
            .latencies()
            .first()
            .map(|latency| format!(", {}", latency.median_ms));
        let accuracy = trial
            .curve()
            .last()
            .map(|accuracy| format!(", {accuracy:.2} %"));
        let score = trial.score().map(|score| format!(", score {score:.4}"));
        let known = self.trials.get(&trial.id()).is_some_and(Trial::is_finished);
        let reason = report::reason(trial);
        format!(
            "{}/{} trial {}: {}{}{}{}{}{reason}",
            self.finished() + usize::from(!known),
            self.spec.budget.trials,
            trial.id(),
            trial.state().word(),
            latency.unwrap_or_default(),
            score.unwrap_or_default(),
            accuracy.unwrap_or_default(),
            if reason.is_empty() { "" } else { ": " },
        )
    }

    /// Best so far, what is going on, time left.
    fn message(&self) -> String {
        let best = self
            .trials
            .values()
            .filter_map(|trial| Some((trial.accuracy()?.percent, trial)));
        let best = best
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(accuracy, trial)| {
                let latency = trial
                    .latencies()
                    .first()
                    .map(|latency| format!(" at {}", latency.median_ms));
                format!("best {accuracy:.2} %{}", latency.unwrap_or_default())
            });
        let left = self
            .time_left()
            .map(|left| format!("{} left", in_words(left)));
        let parts = [
            Some(best.unwrap_or("none trained yet".to_owned())),
            self.doing(),
            left,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn doing(&self) -> Option<String> {
        if self.measuring.is_some() {
            return self.measuring.clone();
        }
        let training = self.training.iter();
        let trials: Vec<String> = training
            .map(|(trial, (epoch, epochs))| format!("trial {trial} {epoch}/{epochs}"))
            .collect();
        (!trials.is_empty()).then(|| format!("training {}", trials.join(", ")))
    }

    /// From the pace of this run; never more than the budget's minutes allow.
    fn time_left(&self) -> Option<Duration> {
        let finished = self.finished();
        let spent = self.started.elapsed();
        let open = (self.spec.budget.trials.get() as usize).saturating_sub(finished);
        if open == 0 {
            // What no other beats may have yet to be trained.
            return None;
        }
        let by_pace = self.pace.and_then(|(since, before)| {
            let new = finished.checked_sub(before).filter(|new| *new > 0)?;
            Some(since.elapsed().mul_f64(open as f64 / new as f64))
        });
        let allowed = self
            .spec
            .budget
            .minutes
            .map(|minutes| Duration::from_secs_f64(minutes * 60.0));
        let by_budget = allowed.map(|allowed| allowed.saturating_sub(self.earlier + spent));
        by_pace.into_iter().chain(by_budget).min()
    }

    fn finished(&self) -> usize {
        self.trials
            .values()
            .filter(|trial| trial.is_finished())
            .count()
    }
}

/// `1 h 02 min`, `2 min 05 s`, `40 s`.
fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let texts = [40, 125, 3720].map(|s| in_words(Duration::from_secs(s)));
        assert_eq!(texts, ["40 s", "2 min 05 s", "1 h 02 min"]);
    }
}
