//! Who hears how a race goes: the store, and the display.

use super::causes::Causes;
use crate::model::{Event, Run, Slot};
use crate::progress::Progress;
use crate::race::{Observer, ObserverError, Redaction};
use crate::store::{RunWriter, TraceWriter};
use crate::trace::{SolveStatus, Trace};

/// Passes each event to the store first, then to the display.
pub struct RunObserver<'a> {
    pub redaction: &'a Redaction,
    pub causes: Causes,
    pub writer: RunWriter,
    pub trace: Option<(String, TraceWriter)>,
    pub progress: Progress,
    /// The run as results have it.
    pub run: Run,
}

impl Observer for RunObserver<'_> {
    fn event(&mut self, event: &Event) -> Result<(), ObserverError> {
        let mut event = event.clone();
        if let Event::SampleFinished { sample, .. } = &mut event {
            self.causes.add_to(sample);
        }
        let event = &self.redaction.event(&event);
        // On the display even if the disk is full, and the sample before its
        // trace: it is worth more.
        self.progress.event(event);
        self.writer.append(event)?;
        if let Event::RunResumed { at, .. } = event {
            self.run.resumed.push(*at);
        }
        if let Event::SampleStarted { at, sample } = event {
            self.run.began.insert(sample.clone(), *at);
        }
        if let Event::Warning { message, .. } = event {
            self.run.warnings.push(message.clone());
        }
        if let Event::SampleFinished { sample, .. } = event {
            self.run.samples.push(sample.clone());
            if let Some((_, trace)) = self.trace.take() {
                trace.finish()?;
            }
        }
        Ok(())
    }

    fn status(
        &mut self,
        slot: &Slot,
        status: &SolveStatus,
        _: &Trace,
    ) -> Result<(), ObserverError> {
        if self.trace.as_ref().is_none_or(|(id, _)| *id != slot.id) {
            self.trace = Some((slot.id.clone(), self.writer.trace_writer(&slot.id)?));
        }
        if let Some((_, trace)) = &mut self.trace {
            trace.write(status)?;
        }
        Ok(())
    }

    fn tick(&mut self, slot: &Slot, trace: &Trace) {
        self.progress.tick(slot, trace);
    }

    fn phase(&mut self, what: &str) {
        self.progress.phase(what);
    }
}
