//! What a stranger who knows every name and id would send to change artifacts.

use crate::tenant::Known;
use serde_json::{Value, json};

/// The arguments of every mutation of artifacts. A new one needs a line here, or the crawl fails.
pub fn inputs(mutation: &str, known: &Known, own: &str) -> Vec<Value> {
    let at = |entity: &str, project: &str| json!({ "entityName": entity, "projectName": project });
    let with = |more: Value| {
        let mut input = at(&known.team, &known.project);
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let alias = |alias: &str| with(json!({ "artifactCollectionName": known.sequence, "alias": alias }));
    let link = |entity: &str, project: &str, name: &str| {
        let mut input = at(entity, project);
        let more = json!({ "artifactID": known.artifact, "artifactPortfolioName": name });
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let draft = |collection: &str| json!({ "artifactTypeName": known.artifact_type, "artifactCollectionName": collection, "digest": "0" });
    match mutation {
        "createArtifact" => vec![
            with(draft(&known.sequence)),
            with(draft("taken-over")),
            with(json!({ "artifactTypeName": "any", "artifactCollectionName": known.sequence, "digest": "0",
                "runName": known.run, "clientID": known.client_id, "distributedID": "any" })),
        ],
        "createArtifactType" => vec![with(json!({ "name": "taken-over" })), with(json!({ "name": known.artifact_type }))],
        "createArtifactFiles" => [&known.artifact, &known.draft]
            .map(|id| json!({ "artifactFiles": [{ "artifactID": id, "name": "a.txt", "md5": "1B2M2Y8AsgTpgAmY7PhCfg==" }] }))
            .to_vec(),
        "createArtifactManifest" => [&known.artifact, &known.draft]
            .map(|id| with(json!({ "artifactID": id, "name": "m", "digest": "", "runName": "", "type": "FULL" })))
            .to_vec(),
        "updateArtifactManifest" => vec![json!({ "artifactManifestID": known.manifest, "digest": "" })],
        "commitArtifact" => [&known.artifact, &known.draft].map(|id| json!({ "artifactID": id })).to_vec(),
        "completeMultipartUploadArtifact" => vec![json!({ "artifactID": known.artifact, "storagePath": "", "uploadID": "",
            "completeMultipartAction": "Complete", "completedParts": [] })],
        "useArtifact" => vec![
            with(json!({ "runName": known.run, "artifactID": known.artifact })),
            json!({ "entityName": own, "projectName": "own", "runName": "own", "artifactID": known.artifact }),
        ],
        "addAliases" | "deleteAliases" => {
            vec![json!({ "artifactID": known.artifact, "aliases": [alias("latest"), alias("taken-over")] })]
        }
        "updateArtifact" => [&known.artifact, &known.draft]
            .map(|id| json!({ "artifactID": id, "description": "taken over", "metadata": "{}",
                "tagsToAdd": [{ "tagName": "taken" }], "ttlDurationSeconds": 1 }))
            .to_vec(),
        "deleteArtifact" => [&known.artifact, &known.draft]
            .map(|id| json!({ "artifactID": id, "deleteAliases": true }))
            .to_vec(),
        "linkArtifact" => vec![
            link(&known.team, &known.project, &known.portfolio),
            link(&known.team, &known.project, "taken-over"),
            link(own, "own", "taken"),
            json!({ "artifactID": known.artifact, "artifactPortfolioID": known.portfolio_id }),
            json!({ "clientID": known.client_id, "artifactPortfolioName": "taken", "entityName": own }),
        ],
        "unlinkArtifact" => vec![json!({ "artifactID": known.artifact, "artifactPortfolioID": known.portfolio_id })],
        "updateArtifactSequence" => {
            vec![json!({ "artifactSequenceID": known.sequence_id, "name": "taken", "ttlDurationSeconds": 1 })]
        }
        "updateArtifactPortfolio" => vec![json!({ "artifactPortfolioID": known.portfolio_id, "description": "taken" })],
        "moveArtifactSequence" => {
            vec![json!({ "artifactSequenceID": known.sequence_id, "destinationArtifactTypeName": "taken" })]
        }
        "deleteArtifactSequence" => vec![json!({ "artifactSequenceID": known.sequence_id })],
        "deleteArtifactPortfolio" => vec![json!({ "artifactPortfolioID": known.portfolio_id })],
        "createArtifactCollectionTagAssignments" | "deleteArtifactCollectionTagAssignments" => {
            vec![with(json!({ "artifactCollectionName": known.sequence, "tags": [{ "tagName": "taken" }] }))]
        }
        other => panic!("no input for the mutation `{other}`: say what a stranger would send"),
    }
}
