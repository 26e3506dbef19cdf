/* SPDX-License-Identifier: GPL-2.0 */
/* From a frame to the SYN in it. */
#pragma once

#include "addr.h"
#include "cursor.h"

/* Linux accepts more tags and longer chains, but no honest stack sends them. */
#define VLAN_MAX_DEPTH 2
#define IPV6_EXT_MAX_CHAIN 8

/* Covers any offset of an IP header: an Ethernet header and the tags take 22 bytes. For the verifier.
 */
#define IP_OFFSET_MASK 31

/* include/net/tcp.h */
#define TCPHDR_SYN 0x02

/* A SYN, as the policy sees it. Of other segments addresses, ports and the TCP header are known, for
 * observers. */
struct packet {
	struct addr source;
	struct addr destination;
	__be32 seq; /* sequence number */
	__be16 source_port;
	__u16 destination_port; /* host byte order */
	__u16 ip_offset;        /* bytes from the frame's start */
	__u16 tcp_offset;
	__u8 family;         /* enum family */
	__u8 more_fragments; /* the first fragment of several */
	/* Not of the parser's: */
	__u8 is_allowed;   /* the source is on the allow list */
	__u8 is_known;     /* the source may have an entry in the table, or a socket */
	__u64 source_hash; /* of the source's key */
	__u8 is_forwarded; /* the destination is not this host */
	__u8 rule;         /* that it matches: its place, counted from 1; 0: none */
	/* Of any TCP segment: */
	__u8 tcp_flags; /* as in the header's byte 13 */
	__u8 tcp_len;   /* bytes of the header, by its data offset */
	__u8 padding[4];
};

/* IEEE 802.1Q: the bytes behind the EtherType of a tag. */
struct vlan_tag {
	__be16 control;
	__be16 proto;
};

/*
 * The first 8 bytes of an extension header: none is shorter (RFC 8200). The last two fields are those
 * of the fragment header, whose second byte is reserved.
 */
struct ipv6_extension {
	__u8 nexthdr;
	__u8 hdrlen;     /* 8 bytes beyond the first 8; 4 bytes beyond 8 in the authentication header */
	__be16 frag_off; /* multiple of 8 bytes; the lowest bit says that more fragments follow */
	__be32 identification;
};

static __always_inline enum reason parse_tcphdr(struct hdr_cursor *nh, struct packet *pkt)
{
	struct tcphdr copy;
	const struct tcphdr *tcp = hdr_fetch(nh, sizeof(*tcp), &copy);

	if (!tcp)
		return pkt->more_fragments ? DROP_TINY_FRAGMENT : DROP_TRUNCATED;
	/* All at once, while the verifier knows that the header is there. */
	pkt->seq = tcp->seq;
	pkt->source_port = tcp->source;
	pkt->destination_port = bpf_ntohs(tcp->dest);
	pkt->tcp_offset = nh->offset;
	pkt->tcp_flags = ((const __u8 *)tcp)[13];
	pkt->tcp_len = tcp->doff * 4;
	if (!tcp->syn || tcp->ack)
		return SKIP_NOT_SYN;
	if (tcp->doff < 5)
		return DROP_BAD_TCP_HEADER;
	if (!hdr_fits(nh, tcp->doff * 4))
		return pkt->more_fragments ? DROP_TINY_FRAGMENT : DROP_TRUNCATED;
	if (tcp->fin)
		return DROP_SYN_FIN;
	if (tcp->rst)
		return DROP_SYN_RST;
	if (tcp->source == tcp->dest && addr_equal(&pkt->source, &pkt->destination))
		return DROP_LAND;
	if (pkt->family == FAMILY_IPV6 && addr_is_mapped(&pkt->source))
		return DROP_MAPPED_SOURCE;
	return UNDECIDED;
}

static __always_inline enum reason parse_iphdr(struct hdr_cursor *nh, struct packet *pkt)
{
	struct iphdr copy;
	const struct iphdr *ip = hdr_fetch(nh, sizeof(*ip), &copy);
	__u16 fragment;

	if (!ip || ip->protocol != IPPROTO_TCP)
		return SKIP_NOT_TCP;
	if (ip->version != 4 || ip->ihl < 5)
		return DROP_BAD_IP_HEADER;
	fragment = bpf_ntohs(ip->frag_off);
	if (fragment & IP_OFFSET)
		return (fragment & IP_OFFSET) == 1 ? DROP_TINY_FRAGMENT : SKIP_LATER_FRAGMENT;

	pkt->more_fragments = !!(fragment & IP_MF);
	pkt->family = FAMILY_IPV4;
	pkt->ip_offset = nh->offset;
	pkt->source = addr_from_ipv4(ip->saddr);
	pkt->destination = addr_from_ipv4(ip->daddr);
	hdr_limit(nh, bpf_ntohs(ip->tot_len));
	nh->offset += ip->ihl * 4;
	return parse_tcphdr(nh, pkt);
}

/* Whether a header of this kind may lead to TCP. */
static __always_inline bool is_extension(__u8 nexthdr)
{
	return nexthdr == IPPROTO_HOPOPTS || nexthdr == IPPROTO_ROUTING || nexthdr == IPPROTO_DSTOPTS ||
	       nexthdr == IPPROTO_FRAGMENT || nexthdr == IPPROTO_AH;
}

/*
 * The length of an extension header in bytes, 8 to 2048. It is not static, so that the verifier knows
 * no more of it than the mask below says: else it would follow each kind of header apart, to the end of
 * the chain.
 */
__noinline int extension_len(__u32 nexthdr, __u32 hdrlen)
{
	if (nexthdr == IPPROTO_FRAGMENT)
		return 8;
	return 8 + hdrlen * (nexthdr == IPPROTO_AH ? 4 : 8);
}

#define EXTENSION_LEN_MASK 4095

/* Follows the chain to TCP. The first fragment must hold the whole chain; later ones hold none of it.
 */
static __always_inline enum reason parse_ipv6_extensions(struct hdr_cursor *nh, struct packet *pkt,
							 __u8 nexthdr)
{
	for (int depth = 0; depth <= IPV6_EXT_MAX_CHAIN; depth++) {
		struct ipv6_extension copy;
		const struct ipv6_extension *ext;
		__u16 fragment;

		if (nexthdr == IPPROTO_TCP)
			return parse_tcphdr(nh, pkt);
		if (!is_extension(nexthdr))
			return SKIP_NOT_TCP;

		ext = hdr_fetch(nh, sizeof(*ext), &copy);
		if (!ext)
			return pkt->more_fragments ? DROP_TINY_FRAGMENT : SKIP_NOT_TCP;
		if (nexthdr == IPPROTO_FRAGMENT) {
			fragment = bpf_ntohs(ext->frag_off);
			if (fragment >> 3)
				return fragment >> 3 == 1 && ext->nexthdr == IPPROTO_TCP
					       ? DROP_TINY_FRAGMENT
					       : SKIP_LATER_FRAGMENT;
			pkt->more_fragments |= fragment & 1;
		}
		nh->offset += extension_len(nexthdr, ext->hdrlen) & EXTENSION_LEN_MASK;
		nexthdr = ext->nexthdr;
	}
	return DROP_TOO_MANY_EXTENSIONS;
}

static __always_inline enum reason parse_ipv6hdr(struct hdr_cursor *nh, struct packet *pkt)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = hdr_fetch(nh, sizeof(*ip), &copy);

	if (!ip)
		return SKIP_NOT_TCP;
	if (ip->version != 6)
		return DROP_BAD_IP_HEADER;
	pkt->family = FAMILY_IPV6;
	pkt->ip_offset = nh->offset;
	pkt->source = addr_from_ipv6(&ip->saddr);
	pkt->destination = addr_from_ipv6(&ip->daddr);
	nh->offset += sizeof(*ip);
	hdr_limit(nh, bpf_ntohs(ip->payload_len));
	if (nh->is_quick && ip->nexthdr == IPPROTO_TCP)
		return parse_tcphdr(nh, pkt);
	if (nh->is_quick) {
		nh->is_unfollowed = is_extension(ip->nexthdr);
		return SKIP_NOT_TCP;
	}
	return parse_ipv6_extensions(nh, pkt, ip->nexthdr);
}

/* The EtherType behind any tags, in network byte order; 0 if the frame ends before it. */
static __always_inline __be16 parse_ethhdr(struct hdr_cursor *nh, int *tags)
{
	struct ethhdr eth_copy;
	const struct ethhdr *eth = hdr_fetch(nh, sizeof(*eth), &eth_copy);
	__be16 proto;

	if (!eth)
		return 0;
	nh->offset += sizeof(*eth);
	proto = eth->h_proto;
	for (*tags = 0; *tags <= VLAN_MAX_DEPTH; (*tags)++) {
		struct vlan_tag tag_copy;
		const struct vlan_tag *tag;

		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		tag = hdr_fetch(nh, sizeof(*tag), &tag_copy);
		if (!tag)
			return 0;
		nh->offset += sizeof(*tag);
		proto = tag->proto;
	}
	return proto;
}

/* UNDECIDED: a well-formed SYN, described by pkt. */
static __always_inline enum reason parse_packet(struct hdr_cursor *nh, struct packet *pkt)
{
	int tags = 0;
	__be16 proto = parse_ethhdr(nh, &tags);

	if (tags > VLAN_MAX_DEPTH)
		return DROP_TOO_MANY_TAGS;
	if (proto == bpf_htons(ETH_P_IP))
		return parse_iphdr(nh, pkt);
	if (proto == bpf_htons(ETH_P_IPV6))
		return parse_ipv6hdr(nh, pkt);
	return SKIP_NOT_TCP;
}
