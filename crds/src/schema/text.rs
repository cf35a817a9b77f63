//! Texts with a form. Each refuses others with a sentence that says what to write, in place of the API server's own
//! repetition of a regular expression.

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::rule::Rule;

fn text(max: u32, rules: &[Rule]) -> Schema {
    let mut schema = json_schema!({ "type": "string", "maxLength": max });
    if !rules.is_empty() {
        schema.insert("x-kubernetes-validations".to_owned(), json!(rules));
    }
    schema
}

fn matching(max: u32, pattern: &str, message: &str) -> Schema {
    text(max, &[Rule::matches(pattern, message)])
}

fn list(schema: Schema, max: u32) -> Schema {
    json_schema!({ "type": "array", "x-kubernetes-list-type": "atomic", "maxItems": max, "items": schema })
}

/// A span of time above zero, as the proxy reads it.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    let form =
        "self.matches(r'^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$') && self.matches('[1-9]')";
    let message = "write a duration above zero with its unit, the larger unit first, such as `250ms`, `15s`, `5m`, \
                   `1h30m` or `1d`";
    text(32, &[Rule::new(form, message)])
}

const SIZE: &str = "write a size such as `64KiB`, `4MiB`, `1GiB`, `10MB` or plain bytes as text";

/// A number of bytes above zero, as the proxy reads it.
pub(crate) fn size(_: &mut SchemaGenerator) -> Schema {
    matching(32, "(?i)^0*[1-9][0-9_]* *(b|[kmg]b|[kmg]ib?)?$", SIZE)
}

/// A number of bytes, which may be none.
pub(crate) fn size_or_none(_: &mut SchemaGenerator) -> Schema {
    matching(32, "(?i)^[0-9][0-9_]* *(b|[kmg]b|[kmg]ib?)?$", &format!("{SIZE}, or `0` for none"))
}

/// The path of a URL.
pub(crate) fn path(_: &mut SchemaGenerator) -> Schema {
    matching(1024, r"^/[^\s?#]*$", "write a path that starts with `/`, without query, such as `/mcp`")
}

/// The URL of a server. Its form is a rule of the object around it: a refused text would be repeated, and there may be
/// a password in it.
pub(crate) fn url(_: &mut SchemaGenerator) -> Schema {
    text(2048, &[])
}

/// The reference of a container image.
pub(crate) fn image(_: &mut SchemaGenerator) -> Schema {
    const NAME: &str = "[a-z0-9]+([._-]+[a-z0-9]+)*";
    let registry = r"(\[[0-9a-fA-F:]+\](:[0-9]+)?/|[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]+)?/)?";
    let tag = "(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?";
    let digest = "(@[a-z0-9]+([+._-][a-z0-9]+)*:[a-fA-F0-9]{32,})?";
    matching(
        1024,
        &format!("^{registry}{NAME}(/{NAME})*{tag}{digest}$"),
        "write an image as `registry/name:tag` or `registry/name@sha256:…`, in lower case and without `https://`, \
         such as `ghcr.io/acme/github-mcp:1.4.0`",
    )
}

/// The name of a header that requests to a remote server may bear.
pub(crate) fn header_name(_: &mut SchemaGenerator) -> Schema {
    // As in the proxy: what its transport writes itself.
    let ours = "accept|accept-encoding|connection|content-encoding|content-length|content-type|expect|host|\
                keep-alive|last-event-id|proxy-connection|te|trailer|transfer-encoding|upgrade|user-agent|mcp-.*";
    text(
        128,
        &[
            Rule::matches(
                "^[A-Za-z0-9!#$%&*+.^_`|~-]+$",
                "write the name of an HTTP header alone, such as `Authorization`",
            ),
            Rule::new(
                format!("!self.matches(r'^(?i:{ours})$')"),
                "the proxy sets this header itself; remove it",
            ),
        ],
    )
}

/// The name of an object.
pub(crate) fn object_name(_: &mut SchemaGenerator) -> Schema {
    matching(
        253,
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "write the name of an object: lower-case letters, digits, `-` and `.`",
    )
}

/// A host that requests are routed by.
pub(crate) fn host(_: &mut SchemaGenerator) -> Schema {
    matching(
        253,
        r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        "write a host name in lower case, without scheme, port and path, such as `mcp.example.org`",
    )
}

/// Hosts that requests are routed by.
pub(crate) fn hosts(generator: &mut SchemaGenerator) -> Schema {
    list(host(generator), 16)
}

/// Origins of web pages.
pub(crate) fn origins(_: &mut SchemaGenerator) -> Schema {
    let origin = matching(
        300,
        r"^(\*|[A-Za-z][A-Za-z0-9+.-]*://(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*)(:[0-9]{1,5})?)$",
        "write an origin without path, such as `https://app.example.org` or `http://localhost:5173`, or `*` for every \
         origin",
    );
    list(origin, 64)
}

/// Names in the `Host` header.
pub(crate) fn served_hosts(_: &mut SchemaGenerator) -> Schema {
    let host = matching(
        300,
        r"^(\*|(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_-][A-Za-z0-9._-]*)(:[0-9]{1,5})?)$",
        "write a host name with or without port, such as `mcp.example.org` or `localhost:8080`, or `*` for every host",
    );
    list(host, 64)
}
