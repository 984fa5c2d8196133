#!/usr/bin/env bash
# etcd_client.sh MGMT: the etcd-client crate's own tests, as published, against `MGMT etcd` at localhost:2379, which is
# where they look for a server: so all of it happens in a network namespace of its own. What is built stays in
# target/etcd-client.
set -euo pipefail
cd "$(dirname "$0")/.."
mgmt=$(realpath "$1")
work=$PWD/target/etcd-client

give_up() {
  echo "etcd-client: $1" >&2
  exit 1
}

# Where cargo keeps the source of the version that Cargo.lock names.
manifest=$(cargo metadata --locked --format-version 1 |
  python3 -c 'import json, sys; print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "etcd-client"))')
source=$(dirname "$manifest")
mkdir -p "$work"
if [ "$(cat "$work/is" 2>/dev/null)" != "$source" ]; then
  rm -rf "$work/source"
  cp -r "$source" "$work/source"
  chmod -R u+w "$work/source"
  # A workspace of its own, with our versions of what we have in common.
  printf '\n[workspace]\n' >>"$work/source/Cargo.toml"
  cp Cargo.lock "$work/source/Cargo.lock"
  echo "$source" >"$work/is"
fi
mapfile -t tests < <(cd "$work/source" && CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR=$work/build \
  cargo test --tests --no-run --message-format=json |
  python3 -c 'import json, sys
for line in sys.stdin:
    it = json.loads(line)
    if it.get("reason") == "compiler-artifact" and it["executable"] and "test" in it["target"]["kind"]: print(it["executable"])')
[ "${#tests[@]}" -ge 2 ] || give_up "its tests were not built"

if [ "$(id -u)" -eq 0 ]; then own_network=(unshare --net); else own_network=(unshare --map-root-user --net); fi
"${own_network[@]}" true || give_up "needs a network namespace of its own, which this system does not give"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export mgmt scratch
"${own_network[@]}" bash -euo pipefail -c '
  ip link set lo up
  "$mgmt" etcd --data-dir "$scratch/data" --bcrypt-cost=4 --auth-token-ttl=2 2>"$scratch/log" &
  server=$!
  trap "kill $server; wait $server || true" EXIT
  for _ in $(seq 300); do
    grep -q "ready to serve client requests" "$scratch/log" && break
    kill -0 "$server" || { cat "$scratch/log"; exit 1; }
    sleep 0.1
  done
  # Who and what they expect to find.
  export ETCDCTL_API=3
  for line in "user add root:rootpwd" "role add root" "user grant-role root root"; do etcdctl $line >/dev/null; done
  for test in "$@"; do "$test" || { tail -n 20 "$scratch/log"; exit 1; }; done
' etcd_client "${tests[@]}"
