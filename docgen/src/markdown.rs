// SPDX-License-Identifier: GPL-2.0-only
//! One format for all Markdown.

use anyhow::Result;
use dprint_plugin_markdown::configuration::{ConfigurationBuilder, EmphasisKind, TextWrap};
use dprint_plugin_markdown::format_text;

const WIDTH: u32 = 100;

/// Wraps prose. Code between backticks stays on one line. Code blocks and tables are not changed,
/// because one long cell would make every row as long.
pub fn wrap(text: &str) -> Result<String> {
    let config = ConfigurationBuilder::new()
        .line_width(WIDTH)
        .text_wrap(TextWrap::Always)
        .wrap_code_spans(false)
        .table_skip_format(true)
        .emphasis_kind(EmphasisKind::Asterisks)
        .build();
    let wrapped = format_text(text, &config, |_language, _code, _width| Ok(None))?;
    Ok(wrapped.unwrap_or_else(|| text.into()))
}
