//! The kernel's table of emulators, binfmt_misc: which handler runs which
//! architecture, and whether it does so inside a container too.

use std::fs;
use std::path::{Path, PathBuf};

use crate::model::Platform;

/// Where the kernel shows its table, once binfmt_misc is mounted.
pub const FOLDER: &str = "/proc/sys/fs/binfmt_misc";

/// An architecture that QEMU emulates, and how its ELF programs begin.
#[derive(Debug, PartialEq, Eq)]
pub struct Architecture {
    /// OCI's name of it, `arm64`.
    pub oci: &'static str,
    /// QEMU's name of it, which is the kernel's too, `aarch64`.
    pub qemu: &'static str,
    /// Whether its programs are ELF of 64 bits; else they are of 32.
    pub wide: bool,
    /// Whether its programs are big-endian.
    pub big_endian: bool,
    /// Number of the machine in its programs' ELF headers.
    pub machine: u16,
}

const fn arch(oci: &'static str, qemu: &'static str, wide: bool, machine: u16) -> Architecture {
    Architecture {
        oci,
        qemu,
        wide,
        big_endian: false,
        machine,
    }
}

/// The architectures that a race can be prepared for.
pub static ARCHITECTURES: [Architecture; 7] = [
    arch("amd64", "x86_64", true, 62),
    arch("arm64", "aarch64", true, 183),
    arch("arm", "arm", false, 40),
    arch("386", "i386", false, 3),
    arch("riscv64", "riscv64", true, 243),
    arch("ppc64le", "ppc64le", true, 21),
    Architecture {
        big_endian: true,
        ..arch("s390x", "s390x", true, 22)
    },
];

/// The architecture that OCI calls `name`, if it is known.
pub fn architecture(name: &str) -> Option<&'static Architecture> {
    ARCHITECTURES.iter().find(|known| known.oci == name)
}

impl Architecture {
    /// The first 20 bytes of a program of this architecture.
    pub fn elf_start(&self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(b"\x7fELF");
        bytes[4] = if self.wide { 2 } else { 1 };
        bytes[5] = if self.big_endian { 2 } else { 1 };
        bytes[6] = 1;
        let (kind, machine) = if self.big_endian {
            (2u16.to_be_bytes(), self.machine.to_be_bytes())
        } else {
            (2u16.to_le_bytes(), self.machine.to_le_bytes())
        };
        bytes[16..18].copy_from_slice(&kind);
        bytes[18..20].copy_from_slice(&machine);
        bytes
    }

    /// The bits of [`Self::elf_start`] that tell: not the ABI, and programs
    /// (2) and position-independent ones (3) alike.
    #[cfg(any(target_os = "linux", test))]
    pub(super) fn mask(&self) -> [u8; 20] {
        let mut mask = [0xff; 20];
        mask[7] = 0;
        mask[if self.big_endian { 17 } else { 16 }] = 0xfe;
        mask
    }

    /// Whether this machine's CPU runs it by itself.
    pub fn is_native(&self) -> bool {
        let host = Platform::linux(std::env::consts::ARCH);
        host.architecture() == self.oci
            || matches!((host.architecture(), self.oci), ("amd64", "386"))
    }
}

/// A handler of the table: which programs it takes, and who runs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Name of the handler's file in the table, `qemu-aarch64`.
    pub name: String,
    /// Whether the kernel gives it any programs.
    pub enabled: bool,
    /// Path of the interpreter, in the mount namespace that registered it.
    pub interpreter: PathBuf,
    /// Flags, `OCF`. With `F` the interpreter was opened when it was
    /// registered, so it works where the path does not exist.
    pub flags: String,
    offset: usize,
    magic: Vec<u8>,
    mask: Vec<u8>,
}

impl Handler {
    /// Reads a handler from its file's text; `None` where it goes by a file's
    /// name, not by how it begins.
    fn parse(name: &str, text: &str) -> Option<Self> {
        let field = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key))
                .map(str::trim)
        };
        let magic = hex::decode(field("magic ")?).ok()?;
        let mask = match field("mask ") {
            Some(mask) => hex::decode(mask).ok()?,
            None => vec![0xff; magic.len()],
        };
        (mask.len() == magic.len()).then(|| Self {
            name: name.to_owned(),
            enabled: text.lines().next() == Some("enabled"),
            interpreter: field("interpreter ").unwrap_or_default().into(),
            flags: field("flags:").unwrap_or_default().to_owned(),
            offset: field("offset ").and_then(|n| n.parse().ok()).unwrap_or(0),
            magic,
            mask,
        })
    }

    /// A handler as it would be registered, for tests.
    #[cfg(test)]
    pub(crate) fn sample(name: &str, architecture: &Architecture, flags: &str) -> Self {
        Self {
            name: name.to_owned(),
            enabled: true,
            interpreter: format!("/usr/bin/qemu-{}", architecture.qemu).into(),
            flags: flags.to_owned(),
            offset: 0,
            magic: architecture.elf_start().to_vec(),
            mask: architecture.mask().to_vec(),
        }
    }

    /// Whether the kernel gives programs of this architecture to it.
    pub fn serves(&self, architecture: &Architecture) -> bool {
        let start = architecture.elf_start();
        let Some(bytes) = start.get(self.offset..) else {
            return false;
        };
        // A handler with a short magic would take programs of every kind.
        self.magic.len() >= 20 - self.offset.min(18)
            && self
                .magic
                .iter()
                .zip(&self.mask)
                .zip(bytes)
                .all(|((magic, mask), byte)| magic & mask == byte & mask)
    }

    /// Whether it runs programs in a container, which has no QEMU of its own.
    pub fn works_in_containers(&self) -> bool {
        self.enabled && self.flags.contains('F')
    }
}

/// The handlers of this machine; none where the table is not mounted.
pub fn handlers() -> Vec<Handler> {
    handlers_in(Path::new(FOLDER))
}

fn handlers_in(folder: &Path) -> Vec<Handler> {
    let mut found: Vec<Handler> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            if name == "register" || name == "status" {
                return None;
            }
            Handler::parse(&name, &fs::read_to_string(entry.path()).ok()?)
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Debian's qemu-user-binfmt registers it.
    const DEBIAN_AARCH64: &str = "enabled\ninterpreter /usr/bin/qemu-aarch64-static\nflags: OCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";

    #[test]
    fn a_handler_serves_its_own_architecture_and_no_other() {
        let handler = Handler::parse("qemu-aarch64", DEBIAN_AARCH64).unwrap();
        let served: Vec<&str> = ARCHITECTURES
            .iter()
            .filter(|known| handler.serves(known))
            .map(|known| known.oci)
            .collect();
        assert_eq!(served, ["arm64"]);
        assert!(handler.works_in_containers());
        for broken in [
            DEBIAN_AARCH64.replace("OCF", "OC"),
            DEBIAN_AARCH64.replace("enabled", "disabled"),
        ] {
            let handler = Handler::parse("qemu-aarch64", &broken).unwrap();
            assert!(!handler.works_in_containers());
        }
    }

    #[test]
    fn what_is_registered_is_what_debian_registers() {
        let arm64 = architecture("arm64").unwrap();
        assert_eq!(
            hex::encode(arm64.elf_start()),
            "7f454c460201010000000000000000000200b700"
        );
        assert_eq!(
            hex::encode(arm64.mask()),
            "ffffffffffffff00fffffffffffffffffeffffff"
        );
        let s390x = architecture("s390x").unwrap();
        assert_eq!(
            hex::encode(s390x.elf_start()),
            "7f454c4602020100000000000000000000020016"
        );
        assert_eq!(
            hex::encode(s390x.mask()),
            "ffffffffffffff00fffffffffffffffffffeffff"
        );
    }

    #[test]
    fn a_table_that_holds_strangers_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("register", ""),
            ("status", "enabled\n"),
            (
                "jar",
                "enabled\ninterpreter /usr/bin/jexec\nflags: \noffset 0\nmagic 504b0304\n",
            ),
            (
                "python",
                "enabled\ninterpreter /usr/bin/python\nflags: \nextension .pyc\n",
            ),
            ("odd", "enabled\nmagic 7f\nmask ffff\n"),
            ("qemu-aarch64", DEBIAN_AARCH64),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let names: Vec<String> = handlers_in(folder.path())
            .into_iter()
            .map(|handler| handler.name)
            .collect();
        assert_eq!(names, ["jar", "qemu-aarch64"]);
        let jar = &handlers_in(folder.path())[0];
        assert!(ARCHITECTURES.iter().all(|known| !jar.serves(known)));
    }
}
