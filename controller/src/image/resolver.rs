//! Looks entrypoints up, each once.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, time::timeout};
use tracing::{debug, warn};

use super::{
    Credentials, Entrypoint, ImageError, Platform, Reference,
    cache::Cache,
    credentials::{Login, fingerprint},
    digest::Digest,
    document::{Config, Manifest},
    parse, platform,
    reference::within,
    registry::{Pull, Registries},
    settings::{Settings, SettingsError},
};

/// How many registries' documents are in memory at once, at most.
const CONCURRENT_LOOKUPS: usize = 16;
/// How long a failure is kept: less than any of its askers waits before it asks again.
const FAILURE_TTL: Duration = Duration::from_secs(20);

/// Looks up the entrypoints of images in their registries, and keeps what it finds: what a digest stands for for
/// ever, what a tag stands for for a while, a failure for some seconds. Equal lookups at the same time are one. When
/// a registry fails, what was known of a tag holds on. Clones share everything.
#[derive(Clone)]
pub struct Resolver(Arc<Shelf>);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Resolver").field(&self.0.settings).finish()
    }
}

struct Shelf {
    registries: Registries,
    settings: Settings,
    permits: Semaphore,
    state: Mutex<State>,
}

struct State {
    answers: Cache<Key, Answer>,
    /// The lookups under way. They live as long as somebody waits for them.
    lookups: HashMap<Key, WeakShared<Lookup>>,
}

type Answer = Result<Arc<Entrypoint>, ImageError>;
type Lookup = BoxFuture<'static, Answer>;

/// What makes two lookups equal. Whoever has other logins may have to get another answer.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    image: String,
    platforms: Vec<Platform>,
    logins: [u8; 32],
}

impl Resolver {
    /// A resolver with nothing known yet. The process needs a default crypto provider of rustls by then.
    ///
    /// # Errors
    /// The CA certificates cannot be read, or there are none at all.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let state = State { answers: Cache::new(settings.capacity), lookups: HashMap::new() };
        Ok(Self(Arc::new(Shelf {
            registries: Registries::new(&settings)?,
            permits: Semaphore::new(CONCURRENT_LOOKUPS),
            state: Mutex::new(state),
            settings,
        })))
    }

    /// What an image runs. Of a multi-platform image, the part for the first of the platforms that there is, in the
    /// order given: entrypoints of one image for several platforms are the same in practice. With no platforms, for
    /// any Linux.
    ///
    /// # Errors
    /// Why it is not known, with what to do.
    pub async fn entrypoint(&self, image: &str, credentials: &Credentials, platforms: &[Platform]) -> Answer {
        let image = parse(image)?;
        let logins = credentials.matching(&image);
        let key = Key { image: named(&image), platforms: platforms.to_vec(), logins: fingerprint(&logins) };
        let lookup = {
            let mut state = self.0.state.lock();
            if let Some(answer) = state.answers.fresh(&key, (self.0.settings.clock)()) {
                return answer.clone();
            }
            match state.lookups.get(&key).and_then(WeakShared::upgrade) {
                Some(lookup) => lookup,
                None => self.begin(&mut state, key, image, logins),
            }
        };
        lookup.await
    }

    fn begin(&self, state: &mut State, key: Key, image: Reference, logins: Vec<Login>) -> Shared<Lookup> {
        let shelf = Arc::clone(&self.0);
        let of_key = key.clone();
        let lookup = async move { shelf.look_up(of_key, &image, &logins).await }.boxed().shared();
        // Those that nobody waited for to the end.
        state.lookups.retain(|_, lookup| lookup.upgrade().is_some());
        if let Some(weak) = lookup.downgrade() {
            state.lookups.insert(key, weak);
        }
        lookup
    }
}

/// A reference without what does not matter: a digest wins over a tag.
fn named(image: &Reference) -> String {
    match image.digest() {
        Some(digest) => image.clone_with_digest(digest.to_owned()).whole(),
        None => image.whole(),
    }
}

impl Shelf {
    async fn look_up(&self, key: Key, image: &Reference, logins: &[Login]) -> Answer {
        // The semaphore is never closed; without a permit the limits of one lookup still hold.
        let _permit = self.permits.acquire().await;
        let limit = self.settings.time_limit;
        let found = timeout(limit, self.try_logins(&key, image, logins)).await.unwrap_or_else(|_| {
            Err(ImageError::TimedOut { registry: image.registry().to_owned(), image: within(image), limit })
        });
        self.keep(key, image, found)
    }

    /// Keeps what was found; instead of a registry's failure, what was known before.
    fn keep(&self, key: Key, image: &Reference, found: Answer) -> Answer {
        let now = (self.settings.clock)();
        let mut state = self.state.lock();
        state.lookups.remove(&key);
        let (answer, until) = match found {
            Ok(found) if image.digest().is_some() => (Ok(found), None),
            Ok(found) => (Ok(found), Some(now + self.settings.tag_ttl)),
            Err(error) => {
                let known = state.answers.last(&key).filter(|_| error.is_of_registry()).cloned();
                let answer = match known {
                    Some(Ok(known)) => {
                        warn!(%error, "the entrypoint that was known before holds on");
                        Ok(known)
                    }
                    _ => Err(error),
                };
                (answer, Some(now + FAILURE_TTL))
            }
        };
        if let (Ok(found), None) = (&answer, image.digest()) {
            // The digest is known from now on too.
            state.answers.put(key.at(image, &found.digest), Ok(Arc::clone(found)), None);
        }
        state.answers.put(key, answer.clone(), until);
        answer
    }

    /// Tries each login until one may read the image, as the kubelet does.
    async fn try_logins(&self, key: &Key, image: &Reference, logins: &[Login]) -> Answer {
        let Some((first, others)) = logins.split_first() else { return self.read(key, image, None).await };
        let mut answer = self.read(key, image, Some(first)).await;
        for login in others {
            // A registry may hide from the wrong login that there is such an image.
            if !matches!(answer, Err(ImageError::Denied { .. } | ImageError::NotFound { .. })) {
                break;
            }
            let next = self.read(key, image, Some(login)).await;
            // What is not there says more than what may not be seen.
            if !matches!((&answer, &next), (Err(ImageError::NotFound { .. }), Err(ImageError::Denied { .. })))
            {
                answer = next;
            }
        }
        answer
    }

    async fn read(&self, key: &Key, image: &Reference, login: Option<&Login>) -> Answer {
        debug!(image = %image, "asking the registry for the entrypoint");
        let mut pull = self.registries.pull(image, login);
        let (digest, manifest) = match image.digest().and_then(Digest::parse) {
            Some(digest) => {
                let manifest = pull.manifest(&digest).await?;
                (digest, manifest)
            }
            None => {
                let tag = image.tag().unwrap_or("latest");
                match pull.digest(tag).await? {
                    Some(digest) => {
                        if let Some(known) = self.known(&key.at(image, digest.as_str())) {
                            return Ok(known);
                        }
                        let manifest = pull.manifest(&digest).await?;
                        (digest, manifest)
                    }
                    None => pull.tagged_manifest(tag).await?,
                }
            }
        };
        let config = config(&mut pull, image, &key.platforms, &manifest).await?;
        let entrypoint = config.entrypoint(&digest);
        entrypoint.map(Arc::new).ok_or_else(|| ImageError::NoEntrypoint { image: image.whole() })
    }

    fn known(&self, key: &Key) -> Option<Arc<Entrypoint>> {
        let mut state = self.state.lock();
        state.answers.fresh(key, (self.settings.clock)())?.as_ref().ok().cloned()
    }
}

impl Key {
    /// The same lookup of a digest.
    fn at(&self, image: &Reference, digest: &str) -> Self {
        Self { image: image.clone_with_digest(digest.to_owned()).whole(), ..self.clone() }
    }
}

/// Follows a manifest to the configuration for the wanted platform.
async fn config(
    pull: &mut Pull<'_>,
    image: &Reference,
    wanted: &[Platform],
    manifest: &[u8],
) -> Result<Config, ImageError> {
    let missing = |offered: String| ImageError::PlatformMissing {
        image: image.whole(),
        wanted: platform::names(wanted, "linux"),
        offered,
    };
    let (chosen, was_listed) = match Manifest::read(manifest).map_err(|why| pull.unreadable(why))? {
        Manifest::Image(config) => (config, false),
        Manifest::Index(parts) => {
            let Some(part) = platform::choose(wanted, &parts, |part| part.platform.as_ref()) else {
                let offered = parts.iter().filter_map(|part| part.platform.as_ref()).filter(|p| p.is_real());
                return Err(missing(platform::names(offered, "none that is named")));
            };
            let manifest = pull.manifest(&part.digest).await?;
            match Manifest::read(&manifest).map_err(|why| pull.unreadable(why))? {
                Manifest::Image(config) => (config, true),
                Manifest::Index(_) => {
                    let why = "it is an index of indexes".to_owned();
                    return Err(pull.unreadable((why, "push it with one index")));
                }
            }
        }
    };
    let content = pull.blob(&chosen).await?;
    let config = Config::read(&content).map_err(|why| pull.unreadable(why))?;
    match config.platform() {
        // The runtime looks here where there is no index.
        Some(built) if !was_listed && platform::choose(wanted, &[&built], |p| Some(p)).is_none() => {
            Err(missing(built.to_string()))
        }
        _ => Ok(config),
    }
}
