// SPDX-License-Identifier: GPL-2.0-only
//! What each reason means. The table of docs/output.md is the one place that says it, and is read from there.

const DOCUMENT: &str = include_str!("../../docs/output.md");

/// What a reason means, with Markdown's backticks. None: the table does not have it.
pub fn meaning(reason: &str) -> Option<&'static str> {
    let (_, section) = DOCUMENT.split_once("\n## Reasons\n")?;
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let mut rows = rows.filter_map(|row| row.split_once(" | "));
    let (_, meaning) =
        rows.find(|(names, _)| names.split('`').skip(1).step_by(2).any(|name| name == reason))?;
    Some(meaning)
}

#[test]
fn reasons_are_found_alone_and_in_a_group() {
    assert_eq!(meaning("challenge_sent"), Some("refused, and answered with a SYN cookie"));
    assert_eq!(meaning("drop_syn_rst"), Some("flags or addresses that no honest stack sends"));
    for none in ["", "reason", "drop_", "drop_syn_rst`, `drop_land", ", "] {
        assert_eq!(meaning(none), None, "{none}");
    }
}
