//! What proxy and launcher say to each other: one JSON object a line, over a Unix socket. `docs/launcher.md` shows it.
//!
//! Each side opens with its [`Hello`], which every version of the protocol can read; all else may change with
//! [`PROTOCOL`]. A [`FromLauncher::Started`] carries the proxy's ends of stdin, stdout and stderr as ancillary data.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::secret::Secret;

/// The version of everything but the hello.
pub(crate) const PROTOCOL: u32 = 1;

/// The longest frame, its line break not counted.
pub(crate) const MAX_FRAME: usize = 256 * 1024;

/// The first frame of both sides. Members that are not known are passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// [`PROTOCOL`].
    pub(crate) protocol: u32,
    /// The version of the program.
    pub(crate) waggle: String,
    /// From a launcher: the name of the server, which is the last part of its command's path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
}

impl Hello {
    /// This program's; a launcher names its server.
    pub(crate) fn own(server: Option<&str>) -> Self {
        let waggle = env!("CARGO_PKG_VERSION").to_owned();
        Self { protocol: PROTOCOL, waggle, server: server.map(str::to_owned) }
    }

    /// Whether both sides speak alike.
    ///
    /// # Errors
    /// They do not; the text says what to do about it. `other` is who has sent this hello.
    pub(crate) fn check(&self, other: &str) -> Result<(), String> {
        if self.protocol == PROTOCOL {
            return Ok(());
        }
        Err(format!(
            "{other} {} speaks version {} of the launcher protocol, and this waggle-proxy {} speaks version \
             {PROTOCOL}; run the same release of both",
            self.waggle,
            self.protocol,
            env!("CARGO_PKG_VERSION"),
        ))
    }
}

/// What the proxy says. Processes go by ids that it chooses, never used again on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToLauncher {
    /// The opening.
    Hello(Hello),
    /// Start a process.
    Start {
        id: u64,
        /// Variables in addition to the launcher's own.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<(String, Secret)>,
        /// It is one of many, and gives way when it wakes.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        many: bool,
    },
    /// Signal its process group.
    Signal { id: u64, signal: GroupSignal },
    /// The connection ends, and this is why; to a launcher that is leaving: nobody needs it any more.
    Goodbye { reason: String },
}

/// What the launcher says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FromLauncher {
    /// The opening.
    Hello(Hello),
    /// It runs; three descriptors come along. The id of the process is that of the launcher's container.
    Started { id: u64, pid: i32 },
    /// It cannot be started: a sentence.
    Refused { id: u64, reason: String },
    /// It has ended, and its group with it. One of the two is given.
    Ended {
        id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// Its container is being stopped: what has been begun can be finished, within its grace period.
    Leaving {},
}

/// How a process group is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum GroupSignal {
    Term,
    Kill,
}

/// The frame's line, with its end.
///
/// # Errors
/// It is longer than the other side reads.
pub(crate) fn encode(frame: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut line = serde_json::to_vec(frame).map_err(|error| error.to_string())?;
    if line.len() > MAX_FRAME {
        return Err(format!("a frame of {} bytes is over the limit of {MAX_FRAME}", line.len()));
    }
    line.push(b'\n');
    Ok(line)
}

/// The frame in a line.
///
/// # Errors
/// It is none. What was received is not repeated: it may hold a secret.
pub(crate) fn decode<T: DeserializeOwned>(line: &[u8]) -> Result<T, String> {
    use serde_json::error::Category;
    serde_json::from_slice(line).map_err(|error| match error.classify() {
        Category::Data => "a frame that is not known".to_owned(),
        _ => format!("a line of {} bytes that is no JSON", line.len()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hello() -> impl Strategy<Value = Hello> {
        (any::<u32>(), ".*", proptest::option::of(".*")).prop_map(|(protocol, waggle, server)| Hello {
            protocol,
            waggle,
            server,
        })
    }

    fn to_launcher() -> impl Strategy<Value = ToLauncher> {
        let variable = (".*", ".*").prop_map(|(name, value)| (name, Secret::new(value)));
        let signal = prop_oneof![Just(GroupSignal::Term), Just(GroupSignal::Kill)];
        prop_oneof![
            hello().prop_map(ToLauncher::Hello),
            (any::<u64>(), proptest::collection::vec(variable, 0..4), any::<bool>())
                .prop_map(|(id, env, many)| ToLauncher::Start { id, env, many }),
            (any::<u64>(), signal).prop_map(|(id, signal)| ToLauncher::Signal { id, signal }),
            ".*".prop_map(|reason| ToLauncher::Goodbye { reason }),
        ]
    }

    fn from_launcher() -> impl Strategy<Value = FromLauncher> {
        let number = || proptest::option::of(any::<i32>());
        prop_oneof![
            hello().prop_map(FromLauncher::Hello),
            (any::<u64>(), any::<i32>()).prop_map(|(id, pid)| FromLauncher::Started { id, pid }),
            (any::<u64>(), ".*").prop_map(|(id, reason)| FromLauncher::Refused { id, reason }),
            Just(FromLauncher::Leaving {}),
            (any::<u64>(), number(), number()).prop_map(|(id, code, signal)| FromLauncher::Ended {
                id,
                code,
                signal
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_from_one_line(to in to_launcher(), from in from_launcher()) {
            for line in [encode(&to).unwrap(), encode(&from).unwrap()] {
                prop_assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
            }
            prop_assert_eq!(decode::<ToLauncher>(&encode(&to).unwrap()), Ok(to));
            prop_assert_eq!(decode::<FromLauncher>(&encode(&from).unwrap()), Ok(from));
        }

        #[test]
        fn junk_is_refused_without_being_repeated(junk in proptest::collection::vec(any::<u8>(), 0..200)) {
            for refused in [decode::<ToLauncher>(&junk).err(), decode::<FromLauncher>(&junk).err()] {
                let refused = refused.unwrap();
                prop_assert!(refused.starts_with("a frame that is not known") || refused.ends_with("no JSON"));
            }
        }
    }

    #[test]
    fn the_documented_frames() {
        let env = vec![("A".to_owned(), Secret::new("b".to_owned()))];
        for (frame, text) in [
            (
                ToLauncher::Start { id: 7, env, many: true },
                r#"{"start":{"id":7,"env":[["A","b"]],"many":true}}"#,
            ),
            (ToLauncher::Start { id: 8, env: vec![], many: false }, r#"{"start":{"id":8}}"#),
            (
                ToLauncher::Signal { id: 7, signal: GroupSignal::Term },
                r#"{"signal":{"id":7,"signal":"TERM"}}"#,
            ),
            (ToLauncher::Goodbye { reason: "x".to_owned() }, r#"{"goodbye":{"reason":"x"}}"#),
        ] {
            assert_eq!(encode(&frame).unwrap(), format!("{text}\n").into_bytes());
        }
        let ended = |code, signal| FromLauncher::Ended { id: 7, code, signal };
        for (frame, text) in [
            (FromLauncher::Started { id: 7, pid: 42 }, r#"{"started":{"id":7,"pid":42}}"#),
            (ended(Some(3), None), r#"{"ended":{"id":7,"code":3}}"#),
            (ended(None, Some(9)), r#"{"ended":{"id":7,"signal":9}}"#),
            (FromLauncher::Leaving {}, r#"{"leaving":{}}"#),
        ] {
            assert_eq!(encode(&frame).unwrap(), format!("{text}\n").into_bytes());
        }
    }

    #[test]
    fn a_hello_of_another_version_is_read_and_refused() {
        let newer = br#"{"hello":{"protocol":2,"waggle":"9.1","server":"node","cgroups":[1]}}"#;
        let ToLauncher::Hello(hello) = decode(newer).unwrap() else { panic!("no hello") };
        let refused = hello.check("the proxy").unwrap_err();
        assert!(refused.starts_with("the proxy 9.1 speaks version 2 of the launcher protocol"), "{refused}");
        assert_eq!(Hello::own(None).check("the proxy"), Ok(()));
    }

    #[test]
    fn a_secret_is_in_the_frame_and_nowhere_else() {
        let frame = ToLauncher::Start {
            id: 1,
            env: vec![("A".to_owned(), Secret::new("sesame".to_owned()))],
            many: false,
        };
        assert!(!format!("{frame:?}").contains("sesame"));
        let long = ToLauncher::Goodbye { reason: "x".repeat(MAX_FRAME) };
        assert!(encode(&long).unwrap_err().contains("over the limit"));
    }
}
