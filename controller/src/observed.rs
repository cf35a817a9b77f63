//! What a plan is made from besides the resource itself.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    jiff::Timestamp,
};

/// What was seen of one server's surroundings. An empty one is what a new resource starts with.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// When it was seen; conditions that change now carry this time.
    pub now: Timestamp,
    /// Optional APIs that the cluster has.
    pub apis: Apis,
    /// What the image runs by itself, if `spec.command` is empty.
    pub image: ImageState,
    /// Objects with a name that the plan needs and that belong to somebody else: they are never touched.
    pub foreign: BTreeSet<Part>,
    /// The Deployment as it is.
    pub deployment: Option<Deployment>,
    /// The pods of the Deployment.
    pub pods: Vec<Pod>,
    /// What a ready pod's proxy says of the server, the newest pod's first; none while no pod answers.
    pub server: Option<ServerReport>,
    /// Whether the Gateway's listeners for the HTTPRoute have TLS; `None` where nobody has looked, and what
    /// `spec.httpRoute.parentRefs` says of the listener decides.
    pub gateway_tls: Option<bool>,
}

/// Optional APIs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Apis {
    /// `HTTPRoute` of `gateway.networking.k8s.io/v1`.
    pub http_route: bool,
    /// `BackendTrafficPolicy` of `gateway.envoyproxy.io/v1alpha1`.
    pub backend_traffic_policy: bool,
}

/// What is known of the image's own command.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum ImageState {
    /// Nobody has asked for it: `spec.command` is given, the server is remote, or its container runs as it is.
    #[default]
    NotNeeded,
    /// It was read from the registry.
    Known(ImageCommand),
    /// It could not be read. The reason is one for a condition, the message a sentence with the remedy in it.
    Unknown {
        /// One word in CamelCase.
        reason: String,
        /// A sentence for people.
        message: String,
    },
}

/// What an image runs by itself.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
pub struct ImageCommand {
    /// The image by digest.
    pub resolved: String,
    /// Its ENTRYPOINT.
    pub entrypoint: Vec<String>,
    /// Its CMD.
    pub cmd: Vec<String>,
    /// Its USER.
    pub user: Option<String>,
}

/// What the proxy's admin port says on `/status`.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerReport {
    /// The server's name and version.
    pub server_info: Option<waggle_crds::status::ServerInfo>,
    /// `legacy` or `modern`.
    pub era: Option<String>,
    /// How the proxy reaches the server.
    pub transport: Option<waggle_crds::server::Transport>,
    /// Revisions that the server speaks; none, which is written `null`, before it has answered.
    #[serde(deserialize_with = "none_or_some")]
    pub protocol_versions: Vec<String>,
    /// How many tools it has.
    pub tools: Option<i64>,
    /// How its last process ended, with its last words.
    pub last_exit: Option<LastExit>,
}

fn none_or_some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let versions: Option<Vec<String>> = serde::Deserialize::deserialize(deserializer)?;
    Ok(versions.unwrap_or_default())
}

/// The end of a server process.
#[derive(Clone, Debug, Default, Eq, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LastExit {
    /// How it ended and the last lines of its stderr.
    pub reason: String,
    /// When, as RFC 3339.
    pub time: String,
}

/// The objects of a plan, of which there is at most one each.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// The account of the pods, without rights and without a token.
    ServiceAccount,
    /// The proxy's configuration.
    ConfigMap,
    /// The pods.
    Deployment,
    /// The address of the proxy.
    Service,
    /// A way in from outside.
    Ingress,
    /// Another way in.
    HttpRoute,
    /// What an HTTPRoute cannot say to Envoy Gateway.
    BackendTrafficPolicy,
    /// How many pods may be away at once.
    DisruptionBudget,
    /// What may reach the pods.
    NetworkPolicy,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Deployment,
        Self::Service,
        Self::Ingress,
        Self::HttpRoute,
        Self::BackendTrafficPolicy,
        Self::DisruptionBudget,
        Self::NetworkPolicy,
    ];

    /// Its kind in Kubernetes.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::Deployment => "Deployment",
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::BackendTrafficPolicy => "BackendTrafficPolicy",
            Self::DisruptionBudget => "PodDisruptionBudget",
            Self::NetworkPolicy => "NetworkPolicy",
        }
    }
}
