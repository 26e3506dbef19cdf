# SPDX-License-Identifier: GPL-2.0-only

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
# Prerequisites run one after the other, in the order in which they are listed.
.NOTPARALLEL:

PREFIX ?= /usr/local
CLANG_FORMAT ?= $(or $(shell command -v clang-format-19),clang-format)

cargo := scripts/cargo.sh
deps := scripts/deps.sh
# The directory of cargo's release build, to which ./synflood-xdp points.
release = $(dir $(realpath synflood-xdp))

c_files = $(shell find . -name target -prune -o -name '*.[ch]' ! -name vmlinux.h -print)
markdown_files = $(shell find . -name target -prune -o -name '.?*' -prune -o -name '*.md' -printf '%P\n' | sort)
docgen = $(cargo) run --quiet -p docgen --
# The name of each test program is that of its file or directory: tests/bucket.rs, tests/parse/main.rs.
host_tests := $(basename $(notdir $(wildcard host-tests/tests/*)))
shell_files := scripts/*.sh fuzz/*.sh packaging/build.sh packaging/postrm tests/kernels/* tests/package/run.sh tests/package/guest tests/sight/run.sh tests/sight/observe.sh tests/sight/report.sh tests/learn/captures/*.sh .ci/run

.PHONY: build
build: ## build the static binary, ./synflood-xdp (the default)
	@$(deps) --check build
	@binary=$$($(cargo) build --release --message-format=json-render-diagnostics | \
		sed -n 's/.*"executable":"\([^"]*\)".*/\1/p'); \
	ln -srfT "$$binary" synflood-xdp
	@echo ./synflood-xdp: $$(stat -Lc %s synflood-xdp | numfmt --to=si --suffix=B)

.PHONY: install
install: share = $(DESTDIR)$(PREFIX)/share
install: ## install the binary, its man page and completions to $(PREFIX), below $(DESTDIR)
	@# If root has no Rust, install the binary that the user has built.
	@if [[ ! -x synflood-xdp ]] || $(cargo) --version >/dev/null 2>&1; then \
		$(MAKE) --no-print-directory build; \
	fi
	@install -D -m 755 synflood-xdp '$(DESTDIR)$(PREFIX)/bin/synflood-xdp'
	@install -D -m 644 docs/synflood-xdp.8 '$(share)/man/man8/synflood-xdp.8'
	@install -D -m 644 docs/completions/synflood-xdp.bash '$(share)/bash-completion/completions/synflood-xdp'
	@install -D -m 644 docs/completions/_synflood-xdp '$(share)/zsh/site-functions/_synflood-xdp'
	@install -D -m 644 docs/completions/synflood-xdp.fish '$(share)/fish/vendor_completions.d/synflood-xdp.fish'
	@echo 'installed $(DESTDIR)$(PREFIX)/bin/synflood-xdp, its man page and completions for bash, zsh and fish'

.PHONY: deb
deb: needs-build-package build ## make a Debian package of the binary, in target/debian
	@deb=$$(packaging/build.sh target/debian); lintian --allow-root --fail-on error "$$deb"; echo "made $$deb"

.PHONY: deps
deps: ## install the packages for build, demo, tests and lint (Debian, Ubuntu)
	@$(deps)

.PHONY: demo
demo: the-demo ## show what clients feel of SYN floods, without and with protection (one minute)
	@$(release)demo show ./synflood-xdp

.PHONY: demo-publish
demo-publish: the-demo ## run demo, and update its table in README.md and docs/plots/demo.svg
	@$(release)demo show --publish ./synflood-xdp

.PHONY: lab
lab: the-demo ## set up the demo's namespaces and keep them, to try things out
	@$(cargo) build --release -p bench --bin flood
	@$(release)demo up ./synflood-xdp

.PHONY: lab-down
lab-down: the-demo ## remove the lab
	@$(release)demo down

.PHONY: the-demo
the-demo: root needs-build-demo build
	@$(cargo) build --release -p demo

.PHONY: test
test: TESTS ?= --workspace
test: root needs-build-demo-test ## run all tests, or some: TESTS='--test cookies -- vlan', as for cargo test
	@scripts/test.sh $(TESTS)

.PHONY: test-kernels
test-kernels: needs-build-demo-test-kernels build ## test the binary on Debian's kernels, in qemu
	@tests/kernels/run.sh ./synflood-xdp

.PHONY: test-package
test-package: root needs-build-package-guest deb ## install, flood, upgrade and remove the package, in chroots and in a booted Debian (qemu)
	@tests/package/run.sh

.PHONY: test-sight
test-sight: root needs-build-demo-test-sight build ## let a real Prometheus watch a run in a flood; try alert rules and dashboard; read captures with tshark, and the page of a log with Chromium
	@tests/sight/run.sh ./synflood-xdp
	@tests/sight/observe.sh ./synflood-xdp
	@tests/sight/report.sh ./synflood-xdp

.PHONY: test-host
test-host: ## run the tests that need no root
	@$(deps) --check build
	@scripts/test.sh --workspace --lib --bins --test packaging --test rulesets --test learn $(host_tests:%=--test %)

.PHONY: bench
bench: root needs-build-bench build ## measure this project and other defences (about eleven minutes)
	@$(cargo) build --release -p bench
	@SYNFLOOD_XDP=$$PWD/synflood-xdp $(release)bench $(BENCH)

.PHONY: bench-quick
bench-quick: BENCH = --rounds 1 --only synflood-xdp --part defences --part packets
bench-quick: bench ## measure this project alone (one minute)

.PHONY: bench-publish
bench-publish: BENCH = --publish
bench-publish: bench docs ## run bench, and update docs/bench.md and docs/plots

.PHONY: fuzz
fuzz: root needs-build-fuzz build ## search for frames that the programs misjudge, in four ways of FUZZ_SECONDS=60 each
	@$(cargo) build --release -p fuzz
	@fuzz/fuzz.sh $(release)fuzz

.PHONY: fuzz-smoke
fuzz-smoke: export FUZZ_SECONDS = 10
fuzz-smoke: fuzz ## run fuzz in under two minutes

.PHONY: soak
soak: root needs-build-demo-test build ## stress the binary for SOAK_SECONDS=120: floods, restarts, kills; nothing may leak, no client may be locked out
	@SYNFLOOD_XDP=$$PWD/synflood-xdp scripts/test.sh --test soak -- --ignored --nocapture
	@scripts/test.sh --test cookies -- --ignored idle
	@SYNFLOOD_XDP=$$PWD/synflood-xdp scripts/test.sh --test service -- --ignored --nocapture

.PHONY: trials
trials: export RUST_TEST_THREADS = 1
trials: root needs-build-demo-test build ## try the learner on live floods of every tool, with honest clients (ten minutes)
	@SYNFLOOD_XDP=$$PWD/synflood-xdp scripts/test.sh --test trials -- --ignored --nocapture $(TRIALS)

.PHONY: docs
docs: ## update the generated files in docs/, and wrap all Markdown
	@$(docgen) $(markdown_files)

.PHONY: lint
lint: ## check format and generated documents, and run clippy, rustdoc and shellcheck
	$(cargo) fmt --all --check
	$(cargo) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(cargo) doc --quiet --workspace --no-deps --document-private-items
	$(CLANG_FORMAT) --dry-run -Werror $(c_files)
	shellcheck -x $(shell_files)
	$(docgen) --check $(markdown_files)
	@find src lab/src demo/src docgen/src -name '*.rs' -exec awk '\
		FNR == 301 { print "error: " FILENAME " has over 300 lines: split it by concept"; bad = 1 } \
		END { exit bad }' {} +

.PHONY: fmt
fmt: docs ## format the sources and all Markdown
	$(cargo) fmt --all
	$(CLANG_FORMAT) -i $(c_files)

.PHONY: vmlinux
vmlinux: ## regenerate vmlinux/vmlinux.h from types.txt (needs libbpf-dev)
	@scratch=$$(mktemp -d vmlinux/.new.XXXXXX); trap 'rm -r "$$scratch"' EXIT; \
	$(CC) -O1 -Wall -Wextra -o "$$scratch/dump" vmlinux/dump.c -lbpf; \
	"$$scratch/dump" <vmlinux/types.txt >"$$scratch/vmlinux.h"; \
	mv "$$scratch/vmlinux.h" vmlinux/vmlinux.h
	@echo 'wrote vmlinux/vmlinux.h'

.PHONY: clean
clean: ## remove everything that was built
	$(cargo) clean
	rm -f synflood-xdp

.PHONY: help
help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

# needs-build-demo installs the packages for `build` and `demo`.
needs-%:
	@$(deps) $(subst -, ,$*)

# Only root may make network namespaces and load BPF programs.
.PHONY: root
root:
	@if [[ $$EUID != 0 ]]; then \
		echo 'Network namespaces and BPF need root: sudo make $(firstword $(MAKECMDGOALS))' >&2; \
		$(if $(filter test,$(MAKECMDGOALS)),echo 'The tests that need no root: make test-host' >&2;) \
		exit 1; \
	fi
