#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Tries the Debian package: its whole life in fresh roots, and its service in booted systems
#
# Needs no KVM. The guests have no network. mmdebstrap makes the roots, from Debian's archives only, and
# checks their signatures. The cache may be deleted at any time.
# SUITES='bookworm trixie' chooses releases. GUEST_LOGS=DIRECTORY keeps the guests' output.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# shellcheck source=scripts/debian.sh
source scripts/debian.sh

read -ra SUITES <<<"${SUITES:-bookworm trixie}"
readonly SUITES
readonly PACKAGES=(curl dbus hping3 ifupdown ipset iptables kmod linux-image-cloud-amd64 nftables nginx-light
	procps systemd systemd-sysv udev)
# With all modules, its unpacking takes a good part of the boot.
# shellcheck disable=SC2016 # for mmdebstrap's shell, whose $1 is the root
readonly SMALL_INITRD='
	mkdir -p "$1/etc/initramfs-tools/conf.d" "$1/usr/share/initramfs-tools/modules.d"
	echo MODULES=list >"$1/etc/initramfs-tools/conf.d/guest"
	printf "%s\n" virtio_pci virtio_blk ext4 >"$1/usr/share/initramfs-tools/modules.d/guest"'
readonly GUEST_SECONDS=900
# What dpkg, systemd and man-db write down for themselves.
readonly NOT_COMPARED='^\./(var/(lib/dpkg|lib/systemd|log|cache)|boot)(/|$)'

cache=${XDG_CACHE_HOME:-$HOME/.cache}/synflood-xdp/package
mkdir -p "$cache"
scratch=$(mktemp -d)
trap 'stop_guests "$scratch"; rm -rf "$scratch"' EXIT

# Prints the name of a tar file of a fresh root with PACKAGES.
fetch() { # SUITE
	local suite=$1 new=$cache/new-$1.tar name archive security
	# A month, so that no guest stays behind Debian's for long.
	name=$cache/$suite-$(date +%Y-%m)-$(printf '%s\n' "${PACKAGES[@]}" | sha256sum | head -c 8).tar
	if [[ ! -e $name ]]; then
		rm -f "$cache/$suite"-*
		archive=$(archive_of Debian)
		security=$(archive_of Debian-Security)
		mmdebstrap --quiet --variant=minbase --include="${PACKAGES[*]}" --essential-hook="$SMALL_INITRD" \
			"$suite" "$new" "deb $archive $suite main" "deb $security $suite-security main" >&2
		mv "$new" "$name"
	fi
	echo "$name"
}

files_of() { # ROOT
	(cd "$1" && find . -printf '%p %y %m %u %l\n' | grep -vE "$NOT_COMPARED" | sort)
}

# Install, upgrade, remove, install, purge: afterwards the root must be as before.
live_and_die() { # ROOT
	local root=$1
	files_of "$root" >"$scratch/before"
	chroot "$root" bash -euo pipefail -s >"$scratch/dpkg.log" 2>&1 <<-'LIFE' || {
		export DEBIAN_FRONTEND=noninteractive
		config=/etc/synflood-xdp/config.toml
		dpkg --install /packages/first.deb
		synflood-xdp --version
		[[ $(systemctl is-enabled synflood-xdp) == disabled ]]
		echo '# mine' >>$config
		dpkg --install /packages/second.deb
		grep -qx '# mine' $config
		dpkg --remove synflood-xdp
		[[ -e $config && ! -e /usr/sbin/synflood-xdp ]]
		dpkg --install /packages/second.deb
		grep -qx '# mine' $config
		systemctl enable synflood-xdp
		mkdir -p /var/lib/private/synflood-xdp
		dpkg --purge synflood-xdp
	LIFE
		cat "$scratch/dpkg.log"
		die "the package's life in a chroot failed"
	}
	files_of "$root" >"$scratch/after"
	diff "$scratch/before" "$scratch/after" || die "a purged package has left (>) or taken (<) this"
}

# A root in which the service starts at boot, and after it the test.
prepare_guest() { # ROOT
	local root=$1
	chroot "$root" dpkg --install /packages/first.deb >/dev/null 2>&1
	install -m 644 tests/package/config.toml "$root/etc/synflood-xdp/config.toml"
	install -m 644 tests/package/interfaces "$root/etc/network/interfaces.d/test"
	install -m 755 tests/package/guest "$root/usr/local/sbin/test-package"
	install -m 644 tests/package/test-package.service "$root/etc/systemd/system/"
	# Without /proc, systemctl warns of it.
	SYSTEMD_LOG_LEVEL=err chroot "$root" systemctl --quiet enable synflood-xdp nginx test-package
	SYSTEMD_LOG_LEVEL=err chroot "$root" systemctl --quiet mask serial-getty@ttyS0 apt-daily.timer apt-daily-upgrade.timer \
		dpkg-db-backup.timer e2scrub_reap systemd-logind
}

# A reboot ends qemu, so that no guest begins again and again.
boot() { # SUITE ROOT
	local suite=$1 root=$2
	truncate --size=2G "$scratch/$suite.img"
	mke2fs -q -t ext4 -d "$root" "$scratch/$suite.img"
	boot_once "$suite" "$root" >"$scratch/$suite.log"
	if grep -qx 'guest: rebooting' "$scratch/$suite.log"; then
		boot_once "$suite" "$root" >>"$scratch/$suite.log"
	fi
}

# Without rdrand the kernel has no random numbers for minutes.
boot_once() { # SUITE ROOT
	local suite=$1 root=$2
	timeout "$GUEST_SECONDS" qemu-system-x86_64 -accel tcg -cpu qemu64,+rdrand -m 1024 -smp 2 -no-reboot \
		-display none -serial stdio -monitor none -nic none -pidfile "$scratch/$suite.pid" \
		-kernel "$(echo "$root"/boot/vmlinuz-*)" -initrd "$(echo "$root"/boot/initrd.img-*)" \
		-append 'console=ttyS0 root=/dev/vda rw quiet panic=-1' \
		-drive "file=$scratch/$suite.img,format=raw,if=virtio,cache=unsafe" \
		</dev/null 2>&1 | sed --unbuffered 's|\r$||'
}

[[ $(uname -m) == x86_64 ]] || die "the guests are of x86_64, so the package must be too"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
mkdir "$scratch/packages"
# Only root may write to $scratch, and cargo runs as the owner of this clone.
packaging/build.sh target/package/first.deb "$version-1" >/dev/null
packaging/build.sh target/package/second.deb "$version-1+test" >/dev/null
cp target/package/{first,second}.deb "$scratch/packages/"
for suite in "${SUITES[@]}"; do
	root=$scratch/$suite
	tar=$(fetch "$suite")
	mkdir "$root"
	tar --extract --file="$tar" --directory="$root"
	cp -r "$scratch/packages" "$root/"
	echo "$suite: install, upgrade, remove, purge in a chroot"
	live_and_die "$root"
	prepare_guest "$root"
	echo "$suite: booting"
	boot "$suite" "$root" &
done
wait

failed=0
for suite in "${SUITES[@]}"; do
	log=$scratch/$suite.log
	if grep -qx 'guest: passed' "$log"; then
		printf '\n=== %s\n' "$suite"
		grep '^guest: ' "$log"
	else
		printf '\n=== failed: output of %s\n' "$suite"
		cat "$log"
		failed=1
	fi
	[[ -z ${GUEST_LOGS-} ]] || cp "$log" "$GUEST_LOGS/"
done
exit $failed
