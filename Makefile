# SPDX-License-Identifier: GPL-2.0-only

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

PREFIX ?= /usr/local
CLANG_FORMAT ?= $(or $(shell command -v clang-format-19),clang-format)

cargo := scripts/cargo.sh
deps := scripts/deps.sh
# Asked late: before the first build without Rust there is no answer.
binary = $$($(cargo) --binary)

c_files = $(shell find . -name target -prune -o -name '*.[ch]' ! -name vmlinux.h -print)
shell_files := scripts/*.sh demo/*.sh fuzz/*.sh tests/kernels/* .ci/run

.PHONY: build
build: ## build the static binary (the default)
	@$(cargo) --check
	@$(deps) --check build
	@$(cargo) build --release
	@echo $(binary): $$(stat -c %s $(binary) | numfmt --to=si --suffix=B)

.PHONY: install
install: ## install it to $(PREFIX)/bin, below $(DESTDIR)
	@# As root without Rust, what the user has built is what they want installed.
	@if [[ ! -x $(binary) ]] || $(cargo) --check 2>/dev/null; then $(MAKE) --no-print-directory build; fi
	@install -D -m 755 $(binary) '$(DESTDIR)$(PREFIX)/bin/synflood-xdp'
	@echo 'installed $(DESTDIR)$(PREFIX)/bin/synflood-xdp'

.PHONY: deps
deps: ## install the packages for build, demo, tests and lint (Debian, Ubuntu)
	@$(deps)

.PHONY: demo
demo: root ## show a SYN flood without and with protection, in network namespaces
	@$(deps) build demo
	@$(MAKE) --no-print-directory build
	@demo/demo.sh $(binary)

.PHONY: lab
lab: root ## set up the demo's namespaces and leave them, to try things out
	@$(deps) build demo
	@$(MAKE) --no-print-directory build
	@demo/lab.sh up $(binary)

.PHONY: lab-down
lab-down: root ## remove the lab
	@demo/lab.sh down

.PHONY: test
test: root ## run all tests
	@$(deps) build demo test
	$(cargo) test --workspace --no-run
	$(cargo) --as-root test --workspace

.PHONY: test-kernels
test-kernels: ## test the binary on Debian's kernels, in qemu
	@$(deps) build demo test kernels
	@$(MAKE) --no-print-directory build
	@tests/kernels/run.sh $(binary)

.PHONY: test-host
test-host: ## run the tests that need no root
	@$(deps) --check build
	$(cargo) test --workspace --lib --bins
	$(cargo) test -p host-tests

.PHONY: bench
bench: BENCH ?= --publish
bench: root ## measure beside other defences, and renew docs/bench.md (about nine minutes)
	@$(deps) build bench
	@$(MAKE) --no-print-directory build
	@$(cargo) build --release -p bench
	@SYNFLOOD_XDP=$$PWD/$(binary) $$(dirname $(binary))/bench $(BENCH)

.PHONY: bench-quick
bench-quick: ## measure this project alone (one minute)
	@$(MAKE) --no-print-directory bench BENCH='--rounds 1 --only synflood-xdp --part defences --part packets'

.PHONY: fuzz
fuzz: root ## look for frames that the program misjudges, FUZZ_SECONDS=60 for each of three ways
	@$(deps) build fuzz
	@$(cargo) build --release -p fuzz
	@fuzz/fuzz.sh $$(dirname $(binary))/fuzz

.PHONY: fuzz-smoke
fuzz-smoke: ## the same in under two minutes
	@FUZZ_SECONDS=10 $(MAKE) --no-print-directory fuzz

.PHONY: soak
soak: root ## strain the binary for SOAK_SECONDS=120: floods, restarts, kills; nothing may leak or lock out
	@$(deps) build demo test
	@$(MAKE) --no-print-directory build
	$(cargo) test --test soak --no-run
	SYNFLOOD_XDP=$$PWD/$(binary) $(cargo) --as-root test --test soak -- --ignored --nocapture

.PHONY: lint
lint: ## check format and run clippy and shellcheck
	$(cargo) fmt --all --check
	$(cargo) clippy --workspace --all-targets -- -D warnings
	$(CLANG_FORMAT) --dry-run -Werror $(c_files)
	shellcheck -x $(shell_files)

.PHONY: fmt
fmt: ## format the sources
	$(cargo) fmt --all
	$(CLANG_FORMAT) -i $(c_files)

.PHONY: vmlinux
vmlinux: ## make vmlinux/vmlinux.h again from types.txt (needs libbpf-dev)
	@scratch=$$(mktemp -d vmlinux/.new.XXXXXX); trap 'rm -r "$$scratch"' EXIT; \
	$(CC) -O1 -Wall -Wextra -o "$$scratch/dump" vmlinux/dump.c -lbpf; \
	"$$scratch/dump" <vmlinux/types.txt >"$$scratch/vmlinux.h"; \
	mv "$$scratch/vmlinux.h" vmlinux/vmlinux.h
	@echo 'wrote vmlinux/vmlinux.h'

.PHONY: clean
clean: ## remove what was built
	$(cargo) clean

.PHONY: help
help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

# Network namespaces and BPF programs are for root only.
.PHONY: root
root:
	@if [[ $$EUID != 0 ]]; then \
		echo 'Network namespaces and BPF need root: sudo make $(firstword $(MAKECMDGOALS))' >&2; \
		$(if $(filter test,$(MAKECMDGOALS)),echo 'The tests that need none: make test-host' >&2;) \
		exit 1; \
	fi
