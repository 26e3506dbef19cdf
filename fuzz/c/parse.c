// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer on parse.h. The fuzzer passes a copy of exactly the frame's size, so that the address
 * sanitizer sees the first byte read beyond it.
 */
#include "parse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static enum reason judge(const uint8_t *frame, size_t len, struct packet *pkt, struct hdr_cursor *nh)
{
	*nh = hdr_cursor_init(frame, frame + len, NULL, len);
	*pkt = (struct packet){ 0 };
	return parse_packet(nh, pkt);
}

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Bytes after the packet's end, by its IP header, do not matter and are not even read. */
static void check_cut(const uint8_t *frame, const struct hdr_cursor *nh, const struct packet *pkt,
		      enum reason reason)
{
	uint8_t *only = malloc(nh->end);
	struct hdr_cursor cut_nh;
	struct packet cut_pkt;

	require(only && nh->end <= nh->frame_len);
	memcpy(only, frame, nh->end);
	require(judge(only, nh->end, &cut_pkt, &cut_nh) == reason);
	require(!memcmp(&cut_pkt, pkt, sizeof(*pkt)));
	free(only);
}

int LLVMFuzzerTestOneInput(const uint8_t *frame, size_t len)
{
	struct hdr_cursor nh;
	struct packet pkt;
	enum reason reason = judge(frame, len, &pkt, &nh);

	require(reason < REASON_COUNT);
	if (reason != UNDECIDED)
		return 0;
	require(pkt.family == FAMILY_IPV4 || pkt.family == FAMILY_IPV6);
	require(addr_is_mapped(&pkt.source) == (pkt.family == FAMILY_IPV4));
	require(nh.offset + sizeof(struct tcphdr) <= nh.end);
	check_cut(frame, &nh, &pkt, reason);
	return 0;
}
