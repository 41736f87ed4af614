//! Images that BuildKit gets through the session: what it is told of them, and
//! what it gets when it asks for their content.

use std::path::Path;

use bollard_buildkit_proto::moby::buildkit::v1 as proto;
use buildrace::buildkit::BuildError;
use buildrace::model::ImageLayout;
use sha2::{Digest, Sha256};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

use crate::Subject;
use crate::server::{FakeBuildKit, Script, Seen};

/// The messages of containerd's `api/services/content/v1/content.proto`, as a
/// client of its own has them.
mod api {
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Info {
        #[prost(string, tag = "1")]
        pub digest: String,
        #[prost(int64, tag = "2")]
        pub size: i64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct InfoRequest {
        #[prost(string, tag = "1")]
        pub digest: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct InfoResponse {
        #[prost(message, optional, tag = "1")]
        pub info: Option<Info>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ListRequest {
        #[prost(string, repeated, tag = "1")]
        pub filters: Vec<String>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ListResponse {
        #[prost(message, repeated, tag = "1")]
        pub info: Vec<Info>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ReadRequest {
        #[prost(string, tag = "1")]
        pub digest: String,
        #[prost(int64, tag = "2")]
        pub offset: i64,
        #[prost(int64, tag = "3")]
        pub size: i64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ReadResponse {
        #[prost(int64, tag = "1")]
        pub offset: i64,
        #[prost(bytes = "vec", tag = "2")]
        pub data: Vec<u8>,
    }
    /// With the reference of what is written.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct StatusRequest {
        #[prost(string, tag = "1")]
        pub reference: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Empty {}
}

fn digest_of(content: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(content)))
}

/// Adds a blob to a layout, and returns its digest.
fn blob(folder: &Path, content: &[u8]) -> String {
    let digest = digest_of(content);
    let path = ImageLayout::blob(folder, &digest).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
    digest
}

fn layout(folder: &Path, name: &str, digest: &str) -> ImageLayout {
    ImageLayout {
        name: name.into(),
        folder: folder.to_owned(),
        digest: digest.into(),
        platforms: vec!["linux/amd64".parse().unwrap()],
    }
}

/// BuildKit's side of the content service, for one store.
struct Content {
    session: Channel,
    store: Option<String>,
}

impl Content {
    async fn of(seen: &Seen, store: &str) -> Self {
        Self {
            session: seen.session().await,
            store: Some(format!("oci:{store}")),
        }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(store) = &self.store {
            let header = "buildkit-attachable-store-id";
            request
                .metadata_mut()
                .append(header, store.parse().unwrap());
        }
        request
    }

    async fn unary<Q, A>(&self, method: &'static str, message: Q) -> Result<A, Status>
    where
        Q: prost::Message + Default + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.session.clone());
        grpc.ready().await.unwrap();
        let codec = ProstCodec::<Q, A>::default();
        let answer = grpc.unary(self.request(message), path(method), codec);
        answer.await.map(tonic::Response::into_inner)
    }

    async fn streamed<Q, A>(&self, method: &'static str, message: Q) -> Result<Vec<A>, Status>
    where
        Q: prost::Message + Default + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut grpc = Grpc::new(self.session.clone());
        grpc.ready().await.unwrap();
        let codec = ProstCodec::<Q, A>::default();
        let answer = grpc.server_streaming(self.request(message), path(method), codec);
        let mut stream: Streaming<A> = answer.await?.into_inner();
        let mut messages = Vec::new();
        while let Some(message) = stream.message().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    async fn info(&self, digest: &str) -> Result<i64, Status> {
        let asked = api::InfoRequest {
            digest: digest.into(),
        };
        let answer: api::InfoResponse = self.unary("Info", asked).await?;
        let info = answer.info.unwrap();
        assert_eq!(info.digest, digest);
        Ok(info.size)
    }

    /// What is read from `offset`, at most `size` bytes.
    async fn read(&self, digest: &str, offset: i64, size: i64) -> Result<Vec<u8>, Status> {
        let asked = api::ReadRequest {
            digest: digest.into(),
            offset,
            size,
        };
        let mut read = Vec::new();
        let pieces: Vec<api::ReadResponse> = self.streamed("Read", asked).await?;
        for piece in pieces {
            assert!(piece.data.len() <= 128 << 10);
            assert_eq!(piece.offset, offset.max(0) + read.len() as i64);
            read.extend(piece.data);
        }
        Ok(read)
    }
}

fn path(method: &str) -> http::uri::PathAndQuery {
    let path = format!("/containerd.services.content.v1.Content/{method}");
    path.parse().unwrap()
}

fn announces_content(seen: &Seen) -> Vec<String> {
    let metadata = seen.session_metadata.lock().unwrap();
    let methods = metadata.get_all("x-docker-expose-session-grpc-method");
    methods
        .iter()
        .filter_map(|method| {
            let method = method.to_str().unwrap();
            let method = method.strip_prefix("/containerd.services.content.v1.Content/")?;
            Some(method.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn buildkit_reads_an_image_from_its_layout() {
    let mut subject = Subject::new();
    let folder = tempfile::tempdir().unwrap();
    // More than BuildKit's window, so that it takes what it reads in its time.
    let large: Vec<u8> = (0..6_000_000_u32).map(|at| (at % 251) as u8).collect();
    let digest = blob(folder.path(), &large);
    let index = blob(folder.path(), b"{}");
    subject.request.layouts = vec![layout(folder.path(), "base:1", &index)];
    let server = FakeBuildKit::new(Script::solve(move |seen: Seen, solve| {
        let (large, digest, index) = (large.clone(), digest.clone(), index.clone());
        async move {
            let told = &solve.frontend_attrs;
            assert_eq!(
                told["context:base:1"],
                format!("oci-layout://layout-0@{index}")
            );
            assert_eq!(told["context:base:1::linux/amd64"], told["context:base:1"]);
            assert_eq!(
                told["frontend.caps"],
                "moby.buildkit.frontend.contexts+forward"
            );
            let content = Content::of(&seen, "layout-0").await;
            assert_eq!(
                announces_content(&seen),
                ["Info", "List", "Read", "Status", "ListStatuses"]
            );
            assert_eq!(content.info(&digest).await?, 6_000_000);
            assert!(content.read(&digest, 0, 0).await? == large);
            assert!(content.read(&digest, -1, 1 << 20).await? == large[..1 << 20]);
            assert!(content.read(&digest, 5_999_000, 1 << 20).await? == large[5_999_000..]);
            assert_eq!(content.read(&digest, 6_000_000, 1).await?, b"");
            let past = content.read(&digest, 6_000_001, 1).await.unwrap_err();
            assert_eq!(past.code(), Code::OutOfRange);
            let all = api::ListRequest::default();
            let listed: Vec<api::ListResponse> = content.streamed("List", all).await?;
            let listed: Vec<i64> = listed
                .iter()
                .flat_map(|l| &l.info)
                .map(|i| i.size)
                .collect();
            assert!(listed == [2, 6_000_000] || listed == [6_000_000, 2]);
            Ok(proto::SolveResponse::default())
        }
    }));
    let end = subject.build(&server).await.0;
    end.result.unwrap();
    assert_eq!(end.layout_bytes, 6_000_000 + (1 << 20) + 1_000);
}

#[tokio::test]
async fn nothing_but_blobs_of_the_named_store_is_read() {
    let mut subject = Subject::new();
    let folder = tempfile::tempdir().unwrap();
    let index = blob(folder.path(), b"{}");
    let outside = folder.path().join("outside");
    std::fs::write(&outside, "x").unwrap();
    let link = digest_of(b"link");
    std::os::unix::fs::symlink(&outside, ImageLayout::blob(folder.path(), &link).unwrap()).unwrap();
    subject.request.layouts = vec![layout(folder.path(), "base", &index)];
    let server = FakeBuildKit::new(Script::solve(move |seen: Seen, _| {
        let (index, link) = (index.clone(), link.clone());
        async move {
            let content = Content::of(&seen, "layout-0").await;
            let hex = "0".repeat(57);
            for (digest, code) in [
                ("sha256:../../../outside".to_owned(), Code::InvalidArgument),
                (format!("sha256:../{hex}{}", "0000"), Code::InvalidArgument),
                (index.to_uppercase(), Code::InvalidArgument),
                (index.replace("256", "512"), Code::InvalidArgument),
                (String::new(), Code::InvalidArgument),
                (digest_of(b"other"), Code::NotFound),
                (link.clone(), Code::NotFound),
            ] {
                let info = content.info(&digest).await.unwrap_err();
                let read = content.read(&digest, 0, 0).await.unwrap_err();
                assert_eq!((info.code(), read.code()), (code, code), "{digest}");
            }
            for store in ["layout-1", "", "../layout-0"] {
                let other = Content::of(&seen, store).await;
                assert_eq!(other.info(&index).await.unwrap_err().code(), Code::NotFound);
            }
            let nameless = Content {
                store: None,
                ..Content::of(&seen, "").await
            };
            let refused = nameless.info(&index).await.unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
            Ok(proto::SolveResponse::default())
        }
    }));
    subject.build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn nothing_is_written() {
    let mut subject = Subject::new();
    let folder = tempfile::tempdir().unwrap();
    let index = blob(folder.path(), b"{}");
    subject.request.layouts = vec![layout(folder.path(), "base", &index)];
    let server = FakeBuildKit::new(Script::solve(move |seen: Seen, _| {
        let index = index.clone();
        async move {
            let content = Content::of(&seen, "layout-0").await;
            for method in ["Update", "Delete", "Write", "Abort"] {
                let asked = api::InfoRequest {
                    digest: index.clone(),
                };
                let answer: Result<api::Empty, _> = content.unary(method, asked).await;
                let refused = answer.unwrap_err();
                assert_eq!(refused.code(), Code::FailedPrecondition, "{method}");
                assert!(refused.message().contains("read-only"));
            }
            let asked = api::StatusRequest::default();
            let status: Result<api::Empty, _> = content.unary("Status", asked).await;
            assert_eq!(status.unwrap_err().code(), Code::NotFound);
            let _: api::Empty = content.unary("ListStatuses", api::Empty {}).await?;
            Ok(proto::SolveResponse::default())
        }
    }));
    subject.build(&server).await.0.result.unwrap();
    assert!(folder.path().join("blobs").exists());
}

#[tokio::test]
async fn without_layouts_no_content_is_offered() {
    let server = FakeBuildKit::new(Script::solve(|seen: Seen, _| async move {
        let content = Content::of(&seen, "layout-0").await;
        assert!(announces_content(&seen).is_empty());
        let refused = content.info(&digest_of(b"")).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented);
        Ok(proto::SolveResponse::default())
    }));
    Subject::new().build(&server).await.0.result.unwrap();
}

#[tokio::test]
async fn what_cannot_be_built_is_told_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let index = blob(folder.path(), b"{}");
    let mut lost = Subject::new();
    lost.request.layouts = vec![layout(folder.path(), "base", &digest_of(b"lost"))];
    let mut stage = Subject::new();
    std::fs::write(&stage.request.dockerfile, "FROM base AS base\n").unwrap();
    stage.request.layouts = vec![layout(folder.path(), "base", &index)];
    for (subject, said) in [(lost, "holds no sha256:"), (stage, "stage \"base\"")] {
        let server = FakeBuildKit::new(Script::solve(|_, _| async {
            Ok(proto::SolveResponse::default())
        }));
        match subject.build(&server).await.0.result.unwrap_err() {
            BuildError::Setup { message } => assert!(message.contains(said), "{message}"),
            other => panic!("{other:?}"),
        }
        assert!(server.seen.solves.lock().unwrap().is_empty());
    }
}
