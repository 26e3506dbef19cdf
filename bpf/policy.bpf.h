/* SPDX-License-Identifier: GPL-2.0 */
/* Decides about a SYN. Each step returns a reason, or UNDECIDED for the next step to go on. */
#pragma once

#include "bucket.h"
#include "known.bpf.h"
#include "maps.bpf.h"
#include "parse.h"
#include "refusals.bpf.h"

static __always_inline enum reason check_lists(const struct packet *pkt)
{
	struct list_key key = {
		.prefix_len = 8 * (sizeof(key) - sizeof(key.prefix_len)),
		.family = pkt->family,
		.addr = pkt->source,
	};
	const struct list_entry *entry;
	__u64 *hits;
	__u32 index;

	if (!config.has_lists)
		return UNDECIDED;
	entry = bpf_map_lookup_elem(&lists, &key);
	if (!entry)
		return UNDECIDED;
	index = entry->index;
	hits = bpf_map_lookup_elem(&list_hits, &index);
	if (hits)
		++*hits; /* this CPU's own, as in conclude() */
	return entry->verdict == LIST_ALLOW ? PASS_ALLOWED : DROP_DENIED;
}

/* Whether a port (host byte order) is in a set of struct config. */
static __always_inline bool has_port(const volatile __u64 *ports, __u16 port)
{
	__u64 word = ports[port / 64];

	return word >> port % 64 & 1;
}

static __always_inline enum reason check_port(const struct packet *pkt)
{
	return has_port(config.protected_ports, pkt->destination_port) ? UNDECIDED
								       : PASS_UNPROTECTED_PORT;
}

static __always_inline struct addr source_key(const struct packet *pkt)
{
	const volatile struct addr *mask =
		pkt->family == FAMILY_IPV4 ? &config.ipv4_mask : &config.ipv6_mask;
	struct addr key;

	for (int i = 0; i < 4; i++)
		key.word[i] = pkt->source.word[i] & mask->word[i];
	return key;
}

/*
 * Counts that a SYN over its source's own limit was not dropped after all: answered, or let through. A
 * remembered refusal is counted in the slot; the first one is counted in the table.
 */
static __noinline void count_spared(const struct packet *pkt, bool passed)
{
	struct addr key = source_key(pkt);
	struct refusal *slot = refusal_slot(addr_hash(&key));
	struct source *source = bpf_map_lookup_elem(&sources, &key);
	bool remembered = slot && addr_equal(&slot->source, &key) && slot->challenged < slot->refused;

	if (remembered && passed)
		slot->refused--;
	else if (remembered)
		slot->challenged++;
	else if (source)
		__sync_fetch_and_add(passed ? &source->refused : &source->challenged, passed ? -1 : 1);
	if (source && passed)
		__sync_fetch_and_add(&source->passed, 1);
}

/* A copy: the constants are volatile, as their values are set only after this is compiled. */
static __always_inline struct limit limit_of(const volatile struct limit *limit)
{
	return (struct limit){ limit->interval_ns, limit->capacity_ns };
}

/*
 * User space sees from this time that a flood is on. All CPUs in a flood use this cache line, so it is
 * written rarely.
 */
static __always_inline void note_refusal(struct budget *budget, __u64 now)
{
	if (now - budget->last_refusal > REFUSAL_RESOLUTION_NS)
		budget->last_refusal = now;
}

static __always_inline bool budget_holds_token(struct budget *budget,
					       const volatile struct limit *constant, __u64 now)
{
	const struct limit limit = limit_of(constant);

	if (!limit.interval_ns || bucket_holds_token(&budget->full_at, &limit, now))
		return true;
	note_refusal(budget, now);
	return false;
}

static __always_inline bool budget_take(struct budget *budget, const volatile struct limit *constant,
					__u64 now)
{
	const struct limit limit = limit_of(constant);
	__u64 wait_ns;

	if (!limit.interval_ns || bucket_take(&budget->full_at, &limit, now, &wait_ns) == BUCKET_TAKEN)
		return true;
	note_refusal(budget, now);
	return false;
}

/* Takes a token of the source's own. Sets wait_ns if the bucket is empty. */
static __always_inline enum reason charge_source(struct source *source, const struct limit *limit,
						 __u64 now, __u64 *wait_ns)
{
	enum bucket_answer answer = bucket_take(&source->full_at, limit, now, wait_ns);

	if (answer == BUCKET_TAKEN) {
		__sync_fetch_and_add(&source->passed, 1);
		return PASS_WITHIN_LIMIT;
	}
	__sync_fetch_and_add(&source->refused, 1);
	source->last_refusal = now;
	return answer == BUCKET_EMPTY ? DROP_OVER_LIMIT : DROP_CONTENTION;
}

/*
 * BPF_NOEXIST lets only one of several CPUs enter a source; the others charge the entry that it made.
 * If the entry is evicted in between, or the table refuses it, the SYN passes.
 */
static __always_inline enum reason ask_table(const struct addr *key, __u64 hash, bool may_be_known,
					     struct refusal *slot, __u64 now)
{
	const struct limit limit = limit_of(&config.source_limit);
	struct source *source = may_be_known ? bpf_map_lookup_elem(&sources, key) : NULL;
	enum reason reason;
	__u64 wait_ns = 0;

	if (!source) {
		struct source first = { .full_at = bucket_after_first(&limit, now), .passed = 1 };

		if (!budget_take(&budgets.new_sources, &config.new_source_limit, now))
			return DROP_NEW_SOURCE_BUDGET;
		if (!bpf_map_update_elem(&sources, key, &first, BPF_NOEXIST)) {
			make_known(hash);
			return PASS_NEW_SOURCE;
		}
		source = bpf_map_lookup_elem(&sources, key);
	}
	if (!source)
		return PASS_TABLE_ERROR;
	reason = charge_source(source, &limit, now, &wait_ns);
	remember_refusal(slot, key, now, wait_ns);
	return reason;
}

/*
 * Looks at the total budget first, and takes from it last. So a source's token may be spent for
 * nothing, but none is granted twice, and the total is not charged for what a source's own limit
 * refuses.
 */
static __always_inline enum reason take_token(const struct packet *pkt)
{
	struct addr key = source_key(pkt);
	__u64 hash = addr_hash(&key);
	bool is_known = may_be_known(hash);
	struct refusal *slot = is_known ? refusal_slot(hash) : NULL;
	enum reason reason;
	__u64 now;

	if (refused_still(slot, &key))
		return DROP_OVER_LIMIT;
	now = bpf_ktime_get_ns();
	if (!budget_holds_token(&budgets.total, &config.total_limit, now))
		return DROP_TOTAL_BUDGET;
	reason = ask_table(&key, hash, is_known, slot, now);
	if (reason_passes(reason) && !budget_take(&budgets.total, &config.total_limit, now))
		return DROP_TOTAL_BUDGET;
	return reason;
}
