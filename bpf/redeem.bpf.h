/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Takes an answer to one of our cookies, and hands the kernel the connection that it completes. It runs
 * where packets reach IP, before the host's firewall, to which the connection begins with this segment.
 */
#pragma once

#include "batch.bpf.h"
#include "conclude.bpf.h"
#include "conntrack.bpf.h"
#include "cookie.h"
#include "host.bpf.h"
#include "known.bpf.h"
#include "lists.bpf.h"
#include "networks.bpf.h"
#include "rate.bpf.h"
#include "send.bpf.h"
#include "sock.bpf.h"

/* net/ipv4/tcp.c: struct bpf_tcp_req_attrs, whose size the kernel checks. */
struct bpf_tcp_req_attrs {
	__u32 rcv_tsval;
	__u32 rcv_tsecr;
	__u16 mss;
	__u8 rcv_wscale;
	__u8 snd_wscale;
	__u8 ecn_ok;
	__u8 wscale_ok;
	__u8 sack_ok;
	__u8 tstamp_ok;
	__u8 usec_ts_ok;
	__u8 reserved[3];
};

/* Linux 6.9. The program is not loaded on kernels without it. */
extern int bpf_sk_assign_tcp_reqsk(struct __sk_buff *skb, struct sock *sk,
				   struct bpf_tcp_req_attrs *attrs, int attrs__sz) __ksym __weak;

/* A segment that may be an answer. */
struct segment {
	struct addr source;
	struct addr destination;
	struct cookie_flow flow;
	__u32 cookie;
	__u32 tsval;
	__u32 tsecr;
	bool has_timestamp;
};

/* The value of a timestamp option (RFC 7323, 3.2). */
struct timestamp {
	__be32 val;
	__be32 ecr;
};

/* For a segment whose timestamp is not where nearly all have it. Whether it has one. Not static, so
 * that the verifier looks at it once. */
__noinline int search_timestamp(struct __sk_buff *skb, __u32 tcp_offset, struct timestamp *timestamp)
{
	const void *data_end = (void *)(long)skb->data_end;
	const struct tcphdr *tcp = (void *)(long)skb->data + tcp_offset;
	struct option_offsets offsets = {};
	const __u32 *from = (const void *)tcp;
	__u32 word[TCP_MAX_HEADER / 4] = {};
	const __u8 *option;
	__u32 len;

	if (!timestamp || tcp_offset > sizeof(struct ethhdr) + IPV6_LEN || (void *)(tcp + 1) > data_end)
		return false;
	len = tcp->doff * 4;
	for (__u32 i = 0; i < TCP_MAX_HEADER / 4 && i * 4 < len; i++) {
		if ((void *)(from + i + 1) > data_end)
			return false;
		word[i] = from[i];
	}
	find_options((const __u8 *)word, len, &offsets);
	option = option_of((const __u8 *)word, &offsets, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP);
	if (!option)
		return false;
	__builtin_memcpy(timestamp, option + 2, sizeof(*timestamp));
	return true;
}

/* Sets the timestamp of a segment. Whether it has one; nearly always it is the first option, behind two
 * NOPs. */
static __always_inline bool find_timestamp(struct __sk_buff *skb, const struct tcphdr *tcp,
					   struct segment *segment)
{
	struct timestamp timestamp = {};
	const void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	const __be32 *word = (const void *)(tcp + 1);

	if (tcp->doff * 4 < sizeof(*tcp) + TCPOLEN_TIMESTAMP || (void *)(word + 3) > data_end)
		return false;
	if (word[0] ==
	    bpf_htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP))
		timestamp = *(const struct timestamp *)(word + 1);
	else if (!search_timestamp(skb, (const void *)tcp - data, &timestamp))
		return false;
	segment->tsval = bpf_ntohl(timestamp.val);
	segment->tsecr = bpf_ntohl(timestamp.ecr);
	return true;
}

/* Whether data begins with the IP header: its addresses are at the same place. */
static __noinline bool begins_with_ip(struct __sk_buff *skb)
{
	const __be32 *data = (void *)(long)skb->data;
	__be32 addresses[2];

	return !bpf_skb_load_bytes_relative(skb, 12, addresses, sizeof(addresses), BPF_HDR_START_NET) &&
	       (void *)(data + 5) <= (void *)(long)skb->data_end && data[3] == addresses[0] &&
	       data[4] == addresses[1];
}

/*
 * Where the IP header begins, in bytes from data. In generic mode the kernel may hand over a packet
 * without its Ethernet header: it forgets that header's length when it copies the packet for XDP.
 */
static __noinline __u32 find_ip(struct __sk_buff *skb)
{
	const void *data = (void *)(long)skb->data, *data_end = (void *)(long)skb->data_end;
	const struct ethhdr *eth = data;
	__u8 version;

	if ((void *)(eth + 1) > data_end)
		return 0;
	/* An Ethernet address may begin like an IP header. */
	version = *(const __u8 *)data >> 4;
	return (version == 4 || version == 6) && begins_with_ip(skb) ? 0 : sizeof(*eth);
}

/* False if the segment cannot be an answer. Honest answers have plain headers, as their SYNs had. */
static __always_inline bool parse_answer(struct __sk_buff *skb, struct segment *segment)
{
	const void *ip = (void *)(long)skb->data + find_ip(skb),
		   *data_end = (void *)(long)skb->data_end;
	const struct tcphdr *tcp;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip4 = ip;

		if ((void *)(ip4 + 1) > data_end || ip4->ihl * 4 != IPV4_LEN ||
		    ip4->protocol != IPPROTO_TCP || ip4->frag_off & bpf_htons(IP_MF | IP_OFFSET))
			return false;
		segment->flow.family = FAMILY_IPV4;
		segment->source = addr_from_ipv4(ip4->saddr);
		segment->destination = addr_from_ipv4(ip4->daddr);
		tcp = ip + IPV4_LEN;
	} else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip6 = ip;

		if ((void *)(ip6 + 1) > data_end || ip6->nexthdr != IPPROTO_TCP)
			return false;
		segment->flow.family = FAMILY_IPV6;
		segment->source = addr_from_ipv6(&ip6->saddr);
		segment->destination = addr_from_ipv6(&ip6->daddr);
		tcp = ip + IPV6_LEN;
	} else {
		return false;
	}
	if ((void *)(tcp + 1) > data_end || !tcp->ack || tcp->syn || tcp->fin || tcp->rst ||
	    tcp->doff < 5)
		return false;
	segment->flow.source = &segment->source;
	segment->flow.destination = &segment->destination;
	segment->flow.source_port = tcp->source;
	segment->flow.destination_port = tcp->dest;
	segment->flow.isn = bpf_htonl(bpf_ntohl(tcp->seq) - 1);
	segment->cookie = bpf_ntohl(tcp->ack_seq) - 1;
	segment->has_timestamp = find_timestamp(skb, tcp, segment);
	return true;
}

/* Whether the source may have one more connection: UNDECIDED, or why not. It pays when the connection
 * stands, see charge(). */
static __noinline enum reason may_connect(const struct addr *addr, __u8 family, __u16 port)
{
	const struct source_key key = source_key(addr, family, port);
	const struct limit limit = limit_of(&service_at(key.service)->limits.connections);
	enum reason refused = UNDECIDED;
	struct source *source;

	if (!limit.interval_ns)
		return UNDECIDED;
	source = bpf_map_lookup_elem(&sources, &key);
	if (source && !bucket_holds_token(&source->connections_full_at, &limit, bpf_ktime_get_ns()))
		refused = ANSWER_OVER_LIMIT;
	else if (config.networks && limits_networks && network_refuses(&key, source))
		refused = ANSWER_NETWORK_LIMIT;
	return refused != UNDECIDED && is_allowed(addr, family) ? UNDECIDED : refused;
}

/* What an MTU of 1280 leaves (RFC 8200, 5). The kernel refuses a connection of less. */
#define IPV6_MIN_MSS 1220

/*
 * Makes the kernel take the segment for the last one of a handshake, if it belongs to no connection
 * yet: those that stand are never touched.
 */
static __always_inline enum reason assign(struct __sk_buff *skb, const struct segment *segment,
					  const struct cookie_options *options, __u32 clock)
{
	const struct cookie_flow *flow = &segment->flow;
	struct bpf_tcp_req_attrs attrs = {
		.rcv_tsval = segment->tsval,
		/* The clock on which the connection's timestamps go on, but not back. */
		.rcv_tsecr = (__s32)(clock - segment->tsecr) > 0 ? clock : segment->tsecr,
		.mss = options->mss,
		.rcv_wscale = options->has_wscale ? own_wscale() : 0,
		.snd_wscale = options->has_wscale ? options->wscale : 0,
		.ecn_ok = options->ecn,
		.wscale_ok = options->has_wscale,
		.sack_ok = options->has_sack,
		.tstamp_ok = segment->has_timestamp,
	};
	__u64 now = bpf_ktime_get_coarse_ns();
	enum reason answer;
	struct bpf_sock *sk = lookup_socket(skb, flow->source, flow->destination, flow->source_port,
					    flow->destination_port, flow->family);
	struct tcp_sock *listener;
	__u32 state;

	if (!sk)
		return ANSWER_NO_LISTENER;
	if (flow->family == FAMILY_IPV6 && attrs.mss < IPV6_MIN_MSS)
		attrs.mss = IPV6_MIN_MSS;
	/* Once: of two reads the compiler would make one address, which the verifier does not allow. */
	state = sk->state;
	if (state != TCP_LISTEN || was_redeemed_now(segment->cookie, flow->isn, now)) {
		answer = ANSWER_REPEATED;
	} else {
		answer = may_connect(&segment->source, flow->family, bpf_ntohs(flow->destination_port));
	}
	if (answer == UNDECIDED) {
		forget_connection(skb, flow->source, flow->destination, flow->source_port,
				  flow->destination_port, flow->family);
		listener = bpf_skc_to_tcp_sock(sk);
		answer = listener && !bpf_sk_assign_tcp_reqsk(skb, (struct sock *)listener, &attrs,
							      sizeof(attrs))
				 ? ANSWER_REDEEMED
				 : ANSWER_REFUSED;
		if (listener && answer == ANSWER_REDEEMED)
			note_redeemed(listener, segment->cookie, flow->isn, now);
	}
	bpf_sk_release(sk);
	return answer;
}

/* A segment that belongs to a connection is no wrong answer; its source is known. */
static __always_inline void count_wrong_answer(const struct cookie_flow *flow)
{
	const struct addr source = source_addr(flow->source, flow->family);

	if (!may_be_known(source_hash(&source)))
		count(ANSWER_WRONG, 0);
}

/* Returns a verdict of tcx. */
static __always_inline int redeem_answer(struct __sk_buff *skb)
{
	struct segment segment = {};
	struct cookie_options options = {};
	__u16 port;
	enum reason answer;
	__u32 clock = 0;

	/* What is for another host, or for a VLAN device on top of this one, does not reach IP here. */
	if (skb->pkt_type != PACKET_HOST || (skb->vlan_present && skb->vlan_tci & VLAN_VID_MASK))
		return TCX_NEXT;
	if (!parse_answer(skb, &segment))
		return TCX_NEXT;
	options.has_timestamp = segment.has_timestamp;
	if (!cookie_check(secret.cookie_key[0], secret.cookie_key[1], &segment.flow, segment.cookie,
			  segment.tsecr, bpf_ktime_get_coarse_ns(), &options, &clock)) {
		count_wrong_answer(&segment.flow);
		return TCX_NEXT;
	}
	answer = assign(skb, &segment, &options, clock);
	count(answer, 0);
	port = bpf_ntohs(segment.flow.destination_port);
	if (answer == ANSWER_REDEEMED)
		__sync_fetch_and_add(&port_connections[port].redeemed, 1);
	/* Silently: the client sends its data again, and is served when a token has come. */
	return answer == ANSWER_OVER_LIMIT || answer == ANSWER_NETWORK_LIMIT ? TCX_DROP : TCX_NEXT;
}
