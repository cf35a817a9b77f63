# Sourced after tools.sh, standing in tests/: the images that every node has, built once into the cache.
#   images   builds what is missing, and lists the folder of archives in CLUSTER_IMAGES

# build_image NAME:TAG FOLDER BUILD ARCHIVE [FLAG…]: `FOLDER/Containerfile` with what is in BUILD as the context `build`.
build_image() {
  local name=$1 folder=$2 build=$3 archive=$4 storage
  shift 4
  storage=$(mktemp -d)
  # Nothing is run in the build, so it needs no privileges, no network and no mounts.
  buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs build --quiet --isolation chroot \
    --timestamp 0 --build-context "build=$build" --file "$folder/Containerfile" --tag "$name" "$@" "$folder" >/dev/null
  buildah --root "$storage/root" --runroot "$storage/run" --storage-driver vfs push --quiet "$name" \
    "oci-archive:$archive:$name"
  rm -rf "$storage"
}

build_images() {
  local out=$1
  mkdir "$out/build"
  cc -static -Os -s -o "$out/build/pause" cluster/images/pause/pause.c
  (cd cluster/testcluster && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$out/build/web" ./web)
  build_image localhost/pause:1 cluster/images/pause "$out/build" "$out/pause.tar"
  build_image localhost/web:1 cluster/images/web "$out/build" "$out/web.tar"
}

images() {
  local folder
  folder=$(key images "$(go version) $(declare -f build_image build_images)" cluster/images/{pause,web}/* cluster/testcluster/web/*)
  once "$folder" build_images
  export CLUSTER_IMAGES=$folder${CLUSTER_IMAGES:+:$CLUSTER_IMAGES}
}
