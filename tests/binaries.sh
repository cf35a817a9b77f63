# Sourced after cache.sh, standing in tests/: the programs under test, static, as images want them.
#   binaries   builds them unless these very sources were built before, and sets CLUSTER_BINARIES to their folder
#   WAGGLE_PROFILE     the cargo profile (default: quick, which is release without the last optimization of the whole program)
#   CLUSTER_BINARIES   a folder that has them already

BINARIES="waggle-proxy waggle-controller loadtest"

build_binaries() {
  local profile=$1 out=$2 program programs builds target=x86_64-unknown-linux-gnu folder
  [ "$(uname -m)" = x86_64 ] || target=$(uname -m)-unknown-linux-gnu
  folder=$profile
  [ "$profile" != dev ] || folder=debug
  builds=("$BINARIES")
  # As they are released, one by one: built together, each gets what only the others need of the crates that they share.
  [ "$profile" != release ] || read -ra builds <<< "$BINARIES"
  (
    cd ..
    # A folder of this checkout's own: shared by several, cargo takes the sources of one for those of another.
    export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
    for programs in "${builds[@]}"; do
      cargo build --locked --profile "$profile" --target "$target" $(printf -- '-p %s ' $programs)
    done
    for program in $BINARIES; do
      # Without the symbols: an image is loaded in a fraction of the time.
      strip -o "$out/$program" "target/$target/$folder/$program"
    done
  )
}

# All that the programs are built of.
sources() {
  (cd .. && find Cargo.toml Cargo.lock rust-toolchain.toml protocol proxy crds controller loadtest -type f \
    ! -path '*/tests/*' ! -path '*/target/*' -print0 | sort -z | xargs -0 sha256sum)
}

binaries() {
  [ -z "${CLUSTER_BINARIES:-}" ] || return 0
  local profile=${WAGGLE_PROFILE:-quick}
  CLUSTER_BINARIES=$(key static "$(rustc --version) $profile $(declare -f build_binaries) $(sources)")
  export CLUSTER_BINARIES
  once "$CLUSTER_BINARIES" build_binaries "$profile"
}
