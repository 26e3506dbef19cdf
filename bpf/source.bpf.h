/* SPDX-License-Identifier: GPL-2.0 */
/* What counts as one source: the addresses of a network prefix. */
#pragma once

#include "addr.h"
#include "maps.bpf.h"

/* The key of an address in the table of sources. */
static __always_inline struct addr source_key(const struct addr *addr, __u8 family)
{
	const volatile struct addr *mask =
		family == FAMILY_IPV4 ? &config.ipv4_mask : &config.ipv6_mask;
	struct addr key;

	for (int i = 0; i < 4; i++)
		key.word[i] = addr->word[i] & mask->word[i];
	return key;
}

static __always_inline __u64 source_hash(const struct addr *key)
{
	return addr_hash(key, secret.hash_key[0], secret.hash_key[1]);
}
