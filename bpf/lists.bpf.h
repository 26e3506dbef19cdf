/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of networks: the lists of the operator, this host's addresses. */
#pragma once

#include "maps.bpf.h"

static __always_inline struct list_key list_key(const struct addr *addr, __u8 family)
{
	return (struct list_key){
		.prefix_len = 8 * (sizeof(struct list_key) - sizeof(__u32)),
		.family = family,
		.addr = *addr,
	};
}

/* The entry of the lists that decides about an address; NULL if none does. */
static __always_inline const struct list_entry *listed(const struct addr *addr, __u8 family)
{
	const struct list_key key = list_key(addr, family);

	return config.has_lists ? bpf_map_lookup_elem(&lists, &key) : NULL;
}

static __always_inline bool is_allowed(const struct addr *addr, __u8 family)
{
	const struct list_entry *entry = listed(addr, family);

	return entry && entry->verdict == LIST_ALLOW;
}

/* Not inline, so that its stack is free again when an answer is built: there are only 512 bytes. The
 * same holds for the other functions of this kind. */
static __noinline bool is_own_address(const struct addr *addr, __u8 family)
{
	const struct list_key key = list_key(addr, family);

	return bpf_map_lookup_elem(&own_addresses, &key);
}
