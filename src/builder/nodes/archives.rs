//! The archives that nodes export, joined to one: all their blobs, and an index
//! that leads to each node's own (OCI image specification, "Image Layout").

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Bytes of the largest `index.json`.
const INDEX_LIMIT: u64 = 4 << 20;

/// Writes the images of all archives to one.
pub(super) fn join(files: &[PathBuf], destination: &Path) -> io::Result<()> {
    let mut joined = tar::Builder::new(BufWriter::new(File::create(destination)?));
    let mut written = BTreeSet::new();
    let mut manifests = Vec::new();
    for file in files {
        let mut archive = tar::Archive::new(File::open(file)?);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.into_owned();
            if path == Path::new("index.json") {
                manifests.extend(manifests_of(&mut entry)?);
            } else if entry.header().entry_type().is_file() && written.insert(path.clone()) {
                let mut header = entry.header().clone();
                joined.append_data(&mut header, &path, &mut entry)?;
            }
        }
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    let index = serde_json::to_vec(&index)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(index.len() as u64);
    header.set_mode(0o644);
    joined.append_data(&mut header, "index.json", index.as_slice())?;
    joined.into_inner()?.into_inner()?.sync_all()
}

fn manifests_of(index: &mut impl Read) -> io::Result<Vec<Value>> {
    let index: Value = serde_json::from_reader(index.take(INDEX_LIMIT))?;
    let manifests = index.get("manifests").and_then(Value::as_array);
    Ok(manifests.cloned().unwrap_or_default())
}
