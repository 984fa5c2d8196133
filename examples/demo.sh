#!/usr/bin/env bash
# The main job of mgmt, done on this machine in a scratch folder and narrated: `make demo`.
# Every step checks what came of it, and the first that does not hold ends the script with an error.
# With MGMT=/path/to/mgmt in the environment that program is used, and nothing is built.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' green='' red='' plain=''
fi

step=0 ms='' newline=$'\n'
title() { step=$((step + 1)); printf '\n%s%d. %s%s\n' "$bold" "$step" "$1" "$plain"; }
say() { printf '   %s\n' "$*"; }
ok() { printf '   %sok%s  %s\n' "$green" "$plain" "$*"; }
indented() { sed 's/^/   | /'; }
die() {
  printf '\n%sdemo: %s%s\n' "$red" "$*" "$plain" >&2
  if [ -s "${log:-}" ]; then
    printf 'the agent said:\n' >&2
    tail -n 20 "$log" >&2
  fi
  exit 1
}

# Shows a command line and runs it; its output is indented, its exit code is left in $code.
show() {
  printf '   %s$ %s%s\n' "$dim" "${*//"${mgmt%/*}/"/}" "$plain"
  code=0
  "$@" </dev/null >"$scratch/output" 2>&1 || code=$?
  indented <"$scratch/output"
}

expect_code() { [ "$code" -eq "$1" ] || die "$2: exit code $code, not $1"; }
expect_text() { [ "$(cat "$1" 2>/dev/null)" = "$2" ] || die "$1 does not hold: $2"; }

# Waits, ten seconds at the most, for a command to succeed.
wait_for() {
  local what=$1 tries=0
  shift
  until "$@" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ] || die "waited ten seconds in vain: $what"
    sleep 0.02
  done
}

# Polls, with what the shell has built in, until a test holds; the milliseconds that it took are left in $ms.
repaired() {
  local began=${EPOCHREALTIME/./} now
  until { "$@"; } 2>/dev/null; do
    now=${EPOCHREALTIME/./}
    [ $((now - began)) -lt 5000000 ] || die "not repaired in five seconds: $*"
  done
  now=${EPOCHREALTIME/./}
  printf -v ms '%d.%d' $(((now - began) / 1000)) $(((now - began) % 1000 / 100))
}
first_line_is() { local line; read -r line <"$1" && [ "$line" = "$2" ]; }
not_executable() { [ -e "$1" ] && [ ! -x "$1" ]; }

agent='' agents=()
# shellcheck disable=SC2317  # called by the trap
leave() {
  if [ -n "$agent" ] && kill -TERM "$agent" 2>/dev/null; then wait "$agent" 2>/dev/null || true; fi
  for other in "${agents[@]}"; do kill -TERM "$other" 2>/dev/null || true; done
  for other in "${agents[@]}"; do wait "$other" 2>/dev/null || true; done
  rm -rf "$scratch"
}

given=${MGMT:-}
mgmt=${given:-${CARGO_TARGET_DIR:-$PWD/target}/release/mgmt}
case $mgmt in
  /*) ;;
  *) mgmt=${OLDPWD%/}/$mgmt ;; # as the caller meant it
esac
unset MGMT
scratch=$(mktemp -d "${TMPDIR:-/tmp}/mgmt-demo.XXXXXX")
trap leave EXIT
trap 'exit 130' INT TERM
place=$scratch/host prefix=$scratch/prefix log=$scratch/agent.log graph=$scratch/site.yaml
export MGMT_PREFIX=$prefix # for the commands that are shown without it
mkdir "$place"

printf '%smgmt keeps a machine as a file declares it.%s This is that, in %s, which is removed at the end.\n' "$bold" "$plain" "$scratch"
if [ -n "$given" ]; then
  printf 'The program is %s.\n' "$mgmt"
else
  printf 'Building the program first; that takes a while the first time.\n'
  command -v cargo >/dev/null || die 'cargo is missing; Rust 1.95 or newer comes with rustup (https://rustup.rs)'
  if [ -t 2 ]; then cargo build --release --locked; else cargo build --release --locked --quiet; fi
fi
[ -x "$mgmt" ] || die "there is no $mgmt"

# write_site MOTD [MORE]: the graph, saved as an editor does: a new file, renamed onto the old one.
write_site() {
  cat >"$graph.new" <<YAML
graph: site
resources:
  file:
  - name: motd
    path: $place/motd
    content: "$1\n"
    mode: "0644"
    state: exists
  - name: settings
    path: $place/settings
    content: "port = 8080\n"
    mode: "0640"
    state: exists
  - name: leftover
    path: $place/leftover
    state: absent${2:+$newline$2}
  exec:
  - name: fetch
    cmd: sleep 1s
  - name: unpack
    cmd: echo unpacked >> $place/runs
    shell: /bin/sh
  - name: warm up
    cmd: sleep 1s
edges:
- name: first fetch, then unpack
  from: {kind: exec, name: fetch}
  to: {kind: exec, name: unpack}
YAML
  mv "$graph.new" "$graph"
}
write_site 'Welcome.'

title 'A graph file: three files, three commands, one arrow between two of them'
indented <"$graph"
show "$mgmt" check "$graph"
expect_code 0 'check'
ok 'the text is right'

title 'What would it change?'
show "$mgmt" plan --detailed-exitcode "$graph"
expect_code 2 'plan with changes ahead'
[ -z "$(ls -A "$place")" ] || die "plan changed something: $(ls -A "$place")"
ok 'a plan, and nothing was touched'

title 'Once, as from cron: run until all is done, then a summary and an exit code'
began=${EPOCHREALTIME/./}
show "$mgmt" run --prefix "$prefix" --converged-timeout 0 "$graph"
took=$(((${EPOCHREALTIME/./} - began) / 1000))
expect_code 0 'the one-shot run'
expect_text "$place/motd" 'Welcome.'
expect_text "$place/settings" 'port = 8080'
[ "$(stat -c %a "$place/settings")" = 640 ] || die 'settings has the wrong mode'
expect_text "$place/runs" 'unpacked'
[ "$took" -lt 1900 ] || die "two independent sleeps of 1 s took $took ms, so they did not run side by side"
ok "$took ms in all: the two sleeps of a second ran side by side"

title 'Now as an agent that stays'
rm -f "$place/runs"
set -m # a background job of its own, so that it can get a ^C
"$mgmt" run --prefix "$prefix" "$graph" </dev/null >"$log" 2>&1 &
agent=$!
set +m
say "$ mgmt run site.yaml &"
wait_for 'the agent has run its commands' test -s "$place/runs"
wait_for 'the agent answers on its socket' "$mgmt" status --prefix "$prefix" >/dev/null
ok "it runs, as process $agent"

title 'Somebody removes a file, overwrites one, changes a mode, leaves rubbish'
rm "$place/motd"
repaired first_line_is "$place/motd" 'Welcome.'
ok "removed: back after $ms ms"
echo 'port = 6666' >"$place/settings"
repaired first_line_is "$place/settings" 'port = 8080'
ok "overwritten: right again after $ms ms"
chmod 0755 "$place/motd"
repaired not_executable "$place/motd"
ok "made executable: a plain file again after $ms ms"
echo rubbish >"$place/leftover"
repaired test ! -e "$place/leftover"
ok "a file that must not be there: gone after $ms ms"
[ "$(stat -c %a "$place/motd" "$place/settings" | tr '\n' ' ')" = '644 640 ' ] || die 'a mode is wrong after the repairs'

title 'The file is edited while the agent runs: one content changes'
untouched=$(stat -c '%i %z' "$place/settings")
write_site 'Welcome back.'
repaired first_line_is "$place/motd" 'Welcome back.'
ok "followed $ms ms after the save"
wait_for 'the agent is still there' kill -0 "$agent"
[ "$(stat -c '%i %z' "$place/settings")" = "$untouched" ] || die 'the other file was touched'
[ "$(wc -l <"$place/runs")" -eq 1 ] || die 'a command ran again'
ok 'nothing else moved: the other file is the same inode, and no command ran again'

title 'A mistake is saved'
lines=$(wc -l <"$log")
printf 'graph: site\nresources:\n  file:\n  - name: motd\n    path: [never closed\n' >"$graph.new"
mv "$graph.new" "$graph"
said() { tail -n "+$((lines + 1))" "$log" | grep -q "$(basename "$graph"):[0-9]"; }
wait_for 'the error is shown with its place' said
tail -n "+$((lines + 1))" "$log" | indented
kill -0 "$agent" 2>/dev/null || die 'the agent ended'
rm "$place/motd"
repaired first_line_is "$place/motd" 'Welcome back.'
ok "the graph from before goes on: motd was removed, and back after $ms ms"

title 'The mistake is mended, and a file added'
write_site 'Welcome again.' "  - name: added
    path: $place/added
    content: \"new here\n\"
    state: exists"
wait_for 'the added file' first_line_is "$place/added" 'new here'
wait_for 'the new content' first_line_is "$place/motd" 'Welcome again.'
[ "$(wc -l <"$place/runs")" -eq 1 ] || die 'a command ran again'
ok 'both are there, and still no command ran again'

title 'What does the agent say of itself?'
show "$mgmt" status --prefix "$prefix"
expect_code 0 'status'

title '^C'
began=${EPOCHREALTIME/./}
kill -INT "$agent"
code=0
wait "$agent" || code=$?
took=$(((${EPOCHREALTIME/./} - began) / 1000))
agent=''
expect_code 0 'the agent after ^C'
ok "ended after $took ms, with exit code 0"

title 'A command that fails: what needs it is blocked and named, the rest is done'
cat >"$scratch/broken.yaml" <<YAML
graph: broken
resources:
  exec:
  - name: fails
    cmd: echo "no such mirror" >&2; exit 1
    shell: /bin/sh
  file:
  - name: needs it
    path: $place/needs-it
    content: "never\n"
    state: exists
  - name: independent
    path: $place/independent
    content: "done all the same\n"
    state: exists
edges:
- name: e1
  from: {kind: exec, name: fails}
  to: {kind: file, name: needs it}
YAML
show "$mgmt" run --prefix "$prefix" --converged-timeout 0 "$scratch/broken.yaml"
expect_code 3 'a run with a failure'
expect_text "$place/independent" 'done all the same'
[ ! -e "$place/needs-it" ] || die 'a resource ran although what it needs had failed'
grep -qi 'blocked' "$scratch/output" || die 'nothing is said of what is blocked'
grep -q 'needs it' "$scratch/output" || die 'what is blocked is not named'
ok 'exit code 3, the failure and what it blocks are named, and the independent file is there'

title 'Three agents on this machine, and nothing said but their names: they are a mesh'
export RUNTIME_DIRECTORY="$scratch/run" STATE_DIRECTORY="$scratch/state"
unset MGMT_PREFIX # each has a folder of its own, by its name
hosts_dir="$scratch/hosts"
mkdir -p "$hosts_dir"

# A host: it exports its card, and collects the cards of all.
write_host() {
  cat >"$scratch/$1.yaml" <<YAML
graph: host-$1
resources:
  file:
  - name: $hosts_dir/$1/
    state: exists
  - name: "@@$hosts_dir/$1/card-$1"
    content: "$2\n"
collect:
- kind: file
  pattern: $hosts_dir/$1/
YAML
}
start_host() {
  "$mgmt" run --file "$scratch/$1.yaml" --hostname "$1" >"$scratch/$1.log" 2>&1 &
  printf -v "agent_$1" '%s' $!
  agents+=($!)
}
has_cards() {
  local host=$1 card
  shift
  for card in "$@"; do [ -s "$hosts_dir/$host/card-$card" ] || return 1; done
}
sed 's/^/   | /' <<'TEXT'
file:
- name: "@@.../card-a"          # for the others
collect:
- kind: file
  pattern: .../hosts/a/         # what all export, laid here
TEXT
for host in a b c; do write_host "$host" "I am $host."; done
log="$scratch/a.log"
began=${EPOCHREALTIME/./}
for host in a b c; do start_host "$host"; done
for host in a b c; do wait_for "the cards at $host" has_cards "$host" a b c; done
took=$(((${EPOCHREALTIME/./} - began) / 1000))
ok "each has the cards of all three, $took ms after the first was started"

title 'One changes what it exports'
write_host a 'I am a, and moved.'
repaired first_line_is "$hosts_dir/c/card-a" 'I am a, and moved.'
ok "c has it $ms ms after the file was saved"

title 'Who carries the store? They have decided that themselves'
three_vote() { "$mgmt" mesh status --hostname a --json | grep -q '"voters": 3'; }
wait_for 'three voters' three_vote
show "$mgmt" mesh status --hostname a
expect_code 0 'mesh status'

title 'Somebody knocks who was not invited, and then a host that was'
seed=$("$mgmt" mesh members --hostname a --json | sed -n 's/.*"\(https:[^"]*\)".*/\1/p' | head -n 1)
write_host eve 'I am anybody.'
show "$mgmt" run --file "$scratch/eve.yaml" --hostname eve --no-join --seeds "$seed" --converged-timeout 1
[ "$code" -ne 0 ] || die 'a stranger got in'
grep -q 'has no identity' "$scratch/output" || die 'it is not said why the stranger is refused'
ok 'a seed alone lets nobody in: all connections are TLS, and each side shows a certificate of this mesh'
say '$ mgmt mesh invite --host guest > token'
"$mgmt" mesh invite --host guest --hostname a >"$scratch/token" || die 'no token'
write_host guest 'I was invited.'
"$mgmt" run --file "$scratch/guest.yaml" --hostname guest --no-join --join "$scratch/token" >"$scratch/guest.log" 2>&1 &
agents+=($!)
wait_for 'the card of the guest' has_cards b guest
ok 'with a token, good for one host of that name and for an hour, it is in'
show "$mgmt" run --file "$scratch/eve.yaml" --hostname guest --no-join --prefix "$scratch/eve" --join "$scratch/token" --converged-timeout 1
[ "$code" -ne 0 ] || die 'a token was good twice'
ok 'and the same token lets nobody else in'

title 'The one that leads is killed, and a fourth takes its place'
leader=$("$mgmt" mesh members --hostname a | sed -n 's/^\([abc]\) .* leads .*/\1/p')
[ -n "$leader" ] || die 'nobody leads'
left=$(printf '%s\n' a b c | grep -v "$leader")
one=$(printf '%s\n' "$left" | head -n 1)
write_host d 'I am d.'
start_host d
wait_for 'the cards at d' has_cards d a b c
stands_by() { "$mgmt" mesh members --hostname d | grep -q '^d .* follows '; }
wait_for 'd to stand by' stands_by
dead="agent_$leader"
kill -KILL "${!dead}"
wait "${!dead}" 2>/dev/null || true
say "$leader is dead"
began=${EPOCHREALTIME/./}
write_host "$one" "I am $one, and well."
wait_for "the card of $one at d" first_line_is "$hosts_dir/d/card-$one" "I am $one, and well."
ok "the others go on: d has a new card of $one after $(((${EPOCHREALTIME/./} - began) / 1000)) ms"
replaced() { "$mgmt" mesh members --hostname "$one" | grep -q '^d .* votes '; }
wait_for 'd to vote' replaced
ok "d votes in the place of $leader, $(((${EPOCHREALTIME/./} - began) / 1000)) ms after its death"
show "$mgmt" mesh members --hostname "$one"

printf '\n%sThat was all of it.%s Next: README.md, or: mgmt explain file\n' "$bold" "$plain"
