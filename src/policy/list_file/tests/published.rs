// SPDX-License-Identifier: GPL-2.0-only
//! Lists as their publishers and tools write them.

use super::read;

/// The form, an excerpt, and what it lists.
const FORMS: &[(&str, &[u8], &[&str])] = &[
    (
        "Spamhaus DROP",
        b"; Spamhaus DROP List 2026/11/20 - (c) 2026 The Spamhaus Project SLU\n\
          ; https://www.spamhaus.org/drop/drop.txt\n\
          ; Last-Modified: Fri, 20 Nov 2026 15:04:13 GMT\n\
          ; Expires: Sat, 21 Nov 2026 21:45:04 GMT\n\
          1.10.16.0/20 ; SBL256894\n1.19.0.0/16 ; SBL434604\n",
        &["5 1.10.16.0/20", "6 1.19.0.0/16"],
    ),
    (
        "Spamhaus DROPv6",
        b"; Spamhaus IPv6 DROP List 2026/11/20 - (c) 2026 The Spamhaus Project SLU\n\
          2001:678:738::/48 ; SBL635837\n2a06:f680::/29 ; SBL303641\n",
        &["2 2001:678:738::/48", "3 2a06:f680::/29"],
    ),
    (
        "Spamhaus DROP, JSON",
        b"{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}\n\
          {\"cidr\":\"2001:678:738::/48\",\"sblid\":\"SBL635837\",\"rir\":\"ripencc\"}\n\
          {\"type\":\"metadata\",\"timestamp\":1795600000,\"size\":98765,\"records\":2,\
          \"copyright\":\"(c) 2026 The Spamhaus Project SLU\",\"terms\":\"https://www.spamhaus.org/drop/terms/#drop\"}\n",
        &["1 1.10.16.0/20", "2 2001:678:738::/48"],
    ),
    (
        "a netset of FireHOL",
        b"#\n# firehol_level1\n#\n# ipv4 hash:net ipset\n#\n# A firewall blacklist composed from IP lists\n\
          # Maintainer URL : http://iplists.firehol.org/\n\
          # Entries        : 4 subnets, 549 unique IPs\n#\n\
          0.0.0.0/8\n1.10.16.0/20\n127.0.0.0/8\n224.0.0.0/3\n45.143.200.7\n",
        &["10 0.0.0.0/8", "11 1.10.16.0/20", "12 127.0.0.0/8", "13 224.0.0.0/3", "14 45.143.200.7/32"],
    ),
    (
        "a zone of ipdeny",
        b"43.225.172.0/22\n102.16.0.0/15\n2c0f:fcb0::/32\n",
        &["1 43.225.172.0/22", "2 102.16.0.0/15", "3 2c0f:fcb0::/32"],
    ),
    (
        "ipset save, hash:net",
        b"create bad hash:net family inet hashsize 1024 maxelem 65536 timeout 600 counters comment bucketsize 12 initval 0x2d2a4c1e\n\
          add bad 192.0.2.0/24 timeout 573 packets 12 bytes 720 comment \"seen by; fail2ban # 2 nomatch\"\n\
          add bad 198.51.100.7 timeout 0\n",
        &["2 192.0.2.0/24", "3 198.51.100.7/32"],
    ),
    (
        "ipset save, family inet6",
        b"create bad6 hash:net family inet6 hashsize 1024 maxelem 65536\nadd bad6 2001:db8::/32\nadd bad6 2001:db8:1::7\n",
        &["2 2001:db8::/32", "3 2001:db8:1::7/128"],
    ),
    (
        "ipset save, hash:ip with a range",
        b"create few hash:ip family inet hashsize 1024 maxelem 65536\nadd few 192.0.2.6-192.0.2.9\n",
        &["2 192.0.2.6/31", "2 192.0.2.8/31"],
    ),
    ("addresses that fail2ban banned", b"198.51.100.7\n2001:db8::5\n", &["1 198.51.100.7/32", "2 2001:db8::5/128"]),
    (
        "fail2ban-client get sshd banip",
        b"198.51.100.7 198.51.100.9 2001:db8::5\n192.0.2.6\t192.0.2.7 # two\n",
        &["1 198.51.100.7/32", "1 198.51.100.9/32", "1 2001:db8::5/128", "2 192.0.2.6/32", "2 192.0.2.7/32"],
    ),
    (
        "fullbogons, IPv6",
        b"# last updated 1795600000\n::/8\n2d00::/8\n3000::/4\n8000::/1\n",
        &["2 ::/8", "3 2d00::/8", "4 3000::/4", "5 8000::/1"],
    ),
    (
        "all that editors do",
        b"\xef\xbb\xbf192.0.2.7\r\n\r\n \t 192.0.2.8 \t# office\r\n# Gr\xfc\xdfe\r\n   ; nothing\r\n192.0.2.16 - 192.0.2.23\r\n2001:DB8::/32",
        &["1 192.0.2.7/32", "3 192.0.2.8/32", "6 192.0.2.16/29", "7 2001:db8::/32"],
    ),
    ("an empty file", b"", &[]),
    ("nothing but a mark", b"\xef\xbb\xbf", &[]),
];

#[test]
fn lists_are_read_as_they_are_published() {
    for (form, text, listed) in FORMS {
        let listed: Vec<String> = listed.iter().map(ToString::to_string).collect();
        assert_eq!(read(text), Ok(listed), "{form}");
    }
}
