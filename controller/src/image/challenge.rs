//! How a registry asks for a login.

use http::{HeaderMap, header::WWW_AUTHENTICATE};
use http_auth::ChallengeParser;

/// What is to be sent with a request that was answered 401.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// The login itself.
    Basic,
    /// A token, which is got with the login, or without, from another address.
    Bearer {
        /// Where.
        realm: String,
        /// For which service.
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenge of an answer. A token is taken where both would do: a registry that knows tokens gives them to
    /// anonymous clients too.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(WWW_AUTHENTICATE) {
            let Ok(value) = value.to_str() else { continue };
            for challenge in ChallengeParser::new(value).map_while(Result::ok) {
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
                if !challenge.scheme.eq_ignore_ascii_case("bearer") {
                    continue;
                }
                let param = |name: &str| {
                    let (_, value) =
                        challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                    Some(value.to_unescaped())
                };
                if let Some(realm) = param("realm") {
                    return Some(Self::Bearer { realm, service: param("service") });
                }
            }
        }
        basic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_found_among_others() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) })
        };
        for (headers, expected) in [
            (&[][..], None),
            (&["Basic realm=\"r\""][..], Some(Challenge::Basic)),
            (&["basic realm=r"], Some(Challenge::Basic)),
            (&["Bearer realm=\"https://a.org/t\",service=\"s\""], bearer("https://a.org/t", Some("s"))),
            (&["Basic realm=\"r\", Bearer realm=\"https://a.org/t\""], bearer("https://a.org/t", None)),
            (&["Basic realm=\"r\"", "bEARER Realm=\"x\", error=\"invalid_token\""], bearer("x", None)),
            (&["Bearer service=\"without a realm\""], None),
            (&["Negotiate abc="], None),
            (&["Bearer realm=\"never closed"], None),
        ] {
            let headers = headers.iter().map(|&h| (WWW_AUTHENTICATE, h.parse().unwrap())).collect();
            assert_eq!(Challenge::of(&headers), expected, "{headers:?}");
        }
    }
}
