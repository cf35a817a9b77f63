//! Merging, precedence and mistakes, through [`Config::resolve`].

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::table::options;
use super::value::Shown;
use super::*;
use crate::cli::Cli;

/// Resolves arguments, variables and a file called `waggle.yaml`.
fn resolve(args: &[&str], env: &[(&str, &str)], file: &str) -> Result<Config, Vec<String>> {
    let args = ["waggle-proxy"].iter().chain(args).map(OsString::from);
    let env = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let read_file = |path: &Path| match path.to_str() {
        Some("waggle.yaml") => Ok(file.to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let cli = Cli::read(args).expect("neither help nor version is asked for");
    Config::resolve(&cli, env, read_file)
        .map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
}

fn from_file(file: &str) -> Result<Config, Vec<String>> {
    resolve(&["--config", "waggle.yaml"], &[], file)
}

#[test]
fn nothing_given_is_the_default() {
    assert_eq!(resolve(&[], &[], ""), Ok(Config::default()));
    assert_eq!(from_file(""), Ok(Config::default()));
    // Each key without a value.
    let empty: String = options().map(|option| format!("{}:\n", option.name)).collect();
    assert_eq!(from_file(&empty), Ok(Config::default()));
}

#[test]
fn the_documented_defaults() {
    let config = Config::default();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin_listen.unwrap().to_string(), "127.0.0.1:9090");
    assert_eq!(config.command, None);
    assert_eq!((config.process_mode, config.log_format), (ProcessMode::Auto, LogFormat::Auto));
    assert_eq!((config.limits.max_body, config.limits.max_line), (4 << 20, 64 << 20));
    assert_eq!(config.times.process_idle, Duration::from_secs(15 * 60));
    assert_eq!(config.times.queue_timeout, Duration::from_secs(5));
}

#[test]
fn flag_beats_variable_beats_file_beats_default() {
    let file = "max-body: 1KiB\n";
    let env = [("WAGGLE_MAX_BODY", "2KiB")];
    let in_file = ["--config", "waggle.yaml"];
    let in_both = ["--config", "waggle.yaml", "--max-body", "3KiB"];
    for (args, env, expected) in [
        (&[][..], &[][..], 4 << 20),
        (&in_file[..], &[][..], 1 << 10),
        (&in_file[..], &env[..], 2 << 10),
        (&in_both[..], &env[..], 3 << 10),
        (&in_both[..], &[][..], 3 << 10),
    ] {
        assert_eq!(resolve(args, env, file).unwrap().limits.max_body, expected, "{args:?} {env:?}");
    }
}

#[test]
fn every_option_has_a_flag_a_variable_and_a_key() {
    let values = [
        "61s",
        "7KiB",
        "7",
        "127.0.0.1:7",
        "https://a.test",
        "a.test",
        "shared",
        "json",
        "trace",
        "sse",
        "legacy",
        "x-key=@a",
    ];
    for option in options() {
        let mut expected = Config::default();
        let value = values.iter().find(|value| (option.set)(&mut expected, &[(**value).to_owned()]).is_ok());
        let value = *value.unwrap();
        let mut roomy = vec![];
        if option.name == "stdin-queue" {
            // Smaller than the default body.
            expected.limits.max_body = 1 << 10;
            roomy = vec!["--max-body", "1KiB"];
        }
        let flag = format!("--{}", option.name);
        let by_flag = resolve(&[&roomy[..], &[&flag, value]].concat(), &[], "");
        assert_eq!(by_flag, Ok(expected.clone()), "{flag} {value}");
        let by_env = resolve(&roomy, &[(&option.env(), value)], "");
        assert_eq!(by_env, Ok(expected.clone()), "{}", option.env());
        let key = format!("{}: {value}", option.name);
        let by_key = resolve(&[&roomy[..], &["--config", "waggle.yaml"]].concat(), &[], &key);
        assert_eq!(by_key, Ok(expected), "{key}");
    }
}

#[test]
fn the_file_may_be_named_by_variable_and_the_flag_wins() {
    let env = [("WAGGLE_CONFIG", "waggle.yaml")];
    assert_eq!(resolve(&[], &env, "grace: 7s").unwrap().times.grace, Duration::from_secs(7));
    let other = resolve(&["--config", "other.yaml"], &env, "grace: 7s").unwrap_err();
    assert_eq!(other.len(), 1);
    assert!(other[0].starts_with("cannot read `other.yaml`, named by flag `--config`: "), "{other:?}");
    let missing = resolve(&[], &[("WAGGLE_CONFIG", "other.yaml")], "").unwrap_err();
    assert!(missing[0].starts_with("cannot read `other.yaml`, named by `WAGGLE_CONFIG`: "), "{missing:?}");
}

#[test]
fn lists_repeat_split_and_replace() {
    let origins = |config: Result<Config, Vec<String>>| config.unwrap().allowed_origins;
    let both = ["https://a.test", "https://b.test"];
    let flags = ["--allowed-origin", "https://a.test", "--allowed-origin", "https://B.test"];
    assert_eq!(origins(resolve(&flags, &[("WAGGLE_ALLOWED_ORIGIN", "*")], "")), both);
    assert_eq!(
        origins(resolve(&[], &[("WAGGLE_ALLOWED_ORIGIN", "https://a.test, https://b.test")], "")),
        both
    );
    assert_eq!(origins(from_file("allowed-origin: [https://a.test, 'https://b.test']")), both);
    assert_eq!(origins(from_file("allowed-origin: https://a.test,https://b.test")), both);
    assert!(origins(from_file("allowed-origin: []")).is_empty());
}

#[test]
fn the_command_comes_from_the_line_or_the_file() {
    let words = |config: Result<Config, Vec<String>>| config.unwrap().command.unwrap_or_default();
    let file = "command: [npx, -y, server@1.10, 1.10, off]";
    assert_eq!(words(from_file(file)), ["npx", "-y", "server@1.10", "1.10", "off"]);
    let args = ["--config", "waggle.yaml", "--", "uvx", "--listen", "x", "--", "-h"];
    assert_eq!(words(resolve(&args, &[], file)), ["uvx", "--listen", "x", "--", "-h"]);
    for (file, value, problem) in [
        ("command: npx foo", "npx foo", "is not a list of words"),
        ("command: []", "[]", "names no program"),
        ("command: ['']", "[]", "names no program"),
        ("command: {run: npx}", "{…}", "is not a list of words"),
        ("command: [[npx]]", "{…}", "is not a list of words"),
    ] {
        assert_eq!(
            from_file(file),
            Err(vec![format!(
                "`waggle.yaml: command`: `{value}` {problem}; \
                 write the program and its arguments as a list, such as `[npx, -y, some-server]`"
            )]),
            "{file}"
        );
    }
    let empty = resolve(&["--", ""], &[], "").unwrap_err();
    assert_eq!(empty.len(), 1);
    assert!(empty[0].starts_with("the command after `--`: "), "{empty:?}");
}

#[test]
fn every_mistake_of_every_source_at_once() {
    let args =
        ["--config", "waggle.yaml", "--max-bodyy", "5XB", "--grace", "7", "--max-line=0", "--max-line=1KiB"];
    let env =
        [("WAGGLE_LISTEN", "localhost"), ("WAGGLE_MAX_LINES", "7"), ("WAGGLE_COLOUR", "red"), ("PATH", "x")];
    let file = "max_body: 4MiB\nlog: inof\ngrace: soon\nkeep-alive: [1s]\nlisten: {port: 1}\nlog-format: json\n\
                warm-processes: 2\nwarm-processes: 3\n";
    assert_eq!(
        resolve(&args, &env, file).unwrap_err(),
        [
            "flag `--max-bodyy`: there is no such option; did you mean `--max-body`?",
            "flag `--max-line` is given 2 times; write it once",
            "flag `--grace`: `7` has no unit; write a duration with its unit from 100ms to 1h, such as `250ms`, `15s`, `5m` or `1h30m`",
            "flag `--max-line`: `0` is too small; write a size from 1KiB to 1GiB, such as `64KiB`, `4MiB` or plain bytes",
            "`WAGGLE_COLOUR`: there is no such option; `waggle-proxy --help` lists them all",
            "`WAGGLE_MAX_LINES`: there is no such option; did you mean `WAGGLE_MAX_LINE`?",
            "`WAGGLE_LISTEN`: `localhost` is not an address; write an IP address and a port, such as `127.0.0.1:8080`, `[::1]:8080` or `0.0.0.0:8080` for every interface",
            "`waggle.yaml: max_body`: there is no such option; did you mean `max-body`?",
            "`waggle.yaml: keep-alive`: `[1s]` is a list; write a duration with its unit from 1s to 1h, such as `250ms`, `15s`, `5m` or `1h30m`",
            "`waggle.yaml: listen`: `{…}` is nested; write an IP address and a port, such as `127.0.0.1:8080`, `[::1]:8080` or `0.0.0.0:8080` for every interface",
            "`waggle.yaml: warm-processes` is given 2 times; write it once",
            "`waggle.yaml: log`: `inof` is not a log filter; write a level (`error`, `warn`, `info`, `debug`, `trace` or `off`), with exceptions after it if needed, such as `warn,waggle_proxy=debug`",
            "`waggle.yaml: grace`: `soon` is not a duration; write a duration with its unit from 100ms to 1h, such as `250ms`, `15s`, `5m` or `1h30m`",
        ]
    );
}

#[test]
fn a_file_that_is_no_mapping_is_one_mistake() {
    for (file, start) in [
        ("a: [", "`waggle.yaml`: is not valid YAML: "),
        ("- a", "`waggle.yaml`: is not a mapping; write one `key: value` per line"),
    ] {
        let mistakes = from_file(file).unwrap_err();
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert!(mistakes[0].starts_with(start), "{mistakes:?}");
        assert!(!mistakes[0].contains('\n'), "{mistakes:?}");
    }
}

#[cfg(unix)]
#[test]
fn unreadable_bytes_are_a_bad_value() {
    use std::os::unix::ffi::OsStringExt as _;
    let value = OsString::from_vec(b"4MiB\xff".to_vec());
    let env = [(OsString::from("WAGGLE_MAX_BODY"), value.clone())];
    let mistakes = Config::resolve(&Cli::default(), env, |_| Ok(String::new())).unwrap_err();
    assert!(mistakes[0].to_string().starts_with("`WAGGLE_MAX_BODY`: `4MiB\u{fffd}` is not a size; "));
    let cli = Cli::read(["waggle-proxy".into(), "--max-body".into(), value]).unwrap();
    let mistakes = Config::resolve(&cli, [], |_| Ok(String::new())).unwrap_err();
    assert!(mistakes[0].to_string().starts_with("flag `--max-body`: `4MiB\u{fffd}` is not a size; "));
}

#[test]
fn values_that_do_not_fit_together() {
    for (args, env, file, mistakes) in [
        (
            &["--max-body", "32MiB"][..],
            &[][..],
            "",
            &["flag `--max-body` is `32MiB` and `stdin-queue` is `16MiB` by default; \
               write a `stdin-queue` that can hold the largest body"][..],
        ),
        (
            &["--warm-processes", "3", "--config", "waggle.yaml"],
            &[("WAGGLE_LISTEN", "0.0.0.0:9090")],
            "max-processes: 2",
            &[
                "`WAGGLE_LISTEN` is `0.0.0.0:9090` and `admin-listen` is `127.0.0.1:9090` by default; \
                 write different ports, or `off` for `admin-listen`",
                "flag `--warm-processes` is `3` and `waggle.yaml: max-processes` is `2`; \
                 write no more spare processes than there may be in all",
            ],
        ),
        (
            &["--upstream", "https://a.test/mcp", "--", "npx", "-y", "server"],
            &[],
            "",
            &["flag `--upstream` is `https://a.test/mcp` and the command after `--` is `npx -y server`; \
               write one of them: the proxy serves one server"],
        ),
        (
            &["--config", "waggle.yaml"],
            &[("WAGGLE_UPSTREAM", "https://a.test/mcp")],
            "command: [server]",
            &["`WAGGLE_UPSTREAM` is `https://a.test/mcp` and `waggle.yaml: command` is `server`; \
               write one of them: the proxy serves one server"],
        ),
        (
            &["--launcher", "/run/l.sock", "--", "npx", "server"],
            &[],
            "",
            &["flag `--launcher` is `/run/l.sock` and the command after `--` is `npx server`; \
               give the command to `waggle-proxy launch`, which runs it"],
        ),
        (
            &["--launcher", "/run/l.sock"],
            &[("WAGGLE_UPSTREAM", "https://a.test/mcp"), ("WAGGLE_SERVER_ENV", "KEY=sesame")],
            "",
            &[
                "flag `--launcher` is `/run/l.sock` and `WAGGLE_UPSTREAM` is `https://a.test/mcp`; \
                 write one of them: the proxy serves one server",
                "`WAGGLE_SERVER_ENV` is `KEY=<hidden>` and `WAGGLE_UPSTREAM` is `https://a.test/mcp`; \
                 leave out the variables: the proxy does not start a server that is reached over HTTP",
            ],
        ),
        // A value that was not understood conflicts with nothing.
        (
            &["--max-body", "32MiB", "--stdin-queue", "64M"],
            &[],
            "",
            &["flag `--stdin-queue`: `64M` is not a size; \
               write a size from 1KiB to 1GiB, such as `64KiB`, `4MiB` or plain bytes"],
        ),
    ] {
        assert_eq!(resolve(args, env, file).unwrap_err(), mistakes, "{args:?}");
    }
    for args in [
        &["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"][..],
        &["--listen", "127.0.0.1:9090", "--admin-listen", "off"],
        &["--listen", "127.0.0.1:9090", "--admin-listen", "127.0.0.2:9090"],
        &["--warm-processes", "99", "--process-mode", "shared"],
        &["--warm-processes", "64"],
    ] {
        assert!(resolve(args, &[], "").is_ok(), "{args:?}");
    }
}

/// Configurations with every field set to some valid value.
fn any_config() -> impl Strategy<Value = Config> {
    let words = prop::collection::vec(".*", 0..4);
    let origins =
        prop::collection::vec("(https?|x-y)://[a-z0-9]{1,9}(\\.[a-z]{2,3})?(:[1-9][0-9]{0,3})?", 0..3);
    let url = prop::option::of("https?://[a-z]{1,9}(:[1-9][0-9]{0,3})?(/[a-zA-Z0-9._~-]{3,9}){0,2}");
    let log = prop::sample::select(vec!["off", "debug", "warn,hyper=trace", "a::b=info"]);
    let numbers = prop::collection::vec(any::<u64>(), 64);
    let enums = (0..3_usize, 0..3_usize);
    (words, origins, url, log, numbers, enums).prop_map(
        |(words, origins, url, log, numbers, (mode, format))| {
            let mut config = Config::default();
            let mut numbers = numbers.into_iter();
            for option in options() {
                let number = numbers.next().unwrap_or_default();
                // The form decides which of these is taken; a refused one leaves the field alone.
                for text in [
                    format!("{}ms", number % 500_000),
                    (1_024 + number % 1_000_000).to_string(),
                    format!("10.{}.{}.1:{}", number >> 8 & 255, number & 255, number >> 16 & 0xffff),
                ] {
                    let _ = (option.set)(&mut config, &[text]);
                }
            }
            config.process_mode = [ProcessMode::Auto, ProcessMode::Session, ProcessMode::Shared][mode];
            config.log_format = [LogFormat::Auto, LogFormat::Text, LogFormat::Json][format];
            config.log_filter = log.to_owned();
            let mut texts = Config::default();
            for option in options().filter(|option| option.repeatable()) {
                let _ = (option.set)(&mut texts, &origins);
            }
            config.allowed_origins = texts.allowed_origins;
            config.public_url = url.map(|url| url.parse().expect("the strategy writes valid URLs"));
            config.command =
                Some(words).filter(|words| words.first().is_some_and(|program| !program.is_empty()));
            config.launcher = config.launcher.filter(|_| config.command.is_none());
            config.limits.max_body = config.limits.max_body.min(config.limits.stdin_queue);
            config.limits.warm_processes = config.limits.warm_processes.min(config.limits.max_processes);
            if config.listen.port() == config.admin_listen.map_or(0, |address| address.port()) {
                config.admin_listen = None;
            }
            config
        },
    )
}

proptest! {
    #[test]
    fn the_effective_configuration_reads_back_equal(config in any_config()) {
        let yaml = config.to_yaml().unwrap();
        prop_assert_eq!(from_file(&yaml), Ok(config), "{}", yaml);
    }

    #[test]
    fn no_file_panics_and_every_mistake_is_one_line(file in ".*(\n.*){0,4}") {
        if let Err(mistakes) = from_file(&file) {
            prop_assert!(!mistakes.is_empty());
            prop_assert!(mistakes.iter().all(|mistake| !mistake.contains('\n')), "{:?}", mistakes);
        }
    }

    #[test]
    fn no_value_panics_and_what_is_taken_reads_back(text in "[-0-9a-zA-Z:/._*,=\\[\\]% é]{0,12}") {
        for option in options() {
            let mut config = Config::default();
            // These values are never shown, unless they are in a file.
            let in_file = text.split_once('=').is_some_and(|(_, value)| value.trim().starts_with('@'));
            let hidden = ["upstream-header", "server-env"].contains(&option.name) && !in_file;
            if (option.set)(&mut config, std::slice::from_ref(&text)).is_ok() && !hidden {
                let texts = match (option.show)(&config) {
                    Shown::Nothing => continue,
                    Shown::One(text) => vec![text],
                    Shown::Many(texts) => texts,
                };
                let mut again = Config::default();
                prop_assert_eq!((option.set)(&mut again, &texts), Ok(()));
                prop_assert_eq!(again, config);
            }
        }
    }

    #[test]
    fn no_command_line_panics(args in prop::collection::vec("(--?)?(max-body|listen|demo|config|x|grace|check-config)?=?[0-9a-z]{0,3}", 0..8)) {
        let args = [OsString::from("waggle-proxy")].into_iter().chain(args.into_iter().map(OsString::from));
        if let Ok(cli) = Cli::read(args) {
            let _ = Config::resolve(&cli, [], |_| Ok(String::new()));
        }
    }
}
