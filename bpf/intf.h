/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contract with user space: every type here reaches Rust through BTF, none is written twice.
 */
#pragma once

#include "types.h"

/* Marks a map as ours, whatever the version ("SYNX"). */
#define CONFIG_MAGIC 0x53594e58

/* Counts up when what --dump reads changes: struct config, reasons, the tables' keys and values. */
#define DUMP_VERSION 4

/* Counts up when a new program could not go on with the tables of the one before it: when their keys or
 * values change, what these mean, or the hash of an address. */
#define TABLES_VERSION 1

/*
 * Every outcome that a frame can have. It indexes the counters, and user space reads the names from
 * BTF. The part before the first underscore is the class.
 *
 *   SKIP  not a SYN, passes unjudged
 *   PASS  a SYN that passes
 *   CHALLENGE  a SYN that is answered from here, with a cookie
 *   DROP  a SYN that is dropped, or a frame that only an evader sends in its place
 *
 * The classes stand in this order: reason_passes() relies on it.
 */
enum reason {
	UNDECIDED, /* go on with the next step; never a frame's outcome */

	SKIP_NOT_TCP,        /* not TCP over IPv4 or IPv6 */
	SKIP_NOT_SYN,        /* TCP, with SYN clear or ACK set */
	SKIP_LATER_FRAGMENT, /* a fragment behind the one that holds the TCP header */

	PASS_ALLOWED,          /* source on the allow list */
	PASS_UNPROTECTED_PORT, /* not to one of the protected ports */
	PASS_NEW_SOURCE,       /* the first SYN of a source: entered with one token taken */
	PASS_WITHIN_LIMIT,     /* a token of the source's bucket taken */
	PASS_TABLE_ERROR,      /* the source table refused an entry: fail open */
	PASS_EXISTING_SOCKET,  /* over a limit, but of a connection that the kernel knows */
	PASS_ROOM_LEFT,        /* over a budget, but the listener's queue has room: no cookies yet */
	PASS_SIGNED,           /* over a limit, but signed (TCP-MD5, TCP-AO) for a listener with keys */

	CHALLENGE_SENT, /* over a limit, and answered with a SYN cookie */

	DROP_DENIED,              /* source on the deny list */
	DROP_OVER_LIMIT,          /* no token in the source's bucket */
	DROP_NEW_SOURCE_BUDGET,   /* a new source, and no token in the budget of new sources */
	DROP_TOTAL_BUDGET,        /* no token in the budget of all sources together */
	DROP_CONTENTION,          /* so many CPUs take from this bucket that the retries ran out */
	DROP_CHALLENGE_RATE,      /* over a limit, and no token in the budget of challenges */
	DROP_NOT_OURS,            /* over a limit, and to another MAC or IP address than this host's */
	DROP_NO_LISTENER,         /* over a limit, and nobody listens */
	DROP_NO_COOKIE,           /* over a limit, and the kernel makes no cookie */
	DROP_UNANSWERABLE,        /* over a limit, from an address that nobody may answer */
	DROP_EXTRA_HEADERS,       /* over a limit, with IP options, extension headers or fragments */
	DROP_SIGNED,              /* over a limit, signed, and the listener has no keys */
	DROP_NO_ROOM,             /* over a limit, and the driver left no room for the answer */
	DROP_SYN_FIN,             /* SYN and FIN in one segment */
	DROP_SYN_RST,             /* SYN and RST in one segment */
	DROP_LAND,                /* source address and port are the destination's */
	DROP_MAPPED_SOURCE,       /* IPv6 from an IPv4-mapped address (RFC 4291, 2.5.5.2) */
	DROP_BAD_IP_HEADER,       /* wrong IP version, or an IPv4 header of under 20 bytes */
	DROP_BAD_TCP_HEADER,      /* a TCP header of under 20 bytes by its own data offset */
	DROP_TRUNCATED,           /* the packet ends within its TCP header */
	DROP_TINY_FRAGMENT,       /* a TCP header cut by fragmentation (RFC 1858, 3128, 7112) */
	DROP_TOO_MANY_TAGS,       /* more than VLAN_MAX_DEPTH VLAN tags */
	DROP_TOO_MANY_EXTENSIONS, /* more than IPV6_EXT_MAX_CHAIN IPv6 extension headers */

	REASON_COUNT,
};

static __always_inline bool reason_passes(enum reason reason)
{
	return reason < CHALLENGE_SENT;
}

enum family {
	FAMILY_IPV4 = 4,
	FAMILY_IPV6 = 6,
};

/* An IPv6 address, or an IPv4 address as ::ffff:a.b.c.d, in network byte order. */
struct addr {
	__be32 word[4];
};

/* How much a token bucket holds and how fast it refills, both as time: see bucket.h. */
struct limit {
	__u64 interval_ns; /* one token's refill; --rate */
	__u64 capacity_ns; /* the refill of a full bucket: burst times interval; --burst */
};

/* Which SYNs are challenged instead of dropped. */
enum challenge_mode {
	CHALLENGE_MODE_OFF,
	CHALLENGE_MODE_BUDGET, /* what a budget refused */
	CHALLENGE_MODE_ALL,    /* also what a source's own bucket refused */
};

/*
 * The constants, fixed when the program is loaded. They have a map of their own (.rodata.config), so
 * that every version of user space finds magic and versions at its start.
 */
struct config {
	__u32 magic;
	__u32 dump_version;
	__u32 tables_version;
	enum challenge_mode challenge; /* --challenge */
	struct limit source_limit;
	struct limit new_source_limit; /* --new-sources; an interval of 0: no limit */
	struct limit total_limit;      /* --total-rate; an interval of 0: no limit */
	struct limit challenge_limit;  /* --challenge-rate; an interval of 0: no limit */
	struct addr ipv4_mask;         /* --ipv4-prefix, for the mapped address: at least 96 bits set */
	struct addr ipv6_mask;         /* --ipv6-prefix */
	__u8 dry_run;                  /* --dry-run: judge and count, drop nothing */
	__u8 multi_buffer;             /* the kernel has xdp.frags (5.18) */
	__u8 has_lists;    /* --allow or --deny is given; without, no SYN pays for the look-up */
	__u8 refusal_bits; /* each CPU remembers 2^this refusals; 1 to 31 */
	__u8 known_bits;   /* the filter of known sources has 2^this bits; 6 to 32 */
	__u8 raw_cookies;  /* the kernel has bpf_tcp_raw_gen_syncookie_ipv4/6 (6.0) */
	__u8 padding[2];
	__u64 protected_ports[65536 / 64]; /* --port: bit n of word n / 64; all set without it */
	__u64 challenge_ports[65536 / 64]; /* --challenge-port: as above */
};
_Static_assert(sizeof(struct config) == 120 + 2 * 8192, "the layout of struct config");

/* The settings of this host that decide how to make a cookie; user space keeps them up to date. */
struct host {
	__u8 syncookies; /* net.ipv4.tcp_syncookies */
	__u8 timestamps; /* the kernel reads options from timestamps: net.ipv4.tcp_timestamps=2 */
	__u8 sack;       /* net.ipv4.tcp_sack */
	__u8 wscale;     /* net.ipv4.tcp_window_scaling */
	__u8 ecn;        /* net.ipv4.tcp_ecn */
	__u8 padding[3];
	__u32 rcv_space;    /* bytes that the window scale must cover: the larger of tcp_rmem[2] and
			       rmem_max */
	__u32 generation;   /* changes whenever an address of this host goes or changes */
	__u64 address_bits; /* bit n: the hash of one of this host's addresses has n in its upper 6 bits
			     */
};
_Static_assert(sizeof(struct host) == 24, "the layout of struct host");

/* An Ethernet address. */
struct mac {
	__u8 octet[6];
	__u8 padding[2];
};
_Static_assert(sizeof(struct mac) == 8, "the layout of struct mac");

/* Where frames for this host go. */
struct destination {
	struct mac mac;
	struct addr addr;
	__u32 mtu;        /* bytes; 0: unused */
	__u32 generation; /* of struct host, at the look-up */
};
_Static_assert(sizeof(struct destination) == 32, "the layout of struct destination");

#define REFUSAL_RESOLUTION_NS 100000000

/* A bucket that all sources share, on a cache line of its own. */
struct budget {
	__u64 full_at;      /* see bucket.h; CLOCK_MONOTONIC ns; 0: full */
	__u64 last_refusal; /* CLOCK_MONOTONIC ns, to REFUSAL_RESOLUTION_NS; 0: never */
	__u64 padding[6];
};
_Static_assert(sizeof(struct budget) == 64, "the layout of struct budget");

struct budgets {
	struct budget new_sources;
	struct budget total;
	struct budget challenges;
};
_Static_assert(sizeof(struct budgets) == 192, "the layout of struct budgets");

/* An entry of the table of sources. */
struct source {
	__u64 full_at;      /* the bucket, see bucket.h; CLOCK_MONOTONIC ns */
	__u64 passed;       /* SYNs */
	__u64 refused;      /* SYNs that found no token */
	__u64 challenged;   /* of those refused: answered with a cookie; the others were dropped */
	__u64 last_refusal; /* CLOCK_MONOTONIC ns; 0: never */
};
_Static_assert(sizeof(struct source) == 40, "the layout of struct source");

/* What a CPU remembers of a source that it refused, see refusals.bpf.h. */
struct refusal {
	struct addr source; /* the key in the table of sources */
	__u64 until;        /* there is no token before this time; CLOCK_MONOTONIC ns; 0: unused */
	__u32 refused;      /* SYNs of at most a second, not yet counted in the source's entry */
	__u32 challenged;   /* of these: answered with a cookie */
};
_Static_assert(sizeof(struct refusal) == 32, "the layout of struct refusal");

/* The key of the list of allowed and denied networks; BPF_MAP_TYPE_LPM_TRIE wants the length first. */
struct list_key {
	__u32 prefix_len;   /* bits of what follows; at least 32, as family is matched whole */
	enum family family; /* ::/0 must not cover the mapped IPv4 addresses */
	struct addr addr;
};
_Static_assert(sizeof(struct list_key) == 24, "the layout of struct list_key");

enum list_verdict {
	LIST_ALLOW = 1,
	LIST_DENY = 2,
};

struct list_entry {
	enum list_verdict verdict;
	__u32 index; /* of the network's counter in list_hits */
};
_Static_assert(sizeof(struct list_entry) == 8, "the layout of struct list_entry");
