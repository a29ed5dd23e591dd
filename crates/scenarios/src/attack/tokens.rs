//! Attacks on admission: one right for two samples, and an issuer that wants to know its tokens again.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    ops::ControlFlow,
    thread,
};

use anyhow::{Context as _, Result, bail};
use endpoint::sharing;
use token::{TokenRequest, TokenSecret, limits::REQUEST_BYTES};

use super::{
    Caught, Outcome,
    custody::{FILE, caught_by_cell, honest},
    hand_sealed::{HandSealed, Target, Wrong},
    stage::Stage,
};
use crate::sharer::Sharer;

/// Somebody shares a token with a friend, or an endpoint's disk was copied.
pub(super) async fn spent_token(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let target = Target::of(world, "CH").await?;
    let token = world.token("CH").await?;
    let first = HandSealed::of(FILE.1, &target, Wrong::Nothing)?;
    first.send_with(world, "CH", &token).await?;
    // An answer that was lost is asked for again with the same token.
    first.send_with(world, "CH", &token).await?;
    let second = HandSealed::of(b"another file", &target, Wrong::Nothing)?;
    let caught = caught_by_cell(second.send_with(world, "CH", &token).await)?;
    second.send(world, "CH").await??;
    Ok(Outcome {
        honest: "with a token of its own the second file is taken".to_owned(),
        caught,
    })
}

/// What an issuer of this kind does, once: it signs for whoever asks, with a key that it shows nobody else.
fn sign_with_own_key(listener: &TcpListener, own: &TokenSecret) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    let mut asked = Vec::new();
    let mut piece = [0; 4096];
    let body = loop {
        let count = stream.read(&mut piece)?;
        asked.extend_from_slice(&piece[..count]);
        let head = asked.windows(4).position(|part| part == b"\r\n\r\n");
        match head.map(|head| &asked[head + 4..]) {
            Some(body) if body.len() >= REQUEST_BYTES => break body.to_vec(),
            _ if count == 0 => bail!("the endpoint asked for nothing"),
            _ => {}
        }
    };
    let mut request = body[..REQUEST_BYTES].to_vec();
    request[2] = own.public().truncated_id();
    // A number that its modulus is too small for; any other number is no better a signature.
    let signed = own.sign(&TokenRequest::parse(&request)?, &[1; 32]);
    let signed = signed.unwrap_or([7; 256]);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        token::RESPONSE_CONTENT_TYPE,
        signed.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&signed)?;
    Ok(())
}

/// One endpoint is led to an issuer that signs for it with a key of its own: whoever shows such a token would be known again.
pub(super) async fn tagging_key(stage: &mut Stage) -> Result<Outcome> {
    stage.open_cells().await?;
    let world = &stage.world;
    let (now, go_on) = (release::system_clock(), |_| ControlFlow::Continue(()));
    let plain = honest(world, "endpoint-untagged", FILE)?;
    plain.agree("DE")?;
    plain.seal().await?;
    let sent = sharing::send(&plain.config, now, &go_on).await?;
    if sent.tokens == 0 {
        bail!("the honest twin got no token: {sent}");
    }

    let own = TokenSecret::from_seed(&[7; 32])?;
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen for an endpoint")?;
    let url = format!("http://{}", listener.local_addr()?);
    let mut tagged: Sharer = honest(world, "endpoint-tagged", FILE)?;
    for center in &mut tagged.config.center {
        center.issuer_url = (center.home.as_str() == "CH").then(|| url.clone());
    }
    tagged.agree("DE")?;
    // Sealing asks for one token; its endpoint goes on without it.
    let issuer = thread::spawn(move || {
        sign_with_own_key(&listener, &own)?;
        sign_with_own_key(&listener, &own)
    });
    tagged.seal().await?;
    let sent = sharing::send(&tagged.config, now, &go_on).await?;
    match issuer.join() {
        Ok(done) => done?,
        Err(_) => bail!("the issuer with a key of its own fell over"),
    }
    if !sent.sent.is_empty() {
        bail!("a sample went with a token of that key: {sent}");
    }
    let refused = sent.unissued.first();
    Ok(Outcome {
        honest: "an endpoint of the honest issuer got its tokens".to_owned(),
        caught: refused.map(|(_, why)| Caught {
            code: why.split(':').next().unwrap_or_default().to_owned(),
            detail: why.clone(),
        }),
    })
}
