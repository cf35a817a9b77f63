//! Protocol revisions, and what each one allows.

/// The revision without `initialize`: every request carries its own metadata. Later ones are versions of this era too,
/// but none is released.
pub const MODERN: &str = "2026-07-28";

/// A released revision of the Model Context Protocol that opens with `initialize`.
///
/// Ordered by age, so that "at least 2025-06-18" is a comparison.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ProtocolVersion {
    /// 2024-11-05: HTTP+SSE.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, batches.
    V2025_03_26,
    /// 2025-06-18: the version header, elicitation, no batches.
    V2025_06_18,
    /// 2025-11-25: priming events, URL elicitation, tasks.
    V2025_11_25,
}

impl ProtocolVersion {
    /// Every revision, oldest first.
    pub const ALL: [Self; 4] = [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25];

    /// The newest revision that opens with `initialize`.
    pub const LATEST: Self = Self::V2025_11_25;

    /// The revision named by `text`, as it stands in `protocolVersion` and in the version header.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The revision's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
        }
    }

    /// The revision to answer a client that asked for `requested`: its own when it is known and the
    /// server is not older, else the server's (lifecycle, "Version Negotiation").
    pub fn negotiate(requested: Option<Self>, server: Self) -> Self {
        requested.filter(|requested| *requested <= server).unwrap_or(server)
    }

    /// Whether a client may POST a JSON array of messages.
    pub fn allows_batches(self) -> bool {
        self == Self::V2025_03_26
    }

    /// Whether an SSE stream starts with an event that has an id and empty data. Older client SDKs
    /// fail on empty data, so only where the revision asks for it.
    pub fn primes_streams(self) -> bool {
        self >= Self::V2025_11_25
    }

    /// Whether `MCP-Protocol-Version`, when sent, must be the negotiated revision.
    pub fn binds_version_header(self) -> bool {
        self >= Self::V2025_06_18
    }
}

#[cfg(test)]
mod tests {
    use super::ProtocolVersion as V;

    #[test]
    fn names_round_trip_and_sort_by_age() {
        for version in V::ALL {
            assert_eq!(V::parse(version.as_str()), Some(version));
        }
        assert!(V::ALL.is_sorted());
        assert_eq!(V::parse("2099-01-01"), None);
        assert_eq!(V::parse(super::MODERN), None);
        assert!(V::ALL.iter().all(|version| version.as_str() < super::MODERN));
    }

    #[test]
    fn negotiation_never_exceeds_either_side() {
        assert_eq!(V::negotiate(Some(V::V2025_03_26), V::V2025_11_25), V::V2025_03_26);
        assert_eq!(V::negotiate(Some(V::V2025_11_25), V::V2024_11_05), V::V2024_11_05);
        assert_eq!(V::negotiate(None, V::V2025_06_18), V::V2025_06_18);
    }
}
