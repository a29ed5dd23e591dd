//! The network: requests and answers that are delayed, lost, doubled and overtaken.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use serve::{Carried, CarriedReply, Carrier, Carrying, Client, ClientConfig};
use tokio::sync::oneshot;

use crate::fate::{Dice, Fate};
use crate::hub::Hub;
use crate::life::Life;
use crate::weather::Weather;

/// An answer under way.
pub(crate) type Answering = Pin<Box<dyn Future<Output = CarriedReply> + Send>>;

/// What answers at an address.
pub(crate) type Handler = Arc<dyn Fn(Carried) -> Answering + Send + Sync>;

/// Sees each answer on its way back: where it comes from, the path asked, the answer.
pub(crate) type Tap = Box<dyn Fn(&str, &Carried, &CarriedReply) + Send + Sync>;

/// See the module.
pub(crate) struct Net {
    hub: Arc<Hub>,
    fate: Arc<Fate>,
    weather: Arc<Weather>,
    places: Mutex<BTreeMap<String, Handler>>,
    tap: Tap,
}

/// The network from one place.
pub(crate) struct Line {
    net: Arc<Net>,
    from: String,
    life: Option<Arc<Life>>,
    /// Whether the weather is felt on it.
    is_perfect: bool,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({})", self.from)
    }
}

impl Net {
    pub(crate) fn new(
        (hub, fate, weather): (Arc<Hub>, Arc<Fate>, Arc<Weather>),
        tap: Tap,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub,
            fate,
            weather,
            places: Mutex::default(),
            tap,
        })
    }

    /// Has `handler` answer at a name from now on, or nobody.
    pub(crate) fn put(&self, name: &str, handler: Option<Handler>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match handler {
            Some(handler) => places.insert(name.to_owned(), handler),
            None => places.remove(name),
        };
    }

    /// Nobody answers anywhere any more.
    pub(crate) fn clear(&self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = std::mem::take(&mut *places);
        drop(places);
        drop(gone);
    }

    fn at(&self, name: &str) -> Option<Handler> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(name).cloned()
    }

    /// The way from a place; a process sends nothing after its life.
    pub(crate) fn line(self: &Arc<Self>, from: &str, life: Option<Arc<Life>>) -> Arc<Line> {
        Arc::new(Line {
            net: Arc::clone(self),
            from: from.to_owned(),
            life,
            is_perfect: false,
        })
    }

    /// An HTTP client at a place.
    pub(crate) fn client(self: &Arc<Self>, from: &str, timeout_ms: u64) -> Client {
        Client::carried_by(self.line(from, None), &patience(timeout_ms))
    }

    /// An HTTP client that the weather does not touch, for who judges in the end.
    pub(crate) fn perfect_client(self: &Arc<Self>) -> Client {
        let line = Line {
            net: Arc::clone(self),
            from: "judge".to_owned(),
            life: None,
            is_perfect: true,
        };
        Client::carried_by(Arc::new(line), &patience(5_000))
    }

    /// Delivers a request: what answers is asked now, its answer travels back.
    fn deliver(
        self: &Arc<Self>,
        (to, request): (String, Carried),
        mut dice: Dice,
        back: Option<oneshot::Sender<Option<CarriedReply>>>,
    ) {
        let net = Arc::clone(self);
        let delay = dice.delay(self.weather.delay());
        let Some(handler) = self.at(&to) else {
            self.hub.after(delay, &mut dice, move || {
                back.and_then(|back| back.send(None).ok());
            });
            return;
        };
        let answer = handler(request.clone());
        tokio::spawn(async move {
            let reply = answer.await;
            let hub = Arc::clone(&net.hub);
            hub.after(delay, &mut dice, move || {
                (net.tap)(&to, &request, &reply);
                back.and_then(|back| back.send(Some(reply)).ok());
            });
        });
    }

    async fn carry(self: Arc<Self>, line: &Line, request: Carried) -> Option<CarriedReply> {
        let address = request.url.strip_prefix("http://").unwrap_or(&request.url);
        let to = address.split('/').next().unwrap_or_default().to_owned();
        let body = tlog::sha256(&request.body);
        let url = request.url.as_bytes();
        let name: [&[u8]; 4] = [b"net", line.from.as_bytes(), url, body.as_bytes()];
        let mut dice = self.fate.dice(&name);
        if line.life.as_ref().is_some_and(|life| life.is_over()) {
            return std::future::pending().await;
        }
        let is_off = |place: &str| !line.is_perfect && self.weather.is_cut_off(place);
        let (mut lost, mut doubled, mut delay) = (
            self.weather.lost(),
            self.weather.doubled(),
            self.weather.delay(),
        );
        if line.is_perfect {
            (lost, doubled, delay) = (0, 0, 5);
        }
        let is_lost = dice.hits(lost) || is_off(&line.from) || is_off(&to);
        let answer_is_lost = dice.hits(lost);
        let (tell, told) = oneshot::channel();
        let mut keep = Some(tell);
        if dice.hits(doubled) {
            let (net, again, mut dice) = (Arc::clone(&self), request.clone(), dice.clone());
            let (to, after) = (to.clone(), dice.delay(delay * 20));
            let hub = Arc::clone(&self.hub);
            hub.after(after, &mut dice.clone(), move || {
                net.deliver((to, again), dice, None);
            });
        }
        if !is_lost {
            let (net, after) = (Arc::clone(&self), dice.delay(delay));
            let back = (!answer_is_lost).then(|| keep.take()).flatten();
            let hub = Arc::clone(&self.hub);
            hub.after(after, &mut dice.clone(), move || {
                net.deliver((to, request), dice, back);
            });
        }
        match told.await {
            Ok(reply) => reply,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Carrier for Line {
    fn carry(&self, request: Carried) -> Carrying<'_> {
        Box::pin(Arc::clone(&self.net).carry(self, request))
    }
}

const fn patience(timeout_ms: u64) -> ClientConfig {
    ClientConfig {
        connect_timeout_ms: timeout_ms,
        total_timeout_ms: timeout_ms,
    }
}

/// Largest answer that a room gives, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Asks the routes of a room, as a server would that heard this request.
pub(crate) async fn ask(router: Router, request: Carried) -> CarriedReply {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let mut builder = Request::builder()
        .method(request.method)
        .uri(format!("/{path}"))
        .header(header::CONTENT_LENGTH, request.body.len());
    for (name, value) in &request.headers {
        builder = builder.header(*name, value);
    }
    let request = builder
        .body(Body::from(request.body))
        .expect("clients of ours make requests that can be sent");
    let response = match TowerToHyperService::new(router).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|kind| Some(kind.to_str().ok()?.to_owned()));
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), ANSWER_BYTES_MAX).await;
    CarriedReply {
        status,
        content_type,
        body: body.unwrap_or_default(),
    }
}
