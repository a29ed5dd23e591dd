//! What a submitter hears when the answer is no: one switch from refusals to statuses.

use axum::http::StatusCode;
use law::Code;
use serve::Problem;

use crate::error::{CallRefusal, SubmitRefusal, chain};
use crate::meters::Meters;

/// Which refusal has which status.
pub(crate) fn refuse(refusal: &SubmitRefusal, meters: &Meters) -> Problem {
    let problem = problem_of(refusal);
    meters.refused(problem.code);
    problem
}

fn problem_of(refusal: &SubmitRefusal) -> Problem {
    let causes = || {
        std::error::Error::source(refusal)
            .map(chain)
            .unwrap_or_default()
    };
    let problem =
        |status, code, detail: String| Problem::new(status, code, refusal.to_string(), detail);
    match refusal {
        SubmitRefusal::Envelope(statement::EnvelopeError::TooLong { .. }) => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, "submit.too_long", causes())
        }
        SubmitRefusal::Envelope(_) | SubmitRefusal::Statement(_) => problem(
            StatusCode::BAD_REQUEST,
            Code::EntryMalformed.as_str(),
            causes(),
        ),
        SubmitRefusal::Law(refusal) => Problem::new(
            status_of(refusal.code()),
            refusal.code().as_str(),
            refusal.code().meaning(),
            refusal.detail(),
        ),
        SubmitRefusal::BlobMissing { digest } => {
            let detail = "Put it to /blob/ and its digest first, then submit again.".to_owned();
            problem(StatusCode::CONFLICT, "submit.blob_missing", detail)
                .about("blobs", &digest.to_string())
        }
        SubmitRefusal::Quota { wait } => {
            let seconds = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            let detail = format!(
                "Nothing was taken; submit again in {seconds} s. Other keys are not held up."
            );
            problem(StatusCode::TOO_MANY_REQUESTS, "submit.quota", detail).retry_after(seconds)
        }
        SubmitRefusal::Busy { seconds } => {
            let detail = format!("Nothing was taken; submit again in {seconds} s.");
            problem(StatusCode::SERVICE_UNAVAILABLE, "submit.busy", detail).retry_after(*seconds)
        }
        SubmitRefusal::Unavailable => {
            let detail = "Submit the same bytes again; an entry is never taken twice.".to_owned();
            problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "submit.unavailable",
                detail,
            )
            .retry_after(1)
        }
    }
}

/// The same for a batch call as a whole.
pub(crate) fn refuse_call(refusal: &CallRefusal, meters: &Meters) -> Problem {
    let detail = std::error::Error::source(refusal).map(chain);
    let detail = detail.unwrap_or_else(|| "Nothing of it was taken.".to_owned());
    let problem = |status, code| Problem::new(status, code, refusal.to_string(), detail);
    let problem = match refusal {
        CallRefusal::Length => problem(StatusCode::LENGTH_REQUIRED, "batch.length"),
        CallRefusal::TooLarge { bytes, .. } => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, "batch.too_large")
                .about("content-length", &bytes.to_string())
        }
        CallRefusal::TooMany { .. } => problem(StatusCode::PAYLOAD_TOO_LARGE, "batch.too_many"),
        CallRefusal::Malformed(_) | CallRefusal::Broken => {
            problem(StatusCode::BAD_REQUEST, "batch.malformed")
        }
        CallRefusal::Busy { seconds } => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "submit.busy").retry_after(*seconds)
        }
        CallRefusal::Unavailable => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "submit.unavailable").retry_after(1)
        }
    };
    meters.refused(problem.code);
    problem
}

/// The law knows no HTTP: malformed is 400, too early is 409, not entitled is 403.
fn status_of(code: Code) -> StatusCode {
    match code {
        Code::EntryMalformed => StatusCode::BAD_REQUEST,
        Code::EntryNoConstitution | Code::ConstitutionVersion | Code::ConstitutionDelay => {
            StatusCode::CONFLICT
        }
        _ => StatusCode::FORBIDDEN,
    }
}
