//! `weighhouse serve`: opens the data directory, listens, and drains on SIGTERM or Ctrl-C.

use super::SettingsArguments;
use super::opening::{api_options, opening};
use crate::api::http::visit::Proxies;
use crate::api::{self, Door};
use crate::app::App;
use crate::config::{Config, LogFormat};
use crate::jobs::Jobs;
use crate::secrets::Token;
use crate::server::{self, DataLock, Listeners, Options, Tls, health, middleware};
use crate::telemetry::{self, Format, Metrics};
use anyhow::Context;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

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
    let settings_file = arguments.settings.config.clone();
    let chose_directory = arguments.settings.data_dir.is_some();
    let config = arguments.settings.load(arguments.listen)?;
    config.check()?;
    let format = match config.log.format {
        LogFormat::Text => Format::Text,
        LogFormat::Json => Format::Json,
    };
    telemetry::init_log(format, &config.log.filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let same_settings = same_settings(settings_file.as_deref(), chose_directory, &config.data.dir);
    runtime.block_on(serve(&config, &same_settings, arguments.ready_file))
}

async fn serve(config: &Config, same_settings: &str, ready_file: Option<PathBuf>) -> anyhow::Result<()> {
    let directory = &config.data.dir;
    server::make_data_directory(directory).with_context(|| format!("cannot create `{}`", directory.display()))?;
    if server::is_open_to_others(directory)? {
        let dir = directory.display();
        warn!(data.dir = %dir, "other accounts can look into the data directory; `chmod 700` closes it to them");
    }
    let _lock = DataLock::acquire(directory)?;
    let app = App::open(opening(config)?).await?;
    let metrics = Metrics::install()?;

    let public = server::bind_public(config.server.listen_address().map_err(anyhow::Error::msg)?)?;
    let tls = config.server.tls_files().map(|(cert, key)| Tls::load(cert, key)).transpose()?;
    let admin = server::bind_admin(&directory.join("admin.sock"))?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listening = public.local_addr()?;
    let url = config.server.public_url.clone().unwrap_or(format!("{scheme}://{listening}"));

    let setup = app.make_setup_token().await?;
    let jobs = Jobs::start(&app);
    let adapters = api_options(config);
    let checked = app.clone();
    let checks: health::ReadyChecks = Arc::new(move || vec![("database", checked.check_database())]);
    let public_router =
        api::router(app.clone(), Door::Public, adapters.clone()).merge(health::probes(Arc::clone(&checks)));
    // Links that are made over the admin socket lead to the public address.
    let proxies = Proxies { public_url: Some(url.clone()), ..adapters.proxies.clone() };
    let admin_router = api::router(app.clone(), Door::Admin, api::Options { proxies, ..adapters })
        .merge(health::probes(checks))
        .merge(health::metrics(metrics.clone()));
    if let Some(path) = ready_file {
        server::write_ready_file(&path, &url)?;
    }
    // Behind a proxy the URL is another machine's.
    info!(url, %listening, data.dir = %directory.display(), "weighhouse is ready");
    if let Some(setup) = setup {
        say_what_comes_next(&url, same_settings, &setup);
    }
    let listeners = Listeners { public, tls, admin: Some(admin) };
    let (public_router, admin_router) = (middleware::wrap(public_router), middleware::wrap(admin_router));
    let options = Options::from(&config.server);
    let served = server::serve(listeners, public_router, admin_router, options, Some(metrics), stop()?).await;
    jobs.stop().await;
    if let Err(error) = app.finish_audit_log().await {
        warn!(%error, "the newest records of the audit log are linked at the next start");
    }
    served?;
    info!("stopped");
    Ok(())
}

/// For whoever started a new instance and wonders how to get in.
fn say_what_comes_next(url: &str, same_settings: &str, setup: &Token) {
    let setup = setup.expose();
    let text = format!(
        "\nThere are no people yet. Make the first one, in another terminal:\n\n    \
         weighhouse user create {same_settings} --username NAME --email ADDRESS --system-admin\n\n\
         or over the network, with this link, which is dead once anybody is there:\n\n    \
         curl {url}/api/v1/setup/{setup} --json '{{\"username\":\"NAME\",\"email\":\"ADDRESS\",\"password\":\"PASSWORD\"}}'\n\n\
         Either prints an API key, once. With it the wandb client logs to this server:\n\n    \
         export WANDB_BASE_URL={url}\n    export WANDB_API_KEY=KEY\n\n"
    );
    let mut out = std::io::stdout().lock();
    // Nobody has to watch the terminal of a server.
    let _unread = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The arguments by which another command, started anywhere, finds the directory of this server.
fn same_settings(file: Option<&Path>, chose_directory: bool, directory: &Path) -> String {
    let file = file.map(|file| format!("--config {}", quoted(file)));
    let directory = (file.is_none() || chose_directory).then(|| format!("--data-dir {}", quoted(directory)));
    [file, directory].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The whole path, as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = std::path::absolute(path).unwrap_or(path.to_owned()).display().to_string();
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

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
