//! x
use crate::support::*;
use serde_json::json;
#[tokio::test]
async fn first() {
    let waggle = Options::default().start().await;
    let s = Session::open(&waggle).await;
    println!("{}", s.script(json!([])).await);
    println!("{:?}", s.history().await);
    let mut e = s.listen().await;
    e.until("open").await;
    println!("{}", e.raw());
    println!("{:?} {:?}", waggle.status().await, waggle.metrics().await.len());
    println!("{:?}", waggle.processes());
    println!("{:?}", waggle.memory());
    waggle.stop().await;
}
