#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh [--check] [PURPOSE]...   install what is missing for these purposes: see REQUIREMENTS
#
# Without arguments: for `build`, `demo`, `test` and `lint`. The others are needed by their own targets
# only. With --check it installs nothing and only reports. It looks for programs, not packages, so that
# the check works on every distribution. It installs only on Debian and Ubuntu.
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # not in PATH after `su` without a dash

POLICY=/usr/sbin/policy-rc.d

# purpose, what must be there, Debian package
REQUIREMENTS='
build clang-19        clang-19
build gcc             gcc
build static-libc     libc6-dev
build make            make
build pkg-config      pkg-config
build autoconf        autoconf
build automake        automake
build autopoint       autopoint
build flex            flex
build bison           bison
build gawk            gawk
demo  ip              iproute2
demo  ss              iproute2
demo  nginx           nginx
demo  curl            curl
demo  nft             nftables
demo  nstat           iproute2
demo  ethtool         ethtool
demo  sysctl          procps
demo  taskset         util-linux
test  ping            iputils-ping
test  ps              procps
test  hping3          hping3
test  busybox         busybox-static
test  iptables        iptables
test  nft             nftables
test  tcpdump         tcpdump
test  tmux            tmux
bench ip              iproute2
bench nstat           iproute2
bench ethtool         ethtool
bench sysctl          procps
bench nft             nftables
bench iptables        iptables
bench nginx           nginx
bench ss              iproute2
lint  clang-format-19 clang-format-19
lint  shellcheck      shellcheck
kernels qemu-system-x86_64 qemu-system-x86
kernels debian-keyring     debian-archive-keyring
kernels busybox            busybox-static
kernels cpio               cpio
kernels xz                 xz-utils
sight prometheus      prometheus
sight promtool        prometheus
sight jq              jq
sight tshark          tshark
sight chromium        chromium
sight pngtopnm        netpbm
sight pdftotext       poppler-utils
package dpkg-deb          dpkg
package lintian           lintian
guest qemu-system-x86_64  qemu-system-x86
guest debian-keyring      debian-archive-keyring
guest mmdebstrap          mmdebstrap
guest mke2fs              e2fsprogs
fuzz  libstdc++       g++
fuzz  libfuzzer       libclang-rt-19-dev
'

has() {
	command -v "$1" >/dev/null
}

# COMMAND-19, or a plain COMMAND of version 19 or later.
has_llvm() {
	local major
	has "$1-19" && return
	major=$("$1" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\).*/\1/p' | head -n 1) || true
	((${major:-0} >= 19))
}

# With the sanitizers, which are in a separate package of clang.
has_libfuzzer() {
	local clang=${CLANG:-clang-19}
	has "$clang" || clang=clang
	echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
		"$clang" -fsanitize=fuzzer,address,undefined -x c -o /dev/null - 2>/dev/null
}

is_there() {
	case $1 in
	clang-19) [[ -n ${CLANG-} ]] || has_llvm clang ;;
	clang-format-19) has_llvm clang-format ;;
	# gcc answers with a path only if it found the file.
	static-libc) [[ $(gcc -print-file-name=libc.a 2>/dev/null) == /* ]] ;;
	debian-keyring) [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] ;;
	libstdc++) [[ $(gcc -print-file-name=libstdc++.so 2>/dev/null) == /* ]] ;;
	libfuzzer) has_libfuzzer ;;
	*) has "$1" ;;
	esac
}

# Sets `missing` (packages) from the purposes given.
find_missing() {
	local purpose thing package
	missing=()
	while read -r purpose thing package; do
		[[ " $* " == *" $purpose "* ]] || continue
		is_there "$thing" || missing+=("$package")
	done <<<"$REQUIREMENTS"
}

# Those of the missing packages that bring a service of their name. Debian starts what it installs, but a demo must
# not leave a web server on port 80 behind.
find_services() {
	local package
	services=()
	for package in "${missing[@]}"; do
		[[ $package != nginx && $package != prometheus ]] || services+=("$package")
	done
}

forbid_their_start() {
	policy_is_ours=false
	trap keep_them_down EXIT
	# A trapped signal waits until apt-get has ended. Otherwise apt-get would go on without the policy.
	trap 'exit 130' INT
	trap 'exit 143' HUP TERM
	[[ ! -e $POLICY ]] || return 0
	policy_is_ours=true
	cat >"$POLICY" <<-'POLICY'
		#!/bin/sh
		# Put here by synflood-xdp's `make deps` while it installs nginx or prometheus. May be removed.
		case " $* " in *" nginx "* | *" nginx.service "*) exit 101 ;; esac
		case " $* " in *" prometheus "* | *" prometheus.service "*) exit 101 ;; esac
		exit 104
	POLICY
	chmod 755 "$POLICY"
}

# On exit, so that even an interrupted apt-get does not leave one that starts at the next boot.
keep_them_down() {
	local service
	if $policy_is_ours; then
		rm -f "$POLICY"
	fi
	for service in "${services[@]}"; do
		has "$service" || continue
		if has systemctl; then
			systemctl --quiet disable "$service"
			# The machine's own policy may have let it start.
			[[ ! -d /run/systemd/system ]] || systemctl stop "$service"
		elif has update-rc.d; then
			update-rc.d "$service" disable
		fi
		echo "deps: $service is only for the demo or a test: it was not started, and is disabled at boot"
	done
}

install_missing() {
	echo "deps: installing ${missing[*]}"
	find_services
	[[ ${#services[@]} == 0 ]] || forbid_their_start
	# No questions, and no restarts of the machine's own services.
	export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends "${missing[@]}" || {
		echo "error: apt-get failed. Where it has no clang-19 (before Debian 12 and Ubuntu 24.04)," \
			"https://apt.llvm.org has one" >&2
		exit 1
	}
}

explain_missing() {
	echo "missing: ${missing[*]}"
	if ! has apt-get; then
		echo "These are Debian's names; README.md has those of Fedora and Arch."
		return
	fi
	echo "Run 'sudo make deps', or: sudo apt-get install --no-install-recommends ${missing[*]}"
	find_services
	[[ ${#services[@]} == 0 ]] ||
		echo "(apt-get alone also starts ${services[*]}; 'make deps' prevents that.)"
}

check_only=false
if [[ ${1-} == --check ]]; then
	check_only=true
	shift
fi
if [[ $# == 0 ]]; then
	set -- build demo test lint
fi

find_missing "$@"
if [[ ${#missing[@]} == 0 ]]; then
	$check_only || echo "deps: nothing is missing"
elif $check_only || [[ $EUID != 0 ]] || ! has apt-get; then
	explain_missing >&2
	exit 1
else
	install_missing
	find_missing "$@"
	if [[ ${#missing[@]} != 0 ]]; then
		echo "error: still missing after apt-get: ${missing[*]}" >&2
		exit 1
	fi
fi
