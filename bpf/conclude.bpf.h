/* SPDX-License-Identifier: GPL-2.0 */
/* The single exit of a frame: counts the reason, shows it to whoever looks, and turns it into an
 * action. */
#pragma once

#include "events.bpf.h"
#include "maps.bpf.h"
#include "source.bpf.h"
#include "verdict.bpf.h"

static __always_inline enum xdp_action reason_action(enum reason reason)
{
	if (reason_passes(reason) || config.dry_run)
		return XDP_PASS;
	return reason == CHALLENGE_SENT ? XDP_TX : XDP_DROP;
}

static __always_inline void count(enum reason reason, __u32 service)
{
	__u32 key = reason;
	struct frame_counts *counts = bpf_map_lookup_elem(&counters, &key);

	/* Not atomic: they are this CPU's own, and nothing interrupts a receive queue. */
	if (counts && service <= MAX_SERVICES)
		++counts->of_service[service];
}

static __always_inline enum xdp_action conclude(struct xdp_md *ctx, const struct packet *pkt,
						enum reason reason)
{
	count(reason, reason_is_of_syn(reason) ? service_of(pkt->destination_port) : 0);
	if (!reason_passes(reason))
		sample_refused(pkt, reason);
	if (is_observed(reason))
		show_verdict(ctx, pkt, reason);
	return reason_action(reason);
}
