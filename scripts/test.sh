#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test.sh CARGO_OPTION... [-- TEST_OPTION...]   build tests as the owner of the clone, run them as
#                                               the caller, and add up the results
#
# The options are those of `cargo test`. Unlike cargo, it goes on after a failure, and runs no doc tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

options=()
while (($#)) && [[ $1 != -- ]]; do
	options+=("$1")
	shift
done
shift $(($# > 0))

# Prints a line for each test program: its package's directory, its source, the program.
list_programs() {
	local directory='"manifest_path":"([^"]*)/Cargo.toml"' source='"src_path":"\1/([^"]*)"'
	local is_test='"profile":\{[^}]*"test":true\}' program='"executable":"([^"]*)"'
	scripts/cargo.sh test --no-run --message-format=json-render-diagnostics "${options[@]}" |
		sed -nE "s|.*$directory.*$source.*$is_test.*$program.*|\1\t\2\t\3|p" | sort
}

# Reads the output of a test program. Prints how many tests passed, failed and were ignored, and the
# names of those that failed. Prints nothing if the program did not finish.
add_up() {
	awk '
		/^failures:$/ { names = "" }
		/^    [^ ]+$/ { names = names " " $1 }
		/^test result: / { sub(/.*\. /, ""); print $1, $3, $5, names }'
}

# The tests check signals, so none may be ignored, as nohup ignores SIGHUP. Under nohup the tests get
# their own session, so that a lost terminal does not end them.
start=(env --default-signal)
[[ -z $(trap -p HUP) ]] || start=(setsid --wait "${start[@]}")

programs=$(list_programs)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0
failed=0
ignored=0
failures=
while IFS=$'\t' read -r directory source program; do
	[[ -n $program ]] || break
	source=${directory#"$PWD"}/$source
	printf '\n     Running %s\n' "${source#/}"
	status=0
	# Most of the time these wait, for a second of the run or for a flood.
	threads=$(nproc)
	[[ $source != */tests/@(command|cookies|service|trust)/* ]] || threads=$((2 * threads))
	"${start[@]}" --chdir="$directory" RUST_TEST_THREADS="${RUST_TEST_THREADS:-$threads}" "$program" "$@" </dev/null 2>&1 | tee "$log" || status=$?
	read -r fine bad skipped names < <(add_up <"$log") || true
	if ((status != 0 && ${bad:-0} == 0)); then
		bad=1
		names="(ended with status $status)"
	fi
	((passed += ${fine:-0}, failed += ${bad:-0}, ignored += ${skipped:-0})) || true
	[[ -z $names ]] || failures+="    ${source#/}: $names"$'\n'
done <<<"$programs"

if [[ -n $failures ]]; then
	printf 'These failed:\n%s' "$failures"
elif ((passed == 0)); then
	echo 'error: nothing was tested' >&2
fi
echo "$passed passed, $failed failed, $ignored ignored in $SECONDS s"
((passed > 0 && failed == 0))
