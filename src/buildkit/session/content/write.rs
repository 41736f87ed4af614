//! Blobs that BuildKit writes into a folder on this side: the cache of
//! `--cache-to type=local`.
//!
//! A writer opens a stream, asks first what is there of its blob (`STAT`), sends its
//! bytes in order, and has it kept under its digest (`COMMIT`): containerd's
//! `core/content/proxy` and `plugins/services/content`.

use std::io;
use std::path::{Path, PathBuf};

use futures_util::{Stream, StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tonic::Status;

use super::wire::{WriteAction, WriteRequest, WriteResponse};
use crate::model::ImageLayout;

/// A blob that is being written.
struct Writing {
    folder: PathBuf,
    file: File,
    path: PathBuf,
    hash: Sha256,
    offset: u64,
    expected: String,
    total: i64,
}

impl Drop for Writing {
    fn drop(&mut self) {
        // It is gone already where it was kept.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Answers the requests of a stream, one by one, with what they write to a folder.
pub(super) fn answers<S>(
    folder: PathBuf,
    requests: S,
) -> impl Stream<Item = Result<WriteResponse, Status>> + Send
where
    S: Stream<Item = Result<WriteRequest, Status>> + Send + Unpin + 'static,
{
    let begin = (requests, None, false);
    stream::unfold(begin, move |(mut requests, mut writing, is_over)| {
        let folder = folder.clone();
        async move {
            if is_over {
                return None;
            }
            let Ok(request) = requests.next().await? else {
                return None;
            };
            let answer = answer(&folder, request, &mut writing).await;
            let is_over = answer.is_err();
            Some((answer, (requests, writing, is_over)))
        }
    })
}

async fn answer(
    folder: &Path,
    request: WriteRequest,
    writing: &mut Option<Writing>,
) -> Result<WriteResponse, Status> {
    let failed = |error: io::Error| Status::internal(format!("cannot write content: {error}"));
    let action = WriteAction::try_from(request.action)
        .map_err(|_| Status::invalid_argument("no such action of writing"))?;
    let open = match writing {
        Some(open) => open,
        None => {
            if is_there(folder, &request.expected).await {
                return Err(Status::already_exists(format!(
                    "content {}: already exists",
                    request.expected
                )));
            }
            let begun = begin(folder, &request).await.map_err(failed)?;
            writing.insert(begun)
        }
    };
    if !request.expected.is_empty() {
        open.expected.clone_from(&request.expected);
    }
    open.total = open.total.max(request.total);
    if !request.data.is_empty() {
        if u64::try_from(request.offset) != Ok(open.offset) {
            return Err(Status::out_of_range(format!(
                "content is written at {}, after {} bytes",
                request.offset, open.offset
            )));
        }
        open.file.write_all(&request.data).await.map_err(failed)?;
        open.hash.update(&request.data);
        open.offset += request.data.len() as u64;
    }
    let mut response = WriteResponse {
        action: request.action,
        offset: open.offset.cast_signed(),
        total: open.total,
        ..WriteResponse::default()
    };
    if action == WriteAction::Commit
        && let Some(open) = writing.take()
    {
        response.digest = keep(open).await?;
    }
    Ok(response)
}

async fn is_there(folder: &Path, digest: &str) -> bool {
    match ImageLayout::blob(folder, digest) {
        Some(path) => fs::try_exists(path).await.unwrap_or(false),
        None => false,
    }
}

async fn begin(folder: &Path, request: &WriteRequest) -> io::Result<Writing> {
    let ingest = folder.join("ingest");
    fs::create_dir_all(&ingest).await?;
    fs::create_dir_all(folder.join("blobs").join("sha256")).await?;
    let path = ingest.join(format!("{:016x}", rand::random::<u64>()));
    Ok(Writing {
        folder: folder.to_owned(),
        file: File::create_new(&path).await?,
        path,
        hash: Sha256::new(),
        offset: 0,
        expected: request.expected.clone(),
        total: request.total,
    })
}

/// Puts what was written where its digest has it.
async fn keep(mut open: Writing) -> Result<String, Status> {
    let failed = |error: io::Error| Status::internal(format!("cannot write content: {error}"));
    open.file.flush().await.map_err(failed)?;
    let digest = format!(
        "sha256:{}",
        hex::encode(std::mem::take(&mut open.hash).finalize())
    );
    if !open.expected.is_empty() && open.expected != digest {
        return Err(Status::failed_precondition(format!(
            "unexpected commit digest {digest}, expected {}",
            open.expected
        )));
    }
    if open.total > 0 && u64::try_from(open.total) != Ok(open.offset) {
        return Err(Status::failed_precondition(format!(
            "unexpected commit size {}, expected {}",
            open.offset, open.total
        )));
    }
    let place = ImageLayout::blob(&open.folder, &digest)
        .ok_or_else(|| Status::internal("a digest that is none"))?;
    fs::rename(&open.path, place).await.map_err(failed)?;
    Ok(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(action: WriteAction, offset: i64, data: &str, expected: &str) -> WriteRequest {
        WriteRequest {
            action: action.into(),
            r#ref: "layer".into(),
            total: 5,
            expected: expected.into(),
            offset,
            data: data.to_owned().into(),
        }
    }

    async fn written(
        folder: &Path,
        requests: Vec<WriteRequest>,
    ) -> Vec<Result<WriteResponse, Status>> {
        let requests = stream::iter(requests.into_iter().map(Ok));
        answers(folder.to_owned(), requests).collect().await
    }

    #[tokio::test]
    async fn a_blob_is_kept_under_its_digest_and_told_of_again() {
        use WriteAction::{Commit, Stat, Write};
        let folder = tempfile::tempdir().unwrap();
        let digest = format!("sha256:{}", hex::encode(Sha256::digest("hello")));
        let requests = vec![
            request(Stat, 0, "", &digest),
            request(Write, 0, "hel", &digest),
            request(Write, 3, "lo", &digest),
            request(Commit, 5, "", &digest),
        ];
        let answers = written(folder.path(), requests).await;
        let offsets: Vec<i64> = answers
            .iter()
            .map(|it| it.as_ref().unwrap().offset)
            .collect();
        assert_eq!(offsets, [0, 3, 5, 5]);
        assert_eq!(answers[3].as_ref().unwrap().digest, digest);
        let blob = ImageLayout::blob(folder.path(), &digest).unwrap();
        assert_eq!(std::fs::read(blob).unwrap(), b"hello");
        assert_eq!(
            std::fs::read_dir(folder.path().join("ingest"))
                .unwrap()
                .count(),
            0
        );
        let again = written(folder.path(), vec![request(Stat, 0, "", &digest)]).await;
        let status = again[0].as_ref().unwrap_err();
        assert_eq!(status.code(), tonic::Code::AlreadyExists);
    }

    #[tokio::test]
    async fn what_is_not_what_it_should_be_is_refused_and_leaves_nothing() {
        use WriteAction::{Commit, Write};
        let folder = tempfile::tempdir().unwrap();
        let wrong = format!("sha256:{}", "0".repeat(64));
        for requests in [
            vec![
                request(Write, 0, "hello", &wrong),
                request(Commit, 5, "", &wrong),
            ],
            vec![request(Write, 0, "hel", ""), request(Commit, 3, "", "")],
            vec![request(Write, 1, "hello", "")],
            // Cut off.
            vec![request(Write, 0, "hello", "")],
        ] {
            let count = requests.len();
            let answers = written(folder.path(), requests).await;
            assert!(answers.len() == count || answers.last().unwrap().is_err());
            let left = |name: &str| std::fs::read_dir(folder.path().join(name)).unwrap().count();
            assert_eq!((left("ingest"), left("blobs/sha256")), (0, 0));
        }
    }
}
