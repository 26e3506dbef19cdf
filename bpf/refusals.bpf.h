/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spares a flood the look-up in the table of sources. A refused SYN changes nothing in its bucket, so
 * the refusal holds until the next token is due and can be remembered.
 *
 * Each CPU remembers for itself, in slots that the source's hash chooses: nothing here is atomic, and
 * CPUs that share a flood share no cache line. Whoever picks addresses that meet in one slot gains that
 * all but one are looked up, no more.
 */
#pragma once

#include "addr.h"
#include "maps.bpf.h"

/*
 * The coarse clock stands still between two ticks of the timer, 10 ms at most (HZ=100). Refusals are
 * forgotten that much early, so that no token waits for it.
 */
#define COARSE_TICK_NS 10000000

/* A source that is not looked up for longer would be among the next to be evicted from its table. */
#define REFUSAL_MAX_NS 1000000000

/* This CPU's slot for a source with this hash; NULL where the kernel numbers its CPUs with gaps. */
static __always_inline struct refusal *refusal_slot(__u64 hash)
{
	__u32 index =
		bpf_get_smp_processor_id() << config.refusal_bits | hash >> (64 - config.refusal_bits);

	return bpf_map_lookup_elem(&refusals, &index);
}

/* Whether no token can have come since the source was refused. If so, the refusal is counted. */
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
 * Remembers that the source was refused now and has no token for wait_ns. A slot that still spares
 * another source its look-ups is left to it: to take it over would only move the cost.
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
