/* SPDX-License-Identifier: GPL-2.0 */
/* Reads a SYN as rules see it: struct syn_words. */
#pragma once

#include "parse.h"

/* A field of a word: so many bytes behind the word's first one in memory. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define AT_BYTE(byte, field) ((__u64)(field) << 8 * (byte))
#else
#define AT_BYTE(byte, field) ((__u64)(field) << 8 * (8 - (byte) - sizeof(field)))
#endif

#define FLOW_LABEL_MASK bpf_htonl(0x000fffff) /* RFC 8200, 3 */

/* A TCP header that begins later stands behind extension headers, and is not read. */
#define TCP_OFFSET_MASK 511

/* The TCP header's bytes 12 and 13: data offset and flags. */
static __always_inline __be16 offset_and_flags(const struct tcphdr *tcp)
{
	return ((const __be16 *)tcp)[6];
}

/* Where the headers of a SYN are. */
struct syn_headers {
	const struct iphdr *ip4;
	const struct ipv6hdr *ip6;
	const struct tcphdr *tcp;
};

/*
 * False if the headers are not in the frame's first buffer. An IP header's options and extension
 * headers are skipped: what follows is read where the parser found it.
 */
static __always_inline bool find_syn_headers(const struct xdp_md *ctx, const struct packet *pkt,
					     struct syn_headers *at)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;

	at->ip6 = data + (pkt->ip_offset & IP_OFFSET_MASK);
	at->ip4 = (const void *)at->ip6;
	at->tcp = data + (pkt->tcp_offset & TCP_OFFSET_MASK);
	/* An IPv4 header and a TCP header take as much as an IPv6 header. */
	return pkt->tcp_offset <= TCP_OFFSET_MASK && (void *)(at->ip6 + 1) <= data_end &&
	       (void *)(at->tcp + 1) <= data_end;
}

/* The first word, which tells most tools from others. */
static __always_inline __u64 first_syn_word(const struct syn_headers *at, __u8 family)
{
	__u64 of_tcp = AT_BYTE(4, at->tcp->window) | AT_BYTE(6, at->tcp->dest);
	__be32 start = *(const __be32 *)at->ip6;
	__u8 class;

	/* Its first byte is the version; the second one is TOS, and the length follows. */
	if (family == FAMILY_IPV4)
		return AT_BYTE(0, (__u8)(at->ip4->ttl - 1)) |
		       AT_BYTE(0, start & bpf_htonl(0x00ffffff)) | of_tcp;
	class = bpf_ntohl(start) >> 20;
	return AT_BYTE(0, (__u8)(at->ip6->hop_limit - 1)) | AT_BYTE(1, class) |
	       AT_BYTE(2, at->ip6->payload_len) | of_tcp;
}

/* The other words of the fixed headers. */
static __always_inline void read_fixed_words(const struct syn_headers *at, __u8 family,
					     struct syn_words *syn)
{
	__u64 id = family == FAMILY_IPV4 ? AT_BYTE(0, at->ip4->id) | AT_BYTE(2, at->ip4->frag_off)
					 : AT_BYTE(0, *(const __be32 *)at->ip6 & FLOW_LABEL_MASK);

	syn->word[1] = id | AT_BYTE(4, at->tcp->source) | AT_BYTE(6, offset_and_flags(at->tcp));
	syn->word[2] = AT_BYTE(0, at->tcp->seq) | AT_BYTE(4, at->tcp->ack_seq);
}

/* The words of options. */
static __always_inline void read_option_words(const struct xdp_md *ctx, const struct packet *pkt,
					      struct syn_words *syn)
{
	const void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;
	const __be32 *option = data + (pkt->tcp_offset & TCP_OFFSET_MASK) + sizeof(struct tcphdr);
	__u32 len = pkt->tcp_len - sizeof(struct tcphdr);

	syn->word[3] = syn->word[4] = syn->word[5] = 0;
	for (__u32 i = 0; i < 2 * SYN_OPTION_WORDS; i++) {
		__u64 *word = &syn->word[SYN_WORDS - SYN_OPTION_WORDS + i / 2];

		if (i * 4 >= len || (void *)(option + i + 1) > data_end)
			return;
		*word |= AT_BYTE(i % 2 * 4, option[i]);
	}
}

/* All words. False if the headers are not in the frame's first buffer. Not static, so that the verifier
 * looks at it once. */
__noinline int read_syn_words(struct xdp_md *ctx, const struct packet *pkt, struct syn_words *syn)
{
	struct syn_headers at;

	if (!pkt || !syn || !find_syn_headers(ctx, pkt, &at))
		return false;
	syn->word[0] = first_syn_word(&at, pkt->family);
	read_fixed_words(&at, pkt->family, syn);
	read_option_words(ctx, pkt, syn);
	return true;
}
