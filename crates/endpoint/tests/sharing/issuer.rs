//! An issuer in memory behind a real HTTP server, by the page `spec/admission.md` and nothing of the product.

use std::{
    fs,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, SecretKey};
use statement::{Admission, FileDigest, IssuerName, Subject};
use token::{
    Challenge, LICENCE_HEADER, Licence, RESPONSE_CONTENT_TYPE, SIGNATURE_HEADER, TokenRequest,
    TokenSecret, licence_message, signature_from_text,
};

use crate::{
    sharing::{
        cell::{Admits, NOT_AFTER, problem},
        street::Street,
    },
    world::{
        NOW,
        roster::{self, Key},
    },
};

const ISSUER: &str = "issuer.vendor.example";

/// Everything behind one address.
pub struct Inner {
    /// What it signs with.
    pub secret: TokenSecret,
    licence_key: [u8; 32],
    /// Every request that was signed, in order.
    pub signed: Vec<Vec<u8>>,
    /// Refuse everything by this status and code.
    pub refuse: Option<(u16, &'static str)>,
    /// Sign, and lose the answer.
    pub loses: bool,
}

#[derive(Clone)]
pub struct Issuer(Arc<Mutex<Inner>>);

impl Issuer {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// A street whose cell in Zurich asks for tokens of this issuer, and an endpoint with a licence.
    pub async fn beside(street: &mut Street) -> Self {
        let issuer = Self::known_to(street).await;
        issuer.announce(street);
        issuer
    }

    /// The endpoint knows it, and no cell asks for its tokens.
    pub async fn known_to(street: &mut Street) -> Self {
        let (licence_key, installation) = (
            SecretKey::from_seed(Algorithm::Ed25519, [1; 32]),
            SecretKey::from_seed(Algorithm::Ed25519, [2; 32]),
        );
        let path = street.dir.path().join("installation.pem");
        installation.save_new(&path, None).unwrap();
        street.config.installation = Some(path);
        let public = installation.public_key().try_into().unwrap();
        let signed = licence_key.sign(&licence_message(&public, NOW + 100));
        let licence = Licence::new(public, NOW + 100, signed.try_into().unwrap());
        let path = street.dir.path().join("licence");
        fs::write(&path, licence.to_text() + "\n").unwrap();
        street.config.licence = Some(path);
        let issuer = Self(Arc::new(Mutex::new(Inner {
            secret: TokenSecret::from_seed(&[3; 32]).unwrap(),
            licence_key: licence_key.public_key().try_into().unwrap(),
            signed: Vec::new(),
            refuse: None,
            loses: false,
        })));
        let router = Router::new()
            .route("/token-request", post(sign))
            .with_state(issuer.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        street.config.center[0].issuer_url = Some(url);
        issuer
    }

    /// The log names its key for Zurich, and the cell asks for it.
    pub fn announce(&self, street: &Street) {
        let key = self.lock().secret.public().clone();
        let midnight = NOW - NOW % 86_400;
        let said = Admission {
            audience: vec![roster::origin()],
            not_after: NOT_AFTER,
            blobs: Vec::new(),
            home: "CH".parse().unwrap(),
            issuer: ISSUER.parse().unwrap(),
            key: STANDARD.encode(key.spki()),
            valid_from: midnight,
            valid_until: midnight + 3 * 86_400,
        };
        let challenge = Challenge::of(&said);
        let about = Subject::new("key", FileDigest::of(key.spki()));
        let mut world = street.world.lock().unwrap();
        let (at, _) = world.say(&Key::of("vendor/center"), said.into(), about);
        drop(world);
        let mut inner = street.zurich.lock();
        inner.epoch_entries.push(at);
        inner.admits = Some(Admits {
            key,
            challenge,
            spent: Default::default(),
            refuses: false,
        });
        drop(inner);
        street.show();
    }
}

async fn sign(State(issuer): State<Issuer>, headers: HeaderMap, body: Bytes) -> Response {
    let mut inner = issuer.lock();
    if let Some((status, code)) = inner.refuse {
        return problem(status, code);
    }
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let licence = Licence::from_text(&text(LICENCE_HEADER)).unwrap();
    let signature = signature_from_text(&text(SIGNATURE_HEADER)).unwrap();
    let name: IssuerName = ISSUER.parse().unwrap();
    let request = TokenRequest::parse(&body).unwrap();
    let known = licence.check(&[inner.licence_key], (&name, &request), &signature, NOW);
    if known.is_err() {
        return problem(401, "issuer.licence");
    }
    inner.signed.push(body.to_vec());
    if inner.loses {
        return problem(503, "issuer.unavailable");
    }
    // With whatever key it has: one that the endpoint did not ask for as well.
    let mut own = body.to_vec();
    own[2] = inner.secret.public().truncated_id();
    let request = TokenRequest::parse(&own).unwrap();
    let signed = inner.secret.sign(&request, &[9; 32]).unwrap_or([7; 256]);
    let kind = [("content-type", RESPONSE_CONTENT_TYPE)];
    (kind, signed.to_vec()).into_response()
}
