/* SPDX-License-Identifier: GPL-2.0 */
/* Answers a SYN with a cookie of our own, without a look at any socket. */
#pragma once

#include "cookie.h"
#include "host.bpf.h"
#include "send.bpf.h"

/* The window that the kernel offers with its default buffers. It goes on from there by itself. */
#define OWN_COOKIE_WINDOW 0xffff

/* From this time, and for two epochs, segments may bring a cookie back. */
static __always_inline void note_challenge(__u64 now)
{
	if (now - last_challenge > CHALLENGE_RESOLUTION_NS) {
		last_challenge = now;
		are_answered = true;
	}
}

static __noinline __u32 make_own_cookie(const struct packet *pkt, const struct cookie_options *options,
					__u64 now, __u32 *tsval)
{
	const struct cookie_flow flow = {
		.source = &pkt->source,
		.destination = &pkt->destination,
		.source_port = pkt->source_port,
		.destination_port = bpf_htons(pkt->destination_port),
		.isn = pkt->seq,
		.family = pkt->family,
	};

	return cookie_make(secret.cookie_key[0], secret.cookie_key[1], &flow, options, now, tsval);
}

/* Returns an enum reason. */
__noinline int answer_with_own_cookie(struct xdp_md *ctx, const struct packet *pkt,
				      const struct reply *reply)
{
	struct workplace *work = workplace();
	const struct syn_options *syn;
	struct cookie_options *options;
	struct synack_offer *offer;
	__u64 now = bpf_ktime_get_coarse_ns();
	__u32 cookie;

	if (!pkt || !reply || !work)
		return DROP_NO_ROOM;
	syn = &work->options;
	options = &work->agreed;
	offer = &work->offer;
	options->mss = syn->mss;
	options->has_timestamp = syn->has_timestamp && host.timestamps;
	options->has_sack = syn->has_sack && host.sack;
	options->has_wscale = syn->has_wscale && host.wscale;
	options->wscale = syn->wscale;
	options->ecn = options->has_timestamp && syn->wants_ecn && host.ecn;
	offer->mss = reply->max_mss;
	offer->window = OWN_COOKIE_WINDOW;
	offer->has_timestamp = options->has_timestamp;
	offer->has_sack = options->has_sack;
	offer->has_wscale = options->has_wscale;
	offer->wscale = own_wscale();
	offer->ecn = options->ecn;
	cookie = make_own_cookie(pkt, options, now, &offer->tsval);
	note_challenge(now);
	build_synack(&work->synack, bpf_htons(pkt->destination_port), pkt->source_port, pkt->seq,
		     cookie, syn, offer);
	return send_synack(ctx, pkt, &reply->hops);
}
