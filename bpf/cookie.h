/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A SYN cookie of our own: the sequence number of a SYN-ACK that only this host can have made, so that
 * whoever acknowledges it has received it. Nothing is stored. docs/cookies.md has the reasons.
 *
 *      31                                7    6   5            0
 *     +-----------------------------------+-------+--------------+
 *     | hash                              | epoch | payload      |
 *     +-----------------------------------+-------+--------------+
 *
 * The hash is over the flow, the client's sequence number, the epoch, the layout and the payload. Of
 * the epoch the cookie has the lowest bit: it tells which of two epochs a cookie is of, so that one
 * hash checks it. There are two layouts of the payload:
 *
 *   with timestamps      the MSS, 6 bits; the other options are in the timestamp, which the client
 *                        echoes: the lowest 6 bits as in syncookie.h
 *   without timestamps   4 bits for window scale and SACK, 2 bits for the MSS; no ECN
 *
 * A value for which there is no code is rounded down.
 */
#pragma once

#include "addr.h"
#include "siphash.h"
#include "syncookie.h"

#define COOKIE_PAYLOAD_BITS 6
#define COOKIE_EPOCH_BIT (1U << COOKIE_PAYLOAD_BITS)
#define COOKIE_DATA_MASK (2 * COOKIE_EPOCH_BIT - 1)

/* An epoch lasts 2^34 ns, 17.2 s. A cookie is valid in its own and in the next one. */
#define COOKIE_EPOCH_SHIFT 34

/* A cookie's flow, as in the headers of the client's segments: network byte order. */
struct cookie_flow {
	const struct addr *source;
	const struct addr *destination;
	__be16 source_port;
	__be16 destination_port;
	__be32 isn; /* the sequence number of the client's SYN */
	__u8 family;
};

/* What client and server agree on. */
struct cookie_options {
	__u16 mss; /* bytes; the client's */
	__u8 has_timestamp;
	__u8 has_sack;
	__u8 has_wscale;
	__u8 wscale; /* the client's */
	__u8 ecn;
};

/* The values of an MSS with timestamps; 0 to 63. Those that are common have a code. */
static const __u16 cookie_mss_values[1 << COOKIE_PAYLOAD_BITS] = {
	536,  576,  640,  768,  896,  1024, 1100, 1140, 1160, 1180, 1200, 1220, 1240, 1260, 1280, 1300,
	1310, 1320, 1330, 1340, 1344, 1348, 1350, 1352, 1356, 1360, 1364, 1368, 1370, 1372, 1376, 1380,
	1384, 1386, 1388, 1390, 1392, 1396, 1398, 1400, 1404, 1408, 1410, 1412, 1414, 1416, 1418, 1420,
	1424, 1428, 1432, 1436, 1440, 1448, 1452, 1460, 1960, 4036, 8860, 8896, 8920, 8940, 8948, 8960,
};

/* The values without timestamps, those of net/ipv4/syncookies.c and net/ipv6/syncookies.c. */
static const __u16 cookie_plain_mss_values[2][4] = {
	{ 536, 1300, 1440, 1460 },
	{ 1220, 1360, 1420, 1440 },
};

/* The codes of window scale and SACK without timestamps, in the layout of a timestamp's options. */
static const __u8 cookie_plain_options[16] = {
	TS_OPT_SACK | TS_OPT_WSCALE_NONE,
	TS_OPT_SACK | 0,
	TS_OPT_SACK | 1,
	TS_OPT_SACK | 2,
	TS_OPT_SACK | 3,
	TS_OPT_SACK | 4,
	TS_OPT_SACK | 5,
	TS_OPT_SACK | 6,
	TS_OPT_SACK | 7,
	TS_OPT_SACK | 8,
	TS_OPT_SACK | 10,
	TS_OPT_SACK | 14,
	TS_OPT_WSCALE_NONE,
	0,
	4,
	7,
};

static __always_inline __u32 cookie_epoch(__u64 now)
{
	return now >> COOKIE_EPOCH_SHIFT;
}

/*
 * The message: source, destination, ports and sequence number as they are on the wire, and 4 bytes of
 * epoch, layout and payload. The two families' messages differ in length.
 */
static __always_inline __u64 cookie_hash(__u64 key0, __u64 key1, const struct cookie_flow *flow,
					 __u32 epoch, bool has_timestamp, __u32 payload)
{
	const __be32 *from = flow->source->word, *to = flow->destination->word;
	struct siphash state = siphash_start(key0, key1);
	__u64 last = (__u32)(epoch << 8 | has_timestamp << 7 | payload);
	__u64 len = 12;

	if (flow->family == FAMILY_IPV4) {
		siphash_add(&state, (__u64)to[3] << 32 | from[3]);
		len += 8;
	} else {
		siphash_add(&state, (__u64)from[1] << 32 | from[0]);
		siphash_add(&state, (__u64)from[3] << 32 | from[2]);
		siphash_add(&state, (__u64)to[1] << 32 | to[0]);
		siphash_add(&state, (__u64)to[3] << 32 | to[2]);
		len += 32;
	}
	siphash_add(&state,
		    (__u64)flow->isn << 32 | (__u32)flow->destination_port << 16 | flow->source_port);
	siphash_add(&state, len << 56 | last);
	return siphash_end(&state);
}

static __always_inline __u32 cookie_mss_code(__u16 mss)
{
	__u32 code = 0;

	for (__u32 step = 1 << (COOKIE_PAYLOAD_BITS - 1); step; step >>= 1)
		if (cookie_mss_values[(code + step) & ((1 << COOKIE_PAYLOAD_BITS) - 1)] <= mss)
			code += step;
	return code;
}

static __always_inline __u32 cookie_plain_mss_code(__u8 family, __u16 mss)
{
	const __u16 *values = cookie_plain_mss_values[family != FAMILY_IPV4];

	return (values[1] <= mss) + (values[2] <= mss) + (values[3] <= mss);
}

static __always_inline __u32 cookie_plain_options_code(const struct cookie_options *options)
{
	__u8 wscale = options->wscale;

	if (!options->has_sack)
		return !options->has_wscale ? 12 : wscale < 4 ? 13 : wscale < 7 ? 14 : 15;
	if (!options->has_wscale)
		return 0;
	return wscale <= 8 ? wscale + 1 : wscale < 10 ? 9 : wscale < 14 ? 10 : 11;
}

static __always_inline __u32 cookie_payload(const struct cookie_flow *flow,
					    const struct cookie_options *options)
{
	if (options->has_timestamp)
		return cookie_mss_code(options->mss);
	return cookie_plain_options_code(options) << 2 |
	       cookie_plain_mss_code(flow->family, options->mss);
}

/* The options as a timestamp holds them. */
static __always_inline __u32 cookie_timestamp_options(const struct cookie_options *options)
{
	return (options->has_wscale ? options->wscale : TS_OPT_WSCALE_NONE) |
	       (options->has_sack ? TS_OPT_SACK : 0) | (options->ecn ? TS_OPT_ECN : 0);
}

/*
 * The clock of the timestamps of a flow, ms. Its offset is from the flow's hash, so that it tells
 * nobody for how long this host is up (RFC 7323, 7.1).
 */
static __always_inline __u32 cookie_clock(__u64 hash, __u64 now)
{
	return now / 1000000 + (hash >> 32);
}

/* Makes a cookie at now (CLOCK_MONOTONIC, ns), and the timestamp to go with it. */
static __always_inline __u32 cookie_make(__u64 key0, __u64 key1, const struct cookie_flow *flow,
					 const struct cookie_options *options, __u64 now, __u32 *tsval)
{
	__u32 payload = cookie_payload(flow, options), epoch = cookie_epoch(now);
	__u64 hash = cookie_hash(key0, key1, flow, epoch, options->has_timestamp, payload);
	__u32 clock = cookie_clock(hash, now);
	__u32 stamp = clock >> TS_OPT_BITS << TS_OPT_BITS | cookie_timestamp_options(options);

	*tsval = (__s32)(stamp - clock) > 0 ? stamp - (1 << TS_OPT_BITS) : stamp;
	return ((__u32)hash & ~COOKIE_DATA_MASK) | (epoch & 1 ? COOKIE_EPOCH_BIT : 0) | payload;
}

/*
 * Whether this is a cookie for the flow that is valid at now. tsecr: the timestamp that the client
 * echoes. Sets options, except has_timestamp, by which the layout is known; and clock, see
 * cookie_clock().
 */
static __always_inline bool cookie_check(__u64 key0, __u64 key1, const struct cookie_flow *flow,
					 __u32 cookie, __u32 tsecr, __u64 now,
					 struct cookie_options *options, __u32 *clock)
{
	__u32 payload = cookie & (COOKIE_EPOCH_BIT - 1), epoch = cookie_epoch(now), bits;
	__u64 hash;

	epoch -= (epoch & 1) != !!(cookie & COOKIE_EPOCH_BIT);
	hash = cookie_hash(key0, key1, flow, epoch, options->has_timestamp, payload);
	if (((__u32)hash ^ cookie) & ~COOKIE_DATA_MASK)
		return false;
	if (options->has_timestamp) {
		bits = tsecr;
		options->mss = cookie_mss_values[payload];
	} else {
		bits = cookie_plain_options[payload >> 2];
		options->mss = cookie_plain_mss_values[flow->family != FAMILY_IPV4][payload & 3];
	}
	options->has_sack = !!(bits & TS_OPT_SACK);
	options->ecn = !!(bits & TS_OPT_ECN);
	options->wscale = bits & TS_OPT_WSCALE_NONE;
	options->has_wscale = options->wscale != TS_OPT_WSCALE_NONE;
	*clock = cookie_clock(hash, now);
	return true;
}
