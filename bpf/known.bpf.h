/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells whether a source may be in the table or have a socket, or surely has neither, by a bit for each
 * hash. A CPU's cache holds the bits, while the table and the memory of refusals cost a cache miss
 * each. In a flood of forged addresses nearly every source is surely unknown.
 *
 * A Bloom filter with one hash (Bloom, Space/time trade-offs in hash coding, CACM 1970). It never
 * forgets a source that is in the table, but it does not notice when the table forgets one. So there
 * are two: user space renews one, from the table and from the kernel's list of sockets, while the
 * program reads the other. Each new source is entered in both (src/upkeep/filter.rs).
 */
#pragma once

#include "source.bpf.h"

static __always_inline __u64 *known_word(__u64 hash, __u32 filter)
{
	__u32 index = (hash >> (64 - config.known_bits) | (__u64)filter << config.known_bits) >> 6;

	return bpf_map_lookup_elem(&known, &index);
}

static __always_inline __u64 known_bit(__u64 hash)
{
	return 1ULL << (hash >> (64 - config.known_bits) & 63);
}

static __always_inline bool may_be_known(__u64 hash)
{
	const __u64 *word = known_word(hash, known_filter & 1);

	return !word || *word & known_bit(hash);
}

/* Call it after the source's entry is made: if a filter is renewed in between, it finds the entry. */
static __always_inline void make_known(__u64 hash)
{
	for (__u32 filter = 0; filter < 2; filter++) {
		__u64 *word = known_word(hash, filter);

		if (word)
			__sync_fetch_and_or(word, known_bit(hash));
	}
}
