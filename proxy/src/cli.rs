//! The command line: raw texts, taken apart and not yet understood.
//!
//! Flags come from the table of options in [`crate::config`]; what they mean is decided there, so
//! that mistakes in flags, environment and file are reported together. For the same reason a flag
//! that does not exist is set aside here and reading goes on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};

use crate::config::{Mistake, Source, all_options, nearest};
use crate::launch::{InstallOptions, LaunchOptions};
use crate::probe::{AwaitOptions, ProbeOptions};

/// The command line of `waggle-proxy`, as it was typed.
#[derive(Debug, Default, Parser)]
#[command(
    name = "waggle-proxy",
    version,
    about = "Puts any MCP server behind one URL that every MCP client can use",
    after_help = "Without COMMAND and URL the built-in demo server is served. stdout carries one line, the URL; logs go to stderr.",
    override_usage = "waggle-proxy [OPTIONS] [-- COMMAND [ARGS]...]\n       waggle-proxy [OPTIONS] --upstream URL\n       waggle-proxy [OPTIONS] --launcher PATH\n       waggle-proxy launch --socket PATH -- COMMAND [ARGS]...\n       waggle-proxy install DIR [-- ARGS...]\n       waggle-proxy await ADDRESS\n       waggle-proxy probe URL\n       waggle-proxy demo",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// YAML file with the same options as keys, without `--`, and `command: [..]`
    /// [env: WAGGLE_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the effective configuration as YAML, every default included, and exit
    #[arg(long)]
    pub check_config: bool,

    /// The stdio MCP server to run, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<String>,

    #[command(flatten)]
    flags: Flags,

    #[command(subcommand)]
    mode: Option<Mode>,

    #[arg(skip)]
    mistakes: Vec<Mistake>,
}

/// The subcommands as they are typed.
const DEMO: &str = "demo";
const LAUNCH: &str = "launch";
const INSTALL: &str = "install";
const PROBE: &str = "probe";
const AWAIT: &str = "await";

/// What else the program can do.
#[derive(Clone, Debug, Subcommand)]
pub enum Mode {
    /// Run the built-in demo server on stdin and stdout
    #[command(name = DEMO)]
    Demo,
    /// Run the server's processes in this container, for the proxy in another one
    #[command(
        name = LAUNCH,
        override_usage = "waggle-proxy launch [OPTIONS] --socket PATH -- COMMAND [ARGS]...",
        after_help = "The first process of a server's container. Exits with 127 if there is no such command, and with 126 if it may not be executed."
    )]
    Launch(LaunchOptions),
    /// Copy this program to where another container can execute it
    #[command(name = INSTALL)]
    Install(InstallOptions),
    /// Wait until a proxy lives, by its admin port
    #[command(name = AWAIT)]
    Await(AwaitOptions),
    /// Connect to an MCP server as a client does, and print its name and how many tools it has
    #[command(name = PROBE)]
    Probe(ProbeOptions),
}

impl Cli {
    /// Reads the arguments of the process, its own name first. Never fails on a mistake: those are
    /// kept in [`Cli::mistakes`] for [`crate::config::Config::resolve`].
    ///
    /// # Errors
    ///
    /// When the user asked for help or the version: the error is the text to print.
    pub fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut args: Vec<OsString> = args.into_iter().collect();
        let mut mistakes = Vec::new();
        // Each turn ends or takes at least one argument away.
        loop {
            let error = match Self::try_parse_from(&args) {
                Ok(cli) => return Ok(Self { mistakes, ..cli }),
                Err(error) => error,
            };
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                return Err(error);
            }
            let (mistake, rest) = diagnose(&error, &args);
            mistakes.push(mistake);
            match rest {
                Some(rest) => args = rest,
                None => return Ok(Self { mistakes, ..Self::default() }),
            }
        }
    }

    /// A command line that names a configuration file and nothing else.
    pub(crate) fn naming(config: PathBuf) -> Self {
        Self { config: Some(config), ..Self::default() }
    }

    /// What was asked for in place of a proxy, if the command line is without mistakes: nothing else on it
    /// counts then.
    pub fn mode(&self) -> Option<&Mode> {
        self.mode.as_ref().filter(|_| self.mistakes.is_empty())
    }

    /// What could not be read, each as a sentence.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The options given as flags, each with all its texts.
    pub(crate) fn options(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        self.flags.0.iter().map(|(name, texts)| (*name, texts.as_slice()))
    }
}

/// The texts of every flag of the table that was given.
#[derive(Clone, Debug, Default)]
struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        all_options().fold(command, |command, option| {
            let default = match option.default_text() {
                text if text.is_empty() => text,
                text => format!(" [default: {text}]"),
            };
            let repeatable =
                option.separator.map(|with| format!(" [repeatable, or with {with}]")).unwrap_or_default();
            let meaning = option.meaning();
            command.arg(
                Arg::new(option.name)
                    .long(option.name)
                    .value_name(option.value_name)
                    .help(format!("{meaning}{default}{repeatable}"))
                    .long_help(format!(
                        "{meaning} {}{default}{repeatable} [env: {}]",
                        option.at_limit,
                        option.env()
                    ))
                    .help_heading(option.heading)
                    // Whether it may repeat is checked with everything else.
                    .action(ArgAction::Append)
                    // So that `--grace -1` is a bad value and not an unknown flag.
                    .allow_negative_numbers(true)
                    .value_parser(ValueParser::os_string()),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for option in all_options() {
            if let Some(texts) = matches.get_many::<OsString>(option.name) {
                let texts = texts.map(|text| text.to_string_lossy().into_owned()).collect();
                self.0.insert(option.name, texts);
            }
        }
        Ok(())
    }
}

/// Turns an error of the parser into a sentence, and returns the arguments without what caused it
/// so that the rest can be read; `None` when there is no telling where to go on.
fn diagnose(error: &clap::Error, args: &[OsString]) -> (Mistake, Option<Vec<OsString>>) {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let end_of_options = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let find = |word: &str, matches: &dyn Fn(usize, &str) -> bool| {
        let found = (1..end_of_options).find(|at| args[*at].to_str().is_some_and(|arg| matches(*at, arg)));
        found.map(|at| (at, word.to_owned()))
    };
    let without = |from: usize, to: usize| Some([&args[..from], &args[to..]].concat());
    // Whether the argument at `at` is there and does not look like a flag.
    let is_value = |at: usize| at < end_of_options && !args[at].to_string_lossy().starts_with('-');

    match args.get(1).and_then(|arg| arg.to_str()) {
        Some(DEMO) => return (Mistake::BesideDemo, None),
        Some(mode @ (LAUNCH | INSTALL | AWAIT | PROBE)) => return (misused(mode, error), None),
        _ => {}
    }
    let invalid = context(ContextKind::InvalidArg).or_else(|| context(ContextKind::InvalidSubcommand));
    match (error.kind(), invalid) {
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(word)) if word.starts_with('-') => {
            let name = word.split('=').next().unwrap_or(word);
            let same = |_, arg: &str| arg == word || arg.split('=').next() == Some(name);
            let mistake =
                Mistake::Unknown { place: Source::Flag(name.to_owned()), suggestion: suggest_flag(name) };
            let rest = find(word, &same).and_then(|(at, _)| {
                // What follows was meant as its value.
                let has_value = name.starts_with("--") && args[at] == *name && is_value(at + 1);
                without(at, at + 1 + usize::from(has_value))
            });
            (mistake, rest)
        }
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(DEMO)) => {
            (Mistake::BesideDemo, None)
        }
        (ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand, Some(word)) => {
            let found = find(word, &|_, arg| arg == word);
            let words = found.as_ref().map_or(&[][..], |(at, _)| &args[*at..]);
            let command: Vec<_> =
                words.iter().filter(|arg| *arg != "--").map(|arg| arg.to_string_lossy()).collect();
            let mistake = Mistake::BareCommand { word: word.to_owned(), command: command.join(" ") };
            // Everything from here on belongs to the command.
            (mistake, found.map(|(at, _)| args[..at].to_vec()))
        }
        (ErrorKind::InvalidValue | ErrorKind::TooFewValues, Some(usage)) => {
            // The context holds `--grace <DURATION>`.
            let flag = usage.split(' ').next().unwrap_or(usage);
            let name = flag.trim_start_matches('-');
            let option = all_options().find(|option| option.name == name);
            let mistake = Mistake::NoValue {
                place: Source::Flag(flag.to_owned()),
                expected: option
                    .map_or_else(|| "the path of a YAML file".to_owned(), |option| option.expected()),
            };
            let found = find(flag, &|at, arg| arg == flag && !is_value(at + 1));
            (mistake, found.and_then(|(at, _)| without(at, at + 1)))
        }
        _ => (Mistake::Usage(first_line(error)), None),
    }
}

/// What is wrong with the words after a subcommand.
fn misused(mode: &str, error: &clap::Error) -> Mistake {
    use std::error::Error as _;
    let problem = match (error.get(ContextKind::InvalidArg), error.source()) {
        // The parser names them on lines of their own.
        (Some(ContextValue::Strings(names)), _) if error.kind() == ErrorKind::MissingRequiredArgument => {
            let names: Vec<_> = names.iter().map(|name| name.trim_end_matches("...")).collect();
            format!("{} missing", names.join(" and "))
        }
        // The value may be long.
        (Some(ContextValue::String(usage)), Some(problem)) => {
            format!("`{}` {problem}", usage.split(' ').next().unwrap_or(usage))
        }
        _ => first_line(error),
    };
    Mistake::Misused { mode: mode.to_owned(), problem }
}

/// The parser's own words, without what it adds for terminals.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

/// The flag that `flag` is a slip of the finger for.
fn suggest_flag(flag: &str) -> Option<String> {
    let fixed = ["config", "check-config", "help", "version"];
    let names = all_options().map(|option| option.name).chain(fixed);
    nearest(flag.trim_start_matches('-'), names).map(|name| format!("--{name}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The flags that were read and the mistakes.
    fn read(args: &[&str]) -> (Vec<(String, Vec<String>)>, Vec<String>) {
        let args = ["waggle-proxy"].iter().chain(args).map(OsString::from);
        let cli = Cli::read(args).unwrap();
        let flags = cli.options().map(|(name, texts)| (name.to_owned(), texts.to_vec())).collect();
        (flags, cli.mistakes().iter().map(Mistake::to_string).collect())
    }

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn reading_goes_on_after_a_mistake() {
        let grace = vec![("grace".to_owned(), vec!["5s".to_owned()])];
        for (args, start) in [
            (
                &["--gracee", "--grace", "5s"][..],
                "flag `--gracee`: there is no such option; did you mean `--grace`?",
            ),
            (&["--gracee", "1s", "--grace", "5s"], "flag `--gracee`: there is no such option"),
            (&["--gracee=1s", "--grace", "5s"], "flag `--gracee`: there is no such option"),
            (&["--grace", "5s", "-z"], "flag `-z`: there is no such option"),
            (&["--listen", "--grace", "5s"], "flag `--listen` has no value; write an IP address"),
            (&["--grace", "5s", "--config"], "flag `--config` has no value; write the path of a YAML file"),
            (&["--grace", "5s", "--listen", "--", "x"], "flag `--listen` has no value; write an IP address"),
            (&["--grace=5s", "npx", "--listen", "x"], "`npx` is not an option; "),
        ] {
            let (flags, mistakes) = read(args);
            assert_eq!(flags, grace, "{args:?}");
            assert_eq!(mistakes.len(), 1, "{args:?} {mistakes:?}");
            assert!(mistakes[0].starts_with(start), "{args:?} {mistakes:?}");
        }
    }

    #[test]
    fn what_clap_refuses_otherwise_is_a_sentence() {
        for args in [&["--check-config=7"][..], &["--config", "a", "--config", "b"]] {
            let (_, mistakes) = read(args);
            assert_eq!(mistakes.len(), 1, "{mistakes:?}");
            assert!(mistakes[0].ends_with("; see `waggle-proxy --help`"), "{mistakes:?}");
            assert!(!mistakes[0].starts_with("error"), "{mistakes:?}");
        }
    }

    #[test]
    fn help_and_version_come_first() {
        for flag in ["--help", "-h", "--version", "-V"] {
            let args = ["waggle-proxy", "--nonsense", flag].map(OsString::from);
            assert!(Cli::read(args).is_err(), "{flag}");
        }
    }
}
