//! One file per subcommand of the `weighhouse` command.

mod access;
mod api_key;
mod audit;
mod check;
mod check_config;
mod connector;
mod db;
mod door;
mod invitation;
mod license;
mod license_authority;
mod mail;
mod member;
mod opening;
mod organization;
mod output;
mod project;
mod role;
mod secrets;
mod serve;
mod service_account;
mod settings;
mod storage;
mod team;
mod team_setting;
mod user;

use crate::config::{self, Config};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// A self-hosted server for machine-learning teams that keep using the wandb client.
#[derive(Parser)]
#[command(name = "weighhouse", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server.
    Serve(serve::Serve),
    /// Make, list, change and delete people.
    #[command(subcommand)]
    User(user::User),
    /// The custom roles of an organization.
    #[command(subcommand)]
    Role(role::Role),
    /// Projects: who sees them, and who has which role in them.
    #[command(subcommand)]
    Project(project::Project),
    /// Organizations and who belongs to them.
    #[command(subcommand)]
    Organization(organization::Organization),
    /// Teams and who belongs to them.
    #[command(subcommand)]
    Team(team::Team),
    /// Show, install and verify licences.
    #[command(subcommand)]
    License(license::License),
    /// Make licences, for whoever distributes this server.
    #[command(subcommand)]
    LicenseAuthority(license_authority::LicenseAuthority),
    /// Who may do what, and why.
    #[command(subcommand)]
    Access(access::Access),
    /// Who is invited into teams and organizations.
    #[command(subcommand)]
    Invitation(invitation::Invitation),
    /// The mails of the server.
    #[command(subcommand)]
    Mail(mail::Mail),
    /// The audit log.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show and change the system settings.
    #[command(subcommand)]
    Settings(settings::Settings),
    /// What is stored: how much, whether it is whole, and what nothing leads to.
    #[command(subcommand)]
    Storage(storage::Storage),
    /// Make, list and delete accounts that are no people.
    #[command(subcommand)]
    ServiceAccount(service_account::ServiceAccount),
    /// Make, list and revoke API keys.
    #[command(subcommand)]
    ApiKey(api_key::ApiKey),
    /// Where bytes are kept: define, test and attach stores.
    #[command(subcommand)]
    Connector(connector::Connector),
    /// The key that seals secrets in the database.
    #[command(subcommand)]
    Secrets(secrets::Secrets),
    /// Read everything in the data directory and say what is wrong.
    Check(check::Check),
    /// The metadata database as a whole.
    #[command(subcommand)]
    Db(db::Database),
    /// Look for every mistake in the settings that `serve` would meet.
    CheckConfig(check_config::CheckConfig),
}

/// Where the settings come from; the same for every command.
#[derive(Args)]
struct SettingsArguments {
    /// A TOML file with settings; `config/example.toml` lists every key.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The directory that holds everything [default: ./weighhouse-data].
    #[arg(long, value_name = "DIRECTORY")]
    data_dir: Option<PathBuf>,
}

impl SettingsArguments {
    fn load(self, listen: Option<String>) -> Result<Config, config::ConfigError> {
        let overrides = config::Overrides { data_dir: self.data_dir, listen };
        config::load(self.config.as_deref(), overrides, std::env::vars())
    }
}

/// Parses the command line and runs what it asks for.
pub fn run() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::User(command) => user::run(command),
        Command::ServiceAccount(command) => service_account::run(command),
        Command::ApiKey(command) => api_key::run(command),
        Command::Role(command) => role::run(command),
        Command::Project(command) => project::run(command),
        Command::Organization(command) => organization::run(command),
        Command::Team(command) => team::run(command),
        Command::License(command) => license::run(command),
        Command::LicenseAuthority(command) => license_authority::run(command),
        Command::Access(command) => access::run(command),
        Command::Invitation(command) => invitation::run(command),
        Command::Mail(command) => mail::run(command),
        Command::Audit(command) => audit::run(command),
        Command::Settings(command) => settings::run(command),
        Command::Connector(command) => connector::run(command),
        Command::Storage(command) => storage::run(command),
        Command::Secrets(command) => secrets::run(command),
        Command::Check(arguments) => check::run(arguments),
        Command::Db(command) => db::run(command),
        Command::CheckConfig(arguments) => check_config::run(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weighhouse: {error:#}");
            ExitCode::FAILURE
        }
    }
}
