//! Tests against a real engine. They build, so they run one at a time, and
//! they remove from its cache what they made.
//!
//! The engine is `BUILDRACE_TEST_HOST`, else the one that `buildrace run` would
//! use. Without one they fail, unless `BUILDRACE_SKIP_LIVE=1`. What needs a
//! buildkitd besides takes `BUILDRACE_TEST_BUILDKITD` (`unix:///…`), else it is
//! skipped.

mod bake;
mod bench;
mod builders;
#[path = "../support/buildkitd.rs"]
mod buildkitd;
#[path = "../support/certificates.rs"]
mod certificates;
mod choose;
mod client_fidelity;
mod concurrent;
mod contexts_and_secrets;
mod docker_plugin;
mod explain;
mod gate;
#[path = "../support/git.rs"]
mod git;
mod harness;
mod hygiene;
#[allow(dead_code, reason = "tests/cli uses the rest")]
#[path = "../support/kube/mod.rs"]
mod kube;
mod kubernetes;
mod layouts;
mod matrix;
#[path = "../support/network.rs"]
mod network;
mod one_build;
mod outputs;
mod parts;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/project.rs"]
mod project;
mod race;
mod remembered;
mod resume;
mod somebody;
mod support;
mod why;
