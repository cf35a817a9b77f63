//! `WAGGLE_*` environment variables.

use std::ffi::OsString;

use super::table::ENV_PREFIX;

/// The variables of the proxy with their values, sorted by name so that mistakes come in the same
/// order at every start. Variables that are set and empty count as not set: that is what
/// `X: ${X:-}` in a compose file means.
pub(super) fn ours(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<(String, OsString)> {
    let mut ours: Vec<(String, OsString)> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, value)| name.starts_with(ENV_PREFIX) && !value.is_empty() && !is_service_link(name))
        .collect();
    ours.sort();
    ours
}

/// Whether Kubernetes put the variable there: for a Service called `waggle` or `waggle-…` every
/// pod of the namespace gets `WAGGLE_SERVICE_HOST`, `WAGGLE_PORT_8080_TCP_ADDR` and the like.
/// Refusing those would stop the proxy from starting beside its own Service.
fn is_service_link(name: &str) -> bool {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    // NAME_SERVICE_HOST, NAME_SERVICE_PORT, NAME_SERVICE_PORT_<port name>
    if name.ends_with("_SERVICE_HOST") || name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_") {
        return true;
    }
    // NAME_PORT, NAME_PORT_<number>_<protocol>[_PROTO|_PORT|_ADDR]
    let words: Vec<&str> = name.split('_').collect();
    let detail = match words.as_slice() {
        [front @ .., "PROTO" | "PORT" | "ADDR"] if front.len() > 3 => front,
        all => all,
    };
    matches!(detail, [.., "PORT", number, "TCP" | "UDP" | "SCTP"] if is_number(number))
        || name.ends_with("_PORT")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::options;

    fn names(names: &[&str]) -> Vec<String> {
        let variables = names.iter().map(|name| (OsString::from(name), OsString::from("x")));
        ours(variables).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn takes_only_its_own() {
        assert_eq!(names(&["PATH", "WAGGLE_B", "WAGGLE_A", "waggle_c", "WAGGLE"]), ["WAGGLE_A", "WAGGLE_B"]);
        assert!(ours([("WAGGLE_GRACE".into(), "".into())]).is_empty());
    }

    #[test]
    fn leaves_service_links_alone() {
        for name in [
            "WAGGLE_PORT",
            "WAGGLE_SERVICE_HOST",
            "WAGGLE_SERVICE_PORT",
            "WAGGLE_SERVICE_PORT_HTTP",
            "WAGGLE_PORT_8080_TCP",
            "WAGGLE_PORT_8080_TCP_PROTO",
            "WAGGLE_PORT_8080_TCP_PORT",
            "WAGGLE_PORT_8080_TCP_ADDR",
            "WAGGLE_PROXY_SERVICE_HOST",
            "WAGGLE_PROXY_PORT_53_UDP_ADDR",
        ] {
            assert!(names(&[name]).is_empty(), "{name}");
        }
        for name in ["WAGGLE_PORTS", "WAGGLE_ADDR", "WAGGLE_PORT_X_TCP", "WAGGLE_SERVICE"] {
            assert_eq!(names(&[name]), [name]);
        }
    }

    #[test]
    fn no_option_looks_like_a_service_link() {
        for option in options() {
            assert!(!is_service_link(&option.env()), "{}", option.name);
        }
    }
}
