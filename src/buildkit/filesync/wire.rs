//! The messages of file sync, wire-identical to `fsutil.types.Packet` and
//! `Stat`. Written by hand because names of files are bytes: a generated
//! `String` field cannot carry one that is not UTF-8, and Go sends them as
//! they are.

use bytes::Bytes;
use prost::{Enumeration, Message};

/// What a [`Packet`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Enumeration)]
#[repr(i32)]
pub enum PacketType {
    /// An entry of the listing; without a stat, its end.
    Stat = 0,
    /// The receiver wants the content of an entry.
    Req = 1,
    /// Content of an entry; empty at its end.
    Data = 2,
    /// The receiver has all that it wants; the sender answers in kind.
    Fin = 3,
    /// Either side gives up; `data` says why.
    Err = 4,
}

/// One message, in either direction.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Packet {
    /// A [`PacketType`], which says what the packet is for.
    #[prost(enumeration = "PacketType", tag = "1")]
    pub kind: i32,
    /// The entry, in a `Stat` packet.
    #[prost(message, optional, tag = "2")]
    pub stat: Option<Stat>,
    /// Place of the entry in the listing, from 0, in `Req` and `Data`.
    #[prost(uint32, tag = "3")]
    pub id: u32,
    /// Content, or the text of an error.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

/// An entry of the listing.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Stat {
    /// Path from the root, parts separated by `/`.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// Type and permissions as Go's `os.FileMode`.
    #[prost(uint32, tag = "2")]
    pub mode: u32,
    /// Numeric id of the user who owns it.
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    /// Numeric id of the group that owns it.
    #[prost(uint32, tag = "4")]
    pub gid: u32,
    /// Bytes; 0 of a folder.
    #[prost(int64, tag = "5")]
    pub size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub mod_time: i64,
    /// Target of a symlink; of a hard link, the path listed before.
    #[prost(bytes = "vec", tag = "7")]
    pub linkname: Vec<u8>,
    /// Major number of a device.
    #[prost(int64, tag = "8")]
    pub devmajor: i64,
    /// Minor number of a device.
    #[prost(int64, tag = "9")]
    pub devminor: i64,
    /// Extended attributes.
    #[prost(message, repeated, tag = "10")]
    pub xattrs: Vec<Xattr>,
}

/// An extended attribute; on the wire, an entry of `map<string, bytes>`.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Xattr {
    /// Name with its namespace, `user.note`.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// Its bytes, which need not be text.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

impl Packet {
    /// An entry of the listing.
    pub fn stat(stat: Stat) -> Self {
        Self {
            stat: Some(stat),
            ..Self::with_kind(PacketType::Stat)
        }
    }

    /// The end of the listing.
    pub fn end_of_listing() -> Self {
        Self::with_kind(PacketType::Stat)
    }

    /// Content of entry `id`; empty at its end.
    pub fn data(id: u32, data: impl Into<Bytes>) -> Self {
        Self {
            id,
            data: data.into(),
            ..Self::with_kind(PacketType::Data)
        }
    }

    /// The end of the exchange.
    pub fn fin() -> Self {
        Self::with_kind(PacketType::Fin)
    }

    /// The message that ends the call early, with its reason.
    pub fn error(message: String) -> Self {
        Self {
            data: message.into(),
            ..Self::with_kind(PacketType::Err)
        }
    }

    fn with_kind(kind: PacketType) -> Self {
        Self {
            kind: kind as i32,
            ..Self::default()
        }
    }
}

/// Bits of Go's `os.FileMode` above the nine of the permissions.
pub mod mode {
    /// A folder.
    pub const DIR: u32 = 1 << 31;
    /// A symlink.
    pub const SYMLINK: u32 = 1 << 27;
    /// A device; a block device unless `CHAR_DEVICE` is set too.
    pub const DEVICE: u32 = 1 << 26;
    /// A FIFO.
    pub const NAMED_PIPE: u32 = 1 << 25;
    /// setuid.
    pub const SETUID: u32 = 1 << 23;
    /// setgid.
    pub const SETGID: u32 = 1 << 22;
    /// A character device.
    pub const CHAR_DEVICE: u32 = 1 << 21;
    /// Sticky.
    pub const STICKY: u32 = 1 << 20;
    /// Of a type that Go does not know.
    const IRREGULAR: u32 = 1 << 19;
    /// The bits of the type: an entry with none of them has content.
    pub const TYPE: u32 = DIR | SYMLINK | DEVICE | NAMED_PIPE | CHAR_DEVICE | IRREGULAR | (1 << 24);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bollard_buildkit_proto::fsutil::types as generated;

    use super::*;

    #[test]
    fn the_wire_is_that_of_the_generated_messages() {
        let ours = Packet {
            id: 7,
            data: Bytes::from_static(b"content"),
            ..Packet::stat(Stat {
                path: b"a/b".to_vec(),
                mode: mode::SYMLINK | 0o777,
                uid: 1,
                gid: 2,
                size: 3,
                mod_time: -4,
                linkname: b"../c".to_vec(),
                devmajor: 5,
                devminor: 6,
                xattrs: vec![Xattr {
                    name: b"user.note".to_vec(),
                    value: b"\xff".to_vec(),
                }],
            })
        };
        let theirs = generated::Packet::decode(ours.encode_to_vec().as_slice()).unwrap();
        let stat = theirs.stat.clone().unwrap();
        assert_eq!(theirs.id, 7);
        assert_eq!(&theirs.data[..], b"content");
        assert_eq!(stat.path, "a/b");
        assert_eq!(
            (stat.uid, stat.gid, stat.size, stat.mod_time),
            (1, 2, 3, -4)
        );
        assert_eq!((stat.devmajor, stat.devminor), (5, 6));
        assert_eq!(stat.linkname, "../c");
        assert_eq!(
            stat.xattrs,
            HashMap::from([("user.note".to_owned(), b"\xff".to_vec())])
        );
        assert_eq!(
            Packet::decode(theirs.encode_to_vec().as_slice()).unwrap(),
            ours
        );
    }
}
