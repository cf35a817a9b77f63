//! A server that is reached over HTTP: another proxy, or one that answers as the test says.

use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::support::{
    Events, Modern, Options, Reply, Scripted, Session, Waggle, answering, call, eventually, filled, form,
    message, own_address, retry, script,
};

/// A proxy in front of another, and how the server is reached then.
struct Chain {
    back: Waggle,
    front: Waggle,
    era: &'static str,
    transport: &'static str,
}

impl Chain {
    async fn start(back: Options, path: &str, options: &[&str], found: (&'static str, &'static str)) -> Self {
        let back = back.start().await;
        let url = format!("http://{}{path}", back.address);
        let front = Options::upstream(&url).proxy(options).start().await;
        Self { back, front, era: found.0, transport: found.1 }
    }

    /// Both kinds of servers, over each transport that reaches them.
    async fn all() -> Vec<Self> {
        let mut chains = Vec::new();
        for back in [Options::default(), Options::default().modern()] {
            let legacy = ["--upstream-era", "legacy"];
            chains.push(Self::start(back.clone(), "/mcp", &[], ("modern", "streamable-http")).await);
            chains.push(Self::start(back.clone(), "/mcp", &legacy, ("legacy", "streamable-http")).await);
            chains.push(Self::start(back, "/sse", &[], ("legacy", "sse")).await);
        }
        chains
    }

    async fn stop(self) {
        self.front.stop().await;
        self.back.stop().await;
    }
}

#[tokio::test]
async fn what_is_behind_the_url_is_found_out_and_serves_both_eras() {
    for chain in Chain::all().await {
        let front = &chain.front;
        let (session, client) = (Session::open(front).await, Modern::new(front));
        let echo = call("both", "echo", json!({ "over": chain.transport }));
        assert_eq!(session.ask(&echo).await["result"]["echo"]["over"], chain.transport);
        assert_eq!(client.result(&echo).await["echo"]["over"], chain.transport);
        let status = front.status().await;
        assert_eq!((&status["era"], &status["transport"]), (&json!(chain.era), &json!(chain.transport)));
        assert_eq!((&status["serverInfo"]["name"], &status["processes"]), (&json!("fake"), &json!(0)));
        assert!(front.is_ready().await);
        session.delete().await;
        chain.stop().await;
    }
}

#[tokio::test]
async fn progress_and_questions_cross_both_proxies() {
    for chain in Chain::all().await {
        let back_is_modern = chain.back.status().await["era"] == "modern";
        let question = form("over there?");
        let input = json!({ "input": { "q": { "method": question["ask"], "params": question["params"] } } });
        let steps = json!([{ "progress": 1 }, if back_is_modern { input } else { question }]);
        let answer = filled("over here");
        let is_answered = |outcome: &Value| {
            let given = &outcome["structuredContent"]["answers"][0];
            let given = if back_is_modern { &given["q"] } else { &given["result"] };
            assert_eq!(given, &answer, "{outcome} over {} {}", chain.era, chain.transport);
        };

        let able = json!({ "elicitation": {} });
        let session = Session::with(&chain.front, "2025-11-25", able).await;
        let mut stream = session.post(&script("legacy", steps.clone())).await.events();
        let progress = stream.message().await;
        assert_eq!(progress["params"], json!({ "progressToken": "legacy", "progress": 1 }));
        let asked = stream.message().await;
        assert_eq!(asked["params"]["message"], "over there?", "{asked}");
        session.answer(&asked, answer.clone()).await;
        let last = stream.rest().await.pop().unwrap();
        is_answered(&last["result"]);

        let client = Modern::with_forms(&chain.front);
        let request = script("modern", steps);
        let asked = client.post(&request).await.messages().await.pop().unwrap()["result"].clone();
        let again = retry("again", &request, &asked, answering(&asked, &answer));
        is_answered(&client.post(&again).await.messages().await.pop().unwrap()["result"]);
        session.delete().await;
        chain.stop().await;
    }
}

async fn told(stream: &mut Events) -> String {
    let told = stream.message().await;
    told["params"]["uri"].as_str().or(told["method"].as_str()).unwrap().to_owned()
}

#[tokio::test]
async fn changes_cross_both_proxies() {
    for chain in Chain::all().await {
        let back_is_modern = chain.back.status().await["era"] == "modern";
        let step = if back_is_modern { "change" } else { "notify" };
        let update = json!([{ step: "notifications/resources/updated", "params": { "uri": "x:far" } }]);
        let session = Session::open(&chain.front).await;
        let mut stream = session.listen().await;
        session.ask(&message(1, "resources/subscribe", json!({ "uri": "x:far" }))).await;
        session.script(update.clone()).await;
        assert_eq!(told(&mut stream).await, "x:far");
        let client = Modern::new(&chain.front);
        let (mut listening, granted) =
            client.listen("l", json!({ "resourceSubscriptions": ["x:far"] })).await;
        assert_eq!(granted["resourceSubscriptions"], json!(["x:far"]));
        client.script(update).await;
        assert_eq!(told(&mut listening).await, "x:far");
        drop((stream, listening));
        session.delete().await;
        chain.stop().await;
    }
}

/// A server that is told by the test what to say on the stream of each listen.
async fn listened_to() -> (Scripted, Receiver<(Value, Sender<Value>)>) {
    let (opened, listens) = channel(4);
    let server = Scripted::start(move |request| match request.message["method"].as_str() {
        Some("subscriptions/listen") => {
            let (told, messages) = channel(4);
            opened.try_send((request.message.clone(), told)).unwrap();
            Reply::Events(messages)
        }
        _ => Reply::Result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": { "resources": { "subscribe": true } },
            "ttlMs": 0, "cacheScope": "private", "resultType": "complete",
        })),
    });
    (server.await, listens)
}

#[tokio::test]
async fn a_change_that_the_next_subscription_overtakes_is_told() {
    let (server, mut listens) = listened_to().await;
    let waggle = Options::upstream(&server.url()).start().await;
    let session = Session::open(&waggle).await;
    let mut stream = session.listen().await;
    let (uris, mut streams) = (["x:one", "x:other"], Vec::new());
    for (id, uri) in uris.into_iter().enumerate() {
        let acknowledge = async {
            let (listen, told) = listens.recv().await.unwrap();
            let params = json!({
                "_meta": { "io.modelcontextprotocol/subscriptionId": listen["id"] },
                "notifications": listen["params"]["notifications"],
            });
            told.send(message(Value::Null, "notifications/subscriptions/acknowledged", params))
                .await
                .unwrap();
            streams.push((listen["id"].clone(), told));
        };
        let subscribe = message(id, "resources/subscribe", json!({ "uri": uri }));
        let (answer, ()) = tokio::join!(session.ask(&subscribe), acknowledge);
        assert_eq!(answer["result"], json!({}));
    }
    // The second has been acknowledged, and only now does this come, on the first: the server said it before.
    for ((id, told), uri) in streams.iter().zip(uris) {
        let params = json!({ "uri": uri, "_meta": { "io.modelcontextprotocol/subscriptionId": id } });
        told.send(message(Value::Null, "notifications/resources/updated", params)).await.unwrap();
        assert_eq!(self::told(&mut stream).await, uri);
    }
    drop((streams, stream));
    session.delete().await;
    waggle.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_behind_both_proxies() {
    for chain in Chain::all().await {
        let client = Modern::new(&chain.front);
        let steps = json!([{ "progress": 1 }, { "hold_cancelled": true }, { "open": "gone" }]);
        let mut stream = client.post(&script(1, steps)).await.events();
        stream.message().await;
        drop(stream);
        client.script(json!([{ "hold": "gone" }])).await;
        chain.stop().await;
    }
}

#[tokio::test]
async fn a_server_process_that_dies_behind_both_is_told_and_replaced() {
    let chain = Chain::start(Options::default().modern(), "/mcp", &[], ("modern", "streamable-http")).await;
    let client = Modern::new(&chain.front);
    let (mut stream, _) = client.listen(1, json!({ "toolsListChanged": true })).await;
    let pid = client.script(json!([])).await["pid"].as_i64().unwrap();
    rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    assert_eq!(told(&mut stream).await, "notifications/tools/list_changed");
    assert_ne!(client.script(json!([])).await["pid"], pid);
    drop(stream);
    chain.stop().await;
}

#[tokio::test]
async fn a_subscription_outlives_the_server_that_it_is_for() {
    let back = Options::at(own_address()).modern().start().await;
    let address = back.address;
    let front = Options::upstream(&format!("http://{address}/mcp")).start().await;
    let client = Modern::new(&front);
    let filter = json!({ "toolsListChanged": true, "resourceSubscriptions": ["x:far"] });
    let (mut listening, _) = client.listen("far", filter).await;
    back.signal(Signal::KILL);
    back.ended().await;
    let back = Options::at(address).modern().start().await;
    assert_eq!(told(&mut listening).await, "notifications/tools/list_changed");
    let update = json!([{ "change": "notifications/resources/updated", "params": { "uri": "x:far" } }]);
    eventually("it is served again", async || {
        client.ask(&script("update", update.clone())).await["error"].is_null()
    })
    .await;
    assert_eq!(told(&mut listening).await, "x:far");
    drop(listening);
    front.stop().await;
    back.stop().await;
}

#[tokio::test]
async fn a_legacy_session_outlives_the_server_that_it_is_for() {
    for path in ["/mcp", "/sse"] {
        let back = Options::at(own_address()).start().await;
        let address = back.address;
        let legacy = ["--upstream-era", "legacy"];
        let front = Options::upstream(&format!("http://{address}{path}")).proxy(&legacy).start().await;
        let session = Session::open(&front).await;
        session.ask(&call(1, "echo", json!({}))).await;
        back.signal(Signal::KILL);
        back.ended().await;
        let lost = session.post(&call("lost", "echo", json!({}))).await;
        assert_eq!(lost.message().await["error"]["code"], -31006);
        let back = Options::at(address).start().await;
        eventually("it is served again", async || {
            let answer = session.post(&call("again", "echo", json!({ "path": path }))).await.message().await;
            answer["result"]["echo"]["path"] == path
        })
        .await;
        session.delete().await;
        front.stop().await;
        back.stop().await;
    }
}
