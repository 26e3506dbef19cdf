#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh BINARY   boot Debian's kernels in qemu, and test this static binary there
#
# Needs no root and no KVM. The guests have no network. apt gets the kernels, with separate package
# lists and a separate cache, and checks Debian's signatures. The cache may be deleted at any time.
# KERNELS='6.1 6.12' chooses kernels. KERNEL_LOGS=DIRECTORY keeps the guests' output.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# shellcheck source=scripts/debian.sh
source scripts/debian.sh

# The binary must refuse the oldest. The last is the newest available.
read -ra SERIES <<<"${KERNELS:-5.10 6.1 6.12 [0-9]+}"
readonly SERIES
readonly TESTS=(program command cookies)
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
readonly GUEST_TOOLS=(bash ethtool ip nft)
# The places in a kernel's tree of the modules that guest-init loads, and of their dependencies.
readonly MODULES=(crypto drivers/net/{net_failover,veth,virtio_net}.ko* drivers/virtio lib
	net/{802,8021q,bridge,core,llc} net/netfilter/{nf_tables,nfnetlink}.ko*)
readonly BOOT_SECONDS=900
readonly AT_ONCE=2

PATH=$PATH:/usr/sbin:/sbin
cache=${XDG_CACHE_HOME:-$HOME/.cache}/synflood-xdp/kernels
mkdir -p "$cache"
scratch=$(mktemp -d)
trap 'stop_guests "$scratch"; rm -rf "$scratch"' EXIT

# Runs an apt tool with lists and settings that are separate from this machine's.
apt() { # TOOL ARGUMENT...
	"$1" -qq -o Dir::Etc::sourcelist="$cache/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State="$cache/apt" -o Dir::State::status=/dev/null -o Dir::Cache="$cache/apt" \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		"${@:2}"
}

# Once a day. Without a network, the cached lists are used.
update_lists() {
	local suite archive main security
	if [[ -n $(find "$cache/apt/updated" -mtime -1 2>/dev/null) ]]; then
		return
	fi
	mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
	main=$(archive_of Debian)
	security=$(archive_of Debian-Security)
	for suite in bullseye{,-security} bookworm{,-security} trixie{,-security,-backports}; do
		archive=$main
		[[ $suite != *-security ]] || archive=$security
		echo "deb [signed-by=$KEYRING] $archive $suite main"
	done >"$cache/apt/sources.list"
	if apt apt-get update; then
		touch "$cache/apt/updated"
	else
		echo 'warning: apt-get update failed; going on with the old lists' >&2
	fi
}

# The newest release of a series: 6.1 → 6.1.0-56-cloud-amd64.
newest_of() { # SERIES
	apt apt-cache pkgnames linux-image- |
		sed -nE "s/^linux-image-($1\.[0-9].*-cloud-amd64)$/\1/p" | sort --version-sort | tail -n 1
}

# Puts a kernel's image and modules into the cache.
fetch() { # RELEASE
	local release=$1 new=$cache/new tree
	if [[ -d $cache/$release ]]; then
		return
	fi
	rm -rf "$new"
	mkdir -p "$new/debs" "$new/unpacked" "$new/kernel"
	# The image and its modules may be in one package or in two.
	mapfile -t packages < <(apt apt-cache pkgnames linux- |
		grep -xE "linux-(image|binary|modules)-${release//[.+]/[&]}")
	(cd "$new/debs" && apt apt-get download "${packages[@]}")
	for deb in "$new"/debs/*.deb; do
		dpkg-deb --extract "$deb" "$new/unpacked"
	done
	find "$new/unpacked" -name 'vmlinuz*' -exec mv {} "$new/vmlinuz" \;
	tree=$(find "$new/unpacked" -path "*/modules/$release/kernel")
	for path in "${MODULES[@]}"; do
		(cd "$tree" && find . -path "./$path*" -name '*.ko*' -exec cp --parents {} "$new/kernel" \;)
	done
	find "$new/kernel" -name '*.xz' -exec xz --decompress {} +
	rm -r "$new/debs" "$new/unpacked"
	mv "$new" "$cache/$release"
}

# The files that all guests share.
make_root() { # BINARY
	local root=$scratch/root tool libraries tests test
	mkdir -p "$root/bin" "$root/tests"
	cp tests/kernels/guest-init "$root/init"
	cp "$(command -v busybox)" "$1" "$root/bin"
	for tool in "${GUEST_TOOLS[@]}"; do
		tool=$(command -v "$tool")
		cp "$tool" "$root/bin"
		mapfile -t libraries < <(ldd "$tool" | grep -o '/[^ ]*')
		cp --dereference --parents "${libraries[@]}" "$root"
	done
	tests=$(scripts/cargo.sh test --no-run --message-format=json "${TESTS[@]/#/--test=}" |
		sed -n 's/.*"executable":"\([^"]*\/deps\/[^"]*\)".*/\1/p')
	for test in $tests; do
		# cargo's names end in a hash.
		strip -o "$root/tests/$(basename "${test%-*}")" "$test"
	done
}

make_initramfs() { # RELEASE
	local modules=$scratch/root/lib/modules
	rm -rf "$modules"
	mkdir -p "$modules/$1"
	cp -r "$cache/$1/kernel" "$modules/$1"
	busybox depmod -b "$scratch/root" "$1"
	(cd "$scratch/root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -1) >"$scratch/$1.initramfs"
}

expectation() { # SERIES
	if [[ $1 == 5.10 ]]; then echo refused; else echo accepted; fi
}

# The two NICs are alone on one wire. Without rdrand the kernel has no random numbers for minutes.
boot() { # RELEASE EXPECT
	timeout "$BOOT_SECONDS" qemu-system-x86_64 -accel tcg -cpu qemu64,+rdrand -m 1024 -smp 2 -no-reboot \
		-display none -serial stdio -monitor none -pidfile "$scratch/$1.pid" \
		-kernel "$cache/$1/vmlinuz" -initrd "$scratch/$1.initramfs" \
		-append "console=ttyS0 quiet panic=-1 expect=$2" \
		-netdev hubport,id=a,hubid=0 -device virtio-net-pci,netdev=a,romfile= \
		-netdev hubport,id=b,hubid=0 -device virtio-net-pci,netdev=b,romfile= \
		</dev/null 2>&1 | tr -d '\r' >"$scratch/$1.log"
}

# Adds a row to `table`; fails if the guest did not pass.
judge() { # RELEASE EXPECT
	local log=$scratch/$1.log result=FAILED verified skipped
	verified=$(grep -o 'verified instructions: [0-9]*' "$log" | grep -o '[0-9]*$') || verified=-
	skipped=$(grep -c 'SKIPPED: ' "$log") || true
	if grep -qx 'guest: passed' "$log"; then
		result=passed
		[[ $2 == accepted ]] || result='refused, as it must be'
		[[ $skipped == 0 ]] || result+=" ($skipped skipped)"
	fi
	table+=$(printf '\n%-30s %-24s %s' "$1" "$result" "$verified")
	[[ $result != FAILED ]]
}

[[ $(uname -m) == x86_64 ]] || die "the kernels are for x86_64, so the binary must be too"
command -v apt-get dpkg-deb >/dev/null || die "the kernels come through apt, which is missing here"
update_lists
make_root "$1"
releases=()
for series in "${SERIES[@]}"; do
	release=$(newest_of "$series")
	[[ -n $release ]] || die "Debian offers no kernel $series any more"
	releases+=("$release")
	fetch "$release"
	make_initramfs "$release"
	while (($(jobs -rp | wc -l) >= AT_ONCE)); do
		wait -n || true
	done
	echo "booting $release"
	boot "$release" "$(expectation "$series")" &
done
wait

table=$(printf '%-30s %-24s %s' KERNEL RESULT 'VERIFIED INSTRUCTIONS')
failed=0
for i in "${!SERIES[@]}"; do
	release=${releases[i]}
	if ! judge "$release" "$(expectation "${SERIES[i]}")"; then
		printf '\n=== output of %s\n' "$release"
		cat "$scratch/$release.log"
		failed=1
	fi
	[[ -z ${KERNEL_LOGS-} ]] || cp "$scratch/$release.log" "$KERNEL_LOGS/"
done
printf '\n%s\n' "$table"
exit $failed
