//! Logging an artifact as a client does, request by request.

use crate::server::{Server, path_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Value, json};

/// Who logs, and where to.
#[derive(Clone, Copy)]
pub struct Logger<'s> {
    pub server: &'s Server<'s>,
    pub key: &'s str,
    pub entity: &'s str,
    pub project: &'s str,
}

/// The digest of an artifact that consists of one file.
fn digest_of(path: &str, text: &str) -> String {
    let manifest = format!("wandb-artifact-manifest-v1\n{path}:{}\n", md5_of(text.as_bytes()));
    Md5::digest(manifest).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn md5_of(content: &[u8]) -> String {
    STANDARD.encode(Md5::digest(content))
}

impl Logger<'_> {
    pub fn ask(&self, text: &str, variables: &Value) -> Value {
        let (status, answer) = self.server.graphql(Some(self.key), text, variables);
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<Value>(&answer).unwrap()["data"].take()
    }

    fn put(&self, url: &Value, body: &str) {
        assert_eq!(self.server.ask_as(None, "PUT", path_of(url.as_str().unwrap()), body).0, 200);
    }

    /// The input of `createArtifact` for a file `a.txt`, in the type `dataset`.
    pub fn draft(&self, collection: &str, text: &str) -> Value {
        json!({ "entityName": self.entity, "projectName": self.project, "artifactTypeName": "dataset",
            "artifactCollectionName": collection, "digest": digest_of("a.txt", text), "enableDigestDeduplication": true,
            "description": text, "metadata": json!({ "key": text }).to_string(), "tags": [{ "tagName": text }],
            "aliases": [{ "artifactCollectionName": collection, "alias": "latest" }] })
    }

    /// Begins an artifact and sends everything; its id.
    pub fn send(&self, input: &Value, text: &str) -> String {
        let create = "mutation($i: CreateArtifactInput!) { createArtifact(input: $i) { artifact { id } } }";
        let id = self.ask(create, &json!({ "i": input }))["createArtifact"]["artifact"]["id"].take();
        let files = "mutation($i: CreateArtifactFilesInput!) { createArtifactFiles(input: $i) { files { edges { node {
            uploadUrl } } } } }";
        let file = json!({ "artifactID": id, "name": "a.txt", "md5": md5_of(text.as_bytes()) });
        let made = self.ask(files, &json!({ "i": { "artifactFiles": [file] } }));
        let url = &made["createArtifactFiles"]["files"]["edges"][0]["node"]["uploadUrl"];
        if !url.is_null() {
            self.put(url, text);
        }
        let entry = json!({ "digest": md5_of(text.as_bytes()), "size": text.len() });
        let contents = json!({ "version": 1, "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": { "storageLayout": "V2" }, "contents": { "a.txt": entry } });
        let contents = contents.to_string();
        let manifest =
            "mutation($i: CreateArtifactManifestInput!) { createArtifactManifest(input: $i) { artifactManifest {
            file { uploadUrl } } } }";
        let input = json!({ "artifactID": id, "name": "wandb_manifest.json", "digest": md5_of(contents.as_bytes()),
            "entityName": self.entity, "projectName": self.project, "runName": "", "type": "FULL" });
        let made = self.ask(manifest, &json!({ "i": input }));
        self.put(&made["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"], &contents);
        id.as_str().unwrap().to_owned()
    }

    pub fn commit(&self, id: &str) {
        let text = "mutation($id: ID!) { commitArtifact(input: { artifactID: $id }) { artifact { id } } }";
        self.ask(text, &json!({ "id": id }));
    }

    /// A committed version of one file with this text; its id.
    pub fn log(&self, collection: &str, text: &str) -> String {
        let id = self.send(&self.draft(collection, text), text);
        self.commit(&id);
        id
    }

    /// Links the version to a portfolio of the same project.
    pub fn link(&self, id: &str, portfolio: &str) {
        let text = "mutation($i: LinkArtifactInput!) { linkArtifact(input: $i) { versionIndex } }";
        let input = json!({ "artifactID": id, "artifactPortfolioName": portfolio, "entityName": self.entity,
            "projectName": self.project });
        self.ask(text, &json!({ "i": input }));
    }

    /// The id of a collection of the project.
    pub fn collection(&self, name: &str) -> String {
        let text = "query($e: String, $p: String, $n: String!) { project(name: $p, entityName: $e) {
            artifactCollection(name: $n) { id } } }";
        let found = self.ask(text, &json!({ "e": self.entity, "p": self.project, "n": name }));
        found["project"]["artifactCollection"]["id"].as_str().unwrap().to_owned()
    }
}
