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

/* Takes one answer of the source's ration. hash: its upper bits choose the slot. */
static __always_inline bool ration_take(__u64 hash)
{
	__u32 tick = bpf_ktime_get_coarse_ns() >> RATION_TICK_SHIFT;
	__u32 index = hash >> 52;
	struct ration *ration = bpf_map_lookup_elem(&rations, &index);

	_Static_assert(RATION_SLOTS == 1 << 12, "the slots are the upper 12 bits of a hash");
	if (!ration)
		return false;
	if (ration->tick != tick)
		*ration = (struct ration){ .tick = tick };
	if (ration->given >= RATION_PER_TICK)
		return false;
	ration->given++;
	return true;
}
