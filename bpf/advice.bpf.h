/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In a dry run: what each source would have needed at each service, for the advice at its end.
 *
 * Only connections that stand count. A SYN may be forged, and so proves no need.
 */
#pragma once

#include "advice.h"
#include "listed.bpf.h"
#include "lists.bpf.h"
#include "source.bpf.h"

/* Two CPUs may enter a source at once. The loser of BPF_NOEXIST charges the winner's entry. */
static __always_inline struct need *need_of(const struct source_key *key, __u64 now)
{
	struct need *known = bpf_map_lookup_elem(&needs, key);
	struct need first = {};

	if (known)
		return known;
	for (int i = 0; i < ADVISED_RATES; i++)
		first.fills[i] = fill_of_first(advised_rates.interval_ns[i], now);
	if (bpf_map_update_elem(&needs, key, &first, BPF_NOEXIST))
		return bpf_map_lookup_elem(&needs, key);
	__sync_fetch_and_add(&advice.entered, 1);
	return NULL;
}

/* Who is on a list has no limit, or no connection. port: the listener's, in host byte order. */
static __noinline void count_need(const struct addr *addr, __u8 family, __u16 port, __u64 now)
{
	const struct source_key key = source_key(addr, family, port);
	struct need *need;

	if (may_be_listed(addr, family) && list_verdict(addr, family, false) != LIST_NONE)
		return;
	need = need_of(&key, now);
	if (!need)
		return; /* it is new, or the table is full of busy entries */
	for (int i = 0; i < ADVISED_RATES; i++)
		fill_charge(&need->fills[i], advised_rates.interval_ns[i], now);
}
