/* SPDX-License-Identifier: GPL-2.0 */
/* Addresses of both families as one type. */
#pragma once

#include "intf.h"

static __always_inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		 (a->word[3] ^ b->word[3]));
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
