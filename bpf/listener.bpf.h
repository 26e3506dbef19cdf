/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's fields of a listening socket, read through BTF. Only the fields in use are declared. */
#pragma once

#include "maps.bpf.h"
#include "syncookie.h"

#include <bpf/bpf_core_read.h>

/* include/uapi/linux/tcp.h, include/net/tcp_states.h, include/net/sock.h */
#define TCP_LISTEN 10
#define SOCK_RCVBUF_LOCK 2
#define TCP_RMEM_TO_WIN_SCALE 8

/* Three seconds at HZ=100, the lowest common setting; less at others. */
#define MARK_JIFFIES 300

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_reuseport {
	__u32 synq_overflow_ts;
};

struct sock {
	__u8 sk_userlocks;
	int sk_rcvbuf;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	struct sock_reuseport *sk_reuseport_cb;
};

struct tcp_options_received {
	int ts_recent_stamp;
};

struct tcp_sock {
	struct tcp_options_received rx_opt;
	__u8 scaling_ratio;
	__u32 window_clamp;
	void *md5sig_info;
	void *ao_info;
};

#pragma clang attribute pop

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
	for (offer->wscale = 0; offer->wscale < TCP_MAX_WSCALE; offer->wscale++) {
		if (!(largest >> 16 >> offer->wscale))
			break;
	}
}
