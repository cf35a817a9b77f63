//! Names, paths and ports on which the objects of a plan agree.

/// The server's container.
pub(super) const SERVER: &str = "mcp";
/// The proxy's container.
pub(super) const PROXY: &str = "waggle-proxy";

/// Names of volumes and mounts below this are ours.
pub(super) const RESERVED: &str = "waggle-";
/// The launcher's program.
pub(super) const BIN_VOLUME: &str = "waggle-bin";
/// The socket between launcher and proxy.
pub(super) const RUN_VOLUME: &str = "waggle-run";
/// The proxy's configuration.
pub(super) const CONFIG_VOLUME: &str = "waggle-config";
/// What a remote server wants to see of us.
pub(super) const SECRETS_VOLUME: &str = "waggle-secrets";
/// `/tmp` of the server; a volume of the user's with this name takes its place, and likewise below.
pub(super) const TMP_VOLUME: &str = "tmp";
/// The home of the server, with its caches.
pub(super) const HOME_VOLUME: &str = "home";

/// Everything of ours in the server's container is below it.
pub(super) const OWN_DIRECTORY: &str = "/waggle";
/// Where the launcher is found.
pub(super) const BIN_PATH: &str = "/waggle/bin";
/// Where the socket is.
pub(super) const RUN_PATH: &str = "/waggle/run";
/// The socket.
pub(super) const SOCKET: &str = "/waggle/run/launcher.sock";
/// Headers and certificates for a remote server.
pub(super) const SECRETS_PATH: &str = "/waggle/secrets";
/// Where the configuration is. The directory is mounted and not the file, so that a change arrives.
pub(super) const CONFIG_PATH: &str = "/etc/waggle";
/// The configuration's key in the ConfigMap and its file name.
pub(super) const CONFIG_FILE: &str = "waggle.yaml";
/// Where the server may write what nobody keeps.
pub(super) const TMP_PATH: &str = "/tmp";
/// The home of the server: npm, uv and others keep their caches below it.
pub(super) const HOME_PATH: &str = "/home/mcp";

/// The proxy's program in its image.
pub(super) const PROXY_PROGRAM: &str = "/waggle-proxy";
/// The launcher by `PATH`.
pub(super) const LAUNCHER: &str = "waggle-proxy";

/// The MCP port.
pub(super) const HTTP_PORT: i32 = 8080;
/// Its name.
pub(super) const HTTP: &str = "http";
/// The port with `/livez`, `/readyz`, `/metrics` and `/status`.
pub(super) const ADMIN_PORT: i32 = 9090;
/// Its name.
pub(super) const ADMIN: &str = "admin";

/// The hash of what the running proxy cannot take over, on the pod.
pub(super) const RESTART_HASH: &str = "waggle.dev/restart-hash";
/// What was read from the image, on the Deployment: a registry that is away then stops nothing.
pub(super) const IMAGE_COMMAND: &str = "waggle.dev/image-command";

/// The longest name that a Service and a label value may have.
pub(super) const LONGEST_NAME: usize = 63;
/// Before the name of the resource in the names of its objects.
pub(super) const PREFIX: &str = "mcp-";
