//! What tells the nodes of one build apart: names of steps begin with the node's,
//! where buildx writes the prefix of a target, and steps that are the same on two nodes have
//! digests of their own.

use sha2::{Digest, Sha256};

use crate::trace::SolveStatus;
use crate::trace::label::NODE;

/// A node's status as that of a build on several nodes.
pub(super) fn of_node(mut status: SolveStatus, node: &str) -> SolveStatus {
    for vertex in &mut status.vertexes {
        vertex.digest = digest_on(node, &vertex.digest);
        for input in &mut vertex.inputs {
            *input = digest_on(node, input);
        }
        vertex.name = with_prefix(node, &vertex.name);
        if let Some(group) = &mut vertex.progress_group {
            group.id = format!("{node}/{}", group.id);
            group.name = with_prefix(node, &group.name);
        }
    }
    let statuses = status.statuses.iter_mut().map(|status| &mut status.vertex);
    let logs = status.logs.iter_mut().map(|log| &mut log.vertex);
    let warnings = status
        .warnings
        .iter_mut()
        .map(|warning| &mut warning.vertex);
    for vertex in statuses.chain(logs).chain(warnings) {
        *vertex = digest_on(node, vertex);
    }
    status
}

/// As buildx's `addPrefix` (`util/progress/multiwriter.go`), with a word that
/// [`Label`](crate::trace::Label) knows a node by.
fn with_prefix(node: &str, name: &str) -> String {
    match name.strip_prefix('[') {
        Some(rest) => format!("[{NODE}{node} {rest}"),
        None => format!("[{NODE}{node}] {name}"),
    }
}

fn digest_on(node: &str, digest: &str) -> String {
    if digest.is_empty() {
        return String::new();
    }
    let mixed = Sha256::digest(format!("{node} {digest}"));
    format!("sha256:{}", hex::encode(mixed))
}

/// The id of a record on the node at a place, among those of all nodes.
pub(super) fn id_on(place: usize, id: &str) -> String {
    format!("{place}:{id}")
}

/// The record's own id, where it is of the node at this place.
pub(super) fn own_id(place: usize, id: &str) -> Option<&str> {
    let (of, own) = id.split_once(':')?;
    (of == place.to_string()).then_some(own)
}
