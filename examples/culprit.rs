//! Names the step that a recorded build was slow for, and its emulated time.
//!
//! `cargo run --example culprit [FILE [PLATFORM]]`: FILE is what `docker buildx
//! build --progress=rawjson` wrote, PLATFORM that of the node that built it.

use std::env;
use std::fs::File;

use anyhow::Context as _;
use buildrace::escape;
use buildrace::explain::{Conditions, Node, explain};
use buildrace::trace::{Trace, rawjson::Reader};

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let file = arguments.next();
    let file = file.unwrap_or_else(|| "tests/fixtures/traces/cross-cold.rawjson".to_owned());
    let platform = arguments.next().unwrap_or_else(|| "linux/amd64".to_owned());

    let mut trace = Trace::new();
    for status in Reader::new(File::open(&file).with_context(|| format!("cannot open {file}"))?) {
        trace.push(&status?);
    }
    let conditions = Conditions {
        node: Some(Node::of(platform.parse()?)),
        ..Conditions::default()
    };
    let explanation = explain(&trace, &conditions).context("no step of the build began")?;
    if let Some(culprit) = &explanation.culprit {
        let step = &explanation.steps[culprit.step];
        println!("culprit: {}", escape::terminal(&step.name, 200));
    }
    let [emulated, span] = [explanation.emulated, explanation.span].map(|t| t.as_secs_f64());
    println!("emulated: {emulated:.2} s in a build of {span:.2} s");
    Ok(())
}
