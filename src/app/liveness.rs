//! Runs that fall silent: a client that lives sends something every 30 s.

use super::{App, Error};
use crate::access::{Action, Caller};
use crate::db::repo::run;
use crate::db::repo::stream;
use crate::db::tx::Read;
use crate::domain::clock::Timestamp;
use crate::domain::id::RunId;
use crate::domain::run::{Run, RunState};

/// Runs looked at in one read, and changed in one write.
const PAGE: usize = 500;

impl App {
    /// Marks as crashed what was silent for too long, and as preempted what was told to make way. Says how many.
    pub async fn end_silent_runs(&self) -> Result<usize, Error> {
        let mut ended = 0;
        let mut after = None;
        loop {
            let app = self.clone();
            let (silent, next) = self
                .db
                .read(move |tx| {
                    let page = stream::alive(tx, after, PAGE)?;
                    let next = page.last().copied().filter(|_| page.len() == PAGE);
                    let mut silent = Vec::new();
                    for id in page {
                        if app.state_of_silent(tx, id, app.clock.now())?.is_some() {
                            silent.push(id);
                        }
                    }
                    Ok::<_, Error>((silent, next))
                })
                .await?;
            if !silent.is_empty() {
                ended += self.end(silent).await?;
            }
            if next.is_none() {
                return Ok(ended);
            }
            after = next;
        }
    }

    async fn end(&self, silent: Vec<RunId>) -> Result<usize, Error> {
        let app = self.clone();
        let ended = self.db.write(move |tx| {
            let mut ended = Vec::new();
            for id in &silent {
                // It may have been heard of since.
                let Some(state) = app.state_of_silent(tx, *id, tx.now())? else { continue };
                let Some(found) = run::get(tx, &Caller::SYSTEM, *id)? else { continue };
                let found = Caller::SYSTEM.may(Action::RunUpdate, found, &app.licence())?;
                run::put(tx, &found, &Run { state, ..found.run.clone() })?;
                ended.push(*id);
            }
            Ok::<_, Error>(ended)
        });
        let ended = ended.await?;
        ended.iter().for_each(|run| self.tails.add(*run));
        self.tails.due.notify_one();
        Ok(ended.len())
    }

    /// What the run becomes if it was silent for too long. While the server was down nobody could be heard.
    fn state_of_silent(&self, tx: &impl Read, id: RunId, now: Timestamp) -> Result<Option<RunState>, Error> {
        let Some((run, streams)) = stream::run_and_streams(tx, id)? else { return Ok(None) };
        let heard_at = streams.heartbeat_at.unwrap_or(run.created_at).max(self.started_at);
        let silent_secs = now.secs_since(heard_at);
        Ok(match run.state {
            RunState::Running if silent_secs > self.settings.heartbeat_secs => Some(RunState::Crashed),
            RunState::Preempting if silent_secs > self.settings.preempted_secs => Some(RunState::Preempted),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::app::testing::World;
    use crate::domain::run::RunState;

    async fn state(world: &World, name: &str) -> RunState {
        world.find(name).await.run.state
    }

    #[tokio::test]
    async fn a_silent_run_has_crashed_and_lives_again_when_it_is_heard_of() {
        let world = World::new().await;
        for name in ["silent", "heard", "preempted", "pending"] {
            world.create_run(name, false).await;
        }
        world.send("silent", "{}").await;
        world.send("heard", "{}").await;
        world.send("preempted", r#"{"preempting":true}"#).await;
        world.clock.advance_secs(290);
        world.send("heard", "{}").await;
        world.clock.advance_secs(11);

        assert_eq!(world.app.end_silent_runs().await.unwrap(), 1);

        assert_eq!(state(&world, "silent").await, RunState::Crashed);
        assert_eq!(state(&world, "heard").await, RunState::Running);
        assert_eq!(state(&world, "preempted").await, RunState::Preempting);
        assert_eq!(state(&world, "pending").await, RunState::Pending);
        world.send("silent", "{}").await;
        assert_eq!(state(&world, "silent").await, RunState::Running);
        world.clock.advance_secs(1500);
        assert_eq!(world.app.end_silent_runs().await.unwrap(), 3);
        assert_eq!(state(&world, "preempted").await, RunState::Preempted);
    }

    #[tokio::test]
    async fn a_time_when_the_server_was_down_makes_no_run_crash() {
        let world = World::new().await;
        world.create_run("r", false).await;
        world.send("r", "{}").await;
        world.clock.advance_secs(100_000);

        let world = world.reopened().await;
        assert_eq!(world.app.end_silent_runs().await.unwrap(), 0);
        world.clock.advance_secs(301);
        assert_eq!(world.app.end_silent_runs().await.unwrap(), 1);
    }
}
