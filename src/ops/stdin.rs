//! A Dockerfile of a command line: a file, or `-` for what standard input
//! holds, as with `docker build -f -`.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::adhoc;
use crate::temporary::Folder;

/// No Dockerfile is larger.
const LARGEST: u64 = 16 << 20;

/// A Dockerfile, wherever it came from.
pub struct Typed {
    /// Where it is.
    pub path: PathBuf,
    /// What results and messages call it.
    pub shown: String,
    /// The folder of what was read; removed when dropped.
    _folder: Option<Folder>,
}

/// Whether a path stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

impl Typed {
    /// Reads standard input where the path is `-`.
    ///
    /// # Errors
    /// It cannot be read, is empty, or larger than any Dockerfile.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        if !is_stdin(path) {
            return Ok(Self {
                path: path.to_owned(),
                shown: adhoc::relative_name(path),
                _folder: None,
            });
        }
        let mut text = Vec::new();
        let mut input = std::io::stdin().lock().take(LARGEST + 1);
        input
            .read_to_end(&mut text)
            .context("cannot read the Dockerfile from standard input")?;
        if text.is_empty() {
            bail!("standard input holds no Dockerfile");
        }
        if text.len() as u64 > LARGEST {
            bail!("the Dockerfile on standard input is larger than 16 MiB");
        }
        let folder =
            Folder::new("stdin").context("cannot keep the Dockerfile of standard input")?;
        let path = folder.path().join("stdin.Dockerfile");
        std::fs::write(&path, text).context("cannot keep the Dockerfile of standard input")?;
        Ok(Self {
            path,
            shown: "stdin".to_owned(),
            _folder: Some(folder),
        })
    }
}
