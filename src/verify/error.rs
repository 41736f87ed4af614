//! What goes wrong while an archive is read. Within the module it is an
//! `io::Error`, which passes through the readers of tar and of compression;
//! outside it says of which part of which archive.

use std::fmt::Display;
use std::io;

use crate::escape;
use crate::model::Platform;

/// An archive that cannot be read. One line each, outside text escaped.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be opened.
    #[error("opening the archive {archive}: {source}")]
    Open {
        /// The archive's path.
        archive: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is damaged, or not what the OCI image specification describes.
    #[error("reading {part} of the archive {archive}: {message}")]
    Malformed {
        /// The archive's path.
        archive: String,
        /// The part of the archive, `blob sha256:…`.
        part: String,
        /// What is wrong with it.
        message: String,
    },
    /// It holds more than is read.
    #[error("reading {part} of the archive {archive}: {message}")]
    TooLarge {
        /// The archive's path.
        archive: String,
        /// The part of the archive, `blob sha256:…`.
        part: String,
        /// The bound that it exceeds.
        message: String,
    },
    /// The platform's programs are for a machine that is not known.
    #[error("checking the programs for {0}: no ELF machine is known for this platform")]
    UnknownMachine(Platform),
}

impl VerifyError {
    pub(super) fn reading(archive: &str, part: impl Into<String>, error: &io::Error) -> Self {
        let archive = archive.to_owned();
        let part = part.into();
        let message = escape::bounded(&error.to_string());
        if error.kind() == io::ErrorKind::FileTooLarge {
            return Self::TooLarge {
                archive,
                part,
                message,
            };
        }
        Self::Malformed {
            archive,
            part,
            message,
        }
    }
}

/// Something that breaks a rule.
pub(super) fn malformed(message: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.to_string())
}

/// Something that exceeds a bound.
pub(super) fn too_large(bound: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {bound}"))
}
