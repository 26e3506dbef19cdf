/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers a SYN with a cookie, from here and without state. All checks before the answer make sure that
 * the client's ACK will be taken for a connection, and that no other host should have answered.
 */
#pragma once

#include "admit.bpf.h"
#include "kernel_cookie.bpf.h"
#include "own_cookie.bpf.h"
#include "rate.bpf.h"

/*
 * A client without a socket here can be challenged: CHALLENGE_SENT. To a cookie's ACK the kernel finds
 * an old connection first, in whatever state, and the new one would hang. Others may pass, where the
 * kernel has something to say to them: it asks a client whether a connection still stands (RFC 5961,
 * 4), or takes the SYN for a new one (RFC 9293, 3.6.1).
 */
static __always_inline enum reason check_socket(struct bpf_sock *sk, const struct packet *pkt)
{
	struct tcp_request_sock *half_open;
	struct tcp_timewait_sock *old;

	switch (sk->state) {
	case TCP_LISTEN:
		return CHALLENGE_SENT;
	case TCP_NEW_SYN_RECV:
		/* The kernel repeats its SYN-ACK by itself. Another sequence number is of another
		 * client, or of a forger before it. */
		half_open = bpf_skc_to_tcp_request_sock(sk);
		return half_open && half_open->rcv_isn == bpf_ntohl(pkt->seq) ? DROP_HALF_OPEN
									      : PASS_EXISTING_SOCKET;
	case TCP_TIME_WAIT:
		old = bpf_skc_to_tcp_timewait_sock(sk);
		if (old && (__s32)(bpf_ntohl(pkt->seq) - old->tw_sk.__tw_common.skc_tw_rcv_nxt) > 0)
			return PASS_TIME_WAIT;
	}
	return PASS_EXISTING_SOCKET;
}

/*
 * What passes to an existing socket is bounded, as the kernel may refuse it and keep the socket. The
 * source's SYN bucket is not asked: forgers may have emptied it.
 */
static __always_inline enum reason admit_to_socket(enum reason reason, __u64 hash)
{
	if (reason == PASS_EXISTING_SOCKET && !ration_take_query(hash))
		return DROP_CHALLENGE_RATION;
	if (!rate_take(&rates.unchallenged, &config.unchallenged_limit, bpf_ktime_get_ns()))
		return DROP_UNCHALLENGED_RATE;
	return reason;
}

/* A signed SYN can only be passed on, if its listener has keys. */
static __always_inline enum reason check_signed(struct bpf_sock *sk)
{
	struct tcp_sock *tp = sk->state == TCP_LISTEN ? bpf_skc_to_tcp_sock(sk) : NULL;

	return tp && !listener_has_keys(tp) ? DROP_SIGNED : UNDECIDED;
}

/* Asks the kernel for the SYN's socket, where its source may have one, or where it is signed. */
__noinline int ask_socket(struct xdp_md *ctx, const struct packet *pkt, int is_signed)
{
	struct bpf_sock *sk;
	enum reason reason;

	if (!pkt)
		return UNDECIDED;
	sk = lookup_of(ctx, pkt);
	if (!sk)
		return DROP_NO_LISTENER;
	reason = check_socket(sk, pkt);
	if (reason == CHALLENGE_SENT && is_signed)
		reason = check_signed(sk);
	bpf_sk_release(sk);
	return reason == PASS_TIME_WAIT || reason == PASS_EXISTING_SOCKET
		       ? admit_to_socket(reason, pkt->source_hash)
		       : reason;
}

static __always_inline __u16 least_mss(const struct destination *to, const struct port *port,
				       const struct packet *pkt, __u16 max_mss)
{
	__u32 headers = sizeof(struct tcphdr) + (pkt->family == FAMILY_IPV4 ? IPV4_LEN : IPV6_LEN);
	__u16 mss = to->mtu > headers ? to->mtu - headers : TCP_MSS_DEFAULT;

	if (max_mss && max_mss < mss)
		mss = max_mss;
	return port->max_mss && port->max_mss < mss ? port->max_mss : mss;
}

static __noinline void count_challenged(const struct packet *pkt, enum reason reason)
{
	const struct source_key key = source_key(&pkt->source, pkt->family, pkt->destination_port);

	count_refused(refusal_slot(pkt->source_hash, key.service), &key, reason);
}

/* UNDECIDED: the SYN cannot be challenged because of where it goes; then pkt->is_forwarded says whether
 * it is for another host. */
static __always_inline enum reason try_challenge(struct xdp_md *ctx, struct packet *pkt)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct destination *to;
	const struct port *port;
	const struct workplace *work;
	struct reply reply = {};
	enum reason reason;
	__u16 max_mss;

	if ((void *)(eth + 1) > data_end || is_host_stale(bpf_ktime_get_coarse_ns()))
		return UNDECIDED;
	__builtin_memcpy(reply.hops.from.octet, eth->h_source, ETH_ALEN);
	__builtin_memcpy(reply.hops.to.octet, eth->h_dest, ETH_ALEN);
	to = own_destination(ctx, &reply.hops, pkt);
	if (!to) {
		pkt->is_forwarded = true;
		return UNDECIDED;
	}
	if (!is_answerable(&reply.hops, pkt))
		return DROP_UNANSWERABLE;
	reason = read_syn(ctx, pkt);
	if (reason != CHALLENGE_SENT)
		return reason;
	reason = find_next_hop(&to->link, &reply.hops, pkt, &max_mss);
	if (reason != CHALLENGE_SENT)
		return reason;
	port = port_of(pkt);
	if (port->is_unchallenged || !host.syncookies ||
	    service_at(service_of(pkt->destination_port))->is_unchallenged)
		return UNDECIDED;
	if (!is_listening(port, pkt))
		return DROP_NO_LISTENER;
	work = workplace();
	if (!work)
		return UNDECIDED;
	if (pkt->is_known || work->options.is_signed)
		reason = ask_socket(ctx, pkt, work->options.is_signed);
	if (reason != CHALLENGE_SENT)
		return reason;
	if (!rate_take(&rates.challenges, &config.challenge_limit, bpf_ktime_get_coarse_ns()))
		return DROP_CHALLENGE_RATE;
	if (config.dry_run)
		return CHALLENGE_SENT;
	reply.max_mss = least_mss(to, port, pkt, max_mss);
	return config.own_cookies && !port->takes_kernel_cookies
		       ? answer_with_own_cookie(ctx, pkt, &reply)
		       : answer_with_kernel_cookie(ctx, pkt, &reply);
}

/* Answers a SYN, or says why not. Returns an enum reason. */
__noinline int challenge(struct xdp_md *ctx, struct packet *pkt)
{
	enum reason reason;

	if (!pkt)
		return UNDECIDED;
	reason = try_challenge(ctx, pkt);
	if (reason == UNDECIDED)
		reason = admit_unchallenged(pkt);
	if (pkt->is_known && !reason_passes(reason))
		count_challenged(pkt, reason);
	return reason;
}
