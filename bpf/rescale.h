/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a bucket holds when its limit changes. Its word (bucket.h) is a time, in which the old limit is
 * hidden: read by a new one it would mean another number of tokens. An empty bucket of one token an
 * hour would stay empty for hours, though its limit is now twenty a second.
 *
 * Tokens that were left are left, as far as the new limit holds so many. A bucket without any waits for
 * its next token as long as the new rate says, debts included, but never longer than before the change.
 * Parts of a token are taken for missing.
 */
#pragma once

#include "bucket.h"

/* So that a capacity and a wait together stay below the 2^63 ns that bucket_missing() takes for the
 * past: src/policy/limit.rs allows no larger capacity. */
#define RESCALE_MAX_WAIT_NS ((1ULL << 62) - 1)

static __always_inline bool limit_equal(const struct limit *a, const struct limit *b)
{
	return a->interval_ns == b->interval_ns && a->capacity_ns == b->capacity_ns;
}

/* How long a bucket with no token waits for one. owed: tokens that are due before it. */
static __always_inline __u64 rescale_wait(__u64 wait_ns, __u64 owed, const struct limit *to)
{
	if (owed + 1 <= wait_ns / to->interval_ns)
		wait_ns = (owed + 1) * to->interval_ns;
	return wait_ns < RESCALE_MAX_WAIT_NS ? wait_ns : RESCALE_MAX_WAIT_NS;
}

/* The word of a bucket once its limit has changed. An interval of 0: no limit. */
static __always_inline __u64 bucket_rescale(__u64 full_at, const struct limit *from,
					    const struct limit *to, __u64 now)
{
	__u64 missing = bucket_missing(full_at, now), tokens, burst, left, new_burst;

	if (!missing || !to->interval_ns || limit_equal(from, to))
		return full_at;
	if (!from->interval_ns)
		return now;
	/* Rounded up, without a sum that could be too large. */
	tokens = (missing - 1) / from->interval_ns + 1;
	burst = from->capacity_ns / from->interval_ns;
	if (tokens >= burst) {
		__u64 wait_ns = missing - (from->capacity_ns - from->interval_ns);

		return now + to->capacity_ns - to->interval_ns +
		       rescale_wait(wait_ns, tokens - burst, to);
	}
	left = burst - tokens;
	new_burst = to->capacity_ns / to->interval_ns;
	return left < new_burst ? now + (new_burst - left) * to->interval_ns : now;
}

/* The same where other CPUs take tokens meanwhile. If it loses every round, so many tokens were taken
 * that the bucket is left as it is. */
static __always_inline void bucket_rescale_at(__u64 *full_at, const struct limit *from,
					      const struct limit *to, __u64 now)
{
	__u64 seen = *(volatile __u64 *)full_at;

	for (int try = 0; try < BUCKET_MAX_TRIES; try++) {
		__u64 next = bucket_rescale(seen, from, to, now), before;

		if (next == seen)
			return;
		before = __sync_val_compare_and_swap(full_at, seen, next);
		if (before == seen)
			return;
		seen = before;
	}
}
