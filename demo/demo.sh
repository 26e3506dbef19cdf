#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh BINARY   SYN floods on a real web server, from one address and from random ones, each without
#                  protection and then with it
#
# Every figure is read while it happens, from the hosts: nftables counters, `ss`, `nstat`, curl.
# Exits with 1 if the protection did not do what it is for.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lab.sh
source "$(dirname "${BASH_SOURCE[0]}")/lab.sh"
export LC_ALL=C # a dot in decimal fractions

REQUESTS=20
# The client asks for REQUESTS pages at once, each over a connection of its own.
BURST=30
RATE=1
NEW_SOURCES=200
FLOOD_PAUSE_US=100
# SYNs a second. A busy machine sends fewer than the pause allows, but fewer than this prove nothing.
LEAST_FLOOD=1000
# The flood ends by itself, should nobody be left to end it.
FLOOD_LIMIT=120

lab_name=synflood-demo-$$
bold=
plain=
if [[ -t 1 && -z ${NO_COLOR-} && ${TERM-dumb} != dumb ]]; then
	bold=$'\e[1m'
	plain=$'\e[0m'
fi

heading() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

indent() {
	sed 's/^/    /'
}

clean_up() {
	trap '' INT TERM HUP PIPE
	set +e
	lab_down "$lab_name" "$state"
}

counter() { # NAMESPACE NAME
	inside "$1" nft list counter inet lab "$2" | awk '$1 == "packets" { print $2 }'
}

half_open() {
	inside "$server" ss -Htn state syn-recv | wc -l
}

cookies_sent() {
	inside "$server" nstat -asz TcpExtSyncookiesSent | awk '$1 == "TcpExtSyncookiesSent" { print $2 }'
}

# Sets `sample`: microseconds, SYNs sent, SYNs received, SYN-ACKs sent, SYN cookies sent.
take_sample() {
	sample=(
		"${EPOCHREALTIME/./}"
		"$(counter "$attacker" syns_sent)"
		"$(counter "$server" "${counted[0]}")"
		"$(counter "$server" "${counted[1]}")"
		"$(cookies_sent)"
	)
}

# Sets `rates`, a second, since an earlier sample: SYNs sent, received, SYN-ACKs, SYN cookies.
compute_rates() { # EARLIER_SAMPLE...
	local earlier=("$@") index elapsed
	elapsed=$((sample[0] - earlier[0]))
	rates=()
	for index in 1 2 3 4; do
		rates+=($((((sample[index] - earlier[index]) * 1000000 + elapsed / 2) / elapsed)))
	done
}

# Prints a line each second; leaves the averages in `rates`, the last count in `half_open_now`.
watch_flood() { # SECONDS
	local second first previous
	take_sample
	first=("${sample[@]}")
	printf '    %12s  %12s  %12s  %12s\n' 'SYNs sent/s' 'received/s' 'SYN-ACKs/s' 'half-open'
	for ((second = 0; second < $1; second++)); do
		previous=("${sample[@]}")
		sleep 1 # the time over which is counted
		take_sample
		half_open_now=$(half_open)
		compute_rates "${previous[@]}"
		printf '    %12d  %12d  %12d  %12d\n' "${rates[@]:0:3}" "$half_open_now"
	done
	compute_rates "${first[@]}"
}

# Each newcomer asks for a page. Sets `served` and `slowest_ms`.
request_pages_as_newcomers() {
	local address result
	result=$(
		for address in "${NEWCOMERS[@]}"; do
			inside "$client" curl -s --max-time 5 --interface "$address" -o /dev/null \
				-w '%{http_code} %{time_total}\n' "http://$SERVER_ADDRESS/" || true
		done | summarize_requests
	)
	read -r served slowest_ms <<<"$result"
	echo "${#NEWCOMERS[@]} clients that are not yet known request a page: $served served, the slowest in" \
		"$slowest_ms ms."
}

summarize_requests() {
	awk '
		$1 == 200 { served++ }
		$2 > slowest { slowest = $2 }
		END { printf "%d %.1f\n", served, slowest * 1000 }'
}

# Sets `served` and `slowest_ms`. At once, so that it ends in two seconds even if none is served.
request_pages() {
	local urls="http://$SERVER_ADDRESS/?[1-$REQUESTS]" result
	result=$(
		{
			# Its --parallel draws a progress meter, even if told --silent.
			inside "$client" curl --parallel --parallel-immediate --max-time 2 -o /dev/null \
				-w '%{http_code} %{time_total}\n' "$urls" 2>/dev/null || true
		} | summarize_requests
	)
	read -r served slowest_ms <<<"$result"
	echo "The client requests $REQUESTS pages at once: $served served, the slowest in $slowest_ms ms."
}

is_flooded() {
	(($(half_open) >= 100))
}

start_flood() { # HPING3_OPTION...
	ip netns exec "$attacker" timeout "$FLOOD_LIMIT" \
		hping3 -q -S -p 80 -i "u$FLOOD_PAUSE_US" "$@" "$SERVER_ADDRESS" >"$state/hping3.log" 2>&1 &
	flood=$!
	disown
	if ! wait_until "a hundred connections are half-open" is_flooded; then
		indent <"$state/hping3.log" >&2
		exit 1
	fi
}

is_protected() {
	[[ $(ip -n "$server" link show eth0) == *xdp* ]]
}

is_decided() {
	is_protected || ! kill -0 "$protection" 2>/dev/null
}

# timeout passes the signal on.
stop_flood() {
	kill -s TERM "$flood"
	wait_until "the flood has ended" is_over
}

is_over() {
	! kill -0 "$flood" 2>/dev/null
}

start_protection() { # OPTION...
	local command=(--iface eth0 "$@")
	echo "    # synflood-xdp ${command[*]}"
	ip netns exec "$server" "$binary" "${command[@]}" --quiet \
		>"$state/summary" 2>"$state/start" &
	protection=$!
	wait_until "synflood-xdp has attached or given up" is_decided || true
	indent <"$state/start"
	if ! is_protected; then
		echo "error: synflood-xdp is not attached" >&2
		exit 1
	fi
}

stop_protection() {
	kill -s TERM "$protection"
	wait "$protection" || fail "synflood-xdp did not end well"
	indent <"$state/summary"
	! is_protected || fail "synflood-xdp is still attached after its end"
}

# A failure is told at once and remembered: the figures that follow help to see its cause.
fail() {
	failures+=("$*")
	printf '%sFAILED: %s%s\n' "$bold" "$*" "$plain"
}

show_server() {
	heading "1. A web server and its client"
	echo "Network namespaces are set up: a client, an attacker and a server on one bridge."
	lab_up "$lab_name" "$state/nginx"
	echo "nginx listens at $SERVER_ADDRESS, all as by default: net.ipv4.tcp_syncookies is" \
		"$(inside "$server" cat /proc/sys/net/ipv4/tcp_syncookies)."
	request_pages
	[[ $served == "$REQUESTS" ]] || fail "the server does not serve even in peace"
}

show_flood() {
	heading "2. A SYN flood, no protection"
	echo "hping3 sends SYNs from $ATTACKER_ADDRESS and never completes a connection."
	start_flood
	watch_flood 4
	((rates[0] >= LEAST_FLOOD)) || fail "the flood is too thin to show anything"
	request_pages
}

show_protection() {
	heading "3. The same flood, with synflood-xdp on the server's interface"
	echo "$BURST SYNs at once and $RATE a second are allowed to each source: enough for this client."
	start_protection --burst "$BURST" --rate "$RATE"
	watch_flood 4
	request_pages
	watch_flood 3

	echo "Who is blocked?"
	echo "    # synflood-xdp --dump"
	inside "$server" "$binary" --dump >"$state/dump" || fail "synflood-xdp --dump failed"
	indent <"$state/dump"
	grep -qwF "$ATTACKER_ADDRESS" "$state/dump" || fail "--dump does not show the attacker"

	echo "synflood-xdp is ended, and tells what it did:"
	stop_protection
}

show_random_flood() {
	heading "4. A flood from random addresses, no protection"
	echo "hping3 forges another source address for every SYN."
	stop_flood
	counted=(forged_received forged_answered)
	start_flood --rand-source
	watch_flood 4
	((rates[0] >= LEAST_FLOOD)) || fail "the flood is too thin to show anything"
	request_pages_as_newcomers
}

show_challenge() {
	heading "5. The same flood, with synflood-xdp"
	echo "All unknown sources share a budget of $NEW_SOURCES a second; beyond it, SYNs are answered from XDP with a"
	echo "SYN cookie. (In skb mode, as the other end of this veth would not take what native XDP sends.)"
	start_protection --new-sources "$NEW_SOURCES" --mode skb
	watch_flood 4
	request_pages_as_newcomers
	echo "synflood-xdp is ended, and tells what it did:"
	stop_protection
	grep -q challenge_sent "$state/summary" || fail "no SYN was challenged"
}

compare_random() {
	heading "A flood from random addresses, without and with synflood-xdp"
	print_comparison
	[[ $served == "${#NEWCOMERS[@]}" ]] || fail "with protection $served of ${#NEWCOMERS[@]} newcomers were served"
	((with[0] >= LEAST_FLOOD)) || fail "the flood did not go on while protection was on"
	((with[1] * 2 <= without[1])) || fail "the flood's SYNs still reach the server's TCP"
}

# Of the phase just seen, as lines in the order of `labels`.
results() {
	printf '%s\n' "${rates[@]}" "$half_open_now" "$served" "$slowest_ms ms"
}

print_comparison() {
	local index labels=(
		"SYNs/s the attacker sends"
		"SYNs/s the server's TCP receives"
		"SYN-ACKs/s it sends to the attacker"
		"SYN cookies/s, as its queue is full"
		"half-open connections at the end"
		"pages served, of $REQUESTS"
		"the slowest of them"
	)
	printf '    %-36s %12s %12s\n' '' without with
	for index in "${!labels[@]}"; do
		printf '    %-36s %12s %12s\n' "${labels[index]}" "${without[index]}" "${with[index]}"
	done
}

compare() {
	heading "Without and with synflood-xdp"
	print_comparison

	[[ $served == "$REQUESTS" ]] || fail "with protection $served of $REQUESTS pages were served"
	((with[0] >= LEAST_FLOOD)) || fail "the flood did not go on while protection was on"
	((with[1] * 20 <= without[1])) || fail "the flood's SYNs still reach the server's TCP"
	# Not a twentieth: what is half-open from before is repeated, at worst all in these seconds.
	((with[2] * 5 <= without[2])) || fail "the server still answers the flood"
}

explain() {
	echo
	if [[ ${without[5]} == "${with[5]}" ]]; then
		echo "SYN cookies served the client here without protection too: the kernel answered every"
		echo "SYN of the flood for it."
	fi
	echo "What is half-open with protection is mostly left from before: the kernel repeats its"
	echo "SYN-ACKs to these for up to a minute before it gives up."
}

say_how() {
	heading "To protect this machine, until Ctrl-C"
	echo "    ${SUDO_USER:+sudo }$binary --iface <your interface> --burst 5 --rate 1"
}

main() {
	local failures=() without with counted=(syns_received syn_acks_sent)

	state=$(mktemp -d)
	trap clean_up EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 141' PIPE
	trap 'exit 143' TERM

	show_server
	show_flood
	mapfile -t without < <(results)
	show_protection
	mapfile -t with < <(results)
	compare
	explain
	show_random_flood
	mapfile -t without < <(results)
	show_challenge
	mapfile -t with < <(results)
	compare_random
	if [[ ${#failures[@]} != 0 ]]; then
		exit 1
	fi
	say_how
}

if [[ $# != 1 ]]; then
	exec make --no-print-directory -C "$demo_dir/.." demo
fi
if [[ $EUID != 0 ]]; then
	echo "error: network namespaces need root" >&2
	exit 1
fi
binary=$1
main
