//! `weighhouse serve`: opens the data directory, listens, and drains on SIGTERM or Ctrl-C.

use super::SettingsArguments;
use super::opening::{api_options, opening};
use crate::api::{self, Door};
use crate::app::App;
use crate::config::{Config, LogFormat};
use crate::jobs::Jobs;
use crate::server::{self, DataLock, Listeners, Options, Tls, health, middleware};
use crate::telemetry::{self, Format, Metrics};
use anyhow::Context;
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    settings: SettingsArguments,
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Written once the server answers: JSON with `url` and `pid`.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub fn run(arguments: Serve) -> anyhow::Result<()> {
    let config = arguments.settings.load(arguments.listen)?;
    config.check()?;
    let format = match config.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    telemetry::init_log(format, &config.log.filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    runtime.block_on(serve(&config, arguments.ready_file))
}

async fn serve(config: &Config, ready_file: Option<PathBuf>) -> anyhow::Result<()> {
    let directory = &config.data.dir;
    std::fs::create_dir_all(directory).with_context(|| format!("cannot create `{}`", directory.display()))?;
    let _lock = DataLock::acquire(directory)?;
    let app = App::open(opening(config)?).await?;
    let metrics = Metrics::install()?;

    let public = server::bind_public(config.server.listen_address().map_err(anyhow::Error::msg)?)?;
    let tls = config.server.tls_files().map(|(cert, key)| Tls::load(cert, key)).transpose()?;
    let admin = server::bind_admin(&directory.join("admin.sock"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let url = config.server.public_url.clone().unwrap_or(format!("{scheme}://{}", public.local_addr()?));

    let jobs = Jobs::start(&app);
    let adapters = api_options(config);
    let checked = app.clone();
    let checks: health::ReadyChecks = Arc::new(move || vec![("database", checked.check_database())]);
    let public_router =
        api::router(app.clone(), Door::Public, adapters.clone()).merge(health::probes(Arc::clone(&checks)));
    let admin_router =
        api::router(app, Door::Admin, adapters).merge(health::probes(checks)).merge(health::metrics(metrics.clone()));
    if let Some(path) = ready_file {
        server::write_ready_file(&path, &url)?;
    }
    info!(url, data.dir = %directory.display(), "weighhouse is ready");
    let listeners = Listeners { public, tls, admin: Some(admin) };
    let (public_router, admin_router) = (middleware::wrap(public_router), middleware::wrap(admin_router));
    let options = Options::from(&config.server);
    let served = server::serve(listeners, public_router, admin_router, options, Some(metrics), stop()?).await;
    jobs.stop().await;
    served?;
    info!("stopped");
    Ok(())
}

/// Bodies in memory share one budget, whichever door they come through.
/// Done when the process is asked to stop.
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
