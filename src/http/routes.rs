//! The paths of the HTTP interface, and their methods.

use http::{Method, StatusCode};

use super::answer::Fault;

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// What programs ask for.
    Programs,
    /// What programs ask for, and pages.
    Both,
    /// Pages alone.
    Pages,
}

/// A path that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Messages,
    Readings,
    Health,
    Metrics,
    /// The form for name and password, and what it sends.
    Login,
    /// The form that ends a session.
    Logout,
    /// The form that changes the language.
    Language,
    /// Any other path of a listener with pages: the part `page` knows which of them exist.
    Page,
}

/// The paths of programs. All others that begin with it belong to nobody.
const API: &str = "/api";

impl Route {
    const OF_PROGRAMS: [Route; 3] = [Route::Messages, Route::Readings, Route::Metrics];
    const OF_PEOPLE: [Route; 3] = [Route::Login, Route::Logout, Route::Language];

    /// The route of a request's path, without its query. A path is taken as it is: `%2e`, `..` and
    /// `//` mean nothing, so that no proxy and this service can disagree on what is asked for.
    pub(super) fn at(path: &str, serves: Serves) -> Option<Route> {
        let of = |routes: &[Route]| routes.iter().copied().find(|route| route.path() == path);
        let is_below_api = path
            .strip_prefix(API)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        match serves {
            _ if path == Route::Health.path() => Some(Route::Health),
            Serves::Programs => of(&Route::OF_PROGRAMS),
            Serves::Both if is_below_api || path == Route::Metrics.path() => {
                of(&Route::OF_PROGRAMS)
            }
            Serves::Pages if is_below_api => None,
            Serves::Both | Serves::Pages => Some(of(&Route::OF_PEOPLE).unwrap_or(Route::Page)),
        }
    }

    fn path(self) -> &'static str {
        match self {
            Route::Messages => "/api/messages",
            Route::Readings => "/api/readings",
            Route::Health => "/healthz",
            Route::Metrics => "/metrics",
            Route::Login => "/login",
            Route::Logout => "/logout",
            Route::Language => "/language",
            Route::Page => "/",
        }
    }

    /// The methods that it accepts.
    fn methods(self) -> &'static str {
        match self {
            Route::Messages | Route::Readings | Route::Logout | Route::Language => "POST",
            Route::Health | Route::Metrics | Route::Page => "GET",
            Route::Login => "GET, POST",
        }
    }

    /// Checks that a request uses a method of its route.
    ///
    /// # Errors
    /// 405 if it does not.
    pub(super) fn check_method(self, method: &Method) -> Result<(), Fault> {
        let mut methods = self.methods().split(", ");
        if methods.any(|allowed| allowed == method.as_str()) {
            Ok(())
        } else {
            Err(Fault::wrong_method(self.methods()))
        }
    }
}

/// The answer for any other path.
pub(super) fn not_found(serves: Serves) -> Fault {
    let programs = Route::OF_PROGRAMS.as_slice();
    let others = [programs, &[Route::Health]].concat();
    let routes = match serves {
        Serves::Programs => others,
        Serves::Both => [others, vec![Route::Page]].concat(),
        Serves::Pages => vec![Route::Health, Route::Page],
    };
    let paths: Vec<&str> = routes.into_iter().map(Route::path).collect();
    Fault::new(
        StatusCode::NOT_FOUND,
        format!("no such path: use one of {}", paths.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn requests_are_routed_by_path_and_method() {
        use Serves::{Both, Pages, Programs};
        for (serves, method, path, expected) in [
            (Programs, "POST", "/api/messages", "Messages"),
            (Programs, "POST", "/api/messages?from=pms", "Messages"),
            (Programs, "POST", "/api/readings", "Readings"),
            (Programs, "GET", "/healthz", "Health"),
            (Programs, "GET", "/metrics", "Metrics"),
            (Programs, "POST", "/metrics", "405, use GET"),
            (Both, "GET", "/metrics", "Metrics"),
            (Pages, "GET", "/metrics", "Page"),
            (Programs, "GET", "/api/messages", "405, use POST"),
            (Programs, "OPTIONS", "/api/readings", "405, use POST"),
            (Programs, "HEAD", "/healthz", "405, use GET"),
            (
                Programs,
                "POST",
                "/api/messages/",
                "404, no such path: use one of /api/messages, /api/readings, /metrics, /healthz",
            ),
            (Programs, "GET", "/", "404, no such path: "),
            (Programs, "GET", "/login", "404, no such path: "),
            (Programs, "POST", "//api/messages", "404, no such path: "),
            (Both, "POST", "/api/messages", "Messages"),
            (Both, "POST", "/api/", "404, no such path: "),
            (Both, "GET", "/", "Page"),
            (Both, "GET", "/hotel?hotel=..", "Page"),
            (Both, "POST", "/hotel", "405, use GET"),
            (Both, "GET", "/login?next=/", "Login"),
            (Both, "POST", "/login", "Login"),
            (Both, "PUT", "/login", "405, use GET, POST"),
            (Both, "GET", "/logout", "405, use POST"),
            (Both, "GET", "/language", "405, use POST"),
            (Pages, "GET", "/healthz", "Health"),
            (Pages, "GET", "/", "Page"),
            (Pages, "POST", "/logout", "Logout"),
            (Pages, "POST", "/language", "Language"),
            // Nothing of programs is where pages are, however it is written.
            (
                Pages,
                "POST",
                "/api/messages",
                "404, no such path: use one of /healthz, /",
            ),
            (Pages, "POST", "/api", "404, "),
            (Pages, "POST", "/%61pi/messages", "405, "),
            (Pages, "POST", "//api/messages", "405, "),
            (Pages, "POST", "/x/../api/messages", "405, "),
            (Pages, "POST", "/API/messages", "405, "),
            (Both, "POST", "/x/../api/messages", "405, "),
            (Both, "POST", "/login/../api/messages", "405, "),
            (Both, "GET", "/apis", "Page"),
        ] {
            let request = Request::builder().method(method).uri(path).body(());
            let request = request.expect("a request");
            let route = Route::at(request.uri().path(), serves);
            let checked = route.ok_or_else(|| not_found(serves)).and_then(|route| {
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
