//! Logins from pull secrets, matched to an image as the kubelet does: who can pull can also be told the entrypoint,
//! and the other way round.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, alphabet, engine};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{ImageError, Reference};

/// What Docker Hub's logins are filed under.
const DOCKER_HUB: &str = "index.docker.io";

/// Base64 with or without padding: both are found in the wild.
const BASE64: engine::GeneralPurpose = engine::GeneralPurpose::new(
    &alphabet::STANDARD,
    engine::GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
);

/// The logins that a pod's pull secrets hold. Debug output shows none of them.
#[derive(Clone, Default)]
pub struct Credentials {
    /// By `host/path` in falling order, so that a longer path comes before its prefix; equal ones in the order of
    /// the secrets.
    logins: Vec<(Scope, Login)>,
}

/// A user's name and password at a registry.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.logins.iter().map(|(scope, _)| &scope.0)).finish()
    }
}

impl Credentials {
    /// Reads pull secrets in their order. A secret of another type is passed over, as the kubelet does.
    ///
    /// # Errors
    /// [`ImageError::PullSecretInvalid`] for a secret that the kubelet cannot read either.
    pub fn from_secrets<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Self, ImageError> {
        let mut logins = Vec::new();
        for secret in secrets {
            let entries = entries(secret).map_err(|why| {
                let name = secret.metadata.name.as_deref().unwrap_or("without a name");
                ImageError::PullSecretInvalid { secret: name.to_owned(), why }
            })?;
            logins.extend(entries);
        }
        // Stable: equal scopes stay in the order of their secrets.
        logins.sort_by(|(a, _), (b, _)| b.cmp(a));
        Ok(Self { logins })
    }

    /// The logins to try for an image, in order.
    pub(super) fn matching(&self, image: &Reference) -> Vec<Login> {
        let path = format!("/{}", image.repository());
        let found: Vec<_> = self.logins_where(|scope| scope.matches(image.registry(), &path));
        if !found.is_empty() || image.registry() != "docker.io" {
            return found;
        }
        self.logins_where(|scope| scope.0 == DOCKER_HUB)
    }

    fn logins_where(&self, wanted: impl Fn(&Scope) -> bool) -> Vec<Login> {
        self.logins.iter().filter(|(scope, _)| wanted(scope)).map(|(_, login)| login.clone()).collect()
    }
}

/// Tells lists of logins apart without keeping them.
pub(super) fn fingerprint(logins: &[Login]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in logins.iter().flat_map(|login| [&login.user, &login.password]) {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// What a login is for: a host, whose labels may hold `*`, possibly a port and the beginning of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Scope(String);

impl Scope {
    /// From a key of the file, which may be a URL of an API's version.
    fn new(key: &str) -> Self {
        let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
        let (host, path) = key.split_once('/').unwrap_or((key, ""));
        let path = path.strip_prefix("v1/").or_else(|| path.strip_prefix("v2/")).unwrap_or(path);
        Self(if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") })
    }

    fn matches(&self, registry: &str, path: &str) -> bool {
        let (host, prefix) = self.0.split_at(self.0.find('/').unwrap_or(self.0.len()));
        let ((host, port), (registry, registry_port)) = (split_port(host), split_port(registry));
        let (labels, of_registry) = (host.split('.'), registry.split('.'));
        port == registry_port
            && path.starts_with(prefix)
            && labels.clone().count() == of_registry.clone().count()
            && labels.zip(of_registry).all(|(pattern, label)| glob(pattern, label))
    }
}

/// Splits `host:port`, where the host may be an IPv6 address in brackets.
fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Whether a label fits a pattern in which `*` stands for any letters.
fn glob(pattern: &str, label: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == label };
    let Some(mut label) = label.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return label.ends_with(part);
        }
        let Some(at) = label.find(part) else { return false };
        label = &label[at + part.len()..];
    }
    true
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

/// The logins of one secret. An error never cites the content.
fn entries(secret: &Secret) -> Result<Vec<(Scope, Login)>, String> {
    let content = |key: &str| match secret.data.as_ref().and_then(|data| data.get(key)) {
        Some(ByteString(content)) => Ok(content.as_slice()),
        None => Err(format!("it has no key {key}")),
    };
    let malformed =
        |e: serde_json::Error| format!("its JSON is wrong at line {} column {}", e.line(), e.column());
    let auths = match secret.type_.as_deref() {
        Some("kubernetes.io/dockerconfigjson") => {
            serde_json::from_slice::<File>(content(".dockerconfigjson")?).map_err(malformed)?.auths
        }
        Some("kubernetes.io/dockercfg") => {
            serde_json::from_slice(content(".dockercfg")?).map_err(malformed)?
        }
        _ => return Ok(Vec::new()),
    };
    auths
        .into_iter()
        .filter_map(|(key, entry)| match login(entry) {
            Ok(login) => login.map(|login| Ok((Scope::new(&key), login))),
            Err(why) => Some(Err(format!("{why} of {key:?}"))),
        })
        .collect()
}

/// The login of one entry, if it has any; `auth` wins over the two fields.
fn login(entry: Entry) -> Result<Option<Login>, &'static str> {
    if entry.auth.is_empty() {
        let login = Login { user: entry.username, password: entry.password };
        return Ok((!login.user.is_empty()).then_some(login));
    }
    let decoded = BASE64.decode(entry.auth.trim()).map_err(|_| "the base64 is wrong in the auth")?;
    let decoded = String::from_utf8(decoded).map_err(|_| "there is no text in the auth")?;
    let (user, password) = decoded.split_once(':').ok_or("there is no user:password in the auth")?;
    // Some tools pad the password.
    let password = password.trim_matches('\0');
    Ok(Some(Login { user: user.to_owned(), password: password.to_owned() }))
}

#[cfg(test)]
#[path = "credentials_tests.rs"]
mod tests;
