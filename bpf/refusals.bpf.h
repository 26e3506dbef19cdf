/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remembers refusals, so that a flood costs no look-up in the table of sources. A refused SYN changes
 * nothing in its bucket, so the refusal holds until the next token is due.
 *
 * Each CPU has its own slots, chosen by the source's hash. So nothing here is atomic, and CPUs in the
 * same flood share no cache line. An attacker may choose addresses that meet in one slot: then all but
 * one of them are looked up in the table.
 */
#pragma once

#include "addr.h"
#include "maps.bpf.h"

/*
 * The coarse clock stands still between two ticks of the timer, 10 ms at most (HZ=100). Refusals are
 * forgotten that much early, so that no token waits for it.
 */
#define COARSE_TICK_NS 10000000

/* At least once in this time a source is looked up in the table, which evicts the entry that was not
 * looked up for longest. */
#define REFUSAL_MAX_NS 1000000000

/* This CPU's slot for a source with this hash. NULL for a CPU whose number is beyond the slots, as the
 * kernel may number CPUs with gaps. */
static __always_inline struct refusal *refusal_slot(__u64 hash)
{
	__u32 index =
		bpf_get_smp_processor_id() << config.refusal_bits | hash >> (64 - config.refusal_bits);

	return bpf_map_lookup_elem(&refusals, &index);
}

/* Whether the source is still refused, as no token can have come since. If so, counts a refusal. */
static __always_inline bool refused_still(struct refusal *slot, const struct addr *source)
{
	__s64 left;

	if (!slot || !addr_equal(&slot->source, source))
		return false;
	left = slot->until - bpf_ktime_get_coarse_ns();
	if (left <= 0)
		return false;
	slot->refused++;
	return true;
}

/* Adds what the slot has counted to its source's entry, if there still is one. */
static __always_inline void settle_refusals(struct refusal *slot)
{
	struct source *source;

	if (!slot->refused)
		return;
	source = bpf_map_lookup_elem(&sources, &slot->source);
	if (source) {
		__sync_fetch_and_add(&source->refused, slot->refused);
		if (slot->challenged)
			__sync_fetch_and_add(&source->challenged, slot->challenged);
	}
	slot->refused = 0;
	slot->challenged = 0;
}

/*
 * Remembers that the source was refused now and has no token for wait_ns. A slot in use by another
 * source is left alone: taking it over would only move the cost to that source.
 */
static __always_inline void remember_refusal(struct refusal *slot, const struct addr *source, __u64 now,
					     __u64 wait_ns)
{
	__s64 left;

	if (!slot || wait_ns <= COARSE_TICK_NS)
		return;
	left = slot->until - now;
	if (left > 0)
		return;
	settle_refusals(slot);
	slot->source = *source;
	wait_ns -= COARSE_TICK_NS;
	slot->until = now + (wait_ns < REFUSAL_MAX_NS ? wait_ns : REFUSAL_MAX_NS);
}
