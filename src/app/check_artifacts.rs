//! Checking artifacts: that every version has all that it says, and that every blob and manifest is what was sent.

use super::check::CheckedObjects;
use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::artifact::{blob, check, manifest};
use crate::db::repo::user;
use crate::domain::id::{ArtifactId, ManifestId, ObjectId};
use crate::storage::ObjectKey;

/// Blobs, or manifests, looked up at once.
const PAGE: usize = 100;

impl App {
    /// Compares a page of artifacts with their entries, and says what is wrong, a sentence each.
    pub async fn check_artifacts(
        &self,
        caller: &Caller,
        after: Option<ArtifactId>,
    ) -> Result<CheckedObjects<ArtifactId>, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let checked = self.db.read_at_length(move |tx| {
            let page = check::stored(tx, after, PAGE)?;
            let next = page.last().filter(|_| page.len() == PAGE).map(|(id, _)| *id);
            let mut checked = CheckedObjects { objects: 0, faults: Vec::new(), next };
            for (id, artifact) in &page {
                let faults = check::faults(tx, *id, artifact)?;
                checked.faults.extend(faults.into_iter().map(|fault| format!("artifact {id} {fault}")));
            }
            Ok::<_, Error>(checked)
        });
        checked.await
    }

    /// Reads a page of the blobs and compares size and digest of each.
    pub async fn check_blobs(
        &self,
        caller: &Caller,
        after: Option<ObjectId>,
    ) -> Result<CheckedObjects<ObjectId>, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let page = self.db.read(move |tx| blob::stored(tx, after, PAGE).map_err(Error::from)).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|(id, _)| *id);
        let mut checked = CheckedObjects { objects: 0, faults: Vec::new(), next };
        for (id, known) in page {
            checked.objects += 1;
            let key = ObjectKey::blob(id);
            let fault = self.fault_of_object(known.owner, &key, known.size_bytes, Some(known.md5)).await;
            let is_used = move |tx: &_| blob::get(tx, id).and_then(|now| Ok((now, blob::is_used(tx, id)?)));
            let (now, is_used) = self.db.read(move |tx| is_used(tx).map_err(Error::from)).await?;
            // One that was deleted meanwhile has no fault.
            if now.as_ref() != Some(&known) {
                continue;
            }
            checked.faults.extend(fault.map(|fault| format!("object `{key}` of artifacts {fault}")));
            if !is_used {
                checked.faults.push(format!("object `{key}` is used by no artifact"));
            }
        }
        Ok(checked)
    }

    /// Reads a page of the manifests and compares size and digest of each.
    pub async fn check_manifests(
        &self,
        caller: &Caller,
        after: Option<ManifestId>,
    ) -> Result<CheckedObjects<ManifestId>, Error> {
        caller.may(Action::SystemBackup, user::instance(), &self.licence())?;
        let page = self.db.read(move |tx| manifest::stored(tx, after, PAGE).map_err(Error::from)).await?;
        let next = page.last().filter(|_| page.len() == PAGE).map(|(id, _)| *id);
        let mut checked = CheckedObjects { objects: 0, faults: Vec::new(), next };
        for (id, known) in page {
            let Some(contents) = &known.contents else { continue };
            checked.objects += 1;
            let key = ObjectKey::manifest(contents.object);
            let fault = self.fault_of_object(known.owner, &key, contents.size_bytes, contents.md5).await;
            let now = self.db.read(move |tx| manifest::get(tx, id).map_err(Error::from)).await?;
            if now.as_ref() == Some(&known) {
                let artifact = known.artifact;
                checked.faults.extend(fault.map(|fault| format!("manifest `{key}` of artifact {artifact} {fault}")));
            }
        }
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::artifact::testing::Logged;
    use crate::app::testing::World;

    async fn faults(world: &World) -> Vec<String> {
        let (app, operator) = (&world.app, &Caller::OPERATOR);
        let mut faults = app.check_artifacts(operator, None).await.unwrap().faults;
        faults.extend(app.check_blobs(operator, None).await.unwrap().faults);
        faults.extend(app.check_manifests(operator, None).await.unwrap().faults);
        faults
    }

    #[tokio::test]
    async fn bytes_that_changed_and_bytes_that_are_gone_are_found() {
        let world = World::new().await;
        Logged::files(&[("a", "alpha"), ("b", "beta")]).log(&world, "ds").await;
        let is_sound = faults(&world).await;
        let blobs = world.directory.path().join("objects/blobs/0000000000000");
        let mut paths: Vec<_> = std::fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        std::fs::write(&paths[0], "alphb").unwrap();
        std::fs::remove_file(&paths[1]).unwrap();
        let manifests = world.directory.path().join("objects/manifests/0000000000000");
        let manifest = std::fs::read_dir(manifests).unwrap().next().unwrap().unwrap().path();
        std::fs::write(manifest, "{}").unwrap();

        let found = faults(&world).await;

        assert_eq!(is_sound, Vec::<String>::new());
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].contains("has other contents") && found[1].contains("is missing"), "{found:?}");
        assert!(found[2].contains("has 2 bytes and should have"), "{found:?}");
    }

    #[tokio::test]
    async fn only_the_operator_checks() {
        let world = World::new().await;

        assert!(world.app.check_blobs(&world.ada, None).await.is_err());
        assert!(world.app.check_manifests(&world.ada, None).await.is_err());
        assert!(world.app.check_artifacts(&world.ada, None).await.is_err());
    }
}
