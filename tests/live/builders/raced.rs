//! What is to be seen of a race that ended well.

use buildrace::model::{BuildKind, Outcome};
use buildrace::store::StoredRun;

/// A race that is over.
pub struct Raced {
    /// What it wrote to stderr.
    pub said: String,
    /// What it wrote to stdout.
    pub told: String,
    pub run: StoredRun,
}

impl Raced {
    /// Every build did what its kind does, and every image was run and is right.
    pub fn is_right(&self) -> &Self {
        let samples = &self.run.run.samples;
        assert_eq!(
            samples.len(),
            self.run.run.record.plan.len(),
            "{}",
            self.said
        );
        for sample in samples {
            let id = &sample.slot.id;
            assert_eq!(sample.outcome, Outcome::Ok, "{sample:?}");
            let (steps, cached) = (sample.steps, sample.cached_steps);
            match sample.slot.kind {
                BuildKind::Cold => assert_eq!(cached, 0, "{id}"),
                BuildKind::MultiArch | BuildKind::CacheExport(_) | BuildKind::CiCache(..) => {}
                BuildKind::Incremental | BuildKind::IncrementalOf(_) | BuildKind::Concurrent(_) => {
                    assert!(cached < steps, "{id}");
                }
                BuildKind::Noop => assert_eq!(cached, steps, "{id}"),
            }
            let is_checked = sample.slot.kind != BuildKind::Noop;
            assert_eq!(sample.output_checked, is_checked, "{id}: {}", self.said);
        }
        // How busy the machine is, is no matter of the builder's.
        let warnings = self.run.run.warnings.iter();
        let of_builder = warnings.filter(|warning| !warning.starts_with("the machine "));
        assert_eq!(of_builder.collect::<Vec<_>>(), [""; 0]);
        self
    }

    /// It says which builder it measures, and so do its results.
    pub fn names(&self, line: &str, driver: &str, name: Option<&str>) -> &Self {
        let begins = format!("builder: {line}");
        let first = self.said.lines().find(|said| said.starts_with("builder: "));
        let first = first.unwrap_or_else(|| panic!("no builder is named: {}", self.said));
        assert!(first.starts_with(&begins), "{first}");
        let builder = &self.run.run.record.builder;
        assert_eq!(builder.driver, driver);
        assert_eq!(builder.name.as_deref(), name);
        let version = builder.buildkit_version.as_ref().expect("a version");
        assert!(first.contains(&format!("BuildKit {version}")), "{first}");
        self
    }
}
