# Sourced after images.sh, standing in tests/: small images to build servers on, of this machine's own shell, tools, Node
# and Python, so that what is installed here for them runs there.
#   userland   builds node.tar and python.tar once into the cache, and sets CLUSTER_BASES to their folder

USERLAND_PROGRAMS="bash dash grep sed find xargs tar gzip ps"

# place ROOT PROGRAM…: programs and the libraries they are linked with.
place() {
  local root=$1 program library
  shift
  for program in "$@"; do
    cp -L "$program" "$root/usr/bin/"
    libraries "$root" "$program"
  done
}

libraries() {
  local root=$1 library
  shift
  for library in $(ldd "$@" 2>/dev/null | grep -oE '/[^ :]+\.so[^ :]*' | sort -u); do
    [ -e "$root$library" ] || install -D "$library" "$root$library"
  done
}

# Bookworm's layout: everything is below /usr.
skeleton() {
  local root=$1 name
  mkdir -p "$root"/{etc/ssl/certs,home/mcp,tmp,usr/{bin,lib,lib64,sbin}}
  for name in bin lib lib64 sbin; do ln -s "usr/$name" "$root/$name"; done
  chmod 1777 "$root/tmp"
  chown 1000:1000 "$root/home/mcp"
}

build_userland() {
  local out=$1 root name node python version
  root=$out/build
  for name in base node python; do skeleton "$root/$name"; done
  # shellcheck disable=SC2046 # a list of paths without spaces
  place "$root/base" $(type -P $USERLAND_PROGRAMS) $(dpkg -L coreutils | grep -E '^(/usr)?/bin/')
  ln -s dash "$root/base/usr/bin/sh"
  printf 'root:x:0:0::/root:/bin/sh\nmcp:x:1000:1000::/home/mcp:/bin/sh\n' >"$root/base/etc/passwd"
  printf 'root:x:0:\nmcp:x:1000:\n' >"$root/base/etc/group"
  printf 'passwd: files\nhosts: files dns\n' >"$root/base/etc/nsswitch.conf"
  cp /etc/ssl/certs/ca-certificates.crt "$root/base/etc/ssl/certs/"

  node=$(readlink -f "$(command -v node)")
  place "$root/node" "$node"
  mkdir -p "$root/node/usr/lib/node_modules"
  cp -r "$(npm root --global)/npm" "$root/node/usr/lib/node_modules/"
  for name in npm npx; do ln -s "../lib/node_modules/npm/bin/$name-cli.js" "$root/node/usr/bin/$name"; done

  python=$(python3 -c 'import sys; print(sys.base_prefix)')
  version=$(python3 -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
  place "$root/python" "$python/bin/$version"
  ln -s "$version" "$root/python/usr/bin/python3"
  ln -s "$version" "$root/python/usr/bin/python"
  cp -r "$python/lib/$version" "$root/python/usr/lib/"
  (
    cd "$root/python/usr/lib/$version"
    rm -rf test idlelib tkinter turtledemo lib2to3 ensurepip config-* site-packages/*
    find . -name __pycache__ -prune -exec rm -r {} +
  )
  libraries "$root/python" "$root/python/usr/lib/$version"/lib-dynload/*.so
  build_image localhost/node:1 cluster/images/userland "$root" "$out/node.tar" --layers --build-arg language=node
  build_image localhost/python:1 cluster/images/userland "$root" "$out/python.tar" --layers --build-arg language=python
  rm -rf "$root"
}

userland() {
  CLUSTER_BASES=$(key userland "$(node --version) $(python3 --version) $(declare -f build_image build_userland place libraries skeleton)" \
    cluster/images/userland/*)
  export CLUSTER_BASES
  once "$CLUSTER_BASES" build_userland
}
