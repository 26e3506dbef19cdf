/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Translates every bucket from the limits of the program before this one to its own.
 *
 * The old limits come in a map, as a program's context can only be read at constant places, and the
 * service of an entry chooses among them.
 */
#pragma once

#include "rate.bpf.h"
#include "rescale.h"
#include "source.bpf.h"

static __always_inline void rescale_bucket(__u64 *full_at, const struct limit *old,
					   const volatile struct limit *new, __u64 now)
{
	const struct limit from = limit_of(old), to = limit_of(new);

	bucket_rescale_at(full_at, &from, &to, now);
}

/* Of each entry in the table; 0: go on with the next. */
static long rescale_source(void *map, const struct source_key *key, struct source *source,
			   const __u64 *now)
{
	const volatile struct source_limits *limits;
	const struct source_limits *old;
	__u32 service = key->service;

	if (service > MAX_SERVICES)
		return 0;
	if (old_limits.forgotten >> service & 1) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	old = &old_limits.services[service];
	limits = &service_at(service)->limits;
	rescale_bucket(&source->syns_full_at, &old->syns, &limits->syns, *now);
	rescale_bucket(&source->connections_full_at, &old->connections, &limits->connections, *now);
	return 0;
}

static __always_inline void rescale_rates(__u64 now)
{
	rescale_bucket(&rates.pass.full_at, &old_limits.pass, &config.pass_limit, now);
	rescale_bucket(&rates.unchallenged.full_at, &old_limits.unchallenged,
		       &config.unchallenged_limit, now);
	rescale_bucket(&rates.forwarded.full_at, &old_limits.unchallenged, &config.unchallenged_limit,
		       now);
	rescale_bucket(&rates.challenges.full_at, &old_limits.challenges, &config.challenge_limit, now);
}
