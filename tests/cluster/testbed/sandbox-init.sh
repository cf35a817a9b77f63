#!/usr/bin/env bash
# The first process of the sandbox, started by sandbox.py in namespaces of its own: arranges what is seen there, and
# runs the command. STATE is the state directory, HIERARCHIES the cgroup v1 hierarchies as /proc/self/cgroup names them.
set -euo pipefail

# As the machine counts: this /proc is still the outer one.
read -r pid _ </proc/self/stat
echo "$pid" >"$STATE/sandbox.pid"
mount -t proc proc /proc
hostname testnode
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
for controllers in $HIERARCHIES; do
  name=${controllers#name=}
  [ "$name" = "$controllers" ] && option=$controllers || option=none,$controllers
  mkdir "/sys/fs/cgroup/$name"
  mount -t cgroup -o "$option" cgroup "/sys/fs/cgroup/$name"
  # The kubelet and runc look for each controller by its own name.
  for one in ${name//,/ }; do [ -e "/sys/fs/cgroup/$one" ] || ln -s "$name" "/sys/fs/cgroup/$one"; done
done
# The kubelet writes settings that belong to the whole machine. It is shown the values that it wants, and the
# rest is read-only.
for part in vm kernel fs; do
  mount --bind "/proc/sys/$part" "/proc/sys/$part"
  mount -o remount,bind,ro "/proc/sys/$part"
done
mkdir "$STATE/sysctl"
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  entry=${setting%=*}
  echo "${setting#*=}" >"$STATE/sysctl/${entry//\//.}"
  mount --bind "$STATE/sysctl/${entry//\//.}" "/proc/sys/$entry"
done
# Names are the cluster's alone. A resolv.conf that is a link into /run gets its target there.
resolver=$(realpath -m /etc/resolv.conf)
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "${resolver%/*}"
[ -e "$resolver" ] || touch "$resolver"
printf "nameserver 10.200.0.1\nsearch svc.cluster.local cluster.local\n" >"$STATE/resolv.conf"
printf "127.0.0.1 localhost\n10.200.0.1 testnode\n" >"$STATE/hosts"
mount --bind "$STATE/resolv.conf" "$resolver"
mount --bind "$STATE/hosts" /etc/hosts
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
# Not exec: this shell is the first process, and reaps what others leave behind.
"$@"
exit $?