//! A load generator with keep-alive connections.
//!
//! It is part of this project, so nothing has to be installed. It keeps every latency
//! instead of a histogram, so percentiles are exact.

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

/// A request with a body that can be sent repeatedly.
pub(crate) type Call = Request<Full<Bytes>>;

/// When a load stops.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After this time. The calls are repeated in order.
    Elapsed(Duration),
    /// After each call was sent once.
    AllCalled,
}

/// Calls to a server, and how to send them.
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
    /// Creates a load that sends each call once, one after another. Each must return 200.
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

    /// Repeats the calls for this time.
    pub(crate) fn during(mut self, time: Duration) -> Self {
        self.until = Until::Elapsed(time);
        self
    }

    /// Pauses each connection between two calls.
    pub(crate) fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets the only accepted status. Any other is an error, because a rejection must not
    /// count as a fast response.
    pub(crate) fn expect(mut self, status: StatusCode) -> Self {
        self.expected = vec![status];
        self
    }

    /// Accepts another status as well.
    pub(crate) fn or_expect(mut self, status: StatusCode) -> Self {
        self.expected.push(status);
        self
    }

    /// Sends the calls from a separate thread.
    pub(crate) async fn run(&self) -> Result<LoadStats> {
        let load = Arc::new(self.clone());
        tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(load.run_connections())
        })
        .await?
    }

    async fn run_connections(self: Arc<Self>) -> Result<LoadStats> {
        let (next, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            connections.spawn(Arc::clone(&self).run_connection(Arc::clone(&next), started));
        }
        let mut latencies = Vec::new();
        while let Some(result) = connections.join_next().await {
            latencies.extend(result??);
        }
        Ok(LoadStats::new(latencies, started.elapsed()))
    }

    async fn run_connection(
        self: Arc<Self>,
        next: Arc<AtomicUsize>,
        started: Instant,
    ) -> Result<Vec<Duration>> {
        let mut connection = Connection::open(self.address).await?;
        let mut latencies = Vec::new();
        while let Some(call) = self.call(next.fetch_add(1, Ordering::Relaxed), started) {
            let sent_at = Instant::now();
            self.send(&mut connection, call).await?;
            latencies.push(sent_at.elapsed());
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

    async fn send(&self, connection: &mut Connection, call: Call) -> Result<()> {
        let path = call.uri().path().to_owned();
        let (status, body) = connection.send(call).await?;
        if !self.expected.contains(&status) {
            let body = String::from_utf8_lossy(&body);
            bail!("{path} returned {status}: {body}");
        }
        Ok(())
    }
}

/// A keep-alive connection to a server.
pub(crate) struct Connection(SendRequest<Full<Bytes>>);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The sender reports errors of the connection.
        tokio::spawn(connection);
        Ok(Self(sender))
    }

    /// Sends a call. Returns status and body of any response.
    pub(crate) async fn send(&mut self, call: Call) -> Result<(StatusCode, Bytes)> {
        let (head, body) = self.send_full(call).await?.into_parts();
        Ok((head.status, body))
    }

    /// Sends a call. Returns the whole response.
    pub(crate) async fn send_full(&mut self, call: Call) -> Result<Response<Bytes>> {
        let path = call.uri().path().to_owned();
        self.0.ready().await?;
        let response = self.0.send_request(call).await;
        let response = response.with_context(|| format!("{path} did not respond"))?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

/// The latencies of a load.
#[derive(Clone, Default)]
pub(crate) struct LoadStats {
    /// In ascending order.
    latencies: Vec<Duration>,
    elapsed: Duration,
}

impl LoadStats {
    pub(crate) fn new(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self { latencies, elapsed }
    }

    /// Merges the latencies of several rounds.
    pub(crate) fn merge(rounds: &[Self]) -> Self {
        let latencies = rounds.iter().flat_map(|round| round.latencies.clone());
        let elapsed = rounds.iter().map(|round| round.elapsed).sum();
        Self::new(latencies.collect(), elapsed)
    }

    /// Replaces the elapsed time, for loads that ran concurrently.
    pub(crate) fn with_elapsed(self, elapsed: Duration) -> Self {
        Self { elapsed, ..self }
    }

    /// Returns the responses per second.
    pub(crate) fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    /// Returns a percentile of the latencies in milliseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        let latency = self.latencies.get(rank.saturating_sub(1));
        latency.map_or(f64::NAN, |latency| latency.as_secs_f64() * 1_000.0)
    }

    /// Counts the responses that took at least this long.
    pub(crate) fn count_at_least(&self, minimum: Duration) -> usize {
        self.latencies
            .iter()
            .filter(|latency| **latency >= minimum)
            .count()
    }
}

/// Returns the median, on which a few disturbed rounds have little effect.
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
        let stats = LoadStats::new(latencies, Duration::from_secs(2));
        assert_eq!(
            [0.5, 0.95, 0.99, 1.0].map(|share| stats.percentile(share)),
            [100.0, 190.0, 198.0, 200.0]
        );
        assert_eq!(stats.count_at_least(Duration::from_millis(199)), 2);
        assert_eq!(stats.rate(), 100.0);
    }
}
