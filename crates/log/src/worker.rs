//! Somebody who does one thing at a time, beside everything else.

use std::pin::Pin;

/// See the module. What it works with comes back with what it did.
pub(crate) struct Worker<W, T> {
    free: Option<W>,
    busy: Option<Busy<W, T>>,
}

type Busy<W, T> = Pin<Box<dyn Future<Output = (W, T)> + Send>>;

impl<W, T> Worker<W, T> {
    pub(crate) fn new(free: W) -> Self {
        Self {
            free: Some(free),
            busy: None,
        }
    }

    pub(crate) const fn is_free(&self) -> bool {
        self.free.is_some()
    }

    /// Begins something; nothing happens if something is being done already. It goes on only while
    /// [`Worker::done`] is awaited.
    pub(crate) fn begin<F>(&mut self, work: impl FnOnce(W) -> F)
    where
        F: Future<Output = (W, T)> + Send + 'static,
    {
        if let Some(worker) = self.free.take() {
            self.busy = Some(Box::pin(work(worker)));
        }
    }

    /// What was done, once it is; never, while nothing is being done. Dropping the future stops
    /// nothing.
    pub(crate) async fn done(&mut self) -> T {
        let Some(busy) = &mut self.busy else {
            return std::future::pending().await;
        };
        let (worker, done) = busy.await;
        self.busy = None;
        self.free = Some(worker);
        done
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_was_begun_goes_on_after_nobody_waited_for_it() {
        let mut worker = Worker::new(7u32);
        let (tell, told) = oneshot::channel::<u32>();
        worker.begin(|seven| async move { (seven, told.await.unwrap() + seven) });
        assert!(!worker.is_free());
        tokio::select! {
            biased;
            _ = worker.done() => panic!("nobody told it"),
            () = std::future::ready(()) => {}
        }
        tell.send(1).unwrap();
        assert_eq!(worker.done().await, 8);
        assert!(worker.is_free());
    }
}
