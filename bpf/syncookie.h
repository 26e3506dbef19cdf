/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A SYN-ACK whose sequence number is a cookie, and whose timestamp carries the client's options.
 *
 * The kernel's cookie has room for an MSS only. The client's other options survive in the timestamp
 * that it will echo. net/ipv4/syncookies.c writes (cookie_init_timestamp()) and reads it in this
 * layout:
 *
 *      31                                 6     5     4    3      0
 *     +------------------------------------+-----+------+--------+
 *     | time, ms                           | ECN | SACK | wscale |
 *     +------------------------------------+-----+------+--------+
 */
#pragma once

#include "csum.h"

/* include/net/tcp.h */
#define TCPOPT_EOL 0
#define TCPOPT_NOP 1
#define TCPOPT_MSS 2
#define TCPOPT_WINDOW 3
#define TCPOPT_SACK_PERM 4
#define TCPOPT_TIMESTAMP 8
#define TCPOPT_MD5SIG 19
#define TCPOPT_AO 29
#define TCPOLEN_MSS 4
#define TCPOLEN_WINDOW 3
#define TCPOLEN_SACK_PERM 2
#define TCPOLEN_TIMESTAMP 10
#define TCPOLEN_MD5SIG 18
#define TCP_MAX_WSCALE 14

#define TS_OPT_WSCALE_NONE 0xf
#define TS_OPT_SACK (1 << 4)
#define TS_OPT_ECN (1 << 5)
#define TS_OPT_BITS 6

#define TCP_MAX_HEADER 60
#define TCP_MAX_OPTIONS 20 /* with padding; honest SYNs have ten at most */
#define SYNACK_MAX_WORDS 10

/* Kinds of options that matter here are less. */
#define TCPOPT_KINDS 32

/*
 * Where the options of a SYN are, from the start of its header; 0: there is none of this kind. The last
 * one of a kind counts, as in Linux (tcp_parse_options()). Offsets and not flags, because the verifier
 * then knows nothing of what was found, and does not follow every way through every option.
 */
struct option_offsets {
	volatile __u32 at; /* where the next option begins */
	__u8 of[TCPOPT_KINDS];
};

/* The place in option_offsets of the option behind which nothing can be read. */
#define TCPOPT_MALFORMED TCPOPT_EOL

/* What a SYN offers. */
struct syn_options {
	__be32 tsval;
	__u16 mss; /* bytes; TCP_MSS_DEFAULT if it has none */
	__u8 has_timestamp;
	__u8 has_sack;
	__u8 has_wscale;
	__u8 wscale;
	__u8 is_signed;    /* TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925) */
	__u8 is_malformed; /* options that cannot be read, or two signatures: no honest stack sends it
			    */
	__u8 wants_ecn;    /* ECN setup (RFC 3168, 6.1.1), with no ECN bit in its IP header */
};

/* What the SYN-ACK offers: only what the SYN offered and the cookie can keep. */
struct synack_offer {
	__u16 mss;    /* bytes that this host takes in a segment */
	__u16 window; /* bytes, not scaled */
	__u32 tsval;
	__u8 has_timestamp;
	__u8 has_sack;
	__u8 has_wscale;
	__u8 wscale;
	__u8 ecn;
};

/* A TCP header and its options; the bytes behind len are zero. */
struct synack {
	union {
		struct tcphdr tcp;
		__be32 word[SYNACK_MAX_WORDS];
	};
	__u32 len; /* bytes */
};

/* Finds one option, for find_options(). False if it was the last. */
static __always_inline bool find_option(const __u8 *header, __u32 len, struct option_offsets *offsets)
{
	__u32 at = offsets->at;
	const __u8 *option = header + at;
	__u8 kind, size;

	if (at >= len || at > TCP_MAX_HEADER - TCPOLEN_SACK_PERM)
		return false;
	kind = option[0];
	if (kind == TCPOPT_NOP) {
		offsets->at = at + 1;
		return true;
	}
	if (kind == TCPOPT_EOL)
		return false;
	if (kind < TCPOPT_KINDS)
		offsets->of[kind] = at;
	size = option[1];
	if (size < 2 || at + size > len) {
		offsets->of[TCPOPT_MALFORMED] = at;
		return false;
	}
	offsets->at = at + size;
	return true;
}

/* header: a SYN's, len bytes in an array of TCP_MAX_HEADER. offsets: zero at first, filled here. */
static __always_inline void find_options(const __u8 *header, __u32 len, struct option_offsets *offsets)
{
	offsets->at = sizeof(struct tcphdr);
	for (int i = 0; i < TCP_MAX_OPTIONS; i++)
		if (!find_option(header, len, offsets))
			return;
}

/* An option that was found; NULL if there is none of this kind and size (bytes). */
static __always_inline const __u8 *option_of(const __u8 *header, const struct option_offsets *offsets,
					     int kind, __u32 size)
{
	__u32 at = offsets->of[kind];

	if (!at)
		return NULL;
	/* Without, the compiler makes one comparison of the two, from which the verifier learns
	 * nothing. */
	barrier_var(at);
	return at <= TCP_MAX_HEADER - size && header[at + 1] == size ? header + at : NULL;
}

/* Reads the options of a header that find_options() has looked through. */
static __always_inline void read_options(const __u8 *header, const struct option_offsets *offsets,
					 struct syn_options *options)
{
	const __u8 *mss = option_of(header, offsets, TCPOPT_MSS, TCPOLEN_MSS);
	const __u8 *window = option_of(header, offsets, TCPOPT_WINDOW, TCPOLEN_WINDOW);
	const __u8 *timestamp = option_of(header, offsets, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP);

	options->mss = mss ? mss[2] << 8 | mss[3] : 0;
	if (!options->mss)
		options->mss = TCP_MSS_DEFAULT;
	options->has_wscale = !!window;
	options->wscale = window ? window[2] : 0;
	if (options->wscale > TCP_MAX_WSCALE)
		options->wscale = TCP_MAX_WSCALE;
	options->has_timestamp = !!timestamp;
	if (timestamp)
		__builtin_memcpy(&options->tsval, timestamp + 2, sizeof(options->tsval));
	options->has_sack = !!offsets->of[TCPOPT_SACK_PERM];
	options->is_signed = offsets->of[TCPOPT_MD5SIG] || offsets->of[TCPOPT_AO];
	options->is_malformed =
		offsets->of[TCPOPT_MALFORMED] || (offsets->of[TCPOPT_MD5SIG] && offsets->of[TCPOPT_AO]);
}

/*
 * The timestamp that the client will echo. It holds the options on which both sides agree, as the
 * kernel refuses an echo of more. It must not be later than now (CLOCK_MONOTONIC, ns).
 */
static __always_inline __u32 syncookie_timestamp(const struct syn_options *options,
						 const struct synack_offer *offer, __u64 now)
{
	__u64 now_ms = now / 1000000;
	__u64 stamp = now_ms >> TS_OPT_BITS << TS_OPT_BITS;

	stamp |= offer->has_wscale ? options->wscale : TS_OPT_WSCALE_NONE;
	stamp |= offer->has_sack ? TS_OPT_SACK : 0;
	stamp |= offer->ecn ? TS_OPT_ECN : 0;
	return stamp > now_ms ? stamp - (1 << TS_OPT_BITS) : stamp;
}

/*
 * Writes the options in the order of Linux (tcp_options_write()). The ports are those of the answer.
 * The caller, which has the addresses, adds the checksum.
 */
static __always_inline void build_synack(struct synack *synack, __be16 source_port,
					 __be16 destination_port, __be32 syn_seq, __u32 cookie,
					 const struct syn_options *options,
					 const struct synack_offer *offer)
{
	int words = 6;

	*synack = (struct synack){};
	synack->tcp.source = source_port;
	synack->tcp.dest = destination_port;
	synack->tcp.seq = bpf_htonl(cookie);
	synack->tcp.ack_seq = bpf_htonl(bpf_ntohl(syn_seq) + 1);
	synack->tcp.syn = 1;
	synack->tcp.ack = 1;
	synack->tcp.ece = offer->ecn;
	synack->tcp.window = bpf_htons(offer->window);
	synack->word[5] = bpf_htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | offer->mss);
	if (offer->has_timestamp) {
		__u32 before = offer->has_sack ? TCPOPT_SACK_PERM << 24 | TCPOLEN_SACK_PERM << 16
					       : TCPOPT_NOP << 24 | TCPOPT_NOP << 16;

		synack->word[6] = bpf_htonl(before | TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
		synack->word[7] = bpf_htonl(offer->tsval);
		synack->word[8] = options->tsval;
		words = 9;
	} else if (offer->has_sack) {
		synack->word[6] = bpf_htonl(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 |
					    TCPOPT_SACK_PERM << 8 | TCPOLEN_SACK_PERM);
		words = 7;
	}
	if (offer->has_wscale) {
		__be32 wscale = bpf_htonl(TCPOPT_NOP << 24 | TCPOPT_WINDOW << 16 | TCPOLEN_WINDOW << 8 |
					  offer->wscale);

		/* The index is a constant on each way: the verifier follows none that is not. */
		if (words == 9)
			synack->word[9] = wscale;
		else if (words == 7)
			synack->word[7] = wscale;
		else
			synack->word[6] = wscale;
		words++;
	}
	synack->tcp.doff = words;
	synack->len = words * 4;
}
