//! The Rust SDK, a client of both eras (what its argument and its report are: `peers.py`).
#![expect(deprecated, reason = "sampling and roots are, and must go on working")]

use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientInfo, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, Implementation, ListRootsResult, ProtocolVersion,
    Root, SamplingMessage,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RequestContext, RoleClient};
use rmcp::transport::StreamableHttpClientTransport;
use serde::Deserialize;
use serde_json::{Map, Value, json};

type McpError = rmcp::ErrorData;

#[derive(Deserialize)]
struct Task {
    name: String,
    url: String,
    era: String,
    interactive: bool,
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    tool: String,
    arguments: Map<String, Value>,
}

/// Answers so that both who answers and what was asked can be seen.
struct Client {
    name: String,
    interactive: bool,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientInfo {
        let mut capabilities = ClientCapabilities::default();
        if self.interactive {
            capabilities.elicitation = Some(Default::default());
            capabilities.sampling = Some(Default::default());
            capabilities.roots = Some(Default::default());
        }
        ClientInfo::new(capabilities, Implementation::new(self.name.clone(), "1.0.0"))
    }

    async fn create_elicitation(
        &self,
        params: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, McpError> {
        let ElicitRequestParams::FormElicitationParams { message, .. } = params else {
            return Err(McpError::invalid_params("forms only", None));
        };
        let answer = json!({ "answer": format!("{} answers {message}", self.name) });
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(answer))
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, McpError> {
        let asked = serde_json::to_value(&params.messages).unwrap_or_default();
        let prompt = asked[0]["content"]["text"].as_str().unwrap_or_default();
        let text = format!("{} answers {prompt}", self.name);
        Ok(CreateMessageResult::new(SamplingMessage::assistant_text(text), "none".into()))
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, McpError> {
        Ok(ListRootsResult::new(vec![Root::new(format!("file:///{}", self.name))]))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = std::env::args().nth(1).ok_or("one JSON argument is needed")?;
    let task: Task = serde_json::from_str(&argument)?;
    let modern = ProtocolVersion::V_2026_07_28;
    let lifecycle = match task.era.as_str() {
        "auto" => ClientLifecycleMode::Auto { preferred_versions: vec![modern], legacy_version: None },
        "modern" => ClientLifecycleMode::Discover { preferred_versions: vec![modern] },
        _ => ClientLifecycleMode::Initialize,
    };
    let client = Client { name: task.name, interactive: task.interactive };
    let transport = StreamableHttpClientTransport::from_uri(task.url);
    let service = client.serve_with_lifecycle(transport, lifecycle).await?;
    let peer = service.peer_info().ok_or("no handshake")?;
    let era = if peer.protocol_version >= ProtocolVersion::V_2026_07_28 { "modern" } else { "legacy" };

    let tools = service.list_all_tools().await?;
    let mut results = Vec::new();
    for call in task.calls {
        results.push(
            service.call_tool(CallToolRequestParams::new(call.tool).with_arguments(call.arguments)).await?,
        );
    }
    let offered = &peer.capabilities;
    let prompts = if offered.prompts.is_some() { Some(service.list_all_prompts().await?) } else { None };
    let resources =
        if offered.resources.is_some() { Some(service.list_all_resources().await?) } else { None };
    let server = &peer.server_info;
    let report = json!({
        "era": era, "server": server, "tools": tools, "prompts": prompts, "resources": resources, "results": results,
    });
    service.cancel().await?;
    println!("{report}");
    Ok(())
}
