#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cargo.sh ARGUMENT...   run cargo as the user whose clone this is
#
# What cargo cannot do itself:
# - Under sudo root mostly has no Rust, and what root builds its user cannot build again. So root's
#   cargo runs as the owner of the clone. A `runner` in cargo's settings is no way back: nothing
#   that the owner starts becomes root without asking. So scripts/test.sh runs the tests.
# - `rust-version` in Cargo.toml speaks only where there is a cargo, and one that is new enough to
#   read Cargo.toml: Debian 12's is not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The libraries that cargo builds with make would follow what `make install DESTDIR=…` passes on.
unset DESTDIR PREFIX MAKEFLAGS MFLAGS MAKEOVERRIDES

# rustup changes PATH in login shells only.
PATH=~/.cargo/bin:$PATH
as=()
if [[ $EUID == 0 ]]; then
	# If the owner is unknown here or has no Rust (a container), root itself may have it.
	for user in "$(stat -c %U .)" root; do
		home=$(getent passwd "$user" | cut -d: -f6) || continue
		as=(env "HOME=$home" "PATH=$home/.cargo/bin:$PATH")
		[[ $user == root ]] || as=(runuser -u "$user" -- env -u CARGO_HOME -u RUSTUP_HOME "${as[@]}")
		! "${as[@]}" cargo --version >/dev/null 2>&1 || break
	done
fi

wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
found=$("${as[@]}" cargo --version 2>/dev/null | cut -d' ' -f2) || true
printf '%s\n' "$wanted" "${found:-0}" | sort --version-sort --check=quiet || {
	echo "error: this needs Rust $wanted or later, and $(stat -c %U .), whose clone it is, has" \
		"${found:-none}. rustup installs it: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
	exit 1
}
exec "${as[@]}" cargo "$@"
