//! A real Redis, spoken to in its own protocol (RESP2).

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::backend::Reply;

/// Requests share connections: what arrives while one waits for Redis is sent
/// together next. With two, one batch is on its way while the other is read.
const CONNECTIONS: usize = 2;

/// Commands that change the connection, which is everybody's.
const REFUSED: [&str; 17] = [
    "AUTH",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "QUIT",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "UNWATCH",
    "WATCH",
];

pub(crate) struct Real {
    connections: Vec<mpsc::Sender<Job>>,
    next: AtomicUsize,
}

/// Commands ready to be written, and how many replies they have.
struct Job {
    bytes: Vec<u8>,
    replies: usize,
    answer: oneshot::Sender<io::Result<Vec<Resp>>>,
}

impl Real {
    pub(crate) fn connect(url: &str) -> io::Result<Self> {
        let address = Address::parse(url)?;
        let connections = (0..CONNECTIONS).map(|_| {
            let (sender, jobs) = mpsc::channel(1024);
            tokio::spawn(serve(address.clone(), jobs));
            sender
        });
        Ok(Self {
            connections: connections.collect(),
            next: AtomicUsize::new(0),
        })
    }

    pub(crate) async fn run(
        &self,
        commands: &[Vec<String>],
        atomic: bool,
    ) -> Result<Vec<Reply>, String> {
        let refused = |command: &Vec<String>| {
            let name = command.first().map_or("", String::as_str);
            REFUSED
                .iter()
                .any(|refused| name.eq_ignore_ascii_case(refused))
                || name.is_empty()
        };
        if commands.iter().any(refused) {
            return Err("ERR this command is not available over REST".to_owned());
        }
        let answered = if atomic {
            self.transaction(commands).await
        } else {
            let replies = self.exchange(commands).await;
            replies.map(|replies| Ok(replies.into_iter().map(Reply::from).collect()))
        };
        answered.unwrap_or_else(|error| Err(format!("ERR no answer from Redis: {error}")))
    }

    async fn transaction(
        &self,
        commands: &[Vec<String>],
    ) -> io::Result<Result<Vec<Reply>, String>> {
        let [multi, exec] = ["MULTI", "EXEC"].map(|name| vec![vec![name.to_owned()]]);
        let mut replies = self.exchange(&[&multi, commands, &exec].concat()).await?;
        Ok(match replies.pop() {
            Some(Resp::Array(results)) => Ok(results.into_iter().map(Reply::from).collect()),
            Some(Resp::Error(text)) => Err(text),
            _ => return Err(invalid("EXEC was answered with no list")),
        })
    }

    async fn exchange(&self, commands: &[Vec<String>]) -> io::Result<Vec<Resp>> {
        let (answer, answered) = oneshot::channel();
        let job = Job {
            bytes: encode(commands),
            replies: commands.len(),
            answer,
        };
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let gone = || io::Error::other("the connection's task has ended");
        let connection = &self.connections[turn % self.connections.len()];
        connection.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// Writes jobs to one connection and reads their replies, until there is nobody
/// left who could send one.
async fn serve(address: Address, mut jobs: mpsc::Receiver<Job>) {
    let mut link: Option<Link> = None;
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = jobs.recv_many(&mut batch, 256) => if count == 0 { return },
            // Nothing is due while no job is under way: this is its end.
            () = closed(&mut link) => { link = None; continue }
        }
        let result = match link.take() {
            Some(link) => Ok(link),
            None => address.open().await,
        };
        let result = match result {
            Ok(link) => exchange(link, &mut batch).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(open) => link = Some(open),
            Err(error) => {
                for job in batch.drain(..) {
                    let error = io::Error::new(error.kind(), error.to_string());
                    _ = job.answer.send(Err(error));
                }
            }
        }
    }
}

/// Answers the jobs of a batch; gives the connection back if it is still good.
async fn exchange(mut link: Link, batch: &mut Vec<Job>) -> io::Result<Link> {
    let bytes: Vec<u8> = batch.iter().flat_map(|job| &job.bytes).copied().collect();
    link.stream.write_all(&bytes).await?;
    while let Some(job) = batch.first() {
        let mut replies = Vec::with_capacity(job.replies);
        for _ in 0..job.replies {
            replies.push(link.reply().await?);
        }
        // Whoever asked may have gone; the command was run all the same.
        _ = batch.remove(0).answer.send(Ok(replies));
    }
    Ok(link)
}

async fn closed(link: &mut Option<Link>) {
    match link {
        Some(link) => _ = link.stream.read_u8().await,
        None => std::future::pending().await,
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection, and what was read from it but not yet understood.
struct Link {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

impl Link {
    async fn reply(&mut self) -> io::Result<Resp> {
        loop {
            if let Some((reply, used)) = parse(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(reply);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Where Redis is, and what to say first.
#[derive(Clone)]
struct Address {
    place: Place,
    greeting: Vec<Vec<String>>,
}

#[derive(Clone)]
enum Place {
    Tcp(String),
    Unix(String),
}

impl Address {
    fn parse(url: &str) -> io::Result<Self> {
        if let Some(path) = url.strip_prefix("unix://") {
            return Ok(Self {
                place: Place::Unix(path.to_owned()),
                greeting: Vec::new(),
            });
        }
        let rest = url.strip_prefix("redis://");
        let rest = rest.ok_or_else(|| invalid("a Redis URL begins with redis:// or unix://"))?;
        let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
        let mut greeting = Vec::new();
        if let Some((name, password)) = user.split_once(':') {
            let words = ["AUTH", name, password];
            greeting.push(
                words
                    .into_iter()
                    .filter(|word| !word.is_empty())
                    .map(str::to_owned)
                    .collect(),
            );
        }
        if !database.is_empty() {
            greeting.push(vec!["SELECT".to_owned(), database.to_owned()]);
        }
        let host = if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:6379")
        };
        Ok(Self {
            place: Place::Tcp(host),
            greeting,
        })
    }

    async fn open(&self) -> io::Result<Link> {
        let stream: Box<dyn Stream> = match &self.place {
            Place::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Place::Tcp(host) => {
                let stream = TcpStream::connect(host).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        };
        let mut link = Link {
            stream,
            buffer: Vec::new(),
        };
        link.stream.write_all(&encode(&self.greeting)).await?;
        for _ in &self.greeting {
            if let Resp::Error(text) = link.reply().await? {
                return Err(io::Error::other(text));
            }
        }
        Ok(link)
    }
}

fn encode(commands: &[Vec<String>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        bytes.extend(format!("*{}\r\n", command.len()).bytes());
        for word in command {
            bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
        }
    }
    bytes
}

/// A reply in RESP2.
#[derive(Debug)]
enum Resp {
    Error(String),
    Value(Value),
    Array(Vec<Resp>),
}

impl From<Resp> for Reply {
    fn from(resp: Resp) -> Self {
        match resp {
            Resp::Error(text) => Err(text),
            Resp::Value(value) => Ok(value),
            Resp::Array(items) => items.into_iter().map(Reply::from).collect(),
        }
    }
}

/// The first reply in `bytes` and its length, if it is there as a whole.
fn parse(bytes: &[u8]) -> io::Result<Option<(Resp, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&bytes[1..end]);
    let number = || {
        line.parse::<i64>()
            .map_err(|_| invalid("a reply without a number"))
    };
    let start = end + 2;
    let resp = match bytes[0] {
        b'+' => Resp::Value(line.into()),
        b'-' => Resp::Error(line.into()),
        b':' => Resp::Value(number()?.into()),
        b'$' => return Ok(parse_text(bytes, start, number()?)),
        b'*' => return parse_array(bytes, start, number()?),
        _ => return Err(invalid("a reply of no known kind")),
    };
    Ok(Some((resp, start)))
}

/// A negative length stands for nil.
fn parse_text(bytes: &[u8], start: usize, length: i64) -> Option<(Resp, usize)> {
    let Ok(length) = usize::try_from(length) else {
        return Some((Resp::Value(Value::Null), start));
    };
    let end = start + length + 2;
    let text = bytes.get(start..end)?;
    let text = String::from_utf8_lossy(&text[..length]);
    Some((Resp::Value(text.into()), end))
}

fn parse_array(bytes: &[u8], start: usize, length: i64) -> io::Result<Option<(Resp, usize)>> {
    let mut items = Vec::new();
    let mut at = start;
    if length < 0 {
        return Ok(Some((Resp::Value(Value::Null), start)));
    }
    for _ in 0..length {
        let Some((item, used)) = parse(&bytes[at..])? else {
            return Ok(None);
        };
        items.push(item);
        at += used;
    }
    Ok(Some((Resp::Array(items), at)))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
