//! A wire to Postgres that fails as wires do: at a chosen word, or silently.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between an application and a database.
pub struct Wire {
    url: String,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    next: Mutex<Option<Fault>>,
    silenced: watch::Sender<()>,
}

#[derive(Clone, Copy)]
struct Fault {
    /// What has to stand in a message of the application.
    word: &'static str,
    /// Whether Postgres still gets to see it.
    delivered: bool,
}

impl Wire {
    /// To the database of this connection string, and sound at first.
    pub async fn to(database: &str) -> Self {
        let config: tokio_postgres::Config = database.parse().unwrap();
        let there = config.get_ports()[0];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let faults = Arc::<Faults>::default();
        let shared = faults.clone();
        tokio::spawn(async move {
            while let Ok((application, _)) = listener.accept().await {
                let postgres = TcpStream::connect((Ipv4Addr::LOCALHOST, there));
                tokio::spawn(carry(shared.clone(), application, postgres.await.unwrap()));
            }
        });
        Self {
            url: database.replacen(&format!(":{there}"), &format!(":{here}"), 1),
            faults,
        }
    }

    /// The connection string that leads through this wire.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends the connection instead of delivering the next message with `word`.
    pub fn cut_before(&self, word: &'static str) {
        let delivered = false;
        *self.faults.next.lock().unwrap() = Some(Fault { word, delivered });
    }

    /// Delivers the next message with `word`, and ends the connection instead
    /// of bringing back its answer.
    pub fn cut_after(&self, word: &'static str) {
        let delivered = true;
        *self.faults.next.lock().unwrap() = Some(Fault { word, delivered });
    }

    /// From now on the connections that there are carry nothing, and nobody is
    /// told; new ones are sound.
    pub fn silence(&self) {
        self.faults.silenced.send_replace(());
    }
}

impl Faults {
    fn meets(&self, message: &[u8]) -> Option<Fault> {
        let met = |fault: &mut Fault| {
            let mut parts = message.windows(fault.word.len());
            parts.any(|part| part == fault.word.as_bytes())
        };
        self.next.lock().unwrap().take_if(met)
    }
}

async fn carry(faults: Arc<Faults>, mut application: TcpStream, mut postgres: TcpStream) {
    let mut silenced = faults.silenced.subscribe();
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
            _ = silenced.changed() => std::future::pending().await,
        }
    }
}
