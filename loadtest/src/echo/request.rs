//! The few fields of a message that the server looks at, read in one pass.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A string that is copied only if it has escapes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A request or a notification.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) params: Option<Params<'a>>,
}

/// What stands in the parameters of any of the methods.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Params<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) uri: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<Arguments<'a>>,
    #[serde(borrow, default)]
    pub(super) protocol_version: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) request_id: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) notifications: Option<Filter>,
    #[serde(borrow, default, rename = "_meta")]
    pub(super) meta: Option<Meta<'a>>,
}

/// Arguments of the tools.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Arguments<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) milliseconds: u64,
    #[serde(default)]
    pub(super) steps: u64,
    #[serde(default)]
    pub(super) count: u64,
    #[serde(borrow, default)]
    pub(super) tag: Text<'a>,
    #[serde(default)]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) own: bool,
}

/// A kind of notification.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// `notifications/tools/list_changed`.
    #[default]
    ListChanged,
    /// `notifications/resources/updated`.
    ResourceUpdated,
    /// `notifications/message`.
    Message,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Meta<'a> {
    #[serde(borrow, default, rename = "progressToken")]
    pub(super) progress_token: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(super) protocol_version: Option<Text<'a>>,
}

/// What a subscription is to be told.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(default)]
    pub(super) tools_list_changed: bool,
    #[serde(default)]
    pub(super) resource_subscriptions: Vec<String>,
}

impl Filter {
    /// What the server can tell of that.
    pub(super) fn granted(mut self) -> Self {
        self.resource_subscriptions.retain(|uri| uri == super::RESOURCE);
        self
    }

    pub(super) fn wants(&self, kind: Kind) -> bool {
        match kind {
            Kind::ListChanged => self.tools_list_changed,
            Kind::ResourceUpdated => !self.resource_subscriptions.is_empty(),
            Kind::Message => false,
        }
    }
}

impl Request<'_> {
    /// The version that the request's own metadata names, as requests of 2026-07-28 do.
    pub(super) fn version(&self) -> Option<&str> {
        self.params.as_ref()?.meta.as_ref()?.protocol_version.as_ref().map(|version| &*version.0)
    }
}
