//! Image references as Kubernetes reads them.

use std::net::Ipv6Addr;

pub use oci_client::Reference;

use super::ImageError;

/// Reads an image reference: no registry is `docker.io`, no namespace there is `library`, neither tag nor digest is
/// `latest`, and a digest wins over a tag.
///
/// # Errors
/// [`ImageError::ReferenceInvalid`], with what to write instead.
pub fn parse(image: &str) -> Result<Reference, ImageError> {
    let invalid = |why: &str| ImageError::ReferenceInvalid { image: image.to_owned(), why: why.to_owned() };
    if image.trim() != image {
        return Err(invalid("it has blanks around it"));
    }
    if image.contains("://") {
        return Err(invalid("it is a URL; leave out the scheme"));
    }
    // The grammar's word characters are ASCII's alone.
    if !image.is_ascii() {
        return Err(invalid("it has characters beyond ASCII"));
    }
    match split_ipv6(image) {
        Some((registry, rest)) => {
            let on_host = Reference::try_from(format!("localhost/{rest}"));
            on_host.map(|reference| moved(&reference, registry)).map_err(|e| invalid(&e.to_string()))
        }
        None => Reference::try_from(image).map_err(|e| invalid(&e.to_string())),
    }
}

/// A reference without its registry, for a sentence that names the registry.
pub(super) fn within(image: &Reference) -> String {
    let whole = image.whole();
    whole.split_once('/').map_or(whole.as_str(), |(_registry, rest)| rest).to_owned()
}

/// Splits `[::1]:5000/name` after the host: the grammar of the crate knows no IPv6 addresses, that of the container
/// runtimes does.
fn split_ipv6(image: &str) -> Option<(&str, &str)> {
    let (registry, rest) = image.split_once('/')?;
    let (address, port) = registry.strip_prefix('[')?.split_once(']')?;
    address.parse::<Ipv6Addr>().ok()?;
    let port_is_right = port.is_empty() || port.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok());
    port_is_right.then_some((registry, rest))
}

/// The same repository, tag and digest on another registry.
fn moved(reference: &Reference, registry: &str) -> Reference {
    let (registry, repository) = (registry.to_owned(), reference.repository().to_owned());
    match (reference.tag(), reference.digest()) {
        (Some(tag), Some(digest)) => {
            Reference::with_tag_and_digest(registry, repository, tag.to_owned(), digest.to_owned())
        }
        (_, Some(digest)) => Reference::with_digest(registry, repository, digest.to_owned()),
        (tag, None) => Reference::with_tag(registry, repository, tag.unwrap_or("latest").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_completed_as_kubernetes_does() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for (image, whole) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3.22", "docker.io/library/alpine:3.22"),
            ("team/app", "docker.io/team/app:latest"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/alpine", "docker.io/library/alpine:latest"),
            ("ghcr.io/team/app:1.2", "ghcr.io/team/app:1.2"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app:x", "localhost:5000/app:x"),
            ("registry:5000/a/b/c", "registry:5000/a/b/c:latest"),
            ("[::1]:5000/a/b:7", "[::1]:5000/a/b:7"),
            ("[fd00::2]/a", "[fd00::2]/a:latest"),
            (&format!("alpine@{digest}"), &format!("docker.io/library/alpine@{digest}")),
            (&format!("[::1]/a@{digest}"), &format!("[::1]/a@{digest}")),
        ] {
            assert_eq!(parse(image).unwrap().whole(), whole, "{image}");
        }
    }

    #[test]
    fn a_digest_and_a_tag_are_both_kept() {
        let digest = format!("sha256:{}", "0f".repeat(32));
        for registry in ["ghcr.io", "[::1]:80"] {
            let reference = parse(&format!("{registry}/team/app:1.2@{digest}")).unwrap();
            assert_eq!((reference.tag(), reference.digest()), (Some("1.2"), Some(digest.as_str())));
            assert_eq!(reference.registry(), registry);
        }
    }

    #[test]
    fn a_wrong_reference_is_answered_with_what_is_wrong() {
        for (image, why) in [
            ("", "at least one component"),
            (" alpine", "blanks"),
            ("https://ghcr.io/team/app", "leave out the scheme"),
            ("ghcr.io/Team/app", "invalid reference format"),
            ("app:tég", "ASCII"),
            ("app:", "invalid reference format"),
            ("app@sha256:abcd", "invalid reference format"),
            ("app@sha256:0123456789012345678901234567890123456789", "digest length"),
            ("[::1]:99999/a", "invalid reference format"),
            ("[zz]/a", "invalid reference format"),
            ("../../etc/passwd", "invalid reference format"),
        ] {
            let error = parse(image).unwrap_err();
            assert_eq!(error.reason(), "ImageReferenceInvalid");
            assert!(error.to_string().contains(why), "{image}: {error}");
        }
    }
}
