//! What a sample's time is made of, beside what its trace tells.

use crate::buildkit::{BakeRequest, BuildEnd, Received, cache_folder_bytes};
use crate::model::{BuildPart, PartKind};
use crate::trace::Trace;

/// What a build's time is made of, with the bytes of a cache in a folder and of an archive
/// that was sent.
pub(super) fn parts(
    trace: &Trace,
    end: &BuildEnd,
    request: &BakeRequest,
    moved: Vec<BuildPart>,
) -> Vec<BuildPart> {
    let mut parts = trace.parts(end.wall);
    if parts.is_empty() && !moved.is_empty() {
        parts.push(BuildPart {
            part: PartKind::Build,
            seconds: end.wall,
            bytes: None,
        });
    }
    parts.splice(0..0, moved);
    let caches = request.targets.iter().flat_map(|it| &it.request.cache_to);
    let folders = caches.filter_map(|cache| cache.folder.as_deref());
    let bytes: Option<u64> = folders.map(cache_folder_bytes).sum();
    let export = parts
        .iter_mut()
        .find(|part| part.part == PartKind::ExportCache);
    if let (Some(export), Some(bytes @ 1..)) = (export, bytes) {
        export.bytes = Some(bytes);
    }
    if let Some(received) = end.received {
        tell_received(&mut parts, received);
    }
    parts
}

/// Tells loading from sending, which BuildKit counts it as: it waits for the end of it.
fn tell_received(parts: &mut Vec<BuildPart>, received: Received) {
    let Some(at) = parts.iter().position(|part| part.part == PartKind::Send) else {
        return;
    };
    let send = &mut parts[at];
    send.bytes = Some(received.bytes);
    if let Some(loading) = received.loading {
        let seconds = loading.min(send.seconds);
        send.seconds -= seconds;
        let load = BuildPart {
            part: PartKind::Load,
            seconds,
            bytes: None,
        };
        parts.insert(at + 1, load);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn loading_is_told_from_sending_and_both_add_up() {
        let told = |loading: Option<u64>| {
            let mut parts = vec![
                BuildPart {
                    part: PartKind::Send,
                    seconds: Duration::from_secs(5),
                    bytes: None,
                },
                BuildPart {
                    part: PartKind::Build,
                    seconds: Duration::from_secs(9),
                    bytes: None,
                },
            ];
            let received = Received {
                bytes: 7,
                loading: loading.map(Duration::from_secs),
            };
            tell_received(&mut parts, received);
            assert_eq!(parts[0].bytes, Some(7));
            let parts = parts.iter().map(|it| (it.part, it.seconds.as_secs()));
            parts.collect::<Vec<_>>()
        };
        let build = (PartKind::Build, 9);
        assert_eq!(told(None), [(PartKind::Send, 5), build]);
        assert_eq!(
            told(Some(2)),
            [(PartKind::Send, 3), (PartKind::Load, 2), build]
        );
        // The clocks of two programs may differ by a little.
        assert_eq!(
            told(Some(6)),
            [(PartKind::Send, 0), (PartKind::Load, 5), build]
        );
    }
}
