//! The launcher or the proxy goes away, or somebody else comes in its place.

use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use crate::support::{
    Launching, Options, Pod, Request, Session, call, eventually, is_alive, message, script, within,
};

#[tokio::test]
async fn a_killed_launcher_costs_one_error_and_no_session() {
    for mode in ["session", "shared"] {
        let pod = Pod::new();
        let waggle = Options::launched(&pod).proxy(&["--process-mode", mode]).start().await;
        let launcher = Launching::new(&pod).start();
        let session = Session::open(&waggle).await;
        session.ask(&message(1, "logging/setLevel", json!({ "level": "notice" }))).await;
        let mut streaming =
            session.post(&script("a", json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
        streaming.message().await;
        launcher.kill().await;
        let error = streaming.message().await["error"].clone();
        assert_eq!(error["message"], "the MCP server was lost with its launcher");
        eventually("unready", async || !waggle.is_ready().await).await;
        let readiness = Request::new("GET", "/readyz").send(waggle.admin).await.text().await;
        assert_eq!(readiness, "waiting for the launcher");
        // A request waits for the container to be back.
        let request = call(2, "echo", json!("while it is away"));
        let (answer, launcher) = tokio::join!(session.ask(&request), async {
            waggle.gauge("waggle_requests_in_flight", 1.0).await;
            Launching::new(&pod).start()
        });
        assert_eq!(answer["result"]["echo"], "while it is away");
        let history = session.history().await;
        let levels: Vec<_> = history.iter().filter(|m| m["method"] == "logging/setLevel").collect();
        assert_eq!(levels.len(), 1, "{history:?}");
        assert_eq!(waggle.status().await["sessions"], 1);
        eventually("ready again", async || waggle.is_ready().await).await;
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn a_killed_proxy_is_replaced_and_its_processes_are_ended() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let launcher = Launching::new(&pod).start();
    let session = Session::open(&waggle).await;
    // Neither end of stdin nor a lost parent ends this one.
    let old = session.script(json!([{ "spawn": ["sleep", "1000"] }])).await;
    waggle.signal(Signal::KILL);
    waggle.ended().await;
    let waggle = Options::launched(&pod).start().await;
    let session = Session::open(&waggle).await;
    let new = session.script(json!([])).await;
    assert_ne!(old["pid"], new["pid"]);
    for pid in [&old["pid"], &old["pids"][0]] {
        eventually("the old group is gone", async || !is_alive(pid.as_i64().unwrap())).await;
    }
    waggle.stop().await;
    launcher.stop().await;
}

#[tokio::test]
async fn a_proxy_that_stops_ends_its_processes_and_leaves_the_launcher() {
    let pod = Pod::new();
    let launcher = Launching::new(&pod).start();
    for _ in 0..3 {
        let waggle = Options::launched(&pod).start().await;
        Session::open(&waggle).await.script(json!([])).await;
        waggle.stop().await;
        eventually("no server is left", async || launcher.processes().is_empty()).await;
        assert!(!pod.socket().exists());
    }
    launcher.stop().await;
}

#[tokio::test]
async fn a_second_launcher_waits_until_the_first_has_gone() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let first = Launching::new(&pod).start();
    let session = Session::open(&waggle).await;
    let second = Launching::new(&pod).start();
    second.said("another launcher (waggle-proxy").await;
    let pid = session.script(json!([])).await["pid"].as_i64().unwrap();
    assert!(first.processes().iter().any(|(running, _)| i64::from(*running) == pid));
    assert!(second.processes().is_empty());
    first.stop().await;
    eventually("the second serves", async || waggle.is_ready().await).await;
    session.script(json!([])).await;
    assert!(!second.processes().is_empty());
    waggle.stop().await;
    second.stop().await;
}

#[tokio::test]
async fn sigterm_to_the_launcher_ends_its_servers_and_is_told() {
    let stubborn: &[&str] = &["sh", "-c", "trap '' TERM; \"$0\" \"$@\""];
    for (wrapper, ending) in [(&[][..], "was killed by signal 15"), (stubborn, "was killed by signal 9")] {
        let pod = Pod::new();
        let waggle = Options::launched(&pod).start().await;
        let launcher = Launching::new(&pod).options(&["--grace", "200ms"]).server(wrapper, &[]).start();
        let session = Session::open(&waggle).await;
        let mut streaming =
            session.post(&script("a", json!([{ "progress": 1 }, { "hold": "never" }]))).await.events();
        streaming.message().await;
        launcher.stop().await;
        let error = streaming.message().await["error"].clone();
        assert_eq!(error["message"], format!("the MCP server {ending}"));
        waggle.stop().await;
    }
}

#[tokio::test]
async fn sigterm_to_the_launcher_lets_requests_finish() {
    for mode in ["session", "shared"] {
        let pod = Pod::new();
        let waggle = Options::launched(&pod).proxy(&["--process-mode", mode]).start().await;
        let launcher = Launching::new(&pod).start();
        let session = Session::open(&waggle).await;
        let mut held =
            session.post(&script("held", json!([{ "progress": 1 }, { "hold": "gate" }]))).await.events();
        held.message().await;
        launcher.signal(Signal::TERM);
        eventually("unready", async || !waggle.is_ready().await).await;
        let readiness = Request::new("GET", "/readyz").send(waggle.admin).await.text().await;
        assert_eq!(readiness, "the launcher is shutting down");
        // Load balancers take a moment to notice.
        session.script(json!([{ "open": "gate" }])).await;
        let answer = held.message().await;
        assert!(answer["id"] == "held" && answer["error"].is_null(), "{answer}");
        assert_eq!(launcher.ended().await.0.code(), Some(0));
        // The next container serves the same session.
        let late = call(1, "echo", json!("late"));
        let refused = session.post(&late).await;
        assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
        let launcher = Launching::new(&pod).start();
        eventually("ready again", async || waggle.is_ready().await).await;
        session.script(json!([])).await;
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn a_pod_that_ends_is_not_held_up_by_a_launcher_that_has_gone() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let launcher = Launching::new(&pod).start();
    let session = Session::open(&waggle).await;
    launcher.kill().await;
    let late = call(1, "echo", json!("late"));
    let (answer, ()) = tokio::join!(session.ask(&late), async {
        waggle.gauge("waggle_requests_in_flight", 1.0).await;
        waggle.stop().await;
    });
    assert_eq!(answer["error"]["message"], "the proxy is shutting down");
}

/// Somebody on the other end of the socket, line by line.
struct Stranger(BufReader<UnixStream>);

impl Stranger {
    async fn connect(pod: &Pod) -> Self {
        Self(BufReader::new(UnixStream::connect(pod.socket()).await.unwrap()))
    }

    async fn say(&mut self, line: &str) {
        // It may have been shown the door already.
        let _ = self.0.write_all(format!("{line}\n").as_bytes()).await;
    }

    async fn hear(&mut self) -> Value {
        let mut line = String::new();
        within("a line", self.0.read_line(&mut line)).await.unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no frame: {line:?}"))
    }

    async fn until_shown_the_door(mut self) {
        let mut rest = Vec::new();
        // Closed with something unread, it is reset.
        let _ = within("the end", self.0.read_to_end(&mut rest)).await;
    }
}

const HELLO: &str = r#"{"hello":{"protocol":1,"waggle":"0.1.0","server":"stranger"}}"#;

#[tokio::test]
async fn whoever_breaks_the_protocol_is_shown_the_door_and_the_launcher_served() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let long = "x".repeat(300_000);
    for (lines, complaint) in [
        (&["GET / HTTP/1.1"][..], "it has sent a line of 14 bytes that is no JSON"),
        (&[&long], "it has sent a frame of"),
        (&[r#"{"shutdown":{}}"#], "it has sent a frame that is not known"),
        (&[r#"{"ended":{"id":1,"code":0}}"#], "it has sent no hello first"),
        (&[HELLO, HELLO], "it has sent a second hello"),
        (&[HELLO, r#"{"ended":{"id":99,"code":0}}"#], "it has sent news of a process that there is not"),
        (&[HELLO, r#"{"started":{"id":0,"pid":1}}"#], "it has sent a process without its descriptors"),
    ] {
        let mut stranger = Stranger::connect(&pod).await;
        for line in lines {
            stranger.say(line).await;
        }
        stranger.until_shown_the_door().await;
        eventually(complaint, async || waggle.log().iter().any(|line| line.contains(complaint))).await;
    }
    // One that says nothing is in nobody's way.
    let silent = Stranger::connect(&pod).await;
    let launcher = Launching::new(&pod).start();
    Session::open(&waggle).await.script(json!([])).await;
    drop(silent);
    waggle.stop().await;
    launcher.stop().await;
}

#[tokio::test]
async fn versions_that_do_not_fit_are_named_by_both_sides() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let mut newer = Stranger::connect(&pod).await;
    newer.say(r#"{"hello":{"protocol":2,"waggle":"7.0.1","server":"x","more":[1]}}"#).await;
    assert_eq!(newer.hear().await["hello"]["protocol"], 1);
    let reason = newer.hear().await["goodbye"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("the launcher 7.0.1 speaks version 2 of the launcher protocol"), "{reason}");
    assert!(reason.ends_with("run the same release of both"), "{reason}");
    newer.until_shown_the_door().await;
    eventually("it is logged", async || waggle.log().iter().any(|line| line.contains(&reason))).await;
    assert_eq!(waggle.status().await["launcher"]["connected"], false);
    waggle.stop().await;

    let listener = UnixListener::bind(pod.socket()).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    let launcher = Launching::new(&pod).start();
    // It asks again, and says what is wrong once.
    for _ in 0..3 {
        let (stream, _) = within("the launcher", listener.accept()).await.unwrap();
        let mut proxy = Stranger(BufReader::new(stream));
        assert_eq!(proxy.hear().await["hello"]["server"], "fake-server");
        proxy.say(r#"{"hello":{"protocol":2,"waggle":"7.0.1"}}"#).await;
        proxy.until_shown_the_door().await;
    }
    launcher.said("the proxy 7.0.1 speaks version 2 of the launcher protocol").await;
    assert_eq!(launcher.log().iter().filter(|line| line.contains("7.0.1")).count(), 1);
    launcher.stop().await;
}
