//! What an image runs by itself, asked of its registry with the pull secrets of the pod.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use waggle_crds::{McpServer, McpServerSpec, server::Transport};

use crate::{
    error::Error,
    image::{Credentials, Entrypoint, ImageError, Platform, Resolver},
    memory::Key,
    metrics::{Answer, Metrics},
    observed::{ImageCommand, ImageState},
};

/// When a secret that could not be read is asked for again.
const SECRET_AGAIN: Duration = Duration::from_secs(60);

/// Asks registries for what images run.
#[derive(Clone)]
pub struct Images {
    client: Client,
    resolver: Resolver,
    metrics: Arc<Metrics>,
}

impl Images {
    /// With the API server for the secrets.
    pub fn new(client: Client, resolver: Resolver, metrics: Arc<Metrics>) -> Self {
        Self { client, resolver, metrics }
    }

    /// What is known of a server's image, and when to ask again if it is not.
    pub async fn observe(&self, key: &Key, server: &McpServer) -> (ImageState, Option<Duration>) {
        let Some(image) = needed(&server.spec) else { return (ImageState::NotNeeded, None) };
        let (state, again) = match self.secrets(key, &server.spec).await {
            Ok((secrets, missing)) => match self.entrypoint(image, &secrets, &server.spec).await {
                Ok(entrypoint) => (known(image, &entrypoint), None),
                Err(error) => {
                    let again = error.retry_after();
                    (unknown(error.reason(), format!("{error}{}", told(&missing))), again)
                }
            },
            Err(error) => {
                let message = format!(
                    "{error}. If the controller's role lacks the verb \"get\" for \"secrets\", add it."
                );
                (unknown("PullSecretUnreadable", message), Some(SECRET_AGAIN))
            }
        };
        let outcome = if matches!(state, ImageState::Known(_)) { Answer::Known } else { Answer::Failed };
        self.metrics.looked_up(outcome);
        (state, again)
    }

    async fn entrypoint(
        &self,
        image: &str,
        secrets: &[Secret],
        spec: &McpServerSpec,
    ) -> Result<Arc<Entrypoint>, ImageError> {
        let credentials = Credentials::from_secrets(secrets)?;
        self.resolver.entrypoint(image, &credentials, &platforms(spec)).await
    }

    /// The pull secrets that there are, and the names of those that are not: the kubelet passes them over too.
    async fn secrets(&self, key: &Key, spec: &McpServerSpec) -> Result<(Vec<Secret>, Vec<String>), Error> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &key.0);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for name in pull_secrets(spec) {
            match api.get_opt(name).await {
                Ok(Some(secret)) => found.push(secret),
                Ok(None) => missing.push(name.to_owned()),
                Err(error) => return Err(Error::new("get", "secrets", name, error)),
            }
        }
        Ok((found, missing))
    }
}

/// The image that must be asked for: that of a process which the launcher starts and nobody has named.
fn needed(spec: &McpServerSpec) -> Option<&str> {
    let is_stdio = matches!(spec.transport, None | Some(Transport::Stdio));
    spec.image.as_deref().filter(|_| is_stdio && spec.remote.is_none() && spec.command.is_empty())
}

fn pull_secrets(spec: &McpServerSpec) -> impl Iterator<Item = &str> {
    let template = spec.pod_template.iter().filter_map(|template| template.spec.as_ref());
    let of_template = template.flat_map(|pod| pod.image_pull_secrets.iter().flatten());
    spec.image_pull_secrets
        .iter()
        .chain(of_template)
        .map(|secret| secret.name.as_str())
        .filter(|name| !name.is_empty())
}

/// The platform of the nodes that the pod asks for; any, if it asks for none.
fn platforms(spec: &McpServerSpec) -> Vec<Platform> {
    let pod = spec.pod_template.as_ref().and_then(|template| template.spec.as_ref());
    let selector = pod.and_then(|pod| pod.node_selector.as_ref());
    selector
        .and_then(|labels| labels.get("kubernetes.io/arch"))
        .map(|arch| Platform::linux(arch))
        .into_iter()
        .collect()
}

fn known(image: &str, entrypoint: &Entrypoint) -> ImageState {
    // Without tag and digest; the last colon may be that of a port.
    let name = image.split('@').next().unwrap_or(image);
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    ImageState::Known(ImageCommand {
        resolved: format!("{name}@{}", entrypoint.digest),
        entrypoint: entrypoint.entrypoint.clone(),
        cmd: entrypoint.cmd.clone(),
        user: entrypoint.user.clone(),
    })
}

fn unknown(reason: &str, message: String) -> ImageState {
    ImageState::Unknown { reason: reason.to_owned(), message }
}

fn told(missing: &[String]) -> String {
    if missing.is_empty() {
        return String::new();
    }
    format!("; there is no Secret {} in its namespace", missing.join(", "))
}
