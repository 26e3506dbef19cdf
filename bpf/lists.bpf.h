/* SPDX-License-Identifier: GPL-2.0 */
/* Tables of networks: the lists of the operator, this host's addresses. */
#pragma once

#include "listed.bpf.h"
#include "maps.bpf.h"

/* Expired entries, one within the other, that an address may have before none is found for it. User
 * space removes them within a second. */
#define LIST_MAX_EXPIRED 16

static __always_inline struct list_key list_key(const struct addr *addr, __u8 family)
{
	return (struct list_key){
		.prefix_len = 8 * (sizeof(struct list_key) - sizeof(__u32)),
		.family = family,
		.addr = *addr,
	};
}

/* The longest entry of a table that has not expired; NULL if there is none. Both values begin alike. */
static __always_inline struct list_entry *longest_in_force(void *table, struct list_key key)
{
	for (int i = 0; i <= LIST_MAX_EXPIRED; i++) {
		struct list_entry *entry = bpf_map_lookup_elem(table, &key);

		if (!entry || !entry->until || entry->until > bpf_ktime_get_ns())
			return entry;
		key.prefix_len = entry->prefix_len - 1;
	}
	return NULL;
}

/*
 * What the lists say about an address: enum list_verdict. Not static, so that the verifier looks at it
 * once, for any arguments. Ask may_be_listed() first.
 */
__noinline int list_verdict(const struct addr *addr, __u8 family, bool is_counted)
{
	struct list_entry *entry, *of_file;
	struct list_key key;

	if (!addr)
		return LIST_NONE;
	key = list_key(addr, family);
	entry = longest_in_force(&live, key);
	of_file = longest_in_force(&files, key);
	if (of_file && (!entry || of_file->prefix_len > entry->prefix_len))
		entry = of_file;
	if (!entry)
		return LIST_NONE;
	if (is_counted)
		__sync_fetch_and_add(&entry->hits, 1);
	return entry->verdict;
}

static __always_inline bool is_allowed(const struct addr *addr, __u8 family)
{
	return may_be_listed(addr, family) && list_verdict(addr, family, false) == LIST_ALLOW;
}

/* Not inline, so that its stack is free again when an answer is built: there are only 512 bytes. The
 * same holds for the other functions of this kind. */
static __noinline bool is_own_address(const struct addr *addr, __u8 family)
{
	const struct list_key key = list_key(addr, family);

	return bpf_map_lookup_elem(&own_addresses, &key);
}
