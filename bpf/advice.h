/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What burst a source would have needed at one rate: how full a bucket without end got, that every
 * connection was charged to. A bucket of that many tokens would never have lacked one.
 *
 * Nothing is lost when CPUs charge the same source at once, so the figure is never too small.
 */
#pragma once

#include "bucket.h"

/* No bucket can be larger: src/policy/limit.rs allows no larger capacity. */
#define FILL_MAX_NS (1ULL << 62)

/* The fill of a source that has one connection. */
static __always_inline struct fill fill_of_first(__u64 interval_ns, __u64 now)
{
	return (struct fill){ .full_at = now + interval_ns, .highest = interval_ns };
}

/* The highest only grows. So if every round is lost, the last addition makes it large enough, and at
 * worst too large. */
static __always_inline void fill_raise(__u64 *highest, __u64 missing)
{
	__u64 seen = *(volatile __u64 *)highest;

	for (int try = 0; try < BUCKET_MAX_TRIES && missing > seen; try++) {
		__u64 before = __sync_val_compare_and_swap(highest, seen, missing);

		if (before == seen)
			return;
		seen = before;
	}
	if (missing > seen)
		__sync_fetch_and_add(highest, missing - seen);
}

static __always_inline void fill_charge(struct fill *fill, __u64 interval_ns, __u64 now)
{
	const struct limit endless = { .interval_ns = interval_ns };
	__u64 full_at;

	/* A time that lies 2^63 ns ahead would be taken for the past. */
	if (bucket_missing(*(volatile __u64 *)&fill->full_at, now) > FILL_MAX_NS)
		return;
	full_at = bucket_charge(&fill->full_at, &endless, now);
	fill_raise(&fill->highest, bucket_missing(full_at, now));
}
