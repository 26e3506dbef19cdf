/* SPDX-License-Identifier: GPL-2.0 */
/* What a listening socket can take. */
#pragma once

#include "lists.bpf.h"
#include "sock.bpf.h"
#include "syncookie.h"

/* include/net/sock.h, include/net/tcp.h */
#define SOCK_RCVBUF_LOCK 2
#define TCP_RMEM_TO_WIN_SCALE 8

/* Three seconds at HZ=100, the lowest common setting; less at others. */
#define MARK_JIFFIES 300

/*
 * Whether the listener's queue of half-open connections is under half full, so that the kernel does not
 * answer with cookies of its own: it does when the queue is full. True where there is no listener.
 */
__noinline int queue_has_room(struct xdp_md *ctx, const struct packet *pkt)
{
	struct bpf_sock *sk;
	struct tcp_sock *tp;
	int has_room = 1;

	if (!pkt || config.challenge == CHALLENGE_MODE_OFF ||
	    !is_own_address(&pkt->destination, pkt->family))
		return 1;
	sk = lookup_of(ctx, pkt);
	if (!sk)
		return 1;
	if (sk->state == TCP_LISTEN) {
		tp = bpf_skc_to_tcp_sock(sk);
		if (tp)
			has_room = 2 * (__u32)tp->inet_conn.icsk_accept_queue.qlen.counter <
				   ((struct sock *)tp)->sk_max_ack_backlog;
	}
	bpf_sk_release(sk);
	return has_room;
}

/*
 * Whether the listener has a recent mark that it answered with a cookie, by itself or through
 * bpf_tcp_gen_syncookie(). Then the kernel accepts cookies for it (tcp_synq_overflow()). With
 * SO_REUSEPORT the group has the mark.
 */
static __always_inline bool listener_is_marked(struct tcp_sock *tp)
{
	struct sock_reuseport *group = ((struct sock *)tp)->sk_reuseport_cb;
	__u32 marked = group ? group->synq_overflow_ts : (__u32)tp->rx_opt.ts_recent_stamp;

	return marked && (__u32)bpf_jiffies64() - marked < MARK_JIFFIES;
}

/* Whether its accept queue is full: the kernel would refuse one more connection. */
static __always_inline bool listener_is_full(struct tcp_sock *tp)
{
	struct sock *sk = (struct sock *)tp;

	return sk->sk_ack_backlog > sk->sk_max_ack_backlog;
}

/* Whether it has keys for signed segments; without keys the kernel drops such segments. */
static __always_inline bool listener_has_keys(struct tcp_sock *tp)
{
	return (bpf_core_field_exists(tp->md5sig_info) && tp->md5sig_info) ||
	       (bpf_core_field_exists(tp->ao_info) && tp->ao_info);
}

/*
 * Sets the window and its scale as tcp_select_initial_window() will compute them again when the
 * client's ACK comes, because only the timestamp is kept until then. If the scale is not known, no
 * timestamp is offered.
 */
static __always_inline void offer_window(struct synack_offer *offer, struct tcp_sock *tp)
{
	struct sock *sk = (struct sock *)tp;
	bool locked = BPF_CORE_READ_BITFIELD(sk, sk_userlocks) & SOCK_RCVBUF_LOCK;
	bool exact = bpf_core_field_exists(tp->scaling_ratio); /* since 6.6 */
	__u64 rcvbuf = sk->sk_rcvbuf;
	__u32 space = exact ? rcvbuf * tp->scaling_ratio >> TCP_RMEM_TO_WIN_SCALE : rcvbuf / 2;
	__u32 clamp = tp->window_clamp;
	__u32 largest;
	__u8 wscale;

	if (locked && (!clamp || clamp > space))
		clamp = space;
	if (!clamp)
		clamp = 0xffff << TCP_MAX_WSCALE;
	if (space > clamp)
		space = clamp;
	largest = space > host.rcv_space ? space : host.rcv_space;
	if (largest > clamp)
		largest = clamp;

	offer->has_timestamp &= exact || !locked;
	/* Whole segments, and never 0. */
	if (space > 0xffff)
		space = 0xffff;
	offer->window = space > offer->mss ? space - space % offer->mss : offer->mss;
	for (wscale = 0; wscale < TCP_MAX_WSCALE; wscale++) {
		if (!(largest >> 16 >> wscale))
			break;
	}
	offer->wscale = wscale;
}

/* Answers the query about the listener that would get a SYN to this address and port. */
static __always_inline void inspect_listener(struct xdp_md *ctx, struct listener_query *query)
{
	const struct addr nobody = {}, addr = query->addr;
	struct bpf_sock *sk =
		lookup_socket(ctx, &nobody, &addr, 0, bpf_htons(query->port), query->family);
	struct tcp_sock *tp;

	if (!sk)
		return;
	tp = sk->state == TCP_LISTEN ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (tp) {
		query->is_found = true;
		query->max_mss = tp->rx_opt.user_mss;
		query->has_keys = listener_has_keys(tp);
		query->is_mptcp = bpf_core_field_exists(tp->is_mptcp) && tp->is_mptcp;
	}
	bpf_sk_release(sk);
}
