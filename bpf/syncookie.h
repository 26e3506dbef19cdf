/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A SYN-ACK whose sequence number is the cookie, and whose timestamp carries the client's options.
 *
 * A cookie has room for an MSS only. The client's other options survive in the timestamp that it will
 * echo. net/ipv4/syncookies.c writes (cookie_init_timestamp()) and reads it in this layout:
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
#define TCP_MAX_WSCALE 14

#define TS_OPT_WSCALE_NONE 0xf
#define TS_OPT_SACK (1 << 4)
#define TS_OPT_ECN (1 << 5)
#define TS_OPT_BITS 6

#define TCP_MAX_HEADER 60
#define TCP_MAX_OPTIONS 20 /* with padding; honest SYNs have ten at most */
#define SYNACK_MAX_WORDS 10

/* What a SYN offers, as Linux reads it (tcp_parse_options()). */
struct syn_options {
	/*
	 * Where the next option begins. It is volatile, so that the verifier forgets its value, and
	 * does not follow every way through every option.
	 */
	volatile __u32 at;
	__be32 tsval;
	__u8 has_timestamp;
	__u8 has_sack;
	__u8 has_wscale;
	__u8 wscale;
	__u8 is_signed; /* TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925) */
};

/* What the SYN-ACK offers: only what the SYN offered and the cookie can keep. */
struct synack_offer {
	__u16 mss;
	__u16 window; /* bytes, not scaled */
	__u32 tsval;
	__u8 has_timestamp; /* without it there is no SACK, no scale and no ECN */
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

/* Reads one option, for parse_syn_options(). False if it was the last. */
static __always_inline bool parse_syn_option(const __u8 *header, __u32 len, struct syn_options *options)
{
	__u32 at = options->at;
	const __u8 *option = header + at;
	__u8 kind, size;

	if (at >= len || at > TCP_MAX_HEADER - TCPOLEN_SACK_PERM)
		return false;
	kind = option[0];
	if (kind == TCPOPT_NOP) {
		options->at = at + 1;
		return true;
	}
	size = option[1];
	if (kind == TCPOPT_EOL || size < 2 || at + size > len)
		return false;
	options->at = at + size;
	if (kind == TCPOPT_WINDOW && size == TCPOLEN_WINDOW && at <= TCP_MAX_HEADER - TCPOLEN_WINDOW) {
		options->has_wscale = true;
		options->wscale = option[2] > TCP_MAX_WSCALE ? TCP_MAX_WSCALE : option[2];
	} else if (kind == TCPOPT_SACK_PERM && size == TCPOLEN_SACK_PERM) {
		options->has_sack = true;
	} else if (kind == TCPOPT_TIMESTAMP && size == TCPOLEN_TIMESTAMP &&
		   at <= TCP_MAX_HEADER - TCPOLEN_TIMESTAMP) {
		options->has_timestamp = true;
		__builtin_memcpy(&options->tsval, option + 2, sizeof(options->tsval));
	} else if (kind == TCPOPT_MD5SIG || kind == TCPOPT_AO) {
		options->is_signed = true;
	}
	return true;
}

/* header: a SYN's, len bytes in an array of TCP_MAX_HEADER. options: zero at first, filled here. */
static __always_inline void parse_syn_options(const __u8 *header, __u32 len,
					      struct syn_options *options)
{
	options->at = sizeof(struct tcphdr);
	for (int i = 0; i < TCP_MAX_OPTIONS; i++)
		if (!parse_syn_option(header, len, options))
			return;
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

/* Writes the options in the order of Linux (tcp_options_write()). The caller, which has the addresses,
 * adds the checksum. */
static __always_inline void build_synack(struct synack *synack, const struct tcphdr *syn, __u32 cookie,
					 const struct syn_options *options,
					 const struct synack_offer *offer)
{
	int words = 6;

	*synack = (struct synack){};
	synack->tcp.source = syn->dest;
	synack->tcp.dest = syn->source;
	synack->tcp.seq = bpf_htonl(cookie);
	synack->tcp.ack_seq = bpf_htonl(bpf_ntohl(syn->seq) + 1);
	synack->tcp.syn = 1;
	synack->tcp.ack = 1;
	synack->tcp.ece = offer->has_timestamp && offer->ecn;
	synack->tcp.window = bpf_htons(offer->window);
	synack->word[5] = bpf_htonl(TCPOPT_MSS << 24 | TCPOLEN_MSS << 16 | offer->mss);
	if (offer->has_timestamp) {
		__u32 before = offer->has_sack ? TCPOPT_SACK_PERM << 24 | TCPOLEN_SACK_PERM << 16
					       : TCPOPT_NOP << 24 | TCPOPT_NOP << 16;

		synack->word[6] = bpf_htonl(before | TCPOPT_TIMESTAMP << 8 | TCPOLEN_TIMESTAMP);
		synack->word[7] = bpf_htonl(offer->tsval);
		synack->word[8] = options->tsval;
		words = 9;
		if (offer->has_wscale) {
			synack->word[9] = bpf_htonl(TCPOPT_NOP << 24 | TCPOPT_WINDOW << 16 |
						    TCPOLEN_WINDOW << 8 | offer->wscale);
			words = 10;
		}
	}
	synack->tcp.doff = words;
	synack->len = words * 4;
}
