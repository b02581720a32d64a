//! What all pages have: style, script, and the policy that forbids everything else.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use sha2::{Digest as _, Sha256};

use super::escape::Html;

const STYLE: &str = include_str!("../../../templates/page.css");
const SCRIPT: &str = include_str!("../../../templates/page.js");

/// The frame of a page.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The content security policy: this style and this script, by their SHA-256, and nothing else. No request of any
    /// kind, no other script, also none in an attribute, no form, no base.
    pub policy: String,
    pub style: Html,
    pub script: Html,
}

impl Shell {
    pub fn new() -> Self {
        let hash = |text: &str| format!("'sha256-{}'", BASE64.encode(Sha256::digest(text.as_bytes())));
        Self {
            policy: format!(
                "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'; \
                 require-trusted-types-for 'script'",
                hash(STYLE),
                hash(SCRIPT)
            ),
            style: Html::own(STYLE),
            script: Html::own(SCRIPT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn style_and_script_stay_in_their_elements() {
        for text in [STYLE, SCRIPT] {
            let lower = text.to_ascii_lowercase();
            assert!(!lower.contains("</") && !lower.contains("<!--"), "it would end its element");
            assert!(!lower.contains("http") && !lower.contains("@import"), "it would ask the network");
        }
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval"));
    }
}
