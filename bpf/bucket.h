/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A token bucket in one 64-bit word: the time at which it is full again. This is the theoretical
 * arrival time of the generic cell rate algorithm (ITU-T I.371, annex A).
 *
 * Of the capacity, what lies between now and full_at is missing: a bucket whose full_at has passed is
 * full, one whose full_at lies a capacity ahead is empty. Taking a token moves full_at one interval
 * on. As tokens and time are the same word, compare-and-swap needs no lock, no two CPUs are granted
 * one token, and no fraction of a token is ever rounded away.
 */
#pragma once

#include "intf.h"

/* Bounds the loop for the verifier; each lost round is another CPU's success. */
#define BUCKET_MAX_TRIES 16

enum bucket_answer {
	BUCKET_TAKEN,
	BUCKET_EMPTY,
	BUCKET_CONTENDED, /* lost every round */
};

/*
 * How far ahead of now a bucket's full_at lies, ns. The difference is taken before the comparison, so
 * that a clock that wraps does not matter; another CPU's later reading of the clock does no harm.
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

static __always_inline bool bucket_holds_token(const __u64 *full_at, const struct limit *limit,
					       __u64 now)
{
	__u64 seen = *(const volatile __u64 *)full_at;

	return bucket_missing(seen, now) + limit->interval_ns <= limit->capacity_ns;
}

/* Takes one token; or changes nothing, and for an empty bucket says when it will hold one. */
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
