/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's sockets, read through BTF. Only the fields in use are declared. */
#pragma once

#include "maps.bpf.h"
#include "parse.h"

#include <bpf/bpf_core_read.h>

/* include/linux/socket.h */
#define AF_INET 2
#define AF_INET6 10

/* include/net/tcp_states.h */
#define TCP_SYN_RECV 3
#define TCP_TIME_WAIT 6
#define TCP_LISTEN 10
#define TCP_NEW_SYN_RECV 12

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net {
	__u64 net_cookie;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct sock_common {
	__be32 skc_daddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	__u32 skc_tw_rcv_nxt;
};

struct sock_reuseport {
	__u32 synq_overflow_ts;
};

struct sock {
	struct sock_common __sk_common;
	__u8 sk_userlocks;
	__u16 sk_protocol;
	int sk_rcvbuf;
	int sk_rx_dst_ifindex;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
	struct sock_reuseport *sk_reuseport_cb;
};

typedef struct {
	int counter;
} atomic_t;

struct request_sock_queue {
	atomic_t qlen;
};

struct inet_connection_sock {
	struct request_sock_queue icsk_accept_queue;
};

struct tcp_options_received {
	int ts_recent_stamp;
	__u16 user_mss;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq;
	struct tcp_options_received rx_opt;
	__u8 scaling_ratio;
	__u32 window_clamp;
	bool is_mptcp;
	void *md5sig_info;
	void *ao_info;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

struct tcp_request_sock {
	__u32 rcv_isn;
};

#pragma clang attribute pop

/* Fills the tuple of a segment. Returns its length, which says the family. */
static __always_inline __u32 socket_tuple(struct bpf_sock_tuple *tuple, const struct addr *source,
					  const struct addr *destination, __be16 source_port,
					  __be16 destination_port, __u8 family)
{
	if (family == FAMILY_IPV4) {
		tuple->ipv4.saddr = source->word[3];
		tuple->ipv4.daddr = destination->word[3];
		tuple->ipv4.sport = source_port;
		tuple->ipv4.dport = destination_port;
		return sizeof(tuple->ipv4);
	}
	__builtin_memcpy(tuple->ipv6.saddr, source->word, sizeof(*source));
	__builtin_memcpy(tuple->ipv6.daddr, destination->word, sizeof(*destination));
	tuple->ipv6.sport = source_port;
	tuple->ipv6.dport = destination_port;
	return sizeof(tuple->ipv6);
}

/* The socket that a segment belongs to: a connection, or else a listener. */
static __always_inline struct bpf_sock *lookup_socket(void *ctx, const struct addr *source,
						      const struct addr *destination,
						      __be16 source_port, __be16 destination_port,
						      __u8 family)
{
	struct bpf_sock_tuple tuple = {};
	__u32 len = socket_tuple(&tuple, source, destination, source_port, destination_port, family);

	return bpf_skc_lookup_tcp(ctx, &tuple, len, BPF_F_CURRENT_NETNS, 0);
}

static __noinline struct bpf_sock *lookup_of(struct xdp_md *ctx, const struct packet *pkt)
{
	return lookup_socket(ctx, &pkt->source, &pkt->destination, pkt->source_port,
			     bpf_htons(pkt->destination_port), pkt->family);
}
