/* SPDX-License-Identifier: GPL-2.0 */
/* The TCP header of a SYN, and what it offers. */
#pragma once

#include "cookie.h"
#include "destination.bpf.h"
#include "syncookie.h"

#define IPV4_LEN 20
#define IPV6_LEN 40

/* A copy of a SYN's TCP header. */
struct syn {
	union {
		struct tcphdr tcp;
		__u8 bytes[TCP_MAX_HEADER];
		__u32 word[TCP_MAX_HEADER / 4];
	};
	__u32 len; /* bytes, with its options */
};

/* Where a CPU reads a SYN and makes the answer: the stack has no room for both. */
struct workplace {
	struct syn syn;
	struct option_offsets
		offsets; /* of the SYN; not on the stack, where the verifier would follow each way */
	struct syn_options options;
	struct cookie_options agreed;
	struct synack_offer offer;
	struct synack synack;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct workplace);
	__uint(max_entries, 1);
} workplaces SEC(".maps");

static __always_inline struct workplace *workplace(void)
{
	const __u32 first = 0;

	return bpf_map_lookup_elem(&workplaces, &first);
}

/* Copies the SYN. False unless it is behind a plain IP header, in the frame's first buffer. */
static __always_inline bool load_syn(struct xdp_md *ctx, const struct packet *pkt, struct syn *syn)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	__u32 ip_len = pkt->family == FAMILY_IPV4 ? IPV4_LEN : IPV6_LEN;
	const __u32 *from = data + (pkt->ip_offset & IP_OFFSET_MASK) + ip_len;

	if (pkt->more_fragments || pkt->tcp_offset != pkt->ip_offset + ip_len ||
	    (void *)from + sizeof(struct tcphdr) > data_end)
		return false;
	syn->len = ((const struct tcphdr *)from)->doff * 4;
	for (__u32 i = 0; i < TCP_MAX_HEADER / 4 && i * 4 < syn->len; i++) {
		if ((void *)(from + i + 1) > data_end)
			return false;
		syn->word[i] = from[i];
	}
	return true;
}

/*
 * Reads the SYN into the workplace. Returns an enum reason: CHALLENGE_SENT if it could. It is not
 * static, so that the verifier looks at it once.
 */
__noinline int read_syn(struct xdp_md *ctx, const struct packet *pkt)
{
	struct workplace *work = workplace();
	const __u8 *ip;
	__u8 ect;

	if (!pkt || !work || !load_syn(ctx, pkt, &work->syn))
		return DROP_EXTRA_HEADERS;
	work->offsets = (struct option_offsets){};
	find_options(work->syn.bytes, work->syn.len, &work->offsets);
	read_options(work->syn.bytes, &work->offsets, &work->options);
	if (work->options.is_malformed)
		return DROP_SIGNED;
	ip = (void *)(long)ctx->data + (pkt->ip_offset & IP_OFFSET_MASK);
	if ((void *)(ip + 2) > (void *)(long)ctx->data_end)
		return DROP_TRUNCATED;
	/* ECN: the lowest bits of IPv4's second byte; of IPv6's traffic class, which begins four bits
	 * later. */
	ect = (pkt->family == FAMILY_IPV4 ? ip[1] : ip[1] >> 4) & 3;
	work->options.wants_ecn = work->syn.tcp.ece && work->syn.tcp.cwr && !ect;
	return CHALLENGE_SENT;
}

/* Where an answer goes, and how large a segment may be. */
struct reply {
	struct hops hops;
	__u16 max_mss; /* by interface, route and listener */
	__u8 padding[2];
};
