//! Which of a multi-platform image's parts is read.

use std::fmt;

use serde::Deserialize;

/// An operating system and processor, named as Go does, as registries and node labels do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub struct Platform {
    /// `kubernetes.io/os`: `linux`.
    pub os: String,
    /// `kubernetes.io/arch`: `amd64`, `arm64`, …
    pub architecture: String,
    /// A variant of the architecture (`v7` of `arm`); none wants any.
    #[serde(default)]
    pub variant: Option<String>,
}

impl Platform {
    /// Linux on a processor: `Platform::linux("arm64")`.
    pub fn linux(architecture: &str) -> Self {
        Self { os: "linux".into(), architecture: architecture.into(), variant: None }
    }

    /// Whether what is offered is what `self` wants.
    pub(super) fn accepts(&self, offered: &Self) -> bool {
        let variant_fits = match (self.variant.as_deref(), offered.variant.as_deref()) {
            (None, _) => true,
            (Some("v8"), None) => self.architecture == "arm64",
            (wanted, offered) => wanted == offered,
        };
        self.os == offered.os && self.architecture == offered.architecture && variant_fits
    }

    /// Entries beside the images themselves, such as attestations, are for no platform.
    pub(super) fn is_real(&self) -> bool {
        self.os != "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// Names platforms for a sentence; `none` is what no platform at all means.
pub(super) fn names<'a>(platforms: impl IntoIterator<Item = &'a Platform>, none: &str) -> String {
    let names: Vec<_> = platforms.into_iter().map(Platform::to_string).collect();
    if names.is_empty() { none.to_owned() } else { names.join(", ") }
}

/// Picks the first that is wanted, in the order of the wishes; no wish at all wants any Linux.
pub(super) fn choose<'a, T>(
    wanted: &[Platform],
    offered: &'a [T],
    platform: impl Fn(&T) -> Option<&Platform>,
) -> Option<&'a T> {
    if wanted.is_empty() {
        return offered.iter().find(|entry| platform(entry).is_some_and(|p| p.os == "linux"));
    }
    wanted
        .iter()
        .find_map(|wish| offered.iter().find(|entry| platform(entry).is_some_and(|p| wish.accepts(p))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut parts = text.split('/').map(str::to_owned);
        let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
        Platform { os, architecture, variant: parts.next() }
    }

    #[test]
    fn the_first_wish_that_is_offered_wins() {
        let offered = ["unknown/unknown", "windows/amd64", "linux/arm/v7", "linux/arm64/v8", "linux/amd64"];
        let offered: Vec<_> = offered.map(platform).into();
        for (wanted, chosen) in [
            (&["linux/amd64", "linux/arm64"][..], Some("linux/amd64")),
            (&["linux/arm64", "linux/amd64"], Some("linux/arm64/v8")),
            (&["linux/s390x", "linux/amd64"], Some("linux/amd64")),
            (&["linux/arm"], Some("linux/arm/v7")),
            (&["linux/arm/v6"], None),
            (&["linux/s390x"], None),
            (&[], Some("linux/arm/v7")),
        ] {
            let wanted: Vec<_> = wanted.iter().map(|w| platform(w)).collect();
            let found = choose(&wanted, &offered, |p| Some(p)).map(Platform::to_string);
            assert_eq!(found.as_deref(), chosen, "{wanted:?}");
        }
    }

    #[test]
    fn the_variant_of_arm64_may_be_left_out() {
        assert!(platform("linux/arm64/v8").accepts(&platform("linux/arm64")));
        assert!(!platform("linux/arm/v8").accepts(&platform("linux/arm")));
    }
}
