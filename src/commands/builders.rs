//! `buildrace builders`: the builders that there are, and what each can race.

use crate::cli::BuildersArgs;
use crate::escape;
use crate::model::Platform;
use crate::ops::Exit;
use crate::ops::builder::{ListedBuilder, ListedNode, list};
use crate::ops::console::print_json;

/// Most characters of a line.
const LINE: usize = 400;

/// Lists them.
///
/// # Errors
/// buildx's folder cannot be read.
pub async fn run(args: BuildersArgs) -> anyhow::Result<Exit> {
    let builders = list(args.engine.host.as_deref()).await?;
    if args.json {
        print_json(&builders)?;
        return Ok(Exit::Good);
    }
    for (at, builder) in builders.iter().enumerate() {
        if at > 0 {
            outln!("");
        }
        for line in lines(builder) {
            outln!("{}", escape::terminal(&line, LINE));
        }
    }
    Ok(Exit::Good)
}

/// A builder: its name with `*` where it is the current one, its nodes, and what
/// it races.
fn lines(builder: &ListedBuilder) -> Vec<String> {
    let mark = if builder.current { "*" } else { "" };
    let mut lines = vec![format!("{}{mark}  {}", builder.name, builder.driver)];
    for node in &builder.nodes {
        lines.extend(node_lines(node));
    }
    lines.push(format!("  races: {}", builder.races));
    lines
}

fn node_lines(node: &ListedNode) -> Vec<String> {
    let buildkit = match &node.buildkit {
        Some(version) => format!(", BuildKit {version}"),
        None => String::new(),
    };
    let mut lines = vec![format!(
        "  {}  {}  {}{buildkit}",
        node.name, node.endpoint, node.status
    )];
    if let Some(error) = &node.error {
        lines.push(format!("    {error}"));
    }
    for (what, platforms) in [("native", &node.native), ("emulated", &node.emulated)] {
        if !platforms.is_empty() {
            let names: Vec<String> = platforms.iter().map(Platform::to_string).collect();
            lines.push(format!("    {what}: {}", names.join(", ")));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_builder_tells_its_nodes_and_what_it_races() {
        let platforms = |names: &[&str]| names.iter().map(|name| Platform::linux(name)).collect();
        let builder = ListedBuilder {
            name: "farm".into(),
            driver: "remote".into(),
            current: true,
            nodes: vec![
                ListedNode {
                    name: "farm0".into(),
                    endpoint: "tcp://a:1234".into(),
                    status: "running".into(),
                    buildkit: Some("v0.13.2".into()),
                    native: platforms(&["amd64"]),
                    emulated: platforms(&["arm64", "riscv64"]),
                    error: None,
                },
                ListedNode {
                    name: "farm1".into(),
                    endpoint: "tcp://b:1234".into(),
                    status: "error".into(),
                    error: Some("nobody listens".into()),
                    ..ListedNode::default()
                },
            ],
            races: "nothing: node farm1 does not answer".into(),
        };
        assert_eq!(
            lines(&builder),
            [
                "farm*  remote",
                "  farm0  tcp://a:1234  running, BuildKit v0.13.2",
                "    native: linux/amd64",
                "    emulated: linux/arm64, linux/riscv64",
                "  farm1  tcp://b:1234  error",
                "    nobody listens",
                "  races: nothing: node farm1 does not answer",
            ]
        );
    }
}
