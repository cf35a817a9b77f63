//! An API server in memory: lists, watches, server-side apply with defaults, versions and conflicts. It speaks HTTP to
//! the real client; with the clock stopped, hours pass in milliseconds.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower_service::Service;

use crate::merge::{defaulted, merged, without};

/// The body of an answer: a whole one, or the lines of a watch.
type Reply = UnsyncBoxBody<Bytes, Infallible>;

/// `plural`, namespace and name.
pub(crate) type Key = (String, String, String);

#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<Key, Value>,
    /// What was applied last.
    applied: BTreeMap<Key, Value>,
    version: u64,
    events: Vec<(u64, String, Value)>,
    watchers: Vec<(String, mpsc::Sender<Bytes>)>,
    /// `VERB plural`, in their order.
    pub(crate) requests: Vec<String>,
    /// What the next requests of a kind are answered with.
    answers: Vec<Answer>,
    /// Groups that are there besides the built-in ones, with a kind of theirs.
    pub(crate) groups: BTreeMap<String, &'static str>,
}

struct Answer {
    request: &'static str,
    status: Value,
    retry_after: Option<&'static str>,
    left: usize,
}

/// What a request is about.
struct About {
    key: Key,
    subresource: Option<String>,
    query: String,
}

impl Fake {
    pub(crate) fn client(&self) -> Client {
        Client::new(self.clone(), "default")
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Answers the next requests of a kind, such as `patch services`, with a failure.
    pub(crate) fn fail(&self, request: &'static str, times: usize, status: Value) {
        self.state().answers.push(Answer { request, status, retry_after: None, left: times });
    }

    /// The same, with the header `Retry-After`.
    pub(crate) fn put_off(&self, request: &'static str, times: usize, retry_after: &'static str) {
        let status =
            json!({"kind": "Status", "code": 429, "reason": "TooManyRequests", "message": "slow down"});
        self.state().answers.push(Answer { request, status, retry_after: Some(retry_after), left: times });
    }

    /// How many requests begin like this.
    pub(crate) fn count(&self, request: &str) -> usize {
        self.state().requests.iter().filter(|seen| seen.starts_with(request)).count()
    }

    /// How many requests would have changed something.
    pub(crate) fn writes(&self) -> usize {
        ["create ", "patch ", "update ", "delete "].iter().map(|verb| self.count(verb)).sum()
    }

    pub(crate) fn get(&self, plural: &str, name: &str) -> Option<Value> {
        self.state().objects.get(&key(plural, name)).cloned()
    }

    /// Somebody changes an object.
    pub(crate) fn edit(&self, plural: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let mut object = state.objects[&key(plural, name)].clone();
        change(&mut object);
        state.store(&key(plural, name), object);
    }

    /// Somebody creates an object.
    pub(crate) fn put(&self, plural: &str, name: &str, mut object: Value) {
        object["metadata"]["name"] = json!(name);
        object["metadata"]["namespace"] = json!("tools");
        self.state().store(&key(plural, name), object);
    }

    /// Somebody deletes an object.
    pub(crate) fn remove(&self, plural: &str, name: &str) {
        self.state().delete(&key(plural, name));
    }

    /// All watches end; with a status, they say why.
    pub(crate) fn cut(&self, status: Option<Value>) {
        for (_, watcher) in self.state().watchers.drain(..) {
            if let Some(status) = &status {
                let _ = watcher.try_send(line(&json!({"type": "ERROR", "object": status})));
            }
        }
    }

    fn answer(&self, request: &Request<()>, body: &[u8]) -> Response<Reply> {
        let about = About::of(request);
        let verb = match *request.method() {
            Method::GET if about.query.contains("watch=true") => "watch",
            Method::GET if about.key.2.is_empty() => "list",
            Method::GET => "get",
            Method::POST => "create",
            Method::PATCH => "patch",
            Method::PUT => "update",
            _ => "delete",
        };
        let mut state = self.state();
        let plural = about.key.0.clone();
        let seen = match &about.subresource {
            Some(subresource) => format!("{verb} {plural}/{subresource}"),
            None => format!("{verb} {plural}"),
        };
        state.requests.push(seen.clone());
        if let Some(answer) =
            state.answers.iter_mut().find(|answer| answer.request == seen && answer.left > 0)
        {
            answer.left -= 1;
            return status(&answer.status, answer.retry_after);
        }
        let body = || serde_json::from_slice::<Value>(body).unwrap();
        let content = request.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        match verb {
            "watch" => state.watch(&about),
            "list" if plural.is_empty() => state.discover(request.uri().path()),
            "list" => state.list(&about),
            "get" => match state.objects.get(&about.key) {
                Some(object) => ok(object),
                None => failure(404, "NotFound"),
            },
            "create" => state.create(&about, body()),
            "patch" => {
                state.patch(&about, body(), content.as_deref() == Some("application/apply-patch+yaml"))
            }
            "update" => state.update(&about, body()),
            _ => state.delete_if(&about, body()),
        }
    }
}

impl State {
    /// Nothing fails any more.
    pub(crate) fn forget_answers(&mut self) {
        self.answers.clear();
    }

    fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// Keeps an object as it is, with a new version, and tells the watchers.
    fn store(&mut self, key: &Key, mut object: Value) -> Value {
        let before = self.objects.get(key).cloned();
        let version = self.next();
        defaulted(&key.0, &mut object);
        let meta = &mut object["metadata"];
        if before.is_none() {
            meta["uid"] = json!(format!("uid-{version}"));
        }
        let spec_changed = before.as_ref().is_none_or(|before| before["spec"] != object["spec"]);
        if spec_changed && matches!(key.0.as_str(), "deployments" | "mcpservers") {
            let generation =
                before.as_ref().and_then(|before| before["metadata"]["generation"].as_i64()).unwrap_or(0);
            object["metadata"]["generation"] = json!(generation + 1);
        }
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        self.objects.insert(key.clone(), object.clone());
        self.tell(version, &key.0, if before.is_some() { "MODIFIED" } else { "ADDED" }, &object);
        object
    }

    fn delete(&mut self, key: &Key) {
        let mut object = self.objects.remove(key).unwrap();
        self.applied.remove(key);
        let version = self.next();
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        self.tell(version, &key.0, "DELETED", &object);
    }

    fn tell(&mut self, version: u64, plural: &str, kind: &str, object: &Value) {
        let event = json!({"type": kind, "object": object});
        for (_, watcher) in self.watchers.iter().filter(|(watched, _)| watched == plural) {
            let _ = watcher.try_send(line(&event));
        }
        self.events.push((version, plural.to_owned(), event));
    }

    fn watch(&mut self, about: &About) -> Response<Reply> {
        let since: u64 = about.parameter("resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0);
        let (sender, mut receiver) = mpsc::channel(4096);
        for (_, _, event) in
            self.events.iter().filter(|(version, plural, _)| *version > since && *plural == about.key.0)
        {
            sender.try_send(line(event)).unwrap();
        }
        self.watchers.push((about.key.0.clone(), sender));
        let frames = stream::poll_fn(move |cx| {
            receiver.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes))))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }

    fn list(&self, about: &About) -> Response<Reply> {
        let selector =
            about.parameter("labelSelector").map(|text| text.replace("%2F", "/").replace("%3D", "="));
        let is_selected = |object: &Value| {
            let Some((name, value)) = selector.as_deref().and_then(|text| text.split_once('=')) else {
                return true;
            };
            object["metadata"]["labels"][name] == value
        };
        let items: Vec<_> = self
            .objects
            .iter()
            .filter(|(key, object)| key.0 == about.key.0 && is_selected(object))
            .map(|(_, object)| object)
            .collect();
        ok(&json!({"kind": "List", "apiVersion": "v1",
            "metadata": {"resourceVersion": self.version.to_string()}, "items": items}))
    }

    fn discover(&self, path: &str) -> Response<Reply> {
        let Some((group, kind)) = self.groups.iter().find(|(group, _)| path.contains(*group)) else {
            return failure(404, "NotFound");
        };
        let name = format!("{}s", kind.to_lowercase());
        let version = path.rsplit('/').next().unwrap();
        ok(
            &json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": format!("{group}/{version}"),
            "resources": [{"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["list"]}]}),
        )
    }

    fn create(&mut self, about: &About, object: Value) -> Response<Reply> {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let key = (about.key.0.clone(), about.key.1.clone(), name);
        if self.objects.contains_key(&key) {
            return failure(409, "AlreadyExists");
        }
        ok(&self.store(&key, object))
    }

    fn update(&mut self, about: &About, object: Value) -> Response<Reply> {
        let Some(live) = self.objects.get(&about.key) else { return failure(404, "NotFound") };
        if live["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return failure(409, "Conflict");
        }
        ok(&self.store(&about.key, object))
    }

    fn patch(&mut self, about: &About, patch: Value, is_apply: bool) -> Response<Reply> {
        let live = self.objects.get(&about.key).cloned();
        let uid = &patch["metadata"]["uid"];
        if !uid.is_null() && live.as_ref().is_none_or(|live| live["metadata"]["uid"] != *uid) {
            return failure(409, "Conflict");
        }
        let mut object = live.clone().unwrap_or_else(|| json!({}));
        if about.subresource.is_some() {
            object["status"] = patch["status"].clone();
        } else if is_apply {
            let before = self.applied.insert(about.key.clone(), patch.clone()).unwrap_or_default();
            object = merged(without(object, &before, &patch), &patch);
        } else {
            object = merged(object, &patch);
        }
        defaulted(&about.key.0, &mut object);
        match live {
            // No change is no version.
            Some(live) if live == object => ok(&live),
            _ => ok(&self.store(&about.key, object)),
        }
    }

    fn delete_if(&mut self, about: &About, options: Value) -> Response<Reply> {
        let Some(live) = self.objects.get(&about.key).cloned() else { return failure(404, "NotFound") };
        for field in ["uid", "resourceVersion"] {
            let wanted = &options["preconditions"][field];
            if !wanted.is_null() && *wanted != live["metadata"][field] {
                return failure(409, "Conflict");
            }
        }
        self.delete(&about.key);
        ok(&live)
    }
}

impl About {
    fn of(request: &Request<()>) -> Self {
        let path: Vec<_> = request.uri().path().split('/').filter(|part| !part.is_empty()).collect();
        let rest = if path[0] == "api" { &path[2..] } else { &path[3..] };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] => (*namespace, rest),
            rest => ("", rest),
        };
        let part = |at: usize| rest.get(at).map(|text| (*text).to_owned());
        Self {
            key: (part(0).unwrap_or_default(), namespace.to_owned(), part(1).unwrap_or_default()),
            subresource: part(2),
            query: request.uri().query().unwrap_or_default().to_owned(),
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1)
    }
}

/// An object of the namespace that all tests use.
pub(crate) fn key(plural: &str, name: &str) -> Key {
    (plural.to_owned(), "tools".to_owned(), name.to_owned())
}

fn line(event: &Value) -> Bytes {
    Bytes::from(format!("{event}\n"))
}

fn ok(object: &Value) -> Response<Reply> {
    Response::new(whole(object))
}

fn whole(object: &Value) -> Reply {
    Full::from(object.to_string()).boxed_unsync()
}

fn failure(code: u16, reason: &str) -> Response<Reply> {
    status(
        &json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}),
        None,
    )
}

fn status(status: &Value, retry_after: Option<&str>) -> Response<Reply> {
    let code = u16::try_from(status["code"].as_u64().unwrap()).unwrap();
    let response = Response::builder().status(code);
    let response =
        retry_after.into_iter().fold(response, |response, after| response.header("retry-after", after));
    response.body(whole(status)).unwrap()
}

impl Service<Request<Body>> for Fake {
    type Response = Response<Reply>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Reply>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Ok(this.answer(&Request::from_parts(head, ()), &body))
        })
    }
}
