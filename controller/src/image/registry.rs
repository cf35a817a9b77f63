//! The requests of a pull, as far as the configuration: HTTP with limits.

use std::{net::IpAddr, time::Duration};

use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION},
};
use reqwest::{Client, Response, Url, redirect};
use serde::Deserialize;

use super::{
    ImageError, Reference,
    challenge::Challenge,
    credentials::Login,
    digest::Digest,
    document::{MANIFEST_TYPES, Unusable},
    reference::within,
    settings::{Settings, SettingsError},
};

/// Registries need not take manifests above 4 MiB; of those with an entrypoint, none comes near half of it.
const MAX_DOCUMENT: usize = 2 * 1024 * 1024;
/// Of a token's or an error's answer.
const MAX_NOTE: usize = 64 * 1024;
/// Of a registry's words in one of our sentences.
const MAX_WORDS: usize = 200;
const MAX_REDIRECTS: usize = 5;
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

const CHECK_REGISTRY: &str = "check that the registry is well and can be reached from the controller";
const ADD_CA: &str =
    "give the controller the CA certificate of the registry (--registry-ca, in the chart `registry.ca`)";
const LIST_INSECURE: &str = "give the registry TLS, or list it among the controller's insecure registries (--insecure-registry, in the chart `registry.insecure`)";
const PUSH_AGAIN: &str = "push the image again";

/// All registries: the connections to them.
pub(super) struct Registries {
    http: Client,
    insecure: Vec<String>,
}

impl Registries {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let mut certificates = Vec::new();
        for pem in &settings.ca_certificates {
            let bundle =
                reqwest::Certificate::from_pem_bundle(pem).map_err(|e| SettingsError::new(&root(&e)))?;
            if bundle.is_empty() {
                return Err(SettingsError::new("there is no certificate in it"));
            }
            certificates.extend(bundle);
        }
        let http = Client::builder()
            .user_agent(concat!("waggle-controller/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_LIMIT)
            .redirect(redirect::Policy::custom(follow))
            .tls_certs_merge(certificates)
            .build()
            .map_err(|e| SettingsError::new(&root(&e)))?;
        Ok(Self { http, insecure: settings.insecure_registries.clone() })
    }

    /// Begins to read one image, with one login or none.
    pub(super) fn pull<'a>(&'a self, image: &'a Reference, login: Option<&'a Login>) -> Pull<'a> {
        Pull { registries: self, image, login, scheme: "https", authorization: None }
    }

    /// Whether a registry may do without TLS.
    fn may_be_plain(&self, registry: &str) -> bool {
        let host = match registry.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => registry,
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        is_loopback || self.insecure.iter().any(|insecure| insecure == host || insecure == registry)
    }
}

/// Blobs often lie on another host; never behind a step down from TLS.
fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_safe = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("too many redirects");
    }
    if was_safe && attempt.url().scheme() != "https" {
        return attempt.error("a redirect from https to http");
    }
    attempt.follow()
}

/// The reading of one image.
pub(super) struct Pull<'a> {
    registries: &'a Registries,
    image: &'a Reference,
    login: Option<&'a Login>,
    scheme: &'static str,
    /// What the registry's challenge was answered with.
    authorization: Option<HeaderValue>,
}

impl Pull<'_> {
    /// The digest that a tag stands for now, where the registry tells. This does not count as a pull where pulls are
    /// limited.
    pub(super) async fn digest(&mut self, tag: &str) -> Result<Option<Digest>, ImageError> {
        let response = self.request(Method::HEAD, &format!("manifests/{tag}")).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::TOO_MANY_REQUESTS => Err(self.refusal(response).await),
            status if status.is_success() => {
                let digest = response.headers().get("docker-content-digest");
                Ok(digest.and_then(|digest| Digest::parse(digest.to_str().ok()?)))
            }
            // A registry that does not take the question gets the next one.
            _ => Ok(None),
        }
    }

    /// The manifest of a tag, with its digest.
    pub(super) async fn tagged_manifest(&mut self, tag: &str) -> Result<(Digest, Vec<u8>), ImageError> {
        let content = self.document(&format!("manifests/{tag}")).await?;
        Ok((Digest::of(&content), content))
    }

    /// The manifest of a digest.
    pub(super) async fn manifest(&mut self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        let content = self.document(&format!("manifests/{digest}")).await?;
        self.verified(digest, content)
    }

    /// A configuration.
    pub(super) async fn blob(&mut self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        let content = self.document(&format!("blobs/{digest}")).await?;
        self.verified(digest, content)
    }

    /// An error about the image's content.
    pub(super) fn unreadable(&self, (why, fix): Unusable) -> ImageError {
        ImageError::Unreadable { image: self.image.whole(), why: words(&why), fix }
    }

    fn verified(&self, digest: &Digest, content: Vec<u8>) -> Result<Vec<u8>, ImageError> {
        if digest.matches(&content) {
            return Ok(content);
        }
        Err(self.unreadable((format!("the registry sends something else for {digest}"), PUSH_AGAIN)))
    }

    async fn document(&mut self, path: &str) -> Result<Vec<u8>, ImageError> {
        let response = self.request(Method::GET, path).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        match self.body(response, MAX_DOCUMENT).await? {
            Some(content) => Ok(content),
            None => Err(self.unreadable((format!("a document is above {MAX_DOCUMENT} bytes"), PUSH_AGAIN))),
        }
    }

    /// Asks the registry, and once more with what it wants to be told.
    async fn request(&mut self, method: Method, path: &str) -> Result<Response, ImageError> {
        let response = self.send(method.clone(), path).await?;
        if response.status() != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return Ok(response);
        }
        let Some(challenge) = Challenge::of(response.headers()) else { return Ok(response) };
        drop(response);
        match challenge {
            Challenge::Basic => {
                let Some(login) = self.login else { return Err(self.denied(StatusCode::UNAUTHORIZED)) };
                self.authorization = Some(login.basic());
            }
            Challenge::Bearer { realm, service } => {
                self.authorization = Some(self.token(&realm, service.as_deref()).await?);
            }
        }
        self.send(method, path).await
    }

    /// Sends a request; by plain HTTP after TLS has failed, where the registry may do without.
    async fn send(&mut self, method: Method, path: &str) -> Result<Response, ImageError> {
        match self.send_by_scheme(method.clone(), path).await {
            Err(e)
                if self.scheme == "https"
                    && e.is_connect()
                    && !matches!(tls_error(&e), Some(rustls::Error::InvalidCertificate(_)))
                    && self.registries.may_be_plain(self.image.resolve_registry()) =>
            {
                self.scheme = "http";
                self.send_by_scheme(method, path).await.map_err(|e| self.unreachable(&e))
            }
            result => result.map_err(|e| self.unreachable(&e)),
        }
    }

    async fn send_by_scheme(&self, method: Method, path: &str) -> reqwest::Result<Response> {
        let (registry, repository) = (self.image.resolve_registry(), self.image.repository());
        let url = format!("{}://{registry}/v2/{repository}/{path}", self.scheme);
        let mut request = self.registries.http.request(method, url).header(ACCEPT, MANIFEST_TYPES);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.send().await
    }

    /// Gets a token for the image.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<HeaderValue, ImageError> {
        #[derive(Deserialize)]
        struct Answer {
            token: Option<String>,
            access_token: Option<String>,
        }
        let failed = |why: &str| ImageError::Unreachable {
            registry: self.image.registry().to_owned(),
            image: within(self.image),
            why: why.to_owned(),
            fix: CHECK_REGISTRY,
        };
        let mut url = Url::parse(realm).map_err(|_| failed("its token service has no right address"))?;
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", &format!("repository:{}:pull", self.image.repository()));
        if url.scheme() != "https" && self.scheme == "https" {
            return Err(failed("its token service is without TLS"));
        }
        let mut request = self.registries.http.get(url);
        if let Some(login) = self.login {
            request = request.header(AUTHORIZATION, login.basic());
        }
        let response = request.send().await.map_err(|e| self.unreachable(&e))?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let body = self.body(response, MAX_NOTE).await?.unwrap_or_default();
        let answer: Option<Answer> = serde_json::from_slice(&body).ok();
        let token = answer.and_then(|answer| answer.token.filter(|t| !t.is_empty()).or(answer.access_token));
        let header = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
        let mut header = header.ok_or_else(|| failed("its token service gives no token"))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// Reads a body, or nothing of one that is above the limit.
    async fn body(&self, mut response: Response, limit: usize) -> Result<Option<Vec<u8>>, ImageError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| self.unreachable(&e))? {
            if body.len() + chunk.len() > limit {
                return Ok(None);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }

    /// What an answer other than success means.
    async fn refusal(&self, response: Response) -> ImageError {
        let status = response.status();
        let (registry, image) = (self.image.registry().to_owned(), within(self.image));
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.denied(status),
            StatusCode::NOT_FOUND => ImageError::NotFound { registry, image },
            StatusCode::TOO_MANY_REQUESTS => ImageError::RateLimited { registry, image },
            status => {
                let body = self.body(response, MAX_NOTE).await.ok().flatten().unwrap_or_default();
                ImageError::RegistryFailed { registry, image, status: status.as_u16(), message: said(&body) }
            }
        }
    }

    fn denied(&self, status: StatusCode) -> ImageError {
        ImageError::Denied {
            registry: self.image.registry().to_owned(),
            image: within(self.image),
            status: status.as_u16(),
            had_login: self.login.is_some(),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ImageError {
        let fix = match tls_error(error) {
            Some(rustls::Error::InvalidCertificate(_)) => ADD_CA,
            Some(rustls::Error::InvalidMessage(_)) => LIST_INSECURE,
            _ => CHECK_REGISTRY,
        };
        let (registry, image) = (self.image.registry().to_owned(), within(self.image));
        ImageError::Unreachable { registry, image, why: words(&root(error)), fix }
    }
}

impl Login {
    /// As a header.
    fn basic(&self) -> HeaderValue {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let encoded = STANDARD.encode(format!("{}:{}", self.user, self.password));
        // Base64 is always fit for a header.
        let mut header =
            HeaderValue::try_from(format!("Basic {encoded}")).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

/// The innermost cause, which says what happened; those around it say that something did.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The failure of TLS behind a failed request.
fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        // The source of an I/O error is that of the error in it, which would be passed over.
        let inner = error.downcast_ref().and_then(std::io::Error::get_ref);
        cause = inner.map(|inner| inner as _).or_else(|| error.source());
    }
    None
}

/// The first message of a registry's error document.
fn said(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Document {
        errors: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        message: String,
    }
    let document: Option<Document> = serde_json::from_slice(body).ok();
    let first = document.and_then(|document| document.errors.into_iter().next());
    first.map(|entry| words(&entry.message)).unwrap_or_default()
}

/// Foreign words, fit for a sentence.
fn words(text: &str) -> String {
    text.chars().take(MAX_WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}
