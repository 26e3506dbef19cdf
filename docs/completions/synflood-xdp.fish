# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_synflood_xdp_global_optspecs
    string join \n i/iface= dump all json burst= rate= port= allow= deny= allow-file= deny-file= service= ipv4-prefix= ipv6-prefix= max-sources= networks= pass-rate= learn= challenge= challenge-rate= unchallenged-rate= cookies= keep-sysctls config= mode= replace dry-run for= interval= metrics= on-event= q/quiet h/help V/version
end

function __fish_synflood_xdp_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_synflood_xdp_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_synflood_xdp_using_subcommand
    set -l cmd (__fish_synflood_xdp_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -s i -l iface -d 'Interface to protect, or to ask with --dump; may be given several times' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l burst -d 'Connections that a source may open at once; needs --rate [default: no limit]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l rate -d 'Connections that a source may open over time: per second, or as 30/m, 1000/s, 10/h; needs --burst' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l port -d 'TCP ports to protect, as 443 or 80,443 or 8000-8010 [default: all]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l allow -d 'Address or network without limits of its own; may be given several times' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l deny -d 'Address or network to drop all SYNs of; may be given several times' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l allow-file -d 'File of networks to allow, one a line, or of `ipset save`; may be given several times' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l deny-file -d 'File of networks to deny, as with --allow-file; may be given several times' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l service -d 'Ports with limits of their own, as `ssh=22,burst=3,rate=6/m` or `mail=25,587,challenge=off`; up to 16' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l ipv4-prefix -d 'Bits of an IPv4 address that make one source' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l ipv6-prefix -d 'Bits of an IPv6 address that make one source' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l max-sources -d 'Sources to remember; beyond that the one not seen for longest is forgotten' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l networks -d 'Whether many sources of one network share a limit: 32 times --burst and --rate for an IPv4 /24 or an IPv6 /48, 128 times for a /20 or a /40 [default: on]. With --dump, alone: show the networks instead of the sources' -r -f -a "off\t'Only sources have'
on\t'A network has many times what a source has'"
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l pass-rate -d 'SYNs per second that the kernel gets unasked, in total (0: no limit)' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l learn -d 'What becomes of rules that drop what the SYNs of a flood have in common and no honest client\'s has' -r -f -a "off\t'None are looked for'
suggest\t'They are told, with the command that applies them'
on\t'They drop what they match'"
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l challenge -d 'SYNs to answer with a SYN cookie instead of dropping them' -r -f -a "off\t'None'
all\t'Whatever may not pass unasked'"
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l challenge-rate -d 'SYN cookies sent per second, in total (0: no limit)' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l unchallenged-rate -d 'SYNs per second let through where a SYN cookie cannot work, in total (0: no limit)' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l cookies -d 'Whose SYN cookies to send' -r -f -a "auto\t'Our own where the kernel takes them (Linux 6.9), else the kernel\'s'
own\t'Our own'
kernel\t'The kernel\'s'"
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l config -d 'File (TOML) with options that are not given here: `burst = 5`, `allow = ["192.0.2.7"]`, `[[service]]`' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l mode -d 'Where on the interface to attach' -r -f -a "auto\t'The first of the two that works'
native\t'In the driver'
skb\t'Behind the driver, on any NIC'"
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l for -d 'Detach and end after this time, as 90s, 10m or 1h30m' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l interval -d 'Seconds between two status lines [default: 1 on a terminal and with --json; else none, only what begins and ends]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l metrics -d 'Give metrics (OpenMetrics, by HTTP) at an address, as 127.0.0.1:9911 or unix:/run/synflood-xdp/metrics.sock' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l on-event -d 'Run this command when something happens, with JSON lines on its standard input: an absolute path and arguments, no shell. One at a time, once a second for each kind of event, ten seconds at most' -r -f -a "(__fish_complete_command)"
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l dump -d 'Show the sources that running instances block, worst first'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l all -d 'With --dump: show every source and list entry, blocked or not'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l json -d 'Write JSON: one object per line while running, one object with --dump'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l keep-sysctls -d 'Never change tcp_syncookies, though the kernel\'s cookies need 2 in a flood'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l replace -d 'Take over from a run that protects these interfaces, without a moment unprotected. That run ends, with its --for and --dry-run, and does not come back when this one ends'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -l dry-run -d 'Judge and count, but drop nothing; say at the end which --burst and --rate the clients would never have met'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -s q -l quiet -d 'Show the start and the summary, no status lines'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -s V -l version -d 'Print version'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "allow" -d 'Let networks go without limits of their own, from now on'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "deny" -d 'Drop all SYNs of networks, from now on'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "lists" -d 'Show the networks that are allowed or denied'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "status" -d 'Show how running instances are: limits in force, present rates, tables, the last reload. Exit status: 0 fine, 1 none runs, 3 with a fault: a reload was refused, or no process looks after the interfaces'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "explain" -d 'Say what is known of a client, what a SYN of it would meet now and why, and how to let it in; takes no token'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "top" -d 'Watch a running instance on a full screen: rates, the worst sources and what they look like; keys sort, filter, allow and deny. Without a terminal: one screen, as text'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "observe" -d 'Show the TCP segments of an interface, like tcpdump, and what becomes of those that arrive'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "report" -d 'Make one HTML page of an attack, from what a run with --json has written'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "learn" -d 'Find what the SYNs of an attack share and those of honest clients have not, from captures; attaches nothing. Exit status: 0, rules or none. Without an attack: tell running instances what honest clients look like'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "rule" -d 'Show the rules that SYNs are dropped by, add and remove them'
complete -c synflood-xdp -n "__fish_synflood_xdp_needs_command" -f -a "check" -d 'Say whether a run with these options would start, and what it would suffer from; attaches nothing. Exit status: 0 fine, 1 it would not start, 3 with warnings'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand allow" -l for -d 'How long it counts, as 90s, 10m or 1h30m [default: until it is removed or the run ends; a service keeps it]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand allow" -l note -d 'What to remember about it' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand allow" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand allow" -l remove -d 'Take back what was given by this command before'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand allow" -l yes -d 'Even if you are connected over ssh from there, or if it is larger than a /8'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand allow" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand deny" -l for -d 'How long it counts, as 90s, 10m or 1h30m [default: until it is removed or the run ends; a service keeps it]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand deny" -l note -d 'What to remember about it' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand deny" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand deny" -l remove -d 'Take back what was given by this command before'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand deny" -l yes -d 'Even if you are connected over ssh from there, or if it is larger than a /8'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand deny" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand lists" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand lists" -l json -d 'Write JSON: one object'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand lists" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand status" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand status" -l json -d 'Write JSON: one object'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand status" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand explain" -l port -d 'What a SYN to this TCP port would meet [default: each protected port that somebody listens on]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand explain" -l to -d 'What a SYN to this address would meet [default: one of this host, where somebody listens]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand explain" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand explain" -l json -d 'Write JSON: one object'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand explain" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand top" -s i -l iface -d 'The instance on this interface [default: the first one; Tab goes to the next]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand top" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -s i -l iface -d 'Interface to look at, with an instance or without' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l port -d 'Only segments to, and from, this TCP port of this host' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l from -d 'Only segments from, and to, this address or network' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l verdict -d 'Only what comes in and has this verdict; may be given several times' -r -f -a "pass\t'SYNs that pass to the kernel'
challenge\t'SYNs that are answered with a cookie'
drop\t'What is dropped'
skip\t'Other segments, which are not judged'"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l count -d 'End after so many segments' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l for -d 'End after this time, as 90s, 10m or 1h30m' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l rate -d 'Show at most so many segments a second; what is beyond is counted' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l snaplen -d 'Bytes of each frame to write, at least its headers [default: the headers]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -s w -l write -d 'Write pcapng to this file, for Wireshark and tcpdump; `-` is standard output' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -l syn -d 'Only SYNs and SYN-ACKs'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand observe" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand report" -s o -l output -d 'Write the page to this file, in place of an older page; `-` is standard output [default: standard output, if it is no terminal]' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand report" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand learn" -l attack -d 'Capture of an attack, pcap or pcapng; may be given several times; `-` is standard input. Without it, running instances are given the honest clients' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand learn" -l honest -d 'Capture of honest clients\' connections, such as an hour of peace; may be given several times; `-` is standard input' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand learn" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand learn" -l json -d 'Write JSON: one object'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand learn" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and not __fish_seen_subcommand_from list add remove" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and not __fish_seen_subcommand_from list add remove" -f -a "list" -d 'Show the rules that SYNs are judged by: what they match, and what has become of it'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and not __fish_seen_subcommand_from list add remove" -f -a "add" -d 'Drop SYNs that look like this, from now on'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and not __fish_seen_subcommand_from list add remove" -f -a "remove" -d 'Take rules back, learned ones too'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from list" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from list" -l json -d 'Write JSON: one object'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from add" -l for -d 'How long it counts, as 90s, 10m or 1h30m [default: until it is removed or the run ends; a service keeps it]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from add" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from add" -l watch -d 'Only count what it matches, and drop nothing'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from add" -l force -d 'Even if more than 0.1 % of the honest clients that are known look like this'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from remove" -s i -l iface -d 'Only the instance on this interface; may be given several times [default: all]' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand rule; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -s i -l iface -d 'Interface to protect, or to ask with --dump; may be given several times' -r -f -a '(command ls /sys/class/net)'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l burst -d 'Connections that a source may open at once; needs --rate [default: no limit]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l rate -d 'Connections that a source may open over time: per second, or as 30/m, 1000/s, 10/h; needs --burst' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l port -d 'TCP ports to protect, as 443 or 80,443 or 8000-8010 [default: all]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l allow -d 'Address or network without limits of its own; may be given several times' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l deny -d 'Address or network to drop all SYNs of; may be given several times' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l allow-file -d 'File of networks to allow, one a line, or of `ipset save`; may be given several times' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l deny-file -d 'File of networks to deny, as with --allow-file; may be given several times' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l service -d 'Ports with limits of their own, as `ssh=22,burst=3,rate=6/m` or `mail=25,587,challenge=off`; up to 16' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l ipv4-prefix -d 'Bits of an IPv4 address that make one source' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l ipv6-prefix -d 'Bits of an IPv6 address that make one source' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l max-sources -d 'Sources to remember; beyond that the one not seen for longest is forgotten' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l networks -d 'Whether many sources of one network share a limit: 32 times --burst and --rate for an IPv4 /24 or an IPv6 /48, 128 times for a /20 or a /40 [default: on]. With --dump, alone: show the networks instead of the sources' -r -f -a "off\t'Only sources have'
on\t'A network has many times what a source has'"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l pass-rate -d 'SYNs per second that the kernel gets unasked, in total (0: no limit)' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l learn -d 'What becomes of rules that drop what the SYNs of a flood have in common and no honest client\'s has' -r -f -a "off\t'None are looked for'
suggest\t'They are told, with the command that applies them'
on\t'They drop what they match'"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l challenge -d 'SYNs to answer with a SYN cookie instead of dropping them' -r -f -a "off\t'None'
all\t'Whatever may not pass unasked'"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l challenge-rate -d 'SYN cookies sent per second, in total (0: no limit)' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l unchallenged-rate -d 'SYNs per second let through where a SYN cookie cannot work, in total (0: no limit)' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l cookies -d 'Whose SYN cookies to send' -r -f -a "auto\t'Our own where the kernel takes them (Linux 6.9), else the kernel\'s'
own\t'Our own'
kernel\t'The kernel\'s'"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l config -d 'File (TOML) with options that are not given here: `burst = 5`, `allow = ["192.0.2.7"]`, `[[service]]`' -r -F
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l mode -d 'Where on the interface to attach' -r -f -a "auto\t'The first of the two that works'
native\t'In the driver'
skb\t'Behind the driver, on any NIC'"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l for -d 'Detach and end after this time, as 90s, 10m or 1h30m' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l interval -d 'Seconds between two status lines [default: 1 on a terminal and with --json; else none, only what begins and ends]' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l metrics -d 'Give metrics (OpenMetrics, by HTTP) at an address, as 127.0.0.1:9911 or unix:/run/synflood-xdp/metrics.sock' -r
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l on-event -d 'Run this command when something happens, with JSON lines on its standard input: an absolute path and arguments, no shell. One at a time, once a second for each kind of event, ten seconds at most' -r -f -a "(__fish_complete_command)"
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l brief -d 'Only read the settings, as a reload does, and say nothing if they are right; exit status 1 if not'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l keep-sysctls -d 'Never change tcp_syncookies, though the kernel\'s cookies need 2 in a flood'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l replace -d 'Take over from a run that protects these interfaces, without a moment unprotected. That run ends, with its --for and --dry-run, and does not come back when this one ends'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -l dry-run -d 'Judge and count, but drop nothing; say at the end which --burst and --rate the clients would never have met'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -s q -l quiet -d 'Show the start and the summary, no status lines'
complete -c synflood-xdp -n "__fish_synflood_xdp_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
