/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Translates every bucket from the limits that its word is meant by to those of this program. The
 * former stand beside the buckets, and change with them in one run: a process that is killed around a
 * run leaves no bucket that would be misread.
 */
#pragma once

#include "networks.bpf.h"
#include "rate.bpf.h"
#include "rescale.h"
#include "source.bpf.h"

struct rescale_walk {
	__u64 now;
	struct rescaling how;
};

/* An interval of 0 is no limit. */
static __always_inline bool rescale_is_due(const struct limit *old, const volatile struct limit *new,
					   const struct rescaling *how)
{
	return !how->only_slower || new->interval_ns > old->interval_ns;
}

/* Not static, so that the verifier looks at it once. */
__noinline int rescale_word(__u64 *full_at, const struct limit *from, const struct limit *to, __u64 now)
{
	if (full_at && from && to)
		bucket_rescale_at(full_at, from, to, now);
	return 0;
}

static __always_inline void rescale_bucket(__u64 *full_at, const struct limit *old,
					   const volatile struct limit *new,
					   const struct rescale_walk *walk)
{
	const struct limit from = *old, to = limit_of(new);

	if (rescale_is_due(&from, new, &walk->how))
		rescale_word(full_at, &from, &to, walk->now);
}

static __always_inline void rescale_limit(struct limit *old, const volatile struct limit *new,
					  const struct rescale_walk *walk)
{
	if (rescale_is_due(old, new, &walk->how))
		*old = limit_of(new);
}

/* Of each entry in the table; 0: go on with the next. */
static long rescale_source(void *map, const struct source_key *key, struct source *source,
			   const struct rescale_walk *walk)
{
	const volatile struct source_limits *limits;
	const struct source_limits *old;
	__u32 service = key->service;

	if (service > MAX_SERVICES)
		return 0;
	if (walk->how.forgotten >> service & 1) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	old = &bucket_limits.services[service];
	limits = &service_at(service)->limits;
	rescale_bucket(&source->syns_full_at, &old->syns, &limits->syns, walk);
	rescale_bucket(&source->connections_full_at, &old->connections, &limits->connections, walk);
	return 0;
}

/* Of each entry in the table of networks. Their limits follow from those of sources. */
static long rescale_network(void *map, const struct network_key *key, struct network *network,
			    const struct rescale_walk *walk)
{
	const volatile struct limit *limit;
	__u32 service = key->service;
	struct limit old, from, to;

	if (service > MAX_SERVICES)
		return 0;
	if (walk->how.forgotten >> service & 1) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	old = bucket_limits.services[service].connections;
	limit = &service_at(service)->limits.connections;
	if (!rescale_is_due(&old, limit, &walk->how))
		return 0;
	for (__u32 step = 0; step < NETWORK_STEPS; step++) {
		const struct limit own = limit_of(limit);

		if (key->prefix_len != network_prefix(&key->addr, step))
			continue;
		from = network_limit(&old, step);
		to = network_limit(&own, step);
		rescale_word(&network->full_at, &from, &to, walk->now);
		rescale_word(&network->old_full_at, &from, &to, walk->now);
	}
	return 0;
}

/* Of each entry in the table of needs. */
static long forget_need(void *map, const struct source_key *key, struct need *need,
			const struct rescale_walk *walk)
{
	__u32 service = key->service;

	(void)need;
	if (service <= MAX_SERVICES && walk->how.forgotten >> service & 1 &&
	    !bpf_map_delete_elem(map, key))
		__sync_fetch_and_sub(&advice.entered, 1);
	return 0;
}

/* Behind the walk through the entries. */
static __always_inline void rescale_limits_of_sources(const struct rescale_walk *walk)
{
	for (int i = 0; i <= MAX_SERVICES; i++) {
		const volatile struct source_limits *limits = &service_at(i)->limits;
		struct source_limits *old = &bucket_limits.services[i];

		rescale_limit(&old->syns, &limits->syns, walk);
		rescale_limit(&old->connections, &limits->connections, walk);
	}
}

static __always_inline void rescale_rate(struct rate *rate, const volatile struct limit *new,
					 const struct rescale_walk *walk)
{
	rescale_bucket(&rate->full_at, &rate->limit, new, walk);
	rescale_limit(&rate->limit, new, walk);
}

static __always_inline void rescale_rates(const struct rescale_walk *walk)
{
	rescale_rate(&rates.pass, &config.pass_limit, walk);
	rescale_rate(&rates.unchallenged, &config.unchallenged_limit, walk);
	rescale_rate(&rates.forwarded, &config.unchallenged_limit, walk);
	rescale_rate(&rates.challenges, &config.challenge_limit, walk);
}
