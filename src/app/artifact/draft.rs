//! Beginning to log an artifact: the draft, or the version that has the same content already.

use super::edit::{change_tags, parse_ttl};
use super::{FoundArtifact, FoundCollection};
use crate::access::{Action, Allowed, Caller, Licence};
use crate::app::existing::{existing, gone, missing};
use crate::app::project::{existing_entity, get_or_create};
use crate::app::{App, Error};
use crate::db::DbError;
use crate::db::repo::artifact::{self, draft};
use crate::db::repo::project::FoundProject;
use crate::db::repo::{artifact::commit, run};
use crate::db::tx::{Read, WriteTx};
use crate::domain::artifact::collection::{CollectionKind, CollectionName, check_alias};
use crate::domain::artifact::{Artifact, ArtifactState, Ttl};
use crate::domain::id::{ArtifactId, ArtifactTypeId, RunId};
use crate::domain::json::Value;
use crate::domain::name::EntityName;
use crate::domain::project::ProjectName;
use crate::domain::run::RunName;

const ALIASES_MAX: usize = 100;
const TAGS_MAX: usize = 1000;
const TEXT_BYTES_MAX: usize = 1 << 20;
/// The names that clients give have 128 characters.
const NAME_BYTES_MAX: usize = 512;

/// An artifact that a client is about to send.
#[derive(Debug, Clone, Default)]
pub struct CreateArtifact {
    /// Empty is the caller's own, as in a run that was logged offline.
    pub entity: String,
    pub project: String,
    /// The run that logs it; without it a person does.
    pub run: Option<String>,
    pub artifact_type: String,
    pub collection: String,
    /// MD5 over the entries, which the commit verifies.
    pub digest: String,
    pub description: Option<String>,
    pub aliases: Vec<String>,
    pub tags: Vec<String>,
    /// JSON text.
    pub metadata: Option<String>,
    /// As the client writes it: -1 inherits, -2 is off.
    pub ttl_secs: Option<i64>,
    pub history_step: Option<i64>,
    /// A version with the same content is as good as a new one.
    pub is_deduplicated: bool,
    /// Several processes fill the same draft.
    pub distributed_id: Option<String>,
    pub client_id: Option<String>,
    pub sequence_client_id: Option<String>,
}

/// The same with its texts checked.
#[derive(Clone)]
struct Checked {
    entity: Option<EntityName>,
    project: ProjectName,
    run: Option<RunName>,
    collection: CollectionName,
    ttl: Ttl,
    input: CreateArtifact,
}

impl App {
    /// The draft to fill; or, when the content is there already, the version that has it. Asking again with the same
    /// client's name answers the same.
    pub async fn create_artifact(
        &self,
        caller: &Caller,
        input: CreateArtifact,
    ) -> Result<Allowed<FoundArtifact>, Error> {
        let checked = self.check_artifact(input)?;
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let at = (checked.entity.as_ref(), &checked.project);
            let (at, _) = get_or_create(tx, &caller, at, Action::ArtifactCreate, &licence)?;
            let run = match &checked.run {
                Some(name) => Some(logging_run(tx, &caller, &at, name, &licence)?),
                None => None,
            };
            let within = sequence(tx, &caller, &at, &checked)?;
            let found = draft_or_version(tx, &caller, &within, &checked, run)?;
            Ok::<_, Error>(caller.may(Action::ArtifactRead, found.again(), &licence)?)
        });
        created.await
    }

    /// Makes a type that a project may lack.
    pub async fn create_artifact_type(
        &self,
        caller: &Caller,
        (entity, project): (&str, &str),
        name: String,
        description: Option<String>,
    ) -> Result<ArtifactTypeId, Error> {
        check_type("name", &name)?;
        check_bytes(description.as_deref().map_or(0, str::len))?;
        let entity = existing_entity(entity)?;
        let project = ProjectName::parse(project).map_err(|why| Error::invalid("projectName", &why))?;
        let (caller, licence) = (*caller, self.licence());
        let created = self.db.write(move |tx| {
            let at = (Some(&entity), &project);
            let (at, _) = get_or_create(tx, &caller, at, Action::ArtifactCreate, &licence)?;
            Ok::<_, Error>(draft::find_or_create_type(tx, &at, &name, description.clone())?)
        });
        created.await
    }

    /// The artifact that a client named before it knew the id, if the caller may see it.
    pub async fn find_artifact_by_client_id(
        &self,
        caller: &Caller,
        client_id: &str,
    ) -> Result<Option<ArtifactId>, Error> {
        let (caller, licence, client_id) = (*caller, self.licence(), client_id.to_owned());
        let found = self.db.read(move |tx| {
            let Some(id) = draft::by_client_name(tx, &client_id)? else { return Ok(None) };
            let Some(found) = draft::find(tx, &caller, id)? else { return Ok(None) };
            // Drafts are seen by those who may fill them.
            let Ok(found) = caller.may(Action::ArtifactRead, found, &licence) else { return Ok(None) };
            let is_draft = found.artifact.state == ArtifactState::Draft;
            if is_draft && caller.may(Action::ArtifactCreate, found.again(), &licence).is_err() {
                return Ok(None);
            }
            Ok::<_, Error>(Some(id))
        });
        found.await
    }

    fn check_artifact(&self, input: CreateArtifact) -> Result<Checked, Error> {
        let entity = Some(&*input.entity).filter(|name| !name.is_empty()).map(existing_entity).transpose()?;
        let project = ProjectName::parse(&input.project).map_err(|why| Error::invalid("projectName", &why))?;
        let run = input.run.as_deref().filter(|name| !name.is_empty());
        let run = run.map(|name| RunName::parse(name).map_err(|_| missing("run", name))).transpose()?;
        let named = CollectionName::parse(&input.collection);
        let collection = named.map_err(|why| Error::invalid("artifactCollectionName", &why))?;
        check_type("artifactTypeName", &input.artifact_type)?;
        if input.aliases.len() > ALIASES_MAX {
            return Err(Error::TooLarge(format!("an artifact gets at most {ALIASES_MAX} aliases at once")));
        }
        for alias in &input.aliases {
            check_alias(alias).map_err(|why| Error::invalid("aliases", &why))?;
        }
        if input.tags.len() > TAGS_MAX {
            return Err(Error::TooLarge(format!("an artifact has at most {TAGS_MAX} tags")));
        }
        let description_bytes = input.description.as_deref().map_or(0, str::len);
        check_bytes(description_bytes + input.tags.iter().map(String::len).sum::<usize>())?;
        let names = [&input.client_id, &input.sequence_client_id, &input.distributed_id];
        let longest = names.into_iter().flatten().map(String::len).max().unwrap_or(0).max(input.digest.len());
        if longest > NAME_BYTES_MAX {
            let why = format!("digest, `clientID` and `distributedID` have at most {NAME_BYTES_MAX} bytes");
            return Err(Error::TooLarge(why));
        }
        self.check_metadata(input.metadata.as_deref())?;
        let ttl = match input.ttl_secs {
            None => Ttl::Inherit,
            Some(secs) => parse_ttl(secs)?,
        };
        Ok(Checked { entity, project, run, collection, ttl, input })
    }

    /// Metadata is a JSON object within the limit.
    pub(in crate::app) fn check_metadata(&self, text: Option<&str>) -> Result<(), Error> {
        let Some(text) = text else { return Ok(()) };
        let most = self.settings.metadata_bytes;
        if text.len() > most {
            let has = text.len();
            return Err(Error::TooLarge(format!("the metadata has {has} bytes, the limit is {most}")));
        }
        let value = Value::parse(text.as_bytes(), self.settings.rows.max_depth);
        match value.map_err(|why| Error::invalid("metadata", &format!("the metadata is no JSON: {why}")))? {
            Value::Object(_) | Value::Null => Ok(()),
            _ => Err(Error::invalid("metadata", &"the metadata has to be a JSON object")),
        }
    }
}

pub(super) fn check_type(field: &'static str, name: &str) -> Result<(), Error> {
    let is_plain = !name.chars().any(|c| c.is_control() || "/\\:".contains(c));
    if (1..=128).contains(&name.chars().count()) && is_plain {
        return Ok(());
    }
    let why = "the type of an artifact has 1 to 128 characters, none of them `/`, `\\`, `:` or a control character";
    Err(Error::invalid(field, &why))
}

fn check_bytes(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT_BYTES_MAX {
        return Err(Error::TooLarge(format!("the texts of an artifact have at most {TEXT_BYTES_MAX} bytes together")));
    }
    Ok(())
}

/// The run that logs the artifact has to be there, and the caller's to log to.
fn logging_run(
    tx: &impl Read,
    caller: &Caller,
    at: &Allowed<FoundProject>,
    name: &RunName,
    licence: &Licence,
) -> Result<RunId, Error> {
    let path = format!("{}/{}/{name}", at.entity.entity.name, at.project.name);
    let found = run::find_in(tx, caller, (**at).clone(), name)?;
    Ok(existing(caller, Action::RunLog, found, licence, || missing("run", path))?.id)
}

/// The sequence to log to; it, and its type, are made when they are missing.
fn sequence(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    at: &Allowed<FoundProject>,
    checked: &Checked,
) -> Result<Allowed<FoundCollection>, Error> {
    let (name, wanted) = (&checked.collection, &checked.input.artifact_type);
    if let Some(found) = artifact::collection_named(tx, at, name)? {
        if found.collection.kind == CollectionKind::Portfolio {
            let why = format!(
                "`{name}` is a portfolio, to which versions are linked; log the artifact under another name and link it"
            );
            return Err(Error::invalid("artifactCollectionName", &why));
        }
        let is = &found.artifact_type.name;
        if is != wanted {
            let why = format!(
                "artifact `{name}` has the type `{is}` and not `{wanted}`; log it with type `{is}`, or under another name"
            );
            return Err(Error::invalid("artifactTypeName", &why));
        }
        return Ok(found);
    }
    let artifact_type = draft::find_or_create_type(tx, at, wanted, None)?;
    let client_id = checked.input.sequence_client_id.clone().filter(|name| !name.is_empty());
    Ok(draft::create_sequence(tx, caller, at, (name, artifact_type), client_id)?)
}

fn draft_or_version(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    within: &Allowed<FoundCollection>,
    checked: &Checked,
    run: Option<RunId>,
) -> Result<Allowed<FoundArtifact>, Error> {
    let input = &checked.input;
    let client_id = input.client_id.as_deref().filter(|name| !name.is_empty());
    let by_name = match client_id {
        Some(name) => draft::by_client_name(tx, name)?,
        None => None,
    };
    if let Some(found) = in_sequence(tx, within, by_name)? {
        return Ok(found);
    }
    let found = match existing_draft(tx, within, input)? {
        Some(found) => found,
        None => match with_same_content(tx, within, input)? {
            Some(found) => {
                commit::log_again(tx, &found, &input.aliases, run)?;
                add_tags(tx, found, &input.tags)?
            }
            None => new_draft(tx, caller, within, checked, run)?,
        },
    };
    if let Some(name) = client_id {
        draft::remember_name(tx, &found, name)?;
    }
    Ok(found)
}

fn in_sequence(
    tx: &impl Read,
    within: &Allowed<FoundCollection>,
    id: Option<ArtifactId>,
) -> Result<Option<Allowed<FoundArtifact>>, DbError> {
    let Some(id) = id else { return Ok(None) };
    let found = draft::within(tx, within, id)?;
    Ok(found.filter(|found| found.artifact.state != ArtifactState::Deleted))
}

/// The draft that another process has begun to fill; what this one wants besides is added.
fn existing_draft(
    tx: &mut WriteTx<'_>,
    within: &Allowed<FoundCollection>,
    input: &CreateArtifact,
) -> Result<Option<Allowed<FoundArtifact>>, Error> {
    let Some(distributed_id) = input.distributed_id.as_deref().filter(|id| !id.is_empty()) else { return Ok(None) };
    let id = draft::by_distributed_id(tx, within.id, distributed_id)?;
    let Some(found) = in_sequence(tx, within, id)? else { return Ok(None) };
    let mut changed = found.artifact.clone();
    for alias in &input.aliases {
        if !changed.wanted_aliases.contains(alias) && changed.wanted_aliases.len() < ALIASES_MAX {
            changed.wanted_aliases.push(alias.clone());
        }
    }
    draft::update(tx, &found, &changed)?;
    Ok(Some(found.map(|found| FoundArtifact { artifact: changed, ..found })))
}

fn with_same_content(
    tx: &impl Read,
    within: &Allowed<FoundCollection>,
    input: &CreateArtifact,
) -> Result<Option<Allowed<FoundArtifact>>, DbError> {
    let is_wanted = input.is_deduplicated && !input.digest.is_empty();
    let id = if is_wanted { draft::with_digest(tx, within.id, &input.digest)? } else { None };
    in_sequence(tx, within, id)
}

/// Content that is logged again may bring new tags, as it may bring new aliases.
fn add_tags(
    tx: &mut WriteTx<'_>,
    found: Allowed<FoundArtifact>,
    tags: &[String],
) -> Result<Allowed<FoundArtifact>, Error> {
    let mut changed = found.artifact.clone();
    change_tags(&mut changed.tags, tags, &[])?;
    if changed.tags != found.artifact.tags {
        draft::update(tx, &found, &changed)?;
    }
    Ok(found.map(|found| FoundArtifact { artifact: changed, ..found }))
}

fn new_draft(
    tx: &mut WriteTx<'_>,
    caller: &Caller,
    within: &Allowed<FoundCollection>,
    checked: &Checked,
    run: Option<RunId>,
) -> Result<Allowed<FoundArtifact>, Error> {
    let input = &checked.input;
    let new = Artifact {
        sequence: within.id,
        state: ArtifactState::Draft,
        digest: input.digest.clone(),
        description: input.description.clone(),
        tags: input.tags.clone(),
        run,
        creator: caller.user_id(),
        created_at: tx.now(),
        updated_at: tx.now(),
        history_step: input.history_step,
        ttl: checked.ttl,
        distributed_id: input.distributed_id.clone().filter(|id| !id.is_empty()),
        version: None,
        base: None,
        wanted_aliases: input.aliases.clone(),
        manifest: None,
        entry_count: 0,
        size_bytes: 0,
    };
    let id = draft::create(tx, within, &new, input.metadata.clone())?;
    let made = draft::within(tx, within, id)?;
    made.ok_or_else(|| DbError::Damaged("a draft just made".into()).into())
}

/// An artifact that is to be filled or committed: a draft, or one that was committed meanwhile. A draft that the caller
/// may not fill is answered like one that is missing.
pub(super) fn fillable(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    licence: &Licence,
) -> Result<Allowed<FoundArtifact>, Error> {
    let found = draft::find(tx, caller, id)?.ok_or_else(|| gone("artifact"))?;
    caller.may(Action::ArtifactCreate, found, licence).map_err(|_| gone("artifact"))
}

/// The same, for what changes a draft alone.
pub(super) fn existing_draft_of(
    tx: &impl Read,
    caller: &Caller,
    id: ArtifactId,
    licence: &Licence,
) -> Result<Allowed<FoundArtifact>, Error> {
    let found = fillable(tx, caller, id, licence)?;
    if found.artifact.state == ArtifactState::Draft {
        return Ok(found);
    }
    let name = &found.within.collection.name;
    Err(Error::Conflict(format!(
        "this version of artifact `{name}` is committed: its files never change; log a new one"
    )))
}
