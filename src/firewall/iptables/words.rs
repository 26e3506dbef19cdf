// SPDX-License-Identifier: GPL-2.0-only
//! Takes a line of iptables-save apart.

/// An option with what follows it, like `--dport 80` or `! --syn`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    pub negate: bool,
    /// Without dashes.
    pub name: String,
    pub values: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Clause {
    /// `module` is empty for what needs none, like `-s`.
    Match {
        module: String,
        options: Vec<Opt>,
    },
    Target {
        name: String,
        is_goto: bool,
        options: Vec<Opt>,
    },
}

impl Opt {
    pub fn value(&self) -> &str {
        self.values.first().map(String::as_str).unwrap_or_default()
    }
}

/// The first of this name, without dashes.
pub fn find<'a>(options: &'a [Opt], name: &str) -> Option<&'a Opt> {
    options.iter().find(|option| option.name == name)
}

/// Words may be in double quotes, with a backslash before a quote or a backslash.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut is_quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                is_quoted = !is_quoted;
                word.get_or_insert_default();
            }
            '\\' if is_quoted => word.get_or_insert_default().extend(characters.next()),
            _ if character.is_whitespace() && !is_quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// None if the words make no sense.
pub fn clauses(words: &[String]) -> Option<Vec<Clause>> {
    let mut clauses = vec![Clause::Match { module: String::new(), options: Vec::new() }];
    let mut negate = false;
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        match word.as_str() {
            "!" => {
                negate = true;
                continue;
            }
            "-m" | "--match" => {
                clauses.push(Clause::Match { module: words.next()?.clone(), options: Vec::new() });
            }
            "-j" | "--jump" | "-g" | "--goto" => clauses.push(Clause::Target {
                name: words.next()?.clone(),
                is_goto: word.starts_with("-g") || word == "--goto",
                options: Vec::new(),
            }),
            _ => {
                let name = word.strip_prefix("--").or(word.strip_prefix('-'))?.to_string();
                let mut values = Vec::new();
                while let Some(value) = words.next_if(|word| !begins_option(word)) {
                    values.push(value.clone());
                }
                let option = Opt { negate, name, values };
                match clauses.last_mut()? {
                    // Of the protocol, addresses and interfaces, wherever they stand.
                    Clause::Match { module, .. } if !module.is_empty() && !word.starts_with("--") => {
                        clauses.push(Clause::Match { module: String::new(), options: vec![option] });
                    }
                    Clause::Match { options, .. } | Clause::Target { options, .. } => {
                        options.push(option)
                    }
                }
            }
        }
        negate = false;
    }
    Some(clauses)
}

/// A number below zero is a value.
fn begins_option(word: &str) -> bool {
    word == "!"
        || word.starts_with('-')
            && !word[1..].starts_with(|c: char| c.is_ascii_digit())
            && word.len() > 1
}

#[cfg(test)]
mod tests {
    use super::{Clause, clauses, words};

    #[test]
    fn quotes_keep_words_together() {
        assert_eq!(words(r#"--log-prefix "a \"b\" -j DROP " -x ''"#)[1], "a \"b\" -j DROP ");
        assert_eq!(words(r#"a "" b"#), ["a", "", "b"]);
    }

    #[test]
    fn options_belong_to_their_module() {
        let line =
            "-s 10.0.0.1/32 -p tcp -m tcp ! --tcp-flags SYN,ACK SYN -m limit --limit 1/sec -g chain";
        let clauses = clauses(&words(line)).unwrap();
        assert_eq!(clauses.len(), 4);
        let Clause::Match { module, options } = &clauses[1] else { panic!("{clauses:?}") };
        assert_eq!((module.as_str(), options[0].negate), ("tcp", true));
        assert_eq!(options[0].values, ["SYN,ACK", "SYN"]);
        assert!(matches!(&clauses[3], Clause::Target { name, is_goto: true, .. } if name == "chain"));
    }
}
