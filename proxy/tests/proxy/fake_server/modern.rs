//! 2026-07-28: every request stands alone, and what changes is told to those who listen.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::peer::Peer;

const REVISION: &str = "2026-07-28";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Which flag of a listen asks for which notification.
const LISTS: [(&str, &str); 3] = [
    ("toolsListChanged", "notifications/tools/list_changed"),
    ("promptsListChanged", "notifications/prompts/list_changed"),
    ("resourcesListChanged", "notifications/resources/list_changed"),
];

/// What is listened to: the granted filter by the raw id of the request.
#[derive(Default)]
pub(crate) struct Listens(Mutex<BTreeMap<String, Value>>);

/// Answers what this revision treats in its own way; false if any server would answer it.
pub(crate) fn received(peer: &Peer, message: &Value) -> bool {
    let (id, params) = (&message["id"], &message["params"]);
    let refusal = match message["method"].as_str() {
        Some("initialize") => {
            let data = json!({ "supported": [REVISION], "requested": params["protocolVersion"] });
            json!({ "code": -32022, "message": "not this revision", "data": data })
        }
        Some("ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe") => {
            json!({ "code": -32601, "message": "no such method any more" })
        }
        _ if params["_meta"][VERSION] != REVISION => {
            json!({ "code": -32602, "message": "the metadata is missing" })
        }
        Some("server/discover") => {
            peer.result(id, discovered());
            return true;
        }
        Some("subscriptions/listen") => {
            listen(peer, id, &params["notifications"]);
            return true;
        }
        _ => return false,
    };
    peer.error(id, &refusal);
    true
}

fn discovered() -> Value {
    let changes = json!({ "listChanged": true });
    json!({
        "supportedVersions": [REVISION],
        "capabilities": {
            "logging": {}, "tools": changes, "resources": { "listChanged": true, "subscribe": true },
        },
        "instructions": "Say the words.",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "fake", "version": "1" } },
    })
}

/// Grants all but changes of prompts, and resources whose URI begins with `no:`.
fn listen(peer: &Peer, id: &Value, filter: &Value) {
    let mut granted = filter.clone();
    let members = granted.as_object_mut().unwrap();
    members.remove("promptsListChanged");
    if let Some(uris) = members.get_mut("resourceSubscriptions").and_then(Value::as_array_mut) {
        uris.retain(|uri| !uri.as_str().unwrap().starts_with("no:"));
    }
    peer.listens.0.lock().unwrap().insert(id.to_string(), granted.clone());
    let params = json!({ "_meta": { SUBSCRIPTION: id }, "notifications": granted });
    let method = "notifications/subscriptions/acknowledged";
    peer.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
}

/// A listen is over.
pub(crate) fn cancelled(peer: &Peer, id: &Value) {
    peer.listens.0.lock().unwrap().remove(&id.to_string());
}

/// Tells a change to all who have asked for it.
pub(crate) fn change(peer: &Peer, method: &str, params: &Value) {
    let wants = |filter: &Value| match LISTS.iter().find(|(_, list)| *list == method) {
        Some((flag, _)) => filter[flag] == true,
        None => filter["resourceSubscriptions"].as_array().is_some_and(|uris| uris.contains(&params["uri"])),
    };
    for (id, filter) in peer.listens.0.lock().unwrap().iter() {
        if wants(filter) {
            let mut params = if params.is_object() { params.clone() } else { json!({}) };
            params["_meta"] = json!({ SUBSCRIPTION: serde_json::from_str::<Value>(id).unwrap() });
            peer.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        }
    }
}

/// The `position`th question of a call: what its client has answered, or the result that asks it.
pub(crate) fn input(params: &Value, position: u64, requests: &Value) -> Result<Value, Value> {
    let state = params["requestState"].as_str().and_then(|state| state.strip_prefix("round-"));
    let round: u64 = state.map_or(0, |round| round.parse().unwrap());
    match round.checked_sub(position + 1) {
        Some(0) => Ok(params["inputResponses"].clone()),
        Some(_) => Ok(Value::Null),
        None => {
            let state = format!("round-{}", position + 1);
            let mut result = json!({ "resultType": "input_required", "requestState": state });
            if requests.is_object() {
                result["inputRequests"] = requests.clone();
            }
            Err(result)
        }
    }
}
