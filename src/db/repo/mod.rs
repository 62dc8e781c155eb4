//! The queries: one file per noun, written once for all engines.
//! What is found is `Unchecked`; what writes takes the `Allowed` that a check made of it.

pub mod api_key;
/// Artifacts and what holds them.
pub mod artifact;
pub mod audit;
pub mod audit_log;
/// Connectors, and what is in them.
pub mod connector;
pub mod custom_chart;
pub mod custom_role;
pub mod entity;
pub mod file;
/// What is to be removed later.
pub mod garbage;
pub mod invitation;
pub mod lease;
/// The installed licence.
pub mod licence;
/// Mails that wait to be sent.
pub mod mail;
/// Teams whose bytes go from one store to another.
pub mod migration;
pub mod organization;
pub mod pending_file;
pub mod project;
pub mod project_member;
/// One-time links for who lost their password.
pub mod reset_link;
pub mod run;
/// What was found when objects were read again.
pub mod scrub;
/// The keys that seal, and what is sealed.
pub mod sealing_key;
/// Who takes which kind of seat.
pub mod seat;
pub mod second_factor;
/// Accounts that are no people.
pub mod service_account;
pub mod session;
/// System settings.
pub mod setting;
/// Stored objects, and what leads to them.
pub mod stored;
/// What is streamed into a run: its newest lines, and what they are sealed into.
pub mod stream;
/// Sweeps, their agents, and the runs that were made for them.
pub mod sweep;
pub mod team;
/// How teams show themselves.
pub mod team_profile;
pub mod team_setting;
/// Deleted teams.
pub mod team_trash;
pub mod user;
