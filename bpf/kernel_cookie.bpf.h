/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers a SYN with a cookie of the kernel's: before Linux 6.9, and for listeners that take no other
 * (MPTCP). The client's ACK brings it back, and the kernel itself completes the connection.
 */
#pragma once

#include "listener.bpf.h"
#include "rate.bpf.h"
#include "send.bpf.h"

/* include/net/tcp.h: the kernel reads options from its timestamps only with this tcp_timestamps; with 1
 * it subtracts a secret first. */
#define PLAIN_TIMESTAMPS 2

/* Makes a cookie. The listener has room to accept a connection, but maybe not for a half-open one. */
static __always_inline enum reason make_kernel_cookie(struct bpf_sock *sk, struct tcp_sock *tp,
						      const struct xdp_md *ctx,
						      const struct packet *pkt, struct syn *syn,
						      __u32 *cookie)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	void *ip = data + (pkt->ip_offset & IP_OFFSET_MASK);
	bool is_raw = config.raw_cookies && listener_is_marked(tp);
	__u32 len = syn->len;
	__s64 answer;

	/* Two comparisons of the same register: the compiler would make one of them, of a difference,
	 * from which the verifier learns nothing. */
	if (len > TCP_MAX_HEADER)
		return DROP_BAD_TCP_HEADER;
	barrier_var(len);
	if (len < sizeof(struct tcphdr))
		return DROP_BAD_TCP_HEADER;
	if (pkt->family == FAMILY_IPV4) {
		if (ip + IPV4_LEN > data_end)
			return DROP_TRUNCATED;
		answer = is_raw ? bpf_tcp_raw_gen_syncookie_ipv4(ip, &syn->tcp, len)
				: bpf_tcp_gen_syncookie(sk, ip, IPV4_LEN, &syn->tcp, len);
	} else {
		if (ip + IPV6_LEN > data_end)
			return DROP_TRUNCATED;
		answer = is_raw ? bpf_tcp_raw_gen_syncookie_ipv6(ip, &syn->tcp, len)
				: bpf_tcp_gen_syncookie(sk, ip, IPV6_LEN, &syn->tcp, len);
	}
	*cookie = answer;
	/* With tcp_syncookies=1 the kernel makes cookies only while the listener's queue is full. */
	return answer < 0 ? UNDECIDED : CHALLENGE_SENT;
}

/* Offers what the kernel can read from the timestamp, and no more. */
static __always_inline void offer_options(struct synack_offer *offer, const struct syn_options *syn)
{
	offer->has_timestamp =
		host.timestamps == PLAIN_TIMESTAMPS && host.knows_rcv_space && syn->has_timestamp;
	offer->has_sack = host.sack && syn->has_sack;
	offer->has_wscale = host.wscale && syn->has_wscale;
	offer->ecn = host.ecn && syn->wants_ecn;
}

static __always_inline enum reason ask_listener(struct bpf_sock *sk, const struct xdp_md *ctx,
						const struct packet *pkt, struct syn *syn,
						struct synack_offer *offer, __u32 *cookie)
{
	struct tcp_sock *tp;

	if (sk->state != TCP_LISTEN)
		return UNDECIDED;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return UNDECIDED;
	if (listener_is_full(tp))
		return UNDECIDED;
	offer_window(offer, tp);
	if (!offer->has_timestamp)
		offer->has_sack = offer->has_wscale = offer->ecn = 0;
	return make_kernel_cookie(sk, tp, ctx, pkt, syn, cookie);
}

/* Returns an enum reason; UNDECIDED: there is no cookie to be had. */
__noinline int answer_with_kernel_cookie(struct xdp_md *ctx, const struct packet *pkt,
					 const struct reply *reply)
{
	struct workplace *work = workplace();
	struct synack_offer *offer;
	struct bpf_sock *sk;
	enum reason reason;
	__u32 cookie;

	if (!pkt || !reply || !work)
		return DROP_NO_ROOM;
	offer = &work->offer;
	sk = lookup_of(ctx, pkt);
	if (!sk)
		return DROP_NO_LISTENER;
	offer->mss = reply->max_mss;
	offer_options(offer, &work->options);
	reason = ask_listener(sk, ctx, pkt, &work->syn, offer, &cookie);
	bpf_sk_release(sk);
	/* User space makes the kernel make cookies, while they are wanted. */
	if (reason == UNDECIDED)
		note_refusal(&rates.pass, bpf_ktime_get_coarse_ns());
	if (reason != CHALLENGE_SENT)
		return reason;
	if (offer->has_timestamp)
		offer->tsval = syncookie_timestamp(&work->options, offer, bpf_ktime_get_coarse_ns());
	build_synack(&work->synack, bpf_htons(pkt->destination_port), pkt->source_port, pkt->seq,
		     cookie, &work->options, offer);
	return send_synack(ctx, pkt, &reply->hops);
}
