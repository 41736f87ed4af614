//! Builds that take what another build makes, as bake's `target:NAME` contexts.
//!
//! Such a build is driven from here, as buildx drives every build: `Solve` without
//! a frontend opens it, and the gateway's API is asked to run the frontend. That
//! answers with the build's graph before anything of it is done. So a build
//! that takes from it is given the graph as an input of its frontend, and
//! BuildKit does what both need once, even without a cache.
//!
//! The order is buildx's (`linkedTargetState` in its `build/build.go`): nobody
//! begins to work before the graphs of all that take from it are known, and a
//! build stays open until they are done. A step without cache would be done
//! again for a build that comes to it too late.

use std::collections::HashMap;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use futures_util::future::{join_all, try_join_all};
use tokio::sync::watch;
use tonic::{Code, Status};

use super::contexts::TARGET;
use super::control::Control;

/// Key of a build's image configuration among its metadata.
const IMAGE_CONFIG: &str = "containerimage.config";

/// Builds with the links among them.
pub(super) struct Links {
    builds: Vec<Linked>,
}

/// A build that takes from others, or that others take from.
struct Linked {
    /// Places of those it takes from, each with the context that it is for:
    /// `context:NAME`.
    parents: Vec<(usize, String)>,
    /// Places of those that take from it.
    children: Vec<usize>,
    result: OnceLock<BuildResult>,
    stage: watch::Sender<Stage>,
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Begun,
    /// Its graph is known.
    Known,
    /// Its steps are done.
    Evaluated,
    /// Nobody needs it any more.
    Done,
}

impl Links {
    /// Reads the links among solves, whose builds have these names.
    ///
    /// # Errors
    /// A context of a target that is not among them.
    pub(super) fn of(names: &[&str], solves: &[proto::SolveRequest]) -> Result<Self, String> {
        let mut builds: Vec<Linked> = solves
            .iter()
            .map(|_| Linked {
                parents: Vec::new(),
                children: Vec::new(),
                result: OnceLock::new(),
                stage: watch::Sender::new(Stage::Begun),
            })
            .collect();
        for (child, solve) in solves.iter().enumerate() {
            let mut contexts: Vec<_> = solve.frontend_attrs.iter().collect();
            contexts.sort();
            for (key, value) in contexts {
                let target = value.strip_prefix(TARGET);
                let Some(target) = target.filter(|_| key.starts_with("context:")) else {
                    continue;
                };
                let Some(parent) = names.iter().position(|name| *name == target) else {
                    let name = key.strip_prefix("context:").unwrap_or(key);
                    return Err(format!(
                        "the context {name:?} comes from the target {target:?}, which is not built \
                         beside it"
                    ));
                };
                builds[child].parents.push((parent, key.clone()));
                builds[parent].children.push(child);
            }
        }
        Ok(Self { builds })
    }

    /// Solves the build at a place.
    pub(super) async fn solve(
        &self,
        place: usize,
        mut control: Control,
        mut solve: proto::SolveRequest,
    ) -> Result<proto::SolveResponse, Status> {
        let build = &self.builds[place];
        if build.parents.is_empty() && build.children.is_empty() {
            return control.solve(solve).await;
        }
        let mut inputs = HashMap::new();
        for (parent, context) in &build.parents {
            self.reached(*parent, Stage::Known).await;
            if let Some(result) = self.builds[*parent].result.get() {
                result.add_as(context, &mut solve.frontend_attrs, &mut inputs);
            }
        }
        let asked = FrontendSolve {
            frontend: std::mem::take(&mut solve.frontend),
            frontend_opt: solve.frontend_attrs.clone(),
            allow_result_return: true,
            allow_result_array_ref: true,
            frontend_inputs: inputs,
        };
        let gateway = Gateway {
            control: control.clone(),
            build: solve.r#ref.clone(),
        };
        let driving = async {
            let driven = self.drive(place, &gateway, asked).await;
            let end = match &driven {
                Ok(result) => Return::of(result.clone()),
                Err(status) => Return::failed(status),
            };
            // Where it is not heard, what was driven says more.
            let returned = gateway.end(end).await;
            driven.and(returned)
        };
        let mut answer = std::pin::pin!(control.solve(solve));
        tokio::select! {
            answer = &mut answer => answer,
            driven = driving => {
                let answer = answer.await;
                driven.and(answer)
            }
        }
    }

    async fn drive(
        &self,
        place: usize,
        gateway: &Gateway,
        asked: FrontendSolve,
    ) -> Result<BuildResult, Status> {
        let build = &self.builds[place];
        let result = gateway.solve(asked).await?;
        let _ = build.result.set(result.clone());
        build.stage.send_replace(Stage::Known);
        join_all(
            build
                .children
                .iter()
                .map(|it| self.reached(*it, Stage::Known)),
        )
        .await;
        let parents = build.parents.iter();
        join_all(parents.map(|(it, _)| self.reached(*it, Stage::Evaluated))).await;
        try_join_all(result.ids().map(|id| gateway.evaluate(id))).await?;
        build.stage.send_replace(Stage::Evaluated);
        join_all(
            build
                .children
                .iter()
                .map(|it| self.reached(*it, Stage::Done)),
        )
        .await;
        build.stage.send_replace(Stage::Done);
        Ok(result)
    }

    async fn reached(&self, place: usize, stage: Stage) {
        let mut stages = self.builds[place].stage.subscribe();
        // The sender lives as long as this.
        let _ = stages.wait_for(|reached| *reached >= stage).await;
    }
}

/// The gateway's API, of one build.
struct Gateway {
    control: Control,
    build: String,
}

impl Gateway {
    async fn solve(&self, request: FrontendSolve) -> Result<BuildResult, Status> {
        let path = "/moby.buildkit.v1.frontend.LLBBridge/Solve";
        let mut control = self.control.clone();
        let answer: FrontendSolved = control.of_build(&self.build, path, request).await?;
        answer
            .result
            .ok_or_else(|| Status::internal("BuildKit's frontend has no result"))
    }

    /// Has BuildKit do what a part of a result needs.
    async fn evaluate(&self, id: &str) -> Result<(), Status> {
        let path = "/moby.buildkit.v1.frontend.LLBBridge/Evaluate";
        let part = Part { id: id.to_owned() };
        let mut control = self.control.clone();
        let answer: Result<Nothing, _> = control.of_build(&self.build, path, part).await;
        match answer {
            // BuildKit before 0.12 does it to tell of a file.
            Err(status) if status.code() == Code::Unimplemented => {
                let path = "/moby.buildkit.v1.frontend.LLBBridge/StatFile";
                let file = FileOfPart {
                    id: id.to_owned(),
                    path: ".".to_owned(),
                };
                let answer: Result<Nothing, _> = control.of_build(&self.build, path, file).await;
                answer.map(drop)
            }
            answer => answer.map(drop),
        }
    }

    async fn end(&self, end: Return) -> Result<(), Status> {
        let path = "/moby.buildkit.v1.frontend.LLBBridge/Return";
        let mut control = self.control.clone();
        let answer: Nothing = control.of_build(&self.build, path, end).await?;
        let Nothing {} = answer;
        Ok(())
    }
}

// The messages of `frontend/gateway/pb/gateway.proto`, as far as they are used.
// Graphs are passed on as bytes, which is the same on the wire: they hold
// the Dockerfile's own text, which need not be UTF-8.

#[derive(Clone, PartialEq, prost::Message)]
struct FrontendSolve {
    #[prost(string, tag = "2")]
    frontend: String,
    #[prost(map = "string, string", tag = "3")]
    frontend_opt: HashMap<String, String>,
    #[prost(bool, tag = "5")]
    allow_result_return: bool,
    #[prost(bool, tag = "6")]
    allow_result_array_ref: bool,
    #[prost(map = "string, bytes", tag = "13")]
    frontend_inputs: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FrontendSolved {
    #[prost(message, optional, tag = "3")]
    result: Option<BuildResult>,
}

/// What a frontend makes: a graph for each platform, nothing of it done.
#[derive(Clone, PartialEq, prost::Message)]
struct BuildResult {
    #[prost(message, optional, tag = "3")]
    only: Option<Graph>,
    #[prost(message, optional, tag = "4")]
    platforms: Option<Graphs>,
    #[prost(map = "string, bytes", tag = "10")]
    metadata: HashMap<String, Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Graphs {
    #[prost(map = "string, message", tag = "1")]
    of: HashMap<String, Graph>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Graph {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bytes = "vec", tag = "2")]
    definition: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Part {
    #[prost(string, tag = "1")]
    id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FileOfPart {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    path: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Return {
    #[prost(message, optional, tag = "1")]
    result: Option<BuildResult>,
    #[prost(message, optional, tag = "2")]
    error: Option<ReturnedError>,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct ReturnedError {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// An answer of which nothing is read.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
struct Nothing {}

impl Return {
    fn of(result: BuildResult) -> Self {
        Self {
            result: Some(result),
            error: None,
        }
    }

    fn failed(status: &Status) -> Self {
        Self {
            result: None,
            error: Some(ReturnedError {
                code: status.code().into(),
                message: status.message().to_owned(),
            }),
        }
    }
}

impl BuildResult {
    /// What can be evaluated; an image without a file is nothing.
    fn ids(&self) -> impl Iterator<Item = &str> {
        let graphs = self.platforms.iter().flat_map(|graphs| graphs.of.values());
        let ids = graphs.chain(&self.only).map(|graph| graph.id.as_str());
        ids.filter(|id| !id.is_empty())
    }

    /// Makes it the source of a context of another build, as buildx's
    /// `waitContextDeps` does: `context` is the attribute, `context:NAME`.
    fn add_as(
        &self,
        context: &str,
        attributes: &mut HashMap<String, String>,
        inputs: &mut HashMap<String, Vec<u8>>,
    ) {
        let mut add = |key: String, config: String, graph: &Graph| {
            attributes.insert(key.clone(), format!("input:{key}"));
            if let Some(config) = self.metadata.get(&config) {
                // A map of bytes, as Go's JSON has it.
                let config = BASE64_STANDARD.encode(config);
                let metadata = serde_json::json!({ IMAGE_CONFIG: config });
                attributes.insert(format!("input-metadata:{key}"), metadata.to_string());
            }
            inputs.insert(key, graph.definition.clone());
        };
        if let Some(graph) = &self.only {
            add(context.to_owned(), IMAGE_CONFIG.to_owned(), graph);
        }
        let Some(graphs) = &self.platforms else {
            return;
        };
        for (platform, graph) in &graphs.of {
            let config = format!("{IMAGE_CONFIG}/{platform}");
            add(format!("{context}::{platform}"), config, graph);
        }
        if self.only.is_none() {
            attributes.remove(context);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(contexts: &[(&str, &str)]) -> proto::SolveRequest {
        let contexts = contexts.iter();
        proto::SolveRequest {
            frontend_attrs: contexts
                .map(|(name, source)| (format!("context:{name}"), (*source).to_owned()))
                .collect(),
            ..Default::default()
        }
    }

    #[test]
    fn builds_are_linked_by_the_contexts_that_are_targets() {
        let solves = [
            solve(&[("base", "target:base"), ("src", "local:src")]),
            solve(&[]),
        ];
        let links = Links::of(&["app", "base"], &solves).unwrap();
        assert_eq!(links.builds[0].parents, [(1, "context:base".to_owned())]);
        assert_eq!(links.builds[1].children, [0]);
        let error = Links::of(&["app", "other"], &solves).err().unwrap();
        assert!(
            error.contains("\"base\"") && error.contains("not built"),
            "{error}"
        );
    }

    #[test]
    fn a_result_is_a_context_on_each_platform() {
        let graph = |id: &str| Graph {
            id: id.into(),
            definition: vec![0xff, 0xfe],
        };
        let result = BuildResult {
            only: None,
            platforms: Some(Graphs {
                of: HashMap::from([("linux/arm64".to_owned(), graph("a"))]),
            }),
            metadata: HashMap::from([(
                "containerimage.config/linux/arm64".to_owned(),
                b"{}".to_vec(),
            )]),
        };
        let mut attributes = solve(&[("base", "target:base")]).frontend_attrs;
        let mut inputs = HashMap::new();
        result.add_as("context:base", &mut attributes, &mut inputs);
        let key = "context:base::linux/arm64";
        assert_eq!(attributes[key], format!("input:{key}"));
        assert_eq!(
            attributes[&format!("input-metadata:{key}")],
            r#"{"containerimage.config":"e30="}"#
        );
        assert!(!attributes.contains_key("context:base"));
        assert_eq!(inputs[key], [0xff, 0xfe]);
        assert_eq!(result.ids().collect::<Vec<_>>(), ["a"]);
    }
}
