#!/usr/bin/env bash
# Installs valgrind if it is missing, and what it needs to see into the C library. For instructions.sh and perf.sh.
set -euo pipefail

! command -v valgrind > /dev/null || exit 0
if ! command -v apt-get > /dev/null; then
  echo "valgrind is missing: install it and the C library's debug information (Debian: valgrind, libc6-dbg)" >&2
  exit 69
fi
as_root=; [ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends valgrind libc6-dbg
