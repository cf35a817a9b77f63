//! What a real proxy says on `/status`, as the controller reads it. A test program of its own: the launcher in it reaps all
//! children of the process.

use std::{path::Path, time::Duration};

use k8s_openapi::jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::task::TaskTracker;
use waggle_controller::observed::ServerReport;
use waggle_crds::server::Transport;
use waggle_proxy::{
    Proxy,
    config::Config,
    launch::{LaunchOptions, Launcher},
};

/// The first start fails, later ones answer: the file says whether there was one.
const SERVER: &str = r#"
if [ ! -e "$0" ]; then : > "$0"; echo 'no token 7151' >&2; exit 3; fi
while read -r line; do
  id=$(printf '%s' "$line" | sed -n 's/.*"id":\("[^"]*"\|[0-9]*\).*/\1/p')
  case $line in
    *'"initialize"'*) result='{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"notes-7151","version":"1.4"}}' ;;
    *'"tools/list"'*) result='{"tools":[{"name":"a","inputSchema":{"type":"object"}},{"name":"b","inputSchema":{"type":"object"}}]}' ;;
    *) [ -z "$id" ] || printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\n' "$id"; continue ;;
  esac
  printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$result"
done
"#;

/// Asks until an answer is as wanted.
async fn reported(proxy: &Proxy, wanted: impl Fn(&ServerReport) -> bool) -> ServerReport {
    let asked = async {
        loop {
            let mut stream = TcpStream::connect(proxy.admin_address().expect("an admin port"))
                .await
                .expect("a connection");
            stream
                .write_all(b"GET /status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                .await
                .expect("the request is sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.expect("an answer");
            let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
            let report = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
            if wanted(&report) {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.expect("the proxy says so in time")
}

fn launcher(socket: &Path, marker: &Path) -> Launcher {
    let command = ["sh", "-c", SERVER, marker.to_str().expect("a path of ours")].map(str::to_owned).to_vec();
    let (socket, termination_log) = (socket.to_owned(), marker.with_extension("none"));
    let grace = Duration::from_secs(1);
    Launcher::new(LaunchOptions { socket, allow_env: Vec::new(), grace, termination_log, command })
        .expect("a shell")
}

#[tokio::test]
async fn what_a_proxy_says_is_understood() {
    let folder = std::env::temp_dir().join(format!("waggle-report-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let socket = folder.join("launcher.sock");
    // One process at a time: of two, a spare may be the one that is the first and fails.
    let yaml = format!(
        "listen: 127.0.0.1:0\nadmin-listen: 127.0.0.1:0\nupstream-era: legacy\nprocess-mode: shared\nlauncher: {}\n",
        socket.display()
    );
    let proxy = Proxy::start(Config::from_yaml(&yaml).unwrap()).await.unwrap();
    // Before there is anything to be said.
    assert_eq!(reported(&proxy, |_| true).await, ServerReport::default());

    let launching =
        TaskTracker::new().spawn(launcher(&socket, &folder.join("started")).run(std::future::pending));
    let serving = async {
        let failed = reported(&proxy, |report| report.last_exit.is_some()).await.last_exit.unwrap();
        assert!(failed.reason.contains("no token 7151"), "{failed:?}");
        assert!(failed.time.parse::<Timestamp>().is_ok(), "{failed:?}");
        let report = reported(&proxy, |report| report.tools.is_some()).await;
        let info = report.server_info.unwrap();
        assert_eq!((info.name.as_str(), info.version.as_deref()), ("notes-7151", Some("1.4")));
        assert_eq!((report.tools, report.era.as_deref()), (Some(2), Some("legacy")));
        assert_eq!(report.transport, Some(Transport::Stdio));
        assert!(
            report.protocol_versions.contains(&"2025-06-18".to_owned()),
            "{:?}",
            report.protocol_versions
        );
    };
    serving.await;
    launching.abort();
    std::fs::remove_dir_all(&folder).unwrap();
}
