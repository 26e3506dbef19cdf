/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells a source that is surely not in the table from one that may be: a bit for each hash, in memory
 * that a CPU's cache holds, where the table and the memory of refusals are a cache miss each. This is
 * what a flood of forged addresses costs.
 *
 * A Bloom filter with one hash (Bloom, Space/time trade-offs in hash coding, CACM 1970). It never
 * forgets a source that is in the table; that the table has forgotten one it does not learn. So there
 * are two, of which user space renews the one while the program reads the other, and both learn of each
 * new source (src/known.rs).
 */
#pragma once

#include "addr.h"
#include "maps.bpf.h"

static __always_inline __u64 *known_word(__u64 hash, __u32 filter)
{
	__u32 index = (hash >> (64 - config.known_bits) | (__u64)filter << config.known_bits) >> 6;

	return bpf_map_lookup_elem(&known, &index);
}

static __always_inline __u64 known_bit(__u64 hash)
{
	return 1ULL << (hash >> (64 - config.known_bits) & 63);
}

/* Without a budget for new sources each of them gets into the table: what is saved would be little. */
static __always_inline bool may_be_known(__u64 hash)
{
	const __u64 *word;

	if (!config.new_source_limit.interval_ns)
		return true;
	word = known_word(hash, known_filter & 1);
	return !word || *word & known_bit(hash);
}

/* After the source's entry is made: one that is renewed in between finds it there. */
static __always_inline void make_known(__u64 hash)
{
	for (__u32 filter = 0; filter < 2; filter++) {
		__u64 *word = known_word(hash, filter);

		if (word)
			__sync_fetch_and_or(word, known_bit(hash));
	}
}
