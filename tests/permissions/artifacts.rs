//! Requests about artifacts. Whether something was done is looked up by the team afterwards.

use crate::artifact::{Logger, md5_of};
use crate::cast::{self, Outcome, Told};
use crate::server::Server;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::cell::RefCell;

/// What a request is aimed at.
#[derive(Clone)]
struct Target {
    entity: String,
    project: String,
    /// A sequence whose version 0 has the alias `old`, and that version.
    sequence: String,
    sequence_id: String,
    artifact: String,
    /// A portfolio that has the version as well.
    portfolio: String,
    portfolio_id: String,
    /// A draft of another sequence, sent and not committed.
    draft: String,
    /// What the request makes, where it makes something.
    new: String,
}

impl Target {
    /// The answer, whatever the things in it are called. Longest first: one name may be in another.
    fn nameless(&self, told: &Told) -> Told {
        let mut names = [&self.entity, &self.project, &self.sequence, &self.portfolio, &self.new];
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        (told.0, names.into_iter().fold(told.1.clone(), |text, name| text.replace(name.as_str(), "NAME")))
    }

    fn alias(&self, alias: &str) -> Value {
        let at = json!({ "entityName": self.entity, "projectName": self.project,
            "artifactCollectionName": self.sequence, "alias": alias });
        json!({ "artifactID": self.artifact, "aliases": [at] })
    }

    fn tags(&self, tag: &str) -> Value {
        json!({ "entityName": self.entity, "projectName": self.project, "artifactCollectionName": self.sequence,
            "tags": [{ "tagName": tag }] })
    }
}

/// Somebody who asks.
struct Asker<'s> {
    server: &'s Server<'s>,
    key: Option<String>,
}

impl Asker<'_> {
    fn query(&self, query: &str, variables: &Value) -> Told {
        self.server.graphql(self.key.as_deref(), query, variables)
    }

    /// A mutation whose only answer is that it was done.
    fn mutate(&self, field: &str, kind: &str, input: &Value) -> Told {
        let text = format!("mutation($i: {kind}!) {{ {field}(input: $i) {{ __typename }} }}");
        self.query(&text, &json!({ "i": input }))
    }

    fn in_project(&self, at: &Target, fields: &str) -> Told {
        let text = format!("query($e: String, $p: String) {{ project(name: $p, entityName: $e) {{ {fields} }} }}");
        self.query(&text, &json!({ "e": at.entity, "p": at.project }))
    }

    /// Everything that a row may have changed.
    fn look(&self, at: &Target) -> Value {
        let collection = "id description tags { edges { node { name } } } defaultArtifactType { name }
            aliases { edges { node { alias } } } artifacts { edges { node { id description } } }";
        let fields = format!(
            "sequence: artifactCollection(name: {:?}) {{ {collection} }}
             portfolio: artifactCollection(name: {:?}) {{ {collection} }}
             new: artifactCollection(name: {:?}) {{ {collection} }}
             newType: artifactType(name: {:?}) {{ id }}",
            at.sequence, at.portfolio, at.new, at.new
        );
        let told = self.in_project(at, &fields);
        assert_eq!(told.0, 200, "{}", told.1);
        let mut found = serde_json::from_str::<Value>(&told.1).unwrap()["data"]["project"].take();
        let (_, draft) = self.query("query($id: ID!) { artifact(id: $id) { state } }", &json!({ "id": at.draft }));
        found["draft"] = serde_json::from_str::<Value>(&draft).unwrap()["data"]["artifact"]["state"].take();
        found
    }
}

/// A request that an action guards.
#[derive(Clone, Copy)]
struct Row {
    action: &'static str,
    /// Which of the requests of this action.
    name: &'static str,
    send: fn(&Asker<'_>, &Target) -> Told,
    /// Whether it was done: what was told, and what the team finds afterwards.
    is_done: fn(&Target, &Told, &Value) -> bool,
}

/// Reading is done when the answer has an id of what was asked for.
fn tells_id(at: &Target, told: &Told, _: &Value) -> bool {
    [&at.artifact, &at.sequence_id].iter().any(|id| told.1.contains(&format!("\"id\":\"{id}\"")))
}

fn downloads(_: &Target, told: &Told, _: &Value) -> bool {
    told.1.contains("/storage/") || told.1 == "text"
}

fn rows() -> Vec<Row> {
    let row = |action, name, send, is_done| Row { action, name, send, is_done };
    let mut rows = vec![
        row(
            "artifact:read",
            "artifact",
            |asker, at| {
                let text =
                    "query($id: ID!) { artifact(id: $id) { id metadata aliases { alias } usedBy { edges { cursor } }
                    files { edges { node { name digest } } } currentManifest { file { directUrl } } } }";
                asker.query(text, &json!({ "id": at.artifact }))
            },
            tells_id,
        ),
        row(
            "artifact:read",
            "artifactCollectionMembership",
            |asker, at| {
                let name = format!("{}:old", at.sequence);
                asker.in_project(at, &format!("artifactCollectionMembership(name: {name:?}) {{ artifact {{ id }} }}"))
            },
            tells_id,
        ),
        row(
            "artifact:read",
            "artifactCollections",
            |asker, at| asker.in_project(at, "artifactCollections { edges { node { id } } }"),
            tells_id,
        ),
        row(
            "artifact:read",
            "artifactCollection",
            |asker, at| {
                let text = "query($id: ID!) { artifactCollection(id: $id) { id name } }";
                asker.query(text, &json!({ "id": at.sequence_id }))
            },
            tells_id,
        ),
        row(
            "artifact:read",
            "artifactType",
            |asker, at| {
                let fields = format!("artifactCollection(name: {:?}) {{ id }}", at.sequence);
                asker.in_project(at, &format!("artifactType(name: \"dataset\") {{ {fields} }}"))
            },
            tells_id,
        ),
        row(
            "artifact:download",
            "directUrl",
            |asker, at| {
                let text = "query($id: ID!) { artifact(id: $id) { files { edges { node { directUrl } } } } }";
                asker.query(text, &json!({ "id": at.artifact }))
            },
            downloads,
        ),
        row(
            "artifact:download",
            "/artifactsV2",
            |asker, at| {
                let digest = STANDARD.decode(md5_of(b"text")).unwrap();
                let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                let (entity, project, id) = (&at.entity, &at.project, at.artifact.replace('=', "%3D"));
                let path = format!("/artifactsV2/default/{entity}/{project}/{}/{id}//{digest}/a.txt", at.sequence);
                asker.server.ask_as(asker.key.as_deref(), "GET", &path, "")
            },
            downloads,
        ),
        row(
            "storage:usage",
            "storageBytes",
            |asker, at| {
                let text = "query($e: String) { entity(name: $e) { storageBytes } }";
                asker.query(text, &json!({ "e": at.entity }))
            },
            // Others are told of nothing in it.
            |_, told, _| told.1.contains("storageBytes") && !told.1.contains("\"storageBytes\":0"),
        ),
    ];
    rows.extend(creating());
    rows.extend(changing());
    rows.extend(deleting());
    rows
}

fn creating() -> Vec<Row> {
    let row = |name, send, is_done| Row { action: "artifact:create", name, send, is_done };
    vec![
        row(
            "createArtifact",
            |asker, at| {
                let logger = Logger { server: asker.server, key: "", entity: &at.entity, project: &at.project };
                asker.mutate("createArtifact", "CreateArtifactInput", &logger.draft(&at.new, "new"))
            },
            |_, _, after| !after["new"].is_null(),
        ),
        row(
            "createArtifactType",
            |asker, at| {
                let input = json!({ "entityName": at.entity, "projectName": at.project, "name": at.new });
                asker.mutate("createArtifactType", "CreateArtifactTypeInput", &input)
            },
            |_, _, after| !after["newType"].is_null(),
        ),
        row(
            "createArtifactFiles",
            |asker, at| {
                let file = json!({ "artifactID": at.draft, "name": "b.txt", "md5": md5_of(b"b") });
                let text =
                    "mutation($i: CreateArtifactFilesInput!) { createArtifactFiles(input: $i) { files { edges { node {
                    uploadUrl } } } } }";
                asker.query(text, &json!({ "i": { "artifactFiles": [file] } }))
            },
            |_, told, _| told.1.contains("/storage/"),
        ),
        row(
            "createArtifactManifest",
            |asker, at| {
                let input = json!({ "artifactID": at.draft, "name": "m.json", "digest": md5_of(b"m"), "runName": "",
                    "entityName": at.entity, "projectName": at.project });
                let text = "mutation($i: CreateArtifactManifestInput!) { createArtifactManifest(input: $i) {
                    artifactManifest { file { uploadUrl } } } }";
                asker.query(text, &json!({ "i": input }))
            },
            |_, told, _| told.1.contains("/storage/"),
        ),
        row(
            "commitArtifact",
            |asker, at| asker.mutate("commitArtifact", "CommitArtifactInput", &json!({ "artifactID": at.draft })),
            |_, _, after| after["draft"] == "COMMITTED",
        ),
        row(
            "linkArtifact",
            |asker, at| {
                let input = json!({ "artifactID": at.artifact, "artifactPortfolioName": at.new,
                    "entityName": at.entity, "projectName": at.project });
                asker.mutate("linkArtifact", "LinkArtifactInput", &input)
            },
            |_, _, after| !after["new"].is_null(),
        ),
    ]
}

fn changing() -> Vec<Row> {
    let row = |action, name, send, is_done| Row { action, name, send, is_done };
    vec![
        row(
            "artifact:metadata_update",
            "updateArtifact",
            |asker, at| {
                let input = json!({ "artifactID": at.artifact, "description": "edited" });
                asker.mutate("updateArtifact", "UpdateArtifactInput", &input)
            },
            |_, _, after| after["sequence"]["artifacts"]["edges"][1]["node"]["description"] == "edited",
        ),
        row(
            "artifact:metadata_update",
            "updateArtifactSequence",
            |asker, at| {
                let input = json!({ "artifactSequenceID": at.sequence_id, "description": "edited" });
                asker.mutate("updateArtifactSequence", "UpdateArtifactSequenceInput", &input)
            },
            |_, _, after| after["sequence"]["description"] == "edited",
        ),
        row(
            "artifact:metadata_update",
            "updateArtifactPortfolio",
            |asker, at| {
                let input = json!({ "artifactPortfolioID": at.portfolio_id, "description": "edited" });
                asker.mutate("updateArtifactPortfolio", "UpdateArtifactPortfolioInput", &input)
            },
            |_, _, after| after["portfolio"]["description"] == "edited",
        ),
        row(
            "artifact:metadata_update",
            "moveArtifactSequence",
            |asker, at| {
                let input = json!({ "artifactSequenceID": at.sequence_id, "destinationArtifactTypeName": at.new });
                asker.mutate("moveArtifactSequence", "MoveArtifactSequenceInput", &input)
            },
            |at, _, after| after["sequence"]["defaultArtifactType"]["name"] == at.new.as_str(),
        ),
        row(
            "artifact:metadata_update",
            "createArtifactCollectionTagAssignments",
            |asker, at| {
                let kind = "CreateArtifactCollectionTagAssignmentsInput";
                asker.mutate("createArtifactCollectionTagAssignments", kind, &at.tags("new"))
            },
            |_, _, after| after["sequence"]["tags"]["edges"].as_array().unwrap().len() == 2,
        ),
        row(
            "artifact:metadata_update",
            "deleteArtifactCollectionTagAssignments",
            |asker, at| {
                let kind = "DeleteArtifactCollectionTagAssignmentsInput";
                asker.mutate("deleteArtifactCollectionTagAssignments", kind, &at.tags("old"))
            },
            |_, _, after| after["sequence"]["tags"]["edges"].as_array().unwrap().is_empty(),
        ),
        row(
            "artifact:alias_update",
            "addAliases",
            |asker, at| asker.mutate("addAliases", "AddAliasesInput", &at.alias("new")),
            |_, _, after| has_alias(after, "new"),
        ),
        row(
            "artifact:alias_delete",
            "deleteAliases",
            |asker, at| asker.mutate("deleteAliases", "DeleteAliasesInput", &at.alias("old")),
            |_, _, after| !has_alias(after, "old"),
        ),
    ]
}

fn deleting() -> Vec<Row> {
    let row = |action, name, send, is_done| Row { action, name, send, is_done };
    vec![
        row(
            "artifact:delete",
            "deleteArtifact",
            |asker, at| {
                let input = json!({ "artifactID": at.artifact, "deleteAliases": true });
                asker.mutate("deleteArtifact", "DeleteArtifactInput", &input)
            },
            |_, _, after| after["sequence"]["artifacts"]["edges"].as_array().unwrap().len() == 1,
        ),
        row(
            "artifact:delete",
            "unlinkArtifact",
            |asker, at| {
                let input = json!({ "artifactID": at.artifact, "artifactPortfolioID": at.portfolio_id });
                asker.mutate("unlinkArtifact", "UnlinkArtifactInput", &input)
            },
            |_, _, after| after["portfolio"]["artifacts"]["edges"].as_array().unwrap().is_empty(),
        ),
        row(
            "collection:delete",
            "deleteArtifactSequence",
            |asker, at| {
                let input = json!({ "artifactSequenceID": at.sequence_id });
                asker.mutate("deleteArtifactSequence", "DeleteArtifactSequenceInput", &input)
            },
            |_, _, after| after["sequence"].is_null(),
        ),
        row(
            "collection:delete",
            "deleteArtifactPortfolio",
            |asker, at| {
                let input = json!({ "artifactPortfolioID": at.portfolio_id });
                asker.mutate("deleteArtifactPortfolio", "DeleteArtifactPortfolioInput", &input)
            },
            |_, _, after| after["portfolio"].is_null() && !after["sequence"].is_null(),
        ),
    ]
}

fn has_alias(after: &Value, alias: &str) -> bool {
    let aliases = after["sequence"]["aliases"]["edges"].as_array().unwrap();
    aliases.iter().any(|edge| edge["node"]["alias"] == alias)
}

/// Two versions, of which the older one has an alias and is linked, and a draft.
fn arrange(logger: &Logger<'_>, number: usize) -> Target {
    let (sequence, portfolio) = (format!("data-{number}"), format!("chosen-{number}"));
    let artifact = logger.log(&sequence, "text");
    logger.log(&sequence, "other text");
    logger.link(&artifact, &portfolio);
    let draft = logger.send(&logger.draft(&format!("draft-{number}"), "draft"), "draft");
    let at = Target {
        entity: logger.entity.into(),
        project: logger.project.into(),
        sequence_id: logger.collection(&sequence),
        portfolio_id: logger.collection(&portfolio),
        sequence,
        artifact,
        portfolio,
        draft,
        new: format!("new-{number}"),
    };
    let team = Asker { server: logger.server, key: Some(logger.key.to_owned()) };
    let tagged = "createArtifactCollectionTagAssignments";
    for (status, text) in [
        team.mutate("addAliases", "AddAliasesInput", &at.alias("old")),
        team.mutate(tagged, "CreateArtifactCollectionTagAssignmentsInput", &at.tags("old")),
    ] {
        assert_eq!(status, 200, "{text}");
    }
    at
}

/// The same request for things that are not there: with names that nobody has, and with ids.
fn missing(at: &Target) -> [Target; 2] {
    let no_artifact = STANDARD.encode("Artifact:999999999");
    let no_collection = STANDARD.encode("ArtifactCollection:999999999");
    let elsewhere = Target {
        project: "no-such-project".into(),
        sequence_id: no_collection.clone(),
        portfolio_id: no_collection,
        artifact: no_artifact.clone(),
        draft: no_artifact,
        ..at.clone()
    };
    [Target { entity: "no-such-entity".into(), ..elsewhere.clone() }, elsewhere]
}

/// The requests, on things that `owner` makes in the project `images` of the team.
pub fn rows_in<'s>(entity: &'static str, owner: &cast::Asker<'s>) -> Vec<cast::Row<'s>> {
    rows().into_iter().map(|row| played(entity, owner.clone(), row)).collect()
}

fn asker_of<'s>(asker: &cast::Asker<'s>) -> Asker<'s> {
    Asker { server: asker.server, key: asker.key.clone() }
}

fn played<'s>(entity: &'static str, owner: cast::Asker<'s>, row: Row) -> cast::Row<'s> {
    let (action, name) = (row.action, row.name);
    // What nobody has changed yet is there for the next who asks.
    let untouched = RefCell::new(None);
    let play = move |asker: &cast::Asker<'s>, number: usize| {
        let key = owner.key.as_deref().unwrap();
        let logger = Logger { server: owner.server, key, entity, project: "images" };
        let at = untouched.take().unwrap_or_else(|| arrange(&logger, number));
        let asker = asker_of(asker);
        let told = (row.send)(&asker, &at);
        let after = asker_of(&owner).look(&at);
        let is_done = (row.is_done)(&at, &told, &after);
        let told_of_missing = missing(&at).into_iter().filter(|_| !is_done).find_map(|missing| {
            let twin = (row.send)(&asker, &missing);
            (at.nameless(&told) != missing.nameless(&twin)).then(|| format!("{} {}", twin.0, twin.1))
        });
        let outcome = Outcome { is_done, told_of_missing, detail: format!("after it {after}"), told };
        *untouched.borrow_mut() = (!is_done).then_some(at);
        outcome
    };
    cast::Row { action, name, play: Box::new(play) }
}
