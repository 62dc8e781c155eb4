//! `weighhouse license-authority`: making licences, for whoever distributes Weighhouse. No server is asked.

use crate::domain::licence::{Day, Feature, LicenceTerms, SeatLimits};
use crate::secrets::AuthorityKey;
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PRIVATE_FILE: &str = "private.pem";
const PUBLIC_FILE: &str = "public.pem";

#[derive(Subcommand)]
pub enum LicenseAuthority {
    /// Make a key to sign licences with: `private.pem`, to be kept secret, and `public.pem`, for `license.trusted_keys`.
    Keygen(Keygen),
    /// Write and sign a licence.
    Issue(Issue),
}

#[derive(Args)]
pub struct Keygen {
    /// The directory for the two files; made if it is missing.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

#[derive(Args)]
pub struct Issue {
    /// The private key of `keygen`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Whom the licence is for.
    #[arg(long, value_name = "NAME")]
    holder: String,
    /// `all`, or names with commas between them.
    #[arg(long, value_name = "FEATURES", value_parser = parse_features)]
    features: Features,
    /// Its last day, in UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    expires: Day,
    /// Its first day, in UTC.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    not_before: Option<Day>,
    /// The one deployment that may use it, as its `license show` names it.
    #[arg(long, value_name = "ID")]
    deployment: Option<String>,
    /// People with a full seat.
    #[arg(long, value_name = "N")]
    max_users: Option<u32>,
    /// People who are view-only wherever they are.
    #[arg(long, value_name = "N")]
    max_view_only_users: Option<u32>,
    #[arg(long, value_name = "N")]
    max_teams: Option<u32>,
    /// Where to write the licence.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Clone)]
struct Features(BTreeSet<Feature>);

pub fn run(command: LicenseAuthority) -> anyhow::Result<()> {
    match command {
        LicenseAuthority::Keygen(arguments) => keygen(&arguments.out),
        LicenseAuthority::Issue(arguments) => issue(arguments),
    }
}

fn keygen(directory: &Path) -> anyhow::Result<()> {
    let shown = directory.display();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("cannot make `{shown}`"))?;
    let key = AuthorityKey::generate();
    // The secret one first: when it is there, nothing is written at all.
    write_new(&directory.join(PRIVATE_FILE), key.to_pem().expose(), 0o600)?;
    write_new(&directory.join(PUBLIC_FILE), &key.public().to_pem(), 0o644)?;
    eprintln!("wrote `{PRIVATE_FILE}` and `{PUBLIC_FILE}` in `{shown}`; keep the first one secret");
    Ok(())
}

fn issue(arguments: Issue) -> anyhow::Result<()> {
    let shown = arguments.key.display();
    let text = fs::read_to_string(&arguments.key).with_context(|| format!("cannot read `{shown}`"))?;
    let key = AuthorityKey::from_pem(&text).ok_or_else(|| {
        anyhow!("`{shown}` is no Ed25519 private key in PEM, as `license-authority keygen` writes it")
    })?;
    let terms = LicenceTerms {
        holder: arguments.holder,
        deployment: arguments.deployment,
        not_before: arguments.not_before,
        expires: arguments.expires,
        features: arguments.features.0,
        limits: SeatLimits {
            max_users: arguments.max_users,
            max_view_only_users: arguments.max_view_only_users,
            max_teams: arguments.max_teams,
        },
    };
    let out = arguments.out.display();
    fs::write(&arguments.out, key.issue(&terms)?).with_context(|| format!("cannot write `{out}`"))?;
    eprintln!("wrote a licence for `{}` to `{out}`; its last day is {}", terms.holder, terms.expires);
    Ok(())
}

fn write_new(path: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let shown = path.display();
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = file.with_context(|| format!("cannot make `{shown}`, and nothing is overwritten"))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(|| format!("cannot write `{shown}`"))
}

fn parse_features(text: &str) -> Result<Features, String> {
    if text == "all" {
        return Ok(Features(Feature::ALL.into()));
    }
    let known = || Feature::ALL.map(Feature::name).join(", ");
    let parse = |name: &str| {
        Feature::named(name.trim()).ok_or_else(|| format!("there is no feature `{name}`; there are {}", known()))
    };
    text.split(',').filter(|name| !name.trim().is_empty()).map(parse).collect::<Result<_, _>>().map(Features)
}

fn parse_day(text: &str) -> Result<Day, String> {
    Day::try_from(text.to_owned())
}
