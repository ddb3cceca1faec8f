//! The section `[heartbeat]`: which monitor outside is pinged.

use super::problems::Problems;
use super::{Secret, raw};

/// Checks the section. An empty address means that there is none.
pub(super) fn check_heartbeat(raw: raw::Heartbeat, problems: &mut Problems) -> Option<Secret> {
    let url = raw.url.filter(|url| !url.expose().is_empty())?;
    let uri = url.expose().parse::<ureq::http::Uri>().ok();
    let is_http = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    problems.unless(
        is_http,
        "heartbeat.url",
        "must be the address that your monitor gives for its pings, with https:// or http://",
    );
    Some(url)
}

#[cfg(test)]
mod tests {
    use crate::config::tests::loaded;

    #[test]
    fn the_address_is_a_secret_of_http() {
        let heartbeat = |text: &str| loaded(text, &[], &[]).map(|config| config.heartbeat);
        for text in ["", "[heartbeat]\n", "[heartbeat]\nurl = ''\n"] {
            assert_eq!(heartbeat(text), Ok(None), "{text}");
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "https://hc.example/canary\n").expect("a file");
        let in_file = format!("[heartbeat]\nurl_file = '{}'\n", file.path().display());
        for text in [
            in_file,
            "[heartbeat]\nurl = 'http://10.0.0.1:3001/canary'\n".into(),
        ] {
            let url = heartbeat(&text).expect("right").expect("an address");
            assert!(url.expose().ends_with("/canary"));
            assert!(!format!("{url:?}").contains("canary"));
        }
        for url in [
            "hc.example/canary",
            "ftp://hc.example/canary",
            "https:///canary",
            "canary",
        ] {
            let wrong = heartbeat(&format!("[heartbeat]\nurl = '{url}'\n")).expect_err(url);
            assert!(
                wrong.starts_with("roomwatt.toml:2: heartbeat.url must be the address"),
                "{wrong}"
            );
            assert!(!wrong.contains("canary"), "{wrong}");
        }
    }
}
