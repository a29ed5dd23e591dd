//! What a reader has already, and in which coding it wants the rest (RFC 9110, sections 8.8, 12.5.3
//! and 13).
//!
//! File times are no validators for what is replaced: two checkpoints can have one time and one
//! length. So an ETag of a file that changes is made of its bytes, its dates are not shown, and it
//! is served whole. Files that never change keep the ETag of the file service, and their ranges.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::Write as _;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::{Compression, write::GzEncoder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits::{GZIP_BYTES_MAX, GZIP_BYTES_MIN, HASHED_BYTES_MAX};

/// The conditions of a request, taken out of it: they are judged here.
pub(crate) struct Conditions {
    if_match: Option<HeaderValue>,
    if_none_match: Option<HeaderValue>,
    accepts_gzip: bool,
    is_head: bool,
    /// Whether the bytes under this name never change.
    is_immutable: bool,
}

impl Conditions {
    /// Takes them; `request` is then answered with the whole file, or with a range of one that never
    /// changes.
    pub(crate) fn take(request: &mut Request, is_immutable: bool) -> Self {
        let is_head = request.method() == Method::HEAD;
        let headers = request.headers_mut();
        let conditions = Self {
            if_match: headers.remove(header::IF_MATCH),
            if_none_match: headers.remove(header::IF_NONE_MATCH),
            accepts_gzip: accepts_gzip(headers),
            is_head,
            is_immutable,
        };
        // Ignoring a range is always right; judging `If-Range` would take the file's ETag first.
        if headers.remove(header::IF_RANGE).is_some() || !is_immutable {
            headers.remove(header::RANGE);
        }
        // Tags say more than dates; dates of what changes say too little.
        if conditions.if_none_match.is_some() || !is_immutable {
            headers.remove(header::IF_MODIFIED_SINCE);
        }
        if conditions.if_match.is_some() || !is_immutable {
            headers.remove(header::IF_UNMODIFIED_SINCE);
        }
        if is_head && !is_immutable {
            // Its ETag is made of its bytes.
            *request.method_mut() = Method::GET;
        }
        conditions
    }

    /// The answer to the request, from what the file service said. `zipper` is given for files that
    /// are worth compressing.
    pub(crate) async fn answer(self, response: Response, zipper: Option<&Zipper>) -> Response {
        let status = response.status();
        if status != StatusCode::OK && status != StatusCode::PARTIAL_CONTENT {
            return response;
        }
        let mut response = match self.is_immutable {
            true => response,
            false => match tag_by_content(response).await {
                Ok(response) => response,
                Err(refusal) => return refusal,
            },
        };
        let mut zipping = None;
        if let Some(zipper) = zipper {
            let vary = HeaderValue::from_static("accept-encoding");
            response.headers_mut().insert(header::VARY, vary);
            if self.accepts_gzip && !self.is_head && status == StatusCode::OK {
                zipping = zipper.admit(response.headers());
            }
        }
        if zipping.is_some() {
            mark_gzip(response.headers_mut());
        }
        let tag = response.headers().get(header::ETAG).cloned();
        if self
            .if_match
            .is_some_and(|list| !names(&list, tag.as_ref(), is_strong))
        {
            return StatusCode::PRECONDITION_FAILED.into_response();
        }
        if self
            .if_none_match
            .is_some_and(|list| names(&list, tag.as_ref(), |_| true))
        {
            return not_modified(&response);
        }
        if self.is_head {
            // The length stays: it is that of what a GET would have got.
            return response.map(|_| Body::empty());
        }
        match zipping {
            Some(slot) => zip(response, slot).await,
            None => response,
        }
    }
}

/// Compresses what is asked for, on few threads at once; when all are busy the plain bytes go out.
#[derive(Clone)]
pub(crate) struct Zipper(Arc<Semaphore>);

impl Zipper {
    /// As many threads as the machine has cores.
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(cores)))
    }

    fn admit(&self, headers: &HeaderMap) -> Option<OwnedSemaphorePermit> {
        let bytes = headers.get(header::CONTENT_LENGTH)?.to_str().ok()?;
        let bytes: usize = bytes.parse().ok()?;
        if !(GZIP_BYTES_MIN..=GZIP_BYTES_MAX).contains(&bytes) {
            return None;
        }
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}

/// The compressed bytes are another representation, so they have a tag of their own.
fn mark_gzip(headers: &mut HeaderMap) {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let tag = tag.and_then(|tag| Some(format!("{}-gzip\"", tag.strip_suffix('"')?)));
    match tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
        Some(tag) => headers.insert(header::ETAG, tag),
        None => headers.remove(header::ETAG),
    };
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    let gzip = HeaderValue::from_static("gzip");
    headers.insert(header::CONTENT_ENCODING, gzip);
}

async fn zip(response: Response, slot: OwnedSemaphorePermit) -> Response {
    let (parts, body) = response.into_parts();
    let Ok(plain) = to_bytes(body, GZIP_BYTES_MAX).await else {
        return unreadable();
    };
    let zipped = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::fast());
        encoder.write_all(&plain)?;
        encoder.finish()
    });
    match zipped.await {
        Ok(Ok(zipped)) => Response::from_parts(parts, Body::from(zipped)),
        // Memory is all it writes to; there is nothing to say about it.
        _ => unreadable(),
    }
}

fn unreadable() -> Response {
    tracing::error!("a published file could not be read to its end");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Gives a file that changes a tag made of its bytes. Large ones keep what the file service said.
async fn tag_by_content(response: Response) -> Result<Response, Response> {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::LAST_MODIFIED);
    parts.headers.remove(header::ACCEPT_RANGES);
    let length = parts.headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_none_or(|bytes| bytes > HASHED_BYTES_MAX) {
        return Ok(Response::from_parts(parts, body));
    }
    let bytes = to_bytes(body, HASHED_BYTES_MAX)
        .await
        .map_err(|_| unreadable())?;
    parts.headers.insert(header::ETAG, tag_of(&bytes));
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Nobody trusts a tag: what is published is verified by who reads it. So 64 bits are enough to
/// tell versions apart.
fn tag_of(bytes: &Bytes) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    let tag = format!("\"{:016x}-{:x}\"", hasher.finish(), bytes.len());
    HeaderValue::try_from(tag).expect("hex digits are a header value")
}

/// Section 15.4.5: what a 200 would have said about caching, and nothing about the content.
fn not_modified(response: &Response) -> Response {
    const KEPT: [HeaderName; 4] = [
        header::ETAG,
        header::CACHE_CONTROL,
        header::VARY,
        header::LAST_MODIFIED,
    ];
    let mut answer = StatusCode::NOT_MODIFIED.into_response();
    for name in KEPT {
        if let Some(value) = response.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

fn is_strong(listed: &str) -> bool {
    !listed.starts_with("W/")
}

/// Whether a list of tags names this one; `*` names any. Our tags hold no comma.
fn names(list: &HeaderValue, tag: Option<&HeaderValue>, counts: impl Fn(&str) -> bool) -> bool {
    let (Ok(list), Some(tag)) = (list.to_str(), tag) else {
        return false;
    };
    let mut listed = list
        .split(',')
        .map(str::trim)
        .filter(|listed| counts(listed));
    listed.any(|listed| {
        let opaque = listed.strip_prefix("W/").unwrap_or(listed);
        listed == "*" || opaque.as_bytes() == tag.as_bytes()
    })
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    codings.map(str::trim).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().trim_start_matches("q=").trim();
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|q| q > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(list: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(list));
        accepts_gzip(&headers)
    }

    #[test]
    fn gzip_is_used_only_by_who_asks_for_it() {
        assert!(!accepts_gzip(&HeaderMap::new()));
        for list in ["gzip", "GZIP", "br, gzip;q=0.5", "gzip ; q=1, identity"] {
            assert!(accepts(list), "{list}");
        }
        for list in [
            "",
            "identity",
            "gzip;q=0",
            "gzip;q=0.0",
            "gzip;q=x",
            "*",
            "gzippy",
        ] {
            assert!(!accepts(list), "{list}");
        }
    }

    #[test]
    fn a_list_names_a_tag_as_a_whole_weakly_or_strongly() {
        let tag = HeaderValue::from_static("\"a-1\"");
        let named = |list: &'static str, strong: bool| {
            let list = HeaderValue::from_static(list);
            names(&list, Some(&tag), |listed| !strong || is_strong(listed))
        };
        for list in ["\"a-1\"", "*", "\"b\", \"a-1\"", "\"b\",\"a-1\" ,\"c\""] {
            assert!(named(list, true) && named(list, false), "{list}");
        }
        assert!(named("W/\"a-1\"", false) && !named("W/\"a-1\"", true));
        for list in ["", "\"a\"", "\"a-1", "\"a-1-gzip\""] {
            assert!(!named(list, false), "{list}");
        }
    }
}
