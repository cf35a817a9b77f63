//! Images made and pushed by the tests, through a client that is not the one under test.

use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

pub(crate) fn digest_of(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A document of an image: its bytes, as they are pushed, and what they are.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Document {
    pub(crate) fn new(media_type: &'static str, content: &Value) -> Self {
        Self { media_type, bytes: content.to_string().into_bytes() }
    }

    pub(crate) fn digest(&self) -> String {
        digest_of(&self.bytes)
    }

    fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len() })
    }
}

/// The configuration of an image for a platform.
pub(crate) fn config(media_type: &'static str, architecture: &str, process: &Value) -> Document {
    let rootfs = json!({ "type": "layers", "diff_ids": [] });
    let config = json!({ "architecture": architecture, "os": "linux", "config": process, "rootfs": rootfs, "history": [] });
    Document::new(media_type, &config)
}

/// The manifest of an image without layers.
pub(crate) fn manifest(config: &Document) -> Document {
    let media_type = if config.media_type == DOCKER_CONFIG { DOCKER_MANIFEST } else { OCI_MANIFEST };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type, "config": config.descriptor(), "layers": []
    });
    Document::new(media_type, &manifest)
}

/// An index over manifests, each for `os/architecture`.
pub(crate) fn index(media_type: &'static str, parts: &[(&str, &Document)]) -> Document {
    let parts: Vec<_> = parts
        .iter()
        .map(|(platform, manifest)| {
            let (os, architecture) = platform.split_once('/').unwrap();
            let mut descriptor = manifest.descriptor();
            descriptor["platform"] = json!({ "os": os, "architecture": architecture });
            descriptor
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": parts });
    Document::new(media_type, &index)
}

/// Pushes to a registry.
pub(crate) struct Pusher {
    client: Client,
    auth: RegistryAuth,
}

impl Pusher {
    pub(crate) fn new(user: Option<(&str, &str)>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        Self::with(config, user)
    }

    pub(crate) fn with(config: ClientConfig, user: Option<(&str, &str)>) -> Self {
        let auth = user.map_or(RegistryAuth::Anonymous, |(user, password)| {
            RegistryAuth::Basic(user.to_owned(), password.to_owned())
        });
        Self { client: Client::new(config), auth }
    }

    /// Pushes a configuration and its manifest; returns the manifest's digest.
    pub(crate) async fn image(&self, image: &str, config: &Document) -> String {
        let reference = self.store(image, config).await;
        self.manifest_at(&reference, &manifest(config)).await
    }

    /// Pushes an index with its images.
    pub(crate) async fn index(&self, image: &str, kind: &'static str, parts: &[(&str, &Document)]) -> String {
        let mut manifests = Vec::new();
        for (platform, config) in parts {
            let reference = self.store(image, config).await;
            let manifest = manifest(config);
            self.manifest_at(&reference.clone_with_digest(manifest.digest()), &manifest).await;
            manifests.push((*platform, manifest));
        }
        let parts: Vec<_> = manifests.iter().map(|(platform, manifest)| (*platform, manifest)).collect();
        self.manifest_at(&image.parse().unwrap(), &index(kind, &parts)).await
    }

    /// Pushes a blob.
    async fn store(&self, image: &str, blob: &Document) -> Reference {
        let reference: Reference = image.parse().unwrap();
        self.client.store_auth_if_needed(reference.registry(), &self.auth).await;
        self.client.push_blob(&reference, blob.bytes.clone(), &blob.digest()).await.unwrap();
        reference
    }

    async fn manifest_at(&self, reference: &Reference, manifest: &Document) -> String {
        let media_type = manifest.media_type.parse().unwrap();
        self.client.push_manifest_raw(reference, manifest.bytes.clone(), media_type).await.unwrap();
        manifest.digest()
    }
}
