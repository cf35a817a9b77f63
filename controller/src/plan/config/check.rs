//! What the proxy would refuse, told before it is asked.

use waggle_crds::server::{ProcessMode, Transport};

use super::{
    super::{
        context::{Context, Kind},
        problem::Problem,
    },
    local_url, options, values,
};

/// Every mistake among the values that become options of the proxy.
pub(in super::super) fn check(context: &Context<'_>) -> Vec<Problem> {
    let mut problems = ranges(context);
    problems.extend(lists(context));
    problems.extend(together(context));
    problems.extend(upstream(context));
    problems
}

fn ranges(context: &Context<'_>) -> Vec<Problem> {
    let fields = options::fields(context.spec).into_iter();
    let wrong = fields.filter_map(|field| {
        let text = field.text.filter(|text| field.kind.read(text).is_none())?;
        let (path, expected) = (field.path, field.kind.expected());
        Some(Problem::invalid(format!("`spec.{path}` is `{text}`; write {expected}.")))
    });
    wrong.collect()
}

fn lists(context: &Context<'_>) -> Vec<Problem> {
    let proxy = &context.spec.proxy;
    let origins = proxy.allowed_origins.iter().filter(|text| is_wrong(text, values::is_origin)).map(|text| {
        format!("`spec.proxy.allowedOrigins` has `{text}`; write an origin without path, such as `https://app.example.org`, or `*`.")
    });
    let hosts = proxy.allowed_hosts.iter().filter(|text| is_wrong(text, values::is_host)).map(|text| {
        format!("`spec.proxy.allowedHosts` has `{text}`; write a host name with or without port, such as `mcp.example.org`, or `*`.")
    });
    origins.chain(hosts).map(Problem::invalid).collect()
}

/// Whether an entry is neither one of its kind nor `*`, which stands for every one.
fn is_wrong(text: &str, is_right: fn(&str) -> bool) -> bool {
    let text = text.trim();
    text != "*" && !is_right(text)
}

/// Values that are fine alone.
fn together(context: &Context<'_>) -> Vec<Problem> {
    let spec = context.spec;
    let number = |option: &str, default: u64| {
        let field = options::fields(spec).into_iter().find(|field| field.option == option);
        field.and_then(|field| field.kind.read(field.text.as_deref()?)).unwrap_or(default)
    };
    let mut problems = Vec::new();
    if number("max-body", super::MAX_BODY) > number("stdin-queue", 16 * values::MIB) {
        problems.push(Problem::invalid(
            "`spec.proxy.limits.stdinQueue` is smaller than `maxBody`; write one that holds the largest body (default: 16MiB).",
        ));
    }
    if spec.process.mode != ProcessMode::Shared && number("warm-processes", 1) > number("max-processes", 64) {
        problems.push(Problem::invalid(
            "`spec.process.warm` is more than `spec.process.max`; write no more spare processes than there may be in all (default: 64).",
        ));
    }
    problems
}

fn upstream(context: &Context<'_>) -> Vec<Problem> {
    let spec = context.spec;
    let mut problems = Vec::new();
    match (context.kind(), &spec.remote) {
        (Kind::Remote, Some(remote)) => {
            if spec.transport == Some(Transport::Stdio) {
                problems.push("`spec.transport` is `stdio`, which no remote server speaks; write `streamable-http` or `sse`, or leave it out.".to_owned());
            }
            if !values::is_server_url(&remote.url) {
                problems.push("`spec.remote.url` is no URL of an MCP server; write one such as `https://mcp.example.org/mcp`, without user name and fragment.".to_owned());
            }
            let legal = |name: &str| name.parse::<http::HeaderName>().is_ok();
            problems.extend(remote.headers.iter().filter(|header| !legal(&header.name)).map(|header| {
                format!("`spec.remote.headers` has the name `{}`; write the name of a header, such as `Authorization`.", header.name)
            }));
        }
        (Kind::Listening, _) if !spec.port.is_some_and(|port| (1..=65_535).contains(&port)) => {
            problems.push(
                "`spec.port` is missing; write the port on which the server listens, from 1 to 65535."
                    .to_owned(),
            );
        }
        (Kind::Listening, _) if !values::is_server_url(&local_url(context)) => {
            problems.push("`spec.path` is no path of a URL; write one such as `/mcp`.".to_owned());
        }
        _ => {}
    }
    problems.into_iter().map(Problem::invalid).collect()
}
