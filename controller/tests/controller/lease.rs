//! Two candidates for one lease. The clock is stopped: it goes on when both wait.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use waggle_controller::lease::Elector;

use crate::fake::{Fake, key};

const NAME: &str = "waggle-controller";

fn elector(fake: &Fake, identity: &str) -> Elector {
    Elector::new(fake.client(), "tools", NAME, identity)
}

fn lease(fake: &Fake) -> Value {
    fake.get("leases", NAME).unwrap()["spec"].clone()
}

#[tokio::test(start_paused = true)]
async fn the_second_waits_until_the_first_gives_it_back() {
    let fake = Fake::default();
    let (mut first, mut second) = (elector(&fake, "a"), elector(&fake, "b"));
    first.acquire().await;
    assert_eq!(lease(&fake)["holderIdentity"], "a");
    let started = Instant::now();
    let (held, ()) = tokio::join!(first.hold(sleep(Duration::from_secs(60))), second.acquire());
    held.unwrap();
    let waited = started.elapsed();
    assert!((60..65).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(
        (&lease(&fake)["holderIdentity"], &lease(&fake)["leaseTransitions"]),
        (&json!("b"), &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_silent_loses_it_after_the_whole_duration() {
    let fake = Fake::default();
    elector(&fake, "a").acquire().await;
    let started = Instant::now();
    elector(&fake, "b").acquire().await;
    let waited = started.elapsed();
    assert!((15..20).contains(&waited.as_secs()), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_steals_nothing() {
    let fake = Fake::default();
    let mut first = elector(&fake, "a");
    first.acquire().await;
    // Written by a clock far behind ours; what counts is when we see it change.
    let holding = first.hold(async {
        loop {
            fake.edit("leases", NAME, |lease| {
                lease["spec"]["renewTime"] = json!("2001-01-01T00:00:00.000000Z")
            });
            sleep(Duration::from_secs(3)).await;
        }
    });
    let mut second = elector(&fake, "b");
    tokio::select! {
        held = holding => panic!("{:?}", held.err()),
        taken = timeout(Duration::from_secs(300), second.acquire()) => assert!(taken.is_err()),
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_before_another_one_starts() {
    let fake = Fake::default();
    let mut first = elector(&fake, "a");
    first.acquire().await;
    let status = json!({"kind": "Status", "code": 500, "message": "away"});
    fake.fail("get leases", 1000, status);
    let started = Instant::now();
    let lost = first.hold(std::future::pending::<()>()).await.unwrap_err().to_string();
    let waited = started.elapsed();
    assert!(waited <= Duration::from_secs(12), "{waited:?}");
    assert!(lost.contains("waggle-controller is lost") && lost.contains("away"), "{lost}");
}

#[tokio::test(start_paused = true)]
async fn who_sees_another_holder_stops_at_once() {
    let fake = Fake::default();
    let mut first = elector(&fake, "a");
    first.acquire().await;
    fake.edit("leases", NAME, |lease| lease["spec"]["holderIdentity"] = json!("b"));
    let lost = first.hold(std::future::pending::<()>()).await.unwrap_err().to_string();
    assert!(lost.contains("it is held by \"b\""), "{lost}");
    // Nor is it given back for the other one.
    assert_eq!(fake.state().objects[&key("leases", NAME)]["spec"]["holderIdentity"], "b");
}

#[tokio::test(start_paused = true)]
async fn of_two_who_take_it_at_once_one_gets_it() {
    let fake = Fake::default();
    fake.put("leases", NAME, json!({"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}));
    // Its version is old when it writes: somebody was faster.
    fake.fail(
        "update leases",
        1,
        json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "old"}),
    );
    let mut first = elector(&fake, "a");
    let started = Instant::now();
    first.acquire().await;
    assert!(started.elapsed() >= Duration::from_secs(1), "it had not got it the first time");
    assert_eq!(fake.count("update leases"), 2);
}
