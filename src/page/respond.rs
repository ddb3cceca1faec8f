//! Which page a request asks for.

use askama::Template;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};

use super::frame::Frame;
use super::hotels::Root;
use super::link::Query;
use super::{Pages, Viewer, assets};

/// There is no such page for the viewer.
#[derive(Template)]
#[template(path = "missing.html")]
struct Missing<'a> {
    f: Frame<'a>,
}

impl Pages {
    /// The page that a request asks for, as this person may see it.
    pub fn respond(&self, request: &Request<()>, viewer: &Viewer) -> Response<Vec<u8>> {
        if let Some(asset) = assets::asset(request) {
            return asset;
        }
        let uri = request.uri();
        let query = Query::of(uri.query());
        let own = uri
            .path_and_query()
            .map_or("/", |own| own.as_str())
            .to_owned();
        let found = match uri.path() {
            "/" => match self.root(viewer, own.clone()) {
                Root::One(hotel) => return redirect(&hotel),
                Root::Many(hotels) => Some(hotels.render()),
            },
            "/hotel" => self
                .hotel(&query, viewer, own.clone())
                .map(|page| page.render()),
            _ => None,
        };
        match found {
            // Rendering into memory does not fail.
            Some(page) => html(StatusCode::OK, page.unwrap_or_default()),
            None => {
                let frame = Frame::new(viewer, String::new(), "/".to_owned());
                let title = frame.w.not_found.to_owned();
                let page = Missing {
                    f: Frame { title, ..frame },
                };
                html(StatusCode::NOT_FOUND, page.render().unwrap_or_default())
            }
        }
    }
}

fn html(status: StatusCode, text: String) -> Response<Vec<u8>> {
    let mut response = Response::new(text.into_bytes());
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

fn redirect(path: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let root = HeaderValue::from_static("/");
    let path = HeaderValue::from_str(path).unwrap_or(root);
    response.headers_mut().insert(LOCATION, path);
    response
}
