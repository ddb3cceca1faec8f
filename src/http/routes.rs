//! The paths of the HTTP interface, and their methods.

use http::{Method, StatusCode};

use super::answer::Fault;

/// A path that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Messages,
    Readings,
    Health,
    Metrics,
}

impl Route {
    const ALL: [Route; 4] = [
        Route::Messages,
        Route::Readings,
        Route::Health,
        Route::Metrics,
    ];

    /// The route of a request's path, without its query.
    pub(super) fn at(path: &str) -> Option<Route> {
        Route::ALL.into_iter().find(|route| route.path() == path)
    }

    fn path(self) -> &'static str {
        match self {
            Route::Messages => "/api/messages",
            Route::Readings => "/api/readings",
            Route::Health => "/healthz",
            Route::Metrics => "/metrics",
        }
    }

    /// The only method it accepts.
    fn method(self) -> &'static str {
        match self {
            Route::Messages | Route::Readings => "POST",
            Route::Health | Route::Metrics => "GET",
        }
    }

    /// Whether it is answered without the token: health says no more than an open port, and
    /// monitors send no tokens.
    pub(super) fn is_public(self) -> bool {
        self == Route::Health
    }

    /// Checks that a request uses the method of its route.
    ///
    /// # Errors
    /// 405 if it does not.
    pub(super) fn check_method(self, method: &Method) -> Result<(), Fault> {
        if method.as_str() == self.method() {
            Ok(())
        } else {
            Err(Fault::wrong_method(self.method()))
        }
    }
}

/// The answer for any other path.
pub(super) fn not_found() -> Fault {
    let paths = Route::ALL.map(Route::path).join(", ");
    Fault::new(
        StatusCode::NOT_FOUND,
        format!("no such path: use one of {paths}"),
    )
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn requests_are_routed_by_path_and_method() {
        for (method, path, expected) in [
            ("POST", "/api/messages", "Messages"),
            ("POST", "/api/messages?from=pms", "Messages"),
            ("POST", "/api/readings", "Readings"),
            ("GET", "/healthz", "Health"),
            ("GET", "/metrics", "Metrics"),
            ("POST", "/metrics", "405, use GET"),
            ("GET", "/api/messages", "405, use POST"),
            ("OPTIONS", "/api/readings", "405, use POST"),
            ("HEAD", "/healthz", "405, use GET"),
            (
                "POST",
                "/api/messages/",
                "404, no such path: use one of /api/messages, ",
            ),
            ("GET", "/", "404, no such path: "),
            ("POST", "//api/messages", "404, no such path: "),
        ] {
            let request = Request::builder().method(method).uri(path).body(());
            let request = request.expect("a request");
            let route = Route::at(request.uri().path()).ok_or_else(not_found);
            let checked = route.and_then(|route| {
                route.check_method(request.method())?;
                Ok(route)
            });
            let routed = match checked {
                Ok(route) => format!("{route:?}"),
                Err(fault) => fault.to_string(),
            };
            assert!(routed.starts_with(expected), "{method} {path}: {routed}");
        }
    }
}
