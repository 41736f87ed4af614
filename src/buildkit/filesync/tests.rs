//! The whole exchange, against a receiver that does what fsutil's does.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataMap;

use super::wire::{PacketType, Stat, mode};
use super::*;

/// What a receiver keeps from one sync to the next.
#[derive(Debug, Default)]
struct Kept(BTreeMap<Vec<u8>, (Stat, Vec<u8>)>);

/// One sync, as the receiver saw it.
#[derive(Debug)]
struct Synced {
    listing: Vec<Stat>,
    requested: Vec<Vec<u8>>,
    bytes: u64,
}

/// A call that is under way.
struct Call {
    requests: mpsc::UnboundedSender<Packet>,
    packets: Streaming<Packet>,
    sent: Arc<AtomicU64>,
}

impl Call {
    async fn open(root: &Path, metadata: MetadataMap) -> Result<Self, Status> {
        let sent = Arc::new(AtomicU64::new(0));
        let dirs = BTreeMap::from([(
            "context".to_owned(),
            LocalDir {
                root: root.to_owned(),
            },
        )]);
        let mut grpc = Grpc::new(FileSync::new(dirs, Arc::clone(&sent)));
        let (requests, outgoing) = mpsc::unbounded_channel();
        let mut request = Request::new(UnboundedReceiverStream::new(outgoing));
        *request.metadata_mut() = metadata;
        let path = PathAndQuery::from_static("/moby.filesync.v1.FileSync/DiffCopy");
        let response = grpc
            .streaming(request, path, ProstCodec::<Packet, Packet>::default())
            .await?;
        Ok(Self {
            requests,
            packets: response.into_inner(),
            sent,
        })
    }

    fn ask(&self, id: usize) {
        self.requests
            .send(Packet {
                kind: PacketType::Req as i32,
                id: u32::try_from(id).unwrap(),
                ..Packet::default()
            })
            .unwrap();
    }

    async fn next(&mut self) -> Result<Option<Packet>, Status> {
        self.packets.message().await
    }

    async fn listing(&mut self) -> Result<Vec<Stat>, Status> {
        let mut listing = Vec::new();
        while let Some(packet) = self.next().await? {
            match packet.stat {
                Some(stat) => listing.push(stat),
                None => break,
            }
        }
        Ok(listing)
    }
}

fn metadata(values: &[(&'static str, &str)]) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    metadata.insert("dir-name", "context".parse().unwrap());
    for (key, value) in values {
        metadata.append(*key, value.parse().unwrap());
    }
    metadata
}

/// Lists, asks for what is new or changed, and checks that content arrives for
/// what was asked for and ends once.
async fn sync(root: &Path, options: MetadataMap, kept: &mut Kept) -> Result<Synced, Status> {
    let mut call = Call::open(root, options).await?;
    let mut listing: Vec<Stat> = Vec::new();
    let mut open: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut requested = Vec::new();
    let mut listed_all = false;
    let before = std::mem::take(&mut kept.0);
    let mut finished = false;
    while let Some(packet) = call.next().await? {
        match PacketType::try_from(packet.kind).unwrap() {
            PacketType::Stat => match packet.stat {
                Some(stat) => {
                    assert!(!listed_all);
                    let id = listing.len();
                    let old = before.get(&stat.path).filter(|(old, _)| *old == stat);
                    let is_file = stat.mode & mode::TYPE == 0 && stat.linkname.is_empty();
                    if is_file && old.is_none() {
                        requested.push(stat.path.clone());
                        open.insert(u32::try_from(id).unwrap(), Vec::new());
                        call.ask(id);
                    }
                    let content = old.map(|(_, content)| content.clone()).unwrap_or_default();
                    kept.0.insert(stat.path.clone(), (stat.clone(), content));
                    listing.push(stat);
                }
                None => listed_all = true,
            },
            PacketType::Data if packet.data.is_empty() => {
                let content = open.remove(&packet.id).expect("content ends once");
                let path = &listing[packet.id as usize].path;
                kept.0.get_mut(path).unwrap().1 = content;
            }
            PacketType::Data => {
                let content = open.get_mut(&packet.id).expect("content was asked for");
                content.extend_from_slice(&packet.data);
            }
            PacketType::Err => panic!("{:?}", packet.data),
            PacketType::Fin => finished = true,
            PacketType::Req => panic!("a sender asks for nothing"),
        }
        if listed_all && open.is_empty() && !finished {
            let _ = call.requests.send(Packet::fin());
        }
    }
    assert!(finished, "the sender answers a FIN");
    assert_in_order(&listing);
    requested.sort();
    Ok(Synced {
        listing,
        requested,
        bytes: call.sent.load(Ordering::Relaxed),
    })
}

/// What BuildKit checks of a listing: each folder before what is in it, names
/// in a folder ascending, byte for byte.
fn assert_in_order(listing: &[Stat]) {
    let keys: Vec<Vec<&[u8]>> = listing
        .iter()
        .map(|s| s.path.split(|b| *b == b'/').collect())
        .collect();
    assert!(keys.is_sorted_by(|a, b| a < b), "{listing:?}");
    for stat in listing {
        if let Some(slash) = stat.path.iter().rposition(|b| *b == b'/') {
            let parent = &stat.path[..slash];
            assert!(listing.iter().any(|s| s.path == parent), "{stat:?}");
        }
    }
}

fn write(root: &Path, path: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
    let path = root.join(path.as_ref());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn paths(listing: &[Stat]) -> Vec<String> {
    let text = |s: &Stat| String::from_utf8_lossy(&s.path).into_owned();
    listing.iter().map(text).collect()
}

/// The error that ends a call whose receiver asks for everything: the text of
/// the packet and the status, which must agree.
async fn failure(root: &Path, options: MetadataMap, meddle: impl FnOnce()) -> String {
    let mut call = Call::open(root, options).await.unwrap();
    let mut text = None;
    let mut meddle = Some(meddle);
    let mut ids = Vec::new();
    let mut id = 0;
    loop {
        match call.next().await {
            Ok(Some(packet)) => match PacketType::try_from(packet.kind).unwrap() {
                PacketType::Err => {
                    text = Some(String::from_utf8(packet.data.to_vec()).unwrap());
                }
                PacketType::Stat => match packet.stat {
                    Some(stat) => {
                        if stat.mode & mode::TYPE == 0 {
                            ids.push(id);
                        }
                        id += 1;
                    }
                    None => {
                        meddle.take().unwrap()();
                        ids.iter().for_each(|id| call.ask(*id));
                    }
                },
                _ => {}
            },
            Ok(None) => panic!("ended without an error"),
            Err(status) => {
                let text = text.expect("an error packet comes before the status");
                assert_eq!(status.message(), text);
                return text;
            }
        }
    }
}

#[tokio::test]
async fn after_one_edit_only_that_file_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    let big: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    write(root, "big", &big);
    write(root, "empty", "");
    for i in 0..300 {
        write(root, format!("d{}/f{i}", i % 7), format!("content {i}"));
    }
    let mut kept = Kept::default();
    let first = sync(root, metadata(&[]), &mut kept).await.unwrap();
    assert_eq!(first.requested.len(), 302);
    assert_eq!(kept.0[&b"big".to_vec()].1, big);
    assert_eq!(kept.0[&b"empty".to_vec()].1, b"");
    for i in 0..300 {
        let path = format!("d{}/f{i}", i % 7).into_bytes();
        assert_eq!(kept.0[&path].1, format!("content {i}").as_bytes());
    }

    let unchanged = sync(root, metadata(&[]), &mut kept).await.unwrap();
    assert!(unchanged.requested.is_empty());
    write(root, "d3/f3", "other content");
    let edited = sync(root, metadata(&[]), &mut kept).await.unwrap();
    assert_eq!(edited.requested, [b"d3/f3"]);
    assert_eq!(kept.0[&b"d3/f3".to_vec()].1, b"other content");
    assert!(first.bytes > 3_000_000);
    let of_the_edit = edited.bytes - unchanged.bytes;
    assert!((13..100).contains(&of_the_edit), "{of_the_edit}");
}

#[tokio::test]
async fn every_kind_of_entry_is_listed_as_it_is() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "a/file", "12345");
    fs::set_permissions(root.join("a/file"), PermissionsExt::from_mode(0o4750)).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    fs::set_permissions(root.join("empty"), PermissionsExt::from_mode(0o1777)).unwrap();
    fs::hard_link(root.join("a/file"), root.join("z")).unwrap();
    symlink("../a/file", root.join("a/link")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_bits_retain(0o600),
        0,
    )
    .unwrap();
    let _listener = UnixListener::bind(root.join("socket")).unwrap();
    write(root, OsStr::from_bytes(b"not-\xff-utf8"), "bytes");

    let mut kept = Kept::default();
    let synced = sync(root, metadata(&[]), &mut kept).await.unwrap();
    let of = |path: &[u8]| &kept.0[path];
    let names: Vec<&[u8]> = synced.listing.iter().map(|s| &s.path[..]).collect();
    assert_eq!(
        names,
        [
            &b"a"[..],
            b"a/file",
            b"a/link",
            b"empty",
            b"fifo",
            b"not-\xff-utf8",
            b"socket",
            b"z"
        ]
    );
    let metadata = fs::metadata(root.join("a/file")).unwrap();
    let (file, content) = of(b"a/file");
    assert_eq!(content, b"12345");
    assert_eq!(file.mode, mode::SETUID | 0o750);
    assert_eq!((file.size, file.uid, file.gid), (5, 0, 0));
    assert_eq!(
        file.mod_time,
        metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec()
    );
    let (link, _) = of(b"a/link");
    assert_eq!(link.mode, mode::SYMLINK | 0o777);
    assert_eq!((&link.linkname[..], link.size), (&b"../a/file"[..], 9));
    let (hard, _) = of(b"z");
    assert_eq!((&hard.linkname[..], hard.size), (&b"a/file"[..], 5));
    assert_eq!(of(b"empty").0.mode, mode::DIR | mode::STICKY | 0o777);
    assert_eq!(of(b"empty").0.size, 0);
    assert_eq!(of(b"fifo").0.mode & mode::TYPE, mode::NAMED_PIPE);
    assert_eq!(of(b"not-\xff-utf8").1, b"bytes");
    // As buildx does: a socket arrives as an empty file.
    assert_eq!(of(b"socket").0.mode & mode::TYPE, 0);
    assert_eq!(of(b"socket").1, b"");
}

#[tokio::test]
async fn extended_attributes_are_listed() {
    let dir = TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    write(dir.path(), "f", "");
    let at = dir.path().join("f");
    let flags = rustix::fs::XattrFlags::empty();
    match rustix::fs::lsetxattr(&at, "user.note", b"\x00\xff", flags) {
        Err(rustix::io::Errno::NOTSUP) => return,
        set => set.unwrap(),
    }
    rustix::fs::lsetxattr(&at, "user.empty", b"", flags).unwrap();
    let synced = sync(dir.path(), metadata(&[]), &mut Kept::default())
        .await
        .unwrap();
    let xattrs: Vec<(&[u8], &[u8])> = synced.listing[0]
        .xattrs
        .iter()
        .filter(|x| x.name.starts_with(b"user."))
        .map(|x| (&x.name[..], &x.value[..]))
        .collect();
    assert_eq!(
        xattrs,
        [(&b"user.empty"[..], &b""[..]), (b"user.note", b"\x00\xff")]
    );
}

#[tokio::test]
async fn patterns_select_and_folders_come_only_with_what_is_in_them() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    for path in [
        "src/main.go",
        "src/main_test.go",
        "src/deep/er/x.go",
        "docs/a.md",
        "docs/keep/b.md",
        "vendor/v.go",
        "Dockerfile",
    ] {
        write(root, path, path);
    }
    fs::create_dir(root.join("bare")).unwrap();
    let list = async |values: &[(&'static str, &str)]| {
        let synced = sync(root, metadata(values), &mut Kept::default()).await;
        paths(&synced.unwrap().listing)
    };
    assert_eq!(
        list(&[
            ("exclude-patterns", "docs"),
            ("exclude-patterns", "**/*_test.go"),
            ("exclude-patterns", "!docs/keep"),
            ("exclude-patterns", "bare"),
        ])
        .await,
        [
            "Dockerfile",
            "docs",
            "docs/keep",
            "docs/keep/b.md",
            "src",
            "src/deep",
            "src/deep/er",
            "src/deep/er/x.go",
            "src/main.go",
            "vendor",
            "vendor/v.go"
        ]
    );
    assert_eq!(
        list(&[
            ("include-patterns", "src/deep"),
            ("include-patterns", "bare/x")
        ])
        .await,
        ["src", "src/deep", "src/deep/er", "src/deep/er/x.go"]
    );
    assert_eq!(
        list(&[
            ("include-patterns", "**/*.md"),
            ("exclude-patterns", "docs/a*")
        ])
        .await,
        ["docs", "docs/keep", "docs/keep/b.md"]
    );
    assert_eq!(
        list(&[
            ("include-patterns", "*"),
            ("exclude-patterns", "*"),
            ("exclude-patterns", "!Dockerfile")
        ])
        .await,
        ["Dockerfile"]
    );
    assert_eq!(
        list(&[("followpaths", "Dockerfile"), ("followpaths", "missing")]).await,
        ["Dockerfile"]
    );
    assert_eq!(
        list(&[("followpaths", "src"), ("followpaths", ".")])
            .await
            .len(),
        14
    );
}

#[tokio::test]
async fn symlinks_of_follow_paths_bring_their_targets() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "real/x", "x");
    write(root, "real/y", "y");
    write(root, "other/z", "z");
    symlink("real", root.join("link")).unwrap();
    symlink("/other/z", root.join("absolute")).unwrap();
    symlink("../../../../real/y", root.join("escape")).unwrap();
    symlink("loop-b", root.join("loop-a")).unwrap();
    symlink("loop-a", root.join("loop-b")).unwrap();
    symlink("self/deeper", root.join("self")).unwrap();
    let list = async |values: &[(&'static str, &str)]| {
        let synced = sync(root, metadata(values), &mut Kept::default()).await;
        paths(&synced.unwrap().listing)
    };
    assert_eq!(
        list(&[("followpaths", "link/x")]).await,
        ["link", "real", "real/x"]
    );
    assert_eq!(
        list(&[("followpaths", "abs*")]).await,
        ["absolute", "other", "other/z"]
    );
    assert_eq!(
        list(&[("followpaths", "escape")]).await,
        ["escape", "real", "real/y"]
    );
    assert_eq!(
        list(&[("followpaths", "loop-a")]).await,
        ["loop-a", "loop-b"]
    );
    assert_eq!(list(&[("followpaths", "self")]).await, ["self"]);
    assert!(list(&[("followpaths", "../outside")]).await.is_empty());
}

#[tokio::test]
async fn a_hard_link_to_what_is_left_out_is_a_file() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), "a", "content");
    fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
    let mut kept = Kept::default();
    let options = metadata(&[("exclude-patterns", "a")]);
    let synced = sync(dir.path(), options, &mut kept).await.unwrap();
    assert_eq!(synced.requested, [b"b"]);
    assert_eq!(kept.0[&b"b".to_vec()].1, b"content");
}

#[tokio::test]
async fn what_cannot_be_sent_is_named() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "sub/fi\x1ble", "content");
    let gone = failure(root, metadata(&[]), || {
        fs::remove_file(root.join("sub/fi\x1ble")).unwrap();
    })
    .await;
    assert!(
        gone.starts_with(r#"cannot read "sub/fi\u{1b}le" of the build context: "#),
        "{gone}"
    );

    write(root, "sub/file", "content");
    let replaced = failure(root, metadata(&[]), || {
        fs::remove_file(root.join("sub/file")).unwrap();
        fs::create_dir(root.join("sub/file")).unwrap();
    })
    .await;
    assert!(replaced.contains("no longer a file"), "{replaced}");

    let none = failure(&root.join("none"), metadata(&[]), || {}).await;
    assert!(
        none.starts_with(r#"cannot list "." of the build context: "#),
        "{none}"
    );

    let malformed = failure(root, metadata(&[("exclude-patterns", "a[")]), || {}).await;
    assert_eq!(
        malformed,
        r#"invalid exclude patterns: syntax error in pattern "a[""#
    );
}

#[tokio::test]
async fn a_file_that_grows_or_shrinks_arrives_as_it_is_when_read() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "grows", "1");
    write(root, "shrinks", vec![1; 700_000]);
    let mut call = Call::open(root, metadata(&[])).await.unwrap();
    assert_eq!(call.listing().await.unwrap().len(), 2);
    write(root, "grows", vec![2; 700_000]);
    write(root, "shrinks", "3");
    call.ask(0);
    call.ask(1);
    let mut contents = [Vec::new(), Vec::new()];
    let mut ended = 0;
    while ended < 2 {
        let packet = call.next().await.unwrap().unwrap();
        ended += usize::from(packet.data.is_empty());
        contents[packet.id as usize].extend_from_slice(&packet.data);
    }
    assert_eq!(contents[0], vec![2; 700_000]);
    assert_eq!(contents[1], b"3");
}

#[tokio::test]
async fn a_receiver_that_breaks_the_protocol_is_told_so() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), "d/file", "content");
    for id in [0, 2, usize::try_from(u32::MAX).unwrap()] {
        let mut call = Call::open(dir.path(), metadata(&[])).await.unwrap();
        call.listing().await.unwrap();
        call.ask(id);
        let status = call.next().await.unwrap_err();
        assert_eq!(status.message(), format!("invalid file id {id}"));
    }
    let mut call = Call::open(dir.path(), metadata(&[])).await.unwrap();
    call.requests
        .send(Packet::error("disk full".into()))
        .unwrap();
    let status = loop {
        if let Err(status) = call.next().await {
            break status;
        }
    };
    assert_eq!(status.message(), "error from receiver: disk full");

    let mut call = Call::open(dir.path(), metadata(&[])).await.unwrap();
    let (closed, _) = mpsc::unbounded_channel();
    call.requests = closed;
    while let Ok(Some(_)) = call.next().await {}
}

#[tokio::test]
async fn folders_that_were_not_offered_are_refused() {
    let dir = TempDir::new().unwrap();
    let mut options = metadata(&[]);
    options.insert("dir-name", "/etc".parse().unwrap());
    let Err(status) = Call::open(dir.path(), options).await else {
        panic!("it was served");
    };
    assert_eq!(status.code(), tonic::Code::NotFound);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Names that sort differently as strings and as paths (`a-b` and `a/b`),
    /// and bytes that are no UTF-8.
    #[test]
    fn any_tree_arrives_in_order_and_whole(
        files in proptest::collection::btree_map(
            proptest::collection::vec(
                proptest::sample::select(vec![
                    &b"a"[..], b"a-b", b"a.b", b"a b", b"b", b"\xff", b"\xc3\xa9", b"0", b"~"
                ]),
                1..4,
            ),
            proptest::collection::vec(any::<u8>(), 0..40),
            0..25,
        )
    ) {
        let dir = TempDir::new().unwrap();
        let mut written = BTreeMap::new();
        for (parts, content) in &files {
            let path = parts.join(&b'/');
            let at = dir.path().join(OsStr::from_bytes(&path));
            // A name may already be a folder, or one above it a file.
            if fs::create_dir_all(at.parent().unwrap()).is_ok()
                && fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&at).is_ok()
            {
                fs::write(&at, content).unwrap();
                written.insert(path, content.clone());
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut kept = Kept::default();
        runtime.block_on(sync(dir.path(), metadata(&[]), &mut kept)).unwrap();
        let received: BTreeMap<Vec<u8>, Vec<u8>> = kept
            .0
            .into_iter()
            .filter(|(_, (stat, _))| stat.mode & mode::TYPE == 0)
            .map(|(path, (_, content))| (path, content))
            .collect();
        prop_assert_eq!(received, written);
    }
}
