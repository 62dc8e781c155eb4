//! Nouns and their rules: no I/O, no async, no clock.

/// API keys as they are kept.
pub mod api_key;
/// Versioned sets of files.
pub mod artifact;
/// What was done, by whom, to what.
pub mod audit;
/// How the records of the audit log are chained.
pub mod audit_chain;
/// Lines as the database keeps them until they are sealed.
pub mod chunk;
pub mod clock;
/// Where bytes are kept.
pub mod connector;
pub mod custom_chart;
/// What organizations add to the known roles.
pub mod custom_role;
pub mod display_name;
/// People's own entities, teams and organizations.
pub mod entity;
/// Run files and their paths.
pub mod file;
/// The filters and orders of all lists.
pub mod filter;
/// What is to be removed later.
pub mod garbage;
pub mod id;
/// Pictures, known by what is in them.
pub mod image;
pub mod invitation;
pub mod json;
/// Work that one process at a time does.
pub mod lease;
/// Licences: what one says, and the file it comes in.
pub mod licence;
/// Mails that wait to be sent.
pub mod mail;
/// Teams whose bytes go from one store to another.
pub mod migration;
/// Names of people, teams and organizations.
pub mod name;
/// Networks of addresses, as settings name them.
pub mod network;
/// Where a request came from.
pub mod origin;
/// Objects that nothing leads to.
pub mod orphan;
/// Which addresses the server goes to.
pub mod outbound;
/// Bytes as text.
pub mod pem;
pub mod project;
/// One-time links for who lost their password.
pub mod reset_link;
/// The roles people hold, and how far a project can be seen.
pub mod role;
pub mod run;
pub mod run_config;
/// Filters and orders of lists of runs.
pub mod run_query;
/// Looking whether stored bytes are still what they were.
pub mod scrub;
/// What is sealed in the database.
pub mod sealed;
/// What a licence counts of people.
pub mod seat;
/// Authenticator apps and recovery codes.
pub mod second_factor;
/// Text that must not be printed.
pub mod secret;
/// Who signed in with a browser.
pub mod session;
/// What administrators change while the server runs.
pub mod setting;
/// Stored objects, and what leads to them.
pub mod stored;
/// What is streamed into a run, line by line.
pub mod stream;
pub mod sweep;
/// How teams show themselves.
pub mod team_profile;
/// The privacy of teams, and what organizations enforce.
pub mod team_setting;
/// People and service accounts.
pub mod user;
