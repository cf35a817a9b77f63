use super::*;

const BRIDGE: &str = r#"
    [[bridge]]
    name = "one"
    command = ["one", "{port}"]
    urls = { streamable-http = "http://127.0.0.1:{port}/mcp" }
"#;

#[test]
fn a_file_is_read() {
    let text = format!(
        "seconds = 2\n{BRIDGE}\n[[cell]]\nname = \"a\"\nscenario = \"calls\"\nsessions = 3\npayload = \"64KiB\"\nhttp2 = 2\nmust = {{ rate = 0.75 }}\n"
    );
    let file = File::parse(&text).unwrap();
    assert_eq!((file.rounds, file.pipe, file.cells.len()), (3, true, 1));
    let Scenario::Calls(calls) = &file.cells[0].scenario else { panic!("{file:?}") };
    assert_eq!((calls.sessions, calls.payload.0, calls.seconds), (3, 65_536, 2.0));
    assert_eq!(file.cells[0].http2.map(NonZeroUsize::get), Some(2));
    assert_eq!(file.cells[0].must[&Measure::Rate], 0.75);
}

#[test]
fn mistakes_are_answered_with_what_to_write() {
    let cell = |text: &str| format!("{BRIDGE}\n[[cell]]\nname = \"a\"\n{text}\n");
    for (text, answer) in [
        (BRIDGE.to_owned(), "write a [[cell]]"),
        (cell("scenario = \"call\""), "cell `a`: there is no scenario `call`; write one of calls, fanout,"),
        (cell("scenario = \"calls\"\nsesions = 3"), "unknown field `sesions`, expected one of `sessions`"),
        (cell("scenario = \"calls\"\npayload = \"3 kB\""), "write one such as 200, 64KiB or 1MiB"),
        (
            cell("scenario = \"calls\"\nmeasures = [\"speed\"]"),
            "unknown variant `speed`, expected one of `rate`",
        ),
        (cell("scenario = \"calls\"\ntransport = \"http\""), "expected one of `streamable-http`"),
        (cell("scenario = \"calls\"\nhttp2 = 0"), "cell `a`: `http2` is 0; write 1 or more"),
        (cell("scenario = \"calls\"\nonly = [\"two\"]"), "there is no bridge `two`; write one of one"),
        (cell("scenario = \"idle\"\nmust = { rate = 1 }"), "not among `measures`"),
        (
            cell("scenario = \"calls\"").replace("streamable-http =", "http ="),
            "write streamable-http, sse or stateless",
        ),
        (cell("scenario = \"calls\"").replace("127.0.0.1:{port}/mcp", "192.0.2.1/mcp"), "on this machine"),
        (cell("scenario = \"calls\"").replace("[\"one\", \"{port}\"]", "[]"), "`command` is empty"),
        (cell("scenario = \"calls\"").replace("\"one\"", "\"floor\""), "the name is taken"),
        (format!("rounds = 0\n{}", cell("scenario = \"calls\"")), "write 1 or more"),
        (
            cell("scenario = \"calls\"\n[[growth]]\nname=\"g\"\ncells=[\"b\"]\nmeasure=\"cpu\"\nwithin=0.1"),
            "there is no cell `b`",
        ),
        ("rouns = 3".to_owned(), "unknown field `rouns`"),
    ] {
        let error = File::parse(&text).unwrap_err();
        assert!(error.contains(answer), "{text}\n{error}");
    }
}
