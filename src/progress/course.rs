//! How far a run has come: what both displays say of it, line by line.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::expect::Expected;
use super::lines::{rounds_line, sample_line};
use crate::escape;
use crate::model::{Event, Outcome, Run, RunRecord, Sample, Slot, Stopping};
use crate::report::number;
use crate::stats::LOOKS;
use crate::verdict::{Assessment, is_wanted};

/// The course of one run.
pub(super) struct Course {
    /// The run as far as it has come.
    run: Run,
    pub planned: usize,
    expected: Expected,
    /// What is still to be built, as far as it is known.
    left: Vec<Slot>,
    pub run_started: Instant,
    pub sample_started: Instant,
    /// When the last sample ended.
    ended: Option<Instant>,
    foretold: bool,
    /// Warnings so far, their numbers left out.
    warned: BTreeSet<String>,
}

impl Course {
    pub fn new(record: &RunRecord, built: &[Sample], expected: Expected) -> Self {
        let now = Instant::now();
        let mut course = Self {
            run: Run {
                samples: built.to_vec(),
                ..Run::new(record.clone())
            },
            planned: 0,
            expected,
            left: Vec::new(),
            run_started: now,
            sample_started: now,
            ended: None,
            foretold: !built.is_empty(),
            warned: BTreeSet::new(),
        };
        course.look_ahead();
        course
    }

    /// Samples that are there.
    pub fn done(&self) -> usize {
        self.run.samples.len()
    }

    /// Finds out what is left: there may be more of it or less as rounds are
    /// dropped and judged.
    fn look_ahead(&mut self) {
        let left = Assessment::of(&self.run).slots_left();
        self.left = left.into_iter().cloned().collect();
        self.planned = self.run.samples.len() + self.left.len();
    }

    /// The slot that is being built is left, whatever else is.
    fn begin(&mut self, sample: &str) {
        self.look_ahead();
        let begun = self.left.iter().position(|slot| slot.id == sample);
        if let Some(place) = begun {
            self.left.drain(..place);
        } else {
            // After a round in which a build failed there may be another, and no
            // event tells of that.
            let plan = self.run.record.plan.iter();
            let mut from = plan.skip_while(|slot| slot.id != sample);
            let round = from.clone().next().map(|slot| slot.round);
            let of_round = from.by_ref().take_while(|slot| Some(slot.round) == round);
            let is_wanted = |slot: &&Slot| is_wanted(&self.run, slot);
            self.left = of_round.filter(is_wanted).cloned().collect();
        }
        self.planned = self.run.samples.len() + self.left.len();
    }

    /// Takes note of an event, and says it in lines.
    pub fn event(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::SampleStarted { sample, .. } => {
                self.sample_started = Instant::now();
                self.begin(sample);
                self.foretell().into_iter().collect()
            }
            Event::SampleFinished { sample, .. } => self.finished(sample),
            Event::Rounds {
                scenario, message, ..
            } => {
                self.look_ahead();
                vec![rounds_line(scenario, message)]
            }
            Event::Warning { message, .. } => {
                // One that differs from an earlier one in numbers alone says
                // nothing new; the report counts them.
                let kind: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
                match self.warned.insert(kind) {
                    true => vec![format!("warning: {}", escape::terminal(message, 1000))],
                    false => Vec::new(),
                }
            }
            Event::RunStarted { .. } | Event::RunResumed { .. } | Event::RunFinished { .. } => {
                Vec::new()
            }
        }
    }

    /// Time left, the running sample's included: `about 4m10s`.
    pub fn left(&self) -> Option<String> {
        let running = self.sample_started.elapsed();
        self.expected.remaining(&self.left, running).in_words()
    }

    /// Rounds of the plan as far as it is wanted now.
    pub fn rounds(&self) -> u32 {
        let last = self.left.last().map(|slot| slot.round);
        let built = self.run.samples.last().map(|sample| sample.slot.round);
        last.max(built).unwrap_or(1)
    }

    /// Time left once a sample has ended.
    pub fn left_after(&self) -> Option<String> {
        self.expected
            .remaining(&self.left, Duration::ZERO)
            .in_words()
    }

    fn finished(&mut self, sample: &Sample) -> Vec<String> {
        let now = Instant::now();
        if let Some(ended) = self.ended.replace(now) {
            let between = now.duration_since(ended).saturating_sub(sample.wall);
            self.expected.learn_between(between);
        }
        self.expected.learn(sample);
        self.run.samples.push(sample.clone());
        let planned = self.planned;
        self.look_ahead();
        let mut lines = vec![sample_line(sample, self.done(), planned)];
        lines.extend(self.round_line(sample));
        lines.extend(self.foretell());
        lines
    }

    /// How long it takes to the first look, or to the end, once the time of
    /// every build is known: from earlier runs, or after the first round.
    fn foretell(&mut self) -> Option<String> {
        if self.foretold {
            return None;
        }
        let rounds = match self.run.record.rules.stopping {
            Stopping::Fixed => self.run.record.rounds,
            Stopping::Auto | Stopping::Gate => {
                let first = u32::try_from(LOOKS[0].rounds).unwrap_or(u32::MAX);
                self.run.record.rules.futility_rounds.unwrap_or(first)
            }
        };
        let assessment = Assessment::of(&self.run);
        let slots = assessment.slots_planned();
        let first = slots.iter().filter(|slot| slot.round <= rounds);
        let builds = first.count();
        let rest = self.left.iter().filter(|slot| slot.round <= rounds);
        let left = self.expected.remaining(rest, Duration::ZERO);
        if left.more {
            return None;
        }
        self.foretold = true;
        let of = match self.run.record.rules.stopping {
            Stopping::Fixed if rounds == 1 => "1 round".to_owned(),
            Stopping::Fixed => format!("{rounds} rounds"),
            Stopping::Auto | Stopping::Gate => format!("first look after {rounds} rounds"),
        };
        Some(format!("{of} ({builds} builds): {} left", left.in_words()?))
    }

    /// `round 2: multi-arch naive 57.1 s, cross 12.0 s (4.8× faster)`, once
    /// every sample of the round is there.
    fn round_line(&self, last: &Sample) -> Option<String> {
        let plan = self.run.record.plan.iter();
        let of_round =
            |scenario: &str, round: u32| scenario == last.slot.scenario && round == last.slot.round;
        let is_wanted =
            |slot: &&Slot| of_round(&slot.scenario, slot.round) && is_wanted(&self.run, slot);
        let wanted = plan.filter(is_wanted);
        let built = self.run.samples.iter();
        let built: Vec<&Sample> = built
            .filter(|s| of_round(&s.slot.scenario, s.slot.round))
            .collect();
        let scenarios = &self.run.record.scenarios;
        let info = scenarios
            .iter()
            .find(|info| info.name == last.slot.scenario)?;
        if built.len() < wanted.count() || info.variants.len() < 2 {
            return None;
        }
        let kinds: Vec<String> = info
            .kinds
            .iter()
            .filter_map(|kind| {
                let of = |variant: &str| {
                    let mut built = built.iter();
                    built.find(|s| s.slot.kind == *kind && s.slot.variant == variant)
                };
                let good = |sample: &&&Sample| sample.outcome == Outcome::Ok;
                let reference = of(&info.reference).filter(good);
                let each = info.variants.iter().filter_map(|variant| {
                    let sample = of(&variant.name)?;
                    let name = escape::terminal(&variant.name, 40);
                    if sample.outcome != Outcome::Ok {
                        return Some(format!("{name} {}", sample.outcome));
                    }
                    let wall = sample.wall.as_secs_f64();
                    let time = number::seconds(wall);
                    let ratio = reference
                        .filter(|reference| reference.slot.variant != sample.slot.variant)
                        .map(|reference| wall / reference.wall.as_secs_f64())
                        .filter(|ratio| ratio.is_finite() && *ratio > 0.0)
                        .map(|ratio| format!(" ({})", number::comparison(ratio)));
                    Some(format!("{name} {time}{}", ratio.unwrap_or_default()))
                });
                let each: Vec<String> = each.collect();
                (!each.is_empty()).then(|| format!("{kind} {}", each.join(", ")))
            })
            .collect();
        let scenario = match scenarios.len() {
            1 => String::new(),
            _ => format!("{} ", escape::terminal(&last.slot.scenario, 40)),
        };
        Some(format!(
            "{scenario}round {}: {}",
            last.slot.round,
            kinds.join("; ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, ARTICLE};
    use jiff::Timestamp;

    fn finished(sample: &Sample) -> Event {
        Event::SampleFinished {
            at: Timestamp::UNIX_EPOCH,
            sample: sample.clone(),
        }
    }

    fn lines(course: &mut Course, samples: &[Sample]) -> Vec<String> {
        let lines = samples.iter().flat_map(|s| course.event(&finished(s)));
        lines.collect()
    }

    #[test]
    fn each_round_says_its_times_and_ratios_once_it_is_there() {
        let (mut record, samples) = fixture::run(&ARTICLE, 8);
        record.rules.stopping = Stopping::Auto;
        let expected = Expected::of(&record);
        let mut course = Course::new(&record, &[], expected);
        let said = lines(&mut course, &samples[..7]);
        assert_eq!(said.len(), 7, "{said:?}");
        let said = lines(&mut course, &samples[7..8]);
        let [_, round, look] = said.as_slice() else {
            panic!("a sample, a round and what is to come: {said:?}");
        };
        for words in [
            "round 1: cold naive 5.",
            "; incremental naive ",
            "× faster)",
        ] {
            assert!(round.contains(words), "{round}");
        }
        // Of 48 builds, 40 are to come.
        assert!(look.starts_with("first look after 6 rounds (48 builds): about "));
        assert!(course.left_after().unwrap().starts_with("about "));
        let said = lines(&mut course, &samples[8..16]);
        assert_eq!(said.len(), 9, "it is foretold once: {said:?}");
        assert!(said[8].starts_with("round 2: "), "{}", said[8]);
    }

    #[test]
    fn a_round_that_nobody_announced_counts() {
        let (mut record, samples) = fixture::run(&ARTICLE, 8);
        record.rounds = 1;
        let expected = Expected::of(&record);
        let mut course = Course::new(&record, &[], expected);
        lines(&mut course, &samples[..8]);
        course.event(&Event::SampleStarted {
            at: Timestamp::UNIX_EPOCH,
            sample: samples[8].slot.id.clone(),
        });
        let said = lines(&mut course, &samples[8..9]);
        assert!(said[0].starts_with("[ 9/16] "), "{}", said[0]);
    }

    #[test]
    fn what_earlier_runs_took_is_said_before_the_first_build() {
        let (record, samples) = fixture::run(&ARTICLE, 3);
        let mut expected = Expected::of(&record);
        samples.iter().for_each(|sample| expected.learn(sample));
        let mut course = Course::new(&record, &[], expected);
        let said = course.event(&Event::SampleStarted {
            at: Timestamp::UNIX_EPOCH,
            sample: samples[0].slot.id.clone(),
        });
        assert!(
            said[0].starts_with("3 rounds (24 builds): about "),
            "{said:?}"
        );
    }

    #[test]
    fn a_gate_says_when_it_may_end_first() {
        let (mut record, samples) = fixture::run(&ARTICLE, 8);
        record.rules.stopping = Stopping::Gate;
        record.rules.futility_rounds = Some(3);
        let mut course = Course::new(&record, &[], Expected::of(&record));
        let said = lines(&mut course, &samples[..8]);
        let last = said.last().unwrap();
        assert!(
            last.starts_with("first look after 3 rounds (24 builds): about "),
            "{last}"
        );
    }

    #[test]
    fn a_warning_is_said_once_whatever_its_numbers() {
        let (record, _) = fixture::run(&ARTICLE, 1);
        let mut course = Course::new(&record, &[], Expected::of(&record));
        let mut warn = |message: &str| {
            let at = Timestamp::UNIX_EPOCH;
            let message = message.to_owned();
            course.event(&Event::Warning { at, message }).len()
        };
        assert_eq!(warn("15 records were left"), 1);
        assert_eq!(warn("9 records were left"), 0);
        assert_eq!(warn("something else"), 1);
    }

    #[test]
    fn a_build_that_failed_has_no_ratio_and_one_that_is_missing_no_round() {
        let (record, mut samples) = fixture::run(&ARTICLE, 1);
        for sample in samples.iter_mut().filter(|s| s.slot.variant == "naive") {
            fixture::fail(sample, Outcome::Failed);
        }
        let mut course = Course::new(&record, &[], Expected::of(&record));
        assert_eq!(lines(&mut course, &samples[..7]).len(), 7);
        let said = lines(&mut course, &samples[7..]);
        assert!(
            said[1].contains("cold naive failed, cross 5.40 s;"),
            "{said:?}"
        );
    }
}
