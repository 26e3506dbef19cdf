/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A token bucket in one 64-bit word: the time at which it is full again. This is the theoretical
 * arrival time of the generic cell rate algorithm (ITU-T I.371, annex A).
 *
 * The time from now to full_at is the part of the capacity that is missing. If full_at has passed, the
 * bucket is full; if it lies a whole capacity ahead, the bucket is empty. Taking a token moves full_at
 * one interval ahead. Tokens and time are the same word, so compare-and-swap needs no lock, no two CPUs
 * get the same token, and no fraction of a token is ever rounded away.
 */
#pragma once

#include "intf.h"

/* A bound for the verifier. A round is lost only when another CPU takes a token. */
#define BUCKET_MAX_TRIES 16

enum bucket_answer {
	BUCKET_TAKEN,
	BUCKET_EMPTY,
	BUCKET_CONTENDED, /* lost every round */
};

/*
 * How far ahead of now a bucket's full_at lies, ns. The difference comes before the comparison, so a
 * clock that wraps does not matter. If another CPU has read a later time, that does no harm.
 */
static __always_inline __u64 bucket_missing(__u64 full_at, __u64 now)
{
	__s64 ahead = full_at - now;

	return ahead > 0 ? ahead : 0;
}

/* The word of a full bucket after one token is taken. */
static __always_inline __u64 bucket_after_first(const struct limit *limit, __u64 now)
{
	return now + limit->interval_ns;
}

/* How long a bucket has no token from now on, ns; 0 if it holds one. */
static __always_inline __u64 bucket_wait(const __u64 *full_at, const struct limit *limit, __u64 now)
{
	__u64 seen = *(const volatile __u64 *)full_at;
	__u64 missing = bucket_missing(seen, now) + limit->interval_ns;

	return missing > limit->capacity_ns ? missing - limit->capacity_ns : 0;
}

static __always_inline bool bucket_holds_token(const __u64 *full_at, const struct limit *limit,
					       __u64 now)
{
	return !bucket_wait(full_at, limit, now);
}

/*
 * Takes a token, also where there is none: then the bucket owes it. If it loses every round, another
 * CPU's time may count for this token: that is less than an interval. Returns the word that it wrote.
 */
static __always_inline __u64 bucket_charge(__u64 *full_at, const struct limit *limit, __u64 now)
{
	__u64 seen = *(volatile __u64 *)full_at;

	for (int try = 0; try < BUCKET_MAX_TRIES; try++) {
		__u64 next = now + bucket_missing(seen, now) + limit->interval_ns;
		__u64 before = __sync_val_compare_and_swap(full_at, seen, next);

		if (before == seen)
			return next;
		seen = before;
	}
	return __sync_fetch_and_add(full_at, limit->interval_ns) + limit->interval_ns;
}

/* Takes one token. If there is none it changes nothing, and wait_ns says when an empty bucket gets one.
 */
static __always_inline enum bucket_answer bucket_take(__u64 *full_at, const struct limit *limit,
						      __u64 now, __u64 *wait_ns)
{
	__u64 seen = *(volatile __u64 *)full_at;

	for (int try = 0; try < BUCKET_MAX_TRIES; try++) {
		__u64 missing = bucket_missing(seen, now) + limit->interval_ns;
		__u64 before;

		if (missing > limit->capacity_ns) {
			*wait_ns = missing - limit->capacity_ns;
			return BUCKET_EMPTY;
		}
		before = __sync_val_compare_and_swap(full_at, seen, now + missing);
		if (before == seen)
			return BUCKET_TAKEN;
		seen = before;
	}
	return BUCKET_CONTENDED;
}
