//! The command line and the environment: text in, settings or every mistake out.

use std::{ffi::OsString, fmt, net::SocketAddr, str::FromStr, time::Duration};

use clap::{
    Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};
use k8s_openapi::api::core::v1::{LocalObjectReference, ResourceRequirements};
use tracing_subscriber::filter::Targets;
use waggle_crds::server::{ImagePullPolicy, Injection};

use crate::{log::Format, settings::Settings};

/// Texts of the command line, each still to be understood: so that all mistakes are told at once.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "waggle-controller",
    version,
    about = "Runs the MCP servers that a cluster's MCPServer resources describe",
    after_help = "Each option can be given in the environment instead. It finds the API server as kubectl does: in a pod by its \
                  service account, else by KUBECONFIG or ~/.kube/config.",
    disable_help_subcommand = true
)]
struct Texts {
    /// Image of the data plane, with /waggle-proxy in it (required)
    #[arg(long, env = "WAGGLE_PROXY_IMAGE", value_name = "IMAGE", help_heading = "Pods")]
    proxy_image: Option<String>,
    /// When that image is pulled: Always, IfNotPresent or Never [default: as Kubernetes decides]
    #[arg(long, env = "WAGGLE_PROXY_PULL_POLICY", value_name = "POLICY", help_heading = "Pods")]
    proxy_pull_policy: Option<String>,
    /// Secrets for that image's registry, in each server's namespace [repeatable, or with ,]
    #[arg(long, env = "WAGGLE_PROXY_PULL_SECRET", value_name = "NAME", help_heading = "Pods")]
    proxy_pull_secret: Vec<String>,
    /// CPU and memory of the proxy's container, as JSON or YAML
    /// [default: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 256Mi}}]
    #[arg(long, env = "WAGGLE_PROXY_RESOURCES", value_name = "RESOURCES", help_heading = "Pods")]
    proxy_resources: Option<String>,
    /// How the launcher comes into a server's container where its resource says `auto`: copy, imageVolume or none
    /// [default: copy]
    #[arg(long, env = "WAGGLE_INJECTION", value_name = "HOW", help_heading = "Pods")]
    injection: Option<String>,
    /// User and group id that pods run as, or `none` where the platform gives them out [default: 65532]
    #[arg(long, env = "WAGGLE_RUN_AS", value_name = "ID", help_heading = "Pods")]
    run_as: Option<String>,
    /// DNS domain of the cluster [default: cluster.local]
    #[arg(long, env = "WAGGLE_CLUSTER_DOMAIN", value_name = "DOMAIN", help_heading = "Pods")]
    cluster_domain: Option<String>,

    /// Namespaces to watch; none means all [repeatable, or with ,]
    #[arg(long, env = "WAGGLE_WATCH_NAMESPACES", value_name = "NAMES", help_heading = "Work")]
    watch_namespaces: Vec<String>,
    /// Namespace of the controller itself [default: that of its service account]
    #[arg(long, env = "WAGGLE_NAMESPACE", value_name = "NAME", help_heading = "Work")]
    namespace: Option<String>,
    /// Servers worked on at once [default: 8]
    #[arg(long, env = "WAGGLE_CONCURRENCY", value_name = "COUNT", help_heading = "Work")]
    concurrency: Option<String>,
    /// How often a server is looked at when nothing happens [default: 10m]
    #[arg(long, env = "WAGGLE_RESYNC", value_name = "TIME", help_heading = "Work")]
    resync: Option<String>,
    /// Registries that are spoken to without TLS [repeatable, or with ,]
    #[arg(long, env = "WAGGLE_INSECURE_REGISTRY", value_name = "HOST[:PORT]", help_heading = "Work")]
    insecure_registry: Vec<String>,
    /// File with certificates, as PEM, to trust besides those of the system when a registry is asked [repeatable, or with ,]
    #[arg(long, env = "WAGGLE_REGISTRY_CA", value_name = "FILE", help_heading = "Work")]
    registry_ca: Vec<String>,

    /// Whether to work only while holding the lease: true or false [default: true]
    #[arg(
        long,
        env = "WAGGLE_LEADER_ELECTION",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        help_heading = "Process"
    )]
    leader_election: Option<String>,
    /// Name of the lease, in the controller's namespace [default: waggle-controller]
    #[arg(long, env = "WAGGLE_LEASE_NAME", value_name = "NAME", help_heading = "Process")]
    lease_name: Option<String>,
    /// Name of this process among its peers [default: the host name, which is the pod's]
    #[arg(long, env = "POD_NAME", value_name = "NAME", help_heading = "Process")]
    identity: Option<String>,
    /// Address of /livez, /readyz and /metrics [default: 0.0.0.0:9090]
    #[arg(long, env = "WAGGLE_ADMIN_LISTEN", value_name = "ADDRESS", help_heading = "Process")]
    admin_listen: Option<String>,
    /// What is logged: off, error, warn, info, debug or trace, also per module [default: info]
    #[arg(long, env = "WAGGLE_LOG", value_name = "FILTER", help_heading = "Process")]
    log: Option<String>,
    /// Shape of the log: json or text [default: json]
    #[arg(long, env = "WAGGLE_LOG_FORMAT", value_name = "FORMAT", help_heading = "Process")]
    log_format: Option<String>,
}

/// What the process was told.
#[derive(Clone, Debug)]
pub struct Options {
    /// What holds for all servers.
    pub settings: Settings,
    /// The namespaces to watch; none means all.
    pub watch_namespaces: Vec<String>,
    /// Servers worked on at once.
    pub concurrency: u16,
    /// How often a server is looked at when nothing happens.
    pub resync: Duration,
    /// Registries without TLS.
    pub insecure_registries: Vec<String>,
    /// Files with certificates to trust when a registry is asked.
    pub registry_ca: Vec<String>,
    /// The name of the lease, unless there is no election.
    pub lease: Option<String>,
    /// The name of this process among its peers.
    pub identity: String,
    /// Where the admin port listens.
    pub admin_listen: SocketAddr,
    /// What is logged.
    pub log: String,
    /// The shape of the log.
    pub log_format: Format,
}

/// Why there are no [`Options`].
#[derive(Debug)]
pub enum Stop {
    /// The user asked for help or the version: the text to print.
    Text(clap::Error),
    /// Every mistake, a sentence each.
    Mistakes(Vec<String>),
}

impl Options {
    /// Reads the command line, the program's own name first, and the environment. `namespace` and `host` are what is
    /// known of the surroundings.
    ///
    /// # Errors
    ///
    /// See [`Stop`].
    pub fn read(
        args: impl IntoIterator<Item = OsString>,
        namespace: &str,
        host: Option<String>,
    ) -> Result<Self, Stop> {
        let mut args: Vec<OsString> = args.into_iter().collect();
        let mut mistakes = Mistakes::default();
        // Each turn ends or takes an argument away.
        let texts = loop {
            let error = match Texts::try_parse_from(&args) {
                Ok(texts) => break texts,
                Err(error) => error,
            };
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                return Err(Stop::Text(error));
            }
            let Some(at) = unknown(&error, &args) else {
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                mistakes.0.push(format!("{line}; see --help"));
                break Texts::default();
            };
            mistakes.0.push(format!("there is no option `{}`; see --help", args[at].to_string_lossy()));
            args.remove(at);
        };
        let options = mistakes.understand(texts, namespace, host);
        if mistakes.0.is_empty() { Ok(options) } else { Err(Stop::Mistakes(mistakes.0)) }
    }
}

/// Where the argument stands that nothing is known of.
fn unknown(error: &clap::Error, args: &[OsString]) -> Option<usize> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    args.iter().skip(1).position(|arg| arg.to_string_lossy().starts_with(name.as_str())).map(|at| at + 1)
}

#[derive(Debug, Default)]
struct Mistakes(Vec<String>);

impl Mistakes {
    fn understand(&mut self, texts: Texts, namespace: &str, host: Option<String>) -> Options {
        let proxy_image = given(texts.proxy_image).unwrap_or_else(|| {
            self.0.push("--proxy-image is missing; write the image with /waggle-proxy in it".to_owned());
            String::new()
        });
        let log = given(texts.log).unwrap_or_else(|| "info".to_owned());
        if log.parse::<Targets>().is_err() {
            self.0.push(format!("--log: `{log}` is no filter; write a level such as `info`"));
        }
        let concurrency = self.read("concurrency", texts.concurrency, 8, "a number from 1 to 1000", |text| {
            u16::from_str(text).ok().filter(|count| (1..=1000).contains(count))
        });
        let lease_name = given(texts.lease_name).unwrap_or_else(|| "waggle-controller".to_owned());
        let elects = self.read("leader-election", texts.leader_election, true, "`true` or `false`", |text| {
            text.parse().ok()
        });
        Options {
            settings: Settings {
                proxy_image,
                proxy_pull_policy: self.read(
                    "proxy-pull-policy",
                    texts.proxy_pull_policy,
                    None,
                    "`Always`, `IfNotPresent` or `Never`",
                    |text| word::<ImagePullPolicy>(text).map(Some),
                ),
                proxy_pull_secrets: names(texts.proxy_pull_secret)
                    .map(|name| LocalObjectReference { name })
                    .collect(),
                proxy_resources: self.read(
                    "proxy-resources",
                    texts.proxy_resources,
                    default_resources(),
                    "Kubernetes' resources, such as `{requests: {cpu: 10m}}`",
                    |text| serde_saphyr::from_str::<ResourceRequirements>(text).ok(),
                ),
                injection: self.read(
                    "injection",
                    texts.injection,
                    Injection::Copy,
                    "`copy`, `imageVolume` or `none`",
                    |text| word::<Injection>(text).filter(|how| *how != Injection::Auto),
                ),
                run_as: self.read(
                    "run-as",
                    texts.run_as,
                    Some(65532),
                    "a number from 1, or `none`",
                    |text| {
                        if text == "none" {
                            Some(None)
                        } else {
                            text.parse().ok().filter(|id| *id > 0).map(Some)
                        }
                    },
                ),
                cluster_domain: given(texts.cluster_domain).unwrap_or_else(|| "cluster.local".to_owned()),
                namespace: given(texts.namespace).unwrap_or_else(|| namespace.to_owned()),
            },
            watch_namespaces: names(texts.watch_namespaces).collect(),
            concurrency,
            resync: self.read(
                "resync",
                texts.resync,
                Duration::from_secs(600),
                "a time from 10s to 24h, such as `10m`",
                |text| duration(text).filter(|time| (10..=86400).contains(&time.as_secs())),
            ),
            insecure_registries: names(texts.insecure_registry).collect(),
            registry_ca: names(texts.registry_ca).collect(),
            lease: elects.then_some(lease_name),
            identity: given(texts.identity).or(host).unwrap_or_else(|| format!("pid-{}", std::process::id())),
            admin_listen: self.read(
                "admin-listen",
                texts.admin_listen,
                SocketAddr::from(([0, 0, 0, 0], 9090)),
                "an address with a port, such as `0.0.0.0:9090`",
                |text| text.parse().ok(),
            ),
            log,
            log_format: self.read("log-format", texts.log_format, Format::Json, "`json` or `text`", |text| {
                match text {
                    "json" => Some(Format::Json),
                    "text" => Some(Format::Text),
                    _ => None,
                }
            }),
        }
    }

    /// The value of a text, or its default; a text that cannot be read is a mistake.
    fn read<T>(
        &mut self,
        name: &str,
        text: Option<String>,
        default: T,
        expected: impl fmt::Display,
        understand: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Some(text) = given(text) else { return default };
        understand(&text).unwrap_or_else(|| {
            self.0.push(format!("--{name}: `{text}` cannot be read; write {expected}"));
            default
        })
    }
}

/// An empty text is none: templates write such ones.
fn given(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn names(texts: Vec<String>) -> impl Iterator<Item = String> {
    let mut names: Vec<String> = texts
        .iter()
        .flat_map(|text| text.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names.into_iter()
}

/// A word of an enumeration, as it is written in the resource.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(text.into()).ok()
}

/// `90s`, `10m`, `1h`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

fn default_resources() -> ResourceRequirements {
    let quantities = |pairs: &[(&str, &str)]| {
        let quantity = |text: &str| k8s_openapi::apimachinery::pkg::api::resource::Quantity(text.to_owned());
        Some(pairs.iter().map(|(name, text)| ((*name).to_owned(), quantity(text))).collect())
    };
    ResourceRequirements {
        requests: quantities(&[("cpu", "10m"), ("memory", "16Mi")]),
        limits: quantities(&[("memory", "256Mi")]),
        claims: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options, Vec<String>> {
        let args = std::iter::once("waggle-controller").chain(line.split_whitespace()).map(OsString::from);
        Options::read(args, "waggle-system", Some("pod-1".to_owned())).map_err(|stop| match stop {
            Stop::Mistakes(mistakes) => mistakes,
            Stop::Text(text) => panic!("{text}"),
        })
    }

    #[test]
    fn an_image_is_enough() {
        let options = read("--proxy-image proxy:1").unwrap();
        assert_eq!(options.settings.proxy_image, "proxy:1");
        assert_eq!(options.settings.namespace, "waggle-system");
        assert_eq!(options.identity, "pod-1");
        assert_eq!(options.lease.as_deref(), Some("waggle-controller"));
        assert!(options.watch_namespaces.is_empty());
    }

    #[test]
    fn lists_are_split() {
        let options = read(
            "--proxy-image p --watch-namespaces b,a --watch-namespaces a, --registry-ca b.pem,a.pem --leader-election=false",
        );
        let options = options.unwrap();
        assert_eq!(options.watch_namespaces, ["a", "b"]);
        assert_eq!(options.registry_ca, ["a.pem", "b.pem"]);
        assert_eq!(options.lease, None);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mistakes =
            read("--run-as root --colour --resync 10 --injection auto --proxy-resources [] --log a=b=c")
                .unwrap_err();
        let names: Vec<_> = mistakes.iter().map(|text| text.split([':', ';']).next().unwrap()).collect();
        assert_eq!(
            names,
            [
                "there is no option `--colour`",
                "--proxy-image is missing",
                "--log",
                "--proxy-resources",
                "--injection",
                "--run-as",
                "--resync"
            ]
        );
        assert!(
            mistakes[5].ends_with("`root` cannot be read; write a number from 1, or `none`"),
            "{mistakes:?}"
        );
    }
}
