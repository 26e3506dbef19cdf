// SPDX-License-Identifier: GPL-2.0-only

use std::path::Path;
use std::str::FromStr;

/// What runs when something happens: a program by its whole path, and its arguments. No shell reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventCommand {
    pub program: String,
    pub arguments: Vec<String>,
}

impl FromStr for EventCommand {
    type Err = String;

    /// Quotes and backslashes keep words together, as in a shell; nothing else has a meaning.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = shell_words::split(text).map_err(|_| "a quote is not closed".to_owned())?;
        let (program, arguments) =
            words.split_first().ok_or("give the command, like /usr/local/bin/tell-me")?;
        // A service has another PATH than the shell in which it is tried.
        if !Path::new(program).is_absolute() {
            return Err(format!("give the whole path of {program}, like /usr/local/bin/{program}"));
        }
        Ok(Self { program: program.clone(), arguments: arguments.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::EventCommand;

    #[test]
    fn words_are_split_and_nothing_is_expanded() {
        let command: EventCommand = r#"/bin/tell --to "night shift" '$HOME' a\ b; *"#.parse().unwrap();
        assert_eq!(command.program, "/bin/tell");
        assert_eq!(command.arguments, ["--to", "night shift", "$HOME", "a b;", "*"]);
    }

    #[test]
    fn what_cannot_be_run_is_refused() {
        for (text, said) in
            [("", "give the command"), ("tell", "whole path"), ("/bin/tell 'a", "quote")]
        {
            let refusal = text.parse::<EventCommand>().unwrap_err();
            assert!(refusal.contains(said), "{text}: {refusal}");
        }
    }
}
