#!/usr/bin/env bash
# check_perf.sh MGMT LOAD...: `etcdctl check perf` with each load (s, m, l, xl) against `MGMT etcd`, which must pass. A
# load takes a minute, by design. What it measures is the machine too: let nothing else run meanwhile.
set -euo pipefail
mgmt=$(realpath "$1")
shift
scratch=$(mktemp -d)
server=
# The server is ours alone: by its id.
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; }; rm -rf "$scratch"' EXIT
port=$((20000 + RANDOM % 10000))
"$mgmt" etcd --data-dir "$scratch/data" \
  --listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
  --listen-peer-urls "http://127.0.0.1:$((port + 1))" --initial-advertise-peer-urls "http://127.0.0.1:$((port + 1))" \
  2>"$scratch/log" &
server=$!
for _ in $(seq 300); do
  grep -q "ready to serve client requests" "$scratch/log" && break
  kill -0 "$server" || { cat "$scratch/log"; exit 1; }
  sleep 0.1
done
for load in "$@"; do
  said=$(ETCDCTL_API=3 etcdctl --endpoints="127.0.0.1:$port" check perf --load="$load" 2>&1) || { echo "$said" | tail -n 6; exit 1; }
  # Its bar is drawn over and over in one line.
  echo "load $load: $(tr '\r' '\n' <<<"$said" | grep -E '^(PASS|FAIL)' | paste -sd ';')"
  grep -q '^PASS$' <(tr '\r' '\n' <<<"$said") || exit 1
done
