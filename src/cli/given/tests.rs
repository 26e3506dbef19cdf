// SPDX-License-Identifier: GPL-2.0-only

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::cli::Cli;

struct File(TempDir);

impl File {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Self(folder)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("config.toml")
    }

    /// What becomes of the file and these words. A sentence has FILE in place of the file's name.
    fn with(&self, words: &[&str]) -> Result<Cli, String> {
        let path = self.path().into_os_string();
        let words = words.iter().map(Into::into);
        let all = ["synflood-xdp".into(), "--config".into(), path.clone()].into_iter().chain(words);
        Cli::read(all.collect())
            .map_err(|refusal| refusal.to_string().replace(&path.display().to_string(), "FILE"))
    }
}

/// What stands in a file, and what is said.
const WRONG: &[(&str, &str)] = &[
    ("brust = 5", "FILE:1: 'brust' is no option: do you mean burst?"),
    ("max_sources = 5", "FILE:1: 'max_sources' is no option: do you mean max-sources?"),
    ("zzz = 5", "FILE:1: 'zzz' is no option: synflood-xdp --help lists them; leave out their --"),
    ("dump = true", "FILE:1: dump is for the command line only: leave it out"),
    ("all = true", "FILE:1: all is for the command line only: leave it out"),
    ("config = \"other.toml\"", "FILE:1: config is for the command line only: leave it out"),
    ("restore-sysctls = \"a\"", "FILE:1: 'restore-sysctls' is no option: do you mean keep-sysctls?"),
    ("burst = 0\nrate = 1", "FILE:1: burst = 0: with 0 nobody could connect; give 1 or more"),
    ("rate = 1\nburst = true", "FILE:2: burst = true: give a number or a text in quotes"),
    ("burst = 1979-05-27", "FILE:1: burst = 1979-05-27: give a number or a text in quotes"),
    ("burst = [5, 6]\nrate = 1", "FILE:1: burst = [5, 6]: give one value, not a list"),
    ("port = [80, [443]]", "FILE:1: port = [443]: give a number or a text in quotes"),
    ("quiet = \"yes\"", "FILE:1: quiet = \"yes\": give true or false"),
    ("mode = \"nativ\"", "FILE:1: mode = \"nativ\": do you mean native?"),
    ("mode = \"fast\"", "FILE:1: mode = \"fast\": give one of auto, native, skb"),
    ("ipv4-prefix = 33", "FILE:1: ipv4-prefix = 33: 33 is not in 1..=32"),
    ("interval = nan", "FILE:1: interval = nan: give seconds from 0.1 to 86400"),
    (
        "allow = [\n  \"192.0.2.7\",\n  \"10.0.0.1/8\",\n]",
        "FILE:3: allow = \"10.0.0.1/8\": it names an address and a network: give 10.0.0.0/8 for the whole \
         network, or 10.0.0.1 for the address alone",
    ),
    ("[service]\nname = \"ssh\"", "FILE:1: give [[service]] in double brackets, one for each service"),
    (
        "[limits]\nburst = 5",
        "FILE:1: [limits] means nothing: options stand above all tables, without a heading",
    ),
    ("burst = 5\nburst = 6", "FILE:2: a second burst: keep one"),
    ("dry-run = yes # not yet", "FILE:1: dry-run = yes: give true or false"),
    ("dry-run = True", "FILE:1: dry-run = True: give true or false"),
    ("iface = “eth0”", "FILE:1: “eth0”: use plain quotes, \" or '"),
    (
        "allow = [\n  \"192.0.2.7\",\n  ‘192.0.2.8’,\n]",
        "FILE:3: ‘192.0.2.8’,: use plain quotes, \" or '",
    ),
    ("mode = skb", "FILE:1: string values must be quoted, expected literal string"),
    ("# fine\nburst 5", "FILE:2: key with no value, expected `=`"),
    ("\nburst = 5", "FILE:2: the following required arguments were not provided: --rate <RATE>"),
];

#[test]
fn what_is_wrong_in_a_file_is_named_with_its_line() {
    for (text, said) in WRONG {
        let error = File::new(text).with(&["--iface", "eth0"]).unwrap_err();
        assert_eq!(error, *said, "{text}");
    }
    let two = File::new("deny = [\"10.0.0.1/8\", \"no\"]").with(&[]).unwrap_err();
    let lines: Vec<_> = two.lines().filter(|line| line.starts_with("FILE:1: deny = ")).collect();
    assert_eq!(lines.len(), 2, "{two}");
    let many = File::new("a = 1\n".to_owned() + "zzz = 1 \n").with(&[]).unwrap_err();
    assert_eq!(many.matches("FILE:").count(), 2, "{many}");
    assert!(
        File::new(b"# fine\n\xff = 1").with(&[]).unwrap_err().starts_with("FILE:2: this is not UTF-8")
    );
}

#[test]
fn what_is_no_file_is_named() {
    let file = File::new("");
    fs::remove_file(file.path()).unwrap();
    assert_eq!(file.with(&[]).unwrap_err(), "--config: there is no file FILE");
    fs::create_dir(file.path()).unwrap();
    assert_eq!(file.with(&[]).unwrap_err(), "--config: FILE is a directory: give a file in it");
    let binary = File::new([0; 100]).with(&[]).unwrap_err();
    assert_eq!(binary, "--config: FILE is no plain text: unpack it, or save it as UTF-8");
}

#[test]
fn the_command_line_wins() {
    let file = File::new(
        "iface = [\"eth0\", \"eth1\"]\nburst = 5\nport = [80, 443]\nquiet = true\njson = true",
    );
    let cli = file.with(&["--rate", "1", "--port", "22", "--iface=eth2", "--interval", "2"]).unwrap();
    assert_eq!(cli.iface, ["eth2"]);
    assert_eq!(cli.protect.burst, Some(5));
    assert_eq!(cli.protect.port.len(), 1);
    assert!(cli.protect.quiet && cli.json);
    let cli = file.with(&["-i", "eth2", "--rate", "1", "--burst", "7"]).unwrap();
    assert_eq!(cli.protect.burst, Some(7));
    let all_in_the_file = File::new("iface = \"eth0\"").with(&[]).unwrap();
    assert_eq!(all_in_the_file.iface, ["eth0"]);
}

/// What the words get wrong is no fault of the file's.
#[test]
fn wrong_words_are_not_blamed_on_the_file() {
    let file = File::new("iface = \"eth0\"\nallow = \"192.0.2.7\"");
    for (words, said) in [
        (&["--burst", "5"][..], "the following required arguments were not provided: --rate <RATE>"),
        (
            &["--burst", "0"],
            "invalid value '0' for '--burst <COUNT>': with 0 nobody could connect; give 1 or more",
        ),
        (
            &["--brust", "5"],
            "unexpected argument '--brust' found tip: a similar argument exists: '--burst'",
        ),
        (&["dump"], "the word 'dump' belongs to no option: who is blocked now is shown by --dump"),
        (
            &["observe", "eth0"],
            "the options of a command stand behind it, as in `deny 192.0.2.7 --iface eth0`",
        ),
        (&["--dump"], "--config does not go with --dump: it is for a run that protects"),
    ] {
        assert_eq!(file.with(words).unwrap_err(), said);
    }
}

/// A run reads its file again.
#[test]
fn a_file_that_has_changed_is_read_anew() {
    let file = File::new("iface = \"eth0\"\nburst = 5\nrate = 1");
    assert_eq!(file.with(&[]).unwrap().protect.burst, Some(5));
    fs::write(file.path(), "iface = \"eth0\"\nburst = 6\nrate = 1").unwrap();
    assert_eq!(file.with(&[]).unwrap().protect.burst, Some(6));
    fs::write(file.path(), "iface = \"eth0\"\nburst = 6").unwrap();
    assert!(file.with(&[]).is_err());
}
