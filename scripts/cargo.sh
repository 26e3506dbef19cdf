#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cargo.sh ARGUMENT...   run cargo as the owner of this clone
#
# What cargo cannot do itself:
# - Under sudo, root usually has no Rust, and the user could not rebuild what root has built. So
#   root's cargo runs as the owner of the clone. A `runner` in cargo's settings could not get back to
#   root: no process of the owner becomes root without a prompt. So scripts/test.sh runs the tests.
# - Only a cargo that can read Cargo.toml checks `rust-version` in it. Debian 12's is too old, and
#   some machines have none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Cargo builds some libraries with make. These would obey the DESTDIR of `make install DESTDIR=…`.
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
	echo "error: this needs Rust $wanted or later, but $(stat -c %U .), who owns this clone, has" \
		"${found:-none}. rustup installs it: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
	exit 1
}
exec "${as[@]}" cargo "$@"
