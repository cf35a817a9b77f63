# Sourced by the scripts here, which stand in this folder: what is installed once, outside the checkout.
#   WAGGLE_CACHE  where (default: ~/.cache/waggle)

# A relative path is the caller's, who may stand anywhere: `absolute` is called before the script changes its folder.
absolute() {
  local name
  for name in "$@"; do
    [ -z "${!name:-}" ] || export "$name=$(realpath -m "${!name}")"
  done
}

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# once DIR COMMAND…: runs COMMAND unless it has already succeeded for DIR; one run at a time.
once() {
  local dir=$1
  shift
  mkdir -p "$cache"
  (
    exec 9>"$dir.lock"
    flock 9
    if [ ! -e "$dir/.complete" ]; then
      rm -rf "$dir"
      mkdir "$dir"
      echo "${0##*/}: installing into $dir" >&2
      "$@" "$dir" >&2
      touch "$dir/.complete"
    fi
  )
}

# key NAME VERSION FILE…: a directory for what the files pin, installed by that version of the tool.
key() {
  local name=$1 version=$2
  shift 2
  echo "$cache/$name-$({ [ $# = 0 ] || cat "$@"; echo "$version"; } | sha256sum | cut -c1-16)"
}

absolute WAGGLE_CACHE
cache=${WAGGLE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/waggle}
