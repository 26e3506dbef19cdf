/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#include "intf.h"

/*
 * User space writes it before the program is loaded; from then on it is constant. User space recognises
 * a running instance by it.
 */
SEC(".rodata.config")
const volatile struct config config = {
	.magic = CONFIG_MAGIC,
	.dump_version = DUMP_VERSION,
	.tables_version = TABLES_VERSION,
	.generation = 1,
};

/* User space draws it when it loads the program. It is never shown, nor read back. */
SEC(".rodata.secret")
const volatile struct secret secret;

/* The program takes tokens, user space reads. A refusal only reads, so that CPUs can share the cache
 * line. */
struct rates rates SEC(".data.rates") __attribute__((aligned(64)));

/* User space writes it when it changes, the program reads it. */
struct host host SEC(".data.host");

/*
 * Of IPv4 and IPv6, each TCP port of this host, by its number in host byte order. User space writes as
 * listeners and the host's rules come and go; the program reads.
 */
struct port ports[2][65536] SEC(".bss.ports");

/* By port. The program writes, user space reads. */
struct port_connections port_connections[65536] SEC(".bss.connected");

/* The last challenge with an own cookie, to CHALLENGE_RESOLUTION_NS; CLOCK_MONOTONIC ns; 0: never. The
 * program writes, user space reads. */
__u64 last_challenge SEC(".data.challenge");

/* Segments are looked at for answers to challenges. The program sets it at a challenge; user space
 * clears it when the last one is so long ago that no cookie is valid. */
__u32 are_answered SEC(".data.answered");

/* The generation of the program whose charge() counts. User space writes it when one program succeeds
 * another. */
__u32 charging_generation SEC(".data.charging") = 1;

/* Listeners on a single address. User space writes and sets the size, the program reads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct listener_key);
	__type(value, __u8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} listeners SEC(".maps");

/* User space asks about a listener, and runs inspect(), which answers. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct listener_query);
	__uint(max_entries, 1);
} query SEC(".maps");

/* The protected interfaces, by index. User space writes and sets the size, the program reads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct link);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} links SEC(".maps");

/*
 * The interfaces on which packets that came in by a protected one reach IP, by index: a bridge or a
 * VLAN device on top of it, or itself. User space writes and sets the size, the program reads.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} ip_devices SEC(".maps");

/*
 * Routes to other hosts; user space writes only those that it takes to find the next hop of an answer,
 * and sets the size. The program reads.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct list_key);
	__type(value, struct route);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} routes SEC(".maps");

/*
 * The MACs of this host. User space writes them as they come and go, and sets the size; the program
 * reads. A bridge or a VLAN device may have another MAC than the interface below it, so the MACs of all
 * interfaces are here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct mac);
	__type(value, __u32); /* MTU, bytes; the smallest, if several interfaces have this MAC */
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} own_macs SEC(".maps");

/* The networks that are this host: its addresses, and its routes of type local. As above. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct list_key);
	__type(value, __u8);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} own_addresses SEC(".maps");

/* The destination of this CPU's last challenged SYN: most go to one. Only the program uses it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct destination);
	__uint(max_entries, 1);
} last_destination SEC(".maps");

/* The answers that this CPU gave, by hash of the source. Only the program uses it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct ration);
	__uint(max_entries, RATION_SLOTS);
} rations SEC(".maps");

/* What this CPU redeemed last, by cookie. Only the program uses it. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct redeemed);
	__uint(max_entries, REDEEMED_SLOTS);
} redeemed SEC(".maps");

/*
 * Source and service → its buckets and counters. The program writes; user space reads
 * for the dump, and sets the size (--max-sources). The LRU list is common to all CPUs. With a list for
 * each, a single busy CPU could use only its share of the table.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct source_key);
	__type(value, struct source);
	__uint(max_entries, 1);
} sources SEC(".maps");

/* Network and service → its bucket. Only connections enter one, so that forged addresses can neither
 * fill the table nor steer it. The program writes, user space reads. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct network_key);
	__type(value, struct network);
	__uint(max_entries, MAX_NETWORKS);
} networks SEC(".maps");

/* Some network may be limited. The program sets it; user space clears it when none is. */
__u32 limits_networks SEC(".data.networks");

/* User space writes it before the program is loaded. */
SEC(".rodata.advice")
const volatile struct advised_rates advised_rates;

/*
 * Source and service → what it would have needed. Only in a dry run: the program writes, user space
 * reads, and sets the size (--max-sources).
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct source_key);
	__type(value, struct need);
	__uint(max_entries, 1);
} needs SEC(".maps");

/* Of this table. Both write it, user space reads. */
struct advice advice SEC(".data.advice");

/*
 * Two filters of 2^config.known_bits bits, one behind the other: which sources may be in the table. The
 * program and user space write, the program reads. User space sets the size.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
} known SEC(".maps");

/* The filter in use: 0 or 1. User space writes, the program reads. */
__u32 known_filter SEC(".data.known");

/*
 * Remembered refusals: 2^config.refusal_bits slots for each CPU, one CPU's behind the other's. The
 * program writes. User space sets the size; for the dump it adds the slots' counts to those of their
 * sources.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct refusal);
	__uint(max_entries, 1);
} refusals SEC(".maps");

/*
 * Networks that have no limit of their own or are always refused; the longest prefix of both tables
 * decides, and of two that are as long the live one. The program counts in them. Entries take no memory
 * before they are made, so that there is room for more than anybody needs: a later program goes on with
 * the same tables.
 *
 * Whoever writes one of these, or the filter below, holds the lock of src/kernel/maps/lists.rs.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE); /* of the commands allow and deny */
	__type(key, struct list_key);
	__type(value, struct live_entry);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 16);
} live SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE); /* of the run's options and files */
	__type(key, struct list_key);
	__type(value, struct list_entry);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1 << 24);
} files SEC(".maps");

/* The filter in front of both, see listed.bpf.h. User space writes, the program reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, LIST_FILTER_WORDS);
} list_filter SEC(".maps");

/* User space writes, before an entry and after; the program reads. */
struct lists lists SEC(".data.lists");

/* The files that networks come from, by number; the first is none. The run writes, other commands read.
 * No program uses it: user space binds it to synflood(), by which it is found. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct list_origin);
	__uint(max_entries, 64);
} list_origins SEC(".maps");

/* The rules, in any order. User space writes, while a rule's bit in rule_heads is clear; the program
 * reads. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct rule);
	__uint(max_entries, MAX_RULES);
} rules SEC(".maps");

/* User space writes, the program reads. */
struct rule_heads rule_heads SEC(".data.rules") = {
	.of = { [0 ... MAX_RULES - 1] = NO_RULE_HEAD },
};

/* Of each rule. The program writes, user space reads, and sets those of a new rule to zero. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct rule_counts);
	__uint(max_entries, MAX_RULES);
} rule_counts SEC(".maps");

/* Four filters, see rules.bpf.h. The program writes and reads; user space clears the oldest one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct dropped_flows);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1 << DROPPED_FLOWS_BITS);
} dropped_flows SEC(".maps");

/* The filter in which flows are entered, by its remainder. User space writes, the program reads. */
__u32 dropped_flows_filter SEC(".data.flows");

/* Flows whose SYN matched a rule and was not dropped, by the upper bits of their hash: from the highest
 * bit 32 bits of the hash, 8 the rule's place, counted from 1, 24 a time. Only the program uses it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1 << MATCHED_FLOWS_BITS);
} matched_flows SEC(".maps");

/* The SYNs of honest clients, as far as they are known: the sample that rules are held against. No
 * program uses it; it is here so that the next run goes on with it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct answered_syn);
	__uint(max_entries, ANSWERED_SYNS);
} answered_syns SEC(".maps");

/* Counts up when somebody else than the run has changed them. No program uses it. */
__u32 answered_changes SEC(".data.answers");

/* User space writes it before load; then rescale() does. */
struct bucket_limits bucket_limits SEC(".data.limits");

/* Only user space writes and reads it. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct run_info);
	__uint(max_entries, 1);
} run_info SEC(".maps");

/* By enum reason, one set per CPU. The program writes; user space adds up the CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct frame_counts);
	__uint(max_entries, REASON_COUNT);
} counters SEC(".maps");
