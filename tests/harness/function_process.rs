//! Runs the executable of a function, and simulates the platform.

use std::collections::HashMap;
use std::fs::{self, File};
use std::process::ExitStatus;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};

/// A running function, which is killed when dropped.
pub struct FunctionProcess {
    /// The URL of the function.
    pub url: String,
    messages: BufReader<UnixStream>,
    process: Child,
    folder: tempfile::TempDir,
}

impl FunctionProcess {
    /// Starts `executable` (from `env!("CARGO_BIN_EXE_…")`) and waits until it
    /// listens.
    pub async fn start(executable: &str, variables: HashMap<&'static str, String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("ipc");
        let listener = UnixListener::bind(&socket).unwrap();
        let port = sabor_testing::port::find_free(None).unwrap();
        let process = Command::new(executable)
            .env_clear()
            .envs(variables)
            .env("VERCEL_DEV_PORT", port.to_string())
            .env("VERCEL_IPC_PATH", &socket)
            .stdout(File::create(folder.path().join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut function = Self {
            url: format!("http://127.0.0.1:{port}"),
            messages: BufReader::new(stream),
            process,
            folder,
        };
        assert_eq!(function.next_message().await["type"], "server-started");
        function
    }

    /// Returns the next message to the platform, except log messages.
    pub async fn next_message(&mut self) -> Value {
        loop {
            let mut bytes = Vec::new();
            self.messages.read_until(0, &mut bytes).await.unwrap();
            bytes.pop();
            let message: Value = serde_json::from_slice(&bytes).unwrap();
            if message["type"] != "log" {
                return message;
            }
        }
    }

    /// Returns the log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Sends a signal by its name, such as `STOP`.
    pub async fn send_signal(&self, name: &str) {
        let process_id = self.process.id().unwrap().to_string();
        let kill = Command::new("kill")
            .args(["-s", name, &process_id])
            .status();
        assert!(kill.await.unwrap().success());
    }

    /// Waits until the process exits.
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        self.process.wait().await.unwrap()
    }
}
