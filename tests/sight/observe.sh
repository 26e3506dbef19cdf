#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# observe.sh BINARY   whether Wireshark's reader (tshark) finds in a capture of `observe` what is in it
#
# Needs root, curl and tshark. Everything happens in two network namespaces.
set -euo pipefail

binary=$(realpath "$1")
server=synflood-sight-$$-server
client=synflood-sight-$$-client
scratch=$(mktemp -d)
# What it started, by number.
started=()

clean_up() {
	((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
	ip netns delete "$server" 2>/dev/null || true
	ip netns delete "$client" 2>/dev/null || true
	rm -r "$scratch"
}
trap clean_up EXIT

# wait_for WHAT COMMAND...   until the command succeeds
wait_for() {
	local what=$1
	shift
	for ((try = 0; try < 200; try++)); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "error: gave up waiting for $what" >&2
	exit 1
}

ip netns add "$server"
ip netns add "$client"
ip link add eth0 netns "$server" type veth peer name eth0 netns "$client"
ip -n "$server" address add 10.0.0.10/24 dev eth0
ip -n "$client" address add 10.0.0.1/24 dev eth0
ip -n "$server" link set eth0 up
ip -n "$client" link set eth0 up

ip netns exec "$server" "$binary" --iface eth0 --mode skb --deny 10.0.0.2 2>"$scratch/run" &
started+=($!)
wait_for 'the protection' grep -q protecting "$scratch/run"
ip netns exec "$server" "$binary" observe --iface eth0 --count 2 -w "$scratch/a.pcapng" 2>"$scratch/observe" &
observer=$!
started+=("$observer")
wait_for 'the observer' grep -q observing "$scratch/observe"
# Nobody listens: a SYN that passes, and a RST.
ip netns exec "$client" curl -s --max-time 5 http://10.0.0.10/ >"$scratch/curl" || true
wait "$observer"

fields=(frame.interface_name frame.packet_flags_direction tcp.flags.str frame.comment)
tshark -n -r "$scratch/a.pcapng" -T fields "${fields[@]/#/-e}" >"$scratch/read"
cat "$scratch/read"
# Direction 1 is in, 2 is out.
grep -qP '^eth0\t(1|0x0*1)\t.*S.*\tpass_within_limit$' "$scratch/read"
grep -qP '^eth0\t(2|0x0*2)\t.*A.*R.*\t$' "$scratch/read"
# Nanoseconds: of two times one at least does not end in zeros.
tshark -n -r "$scratch/a.pcapng" -T fields -e frame.time_epoch >"$scratch/times"
grep -qP '\.\d{6}(?!000)\d{3}' "$scratch/times"
echo 'tshark reads captures: interface, direction, comment and nanoseconds are there'
