//! When did a build begin, where its stream reports work that was done for
//! another build before?
//!
//! BuildKit keeps one state for a step that several builds need at a time, and
//! sends a build that joins later all that the others were sent of it
//! (`MultiWriter.Add` in `util/progress`, `connectProgressFromState` in
//! `solver/jobs.go` of moby/buildkit). So a base image that another build
//! loaded a minute ago is reported with that time, and so is a COPY or RUN that
//! both have.
//!
//! Some steps no other build can share: the Dockerfile frontend and buildx
//! report them for one build, or their digest has the build's session in it.
//! The first of those is where a build begins.

use jiff::Timestamp;

use super::label::Label;
use super::step::Step;

/// When the build of these steps began; `None` where no step did.
pub(super) fn begin(steps: &[Step]) -> Option<Timestamp> {
    let first = |of: fn(&Label) -> bool| {
        let found = steps.iter().filter(|step| of(&step.label));
        found.filter_map(Step::started).min()
    };
    // A context follows a Dockerfile that is loaded. One that is reported to have
    // come before is another build's.
    let Some(own) = first(is_opening).or_else(|| first(is_own)) else {
        return first(|_| true);
    };
    let own = first(is_before_all).map_or(own, |before| before.min(own));
    // A Dockerfile on a server is fetched before all else. Whether that was
    // for this build shows where it was seen to run.
    let fetched = steps.iter().filter(|step| {
        let ended = step.last_seen().is_some_and(|end| end <= own);
        ended && step.was_seen_running() && is_remote_source(&step.label)
    });
    fetched.filter_map(Step::started).min().or(Some(own))
}

/// Whether a step is of one build alone, and the first of those that read its
/// Dockerfile.
pub(super) fn is_opening(label: &Label) -> bool {
    let openings = [
        "load build definition",
        "load local bake definitions",
        "booting buildkit",
    ];
    label.internal && begins(label, &openings)
}

/// Whether a step is of one build alone, and one that its Dockerfile's build
/// begins with.
fn is_own(label: &Label) -> bool {
    let is_for_one_build = label.internal || label.is_context();
    let first = [
        "load build context",
        "load .dockerignore",
        "load from client",
        "OCI load from client",
        "load metadata for",
    ];
    is_for_one_build && begins(label, &first)
}

fn begins(label: &Label, words: &[&str]) -> bool {
    let said = label.instruction.as_str();
    words.iter().any(|word| said.starts_with(word))
}

/// Whether a step is of one build alone and may come before those: other
/// clients than buildx may have it at any time.
fn is_before_all(label: &Label) -> bool {
    let said = label.instruction.as_str();
    label.position.is_none()
        && (said.starts_with("resolve image config for")
            || said.starts_with("importing cache manifest from"))
}

fn is_remote_source(label: &Label) -> bool {
    let said = label.instruction.as_str();
    let begins = |words: &[&str]| words.iter().any(|word| said.starts_with(word));
    (label.internal && begins(&["load git source", "load remote "]))
        || (label.position.is_none() && begins(&["git://", "http://", "https://"]))
}
