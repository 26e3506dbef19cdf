#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh BINARY   a real Prometheus scrapes a run in a flood: what it answers must be what the run says. Also tries the
#                 alert rules, and every query of the Grafana dashboard. Needs root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
binary=$(realpath "$1")

readonly METRICS=127.0.0.1:9911 PROMETHEUS=127.0.0.1:9090
scratch=$(mktemp -d)
client=sight-client-$$
server=sight-server-$$
children=()

# shellcheck disable=SC2317 # called by trap
clean_up() {
	[[ ${#children[@]} == 0 ]] || kill -KILL "${children[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	ip netns del "$client" 2>/dev/null || true
	ip netns del "$server" 2>/dev/null || true
	rm -rf "$scratch"
}
trap clean_up EXIT

die() {
	echo "error: $*" >&2
	tail -n 5 "$scratch"/*.log >&2 || true
	exit 1
}

on_server() {
	ip netns exec "$server" "$@"
}

# Starts a command there, and keeps its number: `ip netns exec` becomes the command.
start() { # NAME NAMESPACE COMMAND...
	ip netns exec "$2" "${@:3}" >"$scratch/$1.log" 2>&1 &
	children+=($!)
}

wait_for() { # WHAT COMMAND...
	local _
	for _ in {1..300}; do
		! "${@:2}" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	die "gave up waiting for $1"
}

# A line for each series: "VALUE LABELS".
query() { # EXPRESSION
	on_server curl -fsS --get "http://$PROMETHEUS/api/v1/query" --data-urlencode "query=$1" |
		jq -r '.data.result[] | .value[1] + " " + (.metric | tojson)'
}

is() { # EXPRESSION VALUE
	[[ $(query "$1" | cut -d' ' -f1) == "$2" ]]
}

is_firing() { # ALERT
	is "ALERTS{alertname=\"$1\", alertstate=\"firing\"}" 1
}

set_up() {
	ip netns add "$client"
	ip netns add "$server"
	ip -n "$server" link set lo up
	ip -n "$client" link add eth0 type veth peer name eth0 netns "$server"
	ip -n "$client" address add 10.0.0.1/16 dev eth0
	ip -n "$server" address add 10.0.0.10/16 dev eth0
	ip -n "$client" link set eth0 up
	ip -n "$server" link set eth0 up
	# Forged addresses are answered too.
	ip -n "$server" route add default via 10.0.0.1
	mkdir "$scratch/www"
	echo served >"$scratch/www/index.html"
	start httpd "$server" busybox httpd -f -p 80 -h "$scratch/www"
	start run "$server" "$binary" --iface eth0 --pass-rate 50 --deny 10.0.9.0/24 --metrics "$METRICS"
	cat >"$scratch/prometheus.yml" <<-CONFIG
		global: { scrape_interval: 1s, evaluation_interval: 1s }
		rule_files: [alerts.yml]
		scrape_configs:
		  - job_name: synflood-xdp
		    static_configs: [{ targets: ["$METRICS"] }]
	CONFIG
	# Nobody waits here for a minute.
	sed 's/for: [0-9]*m$/for: 2s/' packaging/prometheus/alerts.yml >"$scratch/alerts.yml"
	start prometheus "$server" prometheus --config.file="$scratch/prometheus.yml" \
		--storage.tsdb.path="$scratch/data" --web.listen-address="$PROMETHEUS"
	wait_for "Prometheus to scrape the run" is 'up{job="synflood-xdp"}' 1
}

check_rules() {
	promtool check rules packaging/prometheus/alerts.yml
	mkdir "$scratch/rules"
	cp packaging/prometheus/alerts.yml tests/sight/alerts.test.yml "$scratch/rules"
	promtool test rules "$scratch/rules/alerts.test.yml"
}

connect() { # TIMES
	local _
	for ((_ = 0; _ < $1; _++)); do
		[[ $(ip netns exec "$client" curl -s --max-time 5 http://10.0.0.10/) == served ]] ||
			die "a visitor is not served"
	done
}

flood() {
	echo "a flood, and visitors"
	start flood "$client" hping3 --quiet --syn --destport 80 --interval u500 --rand-source 10.0.0.10
	local flood=${children[-1]}
	start denied "$client" hping3 --quiet --syn --destport 80 --interval u10000 --spoof 10.0.9.9 10.0.0.10
	local denied=${children[-1]}
	wait_for "Prometheus to see the flood" is synflood_flood_active 1
	wait_for "the alert of the flood" is_firing SynfloodXdpFlood
	connect 10
	query_dashboard
	kill "$flood" "$denied"
	wait "$flood" "$denied" 2>/dev/null || true
}

has_answer() { # EXPRESSION
	[[ -n $(query "$1") ]]
}

# Each must have an answer while a flood is on.
query_dashboard() {
	local expression count=0
	while read -r expression; do
		# shellcheck disable=SC2016 # Grafana's own variables
		expression=${expression//'$__rate_interval'/10s}
		# shellcheck disable=SC2016
		expression=${expression//'$instance'/.*}
		wait_for "an answer to the dashboard's query $expression" has_answer "$expression"
		((++count))
	done < <(jq -r '.panels[].targets[].expr' packaging/grafana/dashboard.json)
	((count > 15)) || die "the dashboard has only $count queries"
	echo "all $count queries of the dashboard have an answer"
}

# Now that nothing comes any more, both must say the same.
compare() {
	local dump reason count
	wait_for "the end of the flood" is synflood_flood_active 0
	dump=$(on_server "$binary" --dump --json | jq '.instances[0]')
	while read -r reason count; do
		is "synflood_frames_total{reason=\"$reason\"}" "$count" ||
			die "$reason: the dump has $count, Prometheus $(query "synflood_frames_total{reason=\"$reason\"}")"
	done < <(jq -r '.reasons | to_entries[] | select(.key | test("^(pass|challenge|drop|answer)_")) |
		"\(.key) \(.value)"' <<<"$dump")
	for verdict in passed challenged dropped; do
		count=$(jq ".$verdict" <<<"$dump")
		is "sum(synflood_syns_total{verdict=\"$verdict\"})" "$count" || die "$verdict is not $count"
		((count > 0)) || die "no SYN was $verdict"
	done
	is synflood_connections_total "$(jq .connected <<<"$dump")" || die "other connections"
	(($(jq .connected <<<"$dump") == 10)) || die "not the ten connections of the visitors"
	is 'synflood_list_hits{verdict="denied",origin="run"}' "$(jq .reasons.drop_denied <<<"$dump")" ||
		die "other hits of the lists"
	is synflood_floods_total 1 || die "not one flood"
	echo "Prometheus says what the dump says"
}

end() {
	kill "${children[1]}"
	wait_for "the alert that nothing runs" is_firing SynfloodXdpDown
	echo "and when the run has ended, that it is down"
}

check_rules
set_up
flood
compare
end
echo "sight: all passed"
