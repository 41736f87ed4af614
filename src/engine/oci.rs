//! Writes images as an OCI archive and loads them into an engine, as `docker
//! load` does. Layers stay uncompressed: nothing is sent over a network.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bollard::query_parameters::ImportImageOptionsBuilder;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use oci_spec::image::{
    Arch, ConfigBuilder, Descriptor, DescriptorBuilder, Digest, HistoryBuilder,
    ImageConfigurationBuilder, ImageIndexBuilder, ImageManifestBuilder, MediaType, Os,
    PlatformBuilder, RootFsBuilder,
};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Engine, EngineError};
use crate::model::Platform;

/// A layer: an uncompressed tar file.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// The file that holds the layer.
    pub(crate) path: PathBuf,
    /// SHA-256 of the file, in hex.
    pub(crate) sha256: String,
    /// Length of the file, in bytes.
    pub(crate) size: u64,
    /// What it was made by, for the image's history.
    pub(crate) created_by: String,
}

/// What an image holds for one platform.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlatformImage {
    /// The layers, lowest first.
    pub(crate) layers: Vec<Layer>,
    /// The environment of its containers, each as `NAME=value`.
    pub(crate) env: Vec<String>,
    /// The folder that its containers start in.
    pub(crate) workdir: Option<String>,
    /// The command of its containers, with its arguments.
    pub(crate) cmd: Vec<String>,
    /// The image's labels, by key.
    pub(crate) labels: HashMap<String, String>,
}

/// An image of several platforms.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// The image's full name, with registry and tag.
    pub(crate) reference: String,
    /// What the image holds for each of its platforms.
    pub(crate) platforms: Vec<(Platform, PlatformImage)>,
}

/// Writes what passes through to a file and digests it.
pub(crate) struct LayerWriter {
    file: io::BufWriter<File>,
    path: PathBuf,
    hash: Sha256,
    size: u64,
}

impl LayerWriter {
    /// Creates the file, or empties the one that is there.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: io::BufWriter::with_capacity(1 << 20, File::create(path)?),
            path: path.to_owned(),
            hash: Sha256::new(),
            size: 0,
        })
    }

    /// Writes out what is buffered, and describes the layer.
    pub(crate) fn finish(mut self, created_by: String) -> io::Result<Layer> {
        self.file.flush()?;
        Ok(Layer {
            path: self.path,
            sha256: hex::encode(self.hash.finalize()),
            size: self.size,
            created_by,
        })
    }
}

impl Write for LayerWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Loads images into an engine's store, under their names.
///
/// # Errors
/// A layer cannot be read, or the engine refuses the archive.
pub(crate) async fn load(engine: &Engine, images: Vec<Image>) -> Result<(), EngineError> {
    let names: Vec<&str> = images
        .iter()
        .map(|image| image.reference.as_str())
        .collect();
    let action = format!("loading {}", names.join(", "));
    let (sender, receiver) = mpsc::channel::<Result<Bytes, io::Error>>(4);
    let writer = tokio::task::spawn_blocking(move || {
        let channel = Channel(sender.clone());
        if let Err(error) = write_archive(&images, io::BufWriter::with_capacity(1 << 20, channel)) {
            // Aborts the request; what the engine then says is less clear.
            let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
            return Err(error);
        }
        Ok(())
    });
    let loaded = engine
        .load_archive(&action, ReceiverStream::new(receiver))
        .await;
    let written = writer.await.map_err(|error| EngineError::Api {
        action: action.clone(),
        message: error.to_string(),
    })?;
    match (loaded, written) {
        (Err(error), Err(cause)) if cause.kind() == io::ErrorKind::BrokenPipe => Err(error),
        (_, Err(cause)) => Err(EngineError::Api {
            action,
            message: format!("writing the archive: {cause}"),
        }),
        (loaded, Ok(())) => loaded,
    }
}

impl Engine {
    /// Loads an archive of images into its store, as `docker load` does. Errors call it
    /// `action`.
    ///
    /// # Errors
    /// The engine refuses it.
    pub async fn load_archive(
        &self,
        action: &str,
        archive: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), EngineError> {
        // With progress, an engine answers at once: what takes long is not cut off by the
        // limit of a call.
        let options = ImportImageOptionsBuilder::new().quiet(false).build();
        let answers = self.docker().import_image_stream(options, archive, None);
        let mut answers = Box::pin(answers);
        while let Some(answer) = answers.next().await {
            answer.map_err(|error| EngineError::api(action.to_owned(), error))?;
        }
        Ok(())
    }
}

/// A pipe from the archive's writer to the request's body.
struct Channel(mpsc::Sender<Result<Bytes, io::Error>>);

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes an OCI image layout as a tar: layers that several images share once.
fn write_archive(images: &[Image], out: impl Write) -> io::Result<()> {
    let mut archive = Archive {
        tar: tar::Builder::new(out),
        written: Vec::new(),
    };
    archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let mut tops = Vec::new();
    for image in images {
        let mut manifests = Vec::new();
        for (platform, content) in &image.platforms {
            let layers = content
                .layers
                .iter()
                .map(|layer| archive.layer(layer))
                .collect::<io::Result<Vec<_>>>()?;
            let config =
                archive.json(MediaType::ImageConfig, &configuration(platform, content)?)?;
            let manifest = ImageManifestBuilder::default()
                .schema_version(2u32)
                .media_type(MediaType::ImageManifest)
                .config(config)
                .layers(layers)
                .build()
                .map_err(io::Error::other)?;
            let mut manifest = archive.json(MediaType::ImageManifest, &manifest)?;
            manifest.set_platform(Some(oci_platform(platform)?));
            manifests.push(manifest);
        }
        let index = ImageIndexBuilder::default()
            .schema_version(2u32)
            .media_type(MediaType::ImageIndex)
            .manifests(manifests)
            .build()
            .map_err(io::Error::other)?;
        let mut index = archive.json(MediaType::ImageIndex, &index)?;
        index.set_annotations(Some(HashMap::from([(
            "io.containerd.image.name".to_owned(),
            image.reference.clone(),
        )])));
        tops.push(index);
    }
    let index = ImageIndexBuilder::default()
        .schema_version(2u32)
        .media_type(MediaType::ImageIndex)
        .manifests(tops)
        .build()
        .map_err(io::Error::other)?;
    archive.file("index.json", &serde_json::to_vec(&index)?)?;
    archive.tar.into_inner()?.flush()
}

struct Archive<W: Write> {
    tar: tar::Builder<W>,
    written: Vec<String>,
}

impl<W: Write> Archive<W> {
    fn file(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.tar
            .append_data(&mut header(content.len() as u64), name, content)
    }

    fn json(&mut self, kind: MediaType, value: &impl Serialize) -> io::Result<Descriptor> {
        let content = serde_json::to_vec(value)?;
        let sha256 = hex::encode(Sha256::digest(&content));
        if !self.written.contains(&sha256) {
            self.file(&format!("blobs/sha256/{sha256}"), &content)?;
            self.written.push(sha256.clone());
        }
        descriptor(kind, &sha256, content.len() as u64)
    }

    fn layer(&mut self, layer: &Layer) -> io::Result<Descriptor> {
        if !self.written.contains(&layer.sha256) {
            self.tar.append_data(
                &mut header(layer.size),
                format!("blobs/sha256/{}", layer.sha256),
                File::open(&layer.path)?,
            )?;
            self.written.push(layer.sha256.clone());
        }
        descriptor(MediaType::ImageLayer, &layer.sha256, layer.size)
    }
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header
}

fn digest(sha256: &str) -> io::Result<Digest> {
    format!("sha256:{sha256}").parse().map_err(io::Error::other)
}

fn descriptor(kind: MediaType, sha256: &str, size: u64) -> io::Result<Descriptor> {
    DescriptorBuilder::default()
        .media_type(kind)
        .digest(digest(sha256)?)
        .size(size)
        .build()
        .map_err(io::Error::other)
}

fn oci_platform(platform: &Platform) -> io::Result<oci_spec::image::Platform> {
    let mut builder = PlatformBuilder::default()
        .os(Os::from(platform.os()))
        .architecture(Arch::from(platform.architecture()));
    if let Some(variant) = platform.variant() {
        builder = builder.variant(variant);
    }
    builder.build().map_err(io::Error::other)
}

fn configuration(
    platform: &Platform,
    content: &PlatformImage,
) -> io::Result<oci_spec::image::ImageConfiguration> {
    let now = jiff::Timestamp::now().to_string();
    let mut config = ConfigBuilder::default()
        .env(content.env.clone())
        .cmd(content.cmd.clone())
        .labels(content.labels.clone());
    if let Some(workdir) = &content.workdir {
        config = config.working_dir(workdir.clone());
    }
    let history = content
        .layers
        .iter()
        .map(|layer| {
            HistoryBuilder::default()
                .created(now.clone())
                .created_by(layer.created_by.clone())
                .build()
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    let diff_ids = content
        .layers
        .iter()
        .map(|layer| format!("sha256:{}", layer.sha256))
        .collect::<Vec<_>>();
    let mut builder = ImageConfigurationBuilder::default()
        .created(now)
        .os(Os::from(platform.os()))
        .architecture(Arch::from(platform.architecture()))
        .config(config.build().map_err(io::Error::other)?)
        .rootfs(
            RootFsBuilder::default()
                .typ("layers".to_owned())
                .diff_ids(diff_ids)
                .build()
                .map_err(io::Error::other)?,
        )
        .history(history);
    if let Some(variant) = platform.variant() {
        builder = builder.variant(variant);
    }
    builder.build().map_err(io::Error::other)
}
