// SPDX-License-Identifier: GPL-2.0-only
//! The keys of a program's cookies and hashes.

use std::fmt;

use anyhow::{Result, anyhow};

use super::skel::types;

/// Random words. They are shown nowhere, not even in errors.
#[derive(Clone, Copy)]
pub struct Secret {
    cookie_key: [u64; 2],
    /// Of [`super::encode::hash`].
    pub hash_key: [u64; 2],
}

impl Secret {
    /// Fails if the kernel gives no random numbers.
    pub fn draw() -> Result<Self> {
        let word =
            || getrandom::u64().map_err(|error| anyhow!("the kernel gives no random numbers: {error}"));
        // Odd factors lose no bit of a hash.
        Ok(Self { cookie_key: [word()?, word()?], hash_key: [word()? | 1, word()? | 1] })
    }

    /// As the program has it.
    pub fn constants(&self) -> types::secret {
        types::secret { cookie_key: self.cookie_key, hash_key: self.hash_key }
    }
}

/// Those of a program that runs.
impl From<types::secret> for Secret {
    fn from(constants: types::secret) -> Self {
        Self { cookie_key: constants.cookie_key, hash_key: constants.hash_key }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
