#!/usr/bin/env bash
# etcd35.sh [FOLDER]: etcd, etcdctl and etcdutl of the 3.5 series in FOLDER/usr/bin (default: target/etcd35), beside
# whatever this machine has installed. Debian's packages of a newer suite, from the mirror that this machine is set up
# for; apt checks signatures and digests. Does nothing when they are there. Prints the folder of the programs.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${1:-target/etcd35}")
programs=(etcd etcdctl etcdutl)
# Where a 3.5 may be, the newest first; the first suite whose version begins with this is taken.
suites=(sid forky trixie)
series=3.5.

give_up() {
  echo "etcd35: $1" >&2
  exit 1
}

complete() {
  local name
  for name in "${programs[@]}"; do [ -x "$folder/usr/bin/$name" ] || return 1; done
}

mirror() { # the first that apt is told of, whichever way it is written
  cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
    sed -nE -e 's/^URIs:[[:space:]]*([^[:space:]]+).*/\1/p' -e 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+).*/\2/p' |
    grep -E '^https?://' | grep -v -- security | head -n 1
}

own_apt() { # apt-get with lists and cache of its own
  apt-get -qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State=$apt/state" \
    -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User= \
    -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

fetch_from() { # suite -> 0 when its packages of the series are in $apt
  echo "deb [signed-by=$keyring] $base $1 main" >"$apt/sources.list"
  own_apt update -o APT::Update::Error-Mode=any >"$apt/log" 2>&1 || return 1
  (cd "$apt" && own_apt download "etcd-server=$series*" "etcd-client=$series*") >"$apt/log" 2>&1
}

complete && { echo "$folder/usr/bin"; exit 0; }
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || give_up "needs Debian's apt-get and dpkg-deb"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || give_up "needs $keyring (apt-get install debian-archive-keyring)"
base=$(mirror) || true
[ -n "$base" ] || give_up "no http mirror in /etc/apt/sources.list*"

mkdir -p "$folder"
# Two runs at once: the second waits, and finds them there.
exec 8>"$folder/lock"
flock 8
complete && { echo "$folder/usr/bin"; exit 0; }
apt=$(mktemp -d "$folder/apt.XXXXXX")
trap 'rm -rf "$apt"' EXIT
mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"
for suite in "${suites[@]}"; do
  fetch_from "$suite" || continue
  # Unpacked beside and moved, so that a half-unpacked folder is never taken for whole.
  for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$apt/unpacked"; done
  "$apt/unpacked/usr/bin/etcd" --version >/dev/null || give_up "the etcd of $suite does not run here"
  rm -rf "$folder/usr"
  mv "$apt/unpacked/usr" "$folder/usr"
  complete || give_up "the packages of $suite lack one of: ${programs[*]}"
  echo "$folder/usr/bin"
  exit 0
done
give_up "no etcd $series* from $base (suites ${suites[*]}): $(grep -E '^(E|W):' "$apt/log" | head -n 1)"
