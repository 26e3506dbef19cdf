/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cursor over a frame's headers. All reading goes through hdr_fetch(), which alone knows where the
 * frame's bytes lie and where the packet ends.
 */
#pragma once

#include "types.h"

/* Where the next header begins, and what can be read. All lengths in bytes from the frame's start. */
struct hdr_cursor {
	const void *data;
	const void *data_end;
	struct xdp_md *frags; /* set: read through the helper, as headers lie beyond data_end */
	__u32 frame_len;      /* what this cursor can reach */
	__u32 offset;         /* the next header */
	__u32 end;            /* the end of the packet: of the frame, or earlier by the IP header */
	__u8 cut;             /* a header lay beyond frame_len, not just beyond the packet */
};

static __always_inline struct hdr_cursor hdr_cursor_init(const void *data, const void *data_end,
							 struct xdp_md *frags, __u32 frame_len)
{
	return (struct hdr_cursor){
		.data = data,
		.data_end = data_end,
		.frags = frags,
		.frame_len = frame_len,
		.end = frame_len,
	};
}

/* Whether the packet has that many more bytes. */
static __always_inline bool hdr_fits(struct hdr_cursor *nh, __u32 len)
{
	if (nh->offset + len <= nh->end)
		return true;
	if (nh->end == nh->frame_len)
		nh->cut = true;
	return false;
}

/* The next len bytes, in the frame or in copy; NULL if the packet has not so many. */
static __always_inline const void *hdr_fetch(struct hdr_cursor *nh, __u32 len, void *copy)
{
	const void *header = nh->data + nh->offset;

	if (!hdr_fits(nh, len))
		return NULL;
#ifdef __bpf__
	if (nh->frags)
		return bpf_xdp_load_bytes(nh->frags, nh->offset, copy, len) ? NULL : copy;
#else
	(void)copy;
#endif
	return header + len > nh->data_end ? NULL : header;
}

/*
 * The packet ends len bytes from here, if its frame does not end before; 0: the rest of the frame, as
 * with jumbograms and BIG TCP. Padding behind it must not be read: the kernel would not.
 */
static __always_inline void hdr_limit(struct hdr_cursor *nh, __u32 len)
{
	if (len && nh->offset + len < nh->end)
		nh->end = nh->offset + len;
}
