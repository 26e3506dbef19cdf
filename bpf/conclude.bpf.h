/* SPDX-License-Identifier: GPL-2.0 */
/* The single exit: counts the reason and turns it into an action. */
#pragma once

#include "maps.bpf.h"

static __always_inline enum xdp_action reason_action(enum reason reason)
{
	if (reason == CHALLENGE_SENT)
		return XDP_TX;
	return reason_passes(reason) || config.dry_run ? XDP_PASS : XDP_DROP;
}

static __always_inline enum xdp_action conclude(enum reason reason)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&counters, &key);

	if (count)
		++*count; /* not atomic: it is this CPU's own, and nothing interrupts a receive queue */
	return reason_action(reason);
}
