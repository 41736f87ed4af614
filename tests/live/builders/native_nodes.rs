//! Two nodes, each with a platform of its own and in a network of its own: each
//! is asked for its platform, and sent what that needs, and nothing else. The
//! second one says that it is arm64, and emulates it.

use buildrace::store::read_trace;
use buildrace::trace::Trace;

use super::{Instance, Place, text};
use crate::buildkitd::Start;
use crate::network::Network;
use crate::support::Engine;

/// Bytes of each platform's program.
const SIZES: [(&str, u64); 2] = [("amd64", 2 << 20), ("arm64", 7 << 20)];
/// More than all else that is said to a node in a race.
const WORDS: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn each_node_gets_its_platform_and_nothing_else() {
    let Some(engine) = Engine::take().await else {
        return;
    };
    let place = Place::new(&engine.host);
    for (architecture, size) in SIZES {
        place.pads(architecture, size);
    }
    let lab = Network::new();
    let farms = [Network::new(), Network::new()];
    let nodes = [0, 1].map(|number: u8| {
        let farm = &farms[usize::from(number)];
        let address = lab.join(farm, &format!("farm{number}"), number);
        let mut start = Start::tcp(&address);
        start.network = Some(farm.file());
        // What it lists first is its own platform.
        start.platforms = vec![format!("linux/{}", SIZES[usize::from(number)].0)];
        start.start()
    });
    let farm = Instance::farm(&place, [&nodes[0].address, &nodes[1].address]);
    let before = farms.each_ref().map(Network::received);

    let race = [
        "run",
        "greet",
        "--rounds",
        "1",
        "--keep-contaminated",
        "--settle=0s",
        "--variant",
        "naive",
        "--kinds",
        "multi-arch",
        "--builder",
        &farm.name,
    ];
    let raced = place.has_raced(&mut place.buildrace_in(&lab, &race));

    for ((farm, before), (architecture, size)) in farms.iter().zip(before).zip(SIZES) {
        let received = farm.received() - before;
        let expected = size..size + WORDS;
        assert!(expected.contains(&received), "{architecture}: {received}");
    }

    let sample = &raced.run.run.samples[0];
    assert!(sample.output_checked, "{}", raced.said);
    let mut trace = Trace::new();
    for status in read_trace(&raced.run.dir, &sample.slot.id).unwrap() {
        trace.push(&status.unwrap());
    }
    for step in trace.steps() {
        let node = step.label.node.as_deref().expect("a node");
        let (_, own) = [("farm0", "amd64"), ("farm1", "arm64")]
            .into_iter()
            .find(|(name, _)| *name == node)
            .expect("one of the two");
        let platform = step.label.platform.as_ref();
        let architecture = platform.map(|platform| platform.architecture());
        assert!(
            architecture.is_none_or(|found| found == own),
            "{}",
            step.name
        );
        let copied = step.label.instruction.contains("hello-");
        assert!(
            !copied || step.label.instruction.contains(own),
            "{}",
            step.name
        );
    }
    // And it is said.
    let platforms = "linux/amd64 native, linux/arm64 native on farm1";
    assert!(raced.told.contains(platforms), "{}", raced.told);
    let nodes = "Nodes: farm0 (linux/amd64), farm1 (linux/arm64).";
    assert!(raced.told.contains(nodes), "{}", raced.told);
    // That each platform was native is measured, and no model.
    let chosen = place.buildrace(&["choose"]).output().unwrap();
    let told = text(&chosen.stdout);
    assert_eq!(chosen.status.code(), Some(0), "{}", text(&chosen.stderr));
    let row = told.lines().find(|line| line.starts_with("naive/lost"));
    assert!(
        row.is_some_and(|row| row.contains("native nodes")),
        "{told}"
    );
    assert!(!told.contains("+native"), "{told}");
}
