//! A run whose every text tries to be more than text.

use buildrace::explain::RunExplanation;
use buildrace::model::{Failure, LeftOut, Outcome, Run};

/// What names hold.
pub const NAMES: [&str; 7] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "</title></style><svg onload=alert(3)>",
    "\" onmouseover=\"alert(4)",
    "' autofocus onfocus='alert(5)",
    "javascript:alert(6)",
    "<!--<iframe src=https://evil.example>",
];

/// Each text in turn, so that each kind of place gets each.
struct Texts(usize);

impl Texts {
    fn next(&mut self) -> String {
        self.0 += 1;
        NAMES[self.0 % NAMES.len()].to_owned()
    }
}

fn all() -> String {
    NAMES.join(" ")
}

/// Puts hostile texts wherever results hold text from outside.
pub fn spoil(run: &mut Run, explained: &mut RunExplanation) {
    let mut texts = Texts(0);
    let record = &mut run.record;
    record.run = texts.next();
    record.buildrace = texts.next();
    record.commit = Some(texts.next());
    record.suite = Some(texts.next());
    record.command.operands.push(all());
    record.left_out.push(LeftOut {
        scenario: texts.next(),
        variant: Some(texts.next()),
        reason: all(),
    });
    record.builder.driver = texts.next();
    record.builder.found_by = texts.next();
    record.builder.engine_version = Some(texts.next());
    record.builder.buildkit_version = Some(texts.next());
    record.builder.storage = Some(texts.next());
    record.host.cpu_model = Some(all());
    record.host.kernel = Some(texts.next());
    record.host.os = Some(texts.next());
    for emulator in &mut record.emulators {
        emulator.handler = texts.next();
        emulator.version = Some(texts.next());
    }
    for image in &mut record.base_images {
        image.name = texts.next();
        image.digest = Some(texts.next());
    }
    let scenario = &mut record.scenarios[0];
    let renamed = all();
    let before = std::mem::replace(&mut scenario.name, renamed.clone());
    scenario.title = all();
    scenario.edit = Some(format!("{}: {:?} becomes {:?}", texts.next(), all(), all()));
    let suffix = all();
    scenario.reference += &suffix;
    for variant in &mut scenario.variants {
        variant.name += &suffix;
        variant.dockerfile = texts.next();
    }
    run.warnings.push(all());
    let samples = run.samples.iter_mut();
    let explained_samples = explained.samples.iter_mut().map(|found| &mut found.sample);
    for sample in samples.chain(explained_samples) {
        if sample.slot.scenario == before {
            sample.slot.scenario.clone_from(&renamed);
            sample.slot.variant += &suffix;
        }
        // Ids are addresses, too; rows and steps of a sample share theirs.
        sample.slot.id += NAMES[sample.slot.position as usize % NAMES.len()];
        sample.disturbances = vec![NAMES[0].to_owned()];
    }
    let failed = run.samples.last_mut().unwrap();
    failed.outcome = Outcome::Failed;
    failed.failure = Some(Failure {
        message: all(),
        step: Some(all()),
        exit_code: Some(1),
        log_tail: NAMES.map(str::to_owned).to_vec(),
    });
    let steps = explained.samples.iter_mut();
    for step in steps.flat_map(|found| &mut found.explanation.steps) {
        step.name = texts.next();
        step.instruction = format!("RUN {}", texts.next());
        step.stage = Some(texts.next());
        step.node = Some(texts.next());
    }
}
