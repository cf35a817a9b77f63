//! What ingress controllers have to be told for long streams, by annotations. The proxy itself says `X-Accel-Buffering: no`
//! and sends a comment on a silent stream, so that only what these do not reach is written here.

use waggle_crds::server::{Ingress, IngressClass, StringMap};

use super::super::{config, config::values, context::Context};

/// How long a request may take, where no end can be had: an hour.
const LONG: &str = "3600";

/// The annotations for the controller that serves `ingress`.
pub(super) fn annotations(context: &Context<'_>, ingress: &Ingress) -> StringMap {
    let class = ingress.class.or_else(|| ingress.class_name.as_deref().and_then(class_named));
    let settings = match class {
        Some(class) => of_class(context, class),
        // Each controller reads only its own, so whichever serves the class finds what it needs.
        None => [IngressClass::Nginx, IngressClass::Haproxy, IngressClass::Alb, IngressClass::Contour]
            .into_iter()
            .flat_map(|class| of_class(context, class))
            .collect(),
    };
    settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The controller that a class is usually named after.
fn class_named(name: &str) -> Option<IngressClass> {
    let classes = [
        ("nginx", IngressClass::Nginx),
        ("traefik", IngressClass::Traefik),
        ("haproxy", IngressClass::Haproxy),
        ("alb", IngressClass::Alb),
        ("contour", IngressClass::Contour),
        ("istio", IngressClass::Istio),
    ];
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    classes.into_iter().find(|(word, _)| words.contains(word)).map(|(_, class)| class)
}

fn of_class(context: &Context<'_>, class: IngressClass) -> Vec<(&'static str, String)> {
    let text = |(name, value): (&'static str, &str)| (name, value.to_owned());
    match class {
        IngressClass::Nginx => {
            let body = nginx_size(config::max_body(context));
            let fixed = [
                ("nginx.ingress.kubernetes.io/proxy-buffering", "off"),
                ("nginx.ingress.kubernetes.io/proxy-request-buffering", "off"),
                ("nginx.ingress.kubernetes.io/proxy-http-version", "1.1"),
                ("nginx.ingress.kubernetes.io/proxy-read-timeout", LONG),
                ("nginx.ingress.kubernetes.io/proxy-send-timeout", LONG),
                ("nginx.ingress.kubernetes.io/proxy-body-size", &body),
                // The controller of NGINX itself has names and forms of its own.
                ("nginx.org/proxy-buffering", "False"),
                ("nginx.org/proxy-read-timeout", "3600s"),
                ("nginx.org/proxy-send-timeout", "3600s"),
                ("nginx.org/client-max-body-size", &body),
            ];
            fixed.map(text).into()
        }
        // Those of HAProxy itself, then those of the community's controller.
        IngressClass::Haproxy => [
            ("haproxy.org/timeout-server", "1h"),
            ("haproxy.org/timeout-tunnel", "1h"),
            ("haproxy-ingress.github.io/timeout-server", "1h"),
            ("haproxy-ingress.github.io/timeout-tunnel", "1h"),
        ]
        .map(text)
        .into(),
        IngressClass::Alb => [
            ("alb.ingress.kubernetes.io/load-balancer-attributes", "idle_timeout.timeout_seconds=3600"),
            ("alb.ingress.kubernetes.io/target-type", "ip"),
            // The port of the clients, which no NetworkPolicy closes: a GET without a session is refused, and that
            // is a sign of life. Who is not ready is no target anyway.
            ("alb.ingress.kubernetes.io/healthcheck-path", "/mcp"),
            ("alb.ingress.kubernetes.io/success-codes", "200-499"),
        ]
        .map(text)
        .into(),
        // Its time for a silent stream, five minutes, cannot be said here; the proxy's comments keep below it.
        IngressClass::Contour => [("projectcontour.io/response-timeout", "infinity")].map(text).into(),
        // Both pass streams on as they come and limit no response; their other times are set for all routes at once.
        IngressClass::Traefik | IngressClass::Istio | IngressClass::None => Vec::new(),
    }
}

/// Bytes as nginx writes them.
fn nginx_size(bytes: u64) -> String {
    match bytes {
        _ if bytes.is_multiple_of(values::MIB) => format!("{}m", bytes / values::MIB),
        _ if bytes.is_multiple_of(values::KIB) => format!("{}k", bytes / values::KIB),
        _ => bytes.to_string(),
    }
}
