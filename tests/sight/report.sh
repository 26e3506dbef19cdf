#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# report.sh BINARY [FOLDER]   whether a real browser (headless Chromium) shows the page that `report` makes of a real
#                             flood: with its curves, light and dark and on paper, and without a complaint. With FOLDER
#                             the page and its pictures are left there.
#
# Needs root, chromium, curl, hping3, netpbm and poppler-utils. Everything happens in network namespaces; the browser's
# has no network.
set -euo pipefail

binary=$(realpath "$1")
kept=${2-}
server=synflood-page-$$-server
client=synflood-page-$$-client
scratch=$(mktemp -d)
# What it started, by number.
started=()

clean_up() {
	((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
	wait 2>/dev/null || true
	ip netns delete "$server" 2>/dev/null || true
	ip netns delete "$client" 2>/dev/null || true
	rm -rf "$scratch"
}
trap clean_up EXIT

die() {
	echo "error: $*" >&2
	exit 1
}

# wait_for WHAT COMMAND...   until the command succeeds
wait_for() {
	local what=$1
	shift
	for ((try = 0; try < 300; try++)); do
		! "$@" || return 0
		sleep 0.1
	done
	die "gave up waiting for $what"
}

set_up() {
	ip netns add "$server"
	ip netns add "$client"
	ip link add eth0 netns "$server" type veth peer name eth0 netns "$client"
	ip -n "$server" address add 10.0.0.10/16 dev eth0
	ip -n "$client" address add 10.0.0.1/16 dev eth0
	ip -n "$server" link set eth0 up
	ip -n "$client" link set eth0 up
	# Forged addresses are answered too.
	ip -n "$server" route add default via 10.0.0.1
	mkdir "$scratch/www"
	echo served >"$scratch/www/index.html"
	ip netns exec "$server" busybox httpd -f -p 80 -h "$scratch/www" &
	started+=("$!")
	ip netns exec "$server" "$binary" --iface eth0 --mode skb --pass-rate 20 --deny 10.0.9.0/24 --json \
		>"$scratch/log" 2>"$scratch/run" &
	run=$!
	started+=("$run")
	wait_for 'the protection' grep -q protecting "$scratch/run"
}

flood() { # OPTION...
	ip netns exec "$client" hping3 --quiet --syn --destport 80 "$@" 10.0.0.10 >/dev/null 2>&1 &
	floods+=("$!")
	started+=("$!")
}

# has_seconds JQ_CONDITION   five status lines for which it holds
has_seconds() {
	(($(jq -c "select(.type == \"status\" and $1)" "$scratch/log" 2>/dev/null | wc -l) >= 5))
}

make_log() {
	floods=()
	wait_for 'a calm' has_seconds true
	flood --interval u500 --rand-source
	flood --interval u2000 --spoof 10.0.9.9
	wait_for 'a flood' has_seconds '.flood_s != null and .dropped_per_s > 0 and .challenged_per_s > 0'
	local _
	for _ in {1..20}; do
		[[ $(ip netns exec "$client" curl -s --max-time 5 http://10.0.0.10/) == served ]] || die 'a visitor is not served'
	done
	kill "${floods[@]}"
	wait_for 'an end of the flood' has_seconds '.flood_s == null and .syn_per_s == 0 and .elapsed_s > 10'
	kill "$run"
	wait "$run"
}

# browse OPTION...   what the browser complains of is in $scratch/said. Debian's wrapper reads files of its own; no
# network is there to ask for anything else.
browse() {
	unshare --net timeout 120 chromium --headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars \
		--user-data-dir="$scratch/profile" --enable-logging=stderr --window-size=1000,1400 "$@" >"$scratch/out" 2>"$scratch/said"
}

is_quiet() {
	! grep CONSOLE "$scratch/said"
}

# The pixels that have exactly this colour.
pixels() { # PPM COLOUR
	ppmhist -noheader -hexcolor "$1" |
		awk -v colour="$2" 'substr($1, 3) substr($2, 3) substr($3, 3) == colour { count = $5 } END { print count + 0 }'
}

# shows NAME COLOUR...   each of them is drawn in the picture
shows() {
	local colour count
	for colour in "${@:2}"; do
		count=$(pixels "$scratch/$1.ppm" "$colour")
		((count >= 100)) || die "$1: only $count pixels are $colour"
	done
}

take() { # NAME OPTION...
	browse "${@:2}" --screenshot="$scratch/$1.png" "file://$scratch/page.html"
	is_quiet || die "$1: the browser complains"
	pngtopnm "$scratch/$1.png" >"$scratch/$1.ppm"
}

# That the browser's complaints are seen here, and that the page's rules let nothing in.
check_complaints() {
	local evil
	for evil in '<script>document.title = "x"</script>' '<img src="http://192.0.2.1/x.png">'; do
		sed "s|</body>|$evil</body>|" "$scratch/page.html" >"$scratch/evil.html"
		browse --dump-dom "file://$scratch/evil.html"
		! is_quiet >/dev/null || die "the browser takes $evil"
	done
}

set_up
make_log
"$binary" report "$scratch/log" -o "$scratch/page.html"

# Dropped, challenged, connected, paper: as in src/report/colours.rs and page.css.
take light
shows light c44e00 d68900 008a64 ffffff
take dark --blink-settings=preferredColorScheme=0
shows dark ff8040 f0b43c 28c896 14181c
(($(pixels "$scratch/dark.ppm" ffffff) == 0)) || die 'the dark page has white on it'
# On paper it is light, also for who likes it dark.
browse --blink-settings=preferredColorScheme=0 --no-pdf-header-footer --print-to-pdf="$scratch/page.pdf" "file://$scratch/page.html"
is_quiet || die 'the browser complains when it prints'
pdftotext -layout "$scratch/page.pdf" "$scratch/page.txt"
for words in 'eth0: attack of' 'drop_denied' 'Settings' 'Changes and notes'; do
	grep -q "$words" "$scratch/page.txt" || die "'$words' is not on paper"
done
pdftoppm -r 100 "$scratch/page.pdf" "$scratch/sheet"
pnmcat -topbottom "$scratch"/sheet-*.ppm >"$scratch/paper.ppm"
shows paper c44e00 008a64 ffffff
# Each curve has a point for each second with a status line; some fall into the same one.
browse --dump-dom "file://$scratch/page.html"
points=$(grep -o '<polyline[^>]*stroke-width="2"[^>]*>' "$scratch/out" | sed 's/.*points="\([^"]*\)".*/\1/' | awk '{ print NF }' | sort -n | head -n 1)
lines=$(jq -c 'select(.type == "status")' "$scratch/log" | wc -l)
((lines >= 15 && ${points:-0} * 4 >= lines * 3)) || die "a curve has ${points:-no} points for $lines status lines"
check_complaints
if [[ -n $kept ]]; then
	cp "$scratch"/{log,page.html,page.pdf,light.png,dark.png} "$kept"
fi
echo "Chromium shows the page, light, dark and on paper: curves of $points points, no complaints"
