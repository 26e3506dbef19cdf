/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cursor over a frame's headers. All reading goes through hdr_fetch(): only it knows where the
 * frame's bytes lie and where the packet ends.
 */
#pragma once

#include "types.h"

/* Where the next header begins, and what can be read. Offsets are in bytes from the frame's start. */
struct hdr_cursor {
	const void *data;
	const void *data_end;
	struct xdp_md *frags; /* not NULL: headers lie beyond data_end, so read through the helper */
	__u32 frame_len;      /* what this cursor can reach */
	__u32 offset;         /* the next header */
	__u32 end;            /* of the packet: where the frame ends, or earlier by the IP header */
	__u8 cut;             /* a header lies beyond frame_len, not only beyond the packet */
	__u8 is_quick;        /* follow no extension headers: is_unfollowed says that there are some */
	__u8 is_unfollowed;
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

/* The next len bytes, in the frame or in copy; NULL if the packet is shorter. */
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
 * The packet ends len bytes from here, or earlier with its frame. 0: the rest of the frame (jumbograms,
 * BIG TCP). The padding behind it must not be read, as the kernel does not read it either.
 */
static __always_inline void hdr_limit(struct hdr_cursor *nh, __u32 len)
{
	if (len && nh->offset + len < nh->end)
		nh->end = nh->offset + len;
}
