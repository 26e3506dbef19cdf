/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses of both families as one type. */
#pragma once

#include "intf.h"

static __always_inline bool mac_equal(const struct mac *a, const struct mac *b)
{
	const __u16 *x = (const void *)a->octet, *y = (const void *)b->octet;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]));
}

static __always_inline bool mac_is_zero(const struct mac *mac)
{
	const struct mac zero = {};

	return mac_equal(mac, &zero);
}

static __always_inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		 (a->word[3] ^ b->word[3]));
}

/*
 * Use its upper bits; at least 32 of them are well mixed. Multiply-shift hashing (Dietzfelbinger,
 * Universal hashing and k-wise independent random variables, 1996): the keys are odd and random, so
 * that nobody who does not know them can choose addresses that meet in one place.
 */
static __always_inline __u64 addr_hash(const struct addr *addr, __u64 key0, __u64 key1)
{
	__u64 low = (__u64)addr->word[1] << 32 | addr->word[0];
	__u64 high = (__u64)addr->word[3] << 32 | addr->word[2];

	return low * key0 + high * key1;
}

static __always_inline struct addr addr_from_ipv4(__be32 ipv4)
{
	return (struct addr){ { 0, 0, bpf_htonl(0xffff), ipv4 } };
}

static __always_inline struct addr addr_from_ipv6(const struct in6_addr *ipv6)
{
	const __be32 *word = ipv6->in6_u.u6_addr32;

	return (struct addr){ { word[0], word[1], word[2], word[3] } };
}

static __always_inline bool addr_is_mapped(const struct addr *addr)
{
	return !(addr->word[0] | addr->word[1]) && addr->word[2] == bpf_htonl(0xffff);
}

/* The network of an address. bits: 0 to 128. */
static __always_inline struct addr addr_network(const struct addr *addr, __u32 bits)
{
	struct addr network = {};

	for (int i = 0; i < 4; i++) {
		__u32 before = i * 32;

		if (bits >= before + 32)
			network.word[i] = addr->word[i];
		else if (bits > before)
			network.word[i] = addr->word[i] & bpf_htonl(~0U << (before + 32 - bits));
	}
	return network;
}
