"""Says what each feature of the proxy costs a call, in instructions in user space. See perf.sh.

The program that users run is driven under callgrind twice, for a shorter and a longer time. What the longer run has more, for each
call that it has more, is the cost of a call: the start of the process and of the sessions drops out. callgrind.py says for which source
file an instruction is, and FEATURES which feature that is.
"""

import json
import re
import signal
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import callgrind

ROOT = Path(__file__).resolve().parent.parent
SESSIONS = 16
# Bytes of each message's text.
PAYLOAD = 200
# Of load, in the shorter run and the longer one.
SECONDS = (2, 8)
# Seconds that the proxy may take to end, which under callgrind is fifty times what it takes otherwise.
PATIENCE = 60
# What nobody is found for, and rows that are not worth one, as shares.
LOST = 0.02
NOTHING = 0.0005

# What is shown, and the beginnings of its source files: of the repository, of a crate (without its version), of the libraries of
# Rust and C. The longest beginning decides. What is not here belongs to whoever uses it.
FEATURES = {
    "HTTP/1: hyper, http, httparse": (
        "hyper/",
        "hyper-util/",
        "http/",
        "http-body/",
        "http-body-util/",
        "httparse/",
        "httpdate/",
        "proxy/src/server/listener.rs",
        "proxy/src/server/socket.rs",
    ),
    "runtime: tokio, mio": ("tokio/", "tokio-util/", "mio/", "proxy/src/program.rs"),
    "scan: validation of all JSON, members found": ("protocol/src/jsonrpc/",),
    "UTF-8 check": ("simdutf8/",),
    "lines cut out of the server's output": ("protocol/src/line.rs", "protocol/src/input.rs"),
    "multiplexing: ids and tokens replaced": (
        "protocol/src/mux/",
        "protocol/src/jsonrpc/splice.rs",
        "protocol/src/jsonrpc/build.rs",
        "protocol/src/jsonrpc/payload.rs",
        "protocol/src/gather.rs",
        "proxy/src/upstream/multiplexer.rs",
    ),
    "the server's queue and pipe, back-pressure": (
        "proxy/src/upstream/",
        "proxy/src/child/",
        "proxy/src/gate.rs",
        "proxy/src/slots.rs",
    ),
    "sessions": ("proxy/src/session/",),
    "`Host`, `Origin`, CORS": (
        "proxy/src/server/access.rs",
        "proxy/src/config/authority.rs",
        "proxy/src/config/value/origin.rs",
        "proxy/src/config/public_url.rs",
    ),
    "the endpoint: paths, headers, versions, eras": (
        "proxy/src/server/",
        "proxy/src/downstream/",
        "proxy/src/proxy.rs",
        "proxy/src/error.rs",
        "protocol/src/error.rs",
        "protocol/src/modern/",
        "protocol/src/version.rs",
    ),
    "bodies, within their limits": ("proxy/src/downstream/body.rs",),
    "streams: the log of each, resumption": (
        "proxy/src/stream/",
        "proxy/src/downstream/sse_body.rs",
        "protocol/src/session/",
        "protocol/src/sse/",
    ),
    "time-outs": (
        "proxy/src/server/head_timer.rs",
        "proxy/src/stream/silence.rs",
        "proxy/src/when_woken.rs",
        "tokio/src/runtime/time/",
        "tokio/src/time/",
    ),
    "configuration in force": ("arc-swap/", "proxy/src/config/", "proxy/src/reload/"),
    "metrics, log": ("prometheus-client/", "proxy/src/telemetry/", "tracing/", "tracing-core/", "tracing-subscriber/"),
    "clock": (
        "proxy/src/clock.rs",
        "protocol/src/time.rs",
        "tokio/src/time/clock.rs",
        "tokio/src/time/instant.rs",
        "std/src/time.rs",
        "std/src/sys/pal/unix/time.rs",
        "libc/clock_gettime.c",
    ),
    "allocator: mimalloc": ("libmimalloc-sys/",),
    "copies: memcpy": ("libc/memcpy", "libc/memmove"),
    "all else of the proxy": ("proxy/", "protocol/"),
}
OWNERS = {beginning: feature for feature, beginnings in FEATURES.items() for beginning in beginnings}

# A crate's source as the registry unpacks it: the version is no part of its name.
CRATE = re.compile(r"/registry/src/[^/]+/(.+)-\d[^/]*/(.*)")
RUST = re.compile(r"/library/((?:core|alloc|std)/.*)")
OURS = re.compile(r"(?:^|/)((?:proxy|protocol)/src/.*)")
# A file of the C library is known by its last name: whoever has built it tells the folders in his own way.
LIBC = re.compile(r"(?:^|/)((?:memcpy|memmove|clock_gettime)[^/]*\.[cS])$")


def main(proxy: Path, loadtest: Path, out: Path) -> None:
    """Writes `profile.md` into `out`, and leaves there what callgrind wrote, for callgrind_annotate."""
    # What was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if moved := [name for name in OWNERS if name.startswith(("proxy/", "protocol/")) and not (ROOT / name).exists()]:
        sys.exit(f"{Path(__file__).name} names what is not there any more: {', '.join(moved)}")
    runs = [run(proxy, loadtest, seconds, out / f"callgrind.{seconds}s") for seconds in SECONDS]
    (short, few), (long, many) = runs
    features = (long - short).by_feature()
    if features.pop(callgrind.NOBODY, 0) > LOST * features.total():
        sys.exit(f"{proxy.name} does not say which lines it was made from, or valgrind cannot read it")
    text = table(features, many - few)
    (out / "profile.md").write_text(text)
    print(text, end="")


def run(proxy: Path, loadtest: Path, seconds: int, profile: Path) -> tuple[callgrind.Profile, int]:
    """The profile of a proxy under load, and how many calls it has answered."""
    command = [
        *("valgrind", "--tool=callgrind", "--dump-line=yes"),
        *(f"--callgrind-out-file={profile}", f"--log-file={profile}.log"),
        *(proxy, "--process-mode", "shared", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--log", "warn"),
        *("--", loadtest, "echo"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            # The proxy says where it listens; when it cannot, its output ends.
            url = running.stdout.readline().strip()
            if not url:
                sys.exit("the proxy has not started")
            calls = drive(loadtest, url, seconds)
            running.terminate()
            # The profile is written at the end.
            running.wait(PATIENCE)
        finally:
            running.kill()
    return callgrind.read(profile, feature), calls


def drive(loadtest: Path, url: str, seconds: int) -> int:
    load = ("--sessions", str(SESSIONS), "--payload", str(PAYLOAD), "--seconds", str(seconds))
    # It fails when an answer was wrong or missing.
    done = subprocess.run([loadtest, "calls", url, *load, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)["tally"]["good"]


@cache
def feature(file: str) -> str | None:
    """Whose a source file is."""
    for pattern, prefix in ((CRATE, ""), (RUST, ""), (OURS, ""), (LIBC, "libc/")):
        if found := pattern.search(file):
            name = prefix + "/".join(found.groups())
            owners = [beginning for beginning in OWNERS if name.startswith(beginning)]
            return OWNERS[max(owners, key=len)] if owners else None
    return None


def table(features: Counter[str], calls: int) -> str:
    total = features.total()
    load = f"{SESSIONS} sessions, {PAYLOAD} bytes, one shared process: {spaced(total / calls)} instructions a call"
    rows = [
        f"| {name} | {spaced(instructions / calls)} | {100 * instructions / total:.1f} % |"
        for name, instructions in features.most_common()
        if instructions > NOTHING * total
    ]
    return "\n".join([f"{load}.", "", "| feature | instructions a call | share |", "|---|---|---|", *rows]) + "\n"


def spaced(number: float) -> str:
    """As docs/performance.md writes numbers: 34 000."""
    return f"{number:,.0f}".replace(",", " ")


main(*(Path(argument).absolute() for argument in sys.argv[1:]))
