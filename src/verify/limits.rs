//! How much of an archive is read. Each bound is far above what builds make;
//! an archive that exceeds one is refused, never read in part.

/// The bounds of one check.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of an index, a manifest or a configuration. Registries take
    /// manifests of 4 MiB at most (OCI distribution specification, "Pushing
    /// Manifests").
    pub(crate) document_bytes: u64,
    /// Entries of the archive itself.
    pub(crate) archive_entries: usize,
    /// Descriptors in all the indexes of an archive together.
    pub(crate) descriptors: usize,
    /// Indexes in indexes.
    pub(crate) nesting: usize,
    /// Layers of an image.
    pub(crate) layers: usize,
    /// Entries in all the layers of an image together.
    pub(crate) files: usize,
    /// Bytes of the names in all the layers of an image together, what links
    /// point to among them.
    pub(crate) name_bytes: usize,
    /// Decompressed bytes of a layer.
    pub(crate) layer_bytes: u64,
    /// Decompressed bytes of all the layers of an archive together.
    pub(crate) total_bytes: u64,
}

impl Limits {
    /// The bounds that archives are read within.
    pub(crate) const DEFAULT: Self = Self {
        document_bytes: 4 << 20,
        archive_entries: 100_000,
        descriptors: 1_000,
        nesting: 4,
        layers: 1_000,
        files: 1_000_000,
        name_bytes: 128 << 20,
        layer_bytes: 16 << 30,
        total_bytes: 64 << 30,
    };
}
