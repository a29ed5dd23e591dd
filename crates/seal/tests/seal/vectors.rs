//! The cases of `spec/vectors/sealing.json`, written by a program in another language that shares nothing with this crate.

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use seal::{
    Address, Ciphertext, ContentKey, ContentOpener, EpochKey, EpochKeys, Front, Header, Missealed,
    Opened, SealError, Sealer, Seed, Side, UploadKey, WrapOpener, WrapSecret, disclosure_message,
    erasure_message,
    limits::{CHUNK_BYTES, TAG_BYTES},
    upload_message,
};
use serde_json::{Value, json};
use statement::{EpochPurpose, SealDigest, StatementDigest};
use zeroize::Zeroizing;

use crate::cast;

const PURPOSES: [EpochPurpose; 3] = [
    EpochPurpose::Analysis,
    EpochPurpose::Center,
    EpochPurpose::Supervisor,
];

static FILE: LazyLock<Value> = LazyLock::new(|| {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/vectors");
    let text = std::fs::read_to_string(root.join("sealing.json")).unwrap();
    serde_json::from_str(&text).unwrap()
});

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field}: {value}"))
}

/// A text stands for its bytes; what is no text is `{"base64": ...}`.
fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => STANDARD.decode(text(other, "base64")).unwrap(),
    }
}

fn hex<const N: usize>(value: &Value, field: &str) -> [u8; N] {
    hex::decode(text(value, field)).unwrap().try_into().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    tlog::sha256(bytes).to_hex()
}

/// What the generator calls noise: digests of a label and of how much there is already.
fn noise(label: &str, length: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while out.len() < length {
        let block = format!("limpid vectors: {label} {}", out.len());
        out.extend_from_slice(tlog::sha256(block.as_bytes()).as_bytes());
    }
    out.truncate(length);
    out
}

fn secret(purpose: EpochPurpose) -> WrapSecret {
    WrapSecret::from_seed(&hex(&FILE["epochs"][purpose.as_str()], "secret"))
}

fn epoch_keys() -> EpochKeys {
    let [analysis, center, supervisor] = PURPOSES.map(|purpose| {
        let digest = text(&FILE["epochs"][purpose.as_str()], "epoch");
        let epoch = cast::epoch(purpose, "CH", &secret(purpose));
        EpochKey::read(digest.parse().unwrap(), &epoch).unwrap()
    });
    EpochKeys::new(analysis, center, supervisor).unwrap()
}

/// The answer of this crate in the words of the vectors: what came out, or how it was refused.
type Answer = Result<Value, String>;

fn refused(error: &SealError) -> String {
    match error {
        SealError::Header(_) | SealError::Size { .. } | SealError::FrontLength { .. } => {
            "form".to_owned()
        }
        SealError::OtherEpoch { .. } => "epoch".to_owned(),
        SealError::EpochHome { .. } => "home".to_owned(),
        SealError::Wrap { .. } => "wrap".to_owned(),
        SealError::ChunkLength { .. } => "length".to_owned(),
        SealError::Unfinished { .. } => "unfinished".to_owned(),
        SealError::Chunk { index } => format!("chunk {index}"),
        SealError::OtherSeal { .. } => "other seal".to_owned(),
        other => other.to_string(),
    }
}

fn missealed(error: &Missealed) -> String {
    match error {
        Missealed::Wrap { side } => format!("missealed {side} wrap"),
        Missealed::Share { side } => format!("missealed {side} share"),
    }
}

fn header(case: &Value) -> Answer {
    let bytes = bytes(&case["header"]);
    let header = Header::parse(&bytes).map_err(|error| refused(&error))?;
    assert_eq!(header.as_bytes(), bytes);
    Ok(json!({
        "sha256": header.digest().to_hex(),
        "ciphertext_bytes": header.ciphertext_bytes(),
    }))
}

fn derive(case: &Value) -> Answer {
    let seed = Seed::new(Zeroizing::new(hex(case, "seed")));
    let [center, supervisor] = Side::BOTH.map(|side| seed.share(side));
    // The key of the content is only ever given for a header, so it is compared where files are opened.
    Ok(json!({
        "center": hex::encode(center.expose()),
        "supervisor": hex::encode(supervisor.expose()),
    }))
}

fn sealed(case: &Value) -> (seal::Sealed, Vec<u8>) {
    let file = match case.get("file") {
        Some(file) => bytes(file),
        None => {
            let length = case["file_bytes"].as_u64().unwrap();
            noise(text(case, "file_noise"), length.try_into().unwrap())
        }
    };
    let address = Address {
        sample: text(case, "sample").parse().unwrap(),
        upload_key: UploadKey::from_raw(&hex(case, "upload_key")).unwrap(),
        home: text(case, "home").parse().unwrap(),
        region: text(case, "region").parse().unwrap(),
        policy: text(case, "policy").parse().unwrap(),
        size_bytes: file.len() as u64,
    };
    let seed = Seed::new(Zeroizing::new(hex(case, "seed")));
    Sealer::start(address, &epoch_keys(), &seed, &hex(case, "randomness"))
        .unwrap()
        .seal_all(&file)
        .unwrap()
}

fn seal(case: &Value) -> Answer {
    let (sealed, ciphertext) = sealed(case);
    let front = &sealed.front;
    let mut taken_in = Ciphertext::new(front.header());
    taken_in.update(&ciphertext).unwrap();
    assert_eq!(taken_in.finish().unwrap(), sealed.seal);
    let wraps = PURPOSES.map(|purpose| {
        let wrap = front.wraps().get(purpose);
        (purpose.to_string(), sha256(wrap.as_bytes()))
    });
    Ok(json!({
        "header": std::str::from_utf8(front.header().as_bytes()).unwrap(),
        "wraps": BTreeMap::from(wraps),
        "front_sha256": sha256(&front.to_bytes()),
        "ciphertext_sha256": sha256(&ciphertext),
        "seal": sealed.seal.to_string(),
    }))
}

fn open(case: &Value) -> Answer {
    let front = Front::parse(&bytes(&case["front"])).map_err(|error| refused(&error))?;
    let (keys, opener) = (epoch_keys(), secret(EpochPurpose::Analysis));
    let key = Opened::with_analysis_key(&front, &keys, &opener)
        .map_err(|error| refused(&error))?
        .check_rest_wraps()
        .map_err(|error| missealed(&error))?;
    let seal: SealDigest = text(case, "seal").parse().unwrap();
    let file = ContentOpener::new(front.header(), &key)
        .open_all(&bytes(&case["ciphertext"]), &seal)
        .map_err(|error| refused(&error))?;
    Ok(json!({"file": std::str::from_utf8(&file).unwrap()}))
}

/// Chunks of the sample `three`, as another case sealed it, put together anew.
fn parts(case: &Value) -> Vec<u8> {
    let cases = FILE["cases"].as_array().unwrap();
    let three = cases
        .iter()
        .find(|case| case["name"] == "the_sample_three")
        .unwrap();
    let (_, ciphertext) = sealed(three);
    let chunks: Vec<&[u8]> = ciphertext.chunks(CHUNK_BYTES + TAG_BYTES).collect();
    let digests: Vec<String> = chunks.iter().map(|chunk| sha256(chunk)).collect();
    assert_eq!(json!(digests), FILE["chunks"]["sha256"]);
    let mut out = Vec::new();
    for part in case["parts"].as_array().unwrap() {
        let number = |field: &str| part.get(field).map(|n| n.as_u64().unwrap() as usize);
        let mut piece = match number("chunk") {
            Some(index) => chunks[index].to_vec(),
            None => bytes(&part["bytes"]),
        };
        if let Some(at) = number("flip") {
            piece[at] ^= 1;
        }
        piece.truncate(piece.len() - number("cut").unwrap_or(0));
        out.extend_from_slice(&piece);
    }
    out
}

fn content(case: &Value) -> Answer {
    let header = Header::parse(&bytes(&case["header"])).unwrap();
    let key = ContentKey::received(Zeroizing::new(hex(case, "key")));
    let seal: SealDigest = text(case, "seal").parse().unwrap();
    let file = ContentOpener::new(&header, &key)
        .open_all(&parts(case), &seal)
        .map_err(|error| refused(&error))?;
    Ok(json!({"sha256": sha256(&file)}))
}

fn demand(case: &Value) -> Answer {
    let key = UploadKey::from_raw(&hex(case, "upload_key")).unwrap();
    let seal: SealDigest = text(case, "seal").parse().unwrap();
    let message = match text(case, "kind") {
        "upload" => {
            let wraps: StatementDigest = text(case, "wraps").parse().unwrap();
            upload_message(&seal, wraps.hash())
        }
        "erase" => erasure_message(&text(case, "sample").parse().unwrap(), &seal),
        "disclose" => disclosure_message(&text(case, "sample").parse().unwrap(), &seal),
        other => panic!("{other}"),
    };
    key.verify(&message, &hex(case, "signature"))
        .map_err(|error| refused(&error))?;
    Ok(json!({"message": String::from_utf8(message).unwrap()}))
}

fn public_key(case: &Value) -> Answer {
    let raw = WrapSecret::from_seed(&hex(case, "secret")).wrap_key().raw();
    Ok(json!({"base64": STANDARD.encode(raw)}))
}

#[test]
fn every_case_of_the_vectors_is_answered_as_it_says() {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for case in FILE["cases"].as_array().unwrap() {
        let (name, op) = (text(case, "name"), text(case, "op"));
        *asked.entry(op).or_default() += 1;
        let answer = match op {
            "header" => header(case),
            "derive" => derive(case),
            "public_key" => public_key(case),
            "seal" => seal(case),
            "open" => open(case),
            "content" => content(case),
            "demand" => demand(case),
            other => panic!("nobody runs {other}"),
        };
        match (text(case, "expect"), answer) {
            ("ok", Ok(result)) if op == "derive" => {
                for (share, value) in result.as_object().unwrap() {
                    assert_eq!(case["result"][share], *value, "{name}: {share}");
                }
            }
            ("ok", Ok(result)) => assert_eq!(case["result"], result, "{name}"),
            ("error", Err(how)) => {
                // Where the case says how, it is refused for that and for nothing else.
                if let Some(expected) = case.get("how") {
                    assert_eq!(*expected, how, "{name}");
                }
            }
            (expected, answer) => panic!("{name}: {expected} expected, got {answer:?}"),
        }
    }
    assert_eq!(asked.len(), 7);
    assert!(asked.values().sum::<usize>() > 130, "{asked:?}");
}
