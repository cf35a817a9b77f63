//! The members that routing reads. A new one is one line of the table below.

/// An object whose members are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Message,
    Params,
    Meta,
    Result,
    ResultMeta,
    Error,
    ErrorData,
}

/// One line for each field: documentation, name, the object that it is a member of and its key, and, after `=>`, the
/// place that it opens when its value is an object. The lookup is a `match` of byte strings, so that the compiler
/// picks by length first: a loop over a table costs a small message as much as the rest of its scan.
macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $place:ident $key:literal $(=> $opens:ident)?;)*) => {
        /// A member that [`scan`](super::scan()) recognises. It may occur once only.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Field {
            $($(#[$doc])* $name,)*
        }

        impl Field {
            /// Every field, in the order of their numbers.
            pub const ALL: [Self; [$(Self::$name),*].len()] = [$(Self::$name),*];

            /// The member's key, decoded.
            pub const fn key(self) -> &'static str {
                let key: &'static [u8] = match self {
                    $(Self::$name => $key,)*
                };
                match std::str::from_utf8(key) {
                    Ok(key) => key,
                    Err(_) => "",
                }
            }

            const fn place(self) -> Place {
                match self {
                    $(Self::$name => Place::$place,)*
                }
            }

            /// The place that the field's value is, when it is an object.
            pub(super) const fn opens(self) -> Option<Place> {
                match self {
                    $($(Self::$name => Some(Place::$opens),)?)*
                    _ => None,
                }
            }
        }

        impl Place {
            /// The field that `key` (without its quotes, decoded) names in an object at this place.
            pub(super) fn member(self, key: &[u8]) -> Option<Field> {
                match (self, key) {
                    $((Self::$place, $key) => Some(Field::$name),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    /// `jsonrpc`
    Jsonrpc = Message b"jsonrpc";
    /// `id`
    Id = Message b"id";
    /// `method`
    Method = Message b"method";
    /// `params`
    Params = Message b"params" => Params;
    /// `result`
    Result = Message b"result" => Result;
    /// `error`
    Error = Message b"error" => Error;
    /// `params._meta`
    Meta = Params b"_meta" => Meta;
    /// `params.progressToken` (of `notifications/progress`)
    ParamsProgressToken = Params b"progressToken";
    /// `params.progress` (of `notifications/progress`)
    ParamsProgress = Params b"progress";
    /// `params.requestId` (of `notifications/cancelled`)
    ParamsRequestId = Params b"requestId";
    /// `params.uri`
    ParamsUri = Params b"uri";
    /// `params.level` (of `logging/setLevel` and `notifications/message`)
    ParamsLevel = Params b"level";
    /// `params.name` (of `tools/call` and `prompts/get`)
    ParamsName = Params b"name";
    /// `params.protocolVersion` (of `initialize`)
    ParamsProtocolVersion = Params b"protocolVersion";
    /// `params.capabilities` (of `initialize`)
    ParamsCapabilities = Params b"capabilities";
    /// `params.clientInfo` (of `initialize`)
    ParamsClientInfo = Params b"clientInfo";
    /// `params.elicitationId` (of `elicitation/create` and `notifications/elicitation/complete`)
    ParamsElicitationId = Params b"elicitationId";
    /// `params.taskId` (of the tasks extension)
    ParamsTaskId = Params b"taskId";
    /// `params.arguments` (of `tools/call` and `prompts/get`)
    ParamsArguments = Params b"arguments";
    /// `params.notifications` (of `subscriptions/listen`)
    ParamsNotifications = Params b"notifications";
    /// `params.requestState` (of a request tried again after `input_required`)
    ParamsRequestState = Params b"requestState";
    /// `params.inputResponses` (of a request tried again after `input_required`)
    ParamsInputResponses = Params b"inputResponses";
    /// `params._meta.progressToken`: the token that a requester asks progress under
    ProgressToken = Meta b"progressToken";
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`: what makes a request modern
    MetaVersion = Meta b"io.modelcontextprotocol/protocolVersion";
    /// `params._meta["io.modelcontextprotocol/clientCapabilities"]`
    MetaCapabilities = Meta b"io.modelcontextprotocol/clientCapabilities";
    /// `params._meta["io.modelcontextprotocol/clientInfo"]`
    MetaClientInfo = Meta b"io.modelcontextprotocol/clientInfo";
    /// `params._meta["io.modelcontextprotocol/logLevel"]`
    MetaLogLevel = Meta b"io.modelcontextprotocol/logLevel";
    /// `params._meta["io.modelcontextprotocol/subscriptionId"]` (of notifications)
    MetaSubscriptionId = Meta b"io.modelcontextprotocol/subscriptionId";
    /// `result.protocolVersion` (of `initialize`)
    ResultProtocolVersion = Result b"protocolVersion";
    /// `result.capabilities` (of `initialize`)
    ResultCapabilities = Result b"capabilities";
    /// `result.serverInfo` (of `initialize`)
    ResultServerInfo = Result b"serverInfo";
    /// `result.resultType`
    ResultType = Result b"resultType";
    /// `result._meta`
    ResultMeta = Result b"_meta" => ResultMeta;
    /// `result.ttlMs`
    ResultTtl = Result b"ttlMs";
    /// `result.cacheScope`
    ResultCacheScope = Result b"cacheScope";
    /// `result.inputRequests`
    ResultInputRequests = Result b"inputRequests";
    /// `result.requestState`
    ResultRequestState = Result b"requestState";
    /// `result.isError` (of `tools/call`)
    ResultIsError = Result b"isError";
    /// `result.structuredContent` (of `tools/call`)
    ResultStructuredContent = Result b"structuredContent";
    /// `result.tools` (of `tools/list`)
    ResultTools = Result b"tools";
    /// `result._meta["io.modelcontextprotocol/serverInfo"]`
    ResultMetaServerInfo = ResultMeta b"io.modelcontextprotocol/serverInfo";
    /// `result._meta["io.modelcontextprotocol/subscriptionId"]`
    ResultSubscriptionId = ResultMeta b"io.modelcontextprotocol/subscriptionId";
    /// `error.code`
    ErrorCode = Error b"code";
    /// `error.data`
    ErrorData = Error b"data" => ErrorData;
    /// `error.data.uri`
    ErrorDataUri = ErrorData b"uri";
}

impl Field {
    /// How many fields there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The keys that lead from the message to the member, decoded: `["params", "_meta", "progressToken"]`.
    pub fn path(self) -> Vec<&'static str> {
        let parent = Self::ALL.into_iter().find(|parent| parent.opens() == Some(self.place()));
        let mut path = parent.map(Self::path).unwrap_or_default();
        path.push(self.key());
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positions_and_keys_lead_back() {
        for (number, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field as usize, number);
            assert_eq!(field.place().member(field.key().as_bytes()), Some(field));
        }
        assert_eq!(Field::ALL.len(), Field::COUNT);
        assert_eq!(Place::Message.member(b"progressToken"), None);
    }

    #[test]
    fn paths_start_at_the_message() {
        assert_eq!(Field::Id.path(), ["id"]);
        assert_eq!(Field::ErrorCode.path(), ["error", "code"]);
        assert_eq!(Field::ProgressToken.path(), ["params", "_meta", "progressToken"]);
    }
}
