// What is done with every build that was read: it is explained, and the causes of
// its steps are found against the build before it.

use std::collections::BTreeMap;

use buildrace::explain::why::{Between, Known, why};
use buildrace::explain::{Conditions, explain};
use buildrace::trace::Recorded;

pub fn explained(builds: &[Recorded]) {
    let written = BTreeMap::new();
    let explained: Vec<_> = builds
        .iter()
        .filter_map(|build| {
            let conditions = Conditions::of_recorded(build);
            Some((build, explain(&build.trace, &conditions)?))
        })
        .collect();
    let known: Vec<Known<'_>> = explained
        .iter()
        .map(|(build, explanation)| Known {
            explanation,
            provenance: build.provenance.as_ref(),
            arguments: None,
            written: &written,
            no_cache: None,
            place: None,
        })
        .collect();
    for pair in known.windows(2) {
        let _ = why(&pair[1], &pair[0], &Between::default());
    }
}
