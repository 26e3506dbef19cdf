/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tells whether an address may be on a list or surely is on none, so that a SYN that is on none pays
 * for a few bits only: the look-up in a table of a million networks takes more than a microsecond.
 *
 * IPv4 networks of up to 24 bits: a bit for each /24. Longer ones: a blocked Bloom filter (Putze,
 * Sanders, Singler, Cache-, hash- and space-efficient Bloom filters, 2007), in which all of a /24
 * stands in one word: by its first 28 or 32 bits, whichever is the next length from its own on, and by
 * several if it is shorter. Three bits stand for each.
 *
 * IPv6 networks of up to 16 bits: a bit for each /16. Longer ones: the same Bloom filter, by their
 * first 32, 36, … 64 bits; up to 44 in a word for the /32, from 48 in one for the /48. Only lengths
 * that are in use are looked for.
 *
 * In front stand coarser ones, which stay in a CPU's cache: with few networks most addresses end there.
 * Behind stands a second Bloom filter, asked only where the first says yes. It is larger, and each
 * network has a word of its own. So the first can be small and wrong for some in a hundred, as a read
 * costs the more the larger the memory is: 12 ns in 1 MiB, 22 in 2, and 100 in 8 on an EPYC with 1 MiB
 * of L2 for a core. All of it is 7.2 MiB.
 *
 * The hash has no key. Who knows a listed network can send from it, and so have the tables looked up
 * without a collision.
 *
 * src/kernel/maps/lists/filter.rs writes it. A bit is set before its entry is made.
 */
#pragma once

#include "maps.bpf.h"

/* A word of the filter; all bits if there is none. */
static __always_inline __u64 list_filter_word(__u32 index)
{
	const __u64 *word = bpf_map_lookup_elem(&list_filter, &index);

	return word ? *word : ~0ULL;
}

/* A bit of the part that begins at a word. */
static __always_inline bool list_filter_bit(__u32 part, __u32 bit)
{
	return list_filter_word(part + bit / 64) >> bit % 64 & 1;
}

/* The finalizer of MurmurHash3, of the first bits of an address and what they stand for. */
static __always_inline __u64 list_hash(__u64 bits, __u32 what)
{
	__u64 hash = (bits ^ (__u64)what << 57) * 0xff51afd7ed558ccdULL;

	hash ^= hash >> 33;
	return hash * 0xc4ceb9fe1a85ec53ULL;
}

/* What the first bits of an address stand for in list_hash(): the word of a block, or a network. Of an
 * IPv6 network it is their number. */
#define LIST_WORD4 1
#define LIST_28 2
#define LIST_32 3
#define LIST_WORD6_32 5
#define LIST_WORD6_48 6

/* Bits of struct lists.levels; from the last on those of IPv6, for each four bits one. */
#define LIST_HAS_28 0
#define LIST_HAS_32 1
#define LIST_HAS_IPV6 2

/* The word for a hash in a part of 2^bits words. */
static __always_inline __u64 list_bloom_word(__u32 part, __u32 bits, __u64 hash)
{
	return list_filter_word(part + (hash >> 26 & ((1U << bits) - 1)));
}

/* The bits of a word that stand for a hash are in its first 18 bits, apart from those for the word. */
static __always_inline bool list_bloom_holds(__u64 word, __u64 hash)
{
	__u64 bits = 1ULL << (hash >> 58) | 1ULL << (hash >> 52 & 63) | 1ULL << (hash >> 46 & 63);

	return (word & bits) == bits;
}

/* Whether a network may be listed whose block has this word. */
static __always_inline bool list_block_holds(__u64 word, __u64 hash)
{
	return list_bloom_holds(word, hash) &&
	       list_bloom_holds(list_bloom_word(LIST_SURE, LIST_SURE_BITS, hash), hash << 38);
}

/* Not static, so that the verifier looks at it once. The same holds for the next ones. */
__noinline int may_be_listed_long4(__u32 ip)
{
	__u64 word = list_bloom_word(LIST_BLOCKS, LIST_BLOCKS_BITS, list_hash(ip >> 8, LIST_WORD4));
	__u32 levels = lists.levels;

	if (levels >> LIST_HAS_28 & 1 && list_block_holds(word, list_hash(ip >> 4, LIST_28)))
		return true;
	return levels >> LIST_HAS_32 & 1 && list_block_holds(word, list_hash(ip, LIST_32));
}

static __always_inline bool may_be_listed4(const struct addr *addr)
{
	__u32 ip = bpf_ntohl(addr->word[3]), coarse = ip >> (32 - LIST_COARSE_BITS);

	if (list_filter_bit(LIST_COARSE4_SHORT, coarse) && list_filter_bit(LIST_SHORT4, ip >> 8))
		return true;
	return list_filter_bit(LIST_COARSE4_LONG, coarse) && may_be_listed_long4(ip);
}

/* Whether a block may hold the first bits of an address, by one of several lengths. */
static __always_inline bool list_has_prefix(__u64 start, __u64 block, __u32 first, __u32 last)
{
	__u32 levels = lists.levels >> (LIST_HAS_IPV6 + (first - 32) / 4);
	__u64 word;

	if (!(levels & ((1U << ((last - first) / 4 + 1)) - 1)))
		return false;
	word = list_bloom_word(LIST_BLOCKS, LIST_BLOCKS_BITS, block);
	for (__u32 len = first; len <= last; len += 4) {
		if (levels >> (len - first) / 4 & 1 &&
		    list_block_holds(word, list_hash(start >> (64 - len), len)))
			return true;
	}
	return false;
}

/* The first 64 bits of an address that may be on a list by its first 32. */
__noinline int may_be_listed_long6(__u64 start)
{
	return list_has_prefix(start, list_hash(start >> 32, LIST_WORD6_32), 32, 44) ||
	       list_has_prefix(start, list_hash(start >> 16, LIST_WORD6_48), 48, 64);
}

static __always_inline bool may_be_listed6(const struct addr *addr)
{
	__u64 start = (__u64)bpf_ntohl(addr->word[0]) << 32 | bpf_ntohl(addr->word[1]);
	__u64 block = list_hash(start >> 32, LIST_WORD6_32);

	if (list_filter_bit(LIST_SHORT6, start >> 48))
		return true;
	return list_bloom_holds(list_bloom_word(LIST_COARSE6, LIST_COARSE6_BITS, block), block) &&
	       may_be_listed_long6(start);
}

static __always_inline bool may_be_listed(const struct addr *addr, __u8 family)
{
	if (!lists.in_use)
		return false;
	return family == FAMILY_IPV4 ? may_be_listed4(addr) : may_be_listed6(addr);
}
