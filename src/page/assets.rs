//! The style and the script, which browsers may keep because their names change with their content,
//! and what the script asks for.

use std::sync::LazyLock;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use sha2::{Digest, Sha256};

pub(super) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("static/style.css");
    Asset::new("style", "css", "text/css; charset=utf-8", text)
});

pub(super) static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("static/page.js");
    Asset::new("page", "js", "text/javascript; charset=utf-8", text)
});

/// What a page asks for before it loads itself again: it comes where the service answers.
pub(super) static DOT: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("static/dot.svg");
    Asset {
        is_kept: false,
        ..Asset::new("dot", "svg", "image/svg+xml", text)
    }
});

/// A file that pages load.
pub(super) struct Asset {
    pub(super) path: String,
    content_type: &'static str,
    text: &'static str,
    /// Whether browsers may keep it.
    is_kept: bool,
}

impl Asset {
    fn new(name: &str, end: &str, content_type: &'static str, text: &'static str) -> Asset {
        let hash = Sha256::digest(text);
        let hash: String = hash
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Asset {
            path: format!("/static/{name}.{hash}.{end}"),
            content_type,
            text,
            is_kept: true,
        }
    }
}

/// The file that a request asks for, if it is one that pages load. It is the same for everybody,
/// and says nothing of any hotel: the form for name and password needs it, too.
pub fn asset(request: &Request<()>) -> Option<Response<Vec<u8>>> {
    let path = request.uri().path();
    let asset = [&STYLE, &SCRIPT, &DOT]
        .into_iter()
        .find(|asset| asset.path == path)?;
    let mut response = Response::new(asset.text.as_bytes().to_vec());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if asset.is_kept {
        let a_year = HeaderValue::from_static("public, max-age=31536000, immutable");
        headers.insert(CACHE_CONTROL, a_year);
    }
    Some(response)
}
