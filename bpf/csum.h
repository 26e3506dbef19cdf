/* SPDX-License-Identifier: GPL-2.0 */
/* The Internet checksum (RFC 1071). Its sum may use words of any size and byte order. */
#pragma once

#include "types.h"

static __always_inline __u64 csum_add(__u64 sum, const __u32 *words, int count)
{
	for (int i = 0; i < count; i++)
		sum += words[i];
	return sum;
}

/* Folds the carries back in, and returns the complement. */
static __always_inline __sum16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}
