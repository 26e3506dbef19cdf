/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A sample of SYNs. It is random, and each one says how many SYNs it stands for. Each CPU takes one
 * after a number of SYNs that it draws around a mean, and sets the mean so that one comes in each
 * config.sample_spacing_ns. So a SYN that is not in the sample pays for a decrement, the sample covers
 * any second of a flood evenly from its first one on, and no pattern of the sender can avoid it.
 */
#pragma once

#include "maps.bpf.h"

/* The mean grows and shrinks by this factor at most from one SYN of the sample to the next. */
#define PACE_STEP 8
#define PACE_MAX_MEAN (1 << 22)

/* How many SYNs are to be between two of the sample, by how long the last ones took. */
static __always_inline __u32 next_mean(__u32 mean, __u64 took_ns)
{
	__u64 spacing = config.sample_spacing_ns, next;

	if (took_ns < spacing / PACE_STEP)
		took_ns = spacing / PACE_STEP;
	if (took_ns > spacing * PACE_STEP)
		took_ns = spacing * PACE_STEP;
	next = took_ns ? mean * spacing / took_ns : 0;
	if (next > PACE_MAX_MEAN)
		return PACE_MAX_MEAN;
	return next ?: 1;
}

/* Whether this SYN is one of the sample. Then draw_next() is to be called. */
static __always_inline bool is_drawn(struct pace *pace)
{
	if (!pace->left)
		return true;
	pace->left--;
	return false;
}

static __always_inline void draw_next(struct pace *pace)
{
	__u64 now = bpf_ktime_get_ns();

	pace->mean = next_mean(pace->mean ?: 1, now - pace->last);
	pace->last = now;
	/* From half the mean up, and below one and a half. */
	pace->drawn = pace->mean / 2 + bpf_get_prandom_u32() % pace->mean;
	pace->left = pace->drawn;
}
