//! All functions in one process, on the stores of a testbed.

use std::net::Ipv4Addr;

use anyhow::Result;
use sabor::{App, Config};
use sabor_testing::functions;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{DATABASE, Testbed};
use crate::{demo, site};

/// A running site that is configured like a deployment and has the demo studio.
pub(crate) struct RunningSite {
    /// The address, such as `http://127.0.0.1:41234`.
    pub(crate) url: String,
    app: App,
    server: JoinHandle<std::io::Result<()>>,
}

impl RunningSite {
    /// Adds the demo studio, and starts the site on a free port.
    pub(crate) async fn start(testbed: &Testbed) -> Result<Self> {
        let variables = testbed.function_variables(DATABASE, true);
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let config = Config::read(&variables.collect())?;
        let mut client = testbed.cluster.connect(DATABASE).await?;
        demo::add(&mut client, &config.studio, false).await?;

        let app = App::new(config)?;
        let router = site::router(sabor::http::router(app.clone(), functions::routes()))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(functions::serve(listener, router));
        Ok(Self { url, app, server })
    }

    /// Stops the site.
    pub(crate) async fn stop(self) {
        self.server.abort();
        self.app.close().await;
    }
}
