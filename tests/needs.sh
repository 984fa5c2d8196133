#!/usr/bin/env bash
# needs.sh COMMAND...: each of these commands must be there. As root on Debian the missing ones are installed;
# elsewhere one line says what is missing and how to get it, and the exit code is 1.
set -euo pipefail

declare -A package_of=([cc]="gcc libc6-dev" [etcdctl]=etcd-client [etcd]=etcd-server [protoc]=protobuf-compiler [ip]=iproute2 [unshare]=util-linux [cf-agent]=cfengine3 [puppet]=puppet-agent [ansible-playbook]=ansible-core)

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

echo "installing: ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
install=(apt-get install -y -qq --no-install-recommends "${packages[@]}")
# The package lists may be absent or old: read them only when the first try fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${install[@]}" >"$log" 2>&1 </dev/null && ! { apt-get update -qq && "${install[@]}"; } >>"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "missing: ${absent[*]}, and apt-get could not install: ${packages[*]}" >&2
  exit 1
fi
