/* SPDX-License-Identifier: GPL-2.0 */
/* Writes an answer over the frame that it answers. */
#pragma once

#include "syn.bpf.h"
#include "verdict.bpf.h"

#define IP_TTL 64

static __always_inline void write_macs(struct ethhdr *eth, const struct hops *hops)
{
	__builtin_memcpy(eth->h_dest, hops->next_hop.octet, ETH_ALEN);
	__builtin_memcpy(eth->h_source, hops->to.octet, ETH_ALEN);
}

/* Writes the header of the answer to pkt, with tcp_len bytes of TCP. Returns its addresses' sum. */
static __always_inline __u64 write_ipv4(struct iphdr *ip, const struct packet *pkt, __u32 tcp_len)
{
	*ip = (struct iphdr){
		.version = 4,
		.ihl = IPV4_LEN / 4,
		.tot_len = bpf_htons(IPV4_LEN + tcp_len),
		.frag_off = bpf_htons(IP_DF),
		.ttl = IP_TTL,
		.protocol = IPPROTO_TCP,
		.saddr = pkt->destination.word[3],
		.daddr = pkt->source.word[3],
	};

	ip->check = csum_fold(csum_add(0, (__u32 *)ip, IPV4_LEN / 4));
	return (__u64)pkt->destination.word[3] + pkt->source.word[3];
}

/* As write_ipv4(). */
static __always_inline __u64 write_ipv6(struct ipv6hdr *ip, const struct packet *pkt, __u32 tcp_len)
{
	*ip = (struct ipv6hdr){
		.version = 6,
		.payload_len = bpf_htons(tcp_len),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = IP_TTL,
	};

	__builtin_memcpy(&ip->saddr, pkt->destination.word, sizeof(ip->saddr));
	__builtin_memcpy(&ip->daddr, pkt->source.word, sizeof(ip->daddr));
	return csum_add(csum_add(0, pkt->destination.word, 4), pkt->source.word, 4);
}

/* sum: the addresses' part of the checksum. False if the frame ends before the segment does. */
static __always_inline bool write_tcp(__u32 *to, const void *data_end, const struct synack *synack,
				      __u64 sum)
{
	for (__u32 i = 0; i < SYNACK_MAX_WORDS && i * 4 < synack->len; i++) {
		if ((void *)(to + i + 1) > data_end)
			return false;
		to[i] = synack->word[i];
		sum += synack->word[i];
	}
	if ((void *)to + sizeof(struct tcphdr) > data_end)
		return false;
	sum += bpf_htons(IPPROTO_TCP) + bpf_htons(synack->len);
	((struct tcphdr *)to)->check = csum_fold(sum);
	return true;
}

/* Writes the answer, which is in the workplace, over the SYN, behind its VLAN tags. Returns an enum
 * reason. */
__noinline int send_synack(struct xdp_md *ctx, const struct packet *pkt, const struct hops *hops)
{
	const struct workplace *work = workplace();
	__u64 syn_len = config.multi_buffer ? bpf_xdp_get_buff_len(ctx)
					    : (void *)(long)ctx->data_end - (void *)(long)ctx->data;
	__u32 ip_offset, ip_len, frame_len;
	void *data, *data_end, *ip;
	__u64 address_sum;

	if (!pkt || !hops || !work)
		return DROP_NO_ROOM;
	ip_offset = pkt->ip_offset & IP_OFFSET_MASK;
	ip_len = pkt->family == FAMILY_IPV4 ? IPV4_LEN : IPV6_LEN;
	frame_len = ip_offset + ip_len + work->synack.len;
	if (frame_len < ETH_ZLEN)
		frame_len = ETH_ZLEN;
	if (is_observed(CHALLENGE_SENT) && may_be_sampled())
		keep_syn(ctx, pkt);
	barrier_var(syn_len); /* without, the compiler adds pointers in 32 bits; the verifier refuses */
	if (frame_len != syn_len && bpf_xdp_adjust_tail(ctx, frame_len - syn_len))
		return DROP_NO_ROOM;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	ip = data + ip_offset;
	if (data + sizeof(struct ethhdr) > data_end || ip + IPV6_LEN > data_end)
		return DROP_NO_ROOM;

	write_macs(data, hops);
	address_sum = pkt->family == FAMILY_IPV4 ? write_ipv4(ip, pkt, work->synack.len)
						 : write_ipv6(ip, pkt, work->synack.len);
	if (!write_tcp(ip + ip_len, data_end, &work->synack, address_sum))
		return DROP_NO_ROOM;
	return CHALLENGE_SENT;
}
