//! The load generator: connections that are kept, and every latency counted.
//!
//! Of our own, so that nothing need be installed, and exact: no histogram
//! stands between a request and the percentile that it falls into.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A request, with a body that can be sent again.
pub(crate) type Call = Request<Full<Bytes>>;

/// When to stop.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After so long; the calls are repeated in turn.
    Elapsed(Duration),
    /// When each call has been made once.
    AllCalled,
}

/// What is asked of whom, and how hard.
#[derive(Clone)]
pub(crate) struct Load {
    address: SocketAddr,
    calls: Arc<[Call]>,
    connections: usize,
    until: Until,
    pause: Duration,
    expected: Vec<StatusCode>,
}

impl Load {
    /// Each of `calls` once, one after another, each to be answered by 200.
    pub(crate) fn once(address: SocketAddr, calls: Vec<Call>) -> Self {
        Self {
            address,
            calls: calls.into(),
            connections: 1,
            until: Until::AllCalled,
            pause: Duration::ZERO,
            expected: vec![StatusCode::OK],
        }
    }

    pub(crate) fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Repeats the calls for so long.
    pub(crate) fn during(mut self, time: Duration) -> Self {
        self.until = Until::Elapsed(time);
        self
    }

    /// Lets each connection rest between two calls.
    pub(crate) fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Whatever else is answered is an error: a refusal is soon given, and
    /// must not be taken for speed.
    pub(crate) fn expect(mut self, status: StatusCode) -> Self {
        self.expected = vec![status];
        self
    }

    /// This one is right as well.
    pub(crate) fn or(mut self, status: StatusCode) -> Self {
        self.expected.push(status);
        self
    }

    /// Makes the calls, on a thread of its own.
    pub(crate) async fn run(&self) -> Result<Figures> {
        let load = Arc::new(self.clone());
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(load.drive())
        })
        .await?
    }

    async fn drive(self: Arc<Self>) -> Result<Figures> {
        let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            connections.spawn(Arc::clone(&self).converse(Arc::clone(&next), started));
        }
        let mut latencies = Vec::new();
        while let Some(ended) = connections.join_next().await {
            latencies.extend(ended??);
        }
        Ok(Figures::new(latencies, started.elapsed()))
    }

    async fn converse(
        self: Arc<Self>,
        next: Arc<AtomicUsize>,
        started: Instant,
    ) -> Result<Vec<Duration>> {
        let mut connection = Connection::open(self.address).await?;
        let mut latencies = Vec::new();
        while let Some(call) = self.call(next.fetch_add(1, Ordering::Relaxed), started) {
            let asked = Instant::now();
            self.make(&mut connection, call).await?;
            latencies.push(asked.elapsed());
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        Ok(latencies)
    }

    fn call(&self, number: usize, started: Instant) -> Option<Call> {
        match self.until {
            Until::Elapsed(time) if started.elapsed() >= time => None,
            Until::Elapsed(_) => self.calls.get(number % self.calls.len()).cloned(),
            Until::AllCalled => self.calls.get(number).cloned(),
        }
    }

    async fn make(&self, connection: &mut Connection, call: Call) -> Result<()> {
        let path = call.uri().path().to_owned();
        let (status, body) = connection.ask(call).await?;
        if !self.expected.contains(&status) {
            let body = String::from_utf8_lossy(&body);
            bail!("{path} was answered with {status}: {body}");
        }
        Ok(())
    }
}

/// A connection to a server, kept from call to call.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end shows in the sender.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// The answer to a call, whatever it is.
    pub(crate) async fn ask(&mut self, call: Call) -> Result<(StatusCode, Bytes)> {
        let (head, body) = self.ask_whole(call).await?.into_parts();
        Ok((head.status, body))
    }

    /// The same, with its headers.
    pub(crate) async fn ask_whole(&mut self, call: Call) -> Result<Response<Bytes>> {
        let path = call.uri().path().to_owned();
        self.0.ready().await?;
        let answer = self.0.send_request(call).await;
        let answer = answer.with_context(|| format!("{path} was not answered"))?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

/// What came of a load.
#[derive(Clone, Default)]
pub(crate) struct Figures {
    /// Shortest first.
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl Figures {
    pub(crate) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, elapsed }
    }

    /// Those of several rounds together.
    pub(crate) fn of_all(rounds: &[Self]) -> Self {
        let latencies = rounds.iter().flat_map(|round| round.latencies.clone());
        let elapsed = rounds.iter().map(|round| round.elapsed).sum();
        Self::new(latencies.collect(), elapsed)
    }

    /// The same, of loads that went on at once.
    pub(crate) fn within(self, elapsed: Duration) -> Self {
        Self { elapsed, ..self }
    }

    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// The latency, in milliseconds, that this share of the answers kept within.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        let latency = self.latencies.get(rank.saturating_sub(1));
        latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
    }

    /// How many answers took so long, or longer.
    pub(crate) fn count_from(&self, latency: Duration) -> usize {
        self.latencies
            .iter()
            .filter(|took| **took >= latency)
            .count()
    }
}

/// The middle one: of several short rounds it forgives what disturbed some.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_occurred() {
        let latencies = (1..=200).rev().map(Duration::from_millis).collect();
        let figures = Figures::new(latencies, Duration::from_secs(2));
        assert_eq!(
            [0.5, 0.95, 0.99, 1.0].map(|share| figures.percentile(share)),
            [100.0, 190.0, 198.0, 200.0]
        );
        assert_eq!(figures.count_from(Duration::from_millis(199)), 2);
        assert_eq!(figures.rate(), 100.0);
    }
}
