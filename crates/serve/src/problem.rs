//! Refusals as RFC 9457 problem details: the one form in which a daemon says no.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::limits::VALUE_CHARS_MAX;

/// A refusal. `type` is left out, which RFC 9457 reads as `about:blank`; programs look at
/// `code`, people at the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable name of the failed check.
    pub code: &'static str,
    /// What happened, the same for every occurrence.
    pub title: String,
    /// What happened this time and what to do.
    pub detail: String,
    /// The field of the input that is wrong.
    pub field: Option<String>,
    /// Its value, at most 200 characters.
    pub value: Option<String>,
    /// When to try again, in seconds.
    pub retry_after_seconds: Option<u32>,
}

#[derive(Serialize)]
struct Wire<'a> {
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl Problem {
    /// A problem without field and value.
    #[must_use]
    pub fn new(
        status: StatusCode,
        code: &'static str,
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            title: title.into(),
            detail: detail.into(),
            field: None,
            value: None,
            retry_after_seconds: None,
        }
    }

    /// Names the wrong field and its value; the value is cut to 200 characters.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>, value: &str) -> Self {
        self.field = Some(field.into());
        self.value = Some(value.chars().take(VALUE_CHARS_MAX).collect());
        self
    }

    /// Tells when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The problem as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let value: Option<String> = self
            .value
            .as_ref()
            .map(|value| value.chars().take(VALUE_CHARS_MAX).collect());
        let wire = Wire {
            title: &self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            field: self.field.as_deref(),
            value: value.as_deref(),
        };
        serde_json::to_vec(&wire).expect("a struct of strings and a number is JSON")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.to_json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let problem = Problem::new(StatusCode::BAD_REQUEST, "origin", "bad origin", "")
            .about("origin", &"ü".repeat(300));
        let json: serde_json::Value = serde_json::from_slice(&problem.to_json()).unwrap();
        assert_eq!(json["value"].as_str().unwrap().chars().count(), 200);
        assert_eq!(json["field"], "origin");
        assert_eq!(json["status"], 400);
        assert!(json.get("detail").is_none());
    }
}
