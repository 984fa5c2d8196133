#!/usr/bin/env bash
# Runs a release under callgrind as users run it, and writes link/first.ld from what was run.
set -euo pipefail
cd "$(dirname "$0")/.."
CARGO=${CARGO:-cargo}
MGMT_LINK_ORDER=off CARGO_PROFILE_RELEASE_STRIP=none "$CARGO" build --release --bin mgmt
binary=${CARGO_TARGET_DIR:-target}/release/mgmt
dir=$(mktemp -d)
agents=()
trap 'kill "${agents[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

# Waits for what the agents must reach; valgrind is slow.
until_true() {
  local tries=3000
  until "$@"; do
    ((--tries)) || { echo "it did not happen: $*" >&2; tail -n 20 "$dir"/*.log >&2; exit 1; }
    read -rt 0.1 <> <(:) || true
  done
}

# agent NAME ARGS...: one that runs until it is killed.
agent() {
  local name=$1
  shift
  XDG_RUNTIME_DIR="$dir" valgrind --tool=callgrind --dump-instr=yes --callgrind-out-file="$dir/$name.out" -q \
    "$binary" run --prefix "$dir/$name" --hostname "$name" --converger-timeout 0 --converged-status-file "$dir/$name.status" "$@" \
    >"$dir/$name.log" 2>&1 &
  agents+=($!)
}

cat >"$dir/alone.yaml" <<GRAPH
graph: alone
resources:
  file:
  - {name: $dir/f1, content: one}
  - {name: $dir/d/, state: exists}
  - {name: $dir/d/f2, content: two, mode: "0600"}
  exec:
  - {name: said, cmd: "true", ifcmd: "test ! -e $dir/d/f2"}
GRAPH
agent alone "$dir/alone.yaml"
until_true grep -qs true "$dir/alone.status"
for tampered in "$dir/f1" "$dir/d/f2"; do
  rm "$tampered"
  until_true test -s "$tampered"
done
echo else >"$dir/f1"
until_true grep -qsx one "$dir/f1"
chmod 0644 "$dir/d/f2"
until_true bash -c "[[ \$(stat -c %a '$dir/d/f2') = 600 ]]"
sed -i 's/content: one/content: uno/' "$dir/alone.yaml"
until_true grep -qs uno "$dir/f1"
XDG_RUNTIME_DIR="$dir" "$binary" status --json --prefix "$dir/alone" --hostname alone >"$dir/alone.json"

# One that carries the store, exports, and collects that.
cat >"$dir/carrier.yaml" <<GRAPH
graph: mesh
resources:
  file:
  - {name: "@@$dir/from/carrier", content: carrier}
  - {name: $dir/of/, state: exists}
collect:
- {kind: file, pattern: "$dir/of/"}
GRAPH
agent carrier "$dir/carrier.yaml"
until_true test -s "$dir/of/carrier"

kill -INT "${agents[@]}"
wait "${agents[@]}" || true
agents=()
"${PYTHON:-python3}" link/order.py "$binary" "$dir/alone.out" "$dir/carrier.out" >"$dir/first.ld"
mv "$dir/first.ld" link/first.ld
