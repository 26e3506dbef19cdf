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
};

/* The program takes tokens, user space reads. A refusal only reads, so that CPUs can share the cache
 * line. */
struct budgets budgets SEC(".data.budgets") __attribute__((aligned(64)));

/* User space writes it when it changes, the program reads it. */
struct host host SEC(".data.host");

/*
 * The host's own addresses. User space writes them as they come and go, and sets the sizes; the program
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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct addr);
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

/*
 * Source (masked to its prefix length) → its bucket and counters. The program writes; user space reads
 * for the dump, and sets the size (--max-sources). The LRU list is common to all CPUs. With a list for
 * each, a single busy CPU could use only its share of the table.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct addr);
	__type(value, struct source);
	__uint(max_entries, 1);
} sources SEC(".maps");

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
 * Networks that are never limited (--allow) or always refused (--deny); the longest prefix decides.
 * User space sets the size, and writes before the program is attached. The program and the dump read.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct list_key);
	__type(value, struct list_entry);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} lists SEC(".maps");

/*
 * SYNs that each network of the lists decided, one set per CPU. The program writes. User space sets the
 * size, and adds up the CPUs for the dump.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} list_hits SEC(".maps");

/* Frames by enum reason, one set per CPU. The program writes; user space adds up the CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, REASON_COUNT);
} counters SEC(".maps");
