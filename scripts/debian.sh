# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What scripts that boot Debian share. To be sourced.

die() {
	echo "error: $*" >&2
	exit 1
}

# The address from which this machine's apt gets this Debian archive.
archive_of() { # LABEL
	local found
	# shellcheck disable=SC2016 # apt-get's own variables
	found=$(apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
		awk -v label="$1" '$1 == label { print $2; exit }')
	[[ -n $found ]] || die "this machine's apt knows no archive of $1; it must be a Debian with up-to-date lists"
	echo "$found"
}

# Ends the guests whose process numbers are in this directory. Ctrl-C does not reach background jobs.
stop_guests() { # DIRECTORY
	local file
	for file in "$1"/*.pid; do
		[[ ! -e $file ]] || kill "$(cat "$file")" 2>/dev/null || true
	done
}
