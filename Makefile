# Every task of the project. `make` alone lists them; a task is listed by the `##` after its name.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# --locked: no task changes Cargo.lock behind one's back.
CARGO := cargo
LOCKED := --locked
# Seeds of `make sim`: one number, or a range FROM..TO.
SEEDS ?= 0..5000
# What `make differential` draws: from which seed, how much, and how many differences it tells before it ends.
SEED ?= 1
REQUESTS ?= 100000
MISMATCHES ?= 1
# Options of `make bench`, `make bench-store`, `make bench-mesh` and `make bench-host`, such as BENCH="--quick --only hello".
BENCH ?=
# Of how many hosts `make mesh-scale` tells; empty: 100, 10,000 and 100,000.
HOSTS ?=

.PHONY: help
help: ## this list
	@echo "mgmt: configuration that stays as it was declared"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: cargo-present ## the release binary, target/release/mgmt
	$(CARGO) build --release $(LOCKED)

.PHONY: demo
demo: cargo-present ## build it and see the main job done on this machine, in a scratch folder (two minutes)
	examples/demo.sh

.PHONY: test
test: cargo-present test-needs ## every test
	$(CARGO) test --lib --bins --tests $(LOCKED)
	$(CARGO) test --doc $(LOCKED)
	tests/etcd_client.sh target/debug/mgmt
	python3 -B -m unittest discover -q -s bench/tests -t bench

# As root on Debian they are installed; elsewhere one line says what is missing and how to get it.
.PHONY: test-needs
test-needs:
	@tests/needs.sh tmux strace python3 cc git augtool ip unshare etcdctl etcd systemctl dbus-daemon pkcon dpkg-scanpackages systemd-nspawn sshd rpmbuild dnf createrepo_c pacman nmcli
	@tests/setup/etcd35.sh >/dev/null

.PHONY: check-perf
check-perf: cargo-present ## etcdctl's `check perf`, loads s and m, against our etcd server (two minutes; on a quiet machine)
	@tests/needs.sh etcdctl
	$(CARGO) build --release $(LOCKED)
	tests/check_perf.sh target/release/mgmt s m

.PHONY: link-order
link-order: cargo-present ## writes anew which functions lie side by side in a release (link/order.py says why; ten minutes)
	@tests/needs.sh valgrind python3
	CARGO="$(CARGO)" link/order.sh

.PHONY: verify
verify: cargo-present verify-format verify-lints verify-rustdoc verify-docs verify-scripts verify-licences ## the whole gate before a merge; changes nothing
	@echo "verify: all is well"

.PHONY: verify-format
verify-format:
	$(CARGO) fmt --all --check

.PHONY: verify-lints
verify-lints:
	$(CARGO) clippy --all-targets $(LOCKED) -- -D warnings

.PHONY: verify-rustdoc
verify-rustdoc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps $(LOCKED)

# The reference page is generated from the declarations of the kinds.
.PHONY: verify-docs
verify-docs:
	@if [ -f docs/reference/resources.md ]; then \
		$(CARGO) run -q $(LOCKED) -- explain --all --markdown | diff -u docs/reference/resources.md - \
			|| { echo "docs/reference/resources.md is out of date; run: make fix"; exit 1; }; \
	fi

.PHONY: verify-scripts
verify-scripts:
	@for script in examples/*.sh tests/*.sh tests/host/*.sh tests/setup/*.sh link/*.sh .ci/run; do bash -n "$$script"; done
	@if command -v python3 >/dev/null; then \
		find bench link -name '*.py' -print0 | xargs -0 python3 -B -c 'import ast, sys; [ast.parse(open(f).read(), f) for f in sys.argv[1:]]'; \
	fi

.PHONY: verify-licences
verify-licences:
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny $(LOCKED) check; \
	else echo "verify: cargo-deny is not installed, so licences and advisories were not looked at"; fi

.PHONY: fix
fix: cargo-present ## format, apply what clippy can mend, write the generated pages anew
	$(CARGO) fmt --all
	$(CARGO) clippy --all-targets $(LOCKED) --fix --allow-dirty --allow-staged
	@if [ -f docs/reference/resources.md ]; then \
		$(CARGO) run -q $(LOCKED) -- explain --all --markdown > docs/reference/resources.md.new \
			&& mv docs/reference/resources.md.new docs/reference/resources.md; \
	fi

.PHONY: sim
sim: cargo-present ## seeded simulations of the engine, of store clusters and of the steward: SEEDS=7 or SEEDS=0..5000
	MGMT_SIM_SEEDS=$(SEEDS) $(CARGO) test --release $(LOCKED) --test it -- sim:: --nocapture

.PHONY: soak
soak: cargo-present ## hosts that write and watch for five minutes while their certificates of 20 s are renewed: nothing is lost or repeated
	MGMT_SOAK_SECONDS=300 MGMT_SOAK_VALIDITY=20 \
		$(CARGO) test $(LOCKED) --test it -- mesh::renewals --nocapture

.PHONY: failpoints
failpoints: cargo-present ## store members killed at each failpoint: what was acknowledged is there afterwards
	$(CARGO) test $(LOCKED) --features failpoints --test it -- cluster::failpoints --nocapture

.PHONY: differential
differential: cargo-present etcd35 ## our etcd server and the real one in lock step: SEED=7 REQUESTS=100000 MISMATCHES=20
	MGMT_DIFF_SEED=$(SEED) MGMT_DIFF_REQUESTS=$(REQUESTS) MGMT_DIFF_MISMATCHES=$(MISMATCHES) \
		$(CARGO) test $(LOCKED) --test it -- differential --nocapture

.PHONY: bench
bench: cargo-present ## every speed target measured, peers beside it (a quarter of an hour): BENCH="--quick --only hello"
	@tests/needs.sh python3 cc
	$(CARGO) build --release $(LOCKED)
	python3 bench/run.py $(BENCH)

.PHONY: bench-store
bench-store: cargo-present etcd35 ## our etcd server and the real one under the same load: BENCH="--quick --only gets"
	@tests/needs.sh python3 cc
	$(CARGO) build --release $(LOCKED)
	python3 bench/store.py $(BENCH)

.PHONY: bench-mesh
bench-mesh: cargo-present ## agents on this machine that exchange files, and load on their store: BENCH="--quick --only join"
	@tests/needs.sh python3 cc
	$(CARGO) build --release $(LOCKED)
	python3 bench/mesh.py $(BENCH)

.PHONY: bench-host
bench-host: cargo-present ## services and packages on a test host with a real systemd (as root): BENCH="--quick --only drift"
	@tests/needs.sh python3 cc strace unshare systemctl dbus-daemon
	$(CARGO) build --release $(LOCKED)
	python3 bench/host.py $(BENCH)

.PHONY: mesh-scale
mesh-scale: cargo-present ## what a mesh of 100, 10,000 and 100,000 hosts costs, in virtual time: the table of docs/SCALE.md. HOSTS="1000 5000"
	$(CARGO) bench $(LOCKED) --bench mesh_scale -- $(HOSTS)

.PHONY: bench-failover
bench-failover: cargo-present ## clusters of 3 and 5 members in network namespaces, their leader killed every 5 s: how long writes wait (as root)
	@tests/needs.sh ip unshare
	$(CARGO) test $(LOCKED) --test it -- cluster::hosts::leader_killed --nocapture --test-threads=1

.PHONY: etcd35
etcd35: ## etcd 3.5 and its tools, unpacked under target/ (from this machine's Debian mirror)
	@tests/setup/etcd35.sh

.PHONY: bench-peers
bench-peers: ## install the programs that `make bench` compares with (Debian's packages, as root)
	@tests/needs.sh cf-agent puppet ansible-playbook
	@if [ -d /run/systemd/system ]; then systemctl disable --now cfengine3.service puppet.service 2>/dev/null || true; fi

.PHONY: clean
clean: ## remove what was built and measured
	$(CARGO) clean
	rm -rf bench/results

.PHONY: cargo-present
cargo-present:
	@command -v $(CARGO) >/dev/null || { echo "make: cargo is missing; Rust 1.95 or newer comes with rustup (https://rustup.rs)"; exit 1; }
	@tests/needs.sh protoc
