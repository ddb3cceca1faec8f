//! Which site has sent a request.

use http::Request;
use http::header::{HOST, HeaderName, ORIGIN};

use crate::page::Trouble;

use super::door::Door;

/// The header in which a browser says how the sending page and this one are related.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks that a page of ours has sent a request.
///
/// # Errors
/// [`Trouble::OtherSite`] if another one has, or if neither header says.
pub(super) fn check_origin(request: &Request<()>, door: &Door) -> Result<(), Trouble> {
    let headers = request.headers();
    let mut origins = headers.get_all(ORIGIN).iter();
    let mut sites = headers.get_all(FETCH_SITE).iter();
    let is_ours = match (origins.next(), origins.next()) {
        (Some(origin), None) => match &door.access.public_url {
            Some(url) => origin.as_bytes() == url.origin.as_bytes(),
            None => headers
                .get(HOST)
                .is_some_and(|host| origin.as_bytes() == [b"http://", host.as_bytes()].concat()),
        },
        (Some(_), Some(_)) => false,
        (None, _) => match (sites.next(), sites.next()) {
            (Some(site), None) => site.as_bytes() == b"same-origin",
            _ => false,
        },
    };
    match is_ours {
        true => Ok(()),
        false => Err(Trouble::OtherSite),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Access, PublicUrl};

    use super::*;

    #[test]
    fn only_pages_of_ours_send_forms() {
        let public = PublicUrl {
            origin: "https://watt.example.com".into(),
            is_https: true,
        };
        let known = |public_url: Option<PublicUrl>, headers: &[(&str, &str)]| {
            let door = Door::new(Access {
                public_url,
                ..Access::default()
            });
            let mut request = Request::builder().header("host", "localhost:8581");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            check_origin(&request.body(()).expect("a request"), &door).is_ok()
        };
        for (headers, without_url, with_url) in [
            (&[("origin", "http://localhost:8581")][..], true, false),
            (&[("origin", "https://watt.example.com")], false, true),
            (&[("origin", "https://localhost:8581")], false, false),
            (&[("origin", "http://localhost")], false, false),
            (&[("origin", "http://watt.example.com")], false, false),
            (
                &[("origin", "https://watt.example.com.evil.example")],
                false,
                false,
            ),
            (&[("origin", "https://evil.example")], false, false),
            (&[("origin", "null")], false, false),
            (&[("origin", "")], false, false),
            (&[], false, false),
            (&[("sec-fetch-site", "same-origin")], true, true),
            (&[("sec-fetch-site", "same-site")], false, false),
            (&[("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "none")], false, false),
            // The origin decides where it is there.
            (
                &[
                    ("origin", "https://evil.example"),
                    ("sec-fetch-site", "same-origin"),
                ],
                false,
                false,
            ),
            (
                &[
                    ("origin", "http://localhost:8581"),
                    ("origin", "http://localhost:8581"),
                ],
                false,
                false,
            ),
            // A link from elsewhere is not a form of ours.
            (&[("referer", "http://localhost:8581/")], false, false),
        ] {
            assert_eq!(known(None, headers), without_url, "{headers:?}");
            assert_eq!(
                known(Some(public.clone()), headers),
                with_url,
                "{headers:?}"
            );
        }
    }
}
