//! The methods that clients call in 2026-07-28, and those of earlier revisions that are gone.

use crate::jsonrpc::Field;

/// What becomes of a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MethodClass {
    /// The revision, or its tasks extension, defines it.
    Known,
    /// An earlier revision defines it, and this one has none: 404, whatever the server thinks.
    Removed,
    /// A vendor's. A server may know it.
    Unknown,
}

impl MethodClass {
    /// The class of a request's method.
    pub fn of(method: &str) -> Self {
        match method {
            "server/discover"
            | "tools/list"
            | "tools/call"
            | "prompts/list"
            | "prompts/get"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "completion/complete"
            | "subscriptions/listen"
            | "tasks/get"
            | "tasks/update"
            | "tasks/cancel" => Self::Known,
            "initialize"
            | "ping"
            | "logging/setLevel"
            | "resources/subscribe"
            | "resources/unsubscribe"
            | "tasks/list"
            | "tasks/result" => Self::Removed,
            // What is sent without an id, or by servers.
            "sampling/createMessage" | "elicitation/create" | "roots/list" => Self::Removed,
            _ if method.starts_with("notifications/") => Self::Removed,
            _ => Self::Unknown,
        }
    }

    /// The class of the method of a client's notification.
    pub fn of_notification(method: &str) -> Self {
        match method {
            // For stdio; over HTTP it is the end of the stream that cancels.
            "notifications/cancelled" => Self::Known,
            "notifications/initialized"
            | "notifications/progress"
            | "notifications/roots/list_changed"
            | "notifications/elicitation/complete"
            | "notifications/tasks/status" => Self::Removed,
            _ => Self::Unknown,
        }
    }
}

/// The parameter that `Mcp-Name` repeats, for the methods that need this header.
pub fn name_field(method: &str) -> Option<Field> {
    match method {
        "tools/call" | "prompts/get" => Some(Field::ParamsName),
        "resources/read" => Some(Field::ParamsUri),
        "tasks/get" | "tasks/update" | "tasks/cancel" => Some(Field::ParamsTaskId),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{MethodClass::*, *};

    #[test]
    fn each_method_has_its_class() {
        for (method, class) in [
            ("server/discover", Known),
            ("tools/list", Known),
            ("tools/call", Known),
            ("prompts/list", Known),
            ("prompts/get", Known),
            ("resources/list", Known),
            ("resources/templates/list", Known),
            ("resources/read", Known),
            ("completion/complete", Known),
            ("subscriptions/listen", Known),
            ("tasks/get", Known),
            ("tasks/update", Known),
            ("tasks/cancel", Known),
            ("initialize", Removed),
            ("ping", Removed),
            ("logging/setLevel", Removed),
            ("resources/subscribe", Removed),
            ("resources/unsubscribe", Removed),
            ("tasks/list", Removed),
            ("tasks/result", Removed),
            ("roots/list", Removed),
            ("notifications/initialized", Removed),
            ("vendor/anything", Unknown),
            ("Tools/call", Unknown),
            ("", Unknown),
        ] {
            assert_eq!(MethodClass::of(method), class, "{method}");
        }
        assert_eq!(MethodClass::of_notification("notifications/cancelled"), Known);
        assert_eq!(MethodClass::of_notification("notifications/initialized"), Removed);
        assert_eq!(MethodClass::of_notification("notifications/roots/list_changed"), Removed);
        assert_eq!(MethodClass::of_notification("notifications/vendor"), Unknown);
    }
}
