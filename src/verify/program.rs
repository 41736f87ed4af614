//! What a file is by its first bytes, and which machine a program is for.

use std::fmt;

use object::Endianness;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::FileHeader;

use crate::escape;
use crate::model::Platform;

/// Bytes that are read of a file: the header of a 64-bit ELF file (ELF specification, "ELF
/// Header"; a 32-bit one has 52).
pub(super) const HEAD_BYTES: usize = 64;

/// What a file is, by its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// An ELF file.
    Elf(Elf),
    /// A script, and what its first line begins with.
    Script(Box<str>),
    /// Neither.
    Other(&'static str),
}

/// What the header of an ELF file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Elf {
    /// The machine that executes it.
    pub(super) machine: Machine,
    /// `e_type`.
    kind: elf::FileType,
}

impl Elf {
    /// Whether it is a program or a shared library, rather than an object file
    /// or a core dump.
    pub(super) fn runs(&self) -> bool {
        [elf::ET_EXEC, elf::ET_DYN].contains(&self.kind)
    }
}

/// A machine in ELF's sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    /// `e_machine`.
    id: elf::Machine,
    /// `EI_CLASS` is `ELFCLASS64`.
    wide: bool,
    /// `EI_DATA` is `ELFDATA2LSB`.
    little: bool,
}

impl Machine {
    /// The machine that a platform's programs are for. Architectures are
    /// named as `GOARCH` does (OCI image specification, "Image Index",
    /// `platform`); numbers are those of the ELF specification's `e_machine`
    /// registry, word sizes and byte orders those of each processor's ABI
    /// supplement.
    ///
    /// Variants do not show: `arm/v5` to `v8` are all `EM_ARM`.
    pub(super) fn for_platform(platform: &Platform) -> Option<Self> {
        // Elsewhere programs are not ELF files.
        if ["windows", "darwin", "ios", "wasip1", "js"].contains(&platform.os()) {
            return None;
        }
        let (id, wide, little) = match platform.architecture() {
            "386" => (elf::EM_386, false, true),
            "amd64" => (elf::EM_X86_64, true, true),
            "arm" => (elf::EM_ARM, false, true),
            "arm64" => (elf::EM_AARCH64, true, true),
            "riscv64" => (elf::EM_RISCV, true, true),
            "ppc64le" => (elf::EM_PPC64, true, true),
            "ppc64" => (elf::EM_PPC64, true, false),
            "s390x" => (elf::EM_S390, true, false),
            "mips" => (elf::EM_MIPS, false, false),
            "mipsle" => (elf::EM_MIPS, false, true),
            "mips64" => (elf::EM_MIPS, true, false),
            "mips64le" => (elf::EM_MIPS, true, true),
            "loong64" => (elf::EM_LOONGARCH, true, true),
            _ => return None,
        };
        Some(Self { id, wide, little })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            elf::EM_386 => f.write_str("x86")?,
            elf::EM_X86_64 => f.write_str("x86-64")?,
            elf::EM_ARM => f.write_str("ARM")?,
            elf::EM_AARCH64 => f.write_str("AArch64")?,
            elf::EM_RISCV => f.write_str("RISC-V")?,
            elf::EM_PPC => f.write_str("PowerPC")?,
            elf::EM_PPC64 => f.write_str("PowerPC64")?,
            elf::EM_S390 => f.write_str("S/390")?,
            elf::EM_MIPS => f.write_str("MIPS")?,
            elf::EM_LOONGARCH => f.write_str("LoongArch")?,
            other => write!(f, "ELF machine {}", other.0)?,
        }
        write!(
            f,
            " ({}-bit, {}-endian)",
            if self.wide { 64 } else { 32 },
            if self.little { "little" } else { "big" },
        )
    }
}

impl Content {
    /// What a file is that begins so.
    pub(super) fn from_head(head: &[u8]) -> Self {
        if head.starts_with(b"\x7fELF") {
            return elf_header(head).map_or(Self::Other("a damaged ELF file"), Self::Elf);
        }
        if head.starts_with(b"#!") {
            let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head);
            return Self::Script(String::from_utf8_lossy(line).trim_end().into());
        }
        Self::Other(match head {
            [] => "an empty file",
            [b'M', b'Z', ..] => "a program for Windows",
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => "a program for macOS",
            [0, b'a', b's', b'm', ..] => "a WebAssembly module",
            _ => "not a program",
        })
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf(elf) => {
                let kind = match elf.kind {
                    elf::ET_EXEC | elf::ET_DYN => "an ELF program",
                    elf::ET_REL => "an ELF object file",
                    elf::ET_CORE => "a core dump",
                    _ => "an ELF file of an unknown type",
                };
                write!(f, "{kind} for {}", elf.machine)
            }
            Self::Script(line) => write!(f, "a script ({})", escape::bounded(line)),
            Self::Other(what) => f.write_str(what),
        }
    }
}

fn elf_header(head: &[u8]) -> Option<Elf> {
    fn read<H: FileHeader<Endian = Endianness>>(head: &[u8]) -> Option<Elf> {
        let header = H::parse(head).ok()?;
        let endian = header.endian().ok()?;
        Some(Elf {
            machine: Machine {
                id: header.e_machine(endian),
                wide: header.is_class_64(),
                little: header.is_little_endian(),
            },
            kind: header.e_type(endian),
        })
    }
    read::<FileHeader64<Endianness>>(head).or_else(|| read::<FileHeader32<Endianness>>(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_files_are_told_apart() {
        for (head, told) in [
            (&b""[..], "an empty file"),
            (b"MZ\x90\0", "a program for Windows"),
            (b"\xcf\xfa\xed\xfe", "a program for macOS"),
            (b"\0asm\x01", "a WebAssembly module"),
            (b"hello", "not a program"),
            (b"\x7fELF\x02\x01\x01", "a damaged ELF file"),
            (b"#!/bin/sh\nexit\n", "a script (#!/bin/sh)"),
            (b"#!\x1b[31m", "a script (#!\\x1b[31m)"),
        ] {
            assert_eq!(Content::from_head(head).to_string(), told);
        }
    }

    #[test]
    fn platforms_without_elf_have_no_machine() {
        for platform in ["windows/amd64", "darwin/arm64", "linux/wasm"] {
            assert_eq!(
                Machine::for_platform(&platform.parse().unwrap()),
                None,
                "{platform}"
            );
        }
    }
}
