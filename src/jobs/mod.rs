//! Background work: one file per job. A job may be stopped anywhere and started again; what it does is a use case of
//! `app`, here is only when.

mod arrival;
mod audit;
mod connector;
mod expiry;
mod garbage;
mod last_use;
mod licence;
mod liveness;
mod mail;
mod migration;
mod outside_image;
mod purge;
mod seal;
mod session;
mod storage;

use crate::app::App;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The running jobs. Whoever starts them ends them with [`Jobs::stop`].
pub struct Jobs {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Jobs {
    pub fn start(app: &App) -> Jobs {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(until(stopped.clone(), seal::run(app.clone())));
        tasks.spawn(until(stopped.clone(), arrival::run(app.clone())));
        tasks.spawn(until(stopped.clone(), arrival::run_hashing(app.clone())));
        tasks.spawn(until(stopped.clone(), arrival::run_read_back(app.clone())));
        tasks.spawn(until(stopped.clone(), audit::run(app.clone())));
        tasks.spawn(until(stopped.clone(), connector::run(app.clone())));
        tasks.spawn(until(stopped.clone(), expiry::run(app.clone())));
        tasks.spawn(until(stopped.clone(), garbage::run(app.clone())));
        tasks.spawn(until(stopped.clone(), last_use::run(app.clone())));
        tasks.spawn(until(stopped.clone(), licence::run(app.clone())));
        tasks.spawn(until(stopped.clone(), liveness::run(app.clone())));
        tasks.spawn(until(stopped.clone(), mail::run(app.clone())));
        tasks.spawn(until(stopped.clone(), migration::run(app.clone())));
        tasks.spawn(until(stopped.clone(), outside_image::run(app.clone())));
        tasks.spawn(until(stopped.clone(), purge::run(app.clone())));
        tasks.spawn(until(stopped.clone(), purge::run_teams(app.clone())));
        tasks.spawn(until(stopped.clone(), session::run(app.clone())));
        tasks.spawn(until(stopped.clone(), storage::clean(app.clone())));
        tasks.spawn(until(stopped.clone(), storage::scrub(app.clone())));
        tasks.spawn(until(stopped, purge::run_artifacts(app.clone())));
        Jobs { stop, tasks }
    }

    /// Ends all jobs where they are, and returns when they have ended.
    pub async fn stop(mut self) {
        let _none_is_left = self.stop.send(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(reason) = ended {
                tracing::error!(%reason, "a background job failed");
            }
        }
    }
}

/// Runs the job until the sender says stop, or is gone.
async fn until(mut stopped: watch::Receiver<bool>, job: impl Future<Output = ()>) {
    tokio::select! {
        () = job => {}
        _ = stopped.changed() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::testing::{World, history};

    #[tokio::test]
    async fn a_run_that_ends_is_sealed_and_the_jobs_end_when_told() {
        let world = World::new().await;
        world.create_run("r", false).await;
        let jobs = Jobs::start(&world.app);

        world.send("r", &history(0, &[r#"{"_step":0}"#])).await;
        world.send("r", r#"{"complete":true,"exitcode":0}"#).await;
        while world.streams("r").await.history.tail_lines > 0 {
            tokio::task::yield_now().await;
        }
        jobs.stop().await;

        assert_eq!(world.streams("r").await.history.tail_from, 1);
    }
}
