#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# flood.sh nping|trafgen   for make.sh: the tools that need more than one line
set -euo pipefail

case $1 in
# Forges one source a run, and keeps port and sequence number for as long as it runs: 25 bots.
nping)
	for bot in {1..25}; do
		nping --tcp --flags syn -p 80 -c 16 --rate 1000 -H -N -q -S "10.99.2.$bot" \
			--dest-mac "$ROUTER" -e eth0 "$TARGET"
	done
	;;
trafgen)
	trafgen --dev eth0 --cpus 1 --num "$SENT" --gap 200us --no-sock-mem "{
		eth(da=$ROUTER, sa=02:00:00:00:00:01),
		ipv4(ttl=64, id=drnd(), saddr=drnd(), daddr=$TARGET),
		tcp(sport=drnd(), dport=80, seq=drnd(), syn, win=16384)
	}"
	;;
esac
