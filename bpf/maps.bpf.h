/* SPDX-License-Identifier: GPL-2.0 */
#pragma once

#include "intf.h"

/*
 * Written by user space before the program is loaded, constant from then on. User space recognises a
 * running instance by it.
 */
SEC(".rodata.config")
const volatile struct config config = {
	.magic = CONFIG_MAGIC,
	.dump_version = DUMP_VERSION,
	.tables_version = TABLES_VERSION,
};

/* Taken from here; read by user space. A refusal only reads, so that CPUs may share the cache line. */
struct budgets budgets SEC(".data.budgets") __attribute__((aligned(64)));

/* Written by user space as it changes, read here. */
struct host host SEC(".data.host");

/*
 * The host's own addresses: written by user space as they come and go, which also sets the sizes. A
 * bridge or a VLAN device may have another MAC than the interface below it, so those of all interfaces
 * count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct mac);
	__type(value, __u32); /* MTU, bytes; of several interfaces with this MAC the smallest */
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

/* Where this CPU's last challenged SYN went, as most go to one place. Written and read here. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct destination);
	__uint(max_entries, 1);
} last_destination SEC(".maps");

/*
 * Source (masked to its prefix length) → its bucket and counters. Written here; read by user space for
 * the dump. User space sets the size (--max-sources). The LRU list is common to all CPUs: one of its
 * own for each would leave a single busy CPU with a share of the table.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct addr);
	__type(value, struct source);
	__uint(max_entries, 1);
} sources SEC(".maps");

/*
 * Two filters of 2^config.known_bits bits, one behind the other: which sources may be in the table.
 * Written here and by user space, which sets the size; read here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
} known SEC(".maps");

/* The filter that counts: 0 or 1. Written by user space, read here. */
__u32 known_filter SEC(".data.known");

/*
 * Refusals that are remembered: 2^config.refusal_bits slots for each CPU, one CPU's behind the other's.
 * Written here; user space sets the size, and for the dump adds the slots' counts to their sources'.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct refusal);
	__uint(max_entries, 1);
} refusals SEC(".maps");

/*
 * Networks that are never limited or always refused, the longest prefix wins. Written by user space
 * before the program is attached (--allow, --deny), which also sets the size; read here.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct list_key);
	__type(value, struct list_entry);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
} lists SEC(".maps");

/*
 * SYNs that each network of the lists decided, one set per CPU. Written here; user space sets the size,
 * and adds the CPUs up for the dump.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} list_hits SEC(".maps");

/* Frames by enum reason, one set per CPU. Written here; user space adds the CPUs up. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, REASON_COUNT);
} counters SEC(".maps");
