/* SPDX-License-Identifier: GPL-2.0 */
/* What becomes of a SYN. Each step decides, or leaves it UNDECIDED for the next. */
#pragma once

#include "bucket.h"
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
	enum list_verdict *verdict;

	if (!config.has_lists)
		return UNDECIDED;
	verdict = bpf_map_lookup_elem(&lists, &key);
	if (!verdict)
		return UNDECIDED;
	return *verdict == LIST_ALLOW ? PASS_ALLOWED : DROP_DENIED;
}

static __always_inline enum reason check_port(const struct packet *pkt)
{
	__u64 word = config.protected_ports[pkt->destination_port / 64];

	return word >> pkt->destination_port % 64 & 1 ? UNDECIDED : PASS_UNPROTECTED_PORT;
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

/* wait_ns is set if the bucket is empty. */
static __always_inline enum reason charge_source(struct source *source, const struct limit *limit,
						 __u64 now, __u64 *wait_ns)
{
	enum bucket_answer answer = bucket_take(&source->full_at, limit, now, wait_ns);

	if (answer == BUCKET_TAKEN) {
		__sync_fetch_and_add(&source->passed, 1);
		return PASS_WITHIN_LIMIT;
	}
	__sync_fetch_and_add(&source->dropped, 1);
	source->last_drop = now;
	return answer == BUCKET_EMPTY ? DROP_OVER_LIMIT : DROP_CONTENTION;
}

/*
 * BPF_NOEXIST lets only one of several CPUs enter a source: the others charge the entry that it made.
 * Should the entry be evicted in between, or the table refuse it, the SYN passes.
 */
static __always_inline enum reason ask_table(const struct addr *key, struct refusal *slot)
{
	const struct limit limit = { config.source_limit.interval_ns, config.source_limit.capacity_ns };
	__u64 now = bpf_ktime_get_ns();
	struct source *source = bpf_map_lookup_elem(&sources, key);
	enum reason reason;
	__u64 wait_ns = 0;

	if (!source) {
		struct source first = { .full_at = bucket_after_first(&limit, now), .passed = 1 };

		if (!bpf_map_update_elem(&sources, key, &first, BPF_NOEXIST))
			return PASS_NEW_SOURCE;
		source = bpf_map_lookup_elem(&sources, key);
	}
	if (!source)
		return PASS_TABLE_ERROR;
	reason = charge_source(source, &limit, now, &wait_ns);
	remember_refusal(slot, key, now, wait_ns);
	return reason;
}

static __always_inline enum reason take_token(const struct packet *pkt)
{
	struct addr key = source_key(pkt);
	struct refusal *slot = refusal_slot(&key);

	return refused_still(slot, &key) ? DROP_OVER_LIMIT : ask_table(&key, slot);
}
