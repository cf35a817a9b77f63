//! The documents of an image in a registry: of its index, manifest and configuration the few fields that say what it
//! runs. The formats of OCI and of Docker's schema 2 have the same names for them.

use serde::Deserialize;

use super::{Entrypoint, Platform, digest::Digest};

/// The media types that are asked for.
pub(super) const MANIFEST_TYPES: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

const NAME_AN_IMAGE: &str = "name a container image in spec.image";
const PUSH_AGAIN: &str = "push the image again, with a current version of its tool";

/// Why a document cannot be used, and what helps.
pub(super) type Unusable = (String, &'static str);

/// What a reference leads to.
#[derive(Debug)]
pub(super) enum Manifest {
    /// One manifest for each platform.
    Index(Vec<Part>),
    /// The digest of the one image's configuration.
    Image(Digest),
}

/// One entry of an index.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) platform: Option<Platform>,
    pub(super) digest: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: u64,
    config: Option<Descriptor>,
    manifests: Option<Vec<Descriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
}

impl Descriptor {
    fn digest(&self) -> Result<Digest, Unusable> {
        Digest::parse(&self.digest)
            .ok_or_else(|| ("its manifest holds a wrong digest".to_owned(), PUSH_AGAIN))
    }
}

impl Manifest {
    /// Reads an index or a manifest.
    pub(super) fn read(content: &[u8]) -> Result<Self, Unusable> {
        let raw: RawManifest = serde_json::from_slice(content)
            .map_err(|e| (format!("its manifest is wrong: {e}"), PUSH_AGAIN))?;
        if raw.schema_version != 2 {
            return Err((format!("its manifest is of the old version {}", raw.schema_version), PUSH_AGAIN));
        }
        match (raw.config, raw.manifests) {
            (None, Some(parts)) => parts
                .into_iter()
                .map(|part| Ok(Part { digest: part.digest()?, platform: part.platform }))
                .collect::<Result<_, _>>()
                .map(Self::Index),
            (Some(config), None) if config.media_type.contains("image") => config.digest().map(Self::Image),
            (Some(config), None) => {
                Err((format!("it is an artifact of the type {:?}", config.media_type), NAME_AN_IMAGE))
            }
            // With both, two clients could see two images in it.
            _ => Err(("it is neither a manifest nor an index".to_owned(), PUSH_AGAIN)),
        }
    }
}

/// An image's configuration.
#[derive(Deserialize)]
pub(super) struct Config {
    os: Option<String>,
    architecture: Option<String>,
    variant: Option<String>,
    config: Option<Process>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Process {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    working_dir: Option<String>,
    user: Option<String>,
}

impl Config {
    /// Reads the configuration.
    pub(super) fn read(content: &[u8]) -> Result<Self, Unusable> {
        serde_json::from_slice(content).map_err(|e| (format!("its configuration is wrong: {e}"), PUSH_AGAIN))
    }

    /// What the image is built for, where it says so.
    pub(super) fn platform(&self) -> Option<Platform> {
        let (os, architecture) = (self.os.clone()?, self.architecture.clone()?);
        let variant = self.variant.clone().filter(|variant| !variant.is_empty());
        (!os.is_empty() && !architecture.is_empty()).then_some(Platform { os, architecture, variant })
    }

    /// What it runs, if it says anything.
    pub(super) fn entrypoint(self, digest: &Digest) -> Option<Entrypoint> {
        let process = self.config.unwrap_or_default();
        let entrypoint = process.entrypoint.unwrap_or_default();
        let cmd = process.cmd.unwrap_or_default();
        if entrypoint.is_empty() && cmd.is_empty() {
            return None;
        }
        let set = |text: Option<String>| text.filter(|text| !text.is_empty());
        Some(Entrypoint {
            entrypoint,
            cmd,
            working_dir: set(process.working_dir),
            user: set(process.user),
            digest: digest.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_says_what_it_is() {
        let digest = Digest::of(b"");
        let descriptor = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":0}}"#);
        let image = descriptor("application/vnd.oci.image.config.v1+json");
        let chart = descriptor("application/vnd.cncf.helm.config.v1+json");
        for (content, why) in [
            (r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(), "old version 1"),
            (format!(r#"{{"schemaVersion":2,"config":{chart}}}"#), "vnd.cncf.helm.config"),
            (format!(r#"{{"schemaVersion":2,"config":{image},"manifests":[]}}"#), "neither"),
            (r#"{"schemaVersion":2}"#.to_owned(), "neither"),
            (r#"{"schemaVersion":2,"manifests":[{"digest":"../../x"}]}"#.to_owned(), "wrong digest"),
            ("<html>".to_owned(), "manifest is wrong"),
        ] {
            let (said, fix) = Manifest::read(content.as_bytes()).unwrap_err();
            assert!(said.contains(why) && !fix.is_empty(), "{content}: {said}");
        }
        let content = format!(r#"{{"schemaVersion":2,"config":{image},"layers":[]}}"#);
        assert!(
            matches!(Manifest::read(content.as_bytes()), Ok(Manifest::Image(config)) if config == digest)
        );
    }

    #[test]
    fn a_configuration_may_leave_out_nearly_everything() {
        let digest = Digest::of(b"x");
        for nothing in ["{}", r#"{"config":null}"#, r#"{"config":{"Entrypoint":null,"Cmd":[],"User":"7"}}"#] {
            assert_eq!(Config::read(nothing.as_bytes()).unwrap().entrypoint(&digest), None, "{nothing}");
        }
        let config =
            r#"{"os":"linux","architecture":"arm64","variant":"","config":{"Cmd":["a"],"WorkingDir":""}}"#;
        let config = Config::read(config.as_bytes()).unwrap();
        assert_eq!(config.platform(), Some(Platform::linux("arm64")));
        let entrypoint = config.entrypoint(&digest).unwrap();
        assert_eq!((entrypoint.cmd, entrypoint.working_dir), (vec!["a".to_owned()], None));
        assert!(Config::read(br#"{"config":{"Cmd":"a string"}}"#).is_err());
    }
}
