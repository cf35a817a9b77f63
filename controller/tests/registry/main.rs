//! Entrypoints read from registries: a real one, and ones that are slow, odd or hostile.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod access;
mod caching;
mod debian;
mod formats;
mod hostile;
mod image;
mod own;
mod tokens;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde_json::{Value, json};
use waggle_controller::image::{Credentials, Platform, Resolver, Settings};

/// A resolver with the default settings and some of the test's own.
fn resolver(change: impl FnOnce(&mut Settings)) -> Resolver {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut settings = Settings::default();
    change(&mut settings);
    Resolver::new(settings).unwrap()
}

/// A clock that is moved by hand.
#[derive(Clone)]
struct Clock {
    start: Instant,
    seconds: Arc<AtomicU64>,
}

impl Clock {
    fn new() -> Self {
        Self { start: Instant::now(), seconds: Arc::default() }
    }

    fn advance(&self, time: Duration) {
        self.seconds.fetch_add(time.as_secs(), Ordering::SeqCst);
    }

    /// A resolver that looks at this clock.
    fn resolver(&self, change: impl FnOnce(&mut Settings)) -> Resolver {
        let clock = self.clone();
        resolver(|settings| {
            settings.clock =
                Arc::new(move || clock.start + Duration::from_secs(clock.seconds.load(Ordering::SeqCst)));
            change(settings);
        })
    }
}

fn nobody() -> Credentials {
    Credentials::default()
}

/// The credentials of pull secrets, each for one user.
fn logins(registry: &str, users: &[(&str, &str)]) -> Credentials {
    let secret = |auths: Value| Secret {
        type_: Some("kubernetes.io/dockerconfigjson".into()),
        data: Some(
            [(
                ".dockerconfigjson".to_owned(),
                ByteString(json!({ "auths": auths }).to_string().into_bytes()),
            )]
            .into(),
        ),
        ..Secret::default()
    };
    let secrets: Vec<_> = users
        .iter()
        .map(|(user, password)| secret(json!({ registry: { "username": user, "password": password } })))
        .collect();
    Credentials::from_secrets(&secrets).unwrap()
}

fn amd64() -> [Platform; 1] {
    [Platform::linux("amd64")]
}
