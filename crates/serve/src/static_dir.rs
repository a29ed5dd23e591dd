//! A directory as it is published: tiles, bundles, checkpoints, TUF metadata and targets.

use std::path::Path;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeDir;

use crate::conditional::{Conditions, Zipper};

/// How long others may keep a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// For ever: the bytes under this name never change.
    Immutable,
    /// For this many seconds.
    Seconds(u32),
    /// Not without asking again.
    Never,
}

impl Caching {
    fn header(self) -> HeaderValue {
        match self {
            Self::Immutable => HeaderValue::from_static("public, max-age=31536000, immutable"),
            Self::Seconds(seconds) => HeaderValue::try_from(format!("public, max-age={seconds}"))
                .expect("digits are a header value"),
            Self::Never => HeaderValue::from_static("no-cache"),
        }
    }
}

/// The rules for what we publish. Tiles and archived checkpoints, TUF metadata with its version
/// in front and targets named by digest never change; the checkpoint may be five seconds old;
/// everything else is asked for again.
#[must_use]
pub fn published_caching(path: &str) -> Caching {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let first = path.split('/').next().unwrap_or("");
    let version = name.split_once('.').map_or("", |(version, _)| version);
    let is_versioned = !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit());
    match first {
        "tile" | "archive" | "targets" if !folder.is_empty() => Caching::Immutable,
        _ if name.ends_with(".json") && is_versioned => Caching::Immutable,
        _ if name == "checkpoint" => Caching::Seconds(5),
        _ => Caching::Never,
    }
}

/// Text for what people read, bytes for the rest; nothing a browser would run.
fn content_type(path: &str) -> &'static str {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "json" => "application/json",
        "txt" | "md" | "toml" => "text/plain; charset=utf-8",
        _ if matches!(path, "checkpoint" | "minimum-index") || folder == "archive" => {
            "text/plain; charset=utf-8"
        }
        _ => "application/octet-stream",
    }
}

/// Entries are text and shrink; hashes do not.
fn is_compressible(path: &str) -> bool {
    path.starts_with("tile/entries/")
}

/// Serves the files below `root` to GET and HEAD, with ETags, conditions, ranges of files that never
/// change, and entry bundles as gzip for who accepts it. `caching` is given the path below `root`,
/// without a leading slash. Directories are not listed; names that start with a dot are not
/// shown. Add it with `nest` or `merge`; routes of your own go first.
pub fn static_dir(
    root: &Path,
    caching: impl Fn(&str) -> Caching + Clone + Send + Sync + 'static,
) -> Router {
    let files = ServeDir::new(root).append_index_html_on_directories(false);
    let zipper = Zipper::new();
    Router::new()
        .route_service("/{*path}", files)
        .layer(from_fn(move |request: Request, next: Next| {
            let (caching, zipper) = (caching.clone(), zipper.clone());
            async move { serve_one(request, next, &caching, &zipper).await }
        }))
}

async fn serve_one(
    mut request: Request,
    next: Next,
    caching: &(impl Fn(&str) -> Caching + Sync),
    zipper: &Zipper,
) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    // No name of ours needs percent-encoding, and without it what is checked here is what is
    // looked up there.
    let is_ours = path
        .split('/')
        .all(|segment| !segment.is_empty() && !segment.starts_with('.') && !segment.contains('%'));
    if !is_ours {
        return StatusCode::NOT_FOUND.into_response();
    }
    let how_long = caching(&path);
    let conditions = Conditions::take(&mut request, how_long == Caching::Immutable);
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(content_type(&path));
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, how_long.header());
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    }
    let zipper = is_compressible(&path).then_some(zipper);
    conditions.answer(response, zipper).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_whose_bytes_never_change_are_immutable() {
        for path in [
            "tile/0/x001/067",
            "tile/0/000.p/3",
            "tile/entries/000",
            "archive/512",
            "targets/software/a.bin",
            "1.root.json",
            "tuf/12.software.json",
        ] {
            assert_eq!(published_caching(path), Caching::Immutable, "{path}");
        }
        assert_eq!(published_caching("checkpoint"), Caching::Seconds(5));
        for path in [
            "timestamp.json",
            "tuf/timestamp.json",
            "tile",
            "x.root.json",
            ".json",
            "",
        ] {
            assert_eq!(published_caching(path), Caching::Never, "{path}");
        }
    }
}
