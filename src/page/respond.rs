//! Which page a request asks for.

use askama::Template;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Request, Response, StatusCode};

use crate::types::HotelId;

use super::archive::Trouble;
use super::frame::Frame;
use super::hotels::Root;
use super::link::{self, Query};
use super::{Pages, Viewer, assets};

/// Why another page is not shown.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    f: Frame<'a>,
    advice: &'static str,
    /// Where to go on.
    href: String,
    link: &'static str,
}

/// After so long a page that could not be read is tried again. Seconds.
const RETRIED_AFTER: u64 = 10;

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
            "/" => {
                let _turn = self.archives.memory_turn();
                match self.root(&query, viewer, own.clone()) {
                    Root::One(hotel) => return redirect(&hotel),
                    Root::Many(hotels) => Some(hotels.render()),
                }
            }
            "/hotel" => {
                let _turn = self.archives.memory_turn();
                self.hotel(&query, viewer, own.clone())
                    .map(|page| page.render())
            }
            "/map" => match self.map(&query, viewer, own) {
                Ok(page) => Some(page.render()),
                Err(trouble) => return self.trouble_page(&trouble, &query, viewer),
            },
            "/whatif" => match self.what_if(&query, viewer, own) {
                Ok(page) => Some(page.render()),
                Err(trouble) => return self.trouble_page(&trouble, &query, viewer),
            },
            "/room" => match self.room(&query, viewer, own) {
                Ok(page) => Some(page.render()),
                Err(trouble) => return self.trouble_page(&trouble, &query, viewer),
            },
            "/room.csv" => match self.csv(&query, viewer) {
                Ok(csv) => return download(csv),
                Err(trouble) => return self.trouble_page(&trouble, &query, viewer),
            },
            _ => None,
        };
        match found {
            // Rendering into memory does not fail.
            Some(page) => html(StatusCode::OK, page.unwrap_or_default()),
            None => self.trouble_page(&Trouble::Missing, &query, viewer),
        }
    }

    /// The page that says why another one is not shown, and leads on.
    fn trouble_page(&self, trouble: &Trouble, query: &Query, viewer: &Viewer) -> Response<Vec<u8>> {
        let mut frame = Frame::new(viewer, String::new(), "/".to_owned());
        let w = frame.w;
        let (title, advice) = match trouble {
            Trouble::Missing => (w.not_found, w.not_found_advice),
            Trouble::Busy => (w.busy, w.busy_advice),
            Trouble::Comparing => (w.comparing, w.comparing_advice),
            Trouble::Store(error) => {
                log::warn!("a page can't be shown: {error}");
                (w.unread, w.unread_advice)
            }
        };
        let (href, link) = match trouble {
            Trouble::Missing => ("/".to_owned(), w.back_to_hotels),
            Trouble::Comparing | Trouble::Busy | Trouble::Store(_) => {
                // It was found: the hotel is there, and the viewer may see it.
                let hotel = HotelId::new(query.get("hotel"));
                frame = frame.of_hotel(&hotel, None);
                (link::hotel(&hotel), w.to_rooms)
            }
        };
        let is_retried = matches!(trouble, Trouble::Busy | Trouble::Store(_));
        if is_retried {
            frame = frame.reloaded(RETRIED_AFTER);
        }
        let page = Message {
            f: Frame {
                title: title.to_owned(),
                ..frame
            },
            advice,
            href,
            link,
        };
        let status = match trouble {
            Trouble::Missing => StatusCode::NOT_FOUND,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        // Rendering into memory does not fail.
        html(status, page.render().unwrap_or_default())
    }
}

/// A file to keep. Its name says nothing: rooms may be called anything.
fn download(csv: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(csv);
    let headers = response.headers_mut();
    let csv = HeaderValue::from_static("text/csv; charset=utf-8");
    headers.insert(CONTENT_TYPE, csv);
    let name = HeaderValue::from_static("attachment; filename=\"stay.csv\"");
    headers.insert(CONTENT_DISPOSITION, name);
    response
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
