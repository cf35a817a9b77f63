//! From what was given to a valid [`Config`], or to every mistake in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::file::{self, FileValue};
use super::mistake::{Mistake, Places, Source};
use super::suggest::nearest;
use super::table::{COMMAND_KEY, ENV_PREFIX, OptionSpec, env_name, options};
use super::value::Refusal;
use super::{Config, conflict, environment};
use crate::cli::Cli;

/// The flag and variable that name the file; not a key of the file itself.
const CONFIG_NAME: &str = "config";

/// A value of an option with the place it comes from.
struct Given {
    option: &'static OptionSpec,
    place: Source,
    texts: Vec<String>,
}

impl Config {
    /// Merges flags, environment, file and defaults, in this order of precedence, into a valid
    /// configuration.
    ///
    /// `environment` is every variable there is (only those named `WAGGLE_*` are looked at);
    /// `read_file` reads the configuration file. Values that a stronger source hides are checked
    /// all the same.
    ///
    /// # Errors
    ///
    /// Every mistake in every source: those of the command line, of the environment, of the file, and
    /// last those between values.
    pub fn resolve(
        cli: &Cli,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        read_file: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Result<Self, Vec<Mistake>> {
        let mut merge =
            Merge { config: Self::default(), mistakes: cli.mistakes().to_vec(), places: BTreeMap::new() };
        let flags = merge.flags(cli);
        let (variables, file_named_by_env) = merge.variables(environment);
        let file = match (&cli.config, file_named_by_env) {
            (Some(path), _) => Some((path.clone(), Source::Flag(format!("--{CONFIG_NAME}")))),
            (None, Some(path)) => Some((path, Source::Env(env_name(CONFIG_NAME)))),
            (None, None) => None,
        };
        let keys = match file {
            Some((path, named_by)) => merge.file(&path, named_by, read_file),
            None => Vec::new(),
        };
        // The weakest source first: a stronger one overwrites what it set.
        for source in [keys, variables, flags] {
            merge.apply(source);
        }
        merge.command_line(cli);
        merge.mistakes.extend(conflict::all(&merge.config, &merge.places));
        // Each source together; within one, in the order found.
        merge.mistakes.sort_by_key(Mistake::rank);
        if merge.mistakes.is_empty() { Ok(merge.config) } else { Err(merge.mistakes) }
    }
}

/// A configuration that grows, and what is wrong so far.
struct Merge {
    config: Config,
    mistakes: Vec<Mistake>,
    places: Places,
}

impl Merge {
    fn flags(&mut self, cli: &Cli) -> Vec<Given> {
        let mut given = Vec::new();
        for (name, texts) in cli.options() {
            // The flags are built from the table, so that each is in it.
            if let Some(option) = options().find(|option| option.name == name) {
                let place = Source::Flag(format!("--{name}"));
                if texts.len() > 1 && !option.repeatable() {
                    self.mistakes.push(Mistake::Repeated { place: place.clone(), times: texts.len() });
                }
                given.push(Given { option, place, texts: texts.to_vec() });
            }
        }
        given
    }

    /// The variables that are options, and the file that `WAGGLE_CONFIG` names.
    fn variables(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> (Vec<Given>, Option<PathBuf>) {
        let mut given = Vec::new();
        let mut file = None;
        for (name, value) in environment::ours(environment) {
            let place = Source::Env(name.clone());
            if name == env_name(CONFIG_NAME) {
                file = Some(PathBuf::from(value));
            } else if let Some(option) = options().find(|option| option.env() == name) {
                // Unreadable bytes become `�`, which no option takes, so the parser refuses them.
                given.push(Given { option, place, texts: vec![value.to_string_lossy().into_owned()] });
            } else {
                // Without the prefix all names share, which would make any two of them alike.
                let name = name.trim_start_matches(ENV_PREFIX);
                let known = options().map(|option| option.name).chain([CONFIG_NAME]);
                let suggestion = nearest(name, known).map(env_name);
                self.mistakes.push(Mistake::Unknown { place, suggestion });
            }
        }
        (given, file)
    }

    /// The keys of the file that are options. Sets the command right away: only the command line
    /// is stronger.
    fn file(
        &mut self,
        path: &Path,
        named_by: Source,
        read_file: impl FnOnce(&Path) -> io::Result<String>,
    ) -> Vec<Given> {
        let file = path.display().to_string();
        let text = match read_file(path) {
            Ok(text) => text,
            Err(error) => {
                self.mistakes.push(Mistake::Unreadable { file, named_by, reason: error.to_string() });
                return Vec::new();
            }
        };
        let entries = match file::parse(&text) {
            Ok(entries) => entries,
            Err(reason) => {
                self.mistakes.push(Mistake::NotYaml { file, reason });
                return Vec::new();
            }
        };
        let mut given: Vec<Given> = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in &entries {
            if seen.contains(&key.as_str()) {
                continue;
            }
            seen.push(key);
            let place = Source::File { file: file.clone(), key: key.clone() };
            let times = entries.iter().filter(|(other, _)| other == key).count();
            if times > 1 {
                self.mistakes.push(Mistake::Repeated { place: place.clone(), times });
            }
            if key == COMMAND_KEY {
                self.command_of_file(place, value);
            } else if let Some(option) = options().find(|option| option.name == *key) {
                match texts_for(option, value) {
                    Ok(None) => {}
                    Ok(Some(texts)) => given.push(Given { option, place, texts }),
                    Err(problem) => self.mistakes.push(Mistake::BadValue {
                        place,
                        value: sketch(value),
                        problem: problem.to_owned(),
                        expected: option.expected(),
                    }),
                }
            } else {
                let known = options().map(|option| option.name).chain([COMMAND_KEY]);
                let suggestion = nearest(key, known).map(str::to_owned);
                self.mistakes.push(Mistake::Unknown { place, suggestion });
            }
        }
        given
    }

    fn command_of_file(&mut self, place: Source, value: &FileValue) {
        let problem = match value {
            FileValue::Nothing => return,
            FileValue::Many(words) => match words.first() {
                Some(program) if !program.is_empty() => {
                    self.config.command = Some(words.clone());
                    self.places.insert(COMMAND_KEY, Some(place));
                    return;
                }
                _ => "names no program",
            },
            FileValue::One(_) | FileValue::Nested => "is not a list of words",
        };
        self.mistakes.push(Mistake::BadValue {
            place,
            value: sketch(value),
            problem: problem.to_owned(),
            expected: "the program and its arguments as a list, such as `[npx, -y, some-server]`".to_owned(),
        });
    }

    fn command_line(&mut self, cli: &Cli) {
        match cli.command.first() {
            None => {}
            Some(program) if program.is_empty() => self.mistakes.push(Mistake::BadValue {
                place: Source::Command,
                value: String::new(),
                problem: "names no program".to_owned(),
                expected: "the program and its arguments, such as `-- npx -y some-server`".to_owned(),
            }),
            Some(_) => {
                self.config.command = Some(cli.command.clone());
                self.places.insert(COMMAND_KEY, Some(Source::Command));
            }
        }
    }

    /// Sets every value given in one source, over what a weaker one set.
    fn apply(&mut self, given: Vec<Given>) {
        for Given { option, place, texts } in given {
            match (option.set)(&mut self.config, &texts) {
                Ok(()) if self.places.get(option.name) == Some(&None) => {}
                Ok(()) => {
                    self.places.insert(option.name, Some(place));
                }
                Err(Refusal { value, problem }) => {
                    self.places.insert(option.name, None);
                    self.mistakes.push(Mistake::BadValue {
                        place,
                        value,
                        problem,
                        expected: option.expected(),
                    });
                }
            }
        }
    }
}

/// The texts a key gives to its option, `None` when it gives nothing.
fn texts_for(option: &OptionSpec, value: &FileValue) -> Result<Option<Vec<String>>, &'static str> {
    match value {
        FileValue::Nothing => Ok(None),
        FileValue::One(text) => Ok(Some(vec![text.clone()])),
        FileValue::Many(texts) if option.repeatable() => Ok(Some(texts.clone())),
        FileValue::Many(_) => Err("is a list"),
        FileValue::Nested => Err("is nested"),
    }
}

/// A value of the wrong shape, recognisable to who wrote it.
fn sketch(value: &FileValue) -> String {
    match value {
        FileValue::Nothing => "null".to_owned(),
        FileValue::One(text) => text.clone(),
        FileValue::Many(texts) => format!("[{}]", texts.join(", ")),
        FileValue::Nested => "{…}".to_owned(),
    }
}
