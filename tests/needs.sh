#!/usr/bin/env bash
# needs.sh COMMAND...: each of these commands must be there. As root on Debian the missing ones are installed;
# elsewhere one line says what is missing and how to get it, and the exit code is 1.
set -euo pipefail

declare -A package_of=([cc]="gcc libc6-dev" [etcdctl]=etcd-client [etcd]=etcd-server [protoc]="protobuf-compiler libprotobuf-dev" [augtool]=augeas-tools [ip]=iproute2 [unshare]=util-linux [cf-agent]=cfengine3 [systemctl]=systemd [dbus-daemon]=dbus [pkcon]="packagekit packagekit-tools" [dpkg-scanpackages]=dpkg-dev [systemd-nspawn]=systemd-container [sshd]=openssh-server [nmcli]=network-manager [rpmbuild]=rpm [createrepo_c]=createrepo-c [pacman]=pacman-package-manager [puppet]=puppet-agent [ansible-playbook]=ansible-core)

missing() { # prints those of its arguments that are no command here
  local name
  for name in "$@"; do command -v "$name" >/dev/null || echo "$name"; done
}

mapfile -t absent < <(missing "$@")
[ "${#absent[@]}" -gt 0 ] || exit 0

packages=()
for name in "${absent[@]}"; do
  # One name may stand for two packages.
  read -r -a of_name <<<"${package_of[$name]:-$name}"
  packages+=("${of_name[@]}")
done

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing: ${absent[*]}; on Debian: sudo apt-get install ${packages[*]}" >&2
  exit 1
fi

# Services that come along are for the test hosts: this machine neither starts them now nor when it boots.
declare -A service_of=([sshd]=ssh.service [nmcli]=NetworkManager.service)
policy=/usr/sbin/policy-rc.d made_policy=
if [ ! -e "$policy" ]; then
  made_policy=$policy
  install -m 755 /dev/stdin "$policy" <<<$'#!/bin/sh\nexit 101'
fi

echo "installing: ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -qq --no-install-recommends "${packages[@]}")
# The package lists may be absent or old: read them only when the first try fails.
log=$(mktemp)
trap 'rm -f "$log" ${made_policy:+"$made_policy"}' EXIT
if ! "${install[@]}" >"$log" 2>&1 </dev/null && ! { apt-get update -qq && "${install[@]}"; } >>"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "missing: ${absent[*]}, and apt-get could not install: ${packages[*]}" >&2
  exit 1
fi
for name in "${absent[@]}"; do
  [ -z "${service_of[$name]:-}" ] || systemctl disable --quiet "${service_of[$name]}" 2>/dev/null || true
done
