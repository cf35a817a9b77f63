//! Starts that fail, for the launcher, for the copy of the program and for the socket: a sentence, and a status.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::{
    Launching, Options, Pod, Request, Session, eventually, fake_server, initialize, is_root, run,
};

fn program(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waggle-proxy"));
    command.args(words).output().unwrap()
}

/// The exit code and the one sentence.
fn refused(output: &Output) -> (i32, String) {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let mut lines = text.lines();
    let sentence = lines.next().unwrap_or_default().to_owned();
    assert_eq!((lines.next(), output.stdout.as_slice()), (None, &b""[..]), "{text}");
    (output.status.code().unwrap(), sentence)
}

#[tokio::test]
async fn a_command_that_can_never_be_run_ends_the_launcher_with_a_sentence() {
    for (command, code, parts) in [
        ("no-such-command-anywhere", 127, ["there is no command `no-such-command-anywhere`", "PATH is"]),
        ("/no/such/server", 127, ["there is no command `/no/such/server`", "check the spelling"]),
        ("/etc/passwd", 126, ["`/etc/passwd` may not be executed", "chmod +x"]),
        ("/etc", 126, ["`/etc` is a folder", "path of a program"]),
    ] {
        let pod = Pod::new();
        let log = pod.file("termination-log");
        std::fs::write(&log, "what was there before, which is longer than what comes now".repeat(9)).unwrap();
        let options = ["--termination-log", log.to_str().unwrap()];
        let launcher = Launching::new(&pod).options(&options).command(&[command, "--flag"]).start();
        let (status, sentences) = launcher.ended().await;
        assert_eq!(status.code(), Some(code), "{sentences:?}");
        assert_eq!(sentences.len(), 1, "{sentences:?}");
        let sentence = sentences[0].strip_prefix("error: ").unwrap();
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
        assert_eq!(std::fs::read_to_string(&log).unwrap(), sentence);
    }
    // Where there is no such file, none is made.
    let pod = Pod::new();
    let log = pod.file("none");
    let options = ["--termination-log", log.to_str().unwrap()];
    let launcher = Launching::new(&pod).options(&options).command(&["no-such-command-anywhere"]).start();
    assert_eq!(launcher.ended().await.0.code(), Some(127));
    assert!(!log.exists());
}

#[tokio::test]
async fn a_volume_without_execution_is_named() {
    if !is_root("a mount") {
        return;
    }
    let pod = Pod::new();
    let place = pod.file("mount");
    std::fs::create_dir(&place).unwrap();
    let place = place.to_str().unwrap();
    let server = format!("{place}/server");
    let fake = fake_server();
    let mount = "mount -t tmpfs -o noexec tmpfs \"$0\" && cp \"$1\" \"$0/server\" && shift && exec \"$@\"";
    let words = ["unshare", "--mount", "sh", "-c", mount, place, fake.to_str().unwrap()];
    let (status, sentences) = Launching::within(&pod, &words).command(&[&server]).start().ended().await;
    assert_eq!(status.code(), Some(126), "{sentences:?}");
    assert_eq!(sentences.len(), 1);
    assert!(
        sentences[0]
            .contains(&format!("`{server}` may not be executed: its file system is mounted `noexec`"))
    );
}

#[tokio::test]
async fn what_is_found_only_by_trying_is_told_to_clients_and_in_the_status() {
    for (text, part) in [
        ("#!/no/such/interpreter\n", "what should run it is missing"),
        ("no program at all\n", "another kind of machine"),
        ("#!/etc/passwd\n", "the interpreter named in its first line may not be executed"),
    ] {
        let pod = Pod::new();
        let server = pod.file("server");
        // By another process: a child of another test that holds our descriptor for a moment would make it busy.
        let write = "printf '%s' \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let written = Command::new("sh").args(["-c", write]).arg(&server).arg(text).status().unwrap();
        assert!(written.success());
        let waggle = Options::launched(&pod).start().await;
        let launcher = Launching::new(&pod).command(&[server.to_str().unwrap()]).start();
        let body = initialize("2025-11-25", json!({})).to_string();
        let response = Request::post("/mcp", body).send(waggle.address).await;
        assert_eq!(response.status, 503);
        let message = response.json().await["error"]["message"].as_str().unwrap().to_owned();
        assert!(
            message.starts_with("the MCP server cannot be started: `") && message.contains(part),
            "{message}"
        );
        let told =
            async || waggle.status().await["lastExit"]["reason"].as_str().is_some_and(|r| r.contains(part));
        eventually("it is in the status", told).await;
        // Neither program gives up.
        assert_eq!(Request::new("GET", "/livez").send(waggle.admin).await.status, 200);
        waggle.stop().await;
        launcher.stop().await;
    }
}

#[tokio::test]
async fn a_server_that_fails_at_its_first_start_ends_neither_program() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let launcher = Launching::new(&pod).server(&[], &["--fail"]).start();
    let body = initialize("2025-11-25", json!({})).to_string();
    let response = Request::post("/mcp", body).send(waggle.address).await;
    assert_eq!(response.status, 503);
    assert!(response.json().await["error"]["message"].as_str().unwrap().contains("exited with status 3"));
    assert!(!waggle.is_ready().await);
    let exit = waggle.status().await["lastExit"]["reason"].as_str().unwrap().to_owned();
    assert!(exit.contains("exited with status 3") && exit.ends_with("cannot open the database"), "{exit}");
    // The next container is better.
    launcher.stop().await;
    let launcher = Launching::new(&pod).start();
    eventually("ready", async || waggle.is_ready().await).await;
    Session::open(&waggle).await.script(json!([])).await;
    waggle.stop().await;
    launcher.stop().await;
}

#[test]
fn the_program_copies_itself() {
    let pod = Pod::new();
    let folder = pod.file("");
    let copy = pod.file("waggle-proxy");
    // Also over one that is there.
    for _ in 0..2 {
        let output = program(&["install", folder.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o7777, 0o755);
        let version = Command::new(&copy).arg("--version").output().unwrap();
        assert!(version.stdout.starts_with(b"waggle-proxy "));
    }
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left");
    // What is there and the same is kept, for those who run it; what is not the same is replaced.
    let file = || std::fs::metadata(&copy).unwrap().ino();
    let (kept, mut bytes) = (file(), std::fs::read(&copy).unwrap());
    program(&["install", folder.to_str().unwrap()]);
    assert_eq!(file(), kept);
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&copy, &bytes).unwrap();
    program(&["install", folder.to_str().unwrap()]);
    assert!(std::fs::read(&copy).unwrap() != bytes);
    std::fs::write(&copy, "half").unwrap();
    program(&["install", folder.to_str().unwrap()]);
    assert_eq!(std::fs::metadata(&copy).unwrap().len(), bytes.len() as u64);
    for (folder, parts) in [
        (
            "/no/such/folder",
            ["cannot copy this program to `/no/such/folder/waggle-proxy`", "there is no folder"],
        ),
        (copy.to_str().unwrap(), ["cannot copy", "that is no folder"]),
    ] {
        let (code, sentence) = refused(&program(&["install", folder]));
        assert_eq!(code, 1);
        assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}");
    }
}

#[test]
fn it_goes_on_as_the_copy() {
    let pod = Pod::new();
    let folder = pod.file("");
    let words = ["install", folder.to_str().unwrap(), "--"];
    let said = program(&[&words[..], &["--version"]].concat());
    assert!(said.status.success() && said.stdout.starts_with(b"waggle-proxy "), "{said:?}");
    assert!(pod.file("waggle-proxy").exists());
    // With its arguments as they are.
    let (code, sentence) = refused(&program(&[&words[..], &["--listen", "nowhere"]].concat()));
    assert_eq!(code, 64);
    assert!(sentence.contains("`--listen`"), "{sentence}");
    // A copy that cannot be made ends it.
    assert_eq!(refused(&program(&["install", "/no/such/folder", "--", "--version"])).0, 1);
}

#[test]
fn where_the_copy_may_not_be_executed_the_program_goes_on_as_itself() {
    if !is_root("a mount") {
        return;
    }
    let pod = Pod::new();
    let place = pod.file("mount");
    std::fs::create_dir(&place).unwrap();
    let shell = "mount -t tmpfs -o noexec tmpfs \"$0\" || exit 9; exec \"$1\" install \"$0\" -- --version";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", shell]).arg(&place).arg(env!("CARGO_BIN_EXE_waggle-proxy"));
    let said = command.output().unwrap();
    assert!(said.status.success() && said.stdout.starts_with(b"waggle-proxy "), "{said:?}");
}

#[tokio::test]
async fn a_proxy_is_awaited_by_its_admin_port() {
    let pod = Pod::new();
    let waggle = Options::launched(&pod).start().await;
    let admin = waggle.admin.to_string();
    let waiting = Command::new(env!("CARGO_BIN_EXE_waggle-proxy")).args(["await", &admin]).spawn().unwrap();
    // No launcher is there yet: it lives, and is not ready.
    let ended = tokio::task::spawn_blocking(|| waiting.wait_with_output()).await.unwrap();
    assert!(ended.unwrap().status.success());
    assert!(!waggle.is_ready().await);
    waggle.stop().await;
    let (code, sentence) = refused(&program(&["await", &admin, "--timeout", "50ms"]));
    assert_eq!(code, 1);
    assert!(sentence.starts_with(&format!("error: no proxy lives at {admin} after 0.05 s: ")), "{sentence}");
}

#[test]
fn a_copy_that_fails_says_why_and_leaves_nothing() {
    if !is_root("mounts") {
        return;
    }
    let pod = Pod::new();
    let place = pod.file("mount");
    std::fs::create_dir(&place).unwrap();
    for (options, why) in [("size=64k", "no space is left on"), ("ro", "is mounted read-only")] {
        let shell = format!(
            "mount -t tmpfs -o {options} tmpfs \"$0\" || exit 9; \"$@\"; code=$?; ls -A \"$0\"; exit $code"
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &shell]).arg(&place).arg(env!("CARGO_BIN_EXE_waggle-proxy"));
        let (code, sentence) = refused(&command.arg("install").arg(&place).output().unwrap());
        assert_eq!(code, 1, "{sentence}");
        assert!(sentence.contains(why), "{sentence}");
    }
}

#[test]
fn mistakes_on_the_command_line_are_sentences() {
    for (words, sentence) in [
        (&["launch", "--", "x"][..], "error: --socket <PATH> missing; see `waggle-proxy launch --help`"),
        (&["launch", "--socket", "/run/x"], "error: <COMMAND> missing; see `waggle-proxy launch --help`"),
        (&["install"], "error: <DIR> missing; see `waggle-proxy install --help`"),
        (&["await"], "error: <ADDRESS> missing; see `waggle-proxy await --help`"),
    ] {
        assert_eq!(refused(&program(words)), (64, sentence.to_owned()));
    }
    let (code, sentence) = refused(&program(&["launch", "--socket", "/x", "--grace", "7", "--", "x"]));
    assert_eq!(code, 64);
    assert!(sentence.contains("has no unit; write a duration with its unit"), "{sentence}");
    let long = "x".repeat(200);
    let (code, sentence) = refused(&program(&["launch", "--socket", &long, "--", "x"]));
    assert_eq!(code, 64);
    assert!(sentence.contains("longer than the 107 bytes that a socket's path may have"), "{sentence}");
    for words in [&["launch", "--help"], &["install", "--help"]] {
        assert!(String::from_utf8(program(words).stdout).unwrap().contains("Usage: waggle-proxy"));
    }
}

#[tokio::test]
async fn a_socket_that_cannot_be_made_ends_the_proxy_with_a_sentence() {
    let pod = Pod::new();
    std::fs::write(pod.socket(), "a file").unwrap();
    let ended = run(Options::launched(&pod)).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.sentences[0].contains("launcher.sock for the launcher: there is something else"));
    std::fs::remove_file(pod.socket()).unwrap();
    let waggle = Options::launched(&pod).start().await;
    let ended = run(Options::launched(&pod)).await;
    assert!(ended.sentences[0].contains("another proxy listens on it"), "{:?}", ended.sentences);
    let mode = std::fs::metadata(pod.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666, "another user of the pod may connect");
    assert_eq!(waggle.status().await["lastExit"], Value::Null);
    waggle.stop().await;
    // One that is left from a proxy that was killed is replaced.
    drop(std::os::unix::net::UnixListener::bind(pod.socket()).unwrap());
    let waggle = Options::launched(&pod).start().await;
    waggle.stop().await;
}
