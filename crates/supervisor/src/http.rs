//! HTTP: one call that changes something, and one that shows what is refused.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use law::Code;
use serve::Problem;

use crate::{
    cosign::{Cosignature, SECOND_CANDIDATE},
    error::SupervisorError,
    log_access::{FollowedLog, LogError, OwnLog},
    serve_loop::Shared,
};

/// `POST /cosign/{role}`, `GET /cosigned/{role}/{version}` and `GET /refusals`.
pub async fn router<L, O>(shared: Shared<L, O>) -> Router
where
    L: FollowedLog + 'static,
    O: OwnLog + 'static,
{
    let refusals = shared.lock().await.shared_refusals().clone();
    let list = move || {
        let refusals = refusals.clone();
        async move { Json(refusals.list()) }
    };
    let list = get(list);
    Router::new()
        .route("/cosign/{role}", post(cosign::<L, O>))
        .route("/cosigned/{role}/{version}", get(cosigned::<L, O>))
        .with_state(shared)
        .route("/refusals", list)
}

async fn cosign<L, O>(
    State(shared): State<Shared<L, O>>,
    Path(role): Path<String>,
    candidate: Bytes,
) -> Result<Json<Cosignature>, Problem>
where
    L: FollowedLog + 'static,
    O: OwnLog + 'static,
{
    if let Some(problem) = unknown_role(&role) {
        return Err(problem);
    }
    // Signing goes on to its end even when the caller hangs up.
    let shared = Arc::clone(&shared);
    let signing = tokio::spawn(async move { shared.lock().await.cosign(&role, &candidate).await });
    match signing.await {
        Ok(answer) => answer.map(Json).map_err(|error| problem(&error)),
        Err(_) => Err(unavailable("the candidate could not be judged", "")),
    }
}

/// The file of a version that both signed.
async fn cosigned<L, O>(
    State(shared): State<Shared<L, O>>,
    Path((role, version)): Path<(String, u64)>,
) -> Result<Vec<u8>, Problem>
where
    L: FollowedLog + 'static,
    O: OwnLog + 'static,
{
    if let Some(problem) = unknown_role(&role) {
        return Err(problem);
    }
    let found = shared.lock().await.cosigned_file(&role, version);
    found.map_err(|error| problem(&error))?.ok_or_else(|| {
        let detail = "no candidate of this version was cosigned";
        Problem::new(
            StatusCode::NOT_FOUND,
            "metadata.version",
            "no such version",
            detail,
        )
    })
}

fn unknown_role(role: &str) -> Option<Problem> {
    if matches!(role, "targets" | "software" | "rules") {
        return None;
    }
    let problem = Problem::new(
        StatusCode::NOT_FOUND,
        "metadata.role",
        "no such role",
        "roles that are cosigned: targets, software, rules",
    );
    Some(problem.about("role", role))
}

/// The one place where a refusal becomes a status.
fn problem(error: &SupervisorError) -> Problem {
    match error {
        SupervisorError::Law(refusal) | SupervisorError::Log(LogError::Law(refusal)) => {
            let status = match refusal.code() {
                Code::MetadataMalformed => StatusCode::BAD_REQUEST,
                _ => StatusCode::FORBIDDEN,
            };
            let code = refusal.code();
            Problem::new(status, code.as_str(), code.meaning(), refusal.detail())
        }
        SupervisorError::SecondCandidate { .. } => Problem::new(
            StatusCode::CONFLICT,
            SECOND_CANDIDATE,
            "another candidate of this version was cosigned",
            error.to_string(),
        ),
        SupervisorError::PreviousLost { .. } => unavailable(
            "the file published before is not to be had",
            &error.to_string(),
        ),
        other => {
            // Paths and addresses of ours are nobody's business.
            tracing::error!(error = %other, cause = ?std::error::Error::source(other), "cosign");
            unavailable("the supervisor cannot judge at the moment", "")
        }
    }
}

fn unavailable(title: &str, detail: &str) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "supervisor.unavailable",
        title,
        detail,
    )
    .retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use law::Refusal;

    #[test]
    fn a_refusal_is_403_with_its_code_and_a_malformed_file_400() {
        let refused = SupervisorError::from(Refusal::new(Code::MetadataTarget, "x"));
        let answer = problem(&refused);
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.code, "metadata.target_without_release");
        let malformed = SupervisorError::from(Refusal::new(Code::MetadataMalformed, "x"));
        assert_eq!(problem(&malformed).status, StatusCode::BAD_REQUEST);
        let unreached = SupervisorError::from(LogError::Empty);
        assert_eq!(problem(&unreached).status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
