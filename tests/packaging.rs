// SPDX-License-Identifier: GPL-2.0-only
//! The configuration that the package installs. The rest of the package is tried by `make test-package`.

use std::fs;
use std::path::Path;

use synflood_xdp::cli::{Cli, Refusal};

fn read(config: &str) -> Result<Cli, Refusal> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    fs::write(&file, config).unwrap();
    Cli::read(["synflood-xdp".into(), "--config".into(), file.into()].to_vec())
}

fn installed() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/config.toml");
    fs::read_to_string(file).unwrap()
}

#[test]
fn the_installed_configuration_protects_nothing_until_an_interface_is_named() {
    let installed = installed();
    let error = read(&installed).unwrap_err().to_string();
    assert!(error.contains("--iface"), "{error}");
    let named = installed.replace("#iface = [\"eth0\"]", "iface = [\"eth0\"]");
    let cli = read(&named).unwrap();
    assert_eq!(cli.iface, ["eth0"]);
    assert!(cli.protect.burst.is_none() && !cli.protect.dry_run);
}

/// An example stands behind `#`, prose behind `# `.
#[test]
fn each_example_in_the_installed_configuration_is_right() {
    let installed = installed();
    let uncomment = |line| match str::strip_prefix(line, "#") {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example,
        _ => line,
    };
    let examples: Vec<_> = installed.lines().map(uncomment).collect();
    let cli = read(&examples.join("\n")).unwrap();
    assert_eq!(cli.protect.burst, Some(50));
    assert_eq!(cli.protect.service.len(), 1);
    assert_eq!((cli.protect.allow_file.len(), cli.protect.deny_file.len()), (1, 1));
}
