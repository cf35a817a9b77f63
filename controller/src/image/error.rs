//! Why an image's entrypoint is not known: a reason for a condition, and a sentence with the fix in it.

use std::time::Duration;

/// After a failure that passes by itself.
const SOON: Duration = Duration::from_secs(30);
/// After a failure that somebody has to mend, though not in the resource: an image not yet pushed, a right not given.
const LATER: Duration = Duration::from_secs(120);
/// After the registry has asked for fewer requests.
const MUCH_LATER: Duration = Duration::from_secs(600);

/// The end of most sentences: what always helps.
const OR_COMMAND: &str = "or write spec.command, and the registry is not asked";

/// Why the entrypoint of an image is not known. Displayed as a sentence for people, which says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The image is not written as a reference.
    #[error(
        "spec.image {image:?} is not an image reference ({why}): write registry/name:tag or registry/name@sha256:…"
    )]
    ReferenceInvalid {
        /// As it was written.
        image: String,
        /// What is wrong with it.
        why: String,
    },
    /// A pull secret cannot be read.
    #[error(
        "the pull secret {secret} cannot be read ({why}): make it anew with kubectl create secret docker-registry, \
         or take it out of spec.imagePullSecrets"
    )]
    PullSecretInvalid {
        /// The secret's name.
        secret: String,
        /// What is wrong with it; never its content.
        why: String,
    },
    /// No answer that is HTTP.
    #[error("{registry} cannot be asked for the entrypoint of {image} ({why}): {fix}, {OR_COMMAND}")]
    Unreachable {
        /// The registry's host.
        registry: String,
        /// The image in it.
        image: String,
        /// What happened.
        why: String,
        /// What helps against it.
        fix: &'static str,
    },
    /// The answers took too long.
    #[error(
        "{registry} did not answer for {image} within {} s: check that the registry is well and can be reached from \
         the controller, {OR_COMMAND}", limit.as_secs()
    )]
    TimedOut {
        /// The registry's host.
        registry: String,
        /// The image in it.
        image: String,
        /// How long it had.
        limit: Duration,
    },
    /// A status that is the registry's own fault, or one that makes no sense.
    #[error("{registry} answers {status} for {image}{}: check the registry, {OR_COMMAND}", said(message))]
    RegistryFailed {
        /// The registry's host.
        registry: String,
        /// The image in it.
        image: String,
        /// The HTTP status.
        status: u16,
        /// What the registry says about it, possibly nothing.
        message: String,
    },
    /// Too many requests.
    #[error(
        "{registry} refuses more requests for now (429, for {image}): it is asked again in some minutes; add a pull \
         secret with a higher limit to spec.imagePullSecrets, {OR_COMMAND}"
    )]
    RateLimited {
        /// The registry's host.
        registry: String,
        /// The image in it.
        image: String,
    },
    /// There is no such tag, digest or repository.
    #[error("{registry} has no {image}: check the name and the tag, or push the image")]
    NotFound {
        /// The registry's host.
        registry: String,
        /// The image in it.
        image: String,
    },
    /// The registry wants a login, or a better one.
    #[error("{registry} says {status} for {image}: {}, {OR_COMMAND}", if *had_login {
        "the login of the pull secret is wrong or may not read the image: correct the secret"
    } else {
        "no pull secret has a login for it: add one to spec.imagePullSecrets (or correct the image's name)"
    })]
    Denied {
        /// The registry's host.
        registry: String,
        /// The image in it.
        image: String,
        /// The HTTP status, 401 or 403.
        status: u16,
        /// Whether a login was tried at all.
        had_login: bool,
    },
    /// The image is not built for the wanted platform.
    #[error(
        "{image} is not built for {wanted}, but for {offered}: build it for that platform, or choose fitting nodes \
         with spec.podTemplate's nodeSelector kubernetes.io/arch"
    )]
    PlatformMissing {
        /// The image, in full.
        image: String,
        /// Any of these would do.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// The registry sends something that is no image, or not what it says.
    #[error("{image} cannot be read as a container image ({why}): {fix}, {OR_COMMAND}")]
    Unreadable {
        /// The image, in full.
        image: String,
        /// What is wrong with it.
        why: String,
        /// What helps against it.
        fix: &'static str,
    },
    /// The image says nothing about what to run.
    #[error("{image} has neither ENTRYPOINT nor CMD: write what to run into spec.command")]
    NoEntrypoint {
        /// The image, in full.
        image: String,
    },
}

impl ImageError {
    /// The reason for a condition.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::ReferenceInvalid { .. } => "ImageReferenceInvalid",
            Self::PullSecretInvalid { .. } => "PullSecretInvalid",
            Self::Unreachable { .. } => "RegistryUnreachable",
            Self::TimedOut { .. } => "RegistryTimeout",
            Self::RegistryFailed { .. } => "RegistryFailed",
            Self::RateLimited { .. } => "RegistryRateLimited",
            Self::NotFound { .. } => "ImageNotFound",
            Self::Denied { .. } => "PullDenied",
            Self::PlatformMissing { .. } => "PlatformMissing",
            Self::Unreadable { .. } => "ImageUnreadable",
            Self::NoEntrypoint { .. } => "NoEntrypoint",
        }
    }

    /// When to ask again. None where only an edit, of the resource or of its pull secret, can help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::ReferenceInvalid { .. } | Self::PullSecretInvalid { .. } => None,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::RegistryFailed { .. } => Some(SOON),
            Self::RateLimited { .. } => Some(MUCH_LATER),
            Self::NotFound { .. }
            | Self::Denied { .. }
            | Self::PlatformMissing { .. }
            | Self::Unreadable { .. }
            | Self::NoEntrypoint { .. } => Some(LATER),
        }
    }

    /// Whether the registry fails rather than the image: what was known of it holds on.
    pub(super) fn is_of_registry(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::RegistryFailed { .. }
                | Self::RateLimited { .. }
        )
    }
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" ({message})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<ImageError> {
        let (registry, image) = ("registry.example.org".to_owned(), "team/app:1.2".to_owned());
        let whole = format!("{registry}/{image}");
        let denied = |had_login| ImageError::Denied {
            registry: registry.clone(),
            image: image.clone(),
            status: 401,
            had_login,
        };
        vec![
            ImageError::ReferenceInvalid { image: "Team/app".into(), why: "invalid reference format".into() },
            ImageError::PullSecretInvalid { secret: "hive/pull".into(), why: "no .dockerconfigjson".into() },
            ImageError::Unreachable {
                registry: registry.clone(),
                image: image.clone(),
                why: "connection refused".into(),
                fix: "check the registry",
            },
            ImageError::TimedOut {
                registry: registry.clone(),
                image: image.clone(),
                limit: Duration::from_secs(15),
            },
            ImageError::RegistryFailed {
                registry: registry.clone(),
                image: image.clone(),
                status: 500,
                message: "disk full".into(),
            },
            ImageError::RateLimited { registry: registry.clone(), image: image.clone() },
            ImageError::NotFound { registry: registry.clone(), image: image.clone() },
            denied(false),
            denied(true),
            ImageError::PlatformMissing {
                image: whole.clone(),
                wanted: "linux/arm64".into(),
                offered: "linux/amd64, windows/amd64".into(),
            },
            ImageError::Unreadable { image: whole.clone(), why: "a Helm chart".into(), fix: "name an image" },
            ImageError::NoEntrypoint { image: whole },
        ]
    }

    #[test]
    fn each_kind_has_a_reason_and_a_sentence_with_the_fix() {
        let lines: Vec<_> =
            every_kind().iter().map(|e| format!("{} ({:?}): {e}", e.reason(), e.retry_after())).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn reasons_are_fit_for_a_condition() {
        for error in every_kind() {
            let reason = error.reason();
            assert!(reason.starts_with(|c: char| c.is_ascii_uppercase()), "{reason}");
            assert!(reason.bytes().all(|b| b.is_ascii_alphanumeric()), "{reason}");
        }
    }
}
