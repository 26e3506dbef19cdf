/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rations the answers to a source, so that a flood from one address costs a drop each, while a client
 * in whose name others flood is answered too: its SYN has the same chance as any of theirs, and most of
 * its retries come early in a tick.
 *
 * Each CPU counts for itself, by a keyed hash of the source. Sources that share a slot share a ration;
 * nobody can choose whom to share with.
 */
#pragma once

#include "maps.bpf.h"

/* A tick lasts 2^22 ns, 4.2 ms: about one of the kernel's timer, on which the coarse clock stands. */
#define RATION_TICK_SHIFT 22
#define RATION_PER_TICK 128

/* For SYNs on flows that the kernel has: one in 16 ticks, 67 ms. */
#define RATION_QUERY_TICKS 16

static __always_inline __u32 ration_tick(void)
{
	return bpf_ktime_get_coarse_ns() >> RATION_TICK_SHIFT;
}

static __always_inline struct ration *ration_of(__u64 hash)
{
	__u32 index = hash >> 52;

	_Static_assert(RATION_SLOTS == 1 << 12, "the slots are the upper 12 bits of a hash");
	return bpf_map_lookup_elem(&rations, &index);
}

/* Takes one answer of the source's ration. hash: its upper bits choose the slot. */
static __always_inline bool ration_take(__u64 hash)
{
	struct ration *ration = ration_of(hash);
	__u32 tick = ration_tick();

	if (!ration)
		return false;
	if (ration->tick != tick) {
		ration->tick = tick;
		ration->given = 0;
	}
	if (ration->given >= RATION_PER_TICK)
		return false;
	ration->given++;
	return true;
}

/* The same for a SYN on a flow that the kernel has. */
static __always_inline bool ration_take_query(__u64 hash)
{
	struct ration *ration = ration_of(hash);
	__u16 tick = ration_tick();

	if (!ration || (__u16)(tick - ration->last_query) < RATION_QUERY_TICKS)
		return false;
	ration->last_query = tick;
	return true;
}
