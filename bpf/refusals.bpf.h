/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Remembers refusals, so that a flood costs no look-up in the table of sources. A refused SYN changes
 * nothing in its bucket, so the refusal holds until the next token is due. It also counts for the
 * source, and adds to its entry once a second.
 *
 * Each CPU has its own slots, chosen by the source's hash and the service. So nothing here is atomic,
 * and CPUs in the same flood share no cache line.
 *
 * A change of limits needs nothing here: what an older program remembered is over after a second.
 */
#pragma once

#include "events.bpf.h"
#include "source.bpf.h"

/*
 * The coarse clock stands still between two ticks of the timer, 10 ms at most (HZ=100). Refusals are
 * forgotten that much early, so that no token waits for it.
 */
#define COARSE_TICK_NS 10000000

/* At least once in this time a source is looked up in the table, which evicts the entry that was not
 * looked up for longest. */
#define REFUSAL_MAX_NS 1000000000

/* This CPU's slot for a source with this hash. NULL for a CPU whose number is beyond the slots, as the
 * kernel may number CPUs with gaps. Each service has another slot, or a source that is refused at two
 * of them would be looked up for one. */
static __always_inline struct refusal *refusal_slot(__u64 hash, __u32 service)
{
	__u32 slot = hash >> (64 - config.refusal_bits) ^ service;
	__u32 index = bpf_get_smp_processor_id() << config.refusal_bits | slot;

	return bpf_map_lookup_elem(&refusals, &index);
}

static __always_inline __u32 slot_service(const struct refusal *slot)
{
	return slot->until >> REFUSAL_SERVICE_SHIFT & REFUSAL_SERVICE;
}

static __always_inline bool is_slot_of(const struct refusal *slot, const struct source_key *source)
{
	return slot && addr_equal(&slot->source, &source->addr) &&
	       slot_service(slot) == source->service;
}

/* Why the source is still refused, as no token can have come since; else REFUSAL_COUNTS. */
static __always_inline __u32 refused_still(const struct refusal *slot, const struct source_key *source)
{
	__s64 left;

	if (!is_slot_of(slot, source) || !(slot->until & REFUSAL_WHY))
		return REFUSAL_COUNTS;
	left = slot->until - bpf_ktime_get_coarse_ns();
	return left > 0 ? slot->until & REFUSAL_WHY : REFUSAL_COUNTS;
}

/* Adds what the slot has counted to its source's entry, if there still is one. */
static __always_inline void settle(struct refusal *slot)
{
	const struct source_key key = { .addr = slot->source, .service = slot_service(slot) };
	struct source *source;

	if (!(slot->dropped | slot->challenged))
		return;
	source = bpf_map_lookup_elem(&sources, &key);
	if (source) {
		__sync_fetch_and_add(&source->dropped, slot->dropped);
		__sync_fetch_and_add(&source->challenged, slot->challenged);
		if (slot->dropped)
			source->last_drop = slot->until & ~(__u64)REFUSAL_NO_TIME;
	}
	slot->dropped = 0;
	slot->challenged = 0;
}

/*
 * Remembers that the source is refused for wait_ns from now on, and why. A slot in use by another
 * source is left alone: taking it over would only move the cost to that source.
 */
static __always_inline void remember_refusal(struct refusal *slot, const struct source_key *source,
					     __u64 now, __u64 wait_ns, __u32 why)
{
	__u64 until;
	__s64 left;

	if (!slot || wait_ns <= COARSE_TICK_NS)
		return;
	left = slot->until - now;
	if (left > 0 && !is_slot_of(slot, source))
		return;
	if (left <= 0)
		settle(slot);
	slot->source = source->addr;
	wait_ns -= COARSE_TICK_NS;
	until = now + (wait_ns < REFUSAL_MAX_NS ? wait_ns : REFUSAL_MAX_NS);
	slot->until =
		(until & ~(__u64)REFUSAL_NO_TIME) | source->service << REFUSAL_SERVICE_SHIFT | why;
}

/* The first SYN that a slot counts as dropped. Its source's entry is looked up, once a second at most.
 */
static __noinline void note_first_drop(const struct source_key *key, enum reason reason)
{
	struct source *source = bpf_map_lookup_elem(&sources, key);

	if (source)
		note_drop(key, source, reason);
}

/* Counts a SYN of a known source that was answered or dropped. */
static __always_inline void count_refused(struct refusal *slot, const struct source_key *key,
					  enum reason reason)
{
	struct source *source;

	if (is_slot_of(slot, key)) {
		if (reason == CHALLENGE_SENT)
			slot->challenged++;
		else if (!slot->dropped++)
			note_first_drop(key, reason);
		return;
	}
	source = bpf_map_lookup_elem(&sources, key);
	if (!source)
		return;
	if (reason == CHALLENGE_SENT) {
		__sync_fetch_and_add(&source->challenged, 1);
		return;
	}
	__sync_fetch_and_add(&source->dropped, 1);
	note_drop(key, source, reason);
}
