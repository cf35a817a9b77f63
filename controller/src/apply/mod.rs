//! From the plan to the cluster: server-side apply of what differs, deletion of what shall not be, and nothing else.
//!
//! - Only an object whose controlling owner is the resource is ever changed. One of that name that belongs to somebody else, or
//!   to nobody, is left alone and reported as foreign.
//! - Fields that we plan are ours: a conflict over one of our own objects is decided for the plan, as a Deployment's
//!   controller does with its pods. Fields that we do not plan stay whosever they are. The first apply of an object is
//!   not forced, since what appears in that moment is not ours.
//! - An object that carries the hash of its plan and still looks like it is not written.

mod hash;
mod quantity;
mod replicas;
mod status;
mod subset;

use std::collections::{BTreeMap, BTreeSet};

use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, Preconditions},
    core::DynamicObject,
};
use serde_json::{Value, json};

use crate::{
    error::{Error, Refusal, Remedy},
    memory::{Key, Memory, Settled},
    metrics::{Change, Metrics},
    observed::Part,
    parts,
    plan::Plan,
    stores::{Live, Stores},
};

/// Who we are in `metadata.managedFields`.
pub const MANAGER: &str = "waggle-controller";
/// The annotation with the hash of what was applied: it tells of fields that have left the plan.
pub const HASH: &str = "waggle.dev/applied-hash";

/// Writes the parts of one server.
pub struct Apply<'a> {
    /// To the API server.
    pub client: &'a Client,
    /// What there is.
    pub stores: &'a Stores,
    /// What is known from before.
    pub memory: &'a Memory,
    /// Where writes are counted.
    pub metrics: &'a Metrics,
    /// The server.
    pub key: &'a Key,
    /// Its uid.
    pub uid: &'a str,
    /// The name of all its objects.
    pub name: &'a str,
    /// What was done already in this pass, by the hash of the plan: the stores may not know of it yet.
    pub done: BTreeMap<Part, Option<String>>,
    /// What the API server does not want, once for each part.
    pub refusals: BTreeMap<Part, Refusal>,
}

impl Apply<'_> {
    /// Makes the cluster equal to the plan. A refusal of one part does not hinder the others. But where somebody else has a
    /// name that the plan needs and was not known to, that part is returned at once: what follows may depend on it.
    ///
    /// # Errors
    ///
    /// When it makes sense to try again soon.
    pub async fn apply(&mut self, plan: &Plan, foreign: &BTreeSet<Part>) -> Result<Option<Part>, Error> {
        for part in parts::ORDER.into_iter().filter(|part| !plan.kept.contains(part)) {
            match self.apply_part(plan, part).await {
                Ok(true) => drop(self.refusals.remove(&part)),
                Ok(false) if foreign.contains(&part) => {}
                Ok(false) => return Ok(Some(part)),
                Err(error) => match error.remedy() {
                    Remedy::Tell(refusal) => drop(self.refusals.insert(part, refusal)),
                    _ => return Err(error),
                },
            }
        }
        Ok(None)
    }

    /// Makes one part equal to the plan; false if its name is somebody else's.
    async fn apply_part(&mut self, plan: &Plan, part: Part) -> Result<bool, Error> {
        let desired = parts::desired(plan, part)
            .map_err(|error| Error::new("patch", part.kind(), self.name, kube::Error::SerdeError(error)))?;
        let hash = desired.as_ref().map(hash::of);
        if self.done.get(&part) == Some(&hash) {
            return Ok(true);
        }
        match (desired, &hash) {
            (Some(desired), Some(hash)) => {
                if !self.put(part, desired, hash).await? {
                    return Ok(false);
                }
            }
            _ => self.remove(part).await?,
        }
        self.done.insert(part, hash);
        Ok(true)
    }

    /// Makes an object equal to its plan; false if it is not ours.
    async fn put(&self, part: Part, desired: Value, hash: &str) -> Result<bool, Error> {
        let name = desired["metadata"]["name"].as_str().unwrap_or(self.name).to_owned();
        let live = match self.stores.live(part, &self.key.0, &name) {
            Some(live) => Some(live),
            // The store knows what carries our label, and may be late.
            None => self.get(part, &name).await?,
        };
        let Some(live) = live else {
            self.write(part, &name, desired, hash, None).await?;
            return Ok(true);
        };
        if !live.belongs_to(self.uid) {
            return Ok(false);
        }
        // It goes, and its name with it; what we would write now would go as well.
        if live.is_going() || self.is_done(part, &desired, hash, &live) {
            return Ok(true);
        }
        self.write(part, &name, desired, hash, Some(&live)).await?;
        Ok(true)
    }

    fn is_done(&self, part: Part, desired: &Value, hash: &str, live: &Live) -> bool {
        if live.annotation(HASH) != Some(hash) {
            return false;
        }
        let settled = || Settled { hash: hash.to_owned(), version: live.version() };
        subset::is_subset(desired, &live.value) || self.memory.is_settled(self.key, part, &settled())
    }

    async fn get(&self, part: Part, name: &str) -> Result<Option<Live>, Error> {
        let resource = parts::resource(part);
        let object = self.api(part).get_opt(name).await;
        let object = object.map_err(|error| Error::new("get", resource.plural, name, error))?;
        Ok(object.and_then(|object| serde_json::to_value(object).ok()).map(|value| Live { value }))
    }

    async fn write(
        &self,
        part: Part,
        name: &str,
        desired: Value,
        hash: &str,
        live: Option<&Live>,
    ) -> Result<(), Error> {
        let mut body = desired.clone();
        body["metadata"]["annotations"][HASH] = json!(hash);
        let mut params = PatchParams::apply(MANAGER);
        if let Some(live) = live {
            // Another object may have taken the name since we looked.
            body["metadata"]["uid"] = json!(live.uid());
            params = params.force();
        }
        let api = self.api(part);
        if live.is_some() {
            let kept = replicas::keep(&api, name, &desired).await;
            kept.map_err(|(verb, error)| Error::new(verb, parts::resource(part).plural, name, error))?;
        }
        let answer = match (api.patch(name, &params, &Patch::Apply(&body)).await, live) {
            // Others may have put elements beside ours into a list, such as a Service's ports, so that both together are not
            // valid. What is ours is then restored as a whole; if it is our plan that is not valid, this fails too.
            (Err(kube::Error::Api(status)), Some(live)) if status.is_invalid() => {
                body["metadata"]["resourceVersion"] = json!(live.resource_version());
                let params =
                    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
                let restored = api.patch(name, &params, &Patch::Merge(&body)).await;
                restored.map_err(|error| match error {
                    kube::Error::Api(other) if other.is_invalid() => kube::Error::Api(status),
                    error => error,
                })
            }
            (answer, _) => answer,
        };
        let answer =
            answer.map_err(|error| Error::new("patch", parts::resource(part).plural, name, error))?;
        let kind = part.kind();
        let change = if live.is_some() { Change::Update } else { Change::Create };
        self.metrics.wrote(kind, change);
        tracing::info!(kind, namespace = self.key.0, name, ?change, "written");
        let Ok(value) = serde_json::to_value(answer) else { return Ok(()) };
        let live = Live { value };
        if !subset::is_subset(&desired, &live.value) {
            let settled = Settled { hash: hash.to_owned(), version: live.version() };
            self.memory.settle(self.key, part, settled);
        }
        Ok(())
    }

    /// Deletes a part that shall not be, if it is ours.
    async fn remove(&self, part: Part) -> Result<(), Error> {
        let Some(live) = self.stores.live(part, &self.key.0, self.name) else { return Ok(()) };
        if !live.belongs_to(self.uid) || live.is_going() {
            return Ok(());
        }
        // Exactly the object that we have looked at.
        let preconditions = Preconditions {
            uid: live.uid().map(str::to_owned),
            resource_version: live.resource_version().map(str::to_owned),
        };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
        let resource = parts::resource(part);
        match self.api(part).delete(self.name, &params).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
            Err(error) => return Err(Error::new("delete", resource.plural, self.name, error)),
        }
        self.metrics.wrote(&resource.kind, Change::Delete);
        tracing::info!(kind = resource.kind, namespace = self.key.0, name = self.name, "deleted");
        Ok(())
    }

    fn api(&self, part: Part) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.key.0, &parts::resource(part))
    }
}

pub use status::write_status;
