/* SPDX-License-Identifier: GPL-2.0 */
/* Buckets that all sources share. */
#pragma once

#include "bucket.h"
#include "maps.bpf.h"

/* A copy: the constants are volatile, as their values are set only after this is compiled. */
static __always_inline struct limit limit_of(const volatile struct limit *limit)
{
	return (struct limit){ limit->interval_ns, limit->capacity_ns };
}

/*
 * User space sees from this time that a flood is on. All CPUs in a flood use this cache line, so it is
 * written rarely.
 */
static __always_inline void note_refusal(struct rate *rate, __u64 now)
{
	__s64 since = now - rate->last_refusal; /* below 0: noted by a CPU with a finer clock */

	if (since <= REFUSAL_RESOLUTION_NS && rate->last_refusal)
		return;
	if (since > REFUSAL_OVER_NS || !rate->last_refusal)
		rate->refusing_since = now;
	rate->last_refusal = now;
}

static __always_inline bool rate_holds_token(struct rate *rate, const volatile struct limit *constant,
					     __u64 now)
{
	const struct limit limit = limit_of(constant);

	if (!limit.interval_ns || bucket_holds_token(&rate->full_at, &limit, now))
		return true;
	note_refusal(rate, now);
	return false;
}

static __always_inline bool rate_take(struct rate *rate, const volatile struct limit *constant,
				      __u64 now)
{
	const struct limit limit = limit_of(constant);
	__u64 wait_ns;

	if (!limit.interval_ns || bucket_take(&rate->full_at, &limit, now, &wait_ns) == BUCKET_TAKEN)
		return true;
	note_refusal(rate, now);
	return false;
}
