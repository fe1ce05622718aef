//! A wire to Postgres that fails as wires do: at a chosen word, silently, or
//! for whoever comes. The tests' and the drills'.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between an application and a database. It ends with the runtime that
/// it was made on.
#[derive(Debug)]
pub struct Wire {
    url: String,
    faults: Arc<Faults>,
}

/// What becomes of connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// They are made, and carry.
    #[default]
    Sound,
    /// They are made and carry nothing, and nobody is told. Those that were there
    /// have swallowed something, and never carry again.
    Silent,
    /// Those that there are end, and so do new ones, at once.
    Cut,
}

#[derive(Debug, Default)]
struct Faults {
    next: Mutex<Option<Fault>>,
    state: Mutex<State>,
    /// Told when what is there is lost.
    lost: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug)]
struct Fault {
    /// What has to stand in a message of the application.
    word: &'static str,
    /// Whether Postgres still gets to see it.
    delivered: bool,
}

impl Wire {
    /// To the database of this connection string, and sound at first.
    ///
    /// # Errors
    ///
    /// When the string names no port, or no port is free here.
    pub async fn to(database: &str) -> io::Result<Self> {
        let config: tokio_postgres::Config = database.parse().map_err(io::Error::other)?;
        let there = config.get_ports().first().copied();
        let there = there.ok_or_else(|| io::Error::other("a wire leads to a port"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let here = listener.local_addr()?.port();
        let faults = Arc::<Faults>::default();
        let shared = faults.clone();
        tokio::spawn(async move {
            while let Ok((application, _)) = listener.accept().await {
                tokio::spawn(meet(shared.clone(), application, there));
            }
        });
        Ok(Self {
            url: database.replacen(&format!(":{there}"), &format!(":{here}"), 1),
            faults,
        })
    }

    /// The connection string that leads through this wire.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the connection instead of delivering the next message with `word`.
    pub fn cut_before(&self, word: &'static str) {
        self.faults.meet_next(word, false);
    }

    /// Delivers the next message with `word`, and ends the connection instead
    /// of bringing back its answer.
    pub fn cut_after(&self, word: &'static str) {
        self.faults.meet_next(word, true);
    }

    /// From now on the connections that there are carry nothing, and nobody is
    /// told; new ones are sound.
    pub fn silence(&self) {
        self.faults.lost.send_replace(State::Silent);
    }

    /// What becomes of connections from now on, those that there are and new ones.
    pub fn set(&self, state: State) {
        *lock(&self.faults.state) = state;
        if state != State::Sound {
            self.faults.lost.send_replace(state);
        }
    }
}

impl Faults {
    fn meet_next(&self, word: &'static str, delivered: bool) {
        *lock(&self.next) = Some(Fault { word, delivered });
    }

    fn meets(&self, message: &[u8]) -> Option<Fault> {
        let met = |fault: &mut Fault| {
            let mut parts = message.windows(fault.word.len());
            parts.any(|part| part == fault.word.as_bytes())
        };
        lock(&self.next).take_if(met)
    }
}

/// Brings a new connection to Postgres, unless it is not to get there.
async fn meet(faults: Arc<Faults>, application: TcpStream, port: u16) {
    // Before the state is read, so that no change falls in between.
    let lost = faults.lost.subscribe();
    let state = *lock(&faults.state);
    match state {
        State::Sound => {}
        State::Silent => return stay_silent(application).await,
        State::Cut => return,
    }
    // Dropped where Postgres is not there: its end is the application's.
    if let Ok(postgres) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        carry(&faults, lost, application, postgres).await;
    }
}

/// Takes what comes, and says nothing, for as long as anybody is there.
async fn stay_silent(mut application: TcpStream) {
    let mut swallowed = vec![0; 65_536];
    while let Ok(1..) = application.read(&mut swallowed).await {}
}

async fn carry(
    faults: &Faults,
    mut lost: watch::Receiver<State>,
    mut application: TcpStream,
    mut postgres: TcpStream,
) {
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = application.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let fault = faults.meets(&asked[..length]);
                if fault.is_some_and(|fault| !fault.delivered) {
                    return;
                }
                if postgres.write_all(&asked[..length]).await.is_err() {
                    return;
                }
                if fault.is_some() {
                    // Postgres answers when it has committed.
                    let _ = postgres.read(&mut answered).await;
                    return;
                }
            }
            read = postgres.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if application.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
            _ = lost.changed() => {
                let state = *lost.borrow_and_update();
                if state == State::Silent {
                    // Postgres is not told either: its end of the connection stays.
                    stay_silent(application).await;
                }
                return;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
