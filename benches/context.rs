//! What file sync itself costs, with a receiver in this process that does
//! nothing with what it gets: the part of a context's transfer that is ours.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use buildrace::buildkit::filesync::wire::{Packet, PacketType, mode};
use buildrace::buildkit::filesync::{FileSync, LocalDir};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

const FILES: usize = 10_000;
const FILE_BYTES: usize = 20 * 1024;

/// Lists `root`, asks for the content of every file where `all`, and returns
/// the bytes of content that came.
async fn sync(root: &Path, patterns: &[&'static str], all: bool) -> u64 {
    let root = root.to_owned();
    let dirs = BTreeMap::from([("context".to_owned(), LocalDir { root })]);
    let mut grpc = Grpc::new(FileSync::new(dirs, Arc::new(AtomicU64::new(0))));
    let (requests, outgoing) = mpsc::unbounded_channel();
    let mut request = Request::new(UnboundedReceiverStream::new(outgoing));
    let metadata = request.metadata_mut();
    metadata.insert("dir-name", "context".parse().expect("ASCII"));
    for pattern in patterns {
        metadata.append("exclude-patterns", pattern.parse().expect("ASCII"));
    }
    let path = PathAndQuery::from_static("/moby.filesync.v1.FileSync/DiffCopy");
    let mut packets = grpc
        .streaming(request, path, ProstCodec::<Packet, Packet>::default())
        .await
        .expect("the call is served")
        .into_inner();
    let (mut id, mut open, mut bytes, mut listed) = (0, 0, 0, false);
    while let Some(packet) = packets.message().await.expect("nothing is in the way") {
        match (PacketType::try_from(packet.kind), packet.stat) {
            (Ok(PacketType::Stat), Some(stat)) => {
                if all && stat.mode & mode::TYPE == 0 {
                    open += 1;
                    let _ = requests.send(Packet {
                        kind: PacketType::Req as i32,
                        id,
                        ..Packet::default()
                    });
                }
                id += 1;
            }
            (Ok(PacketType::Stat), None) => listed = true,
            (Ok(PacketType::Data), _) if packet.data.is_empty() => open -= 1,
            (Ok(PacketType::Data), _) => bytes += packet.data.len() as u64,
            (Ok(PacketType::Fin), _) => break,
            other => panic!("unexpected packet: {other:?}"),
        }
        if listed && open == 0 {
            let _ = requests.send(Packet::fin());
        }
    }
    bytes
}

fn context(c: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for i in 0..FILES {
        let at = folder.path().join(format!("d{}/e{}/f{i}", i % 20, i % 50));
        std::fs::create_dir_all(at.parent().expect("it has one")).expect("a folder");
        std::fs::write(at, vec![b'a' + (i % 26) as u8; FILE_BYTES]).expect("a file");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ignore = [
        "**/*.md",
        ".git",
        "**/node_modules",
        "!docs/*.md",
        "d1/**/f?",
        "*.tmp",
        "**/[Bb]in",
        "e*/x",
    ];
    let mut group = c.benchmark_group("context of 10,000 files and 200 MB");
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(8));
    group.bench_function("nothing changed", |b| {
        b.iter(|| runtime.block_on(sync(black_box(folder.path()), &[], false)));
    });
    group.bench_function("nothing changed, with a .dockerignore", |b| {
        b.iter(|| runtime.block_on(sync(black_box(folder.path()), &ignore, false)));
    });
    group.throughput(Throughput::Bytes((FILES * FILE_BYTES) as u64));
    group.bench_function("first sync", |b| {
        b.iter(|| runtime.block_on(sync(black_box(folder.path()), &[], true)));
    });
    group.finish();
}

criterion_group!(benches, context);
criterion_main!(benches);
