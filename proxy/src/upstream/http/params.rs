//! Which arguments of which tools travel in headers, learnt from the lists of tools that pass by (2026-07-28).

use std::{
    future::Future,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use parking_lot::RwLock;
use waggle_protocol::{
    jsonrpc::{self, Edit, Field},
    modern::param_headers::{InvalidTool, ToolIndex},
};

/// So many annotated tools are remembered before all are forgotten: the call of one that is not known costs a
/// refusal and a second try.
const TOOLS: usize = 10_000;

/// What lists of tools have said so far.
#[derive(Debug, Default)]
pub(super) struct Params {
    tools: RwLock<ToolIndex>,
    refreshes: AtomicU64,
    refreshing: tokio::sync::Mutex<()>,
}

impl Params {
    /// The headers that repeat arguments of a call.
    pub(super) fn headers(&self, tool: &str, arguments: Option<&[u8]>) -> Vec<(HeaderName, HeaderValue)> {
        let tools = self.tools.read();
        let headers = tools.headers_for(tool, arguments).into_iter();
        headers
            .filter_map(|(name, value)| Some((name.parse().ok()?, HeaderValue::try_from(value).ok()?)))
            .collect()
    }

    /// How often the tools have been read because a call needed it.
    pub(super) fn refreshes(&self) -> u64 {
        self.refreshes.load(Ordering::Relaxed)
    }

    /// Reads the tools, unless somebody has since `known`: many calls may find out at once that they have changed.
    pub(super) async fn refresh(&self, known: u64, learn: impl Future<Output = ()>) {
        let _refreshing = self.refreshing.lock().await;
        if self.refreshes() == known {
            learn.await;
            self.refreshes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Learns from a result of `tools/list`, and returns it without the tools whose annotations are invalid: a
    /// client must not call those.
    pub(super) fn learn(&self, line: &Bytes) -> Bytes {
        let Some(at) = jsonrpc::scan(line).ok().and_then(|envelope| envelope.span(Field::ResultTools)) else {
            return line.clone();
        };
        let tools = at.of(line);
        let invalid = self.add(tools);
        let Some(InvalidTool { name, reason, .. }) = invalid.first() else { return line.clone() };
        tracing::warn!(
            dropped = invalid.len(),
            tool = name,
            reason,
            "tools with invalid `x-mcp-header` annotations are left out"
        );
        let mut dropped = invalid.iter().map(|tool| tool.position).peekable();
        let kept: Vec<&[u8]> = jsonrpc::elements(tools)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
            .filter(|(position, _)| dropped.next_if_eq(position).is_none())
            .map(|(_, tool)| tool.of(tools))
            .collect();
        let with = [b"[", &*kept.join(&b","[..]), b"]"].concat().into();
        jsonrpc::splice(line, &[Edit { at, with }]).to_bytes()
    }

    fn add(&self, page: &[u8]) -> Vec<InvalidTool> {
        let mut tools = self.tools.write();
        if tools.count() >= TOOLS {
            *tools = ToolIndex::default();
        }
        tools.add(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = r#"{"name":"plain","inputSchema":{}}"#;
    const NUMBER: &str =
        r#"{"name":"number","inputSchema":{"properties":{"a":{"type":"number","x-mcp-header":"A"}}}}"#;

    fn list(tools: &[&str]) -> Bytes {
        let tools = tools.join(",");
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":1.0,"tools":[{tools}],"n":"x"}}}}"#).into()
    }

    fn annotated(name: &str) -> String {
        format!(
            r#"{{"name":"{name}","inputSchema":{{"properties":{{"a":{{"type":"string","x-mcp-header":"A"}}}}}}}}"#
        )
    }

    fn header(params: &Params, tool: &str) -> Option<HeaderValue> {
        let mut headers = params.headers(tool, Some(br#"{"a":"here"}"#)).into_iter();
        headers.find(|(name, _)| name == "mcp-param-a").map(|(_, value)| value)
    }

    #[test]
    fn tools_with_invalid_annotations_are_left_out() {
        let params = Params::default();
        let nullable = r#"{"name":"nullable","inputSchema":{"properties":{"a":{"type":["string","null"],"x-mcp-header":"A"}}}}"#;
        let good = annotated("good");
        for (listed, shown) in [
            (&[PLAIN, &*good, "7"][..], &[PLAIN, &*good, "7"][..]),
            (&[NUMBER, PLAIN, nullable, &*good], &[PLAIN, &*good]),
            (&[NUMBER, nullable], &[]),
            (&[], &[]),
        ] {
            assert_eq!(params.learn(&list(listed)), list(shown));
        }
        assert_eq!(header(&params, "good").unwrap(), "here");
        assert_eq!((header(&params, "number"), header(&params, "nullable")), (None, None));
    }

    #[test]
    fn a_tool_without_its_former_annotations_has_no_headers() {
        let params = Params::default();
        params.learn(&list(&[&annotated("plain")]));
        assert!(header(&params, "plain").is_some());
        params.learn(&list(&[PLAIN]));
        assert_eq!(header(&params, "plain"), None);
    }

    #[test]
    fn no_more_than_so_many_tools_are_remembered() {
        let params = Params::default();
        let many: Vec<_> = (0..TOOLS).map(|at| annotated(&format!("t{at}"))).collect();
        params.learn(&list(&many.iter().map(String::as_str).collect::<Vec<_>>()));
        assert!(header(&params, "t0").is_some());
        params.learn(&list(&[&annotated("new")]));
        assert_eq!((header(&params, "t0"), header(&params, "new").is_some()), (None, true));
    }
}
