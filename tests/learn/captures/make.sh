#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# make.sh [NAME]...   make the captures in this directory again, all or these: see TOOLS
#
# Each tool floods a silent host in a network namespace, and tcpdump keeps the first SYNs that arrive there. Needs
# root, and these packages of Debian 12: hping3 nmap masscan zmap python3-scapy netsniff-ng t50 tcpdump iproute2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

SYNS=400      # in a capture
SENT=2000     # by a tool, at most
TARGET=198.18.0.1
ROUTER=02:00:00:00:00:02

TOOLS='
hping3             hping3 -q -c SENT -i u200 -S -p 80 --rand-source TARGET
hping3-ports       hping3 -q -c SENT -i u200 -S -p ++80 --rand-source TARGET
hping3-timestamp   hping3 -q -c SENT -i u200 -S -p 80 --tcp-timestamp --rand-source TARGET
hping3-rand-dest   hping3 -q -c SENT -i u200 -S -p 80 --rand-source --rand-dest 198.18.x.x -I eth0
nping              ./flood.sh nping
masscan            masscan 198.18.0.0/21 -p80 --rate 2000 --wait 0 --adapter eth0 --adapter-ip 10.99.1.0-10.99.1.255 --router-mac ROUTER
zmap               zmap -q -i eth0 -p 80 -r 2000 -n SENT -c 0 -S 10.99.1.0-10.99.1.255 -G ROUTER -b /dev/null -o /dev/null 198.18.0.0/16
scapy              /usr/bin/python3 flood.py scapy
mausezahn          mausezahn eth0 -q -c SENT -d 200 -b ROUTER -A rand -B TARGET -t tcp flags=syn,dp=80
trafgen            ./flood.sh trafgen
t50                t50 TARGET --protocol TCP --syn --dport 80 --threshold SENT
mirai-like         /usr/bin/python3 flood.py mirai
linux              /usr/bin/python3 flood.py linux
'

client=learn-captures-$$-client
server=learn-captures-$$-server

remove() {
	ip netns del "$client" 2>/dev/null || true
	ip netns del "$server" 2>/dev/null || true
}
trap remove EXIT

# The server has no address and answers nothing. So that the client resolves none, it knows the router's MAC.
set_up() {
	ip netns add "$client"
	ip netns add "$server"
	ip -n "$server" link add eth0 address "$ROUTER" type veth peer name eth0 netns "$client"
	ip netns exec "$server" sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
	ip -n "$server" link set eth0 up
	ip netns exec "$client" sysctl -qw net.ipv6.conf.eth0.accept_dad=0
	ip -n "$client" addr add 10.99.0.2/16 dev eth0
	ip -n "$client" addr add 2001:db8::2/64 dev eth0
	ip -n "$client" link set lo up
	ip -n "$client" link set eth0 up
	ip -n "$client" neigh add 10.99.0.1 lladdr "$ROUTER" dev eth0 nud permanent
	ip -n "$client" neigh add 2001:db8::1 lladdr "$ROUTER" dev eth0 nud permanent
	ip -n "$client" route add default via 10.99.0.1
	ip -n "$client" route add default via 2001:db8::1
}

# The headers of the SYNs that the command sends.
capture() {
	local name=$1 tcpdump
	shift
	ip netns exec "$server" tcpdump -i eth0 --immediate-mode -U -p -n -s 128 -c "$SYNS" -w "$name.pcap" \
		'(tcp[13] & 0x12 == 2) or (ip6 and ip6[6] = 6 and ip6[53] & 0x12 = 2)' 2>"$scratch/tcpdump" &
	tcpdump=$!
	until grep -q listening "$scratch/tcpdump"; do
		kill -0 "$tcpdump" || {
			cat "$scratch/tcpdump" >&2
			exit 1
		}
		sleep 0.05
	done
	TARGET=$TARGET ROUTER=$ROUTER SENT=$SENT timeout 60 ip netns exec "$client" "$@" >"$scratch/tool" 2>&1 </dev/null ||
		{ kill -0 "$tcpdump" 2>/dev/null && cat "$scratch/tool" >&2; }
	# A tool may end before its last SYN has arrived.
	timeout 5 tail --pid "$tcpdump" -f /dev/null || kill "$tcpdump"
	wait "$tcpdump"
	printf '%-18s %s\n' "$name" "$(tcpdump -r "$name.pcap" --count 2>/dev/null)"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"; remove' EXIT
set_up
while read -r name command; do
	[[ -n $name && (" $* " == *" $name "* || $# == 0) ]] || continue
	command=${command//TARGET/$TARGET}
	command=${command//ROUTER/$ROUTER}
	command=${command//SENT/$SENT}
	read -ra words <<<"$command"
	capture "$name" "${words[@]}"
done <<<"$TOOLS"
