//! A builder of several nodes: each platform of a build goes to one of them, the
//! nodes solve at the same time, and the last to end decides.

mod archives;
mod label;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Builder, BuilderError, Cleanup, NodeBuilder, StatusSink};
use crate::buildkit::{
    BakeRequest, BakeTarget, BuildEnd, BuildError, BuildReply, BuildRequest, BuildWindow,
    CacheRecord, Export, NamedContext, Worker,
};
use crate::model::{NodeInfo, Platform};
use crate::provenance::Provenance;

/// A node of a builder.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub info: NodeInfo,
    /// The BuildKit on it.
    pub builder: NodeBuilder,
}

/// Several nodes as one builder. There is at least one.
#[derive(Debug, Clone)]
pub struct NodesBuilder {
    nodes: Vec<Node>,
    /// Of each node.
    infos: Vec<NodeInfo>,
    cleanup: Cleanup,
    /// Places of nodes that do not answer any more, and are asked nothing.
    lost: BTreeSet<usize>,
}

/// How long a node may take to say that it is there.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

impl NodesBuilder {
    /// A builder of these nodes, in their order; `None` where there is none.
    pub fn new(nodes: Vec<Node>) -> Option<Self> {
        let own = |node: &Node| node.builder.cleanup() == Cleanup::Remove;
        let cleanup = match nodes.iter().all(own) {
            true => Cleanup::Remove,
            false => Cleanup::Leave,
        };
        let infos: Vec<NodeInfo> = nodes.iter().map(|node| node.info.clone()).collect();
        (!nodes.is_empty()).then_some(Self {
            nodes,
            infos,
            cleanup,
            lost: BTreeSet::new(),
        })
    }

    /// The nodes that are asked what they hold, with their places.
    fn asked(&self) -> impl Iterator<Item = (usize, &NodeBuilder)> {
        let nodes = self.nodes.iter().enumerate();
        let nodes = nodes.filter(|(place, _)| !self.lost.contains(place));
        nodes.map(|(place, node)| (place, &node.builder))
    }

    fn place_of(&self, platform: &Platform) -> usize {
        NodeInfo::place_of(&self.infos, platform)
    }

    /// The part of a request that each node is asked for, by its place.
    fn parts(&self, request: &BuildRequest) -> Vec<(usize, BuildRequest)> {
        let mut platforms: BTreeMap<usize, Vec<Platform>> = BTreeMap::new();
        for platform in &request.platforms {
            let of_node = platforms.entry(self.place_of(platform)).or_default();
            of_node.push(platform.clone());
        }
        let is_one = platforms.len() == 1;
        let parts = platforms.into_iter().map(|(place, platforms)| {
            let export = match &request.export {
                Export::Oci { destination } if !is_one => Export::Oci {
                    destination: beside(destination, place),
                },
                export => export.clone(),
            };
            let part = BuildRequest {
                platforms,
                export,
                ..request.clone()
            };
            (place, part)
        });
        parts.collect()
    }

    /// The same of several targets.
    ///
    /// # Errors
    /// A target takes from one that is built on another node.
    fn bake_parts(&self, request: &BakeRequest) -> Result<Vec<(usize, BakeRequest)>, BuildError> {
        let mut parts: BTreeMap<usize, Vec<BakeTarget>> = BTreeMap::new();
        for target in &request.targets {
            for (place, part) in self.parts(&target.request) {
                parts.entry(place).or_default().push(BakeTarget {
                    name: target.name.clone(),
                    request: part,
                });
            }
        }
        for (place, targets) in &parts {
            for target in targets {
                let taken = target
                    .request
                    .contexts
                    .values()
                    .find_map(|context| match context {
                        NamedContext::Target(name) if targets.iter().all(|t| t.name != *name) => {
                            Some(name)
                        }
                        _ => None,
                    });
                if let Some(taken) = taken {
                    return Err(BuildError::Setup {
                        message: format!(
                            "target {} takes from {taken}, which is not built on its node {}: give \
                             both the same platforms",
                            target.name, self.nodes[*place].info.name
                        ),
                    });
                }
            }
        }
        let timeout = request.timeout;
        let parts = parts.into_iter();
        Ok(parts
            .map(|(place, targets)| (place, BakeRequest { targets, timeout }))
            .collect())
    }

    /// Builds a part on its node, and cancels the others where it fails.
    async fn build_part(
        &self,
        (place, part): (usize, &BakeRequest),
        sink: StatusSink,
        cancel: &CancellationToken,
    ) -> BuildEnd {
        let node = &self.nodes[place];
        let (own, mut statuses) = mpsc::unbounded_channel();
        let building = node.builder.bake(part, own, cancel.clone());
        let forwarding = async {
            while let Some(status) = statuses.recv().await {
                // Whoever reads no status may still want the build.
                let _ = sink.send(label::of_node(status, &node.info.name));
            }
        };
        let (mut end, ()) = tokio::join!(building, forwarding);
        end.result = end.result.map_err(|error| on_node(error, &node.info.name));
        if end.result.is_err() {
            cancel.cancel();
        }
        end
    }
}

/// A file for the part of an archive that a node exports.
fn beside(destination: &Path, place: usize) -> PathBuf {
    let mut name = destination.file_name().unwrap_or_default().to_owned();
    name.push(format!(".node{place}"));
    destination.with_file_name(name)
}

/// An error that names the node it happened on.
fn on_node(error: BuildError, node: &str) -> BuildError {
    let on = |message: String| format!("node {node}: {message}");
    match error {
        BuildError::Failed { message } => BuildError::Failed {
            message: on(message),
        },
        BuildError::LostBuilder { message } => BuildError::LostBuilder {
            message: on(message),
        },
        error => error,
    }
}

/// How a build ended, by how its parts did. What failed tells more than what was
/// cancelled for its sake.
fn end_of(ends: Vec<BuildEnd>) -> BuildEnd {
    let mut whole = BuildEnd {
        wall: Duration::ZERO,
        context_bytes: 0,
        layout_bytes: 0,
        received: None,
        result: Ok(BuildReply::default()),
    };
    for end in ends {
        whole.wall = whole.wall.max(end.wall);
        whole.context_bytes += end.context_bytes;
        whole.layout_bytes += end.layout_bytes;
        whole.received = whole.received.or(end.received);
        whole.result = match (whole.result, end.result) {
            (Ok(mut whole), Ok(reply)) => {
                whole.exporter.extend(reply.exporter);
                Ok(whole)
            }
            (Err(BuildError::Cancelled) | Ok(_), Err(error)) => Err(error),
            (Err(error), _) => Err(error),
        };
    }
    whole
}

#[async_trait]
impl Builder for NodesBuilder {
    async fn build(
        &self,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let alone = BakeRequest::alone(request.clone());
        self.bake(&alone, sink, cancel).await
    }

    async fn bake(
        &self,
        request: &BakeRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let parts = match self.bake_parts(request) {
            Ok(parts) => parts,
            Err(error) => return BuildEnd::before(error),
        };
        let together = cancel.child_token();
        let builds = parts
            .iter()
            .map(|(place, part)| self.build_part((*place, part), sink.clone(), &together));
        let mut end = end_of(join_all(builds).await);
        if let Some(Export::Oci { destination }) = request.only().map(|only| &only.export)
            && parts.len() > 1
        {
            let files: Vec<PathBuf> = parts
                .iter()
                .map(|(place, _)| beside(destination, *place))
                .collect();
            end.result = end.result.and_then(|reply| {
                archives::join(&files, destination)
                    .map(|()| reply)
                    .map_err(|error| BuildError::Failed {
                        message: format!("cannot join the archives of the nodes: {error}"),
                    })
            });
            for file in files {
                // Those of a build that failed need not be there.
                let _ = std::fs::remove_file(file);
            }
        }
        end
    }

    async fn build_on(
        &self,
        node: Option<&str>,
        request: &BuildRequest,
        sink: StatusSink,
        cancel: CancellationToken,
    ) -> BuildEnd {
        let named = node.and_then(|name| self.nodes.iter().position(|n| n.info.name == name));
        match named {
            Some(place) => {
                let alone = BakeRequest::alone(request.clone());
                self.build_part((place, &alone), sink, &cancel).await
            }
            None => self.build(request, sink, cancel).await,
        }
    }

    fn cleanup(&self) -> Cleanup {
        self.cleanup
    }

    async fn cache_records(&self) -> Result<Vec<CacheRecord>, BuilderError> {
        let asked = self.asked().map(|(place, node)| async move {
            let records = node.cache_records().await?;
            Ok::<_, BuilderError>(records.into_iter().map(move |record| {
                CacheRecord {
                    id: label::id_on(place, &record.id),
                    parents: record
                        .parents
                        .iter()
                        .map(|id| label::id_on(place, id))
                        .collect(),
                    ..record
                }
            }))
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn prune(&self, ids: &[String]) -> Result<Vec<String>, BuilderError> {
        let mut gone = Vec::new();
        for (place, node) in self.asked() {
            let own = ids.iter().filter_map(|id| label::own_id(place, id));
            let own: Vec<String> = own.map(str::to_owned).collect();
            if !own.is_empty() {
                let pruned = node.prune(&own).await?;
                gone.extend(pruned.iter().map(|id| label::id_on(place, id)));
            }
        }
        Ok(gone)
    }

    async fn workers(&self) -> Result<Vec<Worker>, BuilderError> {
        let asked = self.asked().map(|(_, node)| node.workers());
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn history(&self) -> Result<Vec<BuildWindow>, BuilderError> {
        let asked = self.asked().map(|(_, node)| node.history());
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn forget(&self, references: &[String]) -> Result<(), BuilderError> {
        let asked = self.asked().map(|(_, node)| node.forget(references));
        try_join_all(asked).await.map(drop)
    }

    async fn provenance(&self, reference: &str) -> Result<Option<Provenance>, BuilderError> {
        let asked = self.asked().map(|(_, node)| node.provenance(reference));
        let mut all: Option<Provenance> = None;
        for found in try_join_all(asked).await?.into_iter().flatten() {
            match &mut all {
                Some(all) => all.add(found),
                None => all = Some(found),
            }
        }
        Ok(all)
    }

    async fn survivors(&self) -> Option<Box<dyn Builder>> {
        let asked = self.asked().map(|(place, node)| async move {
            let answer = tokio::time::timeout(ANSWER_LIMIT, node.buildkit_version()).await;
            (place, matches!(answer, Ok(Ok(_))))
        });
        let (alive, dead): (Vec<_>, Vec<_>) = join_all(asked)
            .await
            .into_iter()
            .partition(|(_, answers)| *answers);
        if alive.is_empty() || dead.is_empty() {
            return None;
        }
        let mut survivors = self.clone();
        survivors.lost.extend(dead.iter().map(|(place, _)| place));
        Some(Box::new(survivors))
    }
}

#[cfg(test)]
mod tests;
