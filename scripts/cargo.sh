#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cargo.sh ARGUMENT...             run cargo as the user whose clone this is
# cargo.sh --as-root ARGUMENT...   run cargo as root, with that user's toolchain and crates
#
# Under sudo, root mostly has no Rust while the user who typed sudo has, and what root builds that
# user cannot build again: so root builds as that user.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() {
	echo "error: $*" >&2
	exit 1
}

home_of() {
	getent passwd "$1" | cut -d: -f6
}

# Sets `toolchain`: the environment with which $1 finds the Rust that rustup gave them. What
# `make install DESTDIR=…` sets stays out: the libraries that cargo builds with make would follow it.
set_toolchain_of() {
	local home
	home=$(home_of "$1")
	toolchain=(env -u DESTDIR -u PREFIX -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES)
	if [[ $1 != "$self" ]]; then
		toolchain+=(-u CARGO_HOME -u RUSTUP_HOME)
	fi
	toolchain+=("HOME=$home" "USER=$1" "LOGNAME=$1")
	case ":$PATH:" in
	*":$home/.cargo/bin:"*) toolchain+=("PATH=$PATH") ;;
	*) toolchain+=("PATH=$home/.cargo/bin:$PATH") ;;
	esac
}

# Sets `builder`, `toolchain`, and `as_builder`, what to put before a command that they shall run.
choose_builder() {
	local user
	self=$(id -un)
	as_builder=()
	if [[ $EUID == 0 ]]; then
		for user in "${SUDO_USER:-root}" "$(stat -c %U .)"; do
			if [[ $user == root ]] || ! id "$user" >/dev/null 2>&1; then
				continue
			fi
			set_toolchain_of "$user"
			as_builder=(runuser -u "$user" --)
			# A clone that belongs to root is built by root, whoever typed sudo.
			# shellcheck disable=SC2016 # for the other shell to expand
			if "${as_builder[@]}" "${toolchain[@]}" sh -c 'test -w . && cargo --version' \
				>/dev/null 2>&1; then
				builder=$user
				return
			fi
		done
	fi
	builder=$self
	as_builder=()
	set_toolchain_of "$self"
}

run_as_builder() {
	"${as_builder[@]}" "${toolchain[@]}" "$@"
}

is_at_least() { # WANTED FOUND
	[[ $(printf '%s\n' "$1" "$2" | sort --version-sort | head -n 1) == "$1" ]]
}

check_rust() {
	local wanted found install
	wanted=$(sed -n 's/^rust-version *= *"\(.*\)".*/\1/p' Cargo.toml)
	install="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
	found=$(run_as_builder rustc --version 2>/dev/null | cut -d' ' -f2) || true
	if [[ -z $found ]] || ! run_as_builder cargo --version >/dev/null 2>&1; then
		die "Rust $wanted or later is needed and $builder has none. rustup installs it:" \
			"$install"
	fi
	is_at_least "$wanted" "$found" ||
		die "Rust $wanted or later is needed, $builder has $found (the one in Debian 12 is too" \
			"old). With rustup: rustup update stable; else install rustup: $install"
}

# What root's cargo wrote among the files of another user goes back to them.
give_back() {
	find target -user root -exec chown -h "$builder:" {} +
}

choose_builder
case ${1-} in
--as-root)
	[[ $EUID == 0 ]] || die "only root can"
	check_rust
	[[ $builder == root ]] || trap give_back EXIT
	"${toolchain[@]}" cargo "${@:2}"
	;;
*)
	check_rust
	run_as_builder cargo "$@"
	;;
esac
