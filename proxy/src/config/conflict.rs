//! Values that are fine alone and not together.

use super::mistake::{Mistake, Places};
use super::table::{COMMAND_KEY, options};
use super::{Config, ProcessMode};

/// Every conflict among values that were understood.
pub(super) fn all(config: &Config, places: &Places) -> Vec<Mistake> {
    let checks = [
        same_port(config),
        too_many_spares(config),
        body_beyond_queue(config),
        two_servers(config),
        launcher_and_command(config),
        launcher_and_upstream(config),
        environment_of_nothing(config),
    ];
    let understood = |name: &str| !matches!(places.get(name), Some(None));
    checks
        .into_iter()
        .flatten()
        .filter(|conflict| conflict.between.iter().all(|name| understood(name)))
        .map(|conflict| conflict.describe(config, places))
        .collect()
}

/// Two options that do not fit; the command counts as one.
struct Conflict {
    between: [&'static str; 2],
    /// Ends the sentence "… and …; ".
    advice: &'static str,
}

impl Conflict {
    fn describe(&self, config: &Config, places: &Places) -> Mistake {
        let [first, second] = self.between.map(|name| {
            let value = match options().find(|option| option.name == name) {
                Some(option) => option.text_in(config),
                None => config.command.iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" "),
            };
            match places.get(name) {
                Some(Some(place)) => format!("{place} is `{value}`"),
                _ => format!("`{name}` is `{value}` by default"),
            }
        });
        Mistake::Conflict(format!("{first} and {second}; {}", self.advice))
    }
}

fn same_port(config: &Config) -> Option<Conflict> {
    let (listen, admin) = (config.listen, config.admin_listen?);
    let same_interface =
        listen.ip() == admin.ip() || listen.ip().is_unspecified() || admin.ip().is_unspecified();
    // Port 0 picks a free one each time.
    (same_interface && listen.port() == admin.port() && listen.port() != 0).then_some(Conflict {
        between: ["listen", "admin-listen"],
        advice: "write different ports, or `off` for `admin-listen`",
    })
}

fn too_many_spares(config: &Config) -> Option<Conflict> {
    // The one process of shared mode is never a spare one.
    let counts = config.process_mode != ProcessMode::Shared;
    (counts && config.limits.warm_processes > config.limits.max_processes).then_some(Conflict {
        between: ["warm-processes", "max-processes"],
        advice: "write no more spare processes than there may be in all",
    })
}

fn body_beyond_queue(config: &Config) -> Option<Conflict> {
    (config.limits.max_body > config.limits.stdin_queue).then_some(Conflict {
        between: ["max-body", "stdin-queue"],
        advice: "write a `stdin-queue` that can hold the largest body",
    })
}

fn launcher_and_command(config: &Config) -> Option<Conflict> {
    (config.launcher.is_some() && config.command.is_some()).then_some(Conflict {
        between: ["launcher", COMMAND_KEY],
        advice: "give the command to `waggle-proxy launch`, which runs it",
    })
}

fn launcher_and_upstream(config: &Config) -> Option<Conflict> {
    (config.launcher.is_some() && config.upstream.is_some()).then_some(Conflict {
        between: ["launcher", "upstream"],
        advice: "write one of them: the proxy serves one server",
    })
}

fn environment_of_nothing(config: &Config) -> Option<Conflict> {
    (config.upstream.is_some() && !config.server_env.is_empty()).then_some(Conflict {
        between: ["server-env", "upstream"],
        advice: "leave out the variables: the proxy does not start a server that is reached over HTTP",
    })
}

fn two_servers(config: &Config) -> Option<Conflict> {
    (config.upstream.is_some() && config.command.is_some()).then_some(Conflict {
        between: ["upstream", COMMAND_KEY],
        advice: "write one of them: the proxy serves one server",
    })
}
