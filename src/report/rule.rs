// SPDX-License-Identifier: GPL-2.0-only
//! What a line tells of a rule.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rule {
    pub number: u64,
    pub stage: String,
    pub words: String,
    pub why: Option<String>,
}

impl Rule {
    /// A stage that is not known stands for itself.
    pub fn sentence(&self) -> String {
        let Self { number, words, .. } = self;
        match (&*self.stage, &self.why) {
            ("watched", _) => format!("rule {number} watches what looks like this: {words}"),
            ("suggested", _) => format!("rule {number} would drop what looks like this: {words}"),
            ("in_force", _) => format!("rule {number} drops what looks like this: {words}"),
            ("ended", Some(why)) => format!("rule {number} ends: {why}"),
            (stage, _) => format!("rule {number}, {stage}: {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn each_stage_is_a_sentence() {
        let said = |line: &str| serde_json::from_str::<Rule>(line).unwrap().sentence();
        let line = r#"{"number":2,"stage":"in_force","words":"win 512","why":null}"#;
        assert_eq!(said(line), "rule 2 drops what looks like this: win 512");
        let line = r#"{"number":2,"stage":"ended","words":"win 512","why":"the flood is over"}"#;
        assert_eq!(said(line), "rule 2 ends: the flood is over");
        assert_eq!(said(r#"{"number":2,"stage":"new","words":"win 512"}"#), "rule 2, new: win 512");
    }
}
