#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# lab.sh up BINARY   set up the lab, leave it standing, print commands to try
# lab.sh down        remove it and what runs in it
#
# Three hosts on one bridge, each in a network namespace of its own, and so is the bridge: the
# machine's own network is not touched.
#
#     client 10.0.0.1    attacker 10.0.0.2    server 10.0.0.10 (nginx)
#            fd00:5::1            fd00:5::2          fd00:5::10
#
# Over IPv6 the three are one source to the program: it takes a /64 for one customer's.
#
# demo.sh sources this file for the functions.
set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # where `su` without a dash does not look

ATTACKER_ADDRESS=10.0.0.2
SERVER_ADDRESS=10.0.0.10
NETWORK=10.0.0.0/24
# The client can speak from these as well: clients whom the server does not know.
NEWCOMERS=(10.0.0.{101..120})
LAB_NAME=synflood
LAB_STATE=/run/synflood-lab
demo_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Two labs of different names can stand at a time.
name_lab() { # NAME
	client=$1-client
	attacker=$1-attacker
	server=$1-server
	switch=$1-switch
}

inside() { # NAMESPACE COMMAND...
	ip netns exec "$@"
}

# Tries a command until it succeeds, for ten seconds.
wait_until() { # WHAT COMMAND...
	local what=$1 deadline=$((SECONDS + 10))
	shift
	until "$@"; do
		if ((SECONDS >= deadline)); then
			echo "error: waited ten seconds in vain until $what" >&2
			return 1
		fi
		sleep 0.05
	done
}

add_host() { # NAMESPACE HOST_NUMBER
	ip -n "$switch" link add "port$2" type veth peer name eth0 netns "$1"
	ip -n "$switch" link set "port$2" master bridge up
	ip -n "$1" address add "10.0.0.$2/24" dev eth0
	ip -n "$1" address add "fd00:5::$2/64" dev eth0 nodad
	ip -n "$1" link set eth0 up
}

# What is sent and answered is counted by the hosts themselves, not by the program on show.
count_packets() {
	inside "$attacker" nft -f - <<-NFT
		table inet lab {
			counter syns_sent { }
			counter rsts_withheld { }
			chain output {
				type filter hook output priority 0
				ip daddr $SERVER_ADDRESS tcp flags & (syn | ack) == syn counter name syns_sent
				# The attacker's own kernel knows nothing of the connections that its SYNs
				# ask for and would end each with an RST. With a forged source none comes.
				ip daddr $SERVER_ADDRESS tcp flags & rst == rst counter name rsts_withheld drop
			}
		}
	NFT
	inside "$server" nft -f - <<-NFT
		table inet lab {
			counter syns_received { }
			counter syn_acks_sent { }
			counter forged_received { }
			counter forged_answered { }
			chain input {
				type filter hook input priority 0
				ip saddr $ATTACKER_ADDRESS tcp flags & (syn | ack) == syn counter name syns_received
				ip saddr != $NETWORK tcp flags & (syn | ack) == syn counter name forged_received
			}
			chain output {
				type filter hook output priority 0
				ip daddr $ATTACKER_ADDRESS tcp flags & (syn | ack) == syn | ack counter name syn_acks_sent
				ip daddr != $NETWORK tcp flags & (syn | ack) == syn | ack counter name forged_answered
			}
		}
	NFT
}

start_nginx() { # STATE_DIRECTORY
	install -d -m 700 "$1" "$1/www"
	echo 'The server answers.' >"$1/www/index.html"
	# It goes to the background by itself, and only when it listens.
	inside "$server" nginx -p "$1/" -c "$demo_dir/nginx.conf"
}

is_serving() {
	inside "$client" curl -s -o /dev/null --max-time 1 "http://$SERVER_ADDRESS/"
}

lab_up() { # NAME STATE_DIRECTORY
	local namespace newcomer
	name_lab "$1"
	for namespace in "$switch" "$client" "$attacker" "$server"; do
		ip netns add "$namespace"
		ip -n "$namespace" link set lo up
	done
	ip -n "$switch" link add bridge type bridge
	ip -n "$switch" link set bridge up
	add_host "$client" 1
	add_host "$attacker" 2
	add_host "$server" 10
	for newcomer in "${NEWCOMERS[@]}"; do
		ip -n "$client" address add "$newcomer/24" dev eth0
	done
	# What the server answers to forged addresses leaves by the attacker's host, and ends there.
	ip -n "$server" route add default via "$ATTACKER_ADDRESS"
	count_packets
	start_nginx "$2"
	wait_until "the web server answers its client" is_serving
}

lab_exists() { # NAMESPACE
	[[ -e /run/netns/$1 ]]
}

is_empty() { # NAMESPACE
	[[ -z $(ip netns pids "$1") ]]
}

signal_inside() { # NAMESPACE SIGNAL
	local pid
	for pid in $(ip netns pids "$1"); do
		kill -s "$2" "$pid" 2>/dev/null || true # it may have ended just now
	done
}

lab_down() { # NAME STATE_DIRECTORY
	local namespace
	name_lab "$1"
	for namespace in "$attacker" "$client" "$server" "$switch"; do
		lab_exists "$namespace" || continue
		signal_inside "$namespace" TERM
		wait_until "$namespace is empty" is_empty "$namespace" || signal_inside "$namespace" KILL
		ip netns delete "$namespace"
	done
	rm -rf "$2"
}

print_commands() { # BINARY
	local binary sudo=
	binary=$(realpath "$1")
	[[ -z ${SUDO_USER-} ]] || sudo='sudo '
	cat <<-TEXT
		The lab stands: client 10.0.0.1, attacker 10.0.0.2, server 10.0.0.10 with nginx.
		In a terminal each:

		  # flood the server, until Ctrl-C
		  ${sudo}ip netns exec $attacker hping3 -q -S -p 80 -i u100 $SERVER_ADDRESS

		  # or from random addresses
		  ${sudo}ip netns exec $attacker hping3 -q -S -p 80 -i u100 --rand-source $SERVER_ADDRESS

		  # watch its half-open connections, at most half a thousand as nginx sets it
		  ${sudo}ip netns exec $server watch -n 1 'ss -Htn state syn-recv | wc -l'

		  # protect it, until Ctrl-C; skb, as the other end of its veth has no XDP program, without
		  # which it takes no SYN cookies that XDP sends
		  ${sudo}ip netns exec $server $binary --iface eth0 --mode skb --burst 5 --rate 1

		  # see who is blocked
		  ${sudo}ip netns exec $server $binary --dump

		  # be an honest client, over IPv4 and IPv6
		  ${sudo}ip netns exec $client curl http://$SERVER_ADDRESS/
		  ${sudo}ip netns exec $client curl 'http://[fd00:5::10]/'

		  # what the hosts themselves have counted
		  ${sudo}ip netns exec $attacker nft list counters
		  ${sudo}ip netns exec $server nft list counters

		Remove it all: ${sudo}make lab-down
	TEXT
}

usage() {
	echo "usage: lab.sh up BINARY | lab.sh down" >&2
	exit 2
}

main() {
	if [[ $EUID != 0 ]]; then
		echo "error: network namespaces need root" >&2
		exit 1
	fi
	case ${1-} in
	up)
		[[ $# == 2 ]] || usage
		name_lab "$LAB_NAME"
		if lab_exists "$switch"; then
			echo "The lab is up already; here is how to use it. To begin afresh: make lab-down"
		else
			trap 'lab_down "$LAB_NAME" "$LAB_STATE"' EXIT
			trap 'exit 130' INT
			trap 'exit 143' TERM HUP
			lab_up "$LAB_NAME" "$LAB_STATE"
			trap - EXIT INT TERM HUP
		fi
		print_commands "$2"
		;;
	down)
		lab_down "$LAB_NAME" "$LAB_STATE"
		echo "The lab is gone."
		;;
	*)
		usage
		;;
	esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	main "$@"
fi
