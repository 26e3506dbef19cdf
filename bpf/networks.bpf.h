/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whole networks. Whoever has many addresses has as many sources; a single host has 65,536 of them in
 * its /48. So the sources of a network also share a connection bucket, which holds many times what one
 * of them has, and those of a wider network another one.
 *
 * As long as a network has tokens, nobody notices. When a connection takes the last one, the network is
 * limited: its sources have to wait for its tokens too. Those that connected well before have not made
 * it so. They keep their own buckets until they have emptied them, and share a second one of the
 * network: or whoever once connected from each address, slowly, would have them all for himself.
 * The limit ends when nobody has been refused for NETWORK_RELAX_NS. It ends by itself, so that no
 * process is needed for it.
 *
 * Only charge() takes tokens, and makes entries: what nobody can forge.
 */
#pragma once

#include "bucket.h"
#include "rate.bpf.h"
#include "source.bpf.h"

/* Who connected for the first time so long before a network was limited has not caused it. */
#define NETWORK_OLD_S 60

/* What a network may owe beyond a whole bucket. Without debts, all that comes at once where a single
 * token is left would be free; without an end of them, a network would pay for hours. */
#define NETWORK_MAX_DEBT_NS 60000000000

/* The length of the prefix, in bits; 0: the step is not in use. */
static __always_inline __u32 network_prefix(const struct addr *addr, __u32 step)
{
	const volatile struct network_step *steps = config.network_steps;

	return addr_is_mapped(addr) ? steps[step].ipv4_prefix : steps[step].ipv6_prefix;
}

static __always_inline struct network_key network_key(const struct source_key *source, __u32 prefix_len)
{
	return (struct network_key){
		.addr = addr_network(&source->addr, prefix_len),
		.service = source->service,
		.prefix_len = prefix_len,
	};
}

/* An interval of 0: no limit. The same as Step::limit() of src/policy/networks.rs. */
static __always_inline struct limit network_limit(const struct limit *source, __u32 step)
{
	__u32 multiple = config.network_steps[step].multiple;
	__u64 interval_ns, burst;

	if (!source->interval_ns || !multiple)
		return (struct limit){};
	interval_ns = source->interval_ns / multiple;
	burst = source->capacity_ns / source->interval_ns * multiple;
	return (struct limit){ .interval_ns = interval_ns, .capacity_ns = burst * interval_ns };
}

static __always_inline bool is_network_limited(const struct network *network, __u64 now)
{
	return network->limited_since && (__s64)(now - network->last_refusal) < (__s64)NETWORK_RELAX_NS;
}

/* Seldom, as CPUs in a flood share the cache line. */
static __always_inline void note_network_refusal(struct network *network, __u64 now)
{
	if ((__s64)(now - network->last_refusal) > REFUSAL_RESOLUTION_NS)
		network->last_refusal = now;
}

static __always_inline bool connected_before(const struct source *source, const struct network *network)
{
	return source->first_connected &&
	       source->first_connected + NETWORK_OLD_S <= coarse_second(network->limited_since);
}

/* source: NULL if it is new. */
static __always_inline bool network_has_token(const struct network *network,
					      const struct source *source, const struct limit *limit,
					      __u64 now)
{
	return bucket_holds_token(&network->full_at, limit, now) ||
	       (source && connected_before(source, network) &&
		bucket_holds_token(&network->old_full_at, limit, now));
}

/*
 * Whether a source has to wait for a token of its network. is_known: it may be in the table. Ask
 * limits_networks first. A wider network that is limited too does not relax before the narrower one.
 *
 * Not static, so that the verifier looks at it once.
 */
__noinline int network_refuses(const struct source_key *key, bool is_known)
{
	__u64 now = bpf_ktime_get_ns();
	struct source *source = NULL;
	bool refuses = false;
	struct limit limit;

	if (!key)
		return false;
	limit = limit_of(&service_at(key->service)->limits.connections);
	if (!limit.interval_ns)
		return false;
	if (is_known) {
		/* Linux 6.1 takes no map key from an argument's memory. */
		const struct source_key copy = *key;

		source = bpf_map_lookup_elem(&sources, &copy);
	}
	for (__u32 step = 0; step < NETWORK_STEPS; step++) {
		__u32 prefix_len = network_prefix(&key->addr, step);
		const struct network_key of = network_key(key, prefix_len);
		const struct limit shared = network_limit(&limit, step);
		struct network *network;

		if (!prefix_len || !shared.interval_ns)
			continue;
		network = bpf_map_lookup_elem(&networks, &of);
		if (!network || !is_network_limited(network, now))
			continue;
		if (!refuses) {
			if (network_has_token(network, source, &shared, now))
				continue;
			__sync_fetch_and_add(&network->refused, 1);
			refuses = true;
		}
		note_network_refusal(network, now);
	}
	return refuses;
}

/* Its bucket has no token left. */
static __always_inline void limit_network(struct network *network, __u64 now)
{
	if (!is_network_limited(network, now))
		network->limited_since = now;
	note_network_refusal(network, now);
	if (!limits_networks)
		limits_networks = 1;
}

/* is_old: to the bucket of those that connected well before. Not static, so that the verifier looks at
 * it once. */
__noinline int charge_network(struct network *network, const struct limit *limit, bool is_old,
			      __u64 now)
{
	__u64 *full_at, next, most;

	if (!network || !limit)
		return 0;
	full_at = is_old ? &network->old_full_at : &network->full_at;
	next = bucket_charge(full_at, limit, now);
	most = limit->capacity_ns + NETWORK_MAX_DEBT_NS;
	if (bucket_missing(next, now) > most)
		__sync_val_compare_and_swap(full_at, next, now + most);
	if (!is_old && !bucket_holds_token(full_at, limit, now))
		limit_network(network, now);
	return 0;
}

/* NULL if it is entered only now, with this connection charged, or if the table has no room. */
static __always_inline struct network *find_network(const struct network_key *key,
						    const struct limit *limit, __u64 now)
{
	const struct network first = {
		.full_at = bucket_after_first(limit, now),
		.old_full_at = now,
		.connected = 1,
	};
	struct network *network = bpf_map_lookup_elem(&networks, key);

	if (network)
		return network;
	return bpf_map_update_elem(&networks, key, &first, BPF_NOEXIST)
		       ? bpf_map_lookup_elem(&networks, key)
		       : NULL;
}

/*
 * Charges a connection to the networks of its source, whose own bucket has been charged. source: NULL
 * if it is new. limit: of the source.
 */
static __always_inline void charge_networks(const struct source_key *key, struct source *source,
					    const struct limit *limit, __u64 now)
{
	for (__u32 step = 0; step < NETWORK_STEPS; step++) {
		__u32 prefix_len = network_prefix(&key->addr, step);
		const struct network_key of = network_key(key, prefix_len);
		const struct limit shared = network_limit(limit, step);
		struct network *network;
		bool is_old;

		if (!prefix_len || !shared.interval_ns)
			continue;
		network = find_network(&of, &shared, now);
		if (!network)
			continue;
		__sync_fetch_and_add(&network->connected, 1);
		/* As network_has_token() has let it in. */
		is_old = source && !bucket_holds_token(&network->full_at, &shared, now) &&
			 is_network_limited(network, now) && connected_before(source, network);
		charge_network(network, &shared, is_old, now);
		if (is_old && !bucket_holds_token(&source->connections_full_at, limit, now))
			source->first_connected = coarse_second(now);
	}
}
