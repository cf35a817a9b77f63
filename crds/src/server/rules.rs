//! What the fields of a specification demand of each other, checked by the API server.

use serde_json::{Value, json};

use crate::schema::rule::Rule;

/// An HTTP server in an image.
const HTTP: &str = "has(self.image) && has(self.transport) && self.transport != 'stdio'";
/// A stdio server.
const STDIO: &str = "has(self.image) && (!has(self.transport) || self.transport == 'stdio')";

/// The rules of `spec`.
pub(super) fn specification() -> Value {
    let mut rules = vec![
        Rule::new(
            "has(self.image) != has(self.remote)",
            "write exactly one of `image`, for a server that the cluster runs, and `remote`, for one that runs elsewhere",
        ),
        Rule::new(
            "!has(self.remote) || !has(self.transport) || self.transport != 'stdio'",
            "a remote server is reached over HTTP: remove `transport`, or write `streamable-http` or `sse`",
        )
        .at(".transport"),
        Rule::new(
            format!("has(self.port) || !({HTTP})"),
            "write the port on which the server listens, such as `port: 3000`",
        )
        .at(".port")
        .required(),
        Rule::new(
            "!has(self.transport) || self.transport != 'sse' || self.era != 'modern'",
            "HTTP+SSE is older than the revision 2026-07-28: write `transport: streamable-http`, or remove `era`",
        )
        .at(".era"),
        Rule::new(
            format!(
                "{STDIO} || !has(self.process) || self.process.mode == 'auto' && !has(self.process.max) && \
                 !has(self.process.warm) && !has(self.process.idle)"
            ),
            "only stdio servers have processes to share out: remove `process`, or write `transport: stdio`",
        )
        .at(".process")
        .forbidden(),
        Rule::new(
            "!has(self.volumeMounts) || has(self.podTemplate) || self.volumeMounts.all(mount, mount.name in ['tmp', \
             'home'] || has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))",
            "each of `volumeMounts` needs an entry of that `name` in `volumes`",
        )
        .at(".volumeMounts"),
        Rule::new(
            "!has(self.remote) || !has(self.networkPolicy) || has(self.networkPolicy.egress) && \
             self.networkPolicy.egress.size() > 0",
            "write in `networkPolicy.egress` where the remote server is: what is not listed is not reached",
        )
        .at(".networkPolicy"),
    ];
    rules.extend(
        [("port", ".port"), ("path", ".path")].into_iter().flat_map(|(field, path)| only_http(field, path)),
    );
    rules.extend(ONLY_IMAGE.map(|(field, path)| only_image(field, path)));
    json!(rules)
}

/// What is said of a container, which a remote server does not have here.
const ONLY_IMAGE: [(&str, &str); 8] = [
    ("imagePullPolicy", ".imagePullPolicy"),
    ("command", ".command"),
    ("args", ".args"),
    ("env", ".env"),
    ("envFrom", ".envFrom"),
    ("resources", ".resources"),
    ("volumes", ".volumes"),
    ("volumeMounts", ".volumeMounts"),
];

fn only_image(field: &str, path: &'static str) -> Rule {
    let message =
        "this is for a server that the cluster runs: remove it, or write `image` in place of `remote`";
    Rule::new(format!("!has(self.remote) || !has(self.{field})"), message).at(path).forbidden()
}

fn only_http(field: &str, path: &'static str) -> [Rule; 2] {
    let of_stdio = format!(
        "a stdio server has no `{field}`: remove it, or write `transport: streamable-http` if the server speaks HTTP"
    );
    let of_remote = format!("the {field} of a remote server is written in `remote.url`: remove `{field}`");
    [
        Rule::new(format!("!has(self.{field}) || !({STDIO})"), of_stdio).at(path).forbidden(),
        Rule::new(format!("!has(self.{field}) || !has(self.remote)"), of_remote).at(path).forbidden(),
    ]
}

/// The rules of `spec.process`.
pub(super) fn process() -> Value {
    json!([Rule::new(
        "!has(self.warm) || self.mode == 'shared' || self.warm <= (has(self.max) ? self.max : 64)",
        "write no more spare processes in `warm` than `max` (by default 64) allows in all",
    )
    .at(".warm")])
}

/// The rules of `spec.service`.
pub(super) fn service() -> Value {
    json!([Rule::new(
        "!has(self.nodePort) || self.type != 'ClusterIP'",
        "only Services of the types `NodePort` and `LoadBalancer` have a `nodePort`: remove it, or write `type: NodePort`",
    )
    .at(".nodePort")
    .forbidden()])
}

/// The rules of labels and annotations that are added to those of the controller.
pub(super) fn reserved() -> Value {
    json!([Rule::new(
        "self.all(key, !key.startsWith('waggle.dev/') && key != 'app.kubernetes.io/managed-by')",
        "`app.kubernetes.io/managed-by` and everything that starts with `waggle.dev/` is set by the controller: remove it",
    )])
}

/// The rules of `spec.disruptionBudget.maxUnavailable`.
pub(super) fn number_or_percentage() -> Value {
    json!([Rule::new(
        "type(self) == string ? self.matches('^(100|[0-9]{1,2})%$') : self >= 0",
        "write a number such as `1` or a percentage such as `50%`",
    )])
}

/// The rules of `spec.httpRoute.parentRefs`.
pub(super) fn some_gateway() -> Value {
    json!([
        Rule::new("self.size() > 0", "name the Gateway, such as `parentRefs: [{name: public}]`").required()
    ])
}

/// The rules of `spec.remote`.
pub(super) fn remote() -> Value {
    json!([
        Rule::new(
            r"self.url.matches(r'^(?i:https?)://[^/?#\s]+([/?][^\s#]*)?$')",
            "write an absolute URL without fragment that starts with `http://` or `https://`, such as \
             `https://mcp.example.org/mcp`",
        )
        .at(".url"),
        Rule::new(
            "!self.url.matches(r'^[^/]*://[^/?#]*@')",
            "write the URL without user and password: credentials are given by `headers`, from a Secret",
        )
        .at(".url"),
    ])
}

/// The rules of `spec.remote.headers`.
pub(super) fn distinct_headers() -> Value {
    json!([Rule::new(
        "self.all(one, self.exists_one(other, one.name.lowerAscii() == other.name.lowerAscii()))",
        "write each header once: upper and lower case mean the same",
    )])
}
