//! How samples come into the cell of the tests: in one call, or begun, in pieces and completed.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use seal::{Front, upload_message};
use serde_json::json;

use super::cell::{Cell, Sample, problem};
use crate::world::NOW;

fn told(id: &str, sample: &Sample) -> Response {
    let (offset, length) = (
        sample.ciphertext.len() as u64,
        sample.front.header().ciphertext_bytes(),
    );
    Json(json!({"sample": id, "offset": offset, "length": length})).into_response()
}

pub async fn whole(State(cell): State<Cell>, headers: HeaderMap, body: Bytes) -> Response {
    if cell.lock().in_pieces {
        return problem(409, "intake.offset");
    }
    let front = body
        .len()
        .min(Front::bytes_in_all([body[0], body[1]]).unwrap());
    let (front, rest) = body.split_at(front);
    let (ciphertext, signature) = rest.split_last_chunk::<64>().unwrap();
    let begun = begin(State(cell.clone()), headers, body.slice_ref(front)).await;
    if !begun.status().is_success() {
        return begun;
    }
    let id = Front::parse(front)
        .unwrap()
        .header()
        .address()
        .sample
        .to_string();
    {
        let mut inner = cell.lock();
        let sample = inner.samples.get_mut(&id).unwrap();
        if !sample.completed {
            sample.ciphertext = ciphertext.to_vec();
        }
    }
    let signature = body.slice_ref(signature);
    complete(State(cell), Path(id), signature).await
}

pub async fn begin(State(cell): State<Cell>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = cell.lock();
    inner.hear(&body);
    if let Some(code) = inner.refuse {
        return problem(if code.ends_with("full") { 503 } else { 403 }, code);
    }
    let Ok(front) = Front::parse(&body) else {
        return problem(400, "intake.front");
    };
    if front.header().address().home != inner.home {
        return problem(403, "intake.home");
    }
    let id = front.header().address().sample.to_string();
    let is_known = inner.samples.contains_key(&id);
    if let Some(admits) = inner.admits.as_mut().filter(|_| !is_known)
        && let Some((status, code)) = admits.refusal(&headers, &id)
    {
        return problem(status, code);
    }
    let sample = inner.samples.entry(id.clone()).or_insert_with(|| Sample {
        front: front.clone(),
        ciphertext: Vec::new(),
        completed: false,
        again: Vec::new(),
        erased: None,
        receipt: None,
        verdict: None,
    });
    if sample.front != front {
        return problem(409, "intake.replayed");
    }
    told(&id, sample)
}

pub async fn progress(State(cell): State<Cell>, Path(id): Path<String>) -> Response {
    let inner = cell.lock();
    inner.samples.get(&id).map_or_else(
        || problem(404, "intake.unknown"),
        |sample| told(&id, sample),
    )
}

pub async fn piece(
    State(cell): State<Cell>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut inner = cell.lock();
    inner.hear(&body);
    let keeps = inner.piece_bytes;
    let Some(sample) = inner.samples.get_mut(&id) else {
        return problem(404, "intake.unknown");
    };
    let offset: usize = headers["upload-offset"].to_str().unwrap().parse().unwrap();
    if offset != sample.ciphertext.len() {
        return problem(409, "intake.offset");
    }
    sample
        .ciphertext
        .extend_from_slice(&body[..body.len().min(keeps)]);
    told(&id, sample)
}

pub async fn complete(State(cell): State<Cell>, Path(id): Path<String>, body: Bytes) -> Response {
    let mut inner = cell.lock();
    inner.hear(&body);
    let Some(sample) = inner.samples.get_mut(&id) else {
        return problem(404, "intake.unknown");
    };
    let address = sample.front.header().address().clone();
    let seal = sample.seal();
    let message = upload_message(&seal, &sample.front.wraps().digest());
    let signature: [u8; 64] = body.as_ref().try_into().unwrap();
    if address.upload_key.verify(&message, &signature).is_err() {
        return problem(403, "intake.signature");
    }
    if !sample.completed {
        sample.completed = true;
        inner.take_in(&id);
    }
    Json(json!({"sample": id, "seal": seal.to_string(), "received": NOW + 5})).into_response()
}
