#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# fuzz.sh PROGRAM   run the differential fuzzer PROGRAM, then libFuzzer on the pure headers
#
# FUZZ_SECONDS (60) is the time for each of the four. FUZZ_SEED repeats the same frames. libFuzzer
# writes what it finds to a file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export FUZZ_SECONDS=${FUZZ_SECONDS:-60}
WORK=target/fuzz
SANITIZERS=fuzzer,address,undefined

# Headers are at 2 mod 4 on the wire, and the kernel reads them there, so alignment is not checked.
build_harness() { # NAME
	"${CLANG:-$(command -v clang-19 || echo clang)}" -g -O1 -Wall -Wextra -Werror -Ibpf \
		-fsanitize=$SANITIZERS -fno-sanitize=alignment -fno-sanitize-recover=all \
		"fuzz/c/$1.c" -o "$WORK/$1"
}

# Inputs with new coverage stay in the corpus under target/ for the next run.
run_harness() { # NAME LONGEST_INPUT
	local seed=$((${FUZZ_SEED:-$SRANDOM} & 0xffffffff)) # libFuzzer takes 32 bits
	mkdir -p "$WORK/$1-corpus" "$WORK/$1-found"
	echo "libFuzzer on $1.h: $FUZZ_SECONDS s, FUZZ_SEED=$seed"
	"$WORK/$1" -max_total_time="$FUZZ_SECONDS" -max_len="$2" -seed="$seed" -use_value_profile=1 \
		-artifact_prefix="$WORK/$1-found/" -print_final_stats=1 "${@:3}" \
		"$WORK/$1-corpus" >"$WORK/$1.log" 2>&1 || {
		tail -n 40 "$WORK/$1.log" >&2
		echo "to repeat: $WORK/$1 FILE, with the file that 'Test unit written to' names" >&2
		exit 1
	}
	sed -n 's/^stat::\(number_of_executed_units\|average_exec_per_sec\):/  \1/p' "$WORK/$1.log"
}

mkdir -p "$WORK"
# The owner of the clone also owns what root writes here.
trap 'chown -R --reference=Makefile "$WORK" fuzz/corpus' EXIT
build_harness parse
build_harness bucket
"$1"
run_harness parse 512
run_harness bucket 512
echo 'fuzz: nothing found'
